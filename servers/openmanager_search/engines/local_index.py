"""The file of one local index: made and brought up to date in one transaction, read by the engine."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from openmanager_core.errors import InvalidRequest, NotFound, StorageUnavailable
from openmanager_search.engines.local_words import normal, pairs

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
MOST_CHARS = 1_000_000
"""Characters of one file that are looked through; the rest is left out, and counted as cut."""

VERSION = 1
"""Of the file's format."""

_BUSY_S = 5.0
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE files (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, mtime_ns INTEGER NOT NULL,
                    size INTEGER NOT NULL, digest BLOB NOT NULL);
CREATE VIRTUAL TABLE words USING fts5(title, body, grams, tokenize = "unicode61 remove_diacritics 2", prefix = '3');
"""


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was found.

    Attributes
    ----------
    path
        Relative to the folder, with slashes.
    """

    path: str
    mtime_ns: int
    size: int


@dataclass(slots=True)
class Summary:
    """What bringing an index up to date did."""

    files: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0
    cut: int = 0
    skipped: dict[str, int] = field(default_factory=dict)

    def skip(self, why: str) -> None:
        """Count a file that was left out."""
        self.skipped[why] = self.skipped.get(why, 0) + 1


class Skip(Exception):
    """A file that has no place in an index; says why."""


def folder_of(home: Path) -> Path:
    """Where the indexes live below the folder of all state."""
    return home / "search" / "indexes"


def path_of(home: Path, name: str) -> Path:
    """Where one index lives.

    Raises
    ------
    InvalidRequest
        If that is no name for one.
    """
    if not NAME.fullmatch(name):
        raise InvalidRequest(
            f"name must be of a-z, 0-9, - and _, at most 63 characters, got {name[:80]!r}", hint="--name docs"
        )
    return folder_of(home) / f"{name}.sqlite3"


def names(home: Path) -> list[str]:
    """Name the indexes that there are."""
    try:
        found = [path.stem for path in folder_of(home).iterdir() if path.suffix == ".sqlite3"]
    except OSError:
        return []
    return sorted(name for name in found if NAME.fullmatch(name))


@contextmanager
def written(path: Path) -> Iterator[sqlite3.Connection]:
    """Open an index for one transaction: all of it is kept, or nothing.

    Raises
    ------
    StorageUnavailable
        If another command writes it, it is damaged or a newer version's, or the disk is full.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = not path.exists()
    if new:
        path.touch(mode=0o600)
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            if not _version(connection, path):
                for statement in _SCHEMA.strip().split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {VERSION}")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
    except sqlite3.Error as exc:
        busy = "locked" in str(exc)
        raise StorageUnavailable(
            f"index {path.stem} cannot be written: {exc}",
            hint="wait until the other command is done" if busy else f"--remove {path.stem}, then index again",
        ) from exc


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open an index for reading only.

    Raises
    ------
    NotFound
        If there is none.
    StorageUnavailable
        If it cannot be read, or a newer version wrote it.
    """
    if not path.exists():
        raise NotFound(f"there is no local index {path.stem}", hint="openmanager index DIR")
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=1.0)) as connection:
            connection.execute("PRAGMA query_only = ON")
            _version(connection, path)
            yield connection
    except sqlite3.Error as exc:
        raise StorageUnavailable(
            f"the local index {path.stem} cannot be read: {exc}", hint=f"openmanager index --remove {path.stem}"
        ) from exc


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """Give the version of the file's format, 0 for a file with nothing in it; refuse a newer one."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise StorageUnavailable(
            f"the index {path.stem} was written by a newer OpenManager (its format is {version}, ours is {VERSION})",
            hint=f"update OpenManager, or openmanager index --remove {path.stem} and index again",
        )
    return version


class Update:
    """Brings one index to the state of a folder, file by file.

    Parameters
    ----------
    connection
        Of `written`.
    root
        The folder, as an absolute path; an index keeps to one folder.
    """

    def __init__(self, connection: sqlite3.Connection, root: str) -> None:
        self._connection = connection
        self.summary = Summary()
        known = connection.execute("SELECT value FROM meta WHERE key = 'root'").fetchone()
        if known is not None and known[0] != root:
            raise InvalidRequest(
                "name is that of an index over another folder", hint="another --name, or --remove it first"
            )
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('root', ?)", (root,))
        self._known = {row[1]: row for row in connection.execute("SELECT id, path, mtime_ns, size, digest FROM files")}
        self._seen: set[str] = set()

    def unchanged(self, source: Source) -> bool:
        """Tell whether a file is as it was, by its time and size."""
        row = self._known.get(source.path)
        same = row is not None and row[2:4] == (source.mtime_ns, source.size)
        if same:
            self._seen.add(source.path)
            self.summary.files += 1
        return same

    def same_content(self, source: Source, data: bytes) -> bool:
        """Tell whether a file that was touched holds what it held."""
        row = self._known.get(source.path)
        if row is None or row[4] != digest_of(data):
            return False
        self._connection.execute(
            "UPDATE files SET mtime_ns = ?, size = ? WHERE id = ?", (source.mtime_ns, source.size, row[0])
        )
        self._seen.add(source.path)
        self.summary.files += 1
        return True

    def take(self, source: Source, data: bytes, title: str, text: str) -> None:
        """Put a new or changed file in."""
        body = normal(text)
        if len(body) > MOST_CHARS:
            body = body[:MOST_CHARS]
            self.summary.cut += 1
        title = normal(title)[:500]
        row = self._known.get(source.path)
        facts = (source.path, source.mtime_ns, source.size, digest_of(data))
        if row is None:
            number = self._connection.execute(
                "INSERT INTO files (path, mtime_ns, size, digest) VALUES (?, ?, ?, ?)", facts
            ).lastrowid
            self.summary.new += 1
        else:
            number = row[0]
            self._connection.execute("DELETE FROM words WHERE rowid = ?", (number,))
            self._connection.execute(
                "UPDATE files SET path = ?, mtime_ns = ?, size = ?, digest = ? WHERE id = ?", (*facts, number)
            )
            self.summary.changed += 1
        self._connection.execute(
            "INSERT INTO words (rowid, title, body, grams) VALUES (?, ?, ?, ?)",
            (number, title, body, pairs(f"{title}\n{body}")),
        )
        self._seen.add(source.path)
        self.summary.files += 1

    def forget_vanished(self) -> None:
        """Take out what is no longer in the folder, or no longer fit for an index."""
        for path, row in self._known.items():
            if path not in self._seen:
                self._connection.execute("DELETE FROM words WHERE rowid = ?", (row[0],))
                self._connection.execute("DELETE FROM files WHERE id = ?", (row[0],))
                self.summary.gone += 1


def digest_of(data: bytes) -> bytes:
    """Name a content."""
    return hashlib.blake2b(data, digest_size=16).digest()


def described(home: Path, listed: Iterable[str]) -> list[tuple[str, str, int]]:
    """Give name, folder and number of files of each index that can be read."""
    found = []
    for name in listed:
        try:
            with reading(path_of(home, name)) as connection:
                root = connection.execute("SELECT value FROM meta WHERE key = 'root'").fetchone()
                count = connection.execute("SELECT COUNT(*) FROM files").fetchone()[0]
        except StorageUnavailable:
            found.append((name, "cannot be read", 0))
            continue
        found.append((name, root[0] if root else "", count))
    return found
