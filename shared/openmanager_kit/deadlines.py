"""Deadlines of many short calls under one timer.

A timer for each would be the dearest part of a quick call, and cancelled timers stay with the event loop until they
would have rung: at thousands of calls a second with half a minute each, that is a hundred thousand of them.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

import anyio


class Deadlines:
    """Cancels what is not done in time; on one event loop at a time."""

    def __init__(self) -> None:
        self._due: dict[anyio.CancelScope, float] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def within(self, seconds: float) -> _Within:
        """Cancel the block if it takes longer, and go on behind it; as `anyio.move_on_after`."""
        return _Within(self, seconds)

    def __len__(self) -> int:
        return len(self._due)

    def add(self, scope: anyio.CancelScope, seconds: float) -> None:
        """Watch a scope."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._due.clear()
            self._loop, self._timer = loop, None
        due = self._due[scope] = loop.time() + seconds
        if self._timer is None or due < self._timer.when():
            self._wake_at(due)

    def remove(self, scope: anyio.CancelScope) -> None:
        """Watch it no longer."""
        self._due.pop(scope, None)

    def _wake_at(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        assert self._loop is not None
        self._timer = self._loop.call_at(due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        assert self._loop is not None
        now = self._loop.time()
        for scope in [scope for scope, due in self._due.items() if due <= now]:
            del self._due[scope]
            scope.cancel()
        if self._due:
            self._wake_at(min(self._due.values()))


class _Within:
    """A block with a deadline."""

    __slots__ = ("_deadlines", "_scope", "_seconds")

    def __init__(self, deadlines: Deadlines, seconds: float) -> None:
        self._deadlines = deadlines
        self._seconds = seconds
        self._scope = anyio.CancelScope()

    def __enter__(self) -> None:
        self._scope.__enter__()
        self._deadlines.add(self._scope, self._seconds)

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self._deadlines.remove(self._scope)
        return bool(self._scope.__exit__(exc_type, exc, traceback))
