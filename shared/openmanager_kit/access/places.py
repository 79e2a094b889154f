"""How many requests of one principal are in progress at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Protocol


class Places(Protocol):
    """Where the places are counted."""

    def take(self, key: str, most: int) -> Callable[[], None] | None:
        """Take one of the key's `most` places; gives what gives it back, once, or None if there is none."""
        ...


class OwnPlaces:
    """Places of this process."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    def take(self, key: str, most: int) -> Callable[[], None] | None:
        """Take one of the key's `most` places; gives what gives it back, once, or None if there is none."""
        if self._taken[key] >= most:
            return None
        self._taken[key] += 1
        return partial(self._leave, key)

    def _leave(self, key: str) -> None:
        self._taken[key] -= 1
        if not self._taken[key]:
            del self._taken[key]
