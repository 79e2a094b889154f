"""Places that all workers of a service take from: a table in a file that each of them has in memory.

Each worker has a column of its own and writes nowhere else. It holds a lock on a small file while it lives, and the
kernel lets go of that when it ends, so the others see at once that what stands in its column is nobody's any more;
the worker that takes its number clears the column before anything else.
"""

from __future__ import annotations

import fcntl
import os
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from openmanager_core.errors import StorageUnavailable
from openmanager_kit.access.places import OwnPlaces
from openmanager_kit.access.shared_file import PATIENCE_S, SharedFile, digest, locked_within, opened

_SETS, _WAYS = 1024, 8
_KEY, _COUNT = 16, 4
_START_S = 5.0


class SharedPlaces:
    """Places by key, in a file.

    Parameters
    ----------
    path
        The file; whoever comes first makes it, and one beside it for each worker.
    number, workers
        Of this worker, from 0, and how many there are.
    sets, ways
        Keys of the table: each has its set, and there `ways` rows. Where all of them are in use, and while the
        others do not leave the table within `patience_s`, this process counts a further key alone.

    Raises
    ------
    StorageUnavailable
        If the file cannot be had, or another process has this number.
    """

    def __init__(
        self, path: Path, number: int, workers: int, sets: int = _SETS, ways: int = _WAYS,
        patience_s: float = PATIENCE_S,
    ) -> None:  # fmt: skip
        self._path, self._number, self._workers = path, number, workers
        self._sets, self._ways = sets, ways
        rows = sets * ways
        self._file = SharedFile(path, rows * (_KEY + _COUNT * workers), patience_s)
        self._keys = self._file.bytes[: rows * _KEY].cast("Q")
        self._taken = self._file.bytes[rows * _KEY :].cast("I")
        self._lives: dict[int, int] = {}
        self._own = OwnPlaces()
        if not self._file.acquire(_START_S):
            raise StorageUnavailable(f"{path.name} is held by somebody", hint="start the service again")
        try:  # while nobody looks: what a former worker left in this column must not come to life with this one
            self._live()
        finally:
            self._file.release()

    def take(self, key: str, most: int) -> Callable[[], None] | None:
        """Take one of the key's `most` places; gives what gives it back, once, or None if there is none."""
        first, second = digest(key)
        if not self._file.acquire():
            return self._own.take(key, most)
        try:
            row = self._row(first, second)
            if row is None:
                return self._own.take(key, most)
            if sum(row) >= most and self._living(row) >= most:
                return None
            row[self._number] += 1
            return partial(_leave, row, self._number)
        finally:
            self._file.release()

    def _live(self) -> None:
        if not locked_within(self._life(self._number), fcntl.LOCK_EX, 0):
            raise StorageUnavailable(f"worker {self._number} runs already", hint="start the service again")
        for place in range(self._number, len(self._taken), self._workers):
            self._taken[place] = 0

    def _row(self, first: int, second: int) -> memoryview[int] | None:
        """Find the row of a key, or give it a free one; None if there is none."""
        keys, begin = self._keys, first % self._sets * self._ways
        free: int | None = None
        for at in range(begin, begin + self._ways):
            if keys[2 * at] == first and keys[2 * at + 1] == second:
                return self._counts(at)
            if free is None and not any(self._counts(at)):
                free = at
        if free is None:
            return None
        keys[2 * free], keys[2 * free + 1] = first, second
        return self._counts(free)

    def _counts(self, row: int) -> memoryview[int]:
        return self._taken[row * self._workers : (row + 1) * self._workers]

    def _living(self, row: Sequence[int]) -> int:
        """Sum what the workers that live have taken."""
        return sum(taken for number, taken in enumerate(row) if taken and self._lives_now(number))

    def _lives_now(self, number: int) -> bool:
        if number == self._number:
            return True
        life = self._life(number)
        try:
            fcntl.flock(life, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(life, fcntl.LOCK_UN)
        return False

    def _life(self, number: int) -> int:
        if number not in self._lives:
            self._lives[number] = opened(self._path.with_name(f"{self._path.name}.{number}"))
            weakref.finalize(self, os.close, self._lives[number])
        return self._lives[number]


def _leave(row: memoryview[int], number: int) -> None:
    row[number] -= 1  # nobody else writes there, and the row stays this key's while it is not zero
