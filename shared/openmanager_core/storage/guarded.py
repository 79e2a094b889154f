"""What guards a database file whoever opens it: made privately, no other kind of file, never swapped while open."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

from openmanager_core.storage.failures import Damaged, Replaced

_LEAST_PAGE_BYTES = 512


class Watched(sqlite3.Connection):
    """A connection that notices, at the start of each transaction, that its file was swapped or removed.

    Without it, writes would go on into a file that nobody can find again.
    """

    def __init__(self, database: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(database, *args, **kwargs)
        self._path = database
        self._identity = self._look()

    def _look(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)  # noqa: PTH116 - on the connection's own thread, once per transaction
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        """Run one statement; a transaction begins only on the file that was opened."""
        if sql.startswith("BEGIN") and self._look() != self._identity:
            raise Replaced
        return super().execute(sql, parameters)


def prepare(path: Path) -> None:
    """Make folder and file with nobody else's rights; refuse what is no regular file.

    Raises
    ------
    OSError, Damaged
        `explain` puts them into words.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        # SQLite would make the file with the umask's rights; its -wal and -shm take over the file's.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file") from None
        if 0 < found.st_size < _LEAST_PAGE_BYTES:
            raise Damaged("shorter than one page") from None  # SQLite would take it for an empty file
        # Asked, not tried: closing a descriptor of our own would drop the locks of every other connection
        # that this process has to the same file.
        if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
            raise OSError(errno.EACCES, "read only") from None
