"""The Ledger's file: opened privately, migrated, written in transactions, closed; every failure in words.

Whatever goes wrong underneath (full disk, lock, damage, a file swapped for another) comes out as
`StorageUnavailable` within the deadline, with nothing half written.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import aiosqlite
import anyio
import anyio.to_thread

from openmanager_core.errors import StorageUnavailable
from openmanager_core.storage.failures import Damaged, explain
from openmanager_core.storage.guarded import Watched, prepare
from openmanager_core.storage.schema import APPLICATION_ID, MIGRATIONS, VERSION
from openmanager_core.text import ident

_CHECKED_BYTES = 32 * 2**20
_ROLLBACK_S = 0.05
_CLOSE_S = 10.0
_SETTINGS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cell_size_check = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA journal_size_limit = 4194304",
)


class Database:
    """One connection to one Ledger file. Share it within a process; open one per process.

    Parameters
    ----------
    deadline_s
        Seconds after which any call gives up.
    """

    def __init__(self, connection: aiosqlite.Connection, path: Path, deadline_s: float) -> None:
        self._connection = connection
        self._name = ident(path.name)
        self._deadline_s = deadline_s
        self._turn = anyio.Lock()
        self._closed = False

    @classmethod
    async def open(cls, path: str | Path, *, deadline_s: float = 5.0) -> Self:
        """Open the file, make it (0600, in a folder of 0700) if it is not there, and bring it to our version.

        Raises
        ------
        StorageUnavailable
            If that cannot be done within the deadline; the hint says what to do about it.
        """
        path = Path(path)
        name = ident(path.name)
        try:
            with anyio.fail_after(deadline_s):
                await anyio.to_thread.run_sync(prepare, path, abandon_on_cancel=True)
                pending = aiosqlite.connect(
                    path, factory=Watched, isolation_level=None, timeout=max(0.05, 0.8 * deadline_s)
                )
                # A Ledger that was never closed must not keep the process from ending. What a transaction
                # under way loses by that it would also lose by kill -9: nothing that was acknowledged.
                worker: Any = getattr(pending, "_thread", pending)
                worker.daemon = True
                # A connection that arrives after its caller has gone would never be closed.
                with anyio.CancelScope(shield=True):
                    connection = await pending
                try:
                    await _set_up(connection, name)
                except BaseException:
                    await connection.interrupt()
                    await _close(connection)
                    raise
        except TimeoutError:
            raise StorageUnavailable(
                f"the Ledger {name} did not open within {deadline_s:g} s", hint="try again, or look at its disk"
            ) from None
        except (sqlite3.Error, OSError, ValueError) as exc:
            raise explain(exc, name, deadline_s) from exc
        return cls(connection, path, deadline_s)

    async def aclose(self, *, deadline_s: float = _CLOSE_S) -> None:
        """Close the file, within the deadline. Safe to call twice; a call under way is finished first."""
        with anyio.move_on_after(deadline_s / 2, shield=True):
            async with self._turn:
                if self._closed:
                    return
                self._closed = True
        self._closed = True
        await _close(self._connection, deadline_s / 2)

    async def __aenter__(self) -> Self:
        """The Ledger itself; leaving closes it."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.aclose()

    @asynccontextmanager
    async def _transaction(self, *, write: bool = True, deadline_s: float | None = None) -> AsyncIterator[Rows]:
        """All of the statements inside, or none; readers see one state throughout."""
        limit_s = deadline_s or self._deadline_s
        try:
            with anyio.fail_after(limit_s):
                async with self._turn:
                    if self._closed:
                        raise StorageUnavailable(f"the Ledger {self._name} is closed", hint="open it again")
                    try:
                        await self._connection.execute_fetchall("BEGIN IMMEDIATE" if write else "BEGIN")
                        yield Rows(self._connection)
                        await self._connection.execute_fetchall("COMMIT")
                    except BaseException:
                        await self._roll_back()
                        raise
        except TimeoutError:
            raise StorageUnavailable(
                f"the Ledger {self._name} did not answer within {limit_s:g} s", hint="try again, or look at its disk"
            ) from None
        except (sqlite3.Error, Damaged) as exc:
            raise explain(exc, self._name, limit_s) from exc

    async def _roll_back(self) -> None:
        """Undo, even when our caller has gone.

        The connection works through its queue in order, so the undoing comes before whatever is asked of it
        next even if it is not awaited here: a caller that cancels is not kept waiting for a lock.
        """
        with anyio.move_on_after(_ROLLBACK_S, shield=True):
            try:
                await self._connection.interrupt()
                await self._connection.rollback()
            except (sqlite3.Error, ValueError):
                return  # SQLite has already undone it, or there is no file any more to undo it in


