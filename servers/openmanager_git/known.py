"""What was checked about a repository stands until something that the check looked at is different on disk.

To check where a git dir leads costs more than most reads. So the state of every directory and file that the check
looked at is remembered (`Look`), with the opened repository, and the next call looks at those states alone. A
repository with links, alternates, submodules or included configuration leads to places that such a look would not
see: it is checked each time.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pygit2

    from openmanager_git.repository import Place

State = tuple[int, ...] | None
"""What tells one state of a directory or file from the next; None if there is nothing."""

SETTLED_S = 2.0
"""Older than the coarsest clock of a file system: a change since then cannot carry the time of the state before."""
_MOST_FOLDERS = 300
_MOST_KNOWN = 8
_KEY_BYTES = 500
_ATTRIBUTES = ".gitattributes"
_CONVERTS = ("core.autocrlf", "core.eol", "core.attributesfile", "core.abbrev")
_SHAPES = ("diff.noprefix", "diff.mnemonicprefix", "diff.context")


def state_of(path: str) -> State:
    """Look at one path, itself and not what a link points to."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return (
        found.st_ctime_ns,
        found.st_mtime_ns,
        found.st_ino,
        found.st_size,
        found.st_mode,
        found.st_uid,
        found.st_dev,
    )


def listing(folder: str) -> tuple[list[str], list[str]]:
    """Name the links and the directories in a directory."""
    links, below = list[str](), list[str]()
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError), os.scandir(folder) as entries:
        for item in entries:
            if item.is_symlink():
                links.append(item.name)
            elif item.is_dir(follow_symlinks=False):
                below.append(item.name)
    return links, below


@dataclass
class Look:
    """What one check looked at.

    Attributes
    ----------
    simple
        Whether everything lies where it seems to: no link, no other repository's objects, no included file.
    files
        Path by path, taken before the check read there.
    folders
        The same, with the directories in each: Git makes and removes files in there all the time.
    """

    begun_ns: int = field(default_factory=time.time_ns)
    simple: bool = True
    files: dict[str, State] = field(default_factory=dict)
    folders: dict[str, tuple[State, frozenset[str]]] = field(default_factory=dict)

    def at(self, *paths: str) -> None:
        """Remember how these files are before they are read."""
        for path in paths:
            self.files.setdefault(path, state_of(path))

    def into(self, folder: str) -> tuple[list[str], list[str]]:
        """Name the links and the directories in a directory, and remember them."""
        state = state_of(folder)
        links, below = listing(folder)
        self.simple = self.simple and not links
        self.folders[folder] = state, frozenset(below)
        return links, below

    def settled(self) -> bool:
        """Tell whether any later change of a file would show."""
        latest_ns = self.begun_ns - int(SETTLED_S * 1e9)
        old = all(_older(state, latest_ns) for state in self.files.values())
        return self.simple and len(self.folders) <= _MOST_FOLDERS and old

    def same(self) -> bool:
        """Tell whether everything is as it was; a directory that was changed lately is listed again."""
        if any(state_of(path) != state for path, state in self.files.items()):
            return False
        latest_ns = time.time_ns() - int(SETTLED_S * 1e9)
        for folder, (state, below) in list(self.folders.items()):
            now = state_of(folder)
            if now == state and _older(state, latest_ns):
                continue
            if now is None or state is None or now[4:] != state[4:] or now[2] != state[2]:
                return False
            links, found = listing(folder)
            if links or below != frozenset(found):
                return False
            self.folders[folder] = now, below
        return True


def _older(state: State, latest_ns: int) -> bool:
    return state is None or (state[0] < latest_ns and state[1] < latest_ns)


class Verdicts:
    """What is known of the files of one repository.

    Attributes
    ----------
    by_path
        Files that differ from the index: the state they did so in, their entry's object, and the size it gives.
    patches
        By path, object, object or state of the other side, and lines around.
    """

    MOST = 20_000
    MOST_BYTES = 4 * 1024 * 1024

    def __init__(self) -> None:
        self.by_path: dict[str, tuple[State, str, int]] = {}
        self.patches: dict[Hashable, bytes] = {}
        self._bytes = 0

    def keep_patch(self, key: Hashable, patch: bytes) -> None:
        """Remember a patch; all are forgotten where they get too many."""
        self._bytes += len(patch) + _KEY_BYTES
        if self._bytes > self.MOST_BYTES:
            self.patches = {}
            self._bytes = len(patch) + _KEY_BYTES
        self.patches[key] = patch


