"""Equal calls share one answer: made once, kept briefly, and made for nobody no longer than somebody waits."""

from __future__ import annotations

from typing import Annotated

import anyio
import anyio.lowlevel
import pytest
from mcp.client import Client
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Resolve

from openmanager_core.errors import InvalidRequest, JobCancelled
from openmanager_core.job import Job, current_job
from openmanager_kit.answers import Answer
from openmanager_kit.calls import weight
from openmanager_kit.freshness import MADE
from openmanager_kit.server import OpenManagerServer
from openmanager_kit.sharing import MOST_KEPT, PATIENCE, TIMES_ITS_COST, Moment, Sharing
from openmanager_kit.tools import reads, state_of, writes


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Maker:
    """Makes an answer when it is allowed to."""

    def __init__(self, clock: Clock, cost_s: float = 0.1) -> None:
        self.made = 0
        self.stopped = 0
        self.go = anyio.Event()
        self._clock, self._cost_s = clock, cost_s

    async def __call__(self) -> str:
        self.made += 1
        number = self.made
        try:
            await self.go.wait()
        except anyio.get_cancelled_exc_class():
            self.stopped += 1
            raise
        job = current_job.get()
        assert job is not None
        job.checkpoint(0.5, "half")
        self._clock.now_s += self._cost_s
        return f"answer {number}"


@pytest.mark.anyio
async def test_many_who_ask_the_same_at_once_get_one_answer_and_all_hear_its_progress() -> None:
    clock = Clock()
    sharing, make, heard, answers = Sharing[str](len, clock=clock), Maker(clock), [0] * 50, list[str]()

    async def ask(number: int) -> None:
        def listen(done_ratio: float, note: str) -> None:
            heard[number] += 1

        answers.append(await sharing.get("key", make, listen))

    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(ask, number)
        await anyio.wait_all_tasks_blocked()
        make.go.set()
    assert (make.made, answers, heard) == (1, ["answer 1"] * 50, [1] * 50)


@pytest.mark.anyio
async def test_an_answer_is_kept_in_proportion_to_its_cost_and_not_for_long() -> None:
    clock = Clock()
    sharing = Sharing[str](len, clock=clock)
    for cost_s, kept_s in ((0.0, 0.0), (0.1, 2.0), (60.0, 30.0)):
        make = Maker(clock, cost_s)
        make.go.set()
        await sharing.get(cost_s, make)
        clock.now_s += kept_s - 0.001 if kept_s else 0.0
        await sharing.get(cost_s, make)
        assert make.made == (1 if kept_s else 2)
        clock.now_s += 0.002
        await sharing.get(cost_s, make)
        assert make.made == (2 if kept_s else 3)


@pytest.mark.anyio
async def test_one_who_leaves_stops_nobody_elses_answer_and_the_last_one_stops_the_work() -> None:
    clock = Clock()
    sharing, make, answers = Sharing[str](len, clock=clock), Maker(clock), list[str]()

    async def ask(scope: anyio.CancelScope) -> None:
        with scope:
            answers.append(await sharing.get("key", make))

    first, second = anyio.CancelScope(), anyio.CancelScope()
    async with anyio.create_task_group() as group:
        group.start_soon(ask, first)
        group.start_soon(ask, second)
        await anyio.wait_all_tasks_blocked()
        first.cancel()
        await anyio.wait_all_tasks_blocked()
        make.go.set()
    assert (make.made, make.stopped, answers) == (1, 0, ["answer 1"])
    make.go, alone = anyio.Event(), anyio.CancelScope()
    sharing.forget()
    async with anyio.create_task_group() as group:
        group.start_soon(ask, alone)
        await anyio.wait_all_tasks_blocked()
        alone.cancel()
    await anyio.wait_all_tasks_blocked()
    assert make.stopped == 1


@pytest.mark.anyio
async def test_a_failure_reaches_everybody_who_waits_and_is_not_kept() -> None:
    sharing, tries = Sharing[str](len), list[int]()

    async def fail() -> str:
        tries.append(1)
        await anyio.lowlevel.checkpoint()
        raise InvalidRequest("no")

    async def ask() -> None:
        with pytest.raises(InvalidRequest):
            await sharing.get("key", fail)

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        group.start_soon(ask)
    await ask()
    assert len(tries) == 2

    async def stopped() -> str:
        raise JobCancelled

    with pytest.raises(JobCancelled):
        await sharing.get("other", stopped)


