"""The audit trail as watchers of calls: a change is written down before it is made and before it is answered.

One thread of the process writes; what waits while it does goes into the next transaction together. Calls that only
read do not wait, and are lost if the process is killed within a moment of them or the trail cannot keep up, which it
then says in a row of its own. Calls that are refused because there are too many of them are only counted (/metrics):
else a flood of them would fill the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from openmanager_core.errors import FleetError, StorageUnavailable
from openmanager_kit.access.chain import Row, Sealer
from openmanager_kit.access.rates import RateLimited
from openmanager_kit.access.roles import asking
from openmanager_kit.access.trail_file import TrailFile
from openmanager_kit.watchers import Call

STARTED = "started"
_MOST_WAITING = 10_000
_MOST_AT_ONCE = 500
_GATHER_S = 0.05
_LET_GO_EVERY_S = 3600.0
_SAY_EVERY_S = 10.0
_CLOSE_S = 0.5
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A row to be written, and who waits for it."""

    make: Callable[[Sealer], Row]
    done: Callable[[FleetError | None], None] | None = None


class Trail:
    """Writes down who called what.

    Parameters
    ----------
    home
        The state folder; nothing is made in it before the first call.
    keep_s
        Age at which rows are let go.
    """

    def __init__(self, home: Path, *, keep_s: float) -> None:
        self._home = home
        self._keep_s = keep_s
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._file: TrailFile | None = None
        self._lost = 0
        self._let_go_s = self._said_s = float("-inf")

    @asynccontextmanager
    async def announcement(self, call: Call) -> AsyncIterator[None]:
        """Write down that a change begins, once it is allowed.

        Raises
        ------
        StorageUnavailable
            If that cannot be done: then nothing is changed.
        """
        if not call.tool.read_only:
            try:
                await self._durably(_row_of(call, STARTED))
            except FleetError as exc:
                raise StorageUnavailable(
                    f"nothing was changed, as the audit trail cannot be written: {exc}", hint="tell the operator"
                ) from exc
        yield

    @asynccontextmanager
    async def outcome(self, call: Call) -> AsyncIterator[None]:
        """Write down how a call ended.

        Raises
        ------
        StorageUnavailable
            If a change was made, but its end cannot be written down.
        """
        try:
            yield
        finally:
            row = _row_of(call)
            if call.tool.read_only or call.outcome not in ("ok", "crash"):
                if call.outcome != RateLimited.code:
                    self._soon(row)
            else:
                try:
                    await self._durably(row)
                except FleetError as exc:
                    raise StorageUnavailable(
                        f"{call.tool.name} ran ({call.outcome}), but the trail holds only that it was started: {exc}",
                        hint="look at what it changed before asking again",
                    ) from exc

    async def aclose(self) -> None:
        """Write what waits, and close the file."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            # Waited for in place: the loop is about to end, and would cancel whatever waits in a thread.
            thread.join(_CLOSE_S)

    # -- handing over ----------------------------------------------------------------------------------------

    def _soon(self, make: Callable[[Sealer], Row]) -> None:
        if self._queue.qsize() >= _MOST_WAITING:
            self._lost += 1
            return
        self._put(_Entry(make))

    async def _durably(self, make: Callable[[Sealer], Row]) -> None:
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()

        def settle(problem: FleetError | None) -> None:
            if written.done():
                return
            if problem is None:
                written.set_result(None)
            else:
                written.set_exception(problem)

        def done(problem: FleetError | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(settle, problem)

        if self._queue.qsize() >= _MOST_WAITING:
            raise StorageUnavailable("too many rows wait to be written", hint="again in a few seconds")
        self._put(_Entry(make, done))
        await written

    def _put(self, entry: _Entry) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, name="audit", daemon=True)
            self._thread.start()
        self._queue.put(entry)

    # -- the writing thread ----------------------------------------------------------------------------------

    def _write(self) -> None:
        going = True
        while going:
            entries, going = self._gathered()
            try:
                problem = self._append(entries)
            except Exception as exc:  # whoever waits must hear of it, whatever it is
                _log.exception("the audit trail cannot be written")
                problem = StorageUnavailable(f"the audit trail failed: {type(exc).__name__}")
            for entry in entries:
                if entry.done is not None:
                    entry.done(problem)
        if self._file is not None:
            self._file.close()
            self._file = None

    def _gathered(self) -> tuple[list[_Entry], bool]:
        """Wait for entries; a little longer if nobody waits for any of them."""
        entries: list[_Entry] = []
        until: float | None = None
        awaited = False
        while len(entries) < _MOST_AT_ONCE:
            try:
                if until is None:
                    entry = self._queue.get()
                else:
                    entry = self._queue.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if entry is None:
                return entries, False
            entries.append(entry)
            awaited = awaited or entry.done is not None
            until = 0.0 if awaited else time.monotonic() + _GATHER_S if until is None else until
        return entries, True

    def _append(self, entries: list[_Entry]) -> FleetError | None:
        lost, self._lost = self._lost, 0
        makes = [entry.make for entry in entries]
        if lost:
            makes.append(lambda _: Row(_now_us(), "", "openmanager", "", "", f"lost {lost} rows of reading", 0))
        if not makes:
            return None
        try:
            self._file = self._file or TrailFile(self._home)
            self._file.append(makes)
            self._prune(self._file)
        except FleetError as exc:
            self._lost += lost + sum(entry.done is None for entry in entries)
            if self._file is not None:
                self._file.close()
                self._file = None
            if time.monotonic() - self._said_s > _SAY_EVERY_S:
                self._said_s = time.monotonic()
                _log.error("the audit trail cannot be written, so tools that change something are refused: %s", exc)
            return exc
        return None

    def _prune(self, file: TrailFile) -> None:
        """Let go of what is too old, some rows at a time."""
        now = time.monotonic()
        if now - self._let_go_s < _LET_GO_EVERY_S:
            return
        if file.let_go(_now_us() - int(self._keep_s * 1e6)) == 0:
            self._let_go_s = now


def _row_of(call: Call, outcome: str = "") -> Callable[[Sealer], Row]:
    """Note who asks for what now; the digest is made by the thread that writes."""
    who = asking().id.encode("utf-8", "backslashreplace").decode()
    at_us = _now_us()
    outcome = outcome or call.outcome or "cancelled"
    duration_us = 0 if outcome == STARTED else int(call.seconds * 1e6)
    server, tool, arguments = call.server, call.tool.name, call.arguments
    return lambda sealer: Row(at_us, who, server, tool, sealer.arguments(arguments), outcome, duration_us)


def _now_us() -> int:
    return time.time_ns() // 1000
