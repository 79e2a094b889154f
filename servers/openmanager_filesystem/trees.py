"""Copy and delete whole trees by descriptor: links are copied and removed as links, nothing else special is touched."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from openmanager_core.errors import InvalidRequest, NotAllowed
from openmanager_core.job import checkpoint
from openmanager_core.text import quoted
from openmanager_filesystem.storing import copy_attributes
from openmanager_kit.confined.names import shown_name
from openmanager_kit.confined.refusals import LISTED, kind

MOST_ENTRIES = 200_000
_MOST_LEVELS = 200
_BLOCK_BYTES = 4 * 1024 * 1024
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def _opened(name: str, dir_fd: int, flags: int, mode: int = 0o600) -> Iterator[int]:
    fd = os.open(name, flags, mode, dir_fd=dir_fd)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _source(name: str, dir_fd: int, flags: int) -> Iterator[int]:
    """Open what is copied; the caller's messages are about the destination."""
    try:
        fd = os.open(name, flags, dir_fd=dir_fd)
    except PermissionError as exc:
        raise NotAllowed(f"source: {quoted(shown_name(name))}: permission denied; nothing was copied") from exc
    try:
        yield fd
    finally:
        os.close(fd)


class Copying:
    """One copy; counts what it has copied."""

    def __init__(self) -> None:
        self.entries = 0
        self.bytes = 0

    def copy(self, source: str, source_fd: int, target: str, target_fd: int, level: int = 0) -> None:
        """Copy an entry under a name that is free.

        Raises
        ------
        InvalidRequest
            If it is, or holds, something that is no file, directory or link, or too much.
        """
        checkpoint()
        self.entries += 1
        if self.entries > MOST_ENTRIES or level > _MOST_LEVELS:
            raise InvalidRequest(
                f"source holds more than {MOST_ENTRIES:,} entries or {_MOST_LEVELS} levels", hint="copy parts of it"
            )
        status = os.stat(source, dir_fd=source_fd, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            os.symlink(os.readlink(source, dir_fd=source_fd), target, dir_fd=target_fd)
        elif stat.S_ISDIR(status.st_mode):
            os.mkdir(target, 0o700, dir_fd=target_fd)
            with _source(source, source_fd, LISTED) as inside, _opened(target, target_fd, LISTED) as made:
                for name in os.listdir(inside):  # noqa: PTH208
                    self.copy(name, inside, name, made, level + 1)
                _dress(inside, made, status)
        elif stat.S_ISREG(status.st_mode):
            with _source(source, source_fd, _READ) as read, _opened(target, target_fd, _MAKE) as made:
                if not stat.S_ISREG(os.fstat(read).st_mode):
                    raise InvalidRequest(f"source: {quoted(shown_name(source))} is no regular file any more")
                self._content(read, made)
                _dress(read, made, status)
                os.fsync(made)
        else:
            what = f"{quoted(shown_name(source))} is {kind(status)}"
            raise InvalidRequest(f"source: {what}, which cannot be copied; nothing was copied", hint="copy parts of it")

    def _content(self, read: int, made: int) -> None:
        """Copy the bytes; holes stay holes."""
        size, position = os.fstat(read).st_size, 0
        os.ftruncate(made, size)
        while position < size:
            checkpoint()
            end = min(size, position + _BLOCK_BYTES)
            try:
                position = os.lseek(read, position, os.SEEK_DATA)
                end = min(os.lseek(read, position, os.SEEK_HOLE), position + _BLOCK_BYTES)
            except OSError as exc:
                if exc.errno == errno.ENXIO:  # only a hole is left
                    return
                if exc.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # a file system that knows no holes
                    raise
            block = os.pread(read, end - position, position)
            if not block:  # it has become shorter meanwhile
                os.ftruncate(made, position)
                return
            done = 0
            while done < len(block):
                done += os.pwrite(made, block[done:], position + done)
            position += len(block)
            self.bytes += len(block)


def _dress(source: int, target: int, status: os.stat_result) -> None:
    copy_attributes(source, target)
    os.fchmod(target, status.st_mode & 0o777)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def remove(name: str, dir_fd: int, level: int = 0) -> int:
    """Delete an entry with everything below it; links as links. Gives how many entries that were.

    Raises
    ------
    InvalidRequest
        If it is too deep; each level keeps a descriptor open.
    """
    checkpoint()
    if level > _MOST_LEVELS:
        raise InvalidRequest(f"path holds more than {_MOST_LEVELS} levels", hint="the trash, or its inner parts first")
    count = 1
    if not stat.S_ISDIR(os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode):
        os.unlink(name, dir_fd=dir_fd)
        return count
    with _opened(name, dir_fd, LISTED) as inside:
        for entry in os.listdir(inside):  # noqa: PTH208
            with suppress(FileNotFoundError):
                count += remove(entry, inside, level + 1)
    os.rmdir(name, dir_fd=dir_fd)
    return count


def remove_quietly(name: str, dir_fd: int) -> None:
    """Take back an unfinished copy, even for a caller who went away."""
    from openmanager_core.job import current_job

    token = current_job.set(None)
    try:
        with suppress(OSError):
            remove(name, dir_fd)
    finally:
        current_job.reset(token)
