"""Whether somebody uses the state folder: services hold a lock in it, and SQLite knows who has a database open."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from pathlib import Path

from openmanager_core.errors import ConfigError, Conflict
from openmanager_kit.backups.manifest import is_database

LOCK = "in-use.lock"


class Hold:
    """A lock on the state folder, kept until it is let go or the process ends."""

    def __init__(self, fd: int = -1) -> None:
        self._fd = fd

    def let_go(self) -> None:
        """Give the folder back; a second time changes nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def hold(home: Path) -> Hold:
    """Hold the folder as one of those who use it. Where that cannot be done, nothing is held.

    Raises
    ------
    ConfigError
        If a backup is being put back there.
    """
    if sys.platform == "win32":
        return Hold()
    import fcntl

    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(home / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:
        return Hold()
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        os.close(fd)
        raise ConfigError("state.home: a backup is being restored there; start again when it is done") from exc
    return Hold(fd)


def hold_alone(home: Path) -> Hold:
    """Hold the folder against everybody else.

    Raises
    ------
    Conflict
        If somebody uses it.
    """
    if not home.is_dir():
        return Hold()
    for path in home.rglob("*"):
        if path.is_file() and not path.is_symlink() and is_database(path) and _is_open(path):
            raise Conflict(f"{path.name} is open in another process", hint="end every OpenManager server first")
    if sys.platform == "win32":
        return Hold()
    import fcntl

    fd = os.open(home / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        os.close(fd)
        raise Conflict("a service uses the state folder", hint="end openmanager up first") from exc
    return Hold(fd)


def _is_open(path: Path) -> bool:
    """Tell whether another process has a database open: its log can be given up by the last one only."""
    with contextlib.closing(sqlite3.connect(path, timeout=0.2, isolation_level=None)) as db:
        try:
            db.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError as exc:
            return exc.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
        except sqlite3.DatabaseError:
            return False  # damaged: all the more reason to put it back
    return False
