"""What is wrong with each server, named as operators name it: a symptom has a size, an onset and evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from openmanager_core.analysis._fleet_bins import Binned, Grid, Grids, Rows, row_median, stretch
from openmanager_core.catalog import BY_NAME
from openmanager_core.findings import Finding

_SLOW_RATIO = 1.5
_VERY_SLOW_RATIO = 9.0
_BUSY_FROM = 0.6
_FULLY_BUSY = 0.97
_FAILING_SHARE = 0.008
_FAILING_PER_S = 0.02
_BADLY_FAILING_SHARE = 0.15
_MIN_SUM = 4.0
"""Least sum of sigmas above the limit over a stretch: one bin at 7 sigma, or four at 4."""
_FEWEST_DRIFT_BINS = 6
_DRIFT_SUM = 10.0
"""A drift is long, so it must also be clear: chance makes many short climbs among thousands of series."""
_DEAD_SHARE = 0.2
_IDLE_SHARE = 0.003
"""A quiet hour leaves some requests; a process that is gone leaves none."""
_GONE_COVERAGE = 0.34


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing wrong with one server.

    Attributes
    ----------
    kind
        The cause's kind it would be, or ``latency``, ``errors``, ``starved`` for what only follows.
    effect
        0 to 1 and above: from the least size worth naming to one that hurts badly.
    first, last
        Bins of the grid; `last` is exclusive.
    by_load
        Share of the effect, 0 to 1, that a busier CPU accounts for.
    """

    host: int
    kind: str
    metric: str
    effect: float
    sigma: float
    first: int
    last: int
    observed: float
    baseline: float
    by_load: float = 0.0


@dataclass(frozen=True, slots=True)
class _Sign:
    """How a kind shows in one metric.

    `least` and `rise` are the smallest value and rise worth naming; the effect grows from 0 at `mild` to 1 at
    `severe`. A drifting kind is judged by the time until the resource is full instead.
    """

    kind: str
    metric: str
    least: float
    rise: float
    mild: float = 0.0
    severe: float = 1.0
    drifting: bool = False


_SIGNS = (
    _Sign("noisy_neighbour", "cpu_steal_ratio", 0.03, 0.025, 0.0, 0.25),
    _Sign("network_loss", "tcp_retransmit_ratio", 0.015, 0.012, 0.005, 0.07),
    _Sign("memory_leak", "memory_used_ratio", 0.0, 0.02, drifting=True),
    _Sign("disk_filling", "disk_used_ratio", 0.0, 0.008, drifting=True),
    _Sign("cpu_saturation", "cpu_busy_ratio", 0.85, 0.15, 0.82, 0.96),
)
_FULL_SOON_H = 1.5
_FULL_LATE_H = 48.0
_NEARLY_FULL = 0.95


def find_symptoms(grids: Grids) -> list[Symptom]:
    """All symptoms of the chosen hosts, judged by each host's own early level."""
    out: list[Symptom] = []
    for sign in _SIGNS:
        if sign.metric in grids.by_metric:
            out += _raised(grids, sign)
    if "clock_offset_s" in grids.by_metric:
        out += _clock(grids.by_metric["clock_offset_s"])
    out += _latency(grids) + _errors(grids) + _gone(grids)
    return out


