"""Buckets that all workers of a service take from: a table in a file that each of them has in memory.

A bucket is one number, the instant until which it is paid for (`openmanager_core.resilience.wait_of_turn`), on the
system's one monotonic clock. One that lies in the past says nothing, so its place is free: nothing has to be removed,
and only who called within the last seconds needs a place. Each number is written at once and a key only into a free
place, so that a worker that is ended between two writes leaves a table that is right.
"""

from __future__ import annotations

from pathlib import Path

from openmanager_core.resilience import wait_of_turn
from openmanager_kit.access.rates import OwnBuckets
from openmanager_kit.access.shared_file import PATIENCE_S, SharedFile, digest

_SETS, _WAYS = 2048, 8
_WORD = 8


class SharedBuckets:
    """Buckets by key, in a file.

    Parameters
    ----------
    path
        The file; whoever comes first makes it.
    sets, ways
        Places of the table: a key has its set, and there `ways` places. Where all of them are paid for beyond now,
        the one that is soonest full again is forgotten.
    patience_s
        How long a take waits for the other workers; after that this process counts it alone.

    Raises
    ------
    StorageUnavailable
        If the file cannot be had.
    """

    def __init__(self, path: Path, sets: int = _SETS, ways: int = _WAYS, patience_s: float = PATIENCE_S) -> None:
        self._sets, self._ways = sets, ways
        places = sets * ways
        self._file = SharedFile(path, 3 * places * _WORD, patience_s)
        self._keys = self._file.bytes[: 2 * places * _WORD].cast("Q")
        self._paid_s = self._file.bytes[2 * places * _WORD :].cast("d")
        self._own = OwnBuckets()

    def take(self, key: str, now_s: float, every_s: float, room_s: float) -> float:
        """Take one turn; gives 0, or the seconds until there is one."""
        first, second = digest(key)
        if not self._file.acquire():
            return self._own.take(key, now_s, every_s, room_s)
        try:
            return self._take(first, second, now_s, every_s, room_s)
        finally:
            self._file.release()

    def _take(self, first: int, second: int, now_s: float, every_s: float, room_s: float) -> float:
        keys, paid_s = self._keys, self._paid_s
        begin = first % self._sets * self._ways
        for place in range(begin, begin + self._ways):
            if keys[2 * place] == first and keys[2 * place + 1] == second:
                break
        else:
            place = min(range(begin, begin + self._ways), key=paid_s.__getitem__)
            paid_s[place] = 0.0  # free, until the key is whole
            keys[2 * place], keys[2 * place + 1] = first, second
        wait_s = wait_of_turn(paid_s[place], now_s, room_s)
        if wait_s <= 0:
            paid_s[place] = max(paid_s[place], now_s) + every_s
        return wait_s