@pytest.mark.anyio
async def test_what_is_kept_is_bounded() -> None:
    clock = Clock()
    sharing = Sharing[str](lambda answer: 1_000_000, clock=clock)
    for number in range(MOST_KEPT * 2):
        make = Maker(clock)
        make.go.set()
        await sharing.get(number, make)
    assert len(sharing._kept) == 4


@pytest.mark.anyio
async def test_an_answer_stands_in_for_the_next_one_half_as_long_again_and_the_next_is_made_once() -> None:
    clock = Clock()
    sharing, make = Sharing[str](len, clock=clock), Maker(clock, 1.0)
    make.go.set()
    await sharing.get("old", make)  # kept for 20 s
    for age_s, stands_in in ((19.9, True), (20.1, True), (29.9, True), (30.1, False)):
        clock.now_s = 1.0 + age_s
        assert sharing.standing_in("none", "old") == (("answer 1", pytest.approx(age_s)) if stands_in else None)
    clock.now_s = 22.0
    make.go = anyio.Event()
    for _ in range(5):
        sharing.renew("new", make, "old")
    await anyio.wait_all_tasks_blocked()
    assert make.made == 2 and sharing.standing_in("old") is not None and sharing.kept("new") is None
    make.go.set()
    await anyio.wait_all_tasks_blocked()
    assert sharing.kept("new") == "answer 2" and sharing.standing_in("old") is None


@pytest.mark.anyio
async def test_what_nobody_waits_for_is_patient_until_somebody_does_and_so_is_what_it_waits_for() -> None:
    clock = Clock()
    outer, inner, make, seen = Sharing[str](len, clock=clock), Sharing[str](len), Maker(clock), list[Job | None]()

    async def look() -> str:
        seen.append(current_job.get())
        return await make()

    async def through() -> str:
        seen.append(current_job.get())
        return await inner.get("look", look)

    def patience() -> list[float]:
        return [job.patience for job in seen if job is not None]

    outer.renew("key", through)
    await anyio.wait_all_tasks_blocked()
    assert patience() == [PATIENCE, PATIENCE]
    async with anyio.create_task_group() as group:
        group.start_soon(outer.get, "key", through)
        await anyio.wait_all_tasks_blocked()
        assert patience() == [0.0, 0.0]
        group.cancel_scope.cancel()
    assert patience() == [PATIENCE, PATIENCE]
    make.go.set()
    assert await outer.get("key", through) == "answer 1" and make.made == 1


@pytest.mark.anyio
async def test_how_long_a_renewed_answer_is_kept_comes_half_from_its_predecessor() -> None:
    clock = Clock()
    sharing = Sharing[str](len, clock=clock)
    first, second = Maker(clock, 0.5), Maker(clock, 0.1 * (1 + PATIENCE))
    first.go.set()
    second.go.set()
    await sharing.get("old", first)
    assert sharing.standing("old").left_s == pytest.approx(0.5 * TIMES_ITS_COST)
    sharing.renew("new", second, "old")
    await anyio.wait_all_tasks_blocked()
    assert sharing.standing("new").left_s == pytest.approx(0.3 * TIMES_ITS_COST)


@pytest.mark.anyio
async def test_whoever_joins_a_renewal_and_leaves_does_not_stop_it_and_what_is_forgotten_is_not_kept() -> None:
    clock = Clock()
    sharing, make = Sharing[str](len, clock=clock), Maker(clock, 1.0)
    sharing.renew("key", make)
    with anyio.move_on_after(0.01):
        await sharing.get("key", make)
    assert (make.made, make.stopped) == (1, 0)
    sharing.forget()
    make.go.set()
    await anyio.wait_all_tasks_blocked()
    assert make.stopped == 0 and sharing.kept("key") is None


