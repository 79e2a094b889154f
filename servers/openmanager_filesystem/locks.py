"""One writer at a time for each file: among the threads of this process, and among processes that lock like we do.

Threads share a lock by directory and name. Between processes the file itself is locked (``flock``), which is let go
by the system when a process dies. Programs that do not lock are not held up: `storing` compares before it replaces.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from time import monotonic, sleep

from openmanager_core.errors import Conflict
from openmanager_core.job import checkpoint
from openmanager_core.text import quoted
from openmanager_kit.confined.walk import Entry

_PATIENCE_S = 10.0
_STEP_S = 0.02

_held: dict[tuple[int, int, str], tuple[Lock, int]] = {}
_guard = Lock()


@contextmanager
def one_writer(found: Entry) -> Iterator[None]:
    """Hold the place `found` alone while the block runs.

    Raises
    ------
    Conflict
        If somebody else holds it for ten seconds.
    """
    above = os.fstat(found.dir_fd)
    key = (above.st_dev, above.st_ino, found.name)
    with _guard:
        lock, users = _held.get(key, (Lock(), 0))
        _held[key] = (lock, users + 1)
    try:
        until = monotonic() + _PATIENCE_S
        while not lock.acquire(timeout=_STEP_S):
            checkpoint()
            if monotonic() > until:
                raise _taken(found)
        try:
            yield
        finally:
            lock.release()
    finally:
        with _guard:
            lock, users = _held[key]
            if users == 1:
                del _held[key]
            else:
                _held[key] = (lock, users - 1)


def lock_file(fd: int, found: Entry) -> bool:
    """Lock an open file; False if another file has taken its name meanwhile, so that it has to be opened again.

    Raises
    ------
    Conflict
        If somebody else holds it for ten seconds.
    """
    until = monotonic() + _PATIENCE_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            checkpoint()
            if monotonic() > until:
                raise _taken(found) from None
            sleep(_STEP_S / 4)
        except OSError:  # a file system without locks
            break
    with suppress(FileNotFoundError):
        return os.path.samestat(os.stat(found.name, dir_fd=found.dir_fd, follow_symlinks=False), os.fstat(fd))
    return False


def _taken(found: Entry) -> Conflict:
    where = f"{found.spot.parameter} {quoted(found.spot.shown)}"
    return Conflict(f"{where} is locked by somebody else who writes it", hint="again in a moment")
