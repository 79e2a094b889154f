"""What was read lately: one download and one parse however many ask."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from openmanager_kit.flights import Flights

V = TypeVar("V")


class Kept(Generic[V]):
    """Values by key, bounded in bytes and age; the least recently used goes first.

    Parameters
    ----------
    size
        How many bytes a value takes.
    """

    def __init__(self, most_bytes: int, most_s: float, size: Callable[[V], int]) -> None:
        self._most_bytes, self._most_s, self._size = most_bytes, most_s, size
        self._values: OrderedDict[Hashable, tuple[float, V, int]] = OrderedDict()
        self._making: Flights[V] = Flights()
        self.bytes = 0

    def find(self, key: Hashable) -> V | None:
        """Give a value that is there and not too old."""
        found = self._values.get(key)
        if found is None:
            return None
        if time.monotonic() - found[0] > self._most_s:
            self._forget(key)
            return None
        self._values.move_to_end(key)
        return found[1]

    def put(self, key: Hashable, value: V) -> None:
        """Keep a value; one that alone is too big is not kept."""
        self._forget(key)
        size = self._size(value)
        if size > self._most_bytes:
            return
        self._values[key] = (time.monotonic(), value, size)
        self.bytes += size
        while self.bytes > self._most_bytes:
            self._forget(next(iter(self._values)))

    def _forget(self, key: Hashable) -> None:
        found = self._values.pop(key, None)
        if found is not None:
            self.bytes -= found[2]

    async def get(self, key: Hashable, make: Callable[[], Awaitable[V]]) -> V:
        """Give a value, made once for all who ask for it meanwhile; failures are not kept.

        The making goes on as long as one of them still waits, and is cancelled with the last.
        """
        found = self.find(key)
        if found is not None:
            return found
        return await self._making.once(key, lambda: self._made(key, make))

    async def _made(self, key: Hashable, make: Callable[[], Awaitable[V]]) -> V:
        value = await make()
        self.put(key, value)
        return value

    async def aclose(self) -> None:
        """Stop what is being made."""
        await self._making.aclose()
