"""What the file system says about a place, in our words: names the argument, and nothing outside the roots."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from openmanager_core.errors import FleetError, InvalidRequest, NotAllowed, NotFound, StorageUnavailable
from openmanager_core.text import quoted
from openmanager_kit.confined.names import shown_path
from openmanager_kit.confined.roots import Spot

LISTED = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""How a directory is opened to list it."""
_NEAR_AMONG = 2000


def kind(status: os.stat_result) -> str:
    """Say what something is."""
    names = {
        stat.S_IFREG: "a file",
        stat.S_IFDIR: "a directory",
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFIFO: "a named pipe (FIFO)",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a character device",
        stat.S_IFBLK: "a block device",
    }
    return names.get(stat.S_IFMT(status.st_mode), "something special")


@contextmanager
def failures(spot: Spot) -> Iterator[None]:
    """Turn what the system says into refusals that name the argument, and nothing outside the roots."""
    try:
        yield
    except OSError as exc:
        raise failure(exc, spot) from exc


def failure(exc: OSError, spot: Spot) -> FleetError:
    """Say in our words what the system said about a place."""
    where = f"{spot.parameter} {quoted(spot.shown)}"
    match exc.errno:
        case errno.ENOENT:
            return NotFound(f"{where} does not exist", hint="list_directory of the directory above")
        case errno.ENOTDIR:
            return NotFound(f"{where} does not exist: something on the way is no directory")
        case errno.ELOOP:
            return NotAllowed(f"{where} was replaced by a symbolic link while it was being opened", hint="again")
        case errno.EACCES | errno.EPERM:
            return NotAllowed(f"{where}: permission denied by the file system")
        case errno.ENAMETOOLONG:
            return InvalidRequest(f"{where} is too long for the file system", hint="a shorter name")
        case errno.ENOSPC | errno.EDQUOT:
            return StorageUnavailable(f"{where}: the disk is full; nothing was changed", hint="free some space")
        case errno.EROFS:
            return NotAllowed(f"{where} is on a file system that may only be read")
        case errno.EEXIST:
            return InvalidRequest(f"{where} exists already")
        case errno.EXDEV:
            return InvalidRequest(f"{where} is on another file system")
        case errno.EMFILE | errno.ENFILE:
            return StorageUnavailable(f"{where}: too many files are open", hint="again in a moment")
    return StorageUnavailable(f"{where}: {exc.strerror or 'input/output error'}")


def missing(spot: Spot, dir_fd: int | None = None, name: str = "") -> NotFound:
    """Make the refusal of what does not exist, with the nearest names beside it."""
    hint = "list_directory of the directory above"
    if dir_fd is not None:
        from difflib import get_close_matches

        beside: list[str] = []
        with suppress(OSError):
            listed = os.open(".", LISTED, dir_fd=dir_fd)
            try:
                with os.scandir(listed) as entries:
                    beside = [found.name for found, _ in zip(entries, range(_NEAR_AMONG), strict=False)]
            finally:
                os.close(listed)
        near = get_close_matches(name, beside, n=3, cutoff=0.6)
        if near:
            hint = f"one of the nearest names: {', '.join(quoted(shown_path(one), 80) for one in near)}"
    return NotFound(f"{spot.parameter} {quoted(spot.shown)} does not exist", hint=hint)
