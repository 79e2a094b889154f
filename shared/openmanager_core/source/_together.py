"""Several questions at once, with one failure instead of a group of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

T = TypeVar("T")


async def together(calls: Sequence[Callable[[], Awaitable[T]]], *, at_once: int = 4) -> list[T]:
    """Answers in the order of the calls; the first failure ends the others and is raised as it is."""
    answers: dict[int, T] = {}
    slots = anyio.CapacityLimiter(at_once)

    async def one(at: int, call: Callable[[], Awaitable[T]]) -> None:
        async with slots:
            answers[at] = await call()

    try:
        async with anyio.create_task_group() as group:
            for at, call in enumerate(calls):
                group.start_soon(one, at, call)
    except BaseExceptionGroup as failures:
        # Asked alike, they fail alike: one reason is enough, and callers catch it by its kind.
        raise _first(failures) from None
    return [answers[at] for at in range(len(calls))]


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    found = failures.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
