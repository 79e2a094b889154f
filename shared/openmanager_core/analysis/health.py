"""How well a server, a cluster and the fleet are: a documented, monotone, explained score of 0 to 100.

Every server starts at 100 and loses points by the table `RULES`; a reading between two knots loses points
in proportion. A worse value never raises the score, and every lost point has a sentence with the value and
the threshold. At 80 and above a server is healthy, from 50 it is degraded, below it is critical; without any
reading it is unknown, with a score of 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmanager_core.catalog import metrics_of
from openmanager_core.facts import Fact, fact, paired
from openmanager_core.fleet import Fleet, Health, HealthStatus
from openmanager_core.job import checkpoint
from openmanager_core.panel import Panel

HEALTHY_FROM = 80.0
CRITICAL_BELOW = 50.0
_MIN_PEERS = 5
_LATENCY_FLOOR_S = 0.005
"""Peers that answer faster than this are not a yardstick: a multiple of nothing is nothing."""
_WHOLE_MISSING = 20.0
_SAID_FROM = 0.05
_MOST_NAMED = 3

PRODUCTION_WEIGHT = {"production": 1.0, "unknown": 1.0, "staging": 0.3, "development": 0.1}
"""What a cluster counts in the fleet's score, per server, by its environment."""
_MEAN_SHARE_CLUSTER = 0.7
_MEAN_SHARE_FLEET = 0.8

Column = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rule:
    """Points lost for one quantity: `points[k]` at `at[k]`, in proportion between, constant outside.

    `at` ascends; `points` ascends too where high hurts, and descends where low hurts; `limit` is where
    points begin to be lost.
    """

    at: tuple[float, ...]
    points: tuple[float, ...]

    @property
    def limit(self) -> float:
        """The value at which the first point is lost."""
        return self.at[0] if self.points[-1] > self.points[0] else self.at[-1]


RULES: dict[str, Rule] = {
    "cpu_busy_ratio": Rule((0.75, 0.95, 1.0), (0, 20, 30)),
    "load_per_core_ratio": Rule((1.5, 4.0, 10.0), (0, 12, 20)),
    "cpu_steal_ratio": Rule((0.03, 0.10, 0.30), (0, 12, 30)),
    "memory_used_ratio": Rule((0.90, 0.96, 1.0), (0, 22, 55)),
    "disk_used_ratio": Rule((0.85, 0.95, 1.0), (0, 22, 55)),
    "tcp_retransmit_ratio": Rule((0.01, 0.05, 0.20), (0, 22, 45)),
    "clock_offset_s": Rule((0.05, 0.5, 5.0), (0, 12, 25)),
    "error_ratio": Rule((0.01, 0.05, 0.20, 1.0), (0, 22, 52, 85)),
    "latency_p95_s": Rule((1.0, 5.0, 30.0), (0, 25, 45)),
    "latency_vs_peers": Rule((2.0, 5.0, 20.0), (0, 22, 45)),
    "latency_vs_usual": Rule((2.0, 5.0, 20.0), (0, 22, 45)),
    "backlog_s": Rule((30.0, 300.0, 3600.0), (0, 22, 45)),
    "cache_hit_ratio": Rule((0.2, 0.5, 0.75), (45, 22, 0)),
}  # fmt: skip
"""The whole score. A queue's backlog is its depth over its messages per second."""


def status_of(score: float) -> HealthStatus:
    """The word for a score: healthy from 80, degraded from 50, else critical."""
    if score >= HEALTHY_FROM:
        return "healthy"
    return "degraded" if score >= CRITICAL_BELOW else "critical"


