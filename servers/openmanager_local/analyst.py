"""What every tool of this server needs: the source, the Ledger, the inventory, and checked panels."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from openmanager_core import catalog
from openmanager_core.errors import FleetError, InvalidRequest, StorageUnavailable, Unsupported
from openmanager_core.fleet import COMMITTED_BEFORE_S, Change, Fleet
from openmanager_core.job import checkpoint, offload
from openmanager_core.source import SourceSettings, open_source
from openmanager_core.wording import sentence
from openmanager_kit.flights import Flights
from openmanager_kit.sharing import Moment, Sharing
from openmanager_local.words import failure_note

if TYPE_CHECKING:
    from openmanager_core.findings import Finding
    from openmanager_core.knowledge.folder import Folder
    from openmanager_core.operations_log import OperationsLog
    from openmanager_core.panel import Panel, Window
    from openmanager_core.source.base import Source, SourceStatus
    from openmanager_core.source.simulated import SimulatedSource
    from openmanager_core.storage.incident import Incident
    from openmanager_core.storage.ledger import Ledger
    from openmanager_kit.hosting.readiness import Condition
    from openmanager_local.survey import Survey

_log = logging.getLogger(__name__)
_INVENTORY_TTL_S = 15.0
_READS_AT_ONCE = 4
_KEEP_DAYS = 90
_ANSWERS_FOR_S = 30
_MOMENT_FOR_S = 0.5


def _weightless(seen: Survey) -> int:
    """Nothing is kept."""
    return 0


def _load() -> None:
    from openmanager_core import processing, timespan, validation
    from openmanager_core.analysis import overview

    assert processing and timespan and validation and overview


def ledger_name(source: SourceSettings) -> str:
    """One file a fleet: what the simulator made up must never stand among incidents of real servers."""
    which = f"{source.kind}|{source.url}|{source.tenant}|{source.path}|{source.seed}|{source.servers}"
    return f"ledger-{source.kind}-{hashlib.blake2b(which.encode(), digest_size=4).hexdigest()}.sqlite3"


@dataclass(slots=True)
class Readings:
    """Checked panels by metric, what was wrong with them, and how much of each the source had.

    `present_ratio` is the share of readings that were there before short gaps were bridged.
    """

    panels: dict[str, Panel]
    problems: list[str] = field(default_factory=list)
    present_ratio: dict[str, float] = field(default_factory=dict)


class Analyst:
    """One fleet, opened at first use and closed once.

    Parameters
    ----------
    source
        Which source to open.
    home
        Folder of the Ledger; None keeps nothing.
    opener
        Opens the source, once; for one with a clock of its own.
    runbooks
        The user's own folder of Markdown; empty: none.
    changes
        The user's own file of what was done to the fleet; empty: none.
    shared
        Folder that all workers of one service have; None if there is one process only.
    """

    def __init__(
        self,
        source: SourceSettings,
        home: Path | None,
        opener: Callable[[SourceSettings], Source] = open_source,
        runbooks: str = "",
        shared: Path | None = None,
        changes: str = "",
    ) -> None:
        self.settings = source
        self._opener = opener
        self._home = home
        self._shared = shared
        self.runbooks: Folder | None = None
        self._log: OperationsLog | None = None
        if runbooks and home is not None:
            from openmanager_core.knowledge.folder import Folder

            self.runbooks = Folder(Path(runbooks).expanduser(), home)
        if changes:
            from openmanager_core.operations_log import OperationsLog

            self._log = OperationsLog(Path(changes).expanduser())
        self._source: Source | None = None
        self._ledger: Ledger | None = None
        self._ledger_problem = "" if home else sentence("problem.no_home")
        self._flights: Flights[Any] = Flights()
        self.surveys: Sharing[Survey] = Sharing(_weightless, longest_s=0.0)
        """Looks at the fleet that are being taken, for all who want the same one."""
        self._inventory: tuple[float, Fleet] | None = None
        self._moment: tuple[float, tuple[int, str]] | None = None

    @property
    def simulated(self) -> bool:
        """Whether faults can be injected here."""
        return self.settings.kind == "simulator"

    async def source(self) -> Source:
        """The source, opened once, whoever comes first."""
        if self._source is None:
            # No lock: a crowd at one gets through it one by one, a turn of the event loop each.
            await self._flights.once("source", self._open)
        assert self._source is not None
        return self._source

    async def _open(self) -> None:
        if self._source is None:
            self._source = await offload(self._opened)

    def _opened(self) -> Source:
        source = self._opener(self.settings)
        if self._shared is not None and self.simulated:
            from openmanager_core.simulator.fault_file import FaultFile
            from openmanager_core.source.simulated import SimulatedSource

            assert isinstance(source, SimulatedSource)
            source.share(FaultFile(self._shared / "faults.json"))
        return source

    async def simulator(self) -> SimulatedSource:
        """The source, if it is the simulator.

        Raises
        ------
        Unsupported
            If real servers are being watched.
        """
        if not self.simulated:
            raise Unsupported(
                f"faults can be injected into the simulator only, and this server watches {self.settings.kind!r}",
                hint="start it with --source simulator",
            )
        from openmanager_core.source.simulated import SimulatedSource

        found = await self.source()
        assert isinstance(found, SimulatedSource)
        return found

    async def ledger(self) -> Ledger | None:
        """The Ledger, or None where it can not be opened: analysis goes on without it, and says so."""
        if self._ledger is None and self._home is not None and not self._ledger_problem:
            await self._flights.once("ledger", self._open_ledger)
        return self._ledger

    async def _open_ledger(self) -> None:
        if self._ledger is not None or self._home is None:
            return
        from openmanager_core.storage.ledger import Ledger

        try:
            self._ledger = await Ledger.open(self._home / ledger_name(self.settings))
            await self._ledger.prune(_KEEP_DAYS)
        except StorageUnavailable as exc:
            _log.warning("the Ledger can not be opened: %s", exc)
            self._ledger_problem = sentence("problem.not_kept", reason=exc.message)

    async def require_ledger(self) -> Ledger:
        """The Ledger.

        Raises
        ------
        StorageUnavailable
            If it can not be opened, with the reason.
        """
        found = await self.ledger()
        if found is None:
            raise StorageUnavailable(self._ledger_problem, hint="set OPENMANAGER_HOME to a folder that can be written")
        return found

    async def record(
        self,
        findings: Sequence[Finding],
        seen_at_s: float,
        *,
        hosts: Sequence[str] | None = None,
        metrics: Sequence[str] | None = None,
        unlooked: Sequence[str] = (),
    ) -> tuple[list[Incident], str]:
        """Keep what a look at these hosts and metrics found (None: at all); the second value says why not, if so.

        `unlooked` are kinds of finding that it did not look for.
        """
        ledger = await self.ledger()
        if ledger is None:
            return [], self._ledger_problem
        try:
            kept = await ledger.record(
                findings, fleet=await self.fleet(), seen_at_s=seen_at_s, hosts=hosts, metrics=metrics, unlooked=unlooked
            )
            return kept, ""
        except StorageUnavailable as exc:
            _log.warning("the Ledger can not be written: %s", exc)
            return [], sentence("problem.not_kept", reason=exc.message)

    async def damped(self, findings: Sequence[Finding]) -> Sequence[Finding]:
        """The findings as people's verdicts leave them; as they are where nothing is kept."""
        ledger = await self.ledger()
        if ledger is None or not findings:
            return findings
        try:
            return await ledger.damped(findings)
        except StorageUnavailable as exc:
            _log.warning("verdicts can not be read: %s", exc)
            return findings

    async def warm(self) -> None:
        """Load and open what the first question needs, without asking the source anything."""
        await self.source()
        await self.ledger()
        await offload(_load)

    async def fleet(self) -> Fleet:
        """The inventory, at most a quarter of a minute old."""
        now = time.monotonic()
        if self._inventory is None or now - self._inventory[0] > _INVENTORY_TTL_S:
            self._inventory = (now, await (await self.source()).inventory())
        return self._inventory[1]

    async def changes(self, window: Window) -> tuple[tuple[Change, ...], list[str]]:
        """What was done to the fleet within the window, or written a day before it; and what is wrong with the file."""
        known = await (await self.source()).changes(window)
        if self._log is None:
            return known, []
        start_s = window.start_s - COMMITTED_BEFORE_S
        noted, problems = await offload(self._log.changes, await self.fleet(), start_s, window.end_s)
        return tuple(sorted((*known, *noted), key=lambda change: change.at_s)), problems

    def known_inventory(self) -> tuple[int, float] | None:
        """How many servers the inventory in use holds, and how many seconds ago it was asked for; None: not yet."""
        return (
            None
            if self._inventory is None
            else (len(self._inventory[1].servers), time.monotonic() - self._inventory[0])
        )

    async def now_s(self) -> float:
        """What "now" means for the source."""
        return await (await self.source()).now_s()

    async def status(self) -> SourceStatus:
        """How the source is."""
        return await (await self.source()).status()

    async def moment(self) -> Moment:
        """What makes an answer old, beside its age: the source's clock, its breaker, faults injected elsewhere."""
        known = self.known_moment()
        if known is None:
            clock, breaker = await self._flights.once("moment", self._look_at_the_clock)
            known = Moment(clock, (breaker, self.faults_version()))
        return known

    async def _look_at_the_clock(self) -> tuple[int, str]:
        moment = int(await self.now_s() // _ANSWERS_FOR_S), (await self.status()).breaker
        self._moment = time.monotonic(), moment
        return moment

    def known_moment(self) -> Moment | None:
        """The same, if it was found out just now; faults are always looked at anew."""
        if self._moment is None or time.monotonic() >= self._moment[0] + _MOMENT_FOR_S:
            return None
        clock, breaker = self._moment[1]
        return Moment(clock, (breaker, self.faults_version()))

    def faults_version(self) -> int:
        """A number that changes when another worker injects or clears faults."""
        return getattr(self._source, "version", 0) if self._shared is not None else 0

    def forget(self) -> None:
        """Something was changed: looks that began before are for nobody who asks from now on."""
        self.surveys.forget()

    async def condition(self) -> Condition:
        """Whether questions can be answered, for those who run this server; degraded still answers."""
        from openmanager_kit.hosting.readiness import Condition

        status = await self.status()
        age_s = None if status.newest_s is None else max(0.0, await self.now_s() - status.newest_s)
        breaker = "" if status.breaker == "closed" else f", breaker {status.breaker}"
        return Condition(status.state != "down", f"{status.kind} {status.state}{breaker}: {status.detail}", age_s)

    async def window(self, start: str, end: str, step_s: float = 0.0, *, points: int = 240) -> Window:
        """The window that the two words mean now, on a grid of about `points` instants unless a step is given."""
        from openmanager_core.timespan import parse_window

        return parse_window(
            start, end, await self.now_s(), step_s, default_points=points, min_step_s=self._finest_step_s()
        )

    def _finest_step_s(self) -> float:
        return self.settings.tick_s if self.settings.kind in ("simulator", "host") else 1.0

    async def metrics(self, wanted: Sequence[str] = ()) -> tuple[str, ...]:
        """The wanted metrics, checked, or all that the source has.

        Raises
        ------
        NotFound
            For a name outside the catalogue.
        InvalidRequest
            For a metric that no server has here.
        """
        have = await (await self.source()).metrics()
        for name in wanted:
            catalog.metric(name)
            if name not in have:
                raise InvalidRequest(f"no server here reports {name}", hint=f"one of {', '.join(have)}")
        return tuple(dict.fromkeys(wanted)) or have

    async def read(
        self, metric: str, window: Window, hosts: Sequence[str] | None = None
    ) -> tuple[Panel, list[str], float]:
        """One metric, validated and on one grid, what was wrong with it, and the share of readings that were there."""
        from openmanager_core import processing, validation

        raw = await (await self.source()).read(metric, window, hosts)
        checked = await offload(validation.check, raw)
        present = float(checked.coverage.mean()) if checked.coverage.size else 0.0
        return await offload(processing.prepare, checked), list(checked.problems), present

    async def read_all(self, metrics: Sequence[str], window: Window, hosts: Sequence[str] | None = None) -> Readings:
        """Several metrics, a few at a time; metrics that none of the hosts has are left out."""
        fleet = await self.fleet()
        chosen = [fleet.by_id[h] for h in hosts if h in fleet.by_id] if hosts is not None else list(fleet.servers)
        types = {server.type for server in chosen}
        found: dict[str, tuple[Panel, list[str], float]] = {}
        failures: list[FleetError] = []
        limiter = anyio.Semaphore(_READS_AT_ONCE)
        wanted, readings = sum(bool(types & set(catalog.metric(name).types)) for name in metrics), 0

        async def one(name: str, rows: list[str] | None) -> None:
            nonlocal readings
            async with limiter:
                try:
                    found[name] = await self.read(name, window, rows)
                except FleetError as exc:
                    failures.append(exc)
                readings += found[name][0].values.size if name in found else 0
                done = len(found) + len(failures)
                checkpoint(done / max(1, wanted), f"reading: {done} of {wanted} metrics, {readings:,} readings so far")

        async with anyio.create_task_group() as tasks:
            for name in metrics:
                having = catalog.metric(name).types
                if not types & set(having):
                    continue
                rows = None if hosts is None else [s.id for s in chosen if s.type in having]
                tasks.start_soon(one, name, rows)
        if failures and not found:
            raise failures[0]
        problems: list[str] = [failure_note(exc) for exc in failures]
        problems += [text for name in metrics if name in found for text in found[name][1]]
        there = [name for name in metrics if name in found]
        return Readings({name: found[name][0] for name in there}, problems, {name: found[name][2] for name in there})

    async def aclose(self) -> None:
        """Let go of the source and the Ledger."""
        source, self._source = self._source, None
        ledger, self._ledger = self._ledger, None
        if self.runbooks is not None:
            await offload(self.runbooks.close)
        if source is not None:
            await source.aclose()
        if ledger is not None:
            await ledger.aclose()
