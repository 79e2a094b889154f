"""Each block has its own deadline, however many share the timer."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from openmanager_kit.deadlines import Deadlines


async def outcome(deadlines: Deadlines, deadline_s: float, work_s: float) -> str:
    """Say whether work was done in time."""
    with deadlines.within(deadline_s):
        await asyncio.sleep(work_s)
        return "done"
    return "late"


@pytest.mark.anyio
async def test_what_takes_too_long_is_cancelled_and_nothing_else_is() -> None:
    deadlines = Deadlines()
    blocks = [(0.02, 10.0), (30.0, 0.0), (0.05, 10.0), (30.0, 0.1), (0.01, 10.0)]
    with anyio.fail_after(20):
        ended = await asyncio.gather(*(outcome(deadlines, *block) for block in blocks))
    assert ended == ["late", "done", "late", "done", "late"] and len(deadlines) == 0


@pytest.mark.anyio
async def test_a_cancellation_from_outside_and_an_exception_pass_through() -> None:
    deadlines = Deadlines()
    with anyio.move_on_after(0.02) as outer:
        await outcome(deadlines, 30.0, 10.0)
    assert outer.cancelled_caught and len(deadlines) == 0
    with pytest.raises(ValueError, match="mine"), deadlines.within(30.0):
        raise ValueError("mine")
    assert len(deadlines) == 0


def test_one_event_loop_after_another_can_use_them() -> None:
    deadlines = Deadlines()

    async def late() -> str:
        return await outcome(deadlines, 0.02, 10.0)

    assert [asyncio.run(late()) for _ in range(3)] == ["late"] * 3
