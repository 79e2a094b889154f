"""The file of the trail, shared by several processes: who appends takes the lock, looks whether the end is still the
one that was sealed, and adds to it. Beside it lies the key, which only its owner can read.

A key without a trail, or a trail without a key, is not begun anew: then something was taken away.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from openmanager_core.errors import FleetError, StorageUnavailable
from openmanager_core.storage.failures import Damaged, explain
from openmanager_core.storage.guarded import Watched, prepare
from openmanager_kit.access.chain import KEY_BYTES, START, Link, Mark, Row, Sealer, breaks

FILE = "audit.sqlite3"
KEY = "audit.key"
APPLICATION_ID = 0x4F4D4154
VERSION = 1
_NEW_KEY = "audit.key.new"
_BUSY_S = 5.0
_WHAT = "the audit trail"
_LET_GO_AT_ONCE = 10_000
_LOOK = f"openmanager audit verify; to begin a new trail, move {FILE}* and {KEY} aside together"


class TrailFile:
    """One connection to the trail. Not for use by several threads at once.

    Raises
    ------
    StorageUnavailable
        From every method, if the file cannot be used, or was changed by others.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._path = home / FILE
        with self._explained():
            prepare(self._path)
            self._db = _opened(self._path)
            try:
                self.sealer = self._begun()
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def append(self, rows: Sequence[Callable[[Sealer], Row]]) -> None:
        """Add rows at the end, durably, all of them or none."""
        with self._transaction() as db:
            last = self._last(db)
            seq, seal = last.seq, last.seal
            links: list[tuple[object, ...]] = []
            for make in rows:
                row = make(self.sealer)
                seq += 1
                seal = self.sealer.next(seal, seq, row)
                links.append((seq, *row, seal))
            db.executemany("INSERT INTO trail VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", links)
            _set_mark(db, "last", self.sealer.mark("last", seq, seal))

    def let_go(self, before_us: int) -> int:
        """Remove the oldest rows and move the beginning of the chain; gives how many."""
        with self._transaction() as db:
            self._last(db)
            first = _mark(db, "first")
            if first is None or not self.sealer.genuine("first", first):
                raise _tampered("its beginning is not the one that was written")
            found = db.execute(
                "SELECT seq, seal FROM trail WHERE seq <= ? AND seq < coalesce((SELECT seq FROM trail WHERE at_us >= ?"
                " ORDER BY seq LIMIT 1), 9223372036854775807) ORDER BY seq DESC LIMIT 1",
                (first.seq + _LET_GO_AT_ONCE, before_us),
            ).fetchone()
            if found is None:
                return 0
            db.execute("DELETE FROM trail WHERE seq <= ?", (found[0],))
            _set_mark(db, "first", self.sealer.mark("first", *found))
            return int(found[0]) - first.seq

    def _last(self, db: sqlite3.Connection) -> Mark:
        """Give the end of the chain, which has to be the one that was written: else a cut would be sealed anew."""
        last = _mark(db, "last")
        found = db.execute("SELECT seq, seal FROM trail ORDER BY seq DESC LIMIT 1").fetchone()
        if last is None or not self.sealer.genuine("last", last):
            raise _tampered("its end is not the one that was written")
        first = _mark(db, "first")
        end = found or ((first.seq, first.seal) if first is not None else None)
        if end != (last.seq, last.seal):
            raise _tampered("rows at its end are missing")
        return last

    def _begun(self) -> Sealer:
        """Read the key, or begin a trail with a new one. Several processes may do so at once."""
        with self._transaction() as db:
            last, key = _mark(db, "last"), _read_key(self._home / KEY)
            pending = _read_key(self._home / _NEW_KEY) if key is None else None
            if key is None and pending is None:  # another process may have made it the final one meanwhile
                key = _read_key(self._home / KEY)
            if key is None:
                key = pending
                if last is not None and (key is None or not Sealer(key).genuine("last", last)):
                    raise _tampered(f"its key {KEY} is gone")
                if last is None:
                    key = key or _new_key(self._home / _NEW_KEY)
                    for which in ("first", "last"):
                        _set_mark(db, which, Sealer(key).mark(which, 0, START))
            elif last is None:
                raise _tampered("its rows are gone, its key is still there")
            assert key is not None
        with contextlib.suppress(FileNotFoundError):  # another process may have been quicker
            (self._home / _NEW_KEY).rename(self._home / KEY)
        return Sealer(key)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except FleetError:
            raise
        except (sqlite3.Error, OSError, ValueError, Damaged) as exc:
            raise explain(exc, FILE, _BUSY_S, _WHAT) from exc


