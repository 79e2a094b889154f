"""An event loop that looks at a few connections in a turn, so that nobody waits for a turn of a thousand.

asyncio takes all that are ready in one turn of its loop. What else is due, the end of a thread's work above all,
waits for the next turn: a quarter of a second with five hundred busy clients, and a look at the fleet has a hundred
such steps.
"""

from __future__ import annotations

import asyncio
import math
import select
import selectors
from collections.abc import Callable

MOST_AT_ONCE = 8


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Give what makes such a loop; None where the system has no epoll: asyncio's own is used then."""
    if not hasattr(select, "epoll"):
        return None

    class Few(selectors.EpollSelector):
        """Gives a few at a time; the kernel puts who was given behind all others, so each has its turn."""

        _selector: select.epoll

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            """As its parent's, but at most `MOST_AT_ONCE`."""
            # In whole milliseconds, rounded up: a wait that is too short would be begun again and again.
            wait_s = -1.0 if timeout is None else max(0.0, math.ceil(timeout * 1e3) * 1e-3)
            try:
                found = self._selector.poll(wait_s, MOST_AT_ONCE)
            except InterruptedError:
                return []
            keys, ready = self.get_map(), []
            for fd, event in found:
                key = keys.get(fd)
                if key is not None:
                    wanted = selectors.EVENT_WRITE if event & ~select.EPOLLIN else 0
                    wanted |= selectors.EVENT_READ if event & ~select.EPOLLOUT else 0
                    ready.append((key, wanted & key.events))
            return ready

    return lambda: asyncio.SelectorEventLoop(Few())
