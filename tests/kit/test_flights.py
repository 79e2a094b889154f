"""Equal work at the same time: done once, handed on when the first caller leaves, ended when the last one does."""

from __future__ import annotations

import anyio
import pytest

from openmanager_core.errors import SourceUnavailable
from openmanager_core.job import Job, current_job
from openmanager_kit.flights import Flights

pytestmark = pytest.mark.anyio


class Work:
    """Work that begins, waits to be let go, and tells how it ended."""

    def __init__(self) -> None:
        self.began, self.go, self.times, self.ended = anyio.Event(), anyio.Event(), 0, ""

    async def __call__(self) -> str:
        self.times += 1
        self.began.set()
        try:
            await self.go.wait()
        except BaseException:
            self.ended = "cancelled"
            raise
        self.ended = "finished"
        return "done"


async def test_equal_work_is_done_once_and_again_after_it_has_ended() -> None:
    flights: Flights[str] = Flights()
    work, heard = Work(), []

    async def one() -> None:
        heard.append(await flights.once("key", work))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(one)
        await work.began.wait()
        work.go.set()
    assert (heard, work.times) == (["done"] * 3, 1)
    assert await flights.once("key", work) == "done"
    assert work.times == 2


async def test_a_waiting_call_gets_what_was_begun_by_one_who_gave_up() -> None:
    flights: Flights[str] = Flights()
    work, heard = Work(), []

    async def second() -> None:
        heard.append(await flights.once("key", work))

    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as first:
            async with anyio.create_task_group() as inner:
                inner.start_soon(flights.once, "key", work)
                await work.began.wait()
                group.start_soon(second)
                await anyio.wait_all_tasks_blocked()
                first.cancel()
        work.go.set()
    assert (heard, work.times, work.ended) == (["done"], 1, "finished")


async def test_work_ends_with_its_last_waiter() -> None:
    flights: Flights[str] = Flights()
    work = Work()
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(flights.once, "key", work)
        await work.began.wait()
        await anyio.wait_all_tasks_blocked()
        assert work.ended == ""
        group.cancel_scope.cancel()
    assert work.ended == "cancelled"


async def test_a_failure_reaches_everyone_who_waits() -> None:
    flights: Flights[str] = Flights()
    failures: list[str] = []

    async def fails() -> str:
        await anyio.lowlevel.checkpoint()
        raise SourceUnavailable("away")

    async def one() -> None:
        try:
            await flights.once("key", fails)
        except SourceUnavailable as exc:
            failures.append(exc.message)

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(one)
    assert failures == ["away"] * 3


async def test_shared_work_is_not_the_job_of_the_call_that_came_first() -> None:
    flights: Flights[object] = Flights()

    async def whose() -> object:
        return current_job.get()

    token = current_job.set(Job())
    try:
        assert await flights.once("key", whose) is None
    finally:
        current_job.reset(token)


async def test_closing_ends_what_is_under_way() -> None:
    flights: Flights[str] = Flights()
    work = Work()

    async def one() -> None:
        with pytest.raises(BaseException) as caught:
            await flights.once("key", work)
        assert isinstance(caught.value, anyio.get_cancelled_exc_class())

    async with anyio.create_task_group() as group:
        group.start_soon(one)
        await work.began.wait()
        await flights.aclose()
    assert work.ended == "cancelled"
