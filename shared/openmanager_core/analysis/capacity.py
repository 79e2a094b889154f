"""How long each cluster's resources last, and how many servers would carry what is coming."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from openmanager_core.analysis._series_whatif import load_factor, load_share, servers_for, under_load
from openmanager_core.analysis.forecast import MIN_READINGS, SeriesForecast, forecast_series
from openmanager_core.analysis.moved_load import Move, MovedLoad
from openmanager_core.catalog import METRICS, Metric, metric
from openmanager_core.errors import InsufficientData, InvalidRequest
from openmanager_core.facts import Fact, fact
from openmanager_core.fleet import Fleet, ServerCluster
from openmanager_core.job import checkpoint
from openmanager_core.panel import Panel
from openmanager_core.wording import said

Float = npt.NDArray[np.float64]

LIMITS: dict[str, float] = {"cpu_busy_ratio": 0.8, "memory_used_ratio": 0.9, "disk_used_ratio": 0.9}
"""How full a resource may be on average; a queue in front of a CPU grows without bound soon after."""
MAX_GROWTH = 100.0
_WORST_MEMBER = frozenset({"memory_used_ratio", "disk_used_ratio"})
_FILLS = frozenset({"disk_used_ratio"})
_MEMBERS_TRIED = 2
_NOW_SHARE = 0.05
_FAR = 0.6
"""A resource that could not reach this share of its limit at twice its drift is not forecast in detail."""


@dataclass(frozen=True, slots=True)
class ClusterCapacity:
    """One resource of one cluster, with the what-if applied.

    Attributes
    ----------
    cluster
        The cluster's id; a server's where it belongs to none.
    servers
        Members left once the lost ones are gone.
    used_ratio, peak_ratio
        Newest level, and 95th percentile over the window (or that level if higher): mean of the cluster
        for what is shared (CPU, connections), the fullest member for memory and disk. A what-if may ask
        for more than there is: above 1. A metric that is no ratio is divided by its limit.
    limit_ratio, headroom_ratio
        The limit, and limit minus peak; negative where the peak is over it.
    exhausted_at_s, earliest_s, latest_s
        When it reaches the limit, Unix seconds; None: not within the horizon.
    servers_needed
        Members that keep the peak of window and horizon under the limit, at least the scaling policy's
        minimum. The present number where more servers do not help.
    method
        How its future was found; empty where it is too far from its limit, or has too few readings, to be forecast.
    before
        The same without the moved load; None where none moves.
    """

    cluster: str
    type: str
    servers: int
    metric: str
    used_ratio: float
    peak_ratio: float
    limit_ratio: float
    headroom_ratio: float
    exhausted_at_s: float | None
    earliest_s: float | None
    latest_s: float | None
    servers_needed: int
    confidence: float
    summary: str
    method: str = ""
    fact: Fact | None = None
    before: ClusterCapacity | None = None


def capacity_outlook(
    panels: Mapping[str, Panel],
    fleet: Fleet,
    horizon_s: float,
    *,
    growth_ratio: float = 0.0,
    lost_servers: int = 0,
    moved_load: MovedLoad | None = None,
    limits: Mapping[str, float] | None = None,
) -> list[ClusterCapacity]:
    """Say for every cluster and resource how full it is, when it is exhausted and what would help.

    Parameters
    ----------
    panels
        Metric name to panel over the past; those in `LIMITS` and in `limits` are used.
    horizon_s
        How far ahead, seconds.
    growth_ratio
        What if the load were so much higher: 0.5 is half as much again; above -1.
    lost_servers
        What if every cluster lost so many members and the rest took over their load.
    moved_load
        What if a part of one cluster's load were served by another of its type.
    limits
        Replaces or adds limits, in the metric's own unit per server (such as connections_active).

    Returns
    -------
    list of ClusterCapacity
        Most urgent first: exhausted soonest, then possibly soonest, then least headroom. A cluster's
        first row is the resource that binds it.

    Raises
    ------
    InvalidRequest
        If an option is out of range, no panel is of a limited metric, or load moves between types.
    NotFound
        If `limits` names an unknown metric or `moved_load` an unknown cluster.
    InsufficientData
        If no server of the fleet has a reading of a limited metric, or a cluster whose load moves has
        no CPU readings.
    """
    bounds = _limits(limits)
    _check(horizon_s, growth_ratio, lost_servers)
    wanted = [m for m in METRICS if m.name in bounds and m.name in panels and len(panels[m.name].times_s)]
    if not wanted:
        raise InvalidRequest(
            f"panels must hold at least one of {', '.join(bounds)}, got {', '.join(panels) or 'none'}",
            hint="read those metrics, or give limits for others",
        )
    outlook: list[ClusterCapacity] = []
    clusters = _clusters(fleet)
    case = _Case(horizon_s, growth_ratio, lost_servers)
    move = _move(moved_load, clusters, fleet, panels) if moved_load else None
    for k, cluster in enumerate(clusters):
        cpu = _members(panels.get("cpu_busy_ratio"), cluster)
        ending = sum(found.exhausted_at_s is not None for found in outlook)
        note = f"capacity: {k:,} of {len(clusters):,} clusters, {ending:,} resources reach their limit so far"
        for meta in wanted:
            checkpoint(k / len(clusters), note)
            members = _members(panels[meta.name], cluster)
            if members is not None:
                times = panels[meta.name].times_s
                made = _Resource(cluster, meta, bounds[meta.name], times, members, cpu, case)
                found = made.outlook()
                if move is not None and move.touches(cluster.id):
                    made.take(move)
                    found = _compared(made.outlook(), found, bounds[meta.name], float(times[-1]))
                outlook.append(found)
    if not outlook:
        raise InsufficientData(
            f"no server of the fleet has a reading of {', '.join(m.name for m in wanted)} in the window",
            hint="use a longer or a later window",
        )
    return sorted(outlook, key=_urgency)


def _limits(limits: Mapping[str, float] | None) -> dict[str, float]:
    out = LIMITS | dict(limits or {})
    for name, limit in out.items():
        meta = metric(name)
        if not math.isfinite(limit) or not 0 < limit <= meta.high:
            most = f" and at most {meta.high:g}" if math.isfinite(meta.high) else ""
            raise InvalidRequest(f"limit of {name} must be above 0{most}, got {limit:g}")
    return out


def _check(horizon_s: float, growth_ratio: float, lost_servers: int) -> None:
    if not math.isfinite(horizon_s) or horizon_s <= 0:
        raise InvalidRequest(f"horizon_s must be above 0 and finite, got {horizon_s:g}")
    if not -1 < growth_ratio <= MAX_GROWTH:
        raise InvalidRequest(f"growth_ratio must be above -1 and at most {MAX_GROWTH:g}, got {growth_ratio:g}")
    if lost_servers < 0:
        raise InvalidRequest(f"lost_servers must be at least 0, got {lost_servers}")


def _clusters(fleet: Fleet) -> list[ServerCluster]:
    """The fleet's clusters, and every server without one as a cluster of its own."""
    inside = {m for c in fleet.clusters for m in c.members}
    alone = [ServerCluster(s.id, type=s.type, members=(s.id,)) for s in fleet.servers if s.id not in inside]
    return [*(c for c in fleet.clusters if c.members), *alone]