@pytest.mark.anyio
async def test_after_a_renewal_that_failed_nothing_stands_in_and_the_next_hears_why() -> None:
    clock = Clock()
    sharing, make = Sharing[str](len, clock=clock), Maker(clock, 1.0)
    make.go.set()
    await sharing.get("old", make)

    async def fail() -> str:
        raise InvalidRequest("gone")

    sharing.renew("new", fail, "old")
    await anyio.wait_all_tasks_blocked()
    assert sharing.standing_in("old") is None
    with pytest.raises(InvalidRequest, match="gone"):
        await sharing.get("new", fail)


class Shelf:
    def __init__(self) -> None:
        self.looks = 0
        self.now = 1

    async def moment(self) -> int:
        return self.now


def this_shelf(ctx: Context) -> Shelf:
    shelf: Shelf = state_of(ctx)
    return shelf


TheShelf = Annotated[Shelf, Resolve(this_shelf)]


async def look(shelf: TheShelf, what: str = "all") -> str:
    """Look at the shelf."""
    shelf.looks += 1
    await anyio.sleep(0.05)
    return f"{what} {shelf.looks}"


async def put(shelf: TheShelf) -> str:
    """Put something on the shelf."""
    return "put"


@pytest.mark.anyio
async def test_a_tool_that_is_shared_answers_anew_after_a_write_at_another_moment_and_for_other_arguments() -> None:
    shelf = Shelf()
    server = OpenManagerServer("shelf", state=shelf, tools=(reads(look, "Look", shared=True), writes(put, "Put")))
    async with Client(server) as client:

        async def ask(**arguments: str) -> str:
            text: str = (await client.call_tool("look", arguments)).content[0].text  # type: ignore[union-attr]
            return text

        assert [await ask(), await ask(what="all"), await ask(what="one")] == ["all 1", "all 1", "one 2"]
        await client.call_tool("put", {})
        assert await ask() == "all 3"
        shelf.now = 2
        assert await ask() == "all 4"


class Row(Answer):
    looks: int
    trail: list[str]

    def as_text(self) -> str:
        return f"{self.looks}\n- {self.trail[0]}"


class Timed(Shelf):
    """A state whose moments have a clock; looks wait until they may go on, and take a second."""

    def __init__(self) -> None:
        super().__init__()
        self.other = 0
        self.clock = Clock()
        self.go = anyio.Event()
        self.go.set()

    async def moment(self) -> Moment:  # type: ignore[override]
        return Moment(self.now, self.other)


async def gaze(shelf: TheShelf) -> Row:
    """Look at the shelf when one may."""
    assert isinstance(shelf, Timed)
    await shelf.go.wait()
    shelf.clock.now_s += 1.0
    shelf.looks += 1
    if shelf.looks == 6:
        raise InvalidRequest("six is one too many")
    return Row(looks=shelf.looks, trail=[MADE])


@pytest.mark.anyio
async def test_when_the_clock_moves_on_the_old_answer_is_given_with_its_age_while_the_next_one_is_made() -> None:
    shelf = Timed()
    server = OpenManagerServer("shelf", state=shelf, tools=(reads(gaze, "Gaze", shared=True), writes(put, "Put")))
    server._sharing = Sharing(weight, clock=shelf.clock)
    async with Client(server) as client:

        async def ask() -> tuple[int, str]:
            told = (await client.call_tool("gaze", {})).structured_content
            assert told is not None
            return told["looks"], told["trail"][0]

        async def renewed() -> None:
            shelf.go.set()
            await anyio.wait_all_tasks_blocked()

        assert (await ask())[0] == 1
        shelf.now, shelf.go = 2, anyio.Event()
        first, second = await ask(), await ask()  # neither waits
        assert first[0] == second[0] == 1 and "while the next one is being made" in first[1]
        await renewed()
        assert (await ask())[0] == shelf.looks == 2
        shelf.now = 4  # more than a step later
        assert (await ask())[0] == 3
        shelf.other = 1  # not only later
        assert (await ask())[0] == 4
        shelf.now = 5
        await client.call_tool("put", {})
        assert (await ask())[0] == 5
        shelf.now = 6
        assert (await ask())[0] == 5  # and the next one fails
        await renewed()
        assert shelf.looks == 6 and (await ask())[0] == 7
        shelf.clock.now_s += 31.0  # older than half as long again as it is kept
        shelf.now = 7
        assert (await ask())[0] == 8
