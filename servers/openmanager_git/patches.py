"""The patch of one ordinary changed file, made of two texts in memory.

libgit2 looks for attributes, drivers and filters of each file anew, some forty system calls, before it compares two
texts. Where none can be (`worktree.Plain`), the texts alone give the same patch.
"""

from __future__ import annotations

import os
import weakref
from functools import cached_property
from typing import TYPE_CHECKING, Any

from openmanager_git.repository import Place
from openmanager_git.worktree import Plain
from openmanager_kit.confined import syscalls
from openmanager_kit.confined.walk import DIRECTORY

if TYPE_CHECKING:
    import pygit2

_ORDINARY = 0o100644
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Patches:
    """Makes patches for one diff; None where libgit2 has to."""

    def __init__(self, repo: pygit2.Repository, place: Place, *, work_tree: bool, most_bytes: int) -> None:
        self._repo = repo
        self._place = place
        self._work_tree = work_tree
        self._most_bytes = most_bytes
        self._plain = Plain(place, repo.index) if place.plain else None

    def of(self, delta: Any, context_lines: int) -> bytes | None:
        """Give the patch of a changed file as `Patch.data` does."""
        if self._plain is None or delta.status_char() != "M":
            return None
        old, new = delta.old_file, delta.new_file
        path = new.path
        if old.mode != _ORDINARY or new.mode != _ORDINARY or not path.isascii() or old.path != path:
            return None
        if not self._plain.is_plain(path):
            return None
        before = self._blob(old)
        after = before and (self._file(path) if self._work_tree else self._blob(new))
        if not before or not after or b"\0" in before or b"\0" in after:
            return None
        from pygit2 import Patch

        return Patch.create_from(before, after, path, path, 0, context_lines).data

    def _blob(self, side: Any) -> bytes:
        found = self._repo[side.id]
        data: bytes = getattr(found, "data", b"") if getattr(found, "size", self._most_bytes) < self._most_bytes else b""
        return data

    @cached_property
    def _top_fd(self) -> int:
        fd = os.open(self._place.work_tree, DIRECTORY)
        weakref.finalize(self, os.close, fd)
        return fd

    def _file(self, path: str) -> bytes:
        """Read a file of the work tree, never through a link; nothing if that does not work out at once."""
        if syscalls.libc is None:
            return b""
        fd = syscalls.open_in_one_call(self._top_fd, path.split("/"), _READ)
        if fd < 0:
            return b""
        try:
            size = os.fstat(fd).st_size
            data = os.read(fd, size + 1) if size <= self._most_bytes else b""
        except OSError:
            return b""
        finally:
            os.close(fd)
        return data if len(data) == size else b""