def verified(home: Path) -> tuple[list[str], int, int]:
    """Follow the whole trail; gives what is wrong with it, and the numbers of its first and last row.

    Raises
    ------
    StorageUnavailable
        If there is none, or it cannot be read.
    """
    with reading(home) as (db, sealer):
        first, last = _mark(db, "first"), _mark(db, "last")
        found = breaks(sealer, first, last, _links(db)) if sealer else [f"its key {KEY} is gone"]
        ends = db.execute("SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) FROM trail").fetchone()
        return found, ends[0], ends[1]


@contextmanager
def reading(home: Path) -> Iterator[tuple[sqlite3.Connection, Sealer | None]]:
    """Open the trail for reading only, as it is at this moment."""
    if not (home / FILE).is_file():
        gone = f"; its key {KEY} is there, so it was removed" if (home / KEY).exists() else ""
        raise StorageUnavailable(f"there is no audit trail in the state folder{gone}", hint="check --home")
    try:
        db = sqlite3.connect(f"{(home / FILE).absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        try:
            db.execute("PRAGMA query_only = ON")
            db.execute("BEGIN")
            key = _read_key(home / KEY) or _read_key(home / _NEW_KEY)
            yield db, Sealer(key) if key else None
        finally:
            db.close()
    except (sqlite3.Error, OSError, ValueError) as exc:
        raise explain(exc, FILE, _BUSY_S, _WHAT) from exc


def rows(db: sqlite3.Connection, last: int = 0) -> Iterator[Link]:
    """Give every row, or the `last` ones, in order."""
    if last:
        low = db.execute("SELECT seq FROM trail ORDER BY seq DESC LIMIT 1 OFFSET ?", (last - 1,)).fetchone()
        return _links(db, low[0] if low else 0)
    return _links(db)


def _links(db: sqlite3.Connection, low: int = 0) -> Iterator[Link]:
    for found in db.execute("SELECT * FROM trail WHERE seq >= ? ORDER BY seq", (low,)):
        yield Link(found[0], Row(*found[1:8]), found[8])


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, factory=Watched, isolation_level=None, timeout=_BUSY_S, check_same_thread=False)
    try:
        _use_wal(db)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("PRAGMA cell_size_check = ON")
        db.execute("BEGIN IMMEDIATE")
        version, owner = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "application_id"))
        if version > VERSION:
            raise StorageUnavailable(
                f"{_WHAT} was written by a newer OpenManager (its format is {version}, ours is {VERSION})",
                hint="update OpenManager, or set OPENMANAGER_HOME to another folder",
            )
        if owner != APPLICATION_ID and (version or db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]):
            raise StorageUnavailable(f"{FILE} is a database of another program", hint="move it aside")
        if not version:
            for statement in _SCHEMA:
                db.execute(statement)
        db.execute("COMMIT")
    except BaseException:
        db.close()
        raise
    return db


def _use_wal(db: sqlite3.Connection) -> None:
    """Readers and the writer do not wait for each other. SQLite does not wait here by itself."""
    until = time.monotonic() + _BUSY_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


_SCHEMA = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    "CREATE TABLE trail (seq INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, principal TEXT NOT NULL,"
    " server TEXT NOT NULL, tool TEXT NOT NULL, arguments TEXT NOT NULL, outcome TEXT NOT NULL,"
    " duration_us INTEGER NOT NULL, seal BLOB NOT NULL) STRICT",
    "CREATE TABLE ends (which TEXT PRIMARY KEY, seq INTEGER NOT NULL, seal BLOB NOT NULL, sealed BLOB NOT NULL) STRICT",
    f"PRAGMA user_version = {VERSION}",
)


def _mark(db: sqlite3.Connection, which: str) -> Mark | None:
    found = db.execute("SELECT seq, seal, sealed FROM ends WHERE which = ?", (which,)).fetchone()
    return None if found is None else Mark(*found)


def _set_mark(db: sqlite3.Connection, which: str, mark: Mark) -> None:
    db.execute("INSERT OR REPLACE INTO ends VALUES (?, ?, ?, ?)", (which, mark.seq, mark.seal, mark.sealed))


def _read_key(path: Path) -> bytes | None:
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return None
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StorageUnavailable(f"{path.name} holds no key", hint="put back the one of the last backup")
    return key


def _new_key(path: Path) -> bytes:
    key = secrets.token_bytes(KEY_BYTES)
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    fd = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(f"{key.hex()}\n")
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    return key


def _tampered(what: str) -> StorageUnavailable:
    return StorageUnavailable(f"{_WHAT} was changed from outside: {what}", hint=_LOOK)
