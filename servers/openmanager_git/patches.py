"""The patch of one ordinary changed file, made of two texts in memory.

libgit2 looks for attributes, drivers and filters of each file anew, some forty system calls, before it compares two
texts. Where none can be (`Plain`), the texts alone give the same patch, and it stays the same for these two texts:
the last ones are kept.
"""

from __future__ import annotations

import os
import time
import weakref
from functools import cached_property
from typing import TYPE_CHECKING, Any

from openmanager_git.known import SETTLED_S, Plain, State, state_of
from openmanager_git.repository import Place
from openmanager_kit.confined import syscalls
from openmanager_kit.confined.walk import DIRECTORY

if TYPE_CHECKING:
    import pygit2

_ORDINARY = 0o100644
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LONGEST_KEPT = 64 * 1024


class Patches:
    """Makes patches for one diff; None where libgit2 has to."""

    def __init__(
        self, repo: pygit2.Repository, place: Place, plain: Plain | None, *, work_tree: bool, most_bytes: int
    ) -> None:
        self._repo = repo
        self._place = place
        self._plain = plain
        self._work_tree = work_tree
        self._most_bytes = most_bytes
        self._latest_ns = time.time_ns() - int(SETTLED_S * 1e9)

    def of(self, delta: Any, context_lines: int) -> bytes | None:
        """Give the patch of a changed file as `Patch.data` does."""
        if self._plain is None or delta.status_char() != "M":
            return None
        old, new = delta.old_file, delta.new_file
        path = new.path
        if old.mode != _ORDINARY or new.mode != _ORDINARY or old.path != path or not self._plain.is_plain(path):
            return None
        now = state_of(f"{self._place.work_tree}/{path}") if self._work_tree else None
        key = (path, old.id, now if self._work_tree else new.id, context_lines)
        kept = self._place.verdicts.patches.get(key)
        if kept is not None:
            return kept
        before = self._blob(old)
        after = before and (self._file(path, now) if self._work_tree else self._blob(new))
        if not before or not after or b"\0" in before or b"\0" in after or not path.isascii():
            return None
        from pygit2 import Patch
        from pygit2.enums import DiffOption

        made: bytes = Patch.create_from(before, after, path, path, DiffOption.NORMAL, context_lines).data
        # What changed just now may change again unseen.
        if len(made) <= _LONGEST_KEPT and (now is None or max(now[:2]) < self._latest_ns):
            self._place.verdicts.keep_patch(key, made)
        return made

    def _blob(self, side: Any) -> bytes:
        try:
            if self._repo.odb.read_header(side.id)[1] > self._most_bytes:
                return b""
            data: bytes = self._repo.read(side.id)[1]
        except (KeyError, ValueError, TypeError):
            return b""
        return data

    @cached_property
    def _top_fd(self) -> int:
        fd = os.open(self._place.work_tree, DIRECTORY)
        weakref.finalize(self, os.close, fd)
        return fd

    def _file(self, path: str, now: State) -> bytes:
        """Read a file of the work tree, never through a link; nothing if it is not as it was looked at."""
        if syscalls.libc is None:
            return b""
        fd = syscalls.open_in_one_call(self._top_fd, path.split("/"), _READ)
        if fd < 0:
            return b""
        try:
            found = os.fstat(fd)
            if now is None or found.st_size > self._most_bytes or (found.st_ino, found.st_size) != now[2:4]:
                return b""
            data = os.read(fd, found.st_size + 1)
        except OSError:
            return b""
        finally:
            os.close(fd)
        return data if len(data) == found.st_size else b""
