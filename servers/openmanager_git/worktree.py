"""The work tree against the index, without reading again what was read before.

Where a file has another time than the index says, and the same size, libgit2 reads and hashes it, and looks for the
settings of each (some twenty system calls). What such a file turned out to be stays true while the file and its
entry are the same: in the index in memory, which is never written, its entry gets a size that no longer fits, and
libgit2 takes it for changed at once. Only where nothing but the bytes counts (`Place.plain`, no ``.gitattributes``).
"""

from __future__ import annotations

import os
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from openmanager_git.known import SETTLED_S, Plain, State, Verdicts, state_of
from openmanager_git.repository import Place

if TYPE_CHECKING:
    import pygit2

_SIZE_BITS = 0xFFFFFFFF


def changes(
    repo: pygit2.Repository, place: Place, plain: Plain | None, flags: int = 0, context_lines: int = 3
) -> pygit2.Diff:
    """Compare the index with the work tree; the index file is read, never written."""
    index: Any = repo.index
    index.read(False)
    begun_ns = time.time_ns()
    memory = _Memory(place, plain, index) if plain is not None and find_spec("pygit2.ffi") is not None else None
    if memory is not None:
        memory.apply()
    diff: pygit2.Diff = index.diff_to_workdir(flags, context_lines=context_lines)
    if memory is not None:
        memory.learn(diff, begun_ns)
    return diff


class _Memory:
    """Applies what is known to one index in memory, and adds what a comparison has shown."""

    def __init__(self, place: Place, plain: Plain, index: Any) -> None:
        from pygit2.ffi import C, ffi

        self._lib, self._ffi = C, ffi
        self._top = place.work_tree
        self._verdicts = place.verdicts
        self._index = index
        self._plain = plain

    def apply(self) -> None:
        known = self._verdicts.by_path
        for path, (state, entry_id, size) in list(known.items()):
            entry = self._entry(path)
            if entry is None or self._id(entry) != entry_id:
                known.pop(path, None)
                if entry is not None and entry.file_size == _unlike(state):
                    entry.file_size = size
            elif state_of(f"{self._top}/{path}") == state and self._plain.is_plain(path):
                entry.file_size = _unlike(state)
            else:
                entry.file_size = size
                known.pop(path, None)

    def learn(self, diff: pygit2.Diff, begun_ns: int) -> None:
        known = self._verdicts.by_path
        latest_ns = begun_ns - int(SETTLED_S * 1e9)
        for delta in diff.deltas:
            if delta.status_char() != "M" or len(known) >= Verdicts.MOST:
                continue
            path = os.fsdecode(delta.new_file.raw_path)
            entry = None if path in known else self._entry(path)
            if entry is None or delta.old_file.mode != delta.new_file.mode or not self._plain.is_plain(path):
                continue
            state = state_of(f"{self._top}/{path}")
            # Of another size it is changed anyway (0: not known). What changed just now may change again unseen.
            if state is not None and entry.file_size in (0, state[3]) and max(state[:2]) < latest_ns:
                known[path] = (state, self._id(entry), int(entry.file_size))

    def _entry(self, path: str) -> Any:
        found = self._lib.git_index_get_bypath(self._index._index, os.fsencode(path), 0)
        return None if found == self._ffi.NULL else self._ffi.cast("git_index_entry *", found)

    def _id(self, entry: Any) -> str:
        return bytes(self._ffi.buffer(self._ffi.addressof(entry, "id"))[:]).hex()


def _unlike(state: State) -> int:
    """A size, never 0, that a file in this state does not have."""
    assert state is not None
    return ((state[3] + 1) & _SIZE_BITS) or 1
