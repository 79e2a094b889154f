"""The file of the chains as the server uses it: opened at the first call, one writer, readers beside it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from openmanager_core.errors import FleetError
from openmanager_core.job import offload
from openmanager_thinking.gathering import Gathering
from openmanager_thinking.limits import Section
from openmanager_thinking.upkeep import expire, tidy
from openmanager_thinking.writer import Work, Writer

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")

FILE = "thinking.db"
_DAY_S = 86_400.0
_KEPT_OPEN = 4


class Store:
    """Chains in one file; any number of processes may use it at once.

    Parameters
    ----------
    home
        The folder of all state; made when the first thought is written.
    clock
        Unix seconds.
    """

    def __init__(self, home: Path, limits: Section, clock: Callable[[], float] = time.time) -> None:
        self.limits = limits
        self.now_s = clock
        self.on_write: Callable[[], None] | None = None
        """Called after each write."""
        self._path = home / FILE
        self._writer = Writer(self._path, self._expire, tidy, flush_each=limits.flush_each)
        self._readers: list[sqlite3.Connection] = []
        self._turn = threading.Lock()
        self._checked = False

    async def write(self, work: Work[T]) -> T:
        """Do a piece of work that changes something; returns when it is on the disk. See `Writer.run`."""
        result = await self._writer.run(work)
        if self.on_write is not None:
            self.on_write()
        return result

    def write_at_once(self, work: Work[T]) -> tuple[T] | None:
        """Do the same if that takes no waiting; None, with nothing changed, if it does."""
        done = self._writer.at_once(work)
        if done is not None and self.on_write is not None:
            self.on_write()
        return done

    def gathering(self) -> AbstractContextManager[Gathering]:
        """Make one transaction of what `write_at_once` does inside of the block; see `Writer.gathering`."""
        return self._writer.gathering()

    async def read(self, work: Work[T]) -> T:
        """Do a piece of work that only looks, in a thread, on one state of the file.

        Raises
        ------
        FleetError
            What the work raised.
        StorageUnavailable
            If the file cannot be read.
        """
        return await offload(self._read, work)

    async def aclose(self) -> None:
        """Finish what was asked for and close the file."""
        await offload(self._writer.close)
        with self._turn:
            readers, self._readers = self._readers, []
        for db in readers:
            db.close()

    def _expire(self, db: sqlite3.Connection) -> None:
        days = self.limits.expire_days
        if days:
            expire(db, self.now_s() - days * _DAY_S)

    def _read(self, work: Work[T]) -> T:
        from openmanager_thinking.database import explained, nothing

        if not os.path.lexists(self._path):
            return work(nothing())  # only looking makes no file
        try:
            db = self._reader()
            try:
                db.execute("BEGIN")
                result = work(db)
                db.execute("COMMIT")
            except BaseException as exc:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                if not isinstance(exc, FleetError):
                    db.close()
                    raise
                self._put_back(db)
                raise
            self._put_back(db)
            return result
        except Exception as exc:
            failure = explained(exc, self._path)
            if failure is exc:
                raise
            raise failure from exc

    def _reader(self) -> sqlite3.Connection:
        from openmanager_thinking.database import open_database

        with self._turn:
            if self._readers:
                return self._readers.pop()
        db = open_database(self._path, check=not self._checked)
        self._checked = True
        return db

    def _put_back(self, db: sqlite3.Connection) -> None:
        with self._turn:
            if len(self._readers) < _KEPT_OPEN:
                self._readers.append(db)
                return
        db.close()
