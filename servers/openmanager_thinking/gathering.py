"""Pieces of work that share a transaction: all of them are there in the end, or none."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from openmanager_core.errors import FleetError, StorageUnavailable

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")


class Gathering:
    """A transaction that begins with its first piece of work.

    Parameters
    ----------
    opened
        Gives the connection; whoever closes it undoes what has failed.

    Attributes
    ----------
    count
        Pieces of work so far.
    kept
        Whether everything that was done is there; known when it has ended.
    begun_s
        When the transaction began, of `time.perf_counter`.
    """

    def __init__(self, opened: Callable[[], sqlite3.Connection]) -> None:
        self._opened = opened
        self._db: sqlite3.Connection | None = None
        self._failed = False
        self.count = 0
        self.kept = False
        self.begun_s = 0.0

    def add(self, work: Callable[[sqlite3.Connection], T]) -> tuple[T] | None:
        """Do a piece of work; None if it failed, and then none of the others is kept either.

        Raises
        ------
        FleetError
            If the work refuses, before it changed anything; the others stay.
        """
        if self._failed:
            return None
        try:
            if self._db is None:
                self.begun_s = time.perf_counter()
                db = self._opened()
                db.execute("BEGIN IMMEDIATE")
                self._db = db
            self.count += 1
            return (work(self._db),)
        except StorageUnavailable:
            self._failed = True
        except FleetError:
            raise
        except Exception:
            self._failed = True
        return None

    def end(self) -> None:
        """Make what was done last."""
        try:
            if self._db is not None and not self._failed:
                self._db.execute("COMMIT")
        except Exception:
            self._failed = True
        self.kept = not self._failed
