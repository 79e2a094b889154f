"""Whose turn it is, and until when: each tool works for a few callers at a time, and only so many may wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from openmanager_core.errors import FleetError
from openmanager_kit.deadlines import Deadlines

if TYPE_CHECKING:
    from openmanager_kit.calls import BoundTool


class Busy(FleetError):
    """Too many calls wait already."""

    code = "busy"


class Turns:
    """The turns at the tools of one server.

    Parameters
    ----------
    most_waiting
        Calls that may wait, all tools together.
    changed
        Called when a tool that writes is done.
    """

    def __init__(self, most_waiting: int, changed: Callable[[], None]) -> None:
        self._most_waiting = most_waiting
        self._changed = changed
        self._waiting = 0
        self.deadlines = Deadlines()
        self.room: Callable[[], Awaitable[None]] | None = None
        """Set by a transport: waits while its client is so far behind that answers pile up."""

    async def enter(self, bound: BoundTool) -> None:
        """Wait for a place among the calls of a tool; `leave` gives it back.

        Raises
        ------
        Busy
            If too many wait already.
        """
        if bound.turn.value == 0 and self._waiting >= self._most_waiting:
            raise Busy(f"{self._waiting} calls are waiting already", hint="again in a few seconds")
        self._waiting += 1
        try:
            await bound.turn.acquire()
        finally:
            self._waiting -= 1
        if self.room is not None:
            try:
                await self.room()
            except BaseException:
                self.leave(bound)
                raise

    def free(self, bound: BoundTool) -> bool:
        """Tell whether a call of a tool would have its turn at once."""
        return bound.turn.value > 0  # nobody waits while there are places

    def leave(self, bound: BoundTool) -> None:
        """Give the place back."""
        self.done(bound)
        bound.turn.release()

    def done(self, bound: BoundTool) -> None:
        """Note what a tool may have changed."""
        if not bound.tool.read_only:
            self._changed()
