"""Temporary files that a killed process left behind go when their directory is written to again.

Only names of our own pattern, regular files, not touched for an hour, and not locked: whoever writes one holds its
lock, and the system lets go of it when a process dies. A directory is looked through once an hour at most.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
from collections import OrderedDict
from contextlib import suppress
from threading import Lock
from time import monotonic, time

from openmanager_core.job import checkpoint

_OURS = re.compile(r"\.openmanager-[0-9a-f]{16}\.tmp")
_OLD_S = 3600.0
_MOST_DIRECTORIES = 1000
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_looked: OrderedDict[tuple[int, int], float] = OrderedDict()
_guard = Lock()


def new_name() -> str:
    """Make a name for a temporary file."""
    return f".openmanager-{secrets.token_hex(8)}.tmp"


def claim(fd: int) -> None:
    """Say that a temporary file is being written; the system forgets it when the file is closed."""
    with suppress(OSError):  # a file system without locks
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def sweep(dir_fd: int) -> None:
    """Delete what was left behind in a directory that may be written; says nothing of what it cannot."""
    status = os.fstat(dir_fd)
    key, now = (status.st_dev, status.st_ino), monotonic()
    with _guard:
        if key in _looked and now - _looked[key] < _OLD_S:
            return
        _looked[key] = now
        _looked.move_to_end(key)
        if len(_looked) > _MOST_DIRECTORIES:
            _looked.popitem(last=False)
    with suppress(OSError):
        listed = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=dir_fd)
        try:
            names = os.listdir(listed)  # noqa: PTH208 - by descriptor
        finally:
            os.close(listed)
        for name in names:
            if _OURS.fullmatch(name):
                checkpoint()
                _remove(name, dir_fd)


def _remove(name: str, dir_fd: int) -> None:
    with suppress(OSError):
        if not _is_old(os.stat(name, dir_fd=dir_fd, follow_symlinks=False)):
            return
        fd = os.open(name, _OPEN, dir_fd=dir_fd)
        try:
            if _is_old(os.fstat(fd)):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(name, dir_fd=dir_fd)
        finally:
            os.close(fd)


def _is_old(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and time() - status.st_mtime > _OLD_S
