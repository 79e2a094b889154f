"""Answers of engines, kept in one SQLite file; a cache: whatever is wrong with it costs only another request."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from openmanager_search.engines.base import Hit, Page, Query

_VERSION = 1
_BUSY_S = 1.0
KEPT_S = 7 * 86_400.0
"""How long an answer may serve when no engine answers."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS pages (key BLOB PRIMARY KEY, stored_s REAL NOT NULL, size INTEGER NOT NULL,
                                  body TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pages_age ON pages (stored_s);
"""


def key_of(engine: str, query: Query, page: int) -> bytes:
    """Name an engine's page of a query; white space does not count."""
    fields = {**asdict(query), "text": " ".join(query.text.split())}
    return hashlib.blake2b(json.dumps([engine, page, fields], sort_keys=True).encode(), digest_size=16).digest()


class Cache:
    """The file, opened at first use.

    Parameters
    ----------
    folder
        Where it lives; made (0700) when needed.
    most_bytes
        Size of all answers together; the oldest go first.
    clock
        Seconds since 1970.
    """

    def __init__(self, folder: Path, *, most_bytes: int = 32 * 1024**2, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._path = folder / "answers.sqlite3"
        self._most_bytes = most_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._broken = False

    def get(self, key: bytes, most_s: float) -> tuple[Page, float] | None:
        """Give an answer that is at most so old, and its age in seconds."""
        with self._lock, suppress(sqlite3.Error, OSError):
            connection = self._opened()
            if connection is None:
                return None
            row = connection.execute("SELECT stored_s, body FROM pages WHERE key = ?", (key,)).fetchone()
            if row is None:
                return None
            age_s = max(0.0, self._clock() - row[0])
            if age_s > most_s:
                return None
            try:
                said = json.loads(row[1])
                return Page(tuple(Hit(**hit) for hit in said["hits"]), bool(said["more"])), age_s
            except (ValueError, KeyError, TypeError):
                return None
        return None

    def put(self, key: bytes, page: Page) -> None:
        """Keep an answer, and let the oldest go."""
        hits = [{name: value for name, value in asdict(hit).items() if value} for hit in page.hits]
        body = json.dumps({"hits": hits, "more": page.more}, ensure_ascii=True, separators=(",", ":"))
        with self._lock, suppress(sqlite3.Error, OSError):
            connection = self._opened()
            if connection is None:
                return
            now = self._clock()
            with connection:
                connection.execute("INSERT OR REPLACE INTO pages VALUES (?, ?, ?, ?)", (key, now, len(body), body))
                connection.execute("DELETE FROM pages WHERE stored_s < ? OR stored_s > ?", (now - KEPT_S, now + 60))
                connection.execute(
                    "DELETE FROM pages WHERE key IN (SELECT key FROM (SELECT key, SUM(size) OVER "
                    "(ORDER BY stored_s DESC, key) AS upto FROM pages) WHERE upto > ?)",
                    (self._most_bytes,),
                )

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def _opened(self) -> sqlite3.Connection | None:
        if self._connection is None and not self._broken:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                self._connection = self._open()
            except sqlite3.DatabaseError:
                # Damaged, or of another version: nothing is lost with it but a few requests.
                for name in ("", "-wal", "-shm"):
                    Path(f"{self._path}{name}").unlink(missing_ok=True)
                try:
                    self._connection = self._open()
                except sqlite3.DatabaseError:
                    self._broken = True
        return self._connection

    def _open(self) -> sqlite3.Connection:
        if not self._path.exists():
            self._path.touch(mode=0o600)
        connection = sqlite3.connect(self._path, timeout=_BUSY_S, check_same_thread=False)
        try:
            # Without a write-ahead log kill -9 could leave a journal that the next reader has to play back.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, _VERSION):
                raise sqlite3.DatabaseError("another version")
            connection.executescript(_SCHEMA)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        except BaseException:
            connection.close()
            raise
        return connection
