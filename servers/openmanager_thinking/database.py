"""The file of the chains: opened privately, looked at before it is touched, brought to our version.

Imported at the first use, for it brings SQLite with it.
"""

from __future__ import annotations

import errno
import sqlite3
import time
from pathlib import Path

from openmanager_core.errors import StorageUnavailable
from openmanager_core.job import current_job
from openmanager_core.storage.failures import Damaged, explain
from openmanager_core.storage.guarded import Watched, prepare
from openmanager_core.text import ident
from openmanager_thinking.schema import APPLICATION_ID, MIGRATIONS, VERSION

BUSY_S = 5.0
"""How long a transaction waits for another process."""

_WHAT = "the file of the chains"
_CHECKED_BYTES = 32 * 2**20
_LOG_BYTES = 16 * 2**20
"""Then the log is carried over into the file, for which the disk has to be waited for twice."""

_PAGES_PER_THOUGHT = 5
_PAGE_BYTES = 1024
"""Of a new file. A thought changes a few rows in as many pages, and each goes into the log whole, with a checksum."""

_LOOK_EVERY = 20_000
_SETTINGS = (
    "PRAGMA cell_size_check = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA temp_store = MEMORY",
    f"PRAGMA journal_size_limit = {_LOG_BYTES}",
)


def explained(exc: Exception, path: Path) -> Exception:
    """Put a failure of SQLite or of the operating system into words; anything else stays what it is."""
    if not isinstance(exc, (sqlite3.Error, OSError, Damaged)) or isinstance(exc, sqlite3.ProgrammingError):
        return exc
    return explain(exc, ident(path.name), BUSY_S, _WHAT)


def is_full(exc: Exception) -> bool:
    """Tell whether there was no room for a change."""
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def open_database(path: Path, *, check: bool = True, flush_each: bool = False) -> sqlite3.Connection:
    """Open the file, make it (0600, in a folder of 0700) if it is not there, and bring it to our version.

    Parameters
    ----------
    check
        Whether to look for damage; once in a process is enough.
    flush_each
        Whether a transaction ends only when the disk has it.

    Raises
    ------
    StorageUnavailable
        If it is another program's, a newer version's, damaged, or cannot be written.
    """
    try:
        prepare(path)
        db = _set_up(_connect(str(path)), ident(path.name), check)
        db.execute(f"PRAGMA synchronous = {'FULL' if flush_each else 'NORMAL'}")
        return db
    except (sqlite3.Error, OSError, ValueError) as exc:
        raise explained(exc, path) from exc


def thoughts_in_log(db: sqlite3.Connection) -> int:
    """Say how many thoughts, stored one by one, fill the log."""
    return _LOG_BYTES // (_PAGES_PER_THOUGHT * _number(db, "PRAGMA page_size"))


def nothing() -> sqlite3.Connection:
    """Make a database with our tables and nothing in them, in memory."""
    db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    for step in MIGRATIONS:
        for statement in step:
            db.execute(statement)
    return db


def _connect(path: str) -> sqlite3.Connection:
    return sqlite3.connect(path, factory=Watched, isolation_level=None, timeout=BUSY_S, check_same_thread=False)


def _set_up(db: sqlite3.Connection, name: str, check: bool) -> sqlite3.Connection:
    try:
        db.execute("BEGIN")
        version = _check_ours(db, name)
        size = _number(db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        if check and size <= _CHECKED_BYTES:
            verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise Damaged(str(verdict))
        db.execute("COMMIT")
        if not size:
            db.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        _use_wal(db)
        for setting in _SETTINGS:
            db.execute(setting)
        db.execute(f"PRAGMA wal_autocheckpoint = {_LOG_BYTES // _number(db, 'PRAGMA page_size')}")
        if version < VERSION:
            db.execute("BEGIN IMMEDIATE")
            # Another process may have migrated while we waited for the lock.
            for step in MIGRATIONS[_check_ours(db, name) :]:
                for statement in step:
                    db.execute(statement)
            db.execute("COMMIT")
        db.set_progress_handler(_unwanted, _LOOK_EVERY)
    except BaseException:
        db.close()
        raise
    return db


def _unwanted() -> bool:
    """Whether the caller of the query that runs in this thread has gone: SQLite then stops it."""
    job = current_job.get()
    return job is not None and job.cancelled


def _check_ours(db: sqlite3.Connection, name: str) -> int:
    """Give the format's version if the file is ours to touch. Needs a transaction: one look, not three."""
    version = _number(db, "PRAGMA user_version")
    owner = _number(db, "PRAGMA application_id")
    if owner != APPLICATION_ID and (version or _number(db, "SELECT count(*) FROM sqlite_master")):
        raise StorageUnavailable(
            f"{name} is a database of another program, and was left as it is",
            hint="move it aside, or set OPENMANAGER_HOME to another folder",
        )
    if version > VERSION:
        raise StorageUnavailable(
            f"{_WHAT} {name} was written by a newer OpenManager (its format is {version}, ours is {VERSION})",
            hint="update OpenManager, or set OPENMANAGER_HOME to another folder",
        )
    return version


def _use_wal(db: sqlite3.Connection) -> None:
    """Readers and the writer do not wait for each other. Switching needs the file alone, so it may need patience."""
    until = time.monotonic() + BUSY_S
    while True:
        try:
            mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.02)  # SQLite does not wait here by itself
            continue
        if mode != "wal":
            raise OSError(errno.ENOTSUP, f"journal mode {mode}")
        return


def _number(db: sqlite3.Connection, sql: str) -> int:
    return int(db.execute(sql).fetchone()[0])