def _members(panel: Panel | None, cluster: ServerCluster) -> Float | None:
    """The members' readings, rows without any left out; None if nothing is left."""
    if panel is None:
        return None
    rows = np.asarray(panel.take(cluster.members).values, dtype=np.float64)
    rows = np.where(np.isfinite(rows), rows, np.nan)
    rows = rows[np.isfinite(rows).any(axis=1)]
    return rows if len(rows) else None


def _move(moved: MovedLoad, clusters: list[ServerCluster], fleet: Fleet, panels: Mapping[str, Panel]) -> Move:
    by_id = {c.id: c for c in clusters}
    sides = [by_id[name] for name in (moved.source, moved.target) if name in by_id]

    def means(panel: Panel) -> tuple[Float | None, Float | None]:
        first, second = (None if (rows := _members(panel, side)) is None else _mean(rows) for side in sides)
        return first, second

    both = len(sides) == 2
    return Move(moved, by_id, fleet, {name: means(panel) for name, panel in panels.items()} if both else {})


def _compared(after: ClusterCapacity, before: ClusterCapacity, limit: float, now_s: float) -> ClusterCapacity:
    """What was before beside what would be, also in the summary."""
    unit = limit / before.limit_ratio
    used, peak, at = before.used_ratio * unit, before.peak_ratio * unit, before.exhausted_at_s
    then = fact("capacity.before", used=used, peak=peak, in_s=None if at is None else max(at - now_s, 0.0))
    assert after.fact is not None
    whole = fact("capacity.several", parts=(*after.fact.of["parts"], then))
    return replace(after, before=before, summary=said(whole), fact=whole)


