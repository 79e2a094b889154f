"""Every series looked at as its readings come in: what became unusual, what is over, and who fell silent.

One look reads the instants since the one before and nothing older; `openmanager_core.analysis.ticking` remembers the
rest. Imported only by whoever watches: it needs numpy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import anyio
import numpy as np
import numpy.typing as npt

from openmanager_core import catalog, validation
from openmanager_core.analysis.ticking import Rules, Tick, Ticker
from openmanager_core.errors import FleetError, InsufficientData
from openmanager_core.job import offload
from openmanager_core.panel import Window
from openmanager_local.watch_state import Kept, Key, keep, kept

if TYPE_CHECKING:
    from openmanager_local.analyst import Analyst

EVERY_S = 15.0
EVERY_METRIC_UP_TO = 300
"""Servers of which all metrics are watched; of more, the screened eight."""
_HISTORY_S = 3 * 3600.0
_HISTORY_READINGS = 20_000_000
"""Readings that are learned at the beginning, at most: large fleets get a shorter past."""
_READS_AT_ONCE = 4
_KEEP_EVERY_S = 300.0
_REMEMBERED_S = 7 * 86_400.0
"""A state of a source without a past is good for so long."""

Kind = Literal["new", "ongoing", "over", "accepted", "silent", "back"]
Rows = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one series, or to one server.

    Attributes
    ----------
    kind
        ``new``: unusual from now on; ``ongoing``: it was before anybody watched; ``over``: as usual again;
        ``accepted``: so long unusual that it is the usual now; ``silent``: no reading of the server; ``back``: again.
    at_s
        When it was seen, Unix seconds.
    metric
        Empty for ``silent`` and ``back``.
    value, usual
        The reading, and where the series was at home, in the metric's unit; None if there is none.
    score
        Minus the decimal logarithm of the chance of such a reading under the series' own past.
    lasted_s
        Seconds that it had gone on for.
    """

    kind: Kind
    at_s: float
    server: str
    metric: str = ""
    value: float | None = None
    usual: float | None = None
    score: float = 0.0
    lasted_s: float = 0.0


