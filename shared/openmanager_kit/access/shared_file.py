"""A small file that all workers of a service have in memory, with a lock that no dead worker holds.

The lock is the kernel's (``flock``), so it ends with whoever holds it, however that one ends. Nobody waits for it for
long: a worker that stands still while it holds the lock must not make the others stand still.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import mmap
import os
import struct
import time
import weakref
from pathlib import Path

from openmanager_core.errors import StorageUnavailable

PATIENCE_S = 0.05
_PAUSE_S = 0.0001
_REST_S = 1.0
_START_S = 5.0
_log = logging.getLogger(__name__)


class SharedFile:
    """Bytes that all processes which open the same path see at once; zero at first. For one thread of each.

    Parameters
    ----------
    path
        In a folder that belongs to the service; whoever comes first makes the file.
    size
        Bytes, the same for all.
    patience_s
        How long `acquire` waits at most.

    Raises
    ------
    StorageUnavailable
        If the folder is gone, cannot be written or is full.
    """

    def __init__(self, path: Path, size: int, patience_s: float = PATIENCE_S) -> None:
        self.path = path
        self._patience_s = patience_s
        self._rested_s = 0.0
        try:
            self._fd = opened(path)
            weakref.finalize(self, os.close, self._fd)
            if not locked_within(self._fd, fcntl.LOCK_EX, _START_S):
                raise TimeoutError(0, "its lock is held by somebody")
            try:
                _fill(self._fd, size)
                self.bytes = memoryview(mmap.mmap(self._fd, size))
            finally:
                fcntl.flock(self._fd, fcntl.LOCK_UN)
        except OSError as exc:
            raise StorageUnavailable(
                f"what the workers count together cannot be kept in {path.name}: {exc.strerror}",
                hint="check the temporary folder and its free space",
            ) from exc

    def acquire(self, patience_s: float | None = None) -> bool:
        """Keep the other processes out until `release`; False if they did not leave in time, or lately did not."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return self._acquire_patiently(self._patience_s if patience_s is None else patience_s)
        return True

    def _acquire_patiently(self, patience_s: float) -> bool:
        if time.monotonic() < self._rested_s:
            return False
        if locked_within(self._fd, fcntl.LOCK_EX, patience_s):
            return True
        self._rested_s = time.monotonic() + _REST_S
        _log.warning("%s is held by a worker that stands still: this one counts alone meanwhile", self.path.name)
        return False

    def release(self) -> None:
        """Let the others in."""
        fcntl.flock(self._fd, fcntl.LOCK_UN)


def opened(path: Path) -> int:
    """Open a file of the service, made if need be; no child gets the descriptor."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def locked_within(fd: int, how: int, seconds: float) -> bool:
    """Lock a file, waiting for a bounded time."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(fd, how | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PAUSE_S)
        else:
            return True


def digest(key: str) -> tuple[int, int]:
    """Give two words of 64 bits that stand for a key; two keys never share both."""
    first, second = struct.unpack("=QQ", hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest())
    return first, second


def _fill(fd: int, size: int) -> None:
    """Write zeros up to the size: a hole in a file on a full disk would end the process that first writes to it."""
    have = os.fstat(fd).st_size
    while have < size:
        have += os.pwrite(fd, bytes(size - have), have)
