"""What SQLite and the operating system say when storage fails, in words that say what to do."""

from __future__ import annotations

import errno
import os
import sqlite3

from openmanager_core.errors import StorageUnavailable

_ELSEWHERE = "set OPENMANAGER_HOME to a folder that can be written"


class Damaged(ValueError):
    """A row that does not hold what we wrote."""


class Replaced(sqlite3.DatabaseError):
    """The path no longer leads to the file that is open."""


def explain(exc: Exception, name: str, waited_s: float, what: str = "the Ledger") -> StorageUnavailable:
    """Any failure of SQLite or the operating system as a `StorageUnavailable` that says what to do.

    `what` the file of that `name` holds, as the sentences call it.
    """
    if isinstance(exc, Replaced):
        return StorageUnavailable(
            f"{what} {name} was moved, removed or replaced while it was open", hint="start OpenManager again"
        )
    if isinstance(exc, sqlite3.ProgrammingError):
        raise exc  # ours to mend: it must not look like a sick disk
    kind = getattr(exc, "sqlite_errorcode", 0) & 0xFF
    number = exc.errno if isinstance(exc, OSError) else 0
    if kind == sqlite3.SQLITE_FULL or number in (errno.ENOSPC, errno.EDQUOT):
        return StorageUnavailable(
            f"the disk that holds {what} {name} is full; nothing was half written",
            hint="free some space there, or set OPENMANAGER_HOME to a folder on another disk",
        )
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StorageUnavailable(
            f"another process kept {what} {name} locked for {waited_s:g} s",
            hint="try again; close what else has the file open",
        )
    if kind in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return StorageUnavailable(f"{what} {name} can not be opened for writing", hint=_ELSEWHERE)
    if kind == sqlite3.SQLITE_INTERRUPT:
        return StorageUnavailable(f"{what} {name} did not answer within {waited_s:g} s", hint="try again")
    if kind == sqlite3.SQLITE_IOERR:
        return StorageUnavailable(
            f"the disk that holds {what} {name} failed ({getattr(exc, 'sqlite_errorname', 'SQLITE_IOERR')})",
            hint="look at that disk and its free space, or set OPENMANAGER_HOME to a folder on another one",
        )
    if isinstance(exc, (sqlite3.Error, Damaged)):
        return StorageUnavailable(
            f"{what} {name} is damaged",
            hint=f"stop OpenManager, move {name} and the files that begin with its name aside; a new one is made",
        )
    if number == errno.EINVAL:
        return StorageUnavailable(f"{name} is not a regular file", hint=f"give {what} another path")
    if number == errno.ENOTSUP:
        return StorageUnavailable(
            f"the file system that holds {what} {name} does not support shared memory", hint="use a local disk"
        )
    reason = os.strerror(number) if number else "the path can not be used"
    return StorageUnavailable(f"{what} {name} can not be opened: {reason}", hint=_ELSEWHERE)