def _mean(rows: Float) -> Float:
    known = np.isfinite(rows)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, rows, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _urgency(c: ClusterCapacity) -> tuple[float, float, float, str, str]:
    at = math.inf if c.exhausted_at_s is None else c.exhausted_at_s
    soon = math.inf if c.earliest_s is None else c.earliest_s
    return (at, soon, c.headroom_ratio / c.limit_ratio, c.cluster, c.metric)


@dataclass(frozen=True, slots=True)
class _Case:
    """The question: how far ahead, and what if."""

    horizon_s: float
    growth: float
    lost: int


class _Resource:
    """One resource of one cluster under one case."""

    def __init__(
        self,
        cluster: ServerCluster,
        meta: Metric,
        limit: float,
        times_s: Float,
        members: Float,
        cpu: Float | None,
        case: _Case,
    ) -> None:
        self.cluster, self.meta, self.limit, self.t, self.case = cluster, meta, limit, times_s, case
        self.members = members
        self.n = len(cluster.members)
        self.share = load_share(meta.name, cluster.type, _mean(members), None if cpu is None else _mean(cpu))
        self.factor = load_factor(self.n, min(case.lost, self.n), case.growth)
        self.gone = case.lost >= self.n
        self.growth = case.growth
        self.moved: tuple[Fact, ...] = ()

    def take(self, move: Move) -> None:
        """From here on as if that load had moved."""
        self.members = move.rows(self.cluster.id, self.meta.name, self.members, self.share)
        self.growth = (1 + self.growth) * (1 + move.growth(self.cluster.id)) - 1
        self.moved = (move.seen_from(self.cluster.id),)

    def outlook(self) -> ClusterCapacity:
        rows = self._whole()[None, :] if self.meta.name not in _WORST_MEMBER else self._worst()
        fills = self.meta.name in _FILLS
        best: tuple[tuple[float, float, float], Float, Float, SeriesForecast | None] | None = None
        for today in rows:
            then = under_load(today, self.factor, self.share, fills, self.growth)
            ahead = self._forecast(then)
            at, soon = (ahead.crosses_at_s, ahead.crosses_earliest_s) if ahead else (None, None)
            key = (math.inf if at is None else at, math.inf if soon is None else soon, -self._now(then))
            if best is None or key < best[0]:
                best = (key, today, then, ahead)
        assert best is not None  # a resource has at least one row
        return self._tell(best[1], best[2], best[3])

    def _whole(self) -> Float:
        return _mean(self.members)

    def _worst(self) -> Float:
        """The members that come closest to the limit at their present drift."""
        quarter = max(1, self.members.shape[1] // 4)
        with np.errstate(all="ignore"):
            first = np.array([_median(r[:quarter]) for r in self.members])
            last = np.array([_median(r[-quarter:]) for r in self.members])
        span = max(float(self.t[-1] - self.t[0]) * 0.75, 1e-9)
        drift = np.nan_to_num(last - first) / span
        now = np.array([self._now(r) for r in self.members])
        reach = now + np.maximum(drift, 0) * self.case.horizon_s
        return np.asarray(self.members[np.argsort(-reach)[:_MEMBERS_TRIED]])

    def _now(self, values: Float) -> float:
        known = values[np.isfinite(values)]
        return float(np.median(known[-max(3, round(_NOW_SHARE * len(known))) :]))

    def _forecast(self, values: Float) -> SeriesForecast | None:
        known = np.isfinite(values)
        if known.sum() < MIN_READINGS:
            return None
        quarter = max(1, len(values) // 4)
        drift = _median(values[-quarter:]) - _median(values[:quarter])
        drift_s = abs(drift) / max(float(self.t[-1] - self.t[0]) * 0.75, 1e-9) if math.isfinite(drift) else 0.0
        if float(np.nanmax(values)) + 2 * drift_s * self.case.horizon_s < _FAR * self.limit:
            return None
        return forecast_series(self.t, values, self.meta, self.cluster.id, self.case.horizon_s, self.limit)

    def _tell(self, today: Float, then: Float, ahead: SeriesForecast | None) -> ClusterCapacity:
        unit = 1.0 if self.meta.unit == "ratio" else self.limit
        used = self._now(then)
        peak = max(used, float(np.nanquantile(then, 0.95)))
        times: list[float | None] = [None, None, None]
        if ahead is not None:
            times = [ahead.crosses_at_s, ahead.crosses_earliest_s, ahead.crosses_latest_s]
        if used >= self.limit or self.gone:
            times = [float(self.t[-1]) for _ in times]
        growing = max(float(np.nanquantile(today, 0.95)), self._ahead_peak(ahead))
        needed = servers_for(growing, self.limit, self.n, self.share, self.case.growth)
        policy = self.cluster.scaling_policy
        helps = needed is not None and self.share > 0
        wanted = needed if needed is not None and helps else self.n
        if policy is not None:
            wanted = max(wanted, policy.min_servers)
        readings = int(np.isfinite(then).sum())
        confidence = ahead.confidence if ahead else round(0.9 * min(1.0, readings / 60), 3)
        what = fact("capacity.several", parts=tuple(self._facts(used, peak, times, wanted, helps, readings)))
        return ClusterCapacity(
            cluster=self.cluster.id,
            type=self.cluster.type,
            servers=max(self.n - self.case.lost, 0),
            metric=self.meta.name,
            used_ratio=used / unit,
            peak_ratio=peak / unit,
            limit_ratio=self.limit / unit,
            headroom_ratio=(self.limit - peak) / unit,
            exhausted_at_s=times[0],
            earliest_s=times[1],
            latest_s=times[2],
            servers_needed=wanted,
            confidence=confidence,
            summary=said(what),
            method=ahead.method if ahead else "",
            fact=what,
        )

    def _ahead_peak(self, ahead: SeriesForecast | None) -> float:
        """The highest expected value ahead, brought back to today's load."""
        if ahead is None:
            return 0.0
        return float(ahead.mean.max()) / max(1 - self.share + self.share * self.factor, 1e-9)

    def _facts(
        self, used: float, peak: float, times: list[float | None], wanted: int, helps: bool, readings: int
    ) -> Iterator[Fact]:
        now_s, left = float(self.t[-1]), max(self.n - self.case.lost, 0)
        yield fact(
            "capacity.room", cluster=self.cluster.id, metric=self.meta.name, fullest=self.meta.name in _WORST_MEMBER,
            growth=self.case.growth, lost=min(self.case.lost, self.n), members=self.n, moved=self.moved,
            used=used, peak=peak, limit=self.limit,
        )  # fmt: skip
        at, soon, late = times
        horizon_s = self.case.horizon_s
        if self.gone:
            yield fact("capacity.no_server")
        elif used >= self.limit or (at is not None and at <= now_s):
            yield fact("capacity.over")
        elif at is not None:
            soon_s = None if soon is None or soon <= now_s else soon - now_s
            late_s = None if late is None else late - now_s
            yield fact("capacity.reaches", at_s=at - now_s, soon_s=soon_s, late_s=late_s, horizon_s=horizon_s)
        elif soon is not None:
            yield fact("capacity.may_reach", horizon_s=horizon_s, soon_s=soon - now_s)
        elif readings < MIN_READINGS:
            yield fact("capacity.few_readings", readings=readings, least=MIN_READINGS)
        else:
            yield fact("capacity.within", horizon_s=horizon_s)
        policy = self.cluster.scaling_policy
        pressed = at is not None or peak > self.limit
        if not helps:
            if pressed:
                yield fact("capacity.no_help")
        elif wanted > self.n - self.case.lost:
            yield fact("capacity.needs", wanted=wanted, there=left)
            if policy is not None and wanted > policy.max_servers:
                yield fact("capacity.policy", most=policy.max_servers)


def _median(values: Float) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else math.nan
