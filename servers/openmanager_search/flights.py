"""Equal requests at the same time are one request."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any, Generic, TypeVar

from openmanager_core.job import current_job

K = TypeVar("K")
T = TypeVar("T")


class Flights(Generic[K, T]):
    """Work in flight by its key. Whoever gives up leaves it to the others; the last to give up ends it."""

    def __init__(self) -> None:
        self._flying: dict[K, asyncio.Task[T]] = {}
        self._waiting: dict[asyncio.Task[T], int] = {}

    async def join(self, key: K, work: Coroutine[Any, Any, T]) -> T:
        """Wait for the work under this key; `work` starts only if none is in flight."""
        task = self._flying.get(key)
        if task is None:
            context = copy_context()
            context.run(current_job.set, None)  # the job of one caller must not stop the work of the others
            task = asyncio.get_running_loop().create_task(work, context=context)
            self._flying[key] = task
            self._waiting[task] = 0
            task.add_done_callback(lambda done: self._landed(key, done))
        else:
            work.close()
        self._waiting[task] += 1
        try:
            return await asyncio.shield(task)
        finally:
            if not task.done():
                self._waiting[task] -= 1
                if not self._waiting[task]:
                    self._landed(key, task)
                    task.cancel()

    def _landed(self, key: K, task: asyncio.Task[T]) -> None:
        if self._flying.get(key) is task:
            del self._flying[key]
        self._waiting.pop(task, None)
        if task.done() and not task.cancelled():
            task.exception()  # seen, even if nobody waits any more