def _raised(grids: Grids, sign: _Sign) -> list[Symptom]:
    binned = grids.by_metric[sign.metric]
    values, base = binned.values, binned.base
    if sign.kind == "cpu_saturation" and "requests_per_s" in grids.by_metric:
        # work that comes with requests is the requests' doing: only what exceeds it counts here
        requests = grids.by_metric["requests_per_s"]
        ratio = np.clip(requests.values / np.maximum(requests.base, 1e-9)[:, None], 1.0, 20.0)
        values = values - np.nan_to_num(base[:, None] * (ratio - 1.0))
    own = Binned(values, base, binned.scale)
    total, first, last = stretch(own.sigma())
    hours = np.diff(grids.edges_s[:2])[0] / 3600.0
    out = []
    for i in np.flatnonzero(total >= (_DRIFT_SUM if sign.drifting else _MIN_SUM)):
        run = binned.values[i, first[i] : last[i]]
        net = values[i, first[i] : last[i]]
        tail = max(1, len(run) // 3) if sign.drifting else len(run)
        seen, rise = _mean(run[-tail:]), _mean(net[-tail:]) - float(base[i])
        if seen < sign.least or rise < sign.rise:
            continue
        if sign.drifting:
            effect = _urgency(binned.values[i], first[i], last[i], hours) if last[i] == len(binned.values[i]) else 0.0
        else:
            effect = (seen - sign.mild) / (sign.severe - sign.mild)
        if effect > 0:
            out.append(_symptom(i, sign.kind, sign.metric, effect, own, first[i], last[i], seen))
    return out


def _urgency(row: Grid, first: np.intp, last: np.intp, bin_h: float) -> float:
    """0 to 1: how soon a resource that climbs steadily is full; 0 for a step, or where there are days left."""
    run = row[max(0, int(first) - 2) : last]
    run = run[np.isfinite(run)]
    if len(run) < _FEWEST_DRIFT_BINS:
        return 0.0
    at = np.arange(len(run)) * bin_h
    at -= at.mean()
    away = run - run.mean()
    slope = float(at @ away) / float(at @ at)
    size = float(np.sqrt((at @ at) * (away @ away)))
    # most of a step's rise is in one bin; a drift spreads it
    if slope <= 0 or float(at @ away) < 0.85 * size or np.diff(run).max() > 0.4 * (run.max() - run.min()):
        return 0.0
    now = float(run[-3:].mean())
    if now >= _NEARLY_FULL:
        return 1.0
    left_h = (1.0 - now) / slope
    return float(np.clip(1.0 - np.log(left_h / _FULL_SOON_H) / np.log(_FULL_LATE_H / _FULL_SOON_H), 0.0, 1.0))


def _symptom(
    i: np.intp, kind: str, metric: str, effect: float, binned: Binned, first: np.intp, last: np.intp, seen: float
) -> Symptom:
    sigma = abs(seen - float(binned.base[i])) / float(binned.scale[i])
    return Symptom(
        int(i),
        kind,
        metric,
        float(np.clip(effect, 0.0, 1.2)),
        sigma,
        int(first),
        int(last),
        seen,
        float(binned.base[i]),
    )


def _mean(values: Grid) -> float:
    seen = values[np.isfinite(values)]
    return float(seen.mean()) if len(seen) else float("nan")


def _clock(binned: Binned) -> list[Symptom]:
    size = Binned(np.abs(binned.values), np.abs(binned.base), binned.scale)
    total, first, last = stretch(size.sigma())
    out = []
    for i in np.flatnonzero(total >= _MIN_SUM):
        seen = _mean(size.values[i, first[i] : last[i]])
        if seen >= 0.03:
            effect = 0.2 + min(1.0, np.log10(seen / 0.03) / 1.5)
            out.append(_symptom(i, "clock_skew", "clock_offset_s", effect, size, first[i], last[i], seen))
    return out


def _latency(grids: Grids) -> list[Symptom]:
    for name in ("latency_p95_s", "latency_p50_s", "latency_p99_s"):
        if name in grids.by_metric:
            break
    else:
        return []
    binned = grids.by_metric[name]
    total, first, last = stretch(binned.sigma())
    out = []
    for i in np.flatnonzero(total >= _MIN_SUM):
        seen = _mean(binned.values[i, first[i] : last[i]])
        ratio = seen / max(float(binned.base[i]), 1e-6)
        if ratio >= _SLOW_RATIO:
            effect = float(np.log(ratio / _SLOW_RATIO) / np.log(_VERY_SLOW_RATIO / _SLOW_RATIO))
            found = _symptom(i, "latency", name, effect, binned, first[i], last[i], seen)
            out.append(replace(found, by_load=_by_load(grids, i, first[i], last[i], ratio)))
    return out


def _errors(grids: Grids) -> list[Symptom]:
    if "errors_per_s" not in grids.by_metric:
        return []
    errors = grids.by_metric["errors_per_s"]
    ratio = errors.values
    floor = 0.05
    if "requests_per_s" in grids.by_metric:
        requests = grids.by_metric["requests_per_s"].values
        ratio = errors.values / np.maximum(np.maximum(requests, errors.values), 1.0)
        floor = 0.002
    early = max(3, int(0.4 * ratio.shape[1]))
    base = row_median(ratio[:, :early])
    scale = np.maximum(1.4826 * row_median(np.abs(ratio[:, :early] - base[:, None])), floor)
    binned = Binned(ratio, base, scale)
    total, first, last = stretch(binned.sigma())
    out = []
    for i in np.flatnonzero(total >= _MIN_SUM):
        seen = _mean(ratio[i, first[i] : last[i]])
        rise = seen - float(base[i])
        per_s = _mean(errors.values[i, first[i] : last[i]]) - float(errors.base[i])
        if rise >= _FAILING_SHARE and per_s >= _FAILING_PER_S:
            effect = 0.1 + rise / _BADLY_FAILING_SHARE
            found = _symptom(i, "errors", "errors_per_s", effect, binned, first[i], last[i], seen)
            out.append(replace(found, by_load=_by_load(grids, i, first[i], last[i], _VERY_SLOW_RATIO)))
    return out


def _by_load(grids: Grids, i: np.intp, first: np.intp, last: np.intp, ratio: float) -> float:
    """Share of a slow-down by `ratio` that a busier CPU explains, by the waiting time of an M/M/1 queue.

    L. Kleinrock, Queueing Systems I, section 3.2: time in the system goes with 1 / (1 - utilisation).
    """
    cpu = grids.by_metric.get("cpu_busy_ratio")
    if cpu is None or ratio <= 1:
        return 0.0
    before, now = float(cpu.base[i]), _mean(cpu.values[i, first:last])
    if not now > max(before, _BUSY_FROM):
        return 0.0
    expected = (1.0 - min(before, _FULLY_BUSY)) / (1.0 - min(now, _FULLY_BUSY))
    return float(np.clip(np.log(max(expected, 1.0)) / np.log(ratio), 0.0, 1.0))


def _gone(grids: Grids) -> list[Symptom]:
    """Servers that fell silent while others reported, or that report doing nothing at all."""
    coverage = grids.coverage
    with np.errstate(all="ignore"):
        others = np.median(np.nan_to_num(coverage), axis=0) > 0.5
    known = np.isfinite(coverage)
    silent = known & (coverage < _GONE_COVERAGE) & others
    dead = np.zeros_like(silent)
    if "requests_per_s" in grids.by_metric and "cpu_busy_ratio" in grids.by_metric:
        requests, cpu = grids.by_metric["requests_per_s"], grids.by_metric["cpu_busy_ratio"]
        idle = requests.values < _IDLE_SHARE * requests.base[:, None]
        dead = idle & (cpu.values < _DEAD_SHARE * cpu.base[:, None]) & (requests.base[:, None] > 5)
    was = np.cumsum(known & (coverage > 0.5), axis=1) > 0
    total, first, last = stretch(np.where((silent & was) | dead, 12.0, 0.0))
    out = []
    for i in np.flatnonzero(total >= _MIN_SUM):
        n_bins = coverage.shape[1]
        long = (last[i] - first[i]) / n_bins
        seen = float(np.nanmean(coverage[i, first[i] : last[i]]))
        out.append(
            Symptom(int(i), "crash", "coverage", min(1.5, 0.8 + long), 12.0, int(first[i]), int(last[i]), seen, 1.0)
        )
    return out


_FROM_FINDING: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "cpu_steal_ratio": ("noisy_neighbour", lambda now, was: now - was >= 0.025),
    "tcp_retransmit_ratio": ("network_loss", lambda now, was: now - was >= 0.012),
    "memory_used_ratio": ("memory_leak", lambda now, was: now - was >= 0.025),
    "disk_used_ratio": ("disk_filling", lambda now, was: now - was >= 0.008),
    "cpu_busy_ratio": ("cpu_saturation", lambda now, was: now >= 0.85 and now - was >= 0.15),
    "clock_offset_s": ("clock_skew", lambda now, was: abs(now) >= 0.03),
    "latency_p95_s": ("latency", lambda now, was: now >= 1.5 * was),
    "errors_per_s": ("errors", lambda now, was: now - was >= 0.1),
}
_TOLD = {"warning": 0.4, "critical": 0.7}
"""Effect of a symptom that is only told of."""
_DRIFTING = {"memory_used_ratio", "disk_used_ratio"}


