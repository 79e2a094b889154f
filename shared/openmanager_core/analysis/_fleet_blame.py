"""Excess work over clusters and calls: who waits or fails on behalf of whom, and who got more requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from openmanager_core.analysis._fleet_bins import Grid, Grids
from openmanager_core.analysis._fleet_symptoms import Symptom
from openmanager_core.fleet import Fleet

SURGE_RATIO = 1.6
"""Demand wanders by half within an hour; below this it is weather."""
_SURGE_SIGMA = 4.0
_LOG_FLOOR = 0.06
_SURGE_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Blame:
    """Harm of the clusters in view, each of shape ``(n_clusters,)``.

    Attributes
    ----------
    clusters
        Cluster ids, in the order of the arrays.
    waited, failed
        Excess seconds waited and excess failed requests per second at the worst, summed over members.
    own_waited, own_failed
        The share of it, 0 to 1, that its callees do not explain.
    surge
        Requests now over requests before, of the whole cluster, at the height of the event.
    surge_first
        Bin in which the surge began.
    carried
        Whether a caller's surge, no later, explains the cluster's.
    """

    clusters: tuple[str, ...]
    waited: Grid
    failed: Grid
    own_waited: Grid
    own_failed: Grid
    surge: Grid
    surge_first: Grid
    carried: Grid

    def at(self, cluster: str) -> int | None:
        """Index of a cluster; None if it is not in view."""
        return self.clusters.index(cluster) if cluster in self.clusters else None


def blame(grids: Grids, symptoms: Sequence[Symptom], fleet: Fleet, cluster_of: Sequence[str]) -> Blame:
    """Add up excess work per cluster and take off what its callees account for."""
    names = tuple(dict.fromkeys(c for c in cluster_of if c))
    index = {c: k for k, c in enumerate(names)}
    member = np.array([index.get(c, -1) for c in cluster_of])
    n = len(names)
    n_bins = len(grids.edges_s) - 1
    waited, failed = np.zeros((n, n_bins)), np.zeros((n, n_bins))
    for s in symptoms:
        k = member[s.host]
        if k >= 0 and s.kind in ("latency", "errors"):
            (waited if s.kind == "latency" else failed)[k, s.first : s.last] += _lost(grids, s)
    calls = np.zeros((n, n), bool)
    for caller, callee in fleet.calls:
        if caller in index and callee in index and caller != callee:
            calls[index[caller], index[callee]] = True
    surge, surge_first = _surges(grids, member, n)
    up = surge >= SURGE_RATIO
    tolerance = max(2, n_bins // 16)
    above = _reachable(calls).T
    carried = np.zeros(n)
    for k in np.flatnonzero(up):
        callers = np.flatnonzero(above[k] & up & (surge_first <= surge_first[k] + tolerance))
        carried[k] = float(len(callers) > 0)
    own_waited, own_failed = _own_share(waited, calls), _own_share(failed, calls)
    return Blame(names, waited.max(axis=1), failed.max(axis=1), own_waited, own_failed, surge, surge_first, carried)


def _lost(grids: Grids, s: Symptom) -> Grid:
    """Seconds waited, or requests failed, per second beyond normal in each bin of a symptom."""
    rate: Grid | float = 1.0
    requests = grids.by_metric.get("requests_per_s")
    if requests is not None:
        rate = np.nan_to_num(requests.values[s.host, s.first : s.last])
    if s.kind == "latency" and s.metric in grids.by_metric:
        excess = np.nan_to_num(grids.by_metric[s.metric].values[s.host, s.first : s.last] - s.baseline)
        lost: Grid = np.maximum(excess, 0.0) * rate
        return lost
    flat: Grid = np.full(s.last - s.first, max(0.0, s.observed - s.baseline))
    flat *= rate
    return flat


def _reachable(calls: np.typing.NDArray[np.bool_]) -> np.typing.NDArray[np.bool_]:
    """Who is called by whom, directly or not."""
    reach = calls.copy()
    while True:
        further: np.typing.NDArray[np.bool_] = reach | (reach.astype(np.int32) @ calls.astype(np.int32) > 0)
        if (further == reach).all():
            return reach
        reach = further


def _own_share(amount: Grid, calls: np.typing.NDArray[np.bool_]) -> Grid:
    """Share of each cluster's loss that is left when what its callees lost at the same time is taken off."""
    beside = amount.copy()
    # a callee's slowness reaches its callers up to a bin later
    beside[:, 1:] = np.maximum(beside[:, 1:], amount[:, :-1])
    left = np.maximum(0.0, amount - calls @ beside).sum(axis=1)
    whole = amount.sum(axis=1)
    share: Grid = np.divide(left, whole, out=np.zeros_like(whole), where=whole > 0)
    return share


def _surges(grids: Grids, member: np.typing.NDArray[np.intp], n: int) -> tuple[Grid, Grid]:
    """Growth of each cluster's requests, all members together, and the bin in which it began."""
    surge, first = np.ones(n), np.zeros(n)
    requests = grids.by_metric.get("requests_per_s")
    if requests is None:
        return surge, first
    for k in range(n):
        rows = np.flatnonzero((member == k) & np.isfinite(requests.base))
        if not len(rows):
            continue
        values, base = requests.values[rows], requests.base[rows]
        filled = np.where(np.isfinite(values), values, 0.0)
        total, before = filled.sum(axis=0), float(base.sum())
        if before < 1.0:
            continue
        each = np.where(np.isfinite(values), values, base[:, None]) / np.maximum(base, 1e-9)[:, None]
        wide = (each >= 1.0 + 0.5 * (SURGE_RATIO - 1.0)).mean(axis=0) >= _SURGE_SHARE
        ratio = np.where(wide, total / before, 1.0)
        early = np.log(np.maximum(total[: max(3, int(0.4 * len(total)))] / before, 1e-3))
        spread = max(1.4826 * float(np.median(np.abs(early - np.median(early)))), _LOG_FLOOR)
        hot = (ratio >= SURGE_RATIO) & (np.log(ratio) >= _SURGE_SIGMA * spread)
        if hot.sum() >= 2:
            surge[k] = float(np.median(ratio[hot]))
            up = ratio >= 1.0 + 0.5 * (SURGE_RATIO - 1.0)
            start = int(np.flatnonzero(hot)[0])
            while start > 0 and up[start - 1]:
                start -= 1
            first[k] = float(start)
    return surge, first