class Plain:
    """Tells of a file whether nothing but its bytes counts; each directory is looked at once."""

    def __init__(self, work_tree: str, index: Any) -> None:
        self._top = work_tree
        self._index = index
        self._known: dict[str, bool] = {}

    def is_plain(self, path: str) -> bool:
        """Tell whether no .gitattributes stands beside or above a file, on disk or in the index."""
        return self._no_attributes(path.rpartition("/")[0])

    def _no_attributes(self, folder: str) -> bool:
        found = self._known.get(folder)
        if found is None:
            name = f"{folder}/{_ATTRIBUTES}" if folder else _ATTRIBUTES
            found = not os.path.lexists(f"{self._top}/{name}") and name not in self._index
            found = found and (not folder or self._no_attributes(folder.rpartition("/")[0]))
            self._known[folder] = found
        return found


@dataclass
class Checked:
    """A repository that was checked, and may be used again while it is the same.

    Attributes
    ----------
    holders
        References to the opened repository, as counted while one function held it.
    index
        State in which the index was seen to hold no submodule; None if it changed too lately to tell.
    """

    place: Place
    look: Look
    _repo: pygit2.Repository
    holders: int
    index: State
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def handle(self) -> pygit2.Repository | None:
        """Give the opened repository if no other call holds it: a handle is for one thread at a time.

        Whatever was read through it holds it too, so its own count of references tells.
        """
        if sys.implementation.name != "cpython":
            return None
        with self._turn:
            repo = self._repo
            return repo if sys.getrefcount(repo) <= self.holders + 1 else None


class Known:
    """The repositories used last."""

    def __init__(self) -> None:
        self._checked: OrderedDict[Hashable, Checked] = OrderedDict()
        self._verdicts: OrderedDict[str, Verdicts] = OrderedDict()
        self._turn = threading.Lock()

    def find(self, key: Hashable) -> Checked | None:
        """Give a repository that is as it was when it was checked; None if there is none."""
        with self._turn:
            found = self._checked.get(key)
        if found is None or found.look.same():
            return found
        with self._turn:
            if self._checked.get(key) is found:
                del self._checked[key]
        return None

    def keep(self, key: Hashable, checked: Checked) -> None:
        """Remember a repository, and forget the one that was found longest ago."""
        with self._turn:
            self._checked[key] = checked
            self._checked.move_to_end(key)
            while len(self._checked) > _MOST_KNOWN:
                self._checked.popitem(last=False)

    def verdicts(self, git_dir: str) -> Verdicts:
        """Give what is known of the files of this repository."""
        with self._turn:
            found = self._verdicts.setdefault(git_dir, Verdicts())
            while len(self._verdicts) > _MOST_KNOWN:
                self._verdicts.popitem(last=False)
            return found


def configuration_files() -> list[str]:
    """Name the user's and the system's files that libgit2 reads, whether there are any or not."""
    import pygit2
    from pygit2.enums import ConfigLevel

    wanted = (
        (ConfigLevel.GLOBAL, ("/.gitconfig",)),
        (ConfigLevel.XDG, ("/config", "/attributes")),
        (ConfigLevel.SYSTEM, ("/gitconfig", "/gitattributes")),
    )
    folders = ((pygit2.settings.search_path[level], names) for level, names in wanted)
    return [f"{folder.rstrip('/')}{name}" for folder, names in folders for name in names if folder]


def is_simple(configured: Iterable[str]) -> bool:
    """Tell whether no other file is included in the configuration, whose names of settings these are."""
    return not any(name.startswith(("include.", "includeif.")) for name in configured)


def is_plain(configured: Iterable[str], look: Look) -> bool:
    """Tell whether a file's text and its diff depend on nothing but its bytes, where no .gitattributes says so."""
    set_so = any(name in _CONVERTS or name in _SHAPES for name in configured)
    attributes = (path for path, state in look.files.items() if path.endswith("attributes") and state is not None)
    return not set_so and next(attributes, None) is None