def server_health(
    latest: Mapping[str, Panel], fleet: Fleet, *, usual: Mapping[str, Panel] | None = None
) -> dict[str, Health]:
    """Score every server of the fleet from its latest readings.

    Parameters
    ----------
    latest
        Metric name to a panel of recent readings; several columns are averaged, ``nan`` is no reading.
        Metrics without a rule are ignored.
    fleet
        The servers to score; one without any reading is ``unknown`` with a score of 0.
    usual
        The same for what is usual (say, medians of the past), where known: latency is compared with it as
        well as with the peers', and the larger loss counts.

    Returns
    -------
    dict
        Server id to `Health`, in the fleet's order.

    Notes
    -----
    ``score = max(0, 100 - sum of points)`` with the points of `RULES`, and up to 20 points in proportion to
    the share of the server's own metrics in `latest` that have no reading. For each metric that only hurts
    in one direction the score never rises as it gets worse, other readings being equal.
    """
    values = _aligned(latest, fleet)
    n = len(fleet.servers)
    lost: dict[str, Column] = {}
    shown = _quantities(values, _aligned(usual or {}, fleet), fleet, n)
    for name, quantity in shown.items():
        checkpoint()
        rule = RULES[name]
        points = np.interp(quantity, rule.at, rule.points)
        lost[name] = np.where(np.isfinite(quantity), points, 0.0)
    if "latency_vs_peers" in lost and "latency_vs_usual" in lost:
        peers, own = lost["latency_vs_peers"], lost["latency_vs_usual"]
        lost["latency_vs_peers"], lost["latency_vs_usual"] = (
            np.where(peers >= own, peers, 0.0),
            np.where(own > peers, own, 0.0),
        )
    expected, seen = _coverage(values, fleet, n)
    silent = seen == 0
    gaps = np.where(expected > 0, _WHOLE_MISSING * (expected - seen) / np.maximum(expected, 1), 0.0)
    total = np.maximum(0.0, 100.0 - sum(lost.values(), gaps))
    well = Health(100.0, "healthy")
    nothing = Health.of(0.0, "unknown", (fact("health.silent"),))
    out: dict[str, Health] = {}
    for i, server in enumerate(fleet.servers):
        if silent[i]:
            out[server.id] = nothing
        elif total[i] >= 100.0:
            out[server.id] = well
        else:
            reasons = _reasons(i, lost, shown, float(gaps[i]), int(expected[i] - seen[i]), int(expected[i]))
            out[server.id] = Health.of(float(total[i]), status_of(float(total[i])), reasons)
    return out


def _aligned(latest: Mapping[str, Panel], fleet: Fleet) -> dict[str, Column]:
    """One column per metric in the fleet's order."""
    at = {s.id: i for i, s in enumerate(fleet.servers)}
    out: dict[str, Column] = {}
    known: tuple[str, ...] | None = None
    rows = np.empty(0, np.intp)
    for name, panel in latest.items():
        if known is None or panel.hosts != known:
            known = panel.hosts
            rows = np.array([at.get(h, -1) for h in panel.hosts], np.intp)
        column = np.full(len(at), np.nan)
        if panel.values.shape[1] == 1:
            mean = panel.values[:, 0].astype(np.float64)
        else:
            there = np.isfinite(panel.values)
            count = there.sum(axis=1)
            total = np.where(there, panel.values, 0).sum(axis=1, dtype=np.float64)
            mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        mean = np.where(np.isfinite(mean), mean, np.nan)
        column[rows[rows >= 0]] = mean[rows >= 0]
        out[name] = column
    return out


def _quantities(values: Mapping[str, Column], usual: Mapping[str, Column], fleet: Fleet, n: int) -> dict[str, Column]:
    """What the rules judge, derived from the metrics; ``nan`` where it does not apply."""
    none = np.full(n, np.nan)
    out = {name: values[name] for name in RULES if name in values}
    if "clock_offset_s" in out:
        out["clock_offset_s"] = np.abs(out["clock_offset_s"])
    requests = values.get("requests_per_s", none)
    if "errors_per_s" in values:
        errors = values["errors_per_s"]
        with np.errstate(all="ignore"):
            # more errors than requests is possible between two scrapes: everything fails
            ratio = errors / np.maximum(requests, errors)
        out["error_ratio"] = np.where(errors > 0, ratio, np.where(np.isfinite(errors), 0.0, np.nan))
    if "queue_depth_messages" in values:
        depth = values["queue_depth_messages"]
        per_s = np.maximum(np.where(np.isfinite(requests), requests, 1.0), 0.1)
        out["backlog_s"] = depth / per_s
    if "latency_p95_s" in values:
        out["latency_vs_peers"] = values["latency_p95_s"] / _peer_medians(values["latency_p95_s"], fleet)
        if "latency_p95_s" in usual:
            out["latency_vs_usual"] = values["latency_p95_s"] / np.maximum(usual["latency_p95_s"], _LATENCY_FLOOR_S)
    return out


def _peer_medians(values: Column, fleet: Fleet) -> Column:
    """Median over servers of the same type and environment; ``nan`` where fewer than 5 have a reading."""
    groups: dict[tuple[str, str], list[int]] = {}
    for i, server in enumerate(fleet.servers):
        groups.setdefault((server.type, server.environment), []).append(i)
    out = np.full(len(values), np.nan)
    for members in groups.values():
        seen = values[members]
        seen = seen[np.isfinite(seen)]
        if len(seen) >= _MIN_PEERS:
            out[members] = max(float(np.median(seen)), _LATENCY_FLOOR_S)
    return out


def _coverage(values: Mapping[str, Column], fleet: Fleet, n: int) -> tuple[Column, Column]:
    """Per server: how many of the metrics its type has were asked for, and how many have a reading."""
    expected, seen = np.zeros(n), np.zeros(n)
    types = np.array([s.type for s in fleet.servers], dtype="U16")
    for kind in np.unique(types) if n else ():
        rows = np.flatnonzero(types == kind)
        has = set(metrics_of(str(kind)))
        for name, column in values.items():
            if name in has:
                expected[rows] += 1
                seen[rows] += np.isfinite(column[rows])
    return expected, seen