def symptoms_from_findings(findings: Sequence[Finding], hosts: Sequence[str], edges_s: Grid) -> list[Symptom]:
    """Symptoms of hosts, or in metrics, that only a finding tells of."""
    at = {h: i for i, h in enumerate(hosts)}
    n_bins = len(edges_s) - 1
    out = []
    for finding in findings:
        row = at.get(finding.host)
        # a lost co-movement says that something is different, not what; its values are correlations
        if row is None or finding.severity == "info" or finding.kind == "decoupling":
            continue
        now, was = finding.evidence.observed, finding.evidence.baseline
        if finding.kind == "missing_data":
            kind, metric, effect = "crash", "coverage", 0.8
        elif finding.metric in _FROM_FINDING and _FROM_FINDING[finding.metric][1](now, was):
            kind, metric = _FROM_FINDING[finding.metric][0], finding.metric
            effect = _TOLD[finding.severity] * finding.confidence
            if finding.metric in _DRIFTING and finding.kind not in ("leak", "trend", "saturation"):
                continue
        else:
            continue
        first = int(np.clip(np.searchsorted(edges_s, finding.start_s, side="right") - 1, 0, n_bins - 1))
        end_s = finding.end_s if finding.end_s is not None else float(edges_s[-1])
        last = int(np.clip(np.searchsorted(edges_s, end_s), first + 1, n_bins))
        out.append(Symptom(row, kind, metric, effect, finding.score_sigma, first, last, now, was))
    return out


def unit_of(metric: str) -> str:
    """The unit of a metric for a sentence; empty for what is not in the catalogue."""
    return BY_NAME[metric].unit if metric in BY_NAME else ""


def rows_of(symptoms: Sequence[Symptom]) -> Rows:
    """The hosts that have any of these symptoms."""
    return np.unique(np.array([s.host for s in symptoms], np.intp))