class Rows:
    """Statements within a transaction. Parameters only; nothing is ever pasted into SQL."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def all(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Every row of a query."""
        return [tuple(row) for row in await self._connection.execute_fetchall(sql, parameters)]

    async def run(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """One change."""
        await self._connection.execute_fetchall(sql, parameters)

    async def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """The same change for many rows."""
        cursor = await self._connection.executemany(sql, rows)
        await cursor.close()

    async def insert(self, sql: str, parameters: Sequence[Any]) -> int:
        """One new row; its number."""
        row = await self._connection.execute_insert(sql, parameters)
        assert row is not None
        return int(row[0])


async def _set_up(connection: aiosqlite.Connection, name: str) -> None:
    """Look before touching: whose file is it, which version, is it sound; then settings and migrations."""
    await connection.execute_fetchall("BEGIN")
    version = await _check_ours(connection, name)
    size = await _number(connection, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
    if size <= _CHECKED_BYTES:
        verdict = (await _first(connection, "PRAGMA quick_check(1)"))[0]
        if verdict != "ok":
            raise Damaged(str(verdict))
    await connection.execute_fetchall("COMMIT")
    if not size:
        await connection.execute_fetchall("PRAGMA auto_vacuum = INCREMENTAL")
    await _use_wal(connection)
    for setting in _SETTINGS:
        await connection.execute_fetchall(setting)
    if version < VERSION:
        await connection.execute_fetchall("BEGIN IMMEDIATE")
        # Another process may have migrated while we waited for the lock.
        for step in MIGRATIONS[await _check_ours(connection, name) :]:
            for statement in step:
                await connection.execute_fetchall(statement)
        await connection.execute_fetchall("COMMIT")


async def _check_ours(connection: aiosqlite.Connection, name: str) -> int:
    """The format's version, if the file is ours to touch. Needs a transaction: one look, not three."""
    version = await _number(connection, "PRAGMA user_version")
    owner = await _number(connection, "PRAGMA application_id")
    if owner != APPLICATION_ID and (version or await _number(connection, "SELECT count(*) FROM sqlite_master")):
        raise StorageUnavailable(
            f"{name} is a database of another program, and was left as it is",
            hint="give the Ledger a path of its own, or set OPENMANAGER_HOME",
        )
    if version > VERSION:
        raise StorageUnavailable(
            f"the Ledger {name} was written by a newer OpenManager (its format is {version}, ours is {VERSION})",
            hint="update OpenManager, or set OPENMANAGER_HOME to another folder",
        )
    return version


async def _use_wal(connection: aiosqlite.Connection) -> None:
    """Readers and the writer do not wait for each other. Switching needs the file alone, so it may need patience."""
    while True:
        try:
            mode = (await _first(connection, "PRAGMA journal_mode = WAL"))[0]
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            await anyio.sleep(0.02)  # SQLite does not wait here by itself; the caller's deadline ends it
            continue
        if mode != "wal":
            raise OSError(errno.ENOTSUP, f"journal mode {mode}")
        return


async def _number(connection: aiosqlite.Connection, sql: str) -> int:
    return int((await _first(connection, sql))[0])


async def _first(connection: aiosqlite.Connection, sql: str) -> tuple[Any, ...]:
    for row in await connection.execute_fetchall(sql):
        return tuple(row)
    raise Damaged("no answer")


async def _close(connection: aiosqlite.Connection, deadline_s: float = _CLOSE_S) -> None:
    with anyio.move_on_after(deadline_s, shield=True):
        try:
            await connection.close()
        except (sqlite3.Error, ValueError):
            return  # nothing more can be lost: what was acknowledged is in the file