def _reasons(
    i: int, lost: Mapping[str, Column], shown: Mapping[str, Column], gap: float, missing: int, expected: int
) -> tuple[Fact, ...]:
    """One fact per loss, largest first."""
    said: list[tuple[float, Fact]] = []
    for name, points in lost.items():
        if points[i] >= _SAID_FROM:
            rule = RULES[name]
            above, loss = rule.points[-1] > rule.points[0], float(points[i])
            value = float(shown[name][i])
            said.append(
                (loss, fact("health.rule", quantity=name, value=value, above=above, limit=rule.limit, points=loss))
            )
    if gap > 0:
        said.append((gap, fact("health.gaps", missing=missing, expected=expected, points=gap)))
    return tuple(text for _, text in sorted(said, key=lambda s: -s[0]))


def roll_up(servers: Mapping[str, Health], fleet: Fleet) -> tuple[dict[str, Health], Health]:
    """Health of each cluster and of the fleet, from that of the servers.

    Parameters
    ----------
    servers
        Server id to `Health`; servers that are ``unknown`` are named but not averaged.
    fleet
        Who belongs where.

    Returns
    -------
    tuple
        Cluster id to `Health`, and the fleet's `Health`.

    Notes
    -----
    A cluster has 0.7 of its members' mean and 0.3 of its worst member; the fleet has 0.8 of its clusters'
    mean, weighted by servers and environment (production 1, staging 0.3, development 0.1), and 0.2 of its
    worst production cluster. Both are monotone in every server's score. One critical member keeps a
    cluster from being healthy, and one production cluster that is not healthy the fleet.
    """
    members: dict[str, list[str]] = {c.id: [] for c in fleet.clusters}
    environment = {c.id: c.environment for c in fleet.clusters}
    for server in fleet.servers:
        members.setdefault(server.cluster, []).append(server.id)
        environment.setdefault(server.cluster, server.environment)
    clusters: dict[str, Health] = {}
    loose = Health(100.0, "healthy")
    weights: list[float] = []
    scored: list[tuple[str, Health]] = []
    for name, ids in members.items():
        if not ids:
            continue
        health = _combined([(i, servers[i]) for i in ids if i in servers], None, _MEAN_SHARE_CLUSTER, "servers")
        if name:
            clusters[name] = health
        else:
            loose = health
        if health.status != "unknown":
            weights.append(len(ids) * PRODUCTION_WEIGHT[environment[name]])
        scored.append((name or "servers without a cluster", clusters.get(name, loose)))
    leading = [s for s in scored if environment.get(s[0], "production") in ("production", "unknown")] or scored
    return clusters, _combined(scored, weights, _MEAN_SHARE_FLEET, "clusters", leading)


def _combined(
    parts: list[tuple[str, Health]],
    weights: list[float] | None,
    share: float,
    word: str,
    leading: list[tuple[str, Health]] | None = None,
) -> Health:
    """Mean and worst of the parts; `leading` are those whose worst counts."""
    known = [p for p in parts if p[1].status != "unknown"]
    silent = len(parts) - len(known)
    if not known:
        return Health.of(0.0, "unknown", (fact("health.none_read", count=len(parts), parts=word),))
    scores = np.array([h.score for _, h in known])
    mean = float(np.average(scores, weights=weights) if weights and sum(weights) > 0 else scores.mean())
    judged = [p for p in (leading or known) if p[1].status != "unknown"] or known
    worst = min(h.score for _, h in judged)
    score = min(100.0, share * mean + (1 - share) * worst)
    status = status_of(score)
    if status == "healthy" and any(h.status == "critical" or (leading and h.status != "healthy") for _, h in judged):
        status = "degraded"
    reasons = []
    bad = sorted((p for p in known if p[1].status != "healthy"), key=lambda p: p[1].score)
    if bad:
        critical = sum(h.status == "critical" for _, h in bad)
        reasons.append(fact("health.not_healthy", bad=len(bad), count=len(parts), parts=word, critical=critical))
        reasons += [fact("health.part", name=n, score=h.score, why=_first(h)) for n, h in bad[:_MOST_NAMED]]
    if silent:
        reasons.append(fact("health.parts_silent", silent=silent, count=len(parts), parts=word))
    return Health.of(score, status, reasons)


def _first(health: Health) -> Fact:
    """The largest loss, or the status where none is named."""
    known = paired(health.reasons, health.facts)
    return known[0] if known else fact("health.status", status=health.status)
