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
by_name = attrgetter("name")
_UNITS = ("B", "KB", "MB", "GB", "TB")
MARKS = {
    "file": "[FILE]",
    "directory": "[DIR]",
    "link": "[LINK]",
    "fifo": "[FIFO]",
    "socket": "[SOCKET]",
    "device": "[DEVICE]",
}


class Listed(NamedTuple):
    """A directory's names in order, and the kinds of those that are no file."""

    names: list[str]
    others: dict[str, str]


def scanned(fd: int) -> list[os.DirEntry[str]]:
    """List an open directory in the order of its names."""
    with os.scandir(fd) as found:
        entries = list(found)
    entries.sort(key=by_name)
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


def listed(fd: int) -> Listed:
    """List an open directory; what its entries are comes with their names, so nothing is looked at twice."""
    others: dict[str, str] = {}

    def named(entry: os.DirEntry[str]) -> str:
        others[entry.name] = kind_of(entry, fd)
        return entry.name

    with os.scandir(fd) as found:
        names = [entry.name if entry.is_file(follow_symlinks=False) else named(entry) for entry in found]
    checkpoint()
    names.sort()
    return Listed(names, others)


def kind_at(name: str, fd: int) -> str:
    """Say what an entry is itself; what is gone meanwhile counts as a file."""
    try:
        return _kind(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode)
    except OSError:
        return "file"


def sizes(names: list[str], fd: int) -> dict[str, int]:
    """Look up the sizes of entries; what is gone meanwhile is left out."""
    found = {}
    look = os.stat
    for i, name in enumerate(names):
        if i % _EVERY == 0:
            checkpoint()
        try:
            found[name] = look(name, dir_fd=fd, follow_symlinks=False).st_size
        except FileNotFoundError:
            continue
    return found


def amount(size: int) -> str:
    """Write a size as the reference server does."""
    if size < 1024:
        return f"{max(size, 0)} B"
    if size < 1024 * 1024:
        return f"{size / 1024:.2f} KB"
    power, value = 0, float(size)
    while value >= 1024 and power < len(_UNITS) - 1:
        power, value = power + 1, value / 1024
    return f"{value:.2f} {_UNITS[power]}"