class Watching:
    """One fleet, watched.

    Parameters
    ----------
    analyst
        Whose source is read.
    metrics
        Catalogue names; empty: all of them, or in large fleets the screened eight.
    cluster
        Only its servers; empty: all.
    every_s
        Seconds between instants, above 0.
    file
        Where the state is kept from one run to the next; None: nowhere.
    """

    def __init__(
        self,
        analyst: Analyst,
        *,
        metrics: Sequence[str] = (),
        cluster: str = "",
        every_s: float = EVERY_S,
        file: Path | None = None,
    ) -> None:
        self.every_s = every_s
        self.problem = ""
        """What could not be read in the newest look; empty: nothing."""
        self._analyst = analyst
        self._metrics = tuple(metrics)
        self._cluster = cluster
        self._file = file
        usual = Rules()
        silent_s, calm_s = max(usual.silent_s, 4 * every_s), max(usual.calm_s, 3 * every_s)
        self._rules = replace(usual, silent_s=silent_s, calm_s=calm_s)
        self._ticker = Ticker(0, self._rules)
        self._keys: tuple[Key, ...] = ()
        self._host_at: npt.NDArray[np.intp] = np.zeros(0, np.intp)
        self._hosts: tuple[str, ...] = ()
        self._open: dict[Key, Event] = {}
        self._silent: set[str] = set()
        self._cursor_s = -math.inf
        self._kept_s = -math.inf

    @property
    def series(self) -> int:
        """How many series are watched."""
        return len(self._keys)

    @property
    def servers(self) -> int:
        """Of how many servers."""
        return len(self._hosts)

    @property
    def until_s(self) -> float:
        """The newest instant that was looked at, Unix seconds."""
        return self._cursor_s

    def unusual(self) -> list[Event]:
        """What is unusual now, the strangest beginning first, then who is silent."""
        going = sorted(self._open.values(), key=lambda e: (-e.score, e.server, e.metric))
        quiet = [Event("silent", self._cursor_s, host) for host in sorted(self._silent)]
        return [replace(e, lasted_s=max(0.0, self._cursor_s - e.at_s)) for e in going] + quiet

    async def begin(self, since_s: float | None = None) -> list[Event]:
        """Learn the past, and tell what happened since an instant; what is unusual already is ``ongoing``.

        Parameters
        ----------
        since_s
            Unix seconds; None: from now on, or from where the kept state ends.

        Raises
        ------
        FleetError
            If nothing at all can be read.
        """
        now_s = self._instant(await self._analyst.now_s())
        span_s = self._instant(self._history_s(await self._expected()))
        told_s = now_s if since_s is None else min(now_s, self._instant(since_s))
        from_s = told_s - span_s
        if since_s is None and self._file is not None:
            from_s = told_s = self._restored(await offload(kept, self._file), now_s, span_s) or told_s
            from_s -= 0.0 if self._keys else span_s
        self._cursor_s = from_s
        if from_s < told_s:
            values, times = await self._read(from_s, told_s)
            alive = np.isfinite(values).any(axis=1)
            await offload(self._ticker.seed, values[alive], times[alive])
            self._find_open(values[-1])
        ongoing = [replace(e, kind="ongoing", lasted_s=max(0.0, told_s - e.at_s)) for e in self._open.values()]
        events: list[Event] = []
        while told_s < now_s:
            to_s = min(now_s, told_s + span_s)
            values, times = await self._read(told_s, to_s)
            events += await self._ticked(values, times)
            told_s = to_s
        self._cursor_s = now_s
        return sorted(ongoing, key=lambda e: (e.at_s, e.server, e.metric)) + events

    def _restored(self, found: Kept | None, now_s: float, span_s: float) -> float | None:
        """Take up a kept state, if it is fit; gives the instant to go on from."""
        # A source without a past has nothing better than what was remembered of it.
        oldest_s = now_s - (_REMEMBERED_S if self._analyst.settings.kind == "host" else span_s)
        if found is None or not oldest_s <= found.time_s < now_s:
            return None
        ticker = Ticker(len(found.keys), self._rules)
        ticker.restore(found.state)
        self._ticker, self._keys = ticker, found.keys
        self._arrange(tuple(key for key in found.keys if key[0] in catalog.BY_NAME))
        self._find_open(None)
        return max(self._instant(found.time_s), now_s - span_s)

    async def look(self) -> list[Event]:
        """Read what came since the last look, and tell what happened; oldest first.

        Raises
        ------
        FleetError
            If nothing at all can be read; the next look goes on from where this one would have begun.
        """
        now_s = self._instant(await self._analyst.now_s())
        if now_s <= self._cursor_s:
            return []
        first_s = max(self._cursor_s, self._instant(now_s - self._history_s(max(1, self.series))))
        values, times = await self._read(first_s, now_s)
        events = await self._ticked(values, times)
        if self._file is not None and now_s >= self._kept_s + _KEEP_EVERY_S:
            await self.keep()
        return events

    async def keep(self) -> None:
        """Write down what was learned, if there is a place for it."""
        if self._file is not None and self._keys and math.isfinite(self._ticker.time_s):
            self._kept_s = self._cursor_s
            await offload(keep, self._file, self._keys, self._ticker.saved())

    def _instant(self, time_s: float) -> float:
        return math.floor(time_s / self.every_s + 1e-9) * self.every_s

    async def _expected(self) -> int:
        fleet = await self._analyst.fleet()
        count = len(fleet.select(cluster=self._cluster)) if self._cluster else len(fleet.servers)
        return max(1, count * len(await self._names(count)))

    def _history_s(self, n_series: int) -> float:
        most = _HISTORY_READINGS // n_series
        return min(_HISTORY_S, max(most, self._rules.warm_up + 10) * self.every_s)

    async def _names(self, count: int) -> tuple[str, ...]:
        names = await self._analyst.metrics(self._metrics)
        if self._metrics or count <= EVERY_METRIC_UP_TO:
            return names
        return tuple(name for name in names if name in catalog.SCREENED)

    async def _read(self, after_s: float, to_s: float) -> tuple[Rows, npt.NDArray[np.float64]]:
        """Readings of all series in ``(after_s, to_s]``, shape ``(n_times, n_series)``; new series get a place."""
        fleet = await self._analyst.fleet()
        servers = fleet.select(cluster=self._cluster) if self._cluster else fleet.servers
        window = Window(after_s + self.every_s, to_s + self.every_s / 2, self.every_s)
        source = await self._analyst.source()
        limiter = anyio.Semaphore(_READS_AT_ONCE)
        found: dict[str, tuple[tuple[str, ...], Rows]] = {}
        failures: list[FleetError] = []
        types = {server.type for server in servers}

        async def one(name: str) -> None:
            async with limiter:
                hosts = [s.id for s in servers if s.type in catalog.metric(name).types] if self._cluster else None
                try:
                    raw = await source.read(name, window, hosts)
                except FleetError as exc:
                    failures.append(exc)
                    return
                panel = (await offload(validation.check, raw)).panel
                found[name] = panel.hosts, panel.values

        names = await self._names(len(servers))
        async with anyio.create_task_group() as tasks:
            for name in names:
                if types & set(catalog.metric(name).types):
                    tasks.start_soon(one, name)
        if failures and not found:
            raise failures[0]
        if not found:
            raise InsufficientData("no server here has a metric to watch", hint="list_metrics shows what there is")
        self.problem = str(failures[0]) if failures else ""
        # What failed this time keeps its place: it has no reading, which is no event.
        lost = tuple(key for key in self._keys if key[0] in names and key[0] not in found)
        keys = (*((name, host) for name in names if name in found for host in found[name][0]), *lost)
        if keys != self._keys:
            self._arrange(keys)
        values = np.full((window.n_times, len(keys)), np.nan, np.float32)
        column = 0
        for name in names:
            if name in found:
                hosts, rows = found[name]
                values[:, column : column + len(hosts)] = rows.T
                column += len(hosts)
        return values, window.times_s()

    def _arrange(self, keys: tuple[Key, ...]) -> None:
        """Servers came or went: everybody keeps what is known of them."""
        at = {key: k for k, key in enumerate(self._keys)}
        metrics = [catalog.metric(name) for name, _ in keys]
        self._ticker = self._ticker.taken(
            [at.get(key, -1) for key in keys],
            floor=[m.floor for m in metrics],
            relative=[m.relative for m in metrics],
        )
        self._keys = keys
        self._hosts = tuple(dict.fromkeys(host for _, host in keys))
        place = {host: k for k, host in enumerate(self._hosts)}
        self._host_at = np.array([place[host] for _, host in keys], dtype=np.intp)
        there = set(keys)
        self._open = {key: event for key, event in self._open.items() if key in there}
        self._silent &= set(self._hosts)

    def _find_open(self, newest: Rows | None) -> None:
        """What is going on at the end of the past."""
        event_s, level = self._ticker.event_s, self._ticker.level
        for k in np.flatnonzero(event_s >= 0).tolist():
            name, host = self._keys[k]
            at_s = self._ticker.time_s - float(event_s[k])
            value = math.nan if newest is None else float(newest[k])
            self._open[name, host] = Event("new", at_s, host, name, _known(value), _known(level[k]))
        self._silent = set(self._quiet_hosts())

    async def _ticked(self, values: Rows, times: npt.NDArray[np.float64]) -> list[Event]:
        # Whoever gives up waiting must not leave a thread behind that changes the state beside the next look.
        events: list[Event] = []
        with anyio.CancelScope(shield=True):
            events += await offload(self._through, values, times)
        return events

    def _through(self, values: Rows, times: npt.NDArray[np.float64]) -> list[Event]:
        """Tick through some instants; one at which nobody has a reading is the source's gap and nobody's silence."""
        events: list[Event] = []
        for row, time_s in zip(values, times.tolist(), strict=True):
            self._cursor_s = max(self._cursor_s, time_s)
            if np.isfinite(row).any():
                usual = self._ticker.level
                tick = self._ticker.tick(row, time_s)
                if not tick.late:
                    events += self._told(tick, row, usual)
        return events

    def _told(self, tick: Tick, row: Rows, usual: Rows) -> list[Event]:
        out = []
        for k in tick.began.tolist():
            name, host = self._keys[k]
            score = float(tick.scores[k])
            event = Event("new", tick.time_s, host, name, _known(row[k]), _known(usual[k]), score)
            self._open[name, host] = event
            out.append(event)
        out.sort(key=lambda e: (-e.score, e.server, e.metric))
        ends: tuple[tuple[Kind, npt.NDArray[np.intp], float], ...] = (
            ("over", tick.ended, self._rules.calm_s),
            ("accepted", tick.accepted, 0.0),
        )
        for kind, ended, ago_s in ends:
            for k in ended.tolist():
                name, host = self._keys[k]
                began = self._open.pop((name, host), None)
                lasted_s = 0.0 if began is None else max(0.0, tick.time_s - ago_s - began.at_s)
                was = None if began is None else began.usual
                out.append(Event(kind, tick.time_s, host, name, _known(row[k]), was, 0.0, lasted_s))
        if len(tick.fell_silent) or len(tick.spoke_again):
            quiet = set(self._quiet_hosts())
            gone, back = sorted(quiet - self._silent), sorted(self._silent - quiet)
            out += [Event("silent", tick.time_s, host, lasted_s=self._rules.silent_s) for host in gone]
            out += [Event("back", tick.time_s, host) for host in back]
            self._silent = quiet
        return out

    def _quiet_hosts(self) -> list[str]:
        """Servers all of whose series, as far as they were ever read, have fallen silent."""
        silent, seen = self._ticker.silent, self._ticker.judged
        of_host = partial(np.bincount, self._host_at, minlength=len(self._hosts))
        quiet = of_host(weights=silent & seen) == of_host(weights=seen)
        return [self._hosts[k] for k in np.flatnonzero(quiet & (of_host(weights=seen) > 0)).tolist()]


def _known(value: float | np.floating) -> float | None:
    return float(value) if math.isfinite(value) else None
