"""Changes to one repository wait for each other; other repositories are not kept waiting."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

import anyio


class Turns:
    """One lock for each repository that is being changed."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, anyio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, *names: str) -> AsyncIterator[None]:
        """Hold the locks of these repositories, in an order that cannot block itself."""
        async with AsyncExitStack() as held:
            for name in sorted(set(names)):
                lock = self._locks.get(name)
                if lock is None:
                    lock = self._locks[name] = anyio.Lock()
                await held.enter_async_context(lock)
                held.callback(id, lock)  # keeps it alive while it is held
            yield
