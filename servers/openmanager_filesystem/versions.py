"""Which content a file has: a short name of it that changes whenever the content does.

Up to 32 MiB the version is a hash of the content. Of a larger file it is made of size, times and inode, and begins
with ``stat-``: reading gigabytes to name them would take seconds. It changes with every write, and also when only
the times or the mode do.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from time import time_ns

from openmanager_core.job import checkpoint

HASHED_BYTES = 32 * 1024 * 1024
BLOCK_BYTES = 1024 * 1024
_SETTLED_NS = 2_000_000_000
_KEPT = 512
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Measured:
    """What reading a file once tells; `lines` is None for a file that is too large to be counted."""

    version: str
    lines: int | None


_known: OrderedDict[tuple[int, ...], Measured] = OrderedDict()
_guard = Lock()


def of_bytes(data: bytes) -> str:
    """Name a content."""
    return hashlib.sha256(data, usedforsecurity=False).hexdigest()[:_DIGITS]


def measured_bytes(data: bytes) -> Measured:
    """Name a content and count its lines."""
    return Measured(of_bytes(data), data.count(b"\n") + (data != b"" and not data.endswith(b"\n")))


def of_status(status: os.stat_result) -> str:
    """Name the state of a large file without reading it."""
    return f"stat-{of_bytes(repr(_key(status)).encode())}"


def _key(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def measured(fd: int, status: os.stat_result) -> Measured:
    """Name the content of an open file and count its lines, in blocks; remembered until the file changes.

    A file that was changed within the last two seconds is read again: its times may be too coarse to tell.
    """
    if status.st_size > HASHED_BYTES:
        return Measured(of_status(status), None)
    key = _key(status)
    with _guard:
        found = _known.get(key)
    if found is not None:
        return found
    digest, lines, position, last = hashlib.sha256(usedforsecurity=False), 0, 0, b"\n"
    while block := os.pread(fd, BLOCK_BYTES, position):
        checkpoint()
        digest.update(block)
        lines += block.count(b"\n")
        position += len(block)
        last = block[-1:]
        if position > 2 * HASHED_BYTES:  # it grows faster than we read
            return Measured(of_status(os.fstat(fd)), None)
    found = Measured(digest.hexdigest()[:_DIGITS], lines + (last != b"\n"))
    if time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > _SETTLED_NS:
        with _guard:
            _known[key] = found
            while len(_known) > _KEPT:
                _known.popitem(last=False)
    return found


def same_state(one: os.stat_result, other: os.stat_result) -> bool:
    """Tell whether nobody has written in between, as far as the status tells."""
    return _key(one) == _key(other)
