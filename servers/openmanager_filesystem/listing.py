"""What a directory holds, read by its descriptor: names, kinds, targets of links, sizes."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from operator import attrgetter
from typing import NamedTuple

from openmanager_core.job import checkpoint
from openmanager_kit.confined.names import shown_name

_EVERY = 500
_NAME = attrgetter("name")
_UNITS = ("B", "KB", "MB", "GB", "TB")
MARKS = {
    "file": "[FILE]",
    "directory": "[DIR]",
    "link": "[LINK]",
    "fifo": "[FIFO]",
    "socket": "[SOCKET]",
    "device": "[DEVICE]",
}


class Sized(NamedTuple):
    """One entry with its size; only a file has one."""

    name: str
    kind: str
    size: int


def scanned(fd: int) -> list[os.DirEntry[str]]:
    """List an open directory in the order of its names."""
    with os.scandir(fd) as found:
        entries = list(found)
    entries.sort(key=_NAME)
    return entries


def kind_of(entry: os.DirEntry[str], fd: int) -> str:
    """Say what an entry is itself; what is gone meanwhile counts as a file."""
    if entry.is_file(follow_symlinks=False):
        return "file"
    if entry.is_dir(follow_symlinks=False):
        return "directory"
    if entry.is_symlink():
        return "link"
    return kind_at(entry.name, fd)


def _kind(mode: int) -> str:
    match stat.S_IFMT(mode):
        case stat.S_IFREG:
            return "file"
        case stat.S_IFDIR:
            return "directory"
        case stat.S_IFLNK:
            return "link"
        case stat.S_IFIFO:
            return "fifo"
        case stat.S_IFSOCK:
            return "socket"
    return "device"


def target(name: str, fd: int) -> str:
    """Show where a link points to; "?" if it is gone."""
    with suppress(OSError):
        return "/".join(map(shown_name, os.readlink(name, dir_fd=fd).split("/")))
    return "?"


def names(fd: int) -> list[str]:
    """List the names in an open directory, in order."""
    found = os.listdir(fd)
    found.sort()
    return found


def kind_at(name: str, fd: int) -> str:
    """Say what an entry is itself; what is gone meanwhile counts as a file."""
    try:
        return _kind(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode)
    except OSError:
        return "file"


def sized(fd: int) -> list[Sized]:
    """List an open directory with sizes; what is gone meanwhile is left out."""
    found = []
    regular = stat.S_IFREG
    for i, name in enumerate(names(fd)):
        if i % _EVERY == 0:
            checkpoint()
        try:
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
        except FileNotFoundError:
            continue
        if stat.S_IFMT(status.st_mode) == regular:
            found.append(Sized(name, "file", status.st_size))
        else:
            found.append(Sized(name, _kind(status.st_mode), 0))
    return found


def amount(size: int) -> str:
    """Write a size as the reference server does."""
    if size < 1024:
        return f"{max(size, 0)} B"
    power, value = 0, float(size)
    while value >= 1024 and power < len(_UNITS) - 1:
        power, value = power + 1, value / 1024
    return f"{value:.2f} {_UNITS[power]}"
