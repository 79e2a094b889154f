"""The user's own folder of Markdown, indexed in a file: only what changed is read again, links are not followed."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from openmanager_core.errors import NotFound, StorageUnavailable
from openmanager_core.job import checkpoint
from openmanager_core.knowledge.passages import Found, Passage, Passages
from openmanager_core.wording import sentence

MOST_FILES = 2000
MOST_BYTES = 1_000_000
"""Of one file; larger ones are left out and named."""
MOST_ALL_BYTES = 50_000_000
MOST_DEPTH = 8
_MOST_PASSAGE = 4000
_MOST_PROBLEMS = 10
_REFRESH_S = 5.0
_ENDINGS = (".md", ".markdown")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*\s*$")
_VERSION = 1


class Folder:
    """An index of one folder, kept in a file below `home`; opened at first use, and made anew if it is damaged.

    Parameters
    ----------
    root
        The folder that is read; nothing outside of it ever is.
    home
        Where the index is kept; made with mode 0700 if it is missing.
    """

    def __init__(self, root: Path, home: Path) -> None:
        self._root = root
        self._home = home
        self._index: Passages | None = None
        self._looked_s = -_REFRESH_S
        self._lock = threading.Lock()
        self.problems: list[str] = []

    def search(self, query: str, top: int) -> list[Found]:
        """The passages that fit best, after what changed in the folder was read again.

        Raises
        ------
        NotFound
            If the folder is not there.
        StorageUnavailable
            If the index can not be kept.
        """
        with self._lock:
            try:
                index = self._opened()
                if time.monotonic() - self._looked_s >= _REFRESH_S:
                    self._refresh(index)
                    self._looked_s = time.monotonic()
                return index.search(query, top)
            except (sqlite3.Error, OSError) as exc:
                self._drop()
                raise StorageUnavailable(
                    f"the index of the runbooks folder can not be kept: {type(exc).__name__}",
                    hint="check that the state folder can be written",
                ) from exc

    def close(self) -> None:
        """Let go of the index."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._index is not None:
            with suppress(sqlite3.Error):
                self._index.close()
            self._index = None

    def _opened(self) -> Passages:
        if self._index is None:
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
            which = blake2b(os.fsencode(self._root.absolute()), digest_size=4).hexdigest()
            file = self._home / f"runbooks-{which}.sqlite3"
            try:
                self._index = _open(file)
            except sqlite3.DatabaseError:  # an index can always be made again
                file.unlink(missing_ok=True)
                self._index = _open(file)
        return self._index

    def _refresh(self, index: Passages) -> None:
        if not self._root.is_dir():
            raise NotFound("the runbooks folder is not there", hint="check [openmanager-local] runbooks in the profile")
        self.problems = []
        known = {str(name): (mtime, size) for name, mtime, size in index.run("SELECT name, mtime_ns, bytes FROM seen")}
        seen: set[str] = set()
        total = 0
        for name, status, descriptor in _files(self._root, self.problems):
            checkpoint()
            if len(seen) >= MOST_FILES or total > MOST_ALL_BYTES:
                self._problem(sentence("problem.first_files", count=len(seen)))
                break
            if status.st_size > MOST_BYTES:
                self._problem(sentence("problem.large_file", name=name, most=MOST_BYTES))
                continue
            seen.add(name)
            total += status.st_size
            now = (status.st_mtime_ns, status.st_size)
            if known.get(name) == now:
                continue
            index.remove(name)
            index.add(_passages(name, _read(descriptor)))
            index.run("INSERT OR REPLACE INTO seen (name, mtime_ns, bytes) VALUES (?, ?, ?)", (name, *now))
        for name in known.keys() - seen:
            index.remove(name)
            index.run("DELETE FROM seen WHERE name = ?", (name,))

    def _problem(self, text: str) -> None:
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(text)


def _open(file: Path) -> Passages:
    index = Passages(file)
    if index.run("PRAGMA user_version") not in ([(_VERSION,)], [(0,)]):
        index.close()
        raise sqlite3.DatabaseError("made by another version")
    index.run(
        "CREATE TABLE IF NOT EXISTS seen (name TEXT PRIMARY KEY, mtime_ns INTEGER NOT NULL, bytes INTEGER NOT NULL)"
    )
    index.run(f"PRAGMA user_version = {_VERSION}")
    with suppress(OSError):
        file.chmod(0o600)
    return index


def _files(root: Path, problems: list[str]) -> Iterator[tuple[str, os.stat_result, int]]:
    """Name below the root, status and open descriptor of each plain Markdown file; links and devices are passed by."""
    walk = (
        os.fwalk(root, follow_symlinks=False) if hasattr(os, "fwalk") else ((d, s, f, -1) for d, s, f in os.walk(root))
    )
    for folder, below, files, folder_descriptor in walk:
        depth = len(Path(folder).relative_to(root).parts)
        below[:] = sorted(d for d in below if not d.startswith(".")) if depth < MOST_DEPTH else []
        for name in sorted(files):
            if not name.casefold().endswith(_ENDINGS) or name.startswith("."):
                continue
            shown = (Path(folder).relative_to(root) / name).as_posix()
            flags = (
                os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
            )
            try:
                if folder_descriptor >= 0:
                    descriptor = os.open(name, flags, dir_fd=folder_descriptor)
                else:
                    descriptor = os.open(Path(folder) / name, flags)
            except OSError:
                if len(problems) < _MOST_PROBLEMS:
                    problems.append(sentence("problem.link", name=os.fsencode(shown).decode("utf-8", "replace")))
                continue
            try:
                status = os.fstat(descriptor)
                if stat.S_ISREG(status.st_mode):
                    yield os.fsencode(shown).decode("utf-8", "replace"), status, descriptor
            finally:
                os.close(descriptor)


def _read(descriptor: int) -> str:
    parts, left = [], MOST_BYTES
    while left > 0 and (part := os.read(descriptor, min(left, 65_536))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts).decode("utf-8", "replace")


def _passages(name: str, text: str) -> Iterator[Passage]:
    """One passage a heading, long ones in pieces; the heading's parents are part of its title."""
    lines: list[str] = []
    title = Path(name).stem.replace("-", " ").replace("_", " ")
    first = title
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        heading = None if fenced else _HEADING.match(line)
        if heading:
            yield from _pieces(name, title, lines)
            title, lines = (
                (heading[1] if heading[1].casefold() == first.casefold() else f"{first}: {heading[1]}")[:200],
                [],
            )
        else:
            lines.append(line)
    yield from _pieces(name, title, lines)


def _pieces(name: str, title: str, lines: list[str]) -> Iterator[Passage]:
    body = "\n".join(lines).strip()
    for at in range(0, len(body), _MOST_PASSAGE):
        piece = body[at : at + _MOST_PASSAGE]
        yield Passage(name, title, "", piece)
