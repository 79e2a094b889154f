"""The simulated fleet as a source: works at once, any size, and knows what it did wrong."""

from __future__ import annotations

import contextlib
import heapq
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from openmanager_core import catalog
from openmanager_core.errors import ConfigError, FleetError, InvalidRequest, NotFound, StorageUnavailable
from openmanager_core.fleet import Change, Fleet
from openmanager_core.job import checkpoint, offload
from openmanager_core.panel import Panel, Window
from openmanager_core.screening import UNUSUAL_SIGMA, screen
from openmanager_core.simulator import Fault, Simulator, ground_truth
from openmanager_core.simulator.fault_file import FaultFile
from openmanager_core.simulator.faults import check
from openmanager_core.simulator.scenarios import scenario
from openmanager_core.source.base import Ranking, SourceStatus, Suspect
from openmanager_core.source.settings import SourceSettings
from openmanager_core.wording import sentence

_RANK_VALUES = 1_500_000
_LATELY = 1 / 6


class SimulatedSource:
    """A `Source` over a `Simulator`.

    Parameters
    ----------
    simulator
        The fleet; its faults are the first ones here.
    clock
        Unix seconds; what "now" means. Later instants read ``nan``.
    """

    kind = "simulator"

    def __init__(self, simulator: Simulator, *, clock: Callable[[], float] = time.time) -> None:
        self._simulator = simulator
        self._clock = clock
        self._lock = threading.Lock()
        self._count = 0
        self._file: FaultFile | None = None
        self._seen = 0

    @classmethod
    def from_settings(cls, settings: SourceSettings, *, clock: Callable[[], float] = time.time) -> SimulatedSource:
        """The source that a profile's ``[source]`` section describes.

        Raises
        ------
        ConfigError
            If a number is out of its bounds or the scenario does not exist.
        """
        try:
            simulator = Simulator(settings.servers, settings.seed, settings.tick_s)
            anchor_s = settings.anchor_s or clock()
            simulator = simulator.with_faults(scenario(settings.scenario or "quiet", simulator.fleet(), anchor_s))
        except FleetError as exc:
            raise ConfigError(f"[source] {exc.message}" + (f" ({exc.hint})" if exc.hint else "")) from exc
        return cls(simulator, clock=clock)

    # ---- the Protocol ---------------------------------------------------------------------------------------------

    async def now_s(self) -> float:
        """The clock."""
        return self._clock()

    async def inventory(self) -> Fleet:
        """The simulated fleet."""
        return self._simulator.fleet()

    async def metrics(self) -> tuple[str, ...]:
        """The catalogue's metrics that some server here has."""
        types = {s.type for s in self._simulator.fleet().servers}
        return tuple(m.name for m in catalog.METRICS if types & set(m.types))

    async def read(self, metric: str, window: Window, hosts: Sequence[str] | None = None) -> Panel:
        """See `Source.read`."""
        return await offload(self._read, metric, window, None if hosts is None else tuple(hosts))

    async def latest(self, metric: str, at_s: float, over_s: float = 60.0) -> Panel:
        """See `Source.latest`; the instants are the ticks."""
        return await offload(self._latest, metric, at_s, over_s)

    async def rank(self, metrics: Sequence[str], window: Window, k: int, hosts: Sequence[str] | None = None) -> Ranking:
        """See `Source.rank`; "lately" is the last sixth of the window."""
        return await offload(self._rank, tuple(metrics), window, k, None if hosts is None else tuple(hosts))

    async def changes(self, window: Window) -> tuple[Change, ...]:
        """Deployments and restarts up to now."""
        now_s = self._clock()
        return tuple(c for c in self._current().changes(window) if c.at_s <= now_s)

    async def status(self) -> SourceStatus:
        """Always well."""
        now_s, simulator = self._clock(), self._simulator
        newest_s = float(simulator.ticks(np.array([now_s]))[0]) * simulator.tick_s
        count = len(simulator.fleet().servers)
        detail = sentence("origin.simulated", servers=count, seed=simulator.seed, tick_s=simulator.tick_s)
        return SourceStatus(self.kind, "ok", newest_s, detail=detail)

    async def aclose(self) -> None:
        """Nothing to let go of."""

    # ---- faults ---------------------------------------------------------------------------------------------------

    def share(self, file: FaultFile) -> None:
        """Have the same faults as everybody who shares this file: those in it, or ours if there are none yet.

        Raises
        ------
        StorageUnavailable
            If the file can be neither read nor written.
        """
        with self._lock, file.locked():
            if not file.version():
                file.write(self._simulator.faults)
            self._file, self._seen = file, 0
            self._take(file)

    @property
    def version(self) -> int:
        """A number that changes with the faults that are shared; 0 if they are not."""
        return 0 if self._file is None else self._file.version()

    def _current(self) -> Simulator:
        """The simulator with the faults as everybody sees them."""
        file = self._file
        if file is not None and file.version() != self._seen:
            with self._lock, contextlib.suppress(StorageUnavailable):  # the folder is gone: what we know still holds
                self._take(file)
        return self._simulator

    def _take(self, file: FaultFile) -> None:
        version = file.version()
        if version != self._seen:
            self._simulator = self._simulator.with_faults(file.read())
            self._seen = version

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Callable[[Sequence[Fault]], None]]:
        """Hold the faults still; what is yielded replaces them, for everybody who shares them."""
        file = self._file
        with self._lock, contextlib.nullcontext() if file is None else file.locked():
            if file is not None:
                self._take(file)

            def replaced(faults: Sequence[Fault]) -> None:
                if file is not None:
                    self._seen = file.write(faults)
                self._simulator = self._simulator.with_faults(faults)

            yield replaced

    def inject(self, fault: Fault) -> Fault:
        """Let something go wrong; the answer carries the id it was given.

        Raises
        ------
        NotFound
            If the kind or a target does not exist.
        InvalidRequest
            If the times, the severity or the id cannot be.
        """
        with self._changing() as become:
            faults = self._simulator.faults
            taken = {f.id for f in faults}
            if fault.id in taken:
                raise InvalidRequest(f"a fault with id {fault.id!r} is there already", hint="leave the id empty")
            check(fault, self._simulator.fleet())
            while not fault.id or fault.id in taken:
                self._count += 1
                fault = replace(fault, id=f"fault-{self._count}")
            become((*faults, fault))
        return fault

    def clear(self, ids: Collection[str] = ()) -> int:
        """End these faults now (none named: all that are active); return how many ended.

        What they did until now stays in the past, as it would in a real fleet. Faults that have not begun vanish.

        Raises
        ------
        NotFound
            If an id is not that of a fault; nothing is ended then.
        """
        with self._changing() as become:
            now_s, faults = self._clock(), self._simulator.faults
            for ident in ids:
                if all(f.id != ident for f in faults):
                    raise NotFound.named("fault", ident, [f.id for f in faults], hint="no fault has that id")
            ended = {f.id for f in faults if (not ids or f.id in ids) and f.ends_s() > now_s}
            left = [
                replace(f, end_s=now_s) if f.id in ended else f
                for f in faults
                if f.start_s < now_s or f.id not in ended
            ]
            become(left)
        return len(ended)

    def active(self) -> tuple[Fault, ...]:
        """Faults that go on now; for whoever injects them, not for analysis."""
        now_s = self._clock()
        return tuple(f for f in self._current().faults if f.start_s <= now_s < f.ends_s())

    def truth(self) -> list[dict[str, Any]]:
        """What is really wrong; for tests and benchmarks only, no analysis may read it."""
        simulator = self._current()
        return ground_truth(simulator.faults, simulator.fleet())

    @property
    def simulator(self) -> Simulator:
        """The function behind the numbers, with the faults as they are now."""
        return self._current()

    # ---- in a thread ----------------------------------------------------------------------------------------------

    def _read(self, metric: str, window: Window, hosts: tuple[str, ...] | None) -> Panel:
        panel = self._current().read(metric, window, hosts)
        panel.values[:, panel.times_s > self._clock()] = np.nan
        return panel

    def _latest(self, metric: str, at_s: float, over_s: float) -> Panel:
        if not over_s > 0:
            raise InvalidRequest(f"over_s must be above 0, got {over_s:g}")
        simulator = self._current()
        tick_s = simulator.tick_s
        newest = int(simulator.ticks(np.array([min(at_s, self._clock())]))[0])
        oldest = int(np.floor((at_s - over_s) / tick_s + 1e-6)) + 1
        names = simulator.has(metric)
        if newest < oldest:
            # a span shorter than a tick, or one that has not come yet
            newest = oldest - 1 if at_s <= self._clock() + tick_s else oldest - 2
            oldest -= 1
        if newest < oldest:
            return Panel(metric, names, np.array([at_s]), np.full((len(names), 1), np.nan, np.float32))
        window = Window(oldest * tick_s, (newest + 0.5) * tick_s, tick_s)
        values = simulator.read(metric, window).values
        good = np.isfinite(values)
        count = good.sum(axis=1)
        total = np.where(good, values, np.float32(0)).sum(axis=1, dtype=np.float64)
        mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        return Panel(metric, names, np.array([at_s]), mean[:, None].astype(np.float32))

    def _rank(self, metrics: tuple[str, ...], window: Window, k: int, hosts: tuple[str, ...] | None) -> Ranking:
        if k < 1:
            raise InvalidRequest(f"k must be at least 1, got {k}")
        if window.n_times < 2:
            raise InvalidRequest(
                f"a ranking needs a window of at least 2 instants, got {window.n_times}", hint="use a smaller step_s"
            )
        simulator = self._current()
        owners = {m: set(simulator.has(m)) for m in metrics}
        names = hosts if hosts is not None else tuple(s.id for s in simulator.fleet().servers)
        simulator.rows_of(names)
        recent = max(1, min(window.n_times - 1, round(window.n_times * _LATELY)))
        past = window.times_s() > self._clock()
        stride = max(1, _RANK_VALUES // (window.n_times * max(1, len(metrics))))
        best: list[tuple[float, str, str]] = []
        screened = 0
        unusual: set[str] = set()
        for first in range(0, len(names), stride):
            note = f"screening: {first:,} of {len(names):,} servers, {len(unusual):,} unusual so far"
            checkpoint(first / len(names), note)
            some = names[first : first + stride]
            panels = simulator.read_many(metrics, window, some)
            for name, panel in panels.items():
                bounds = catalog.metric(name)
                panel.values[:, past] = np.nan
                has = [i for i, h in enumerate(some) if h in owners[name]]
                screened += len(has)
                scores = screen(panel.values[has], recent=recent, floor=bounds.floor, relative=bounds.relative)
                unusual.update(some[has[i]] for i in np.flatnonzero(scores >= UNUSUAL_SIGMA))
                top = np.argsort(-scores, kind="stable")[:k]
                best.extend((float(scores[i]), some[has[i]], name) for i in top if scores[i] > 0)
            best = heapq.nsmallest(k, best, key=lambda b: (-b[0], b[1], b[2]))
        method = sentence("how.newest_instants", instants=recent)
        return Ranking(tuple(Suspect(h, m, s) for s, h, m in best), screened, method)
