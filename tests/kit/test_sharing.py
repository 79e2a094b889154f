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
from openmanager_core.job import current_job
from openmanager_kit.server import OpenManagerServer
from openmanager_kit.sharing import MOST_KEPT, Sharing
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
