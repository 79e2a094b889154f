"""Equal work that several calls want at once is done once, for as long as one of them still waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextvars import copy_context
from typing import Generic, TypeVar

import anyio

from openmanager_core.job import current_job

T = TypeVar("T")

_LAST_WORDS_S = 0.2


class Flights(Generic[T]):
    """Work under way, by its key. Whoever gives up leaves it to the others; the last to give up ends it."""

    def __init__(self) -> None:
        self._flying: dict[Hashable, asyncio.Task[T]] = {}
        self._waiting: dict[asyncio.Task[T], int] = {}

    async def once(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """Give the result of `make`, or of the same work that is under way already; a failure reaches all who wait.

        `make` belongs to no caller: it runs without the job of the one who came first.
        """
        task = self._flying.get(key)
        if task is None:
            task = self._begin(key, make)
        self._waiting[task] += 1
        try:
            return await asyncio.shield(task)
        finally:
            if not task.done():
                self._waiting[task] -= 1
                if not self._waiting[task]:
                    self._landed(key, task)
                    task.cancel()
                    with anyio.CancelScope(shield=True), anyio.move_on_after(_LAST_WORDS_S):
                        await asyncio.wait([task])

    async def aclose(self) -> None:
        """End all that is under way."""
        tasks = list(self._flying.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> asyncio.Task[T]:
        async def fly() -> T:
            return await make()

        context = copy_context()
        context.run(current_job.set, None)  # the job of one caller must not stop the work of the others
        task = asyncio.get_running_loop().create_task(fly(), context=context)
        self._flying[key] = task
        self._waiting[task] = 0
        task.add_done_callback(lambda done: self._landed(key, done))
        return task

    def _landed(self, key: Hashable, task: asyncio.Task[T]) -> None:
        if self._flying.get(key) is task:
            del self._flying[key]
        self._waiting.pop(task, None)
        if task.done() and not task.cancelled():
            task.exception()  # seen, even if nobody waits any more
