"""One at a time writes: whatever waits goes into one transaction, and is acknowledged when that is in the file.

With `flush_each` that means on the disk: calls that come while it flushes share the next flush. Without, the disk has
it a moment later. While transactions are quick the event loop writes itself, as handing work to a thread and back
takes longer than the work. A thread does it when one was slow, somebody else holds the file, or anything at all is
not as usual.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from openmanager_core.errors import FleetError, StorageUnavailable
from openmanager_thinking.flushing import Flusher
from openmanager_thinking.gathering import Gathering

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")
Work = Callable[["sqlite3.Connection"], T]
Outcome = tuple[Any, BaseException | None]

MOST_TOGETHER = 64
UPKEEP_S = 600.0
REST_S = 0.25
"""After so long without a call there is time to tidy."""

QUICK_S = 0.05
"""A transaction that takes no longer may hold up the event loop."""

QUICK_FLUSH_S = 0.002
"""The same for one that waits for the disk, which may be slower the next time."""

_QUICK_IN_A_ROW = 5


class _Order(Enum):
    """What the thread is told between calls."""

    TIDY = 1
    END = 2


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
    flush_each
        Whether work is done only when the disk has it.
    """

    def __init__(self, path: Path, upkeep: Work[None], tidy: Work[bool], *, flush_each: bool = False) -> None:
        self._path = path
        self._flush_each = flush_each
        self._flusher = Flusher(path)
        self._upkeep = upkeep
        self._tidy = tidy
        self._untidy = False
        self._asked: queue.SimpleQueue[_Asked | _Order] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._db: sqlite3.Connection | None = None
        self._upkeep_at = 0.0
        self._quick = 0
        """How many transactions in a row were."""
        # The loop's own:
        self._new: list[_Asked] = []
        self._begins_on: asyncio.AbstractEventLoop | None = None
        self._handed = 0
        self._here: sqlite3.Connection | None = None
        self._gathering: Gathering | None = None
        self._since_thread = 0
        self._most_here = 1
        """Pieces of work after which the thread has a turn: it carries the log over into the file, which is slow."""
        self._wrote_at = 0.0
        self._resting: asyncio.TimerHandle | None = None

    async def run(self, work: Work[T]) -> T:
        """Do a piece of work in a transaction; returns when no kill -9 can undo it, with `flush_each` no power cut.

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
        done = self.at_once(work)
        if done is not None:
            return done[0]
        loop = asyncio.get_running_loop()
        asked = _Asked(work, loop.create_future(), loop)
        self._new.append(asked)
        if self._begins_on is not loop:
            self._begins_on = loop
            # What else comes in this turn of the loop shares the flush, and none of them is asked whether it goes on.
            loop.call_soon(self._begin, loop, context=Context())
        result: T = await asked.answer
        return result

    def at_once(self, work: Work[T]) -> tuple[T] | None:
        """Do a piece of work as `run` does, if that takes no waiting; None, with nothing changed, if it does."""
        if self._gathering is not None and self._gathering.count:
            return self._gathering.add(work)
        if self._thread is None or self._flush_each or self._new or not self._may_write_here():
            return None
        if self._gathering is not None:
            return self._gathering.add(work)
        outcomes = self._write_here([work])
        if outcomes is None:
            return None
        ((done, failure),) = outcomes
        if failure is not None:
            raise failure
        return (done,)

    @contextmanager
    def gathering(self) -> Iterator[Gathering]:
        """Make one transaction of what `at_once` does inside of the block, in which nothing is waited for.

        None of it counts before the block has ended, and then only if it is `kept`; else nothing was changed.
        """
        gathering = self._gathering = Gathering(self._opened_here)
        try:
            yield gathering
            gathering.end()
        finally:
            self._gathering = None
            if not gathering.kept:
                self._leave_it_to_the_thread()
        if gathering.kept and gathering.count:
            self._wrote(gathering.begun_s, gathering.count)

    def close(self) -> None:
        """Finish what was asked for, close the file and end the thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._hand_over()
            self._asked.put(_Order.END)
            thread.join()
        self._flusher.close()
        self._close_here()

    # -- on the event loop -----------------------------------------------------------------------------------

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Do what has come by now, or leave it to the thread."""
        self._begins_on = None
        if not self._may_write_here():
            self._hand_over()
            return
        batch = [asked for asked in self._new if not asked.answer.cancelled()]
        outcomes = self._write_here([asked.work for asked in batch])
        if outcomes is None:
            self._hand_over()
            return
        self._new = []
        _settle(batch, outcomes)

    def _write_here(self, batch: list[Work[Any]]) -> list[Outcome] | None:
        """Do a transaction at once; None, with nothing changed, if the thread has to do it."""
        begun_s = time.perf_counter()
        try:
            outcomes = self._together(self._opened_here(), batch)
        except Exception:
            self._leave_it_to_the_thread()
            return None
        self._wrote(begun_s)
        return outcomes

    def _wrote(self, begun_s: float, count: int = 1) -> None:
        loop = asyncio.get_running_loop()
        self._took(time.perf_counter() - begun_s)
        self._since_thread += count
        self._wrote_at = loop.time()
        if self._resting is None:
            self._resting = loop.call_later(REST_S, self._rest, loop, context=Context())

    def _leave_it_to_the_thread(self) -> None:
        """Let the thread wait for the file, or find the words for what is wrong."""
        self._quick = 0
        self._close_here()

    def _may_write_here(self) -> bool:
        return (
            self._quick >= _QUICK_IN_A_ROW
            and not self._handed
            and self._since_thread < self._most_here
            and time.monotonic() < self._upkeep_at
            and len(self._new) <= MOST_TOGETHER
        )

    def _hand_over(self) -> None:
        new, self._new = self._new, []
        self._since_thread = 0
        self._handed += len(new)
        for asked in new:
            self._asked.put(asked)

    def _opened_here(self) -> sqlite3.Connection:
        if self._here is None:
            from openmanager_thinking.database import open_database, thoughts_in_log

            self._here = open_database(self._path, check=False, flush_each=self._flush_each)
            self._most_here = thoughts_in_log(self._here)
            self._here.execute("PRAGMA busy_timeout = 0")
            self._here.execute("PRAGMA wal_autocheckpoint = 0")
        return self._here

    def _close_here(self) -> None:
        db, self._here = self._here, None
        if db is not None:
            db.close()

    def _rest(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let the thread tidy when nobody has called for a while."""
        left_s = self._wrote_at + REST_S - loop.time()
        self._resting = loop.call_later(left_s, self._rest, loop) if left_s > 0 else None
        if self._resting is None and self._thread is not None:
            self._asked.put(_Order.TIDY)

    def _settled(self, batch: list[_Asked], outcomes: list[Outcome]) -> None:
        self._handed -= len(batch)
        _settle(batch, outcomes)

    # -- in the thread ---------------------------------------------------------------------------------------

    def _serve(self) -> None:
        ended = False
        while not ended:
            orders = [self._next()]
            while len(orders) < MOST_TOGETHER and not self._asked.empty():
                orders.append(self._asked.get())
            ended = _Order.END in orders
            batch = [asked for asked in orders if isinstance(asked, _Asked)]
            if batch:
                wanted = [asked for asked in batch if not asked.answer.cancelled()]
                done = dict(zip(map(id, wanted), self._outcomes(wanted), strict=True)) if wanted else {}
                self._deliver(batch, [done.get(id(asked), (None, None)) for asked in batch])
            self._untidy = self._db is not None
        if self._db is not None:
            self._db.close()
            self._db = None

    def _next(self) -> _Asked | _Order:
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
                self._db = open_database(self._path, flush_each=self._flush_each)
            self._keep_up(self._db)
            begun_s = time.perf_counter()
            outcomes = self._together(self._db, [asked.work for asked in batch])
            self._took(time.perf_counter() - begun_s)
            return outcomes
        except Exception as exc:
            if len(batch) > 1 and is_full(exc):
                # One that does not fit must not take the others with it.
                return [self._outcomes([asked])[0] for asked in batch]
            return [(None, explained(exc, self._path))] * len(batch)

    def _deliver(self, batch: list[_Asked], outcomes: list[Outcome]) -> None:
        with suppress(RuntimeError):  # the loop has ended: nobody waits
            batch[0].loop.call_soon_threadsafe(self._settled, batch, outcomes)

    # -- in either -------------------------------------------------------------------------------------------

    def _took(self, seconds: float) -> None:
        self._quick = self._quick + 1 if seconds <= (QUICK_FLUSH_S if self._flush_each else QUICK_S) else 0
        if not self._flush_each:
            self._flusher.want()

    def _together(self, db: sqlite3.Connection, batch: list[Work[Any]]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        try:
            db.execute("BEGIN IMMEDIATE")
            for work in batch:
                try:
                    outcomes.append((work(db), None))
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


def _settle(batch: list[_Asked], outcomes: list[Outcome]) -> None:
    for asked, (result, failure) in zip(batch, outcomes, strict=True):
        if asked.answer.done():
            continue
        if failure is None:
            asked.answer.set_result(result)
        else:
            asked.answer.set_exception(failure)
