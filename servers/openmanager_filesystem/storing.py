"""A file's new content appears whole or not at all, and never over a change that nobody has seen.

The content goes to a new file in the same directory (``.openmanager-*.tmp``), gets the owner, mode and extended
attributes of the one it replaces, is written to disk, and takes the name; then the directory is written to disk. A
process that is killed in between leaves the old content, and at worst that temporary file, which `leftovers` sweeps.

Right before the name is taken, what is there is compared with what was read. A program that neither locks nor
renames and writes within the microseconds after that is the one that can still lose its change.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from openmanager_core.errors import Conflict, InvalidRequest, NotAllowed
from openmanager_core.job import checkpoint
from openmanager_core.text import quoted, visible
from openmanager_filesystem import leftovers, versions
from openmanager_filesystem.locks import lock_file, one_writer
from openmanager_filesystem.system import rename_new
from openmanager_kit.confined import walk
from openmanager_kit.confined.refusals import LISTED, failures
from openmanager_kit.confined.roots import Spot
from openmanager_kit.confined.walk import Entry

MOST_BYTES = 64 * 1024 * 1024
"""Largest file that is edited; larger ones would have to be in memory several times."""
NEW = "new"
"""As `version`: the file must not exist yet."""
_COMPARED_BYTES = 1024 * 1024
_BLOCK_BYTES = 1024 * 1024
_AGAIN = "read the file again and use the version that it has now"


@dataclass(slots=True)
class Held:
    """A file that this call alone of ours may change, while the block of `held` lasts.

    Attributes
    ----------
    fd, status
        The file as it was when it was locked; -1 and None if there is none.
    notes
        What the caller should be told: other names, an owner that could not be kept.
    """

    found: Entry
    fd: int = -1
    status: os.stat_result | None = None
    data: bytes | None = None
    notes: list[str] = field(default_factory=list)

    def content(self) -> bytes:
        """Read the file; empty if there is none.

        Raises
        ------
        InvalidRequest
            If it is too large to be edited.
        """
        if self.data is None:
            if self.status is not None and self.status.st_size > MOST_BYTES:
                raise InvalidRequest(
                    f"{_where(self.found)} has {self.status.st_size:,} bytes, the most is {MOST_BYTES:,} for an edit"
                )
            with failures(self.found.spot):
                self.data = b"" if self.fd < 0 else _all(self.fd)
        return self.data

    def need_version(self, wanted: str) -> None:
        """Refuse to go on if the file is not in the state that the caller has seen.

        Raises
        ------
        Conflict
            If it is not.
        """
        if not wanted:
            return
        if wanted == NEW:
            if self.status is not None:
                raise Conflict(f'{_where(self.found)} exists already, and version is "new"', hint=_AGAIN)
            return
        if self.status is None:
            raise Conflict(f"{_where(self.found)} does not exist any more", hint='version "new" to create it')
        now = versions.measured(self.fd, self.status).version
        if now != wanted:
            raise Conflict(
                f"{_where(self.found)} has version {now}, not {quoted(wanted, 40)}: it has changed", hint=_AGAIN
            )

    def replace(self, data: bytes) -> str:
        """Give the file a new content; gives its version.

        Raises
        ------
        Conflict
            If somebody else has changed it since it was read here.
        """
        found = self.found
        part = leftovers.new_name()
        with failures(found.spot):
            mode = 0o666 if self.status is None else 0o600
            fd = os.open(
                part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=found.dir_fd
            )
            try:
                try:
                    leftovers.claim(fd)
                    _write(fd, data)
                    if self.status is not None:
                        self._keep(fd, self.status)
                    os.fsync(fd)
                finally:
                    os.close(fd)
                self._take_name(part)
            except BaseException:
                with suppress(OSError):
                    os.unlink(part, dir_fd=found.dir_fd)
                raise
            sync_directory(found.dir_fd)
            leftovers.sweep(found.dir_fd)
        if len(data) <= versions.HASHED_BYTES:
            return versions.of_bytes(data)
        return versions.of_status(os.stat(found.name, dir_fd=found.dir_fd, follow_symlinks=False))

    def _keep(self, fd: int, old: os.stat_result) -> None:
        new = os.fstat(fd)
        if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
            try:
                os.fchown(fd, old.st_uid, old.st_gid)
            except PermissionError:
                self.notes.append("its owner could not be kept")
                with suppress(OSError):
                    os.fchown(fd, -1, old.st_gid)
        if lost := copy_attributes(self.fd, fd):
            self.notes.append(f"extended attributes that could not be kept: {', '.join(map(visible, lost))}")
        os.fchmod(fd, old.st_mode & 0o7777)
        if old.st_nlink > 1:
            self.notes.append(f"the file has {old.st_nlink - 1} other name(s) (hard links), which keep the old content")

    def _take_name(self, part: str) -> None:
        found = self.found
        if self.status is None:
            try:
                rename_new(part, found.dir_fd, found.name, found.dir_fd, directory=False)
            except FileExistsError:
                raise Conflict(f"{_where(found)} was created by somebody else meanwhile", hint=_AGAIN) from None
            return
        try:
            now = os.stat(found.name, dir_fd=found.dir_fd, follow_symlinks=False)
        except FileNotFoundError:
            raise Conflict(f"{_where(found)} was deleted by somebody else meanwhile", hint=_AGAIN) from None
        same = os.path.samestat(now, self.status) and now.st_size == self.status.st_size
        if same and self.data is not None and now.st_size <= _COMPARED_BYTES:
            same = _all(self.fd) == self.data
        elif same:
            same = versions.same_state(now, self.status)
        if not same:
            raise Conflict(f"{_where(found)} was changed by somebody else meanwhile", hint=_AGAIN)
        os.rename(part, found.name, src_dir_fd=found.dir_fd, dst_dir_fd=found.dir_fd)


@contextmanager
def held(spot: Spot) -> Iterator[Held]:
    """Hold the file that `spot` names for a change; links inside the roots are followed to it.

    Raises
    ------
    NotAllowed
        If its root may only be read, or the file is write-protected.
    InvalidRequest
        If it is something else than a regular file.
    """
    with walk.entry(spot) as found:
        found.need_writable()
        with one_writer(found):
            mine = _locked(found)
            try:
                yield mine
            finally:
                if mine.fd >= 0:
                    os.close(mine.fd)


def _locked(found: Entry) -> Held:
    while True:
        checkpoint()
        try:
            status = os.stat(found.name, dir_fd=found.dir_fd, follow_symlinks=False)
        except FileNotFoundError:
            return Held(found)
        walk.need_regular(Entry(found.dir_fd, found.name, status, found.root, found.parts, found.spot))
        if not os.access(found.name, os.W_OK, dir_fd=found.dir_fd):
            raise NotAllowed(f"{_where(found)} is write-protected by its permissions")
        fd = walk.open_regular(found)
        try:
            if lock_file(fd, found):
                return Held(found, fd, os.fstat(fd))
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def copy_attributes(source: int, target: int) -> list[str]:
    """Copy extended attributes, access lists among them; gives the names of those that the system refused."""
    lost: list[str] = []
    if not hasattr(os, "listxattr"):
        return lost
    try:
        names = os.listxattr(source)
    except OSError:
        return []
    for name in names:
        try:
            os.setxattr(target, name, os.getxattr(source, name))
        except OSError as exc:
            if exc.errno != errno.ENODATA:
                lost.append(name)
    return lost


def sync_directory(dir_fd: int) -> None:
    """Write a directory's names to disk."""
    with suppress(PermissionError):  # a directory that may be written and not listed
        fd = os.open(".", LISTED, dir_fd=dir_fd)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _all(fd: int) -> bytes:
    size = os.fstat(fd).st_size
    data = os.pread(fd, size + 1, 0)
    while len(data) <= MOST_BYTES and (more := os.pread(fd, _BLOCK_BYTES, len(data))):
        checkpoint()
        data += more
    return data


def _write(fd: int, data: bytes) -> None:
    view, done = memoryview(data), 0
    while done < len(data):
        checkpoint()
        done += os.write(fd, view[done : done + _BLOCK_BYTES])


def _where(found: Entry) -> str:
    return f"{found.spot.parameter} {quoted(found.spot.shown)}"
