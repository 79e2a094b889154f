"""One thread writes: whatever waits for it goes into one transaction, and is acknowledged when that is on the disk.

A disk flushes a few hundred to a few thousand times a second. Calls that come while it does share the next flush.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from openmanager_core.errors import FleetError, StorageUnavailable

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")
Work = Callable[["sqlite3.Connection"], T]
Outcome = tuple[Any, BaseException | None]

MOST_TOGETHER = 64
UPKEEP_S = 600.0
REST_S = 0.25
"""After so long without a call there is time to tidy."""


@dataclass(frozen=True, slots=True)
class _Asked:
    work: Work[Any]
    answer: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class Writer:
    """Runs pieces of work, each of which checks first and then changes, in the order in which they come.

    Parameters
    ----------
    upkeep
        Quick work that is done before the first piece and every ten minutes after it.
    tidy
        Work that is done piece by piece while nobody asks for anything; True if there is more.
    """

    def __init__(self, path: Path, upkeep: Work[None], tidy: Work[bool]) -> None:
        self._path = path
        self._upkeep = upkeep
        self._tidy = tidy
        self._untidy = False
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._db: sqlite3.Connection | None = None
        self._upkeep_at = 0.0

    async def run(self, work: Work[T]) -> T:
        """Do a piece of work in a transaction; returns when it is safely on the disk.

        Raises
        ------
        FleetError
            What the work raised, before it changed anything.
        StorageUnavailable
            If the file cannot be written; nothing of the work is in it then.
        """
        if self._thread is None:
            # A daemon: what a transaction under way loses by that it would also lose by kill -9.
            self._thread = threading.Thread(target=self._serve, name="thoughts", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        asked = _Asked(work, loop.create_future(), loop)
        self._asked.put(asked)
        result: T = await asked.answer
        return result

    def close(self) -> None:
        """Finish what was asked for, close the file and end the thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._asked.put(None)
            thread.join()

    def _serve(self) -> None:
        ended = False
        while not ended:
            batch = [self._next()]
            while len(batch) < MOST_TOGETHER and not self._asked.empty():
                batch.append(self._asked.get())
            ended = None in batch
            wanted = [asked for asked in batch if asked is not None and not asked.answer.cancelled()]
            if wanted:
                _deliver(wanted, self._outcomes(wanted))
                self._untidy = self._db is not None
        if self._db is not None:
            self._db.close()
            self._db = None

    def _next(self) -> _Asked | None:
        """Wait for a call; tidy while there is none."""
        while self._untidy and self._db is not None:
            try:
                return self._asked.get(timeout=REST_S)
            except queue.Empty:
                pass
            try:
                while self._untidy and self._asked.empty():
                    self._untidy = self._alone(self._db, self._tidy)
            except Exception:
                self._untidy = False  # the next call is told what is wrong with the file
        return self._asked.get()

    def _outcomes(self, batch: list[_Asked]) -> list[Outcome]:
        from openmanager_thinking.database import explained, is_full, open_database

        try:
            if self._db is None:
                self._db = open_database(self._path)
            self._keep_up(self._db)
            return self._together(self._db, batch)
        except Exception as exc:
            if len(batch) > 1 and is_full(exc):
                # One that does not fit must not take the others with it.
                return [self._outcomes([asked])[0] for asked in batch]
            return [(None, explained(exc, self._path))] * len(batch)

    def _together(self, db: sqlite3.Connection, batch: list[_Asked]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        try:
            db.execute("BEGIN IMMEDIATE")
            for asked in batch:
                try:
                    outcomes.append((asked.work(db), None))
                except StorageUnavailable:
                    raise
                except FleetError as refused:
                    outcomes.append((None, refused))
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        return outcomes

    def _keep_up(self, db: sqlite3.Connection) -> None:
        if time.monotonic() < self._upkeep_at:
            return
        self._alone(db, self._upkeep)
        self._upkeep_at = time.monotonic() + UPKEEP_S

    def _alone(self, db: sqlite3.Connection, work: Work[T]) -> T:
        """Do a piece of work in a transaction of its own."""
        db.execute("BEGIN IMMEDIATE")
        try:
            result = work(db)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        return result


def _deliver(batch: list[_Asked], outcomes: list[Outcome]) -> None:
    try:
        batch[0].loop.call_soon_threadsafe(_settle, batch, outcomes)
    except RuntimeError:
        return  # the loop has ended: nobody waits


def _settle(batch: list[_Asked], outcomes: list[Outcome]) -> None:
    for asked, (result, failure) in zip(batch, outcomes, strict=True):
        if asked.answer.done():
            continue
        if failure is None:
            asked.answer.set_result(result)
        else:
            asked.answer.set_exception(failure)
