"""Several waits at once, a few at a time, each with its own result or failure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

from openmanager_core.errors import DeadlineExceeded, FleetError

A = TypeVar("A")
T = TypeVar("T")

AT_ONCE = 8


async def together(
    wanted: Sequence[A], work: Callable[[A], Awaitable[T]], *, at_once: int = AT_ONCE, within_s: float = 0.0
) -> list[T | FleetError]:
    """Give the results in the order of `wanted`; what is not done `within_s` (0: no bound) is a `DeadlineExceeded`."""
    late = DeadlineExceeded(f"it did not come within {within_s:g} s", hint="ask for it alone")
    results: list[T | FleetError] = [late] * len(wanted)
    if len(wanted) == 1 and not within_s:
        return [await _one(work, wanted[0])]
    waiting = iter(range(len(wanted)))

    async def worker() -> None:
        for number in waiting:
            results[number] = await _one(work, wanted[number])

    with anyio.move_on_after(within_s or None):
        async with anyio.create_task_group() as group:
            for _ in range(min(at_once, len(wanted))):
                group.start_soon(worker)
    return results


async def _one(work: Callable[[A], Awaitable[T]], wanted: A) -> T | FleetError:
    try:
        return await work(wanted)
    except FleetError as exc:
        return exc
