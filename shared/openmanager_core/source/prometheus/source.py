"""`PrometheusSource`: the fleet as a Prometheus-compatible engine knows it."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from openmanager_core import catalog
from openmanager_core.errors import FleetError, InvalidRequest, NotFound
from openmanager_core.fleet import Change, Fleet
from openmanager_core.job import checkpoint, offload
from openmanager_core.panel import Panel, Window
from openmanager_core.resilience import Breaker
from openmanager_core.screening import UNUSUAL_SIGMA
from openmanager_core.source._together import together
from openmanager_core.source.base import Ranking, SourceStatus, Suspect
from openmanager_core.source.prometheus import history, mapping, roster
from openmanager_core.source.prometheus.access import Access
from openmanager_core.source.prometheus.decode import Float64, Series
from openmanager_core.source.prometheus.directory import Directory, Group
from openmanager_core.source.prometheus.engine import Engine
from openmanager_core.source.prometheus.promql import duration
from openmanager_core.source.prometheus.ranking import DRIFTING, Screen
from openmanager_core.source.prometheus.transport import Transport
from openmanager_core.source.screened import Progress, rankable, recent_instants, require_span, strongest
from openmanager_core.source.settings import SourceSettings
from openmanager_core.wording import sentence

STALE_S = 60.0
_POINTS = 10_000
"""Engines refuse more than 11,000 points per series."""
_CELLS = 500_000
"""Values per request: about 15 MB of JSON."""
_DRIFT_RATIO = 0.25
_HOSTS = 500
"""Names per matcher; more are asked for in several requests, or all at once when it is most of them."""
_OLD_S = 300.0


class PrometheusSource:
    """Reads a Prometheus, VictoriaMetrics, Thanos or Mimir through its HTTP API.

    A value at an instant is the newest sample not older than the larger of the step, a minute, and one
    and a half scrape intervals; rates look back over the larger of the step and four scrape intervals.
    Both are stated in the query, so the engine's own look-back of five minutes plays no part.

    Attributes
    ----------
    bytes_received
        Bytes of the engine's answers so far.
    """

    kind = "prometheus"

    def __init__(
        self, access: Access, *, rows: tuple[mapping.Candidate, ...] = (), breaker: Breaker | None = None
    ) -> None:
        self._breaker = breaker or Breaker(f"the engine at {access.shown}")
        self._transport = Transport(access, self._breaker)
        self._engine = Engine(self._transport)
        self._directory = Directory(self._engine, rows)

    @classmethod
    def from_settings(cls, settings: SourceSettings, environ: Mapping[str, str] = os.environ) -> PrometheusSource:
        """The engine that ``[source]`` describes; connects at the first question.

        Raises
        ------
        ConfigError
            If the address, the credentials' variables, the CA file or a mapping can not be used.
        """
        return cls(Access.from_settings(settings, environ), rows=mapping.profile_rows(settings.mapping))

    @property
    def bytes_received(self) -> int:
        """Bytes of the engine's answers so far, as they came over the wire."""
        return self._transport.bytes_received

    async def now_s(self) -> float:
        """The wall clock."""
        return time.time()

    async def inventory(self) -> Fleet:
        """Who has had a sample in the last six hours, remembered for a minute."""
        return await self._directory.cached("inventory", lambda: roster.inventory(self._engine, self._directory))

    async def metrics(self) -> tuple[str, ...]:
        """Metrics of the catalogue that our table, or the profile's, finds on the engine."""
        return await self._directory.metrics()

    async def read(self, metric: str, window: Window, hosts: Sequence[str] | None = None) -> Panel:
        """One metric on the window's grid, asked for in as many requests as the engine's limits need."""
        if window.step_s < 0.001:
            raise InvalidRequest(f"step_s must be at least 0.001 here, got {window.step_s:g}")
        groups, names = await self._who(metric, hosts)
        row = {name: i for i, name in enumerate(names)}
        out = np.full((len(names), window.n_times), np.nan)
        for group in groups:
            mine = {h: row[h] for h in group.hosts if h in row}
            interval_s = await self._directory.interval_s(group)
            for some in _portions(group, list(mine), most_will_do=True):
                matchers = group.matchers(some)
                expression = _reading(group, matchers, window.step_s, interval_s)
                await self._fill(out, mine, expression, group, window, len(some or group.hosts))
        return Panel(metric, names, window.times_s(), out)

    async def latest(self, metric: str, at_s: float, over_s: float = 60.0) -> Panel:
        """Mean of the samples in ``(at_s - over_s, at_s]``, one instant query per way to get the metric."""
        require_span(over_s)
        groups, names = await self._who(metric, None)
        row = {name: i for i, name in enumerate(names)}
        out = np.full((len(names), 1), np.nan)
        for group in groups:
            interval_s = await self._directory.interval_s(group)
            expression = _average(group, max(over_s, 1.5 * interval_s), interval_s)
            mine = {h: row[h] for h in group.hosts if h in row}
            for labels, value in await self._engine.query(expression, at_s):
                at = mine.get(labels.get(group.label, ""))
                if at is not None and math.isnan(out[at, 0]) and math.isfinite(value):
                    out[at, 0] = value
        return Panel(metric, names, np.array([at_s]), out)

    async def rank(self, metrics: Sequence[str], window: Window, k: int, hosts: Sequence[str] | None = None) -> Ranking:
        """Two questions per metric to the engine, and a third for metrics that creep; only suspects travel."""
        names, problems = await rankable(self, metrics, k)
        if hosts is not None and not hosts:
            raise InvalidRequest("hosts must name at least one server, or be left out")
        recent_instants(window)  # refuses a window too short to rank before anything is asked

        seen = Progress(len(names))

        async def one(name: str) -> tuple[dict[str, float], int]:
            best, count = await self._screen(name, window, k, hosts)
            seen.add(count, sum(score >= UNUSUAL_SIGMA for score in best.values()))
            return best, count

        answers = await together([partial(one, name) for name in names])
        suspects = [
            Suspect(host, name, score)
            for name, (best, _) in zip(names, answers, strict=True)
            for host, score in best.items()
        ]
        return Ranking(
            strongest(suspects, k),
            sum(count for _, count in answers),
            sentence("how.in_engine"),
            problems,
        )

    async def _screen(
        self, name: str, window: Window, k: int, hosts: Sequence[str] | None
    ) -> tuple[dict[str, float], int]:
        """Scores of one metric's strangest servers, and how many were looked at."""
        groups, asked = await self._who(name, hosts)
        wanted = set(asked)
        best: dict[str, float] = {}
        screened = 0
        for group in groups:
            screen = Screen(group, window, await self._directory.interval_s(group))
            mine = wanted.intersection(group.hosts)
            for some in _portions(group, sorted(mine)):
                matchers = group.matchers(some)
                expressions = [screen.shift(matchers, k)]
                if name in DRIFTING:
                    expressions.append(screen.drift(matchers, k))
                for expression in expressions:
                    for labels, score in await self._engine.query(expression, screen.at_s):
                        host = labels.get(group.label, "")
                        if host in mine and 0 < score < math.inf:
                            best[host] = max(best.get(host, 0.0), score)
                counted = await self._engine.query(screen.count(matchers), screen.at_s)
                screened += int(counted[0][1]) if counted else 0
        return best, screened

    async def changes(self, window: Window) -> tuple[Change, ...]:
        """Deployments and restarts that the engine's series tell of."""
        return await history.changes(self._engine, self._directory, window)

    async def status(self) -> SourceStatus:
        """Asks the engine for its version and its newest sample."""
        problems = self._transport.access.problems
        try:
            version = await self._engine.version()
            newest = await self._newest_s()
            metrics = await self.metrics()
        except FleetError as exc:
            return SourceStatus(self.kind, "down", None, self._breaker.state, exc.message, problems)
        # A profile's own rows are expressions, whose samples have the time of the question.
        fresh = bool(metrics) if newest is None else time.time() - newest < _OLD_S
        return SourceStatus(
            self.kind,
            "ok" if fresh else "degraded",
            newest,
            self._breaker.state,
            sentence(
                "origin.engine",
                version=version,
                shown=self._transport.access.shown,
                metrics=len(metrics),
                silent_min=0 if fresh else _OLD_S / 60,
            ),
            problems + self._engine.problems,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def _newest_s(self) -> float | None:
        """When the newest sample of a metric we know was taken, within the engine's look-back."""
        names = await self._directory.names()
        probes = [c.needs[0] for c in (*mapping.OWN, *mapping.NODE) if c.needs[0] in names]
        if not probes:
            return None
        newest: list[float] = []
        for probe in dict.fromkeys((probes[0], probes[-1])):  # one of each exposition that is there
            rows = await self._engine.query(f"max(timestamp({probe}))", time.time())
            newest += [value for _, value in rows if math.isfinite(value)]
        return max(newest, default=None)

    async def _who(self, metric: str, hosts: Sequence[str] | None) -> tuple[tuple[Group, ...], tuple[str, ...]]:
        """How to get a metric, and the rows of the answer.

        Raises
        ------
        NotFound
            If the metric or a server is unknown.
        """
        name = catalog.metric(metric).name
        groups = await self._directory.groups(name)
        if not groups:
            here = await self.metrics()
            raise NotFound(
                f"no server here has {name}",
                hint=f"one of {', '.join(here[:8])}"
                if here
                else "the engine has no metric we know: see [source.mapping]",
            )
        holders = {h for g in groups for h in g.hosts}
        fleet = await self.inventory()
        if hosts is None:
            known = tuple(s.id for s in fleet.servers if s.id in holders)
            return groups, (*known, *sorted(holders.difference(known)))
        for host in hosts:
            if host not in holders and host not in fleet.by_id:
                raise NotFound.named("server", host, fleet.by_id, hint="list_servers shows them all")
        return groups, tuple(hosts)

    async def _fill(
        self, out: Float64, row: Mapping[str, int], expression: str, group: Group, window: Window, n_hosts: int
    ) -> None:
        """Ask for the window in pieces the engine accepts, and put the values where they belong."""
        most = max(1, min(_POINTS, _CELLS // max(1, n_hosts)))
        # Engines count in milliseconds: with a step between two of them a piece ends before it has drifted far.
        drift_s = abs(window.step_s - round(window.step_s, 3))
        if drift_s > 0:
            most = max(1, min(most, int(_DRIFT_RATIO * window.step_s / drift_s)))
        for first in range(0, window.n_times, most):
            last = min(first + most, window.n_times) - 1
            start, end = window.start_s + first * window.step_s, window.start_s + last * window.step_s
            found = await self._engine.query_range(expression, start, end, window.step_s)
            await offload(_place, out[:, first : last + 1], row, group.label, found, start, window.step_s)


def _place(
    out: Float64, row: Mapping[str, int], label: str, found: Sequence[Series], start_s: float, step_s: float
) -> None:
    """Put series into their servers' rows; two series of one server (scraped twice, say) complete each other."""
    for i, series in enumerate(found):
        if i % 500 == 0:
            checkpoint()
        at = row.get(series.labels.get(label, ""))
        if at is None:
            continue
        column = np.rint((series.times_s - start_s) / step_s).astype(np.int64)
        inside = (column >= 0) & (column < out.shape[1]) & np.isfinite(series.values)
        column, values = column[inside], series.values[inside]
        out[at, column] = np.where(np.isnan(out[at, column]), values, out[at, column])


def _portions(group: Group, hosts: list[str], *, most_will_do: bool = False) -> list[list[str] | None]:
    """None (everybody, without names) when all of a group is wanted, or most of it where more does no harm.

    Otherwise lists of names short enough for one matcher.
    """
    if not hosts:
        return []
    if not group.shadowed:
        enough = max(_HOSTS, len(group.hosts) // 2) if most_will_do else len(group.hosts) - 1
        if len(hosts) == len(group.hosts) or len(hosts) > enough:
            return [None]
    return [hosts[i : i + _HOSTS] for i in range(0, len(hosts), _HOSTS)]


def _reading(group: Group, matchers: list[str], step_s: float, interval_s: float) -> str:
    template = group.candidate.template
    if template.plain:
        stale_s = max(step_s, STALE_S, 1.5 * interval_s)
        # Older engines count a sample exactly that old, newer ones do not; a millisecond more and all of them do.
        return f"last_over_time({template.expand(matchers, stale_s)}[{duration(stale_s + 0.001)}])"
    return template.expand(matchers, max(step_s, 4 * interval_s))


def _average(group: Group, over_s: float, interval_s: float) -> str:
    template = group.candidate.template
    expression = template.expand(group.matchers(None), 4 * interval_s)
    # Half open on the left, for every engine: see `_reading`.
    span_s = over_s - 0.001
    if template.plain:
        return f"avg_over_time({expression}[{duration(span_s)}])"
    return f"avg_over_time(({expression})[{duration(span_s)}:{duration(max(1.0, min(interval_s, over_s)))}])"
