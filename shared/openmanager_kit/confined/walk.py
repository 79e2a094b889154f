"""Open what lies below a root, by descriptor, so that no link can lead out, not even one swapped in meanwhile.

Linux opens a parent directory in one call (``openat2`` with ``RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS``). Where a
link lies on the way, or there is no such call, each component is looked at and opened relative to the one before
(``O_NOFOLLOW``); a link is read and followed here, and only inside the roots. The last component is never opened
by a path: callers get the parent's descriptor and a name.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from openmanager_core.errors import InvalidRequest, NotAllowed
from openmanager_core.text import quoted
from openmanager_kit.confined import syscalls
from openmanager_kit.confined.names import meant_names, shown_path
from openmanager_kit.confined.refusals import LISTED, failures, kind, missing
from openmanager_kit.confined.roots import Parts, Root, Roots, Spot, parts_of

_O_PATH = getattr(os, "O_PATH", os.O_RDONLY)
DIRECTORY = _O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MOST_LINKS = 40


@dataclass(frozen=True, slots=True)
class Entry:
    """One place on disk, held by its parent's descriptor while the block of `entry` lasts.

    Attributes
    ----------
    dir_fd, name
        The parent and the name in it; `name` is ``.`` for a root itself. The name is no link if links were followed.
    stat
        What is there, itself and not what a link points to; None if nothing is.
    root, parts
        Where it really is, after every link.
    """

    dir_fd: int
    name: str
    stat: os.stat_result | None
    root: Root
    parts: Parts
    spot: Spot

    @property
    def is_root(self) -> bool:
        """Whether it is a root itself, which can not be moved, replaced or deleted."""
        return not self.parts

    def need(self) -> os.stat_result:
        """Give what is there.

        Raises
        ------
        NotFound
            If nothing is; names the nearest entries.
        """
        if self.stat is None:
            raise missing(self.spot, self.dir_fd, self.name)
        return self.stat

    def need_writable(self) -> None:
        """Refuse a place in a root that may only be read.

        Raises
        ------
        NotAllowed
            If it is.
        """
        if not self.root.writable:
            raise NotAllowed(
                f"{self.spot.parameter} {quoted(self.spot.shown)} lies in {shown_path(self.root.given)}, "
                "which may only be read",
                hint="a directory that list_allowed_directories shows as writable",
            )


@contextmanager
def entry(spot: Spot, *, follow: bool = True) -> Iterator[Entry]:
    """Hold the place that `spot` names; with `follow` the last component's link is followed too.

    Raises
    ------
    NotFound
        If a directory on the way is missing; a missing last component is told by `Entry.stat`.
    NotAllowed
        If a link leads out of the roots, or permissions forbid the way.
    """
    with failures(spot):
        found = _quickly(spot, follow) or _Walk(spot, follow).run()
    try:
        yield found
    finally:
        os.close(found.dir_fd)


@contextmanager
def directory(spot: Spot) -> Iterator[int]:
    """Open a directory for listing; gives its descriptor.

    Raises
    ------
    InvalidRequest
        If it is something else.
    """
    with entry(spot) as found:
        if not stat.S_ISDIR(found.need().st_mode):
            raise InvalidRequest(f"{spot.parameter} {quoted(spot.shown)} is {kind(found.need())}, not a directory")
        with failures(spot):
            fd = os.open(found.name, LISTED, dir_fd=found.dir_fd)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def regular_file(spot: Spot) -> Iterator[tuple[int, os.stat_result]]:
    """Open a regular file for reading; gives its descriptor and status. Nothing else is ever opened.

    Raises
    ------
    InvalidRequest
        If it is a directory, a FIFO, a socket or a device.
    """
    with entry(spot) as found:
        need_regular(found)
        fd = open_regular(found)
    try:
        yield fd, os.fstat(fd)
    finally:
        os.close(fd)


def need_regular(found: Entry) -> os.stat_result:
    """Refuse what is no regular file, without opening it."""
    status = found.need()
    if not stat.S_ISREG(status.st_mode):
        hint = "list_directory" if stat.S_ISDIR(status.st_mode) else ""
        where = f"{found.spot.parameter} {quoted(found.spot.shown)}"
        raise InvalidRequest(f"{where} is {kind(status)}, not a regular file", hint=hint)
    return status


def open_regular(found: Entry) -> int:
    """Open a regular file that was looked at; refuses what took its place meanwhile."""
    with failures(found.spot):
        fd = os.open(found.name, _READ, dir_fd=found.dir_fd)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise InvalidRequest(f"{found.spot.parameter} {quoted(found.spot.shown)} is not a regular file any more")
    return fd


def open_root(root: Root) -> int:
    """Open a root itself; one that a client narrowed is opened from the root above it."""
    if root.above is None:
        # It was free of links at the start. A root inside of another may have been replaced by one since then.
        fd = os.open("/", DIRECTORY)
        below = root.parts
        if syscalls.libc is not None and below:
            found = syscalls.open_in_one_call(fd, below, DIRECTORY)
            if found >= 0:
                os.close(fd)
                return found
    else:
        fd, below = open_root(root.above), root.below
    for part in below:
        try:
            inner = os.open(part, DIRECTORY, dir_fd=fd)
        finally:
            os.close(fd)
        fd = inner
    return fd


# -- the fast way ------------------------------------------------------------------------------------------------


def _quickly(spot: Spot, follow: bool) -> Entry | None:
    """Hold the place if no link lies on the way; None if one does, or this system cannot tell in one call."""
    if syscalls.libc is None or any("\\" in part for part in spot.parts):
        return None
    root_fd = open_root(spot.root)
    try:
        if not spot.parts:
            return _at_root(os.dup(root_fd), spot)
        *above, name = spot.parts
        if above:
            fd = syscalls.open_in_one_call(root_fd, above, DIRECTORY)
            if fd < 0:
                return None
        else:
            fd = os.dup(root_fd)
    finally:
        os.close(root_fd)
    try:
        found = Entry(fd, name, _status(name, fd), spot.root, spot.parts, spot)
    except BaseException:
        os.close(fd)
        raise
    nested = spot.roots.holding((*spot.root.parts, *spot.parts))
    if (follow and found.stat is not None and stat.S_ISLNK(found.stat.st_mode)) or nested != (spot.root, spot.parts):
        os.close(fd)
        return None
    return found


def _at_root(fd: int, spot: Spot) -> Entry:
    return Entry(fd, ".", os.fstat(fd), spot.root, (), spot)


def _status(name: str, dir_fd: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


# -- step by step ------------------------------------------------------------------------------------------------


class _Walk:
    """Goes from a root to a place, one component at a time."""

    def __init__(self, spot: Spot, follow: bool) -> None:
        self._spot = spot
        self._follow = follow
        self._roots: Roots = spot.roots
        self._root = spot.root
        self._fds: list[int] = []
        self._names: list[str] = []
        self._ahead: deque[str] = deque(spot.parts)
        self._links = 0

    def run(self) -> Entry:
        try:
            self._enter(self._root)
            found = self._steps()
        finally:
            for fd in self._fds:
                os.close(fd)
        real = self._roots.holding((*found.root.parts, *found.parts))
        assert real is not None
        # In a root inside of the root that the walk came through, the inner one's rights hold.
        return Entry(found.dir_fd, found.name, found.stat, *real, self._spot)

    def _enter(self, root: Root) -> None:
        fd = open_root(root)
        for old in self._fds:
            os.close(old)
        self._root, self._fds, self._names = root, [fd], []

    def _steps(self) -> Entry:
        while self._ahead:
            part = self._ahead.popleft()
            if part == "..":
                self._up()
                continue
            name, status = self._meant(part)
            last = not self._ahead
            if status is not None and stat.S_ISLNK(status.st_mode) and (self._follow or not last):
                self._through(name)
            elif last:
                return self._done(name, status)
            elif status is None:
                raise missing(self._spot, self._fds[-1], name)
            elif not stat.S_ISDIR(status.st_mode):
                raise OSError(errno.ENOTDIR, "not a directory")
            else:
                self._down(name)
        if not self._names:
            return _at_root(os.dup(self._fds[0]), Spot(self._roots, self._root, (), self._spot.parameter))
        name = self._names[-1]
        os.close(self._fds.pop())
        del self._names[-1]
        return self._done(name, _status(name, self._fds[-1]))

    def _done(self, name: str, status: os.stat_result | None) -> Entry:
        return Entry(os.dup(self._fds[-1]), name, status, self._root, (*self._names, name), self._spot)

    def _meant(self, part: str) -> tuple[str, os.stat_result | None]:
        """Find the entry that a component stands for: a shown name first, then its own letters."""
        names = meant_names(part) if self._links == 0 else [part]
        for name in names:
            status = _status(name, self._fds[-1])
            if status is not None:
                return name, status
        return names[-1], None

    def _down(self, name: str) -> None:
        self._fds.append(os.open(name, DIRECTORY, dir_fd=self._fds[-1]))
        self._names.append(name)

    def _up(self) -> None:
        if len(self._fds) > 1:
            os.close(self._fds.pop())
            self._names.pop()
        else:
            self._elsewhere((*self._root.parts[:-1], *self._ahead))

    def _through(self, name: str) -> None:
        self._links += 1
        if self._links > _MOST_LINKS:
            raise NotAllowed(f"{self._spot.parameter} {quoted(self._spot.shown)}: too many symbolic links")
        target = os.readlink(name, dir_fd=self._fds[-1])
        steps = parts_of(target)
        if target.startswith("/"):
            self._elsewhere((*steps, *self._ahead))
        else:
            self._ahead.extendleft(reversed(steps))

    def _elsewhere(self, absolute: Parts) -> None:
        """Go on from the root that an absolute target lies in."""
        # What lies above the roots was free of links at the start, so ".." there can be taken literally.
        way: list[str] = []
        if (root := self._roots.at(())) is not None:
            self._enter(root)
            self._ahead = deque(absolute)
            return
        for index, part in enumerate(absolute):
            if part == "..":
                del way[-1:]
                continue
            way.append(part)
            root = self._roots.at(tuple(way))
            if root is not None:
                self._enter(root)
                self._ahead = deque(absolute[index + 1 :])
                return
            if not self._roots.towards(tuple(way)):
                break
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise NotAllowed(
            f"{self._spot.parameter} {quoted(self._spot.shown)} leads through a symbolic link "
            "out of the allowed directories",
            hint=f"a path in {self._roots}",
        )
