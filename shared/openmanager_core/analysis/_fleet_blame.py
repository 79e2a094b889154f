"""Excess work over clusters and calls: who waits or fails on behalf of whom, and who got more requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from openmanager_core.analysis._fleet_bins import Grid, Grids
from openmanager_core.analysis._fleet_symptoms import Symptom
from openmanager_core.fleet import Fleet

_SURGE_RATIO = 1.35
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
    waited, failed = np.zeros(n), np.zeros(n)
    requests = grids.by_metric.get("requests_per_s")
    for s in symptoms:
        k = member[s.host]
        if k < 0:
            continue
        rate = 1.0
        if requests is not None:
            seen = requests.values[s.host, s.first : s.last]
            seen = seen[np.isfinite(seen)]
            rate = float(seen.mean()) if len(seen) else 0.0
        if s.kind == "latency":
            waited[k] += max(0.0, s.observed - s.baseline) * rate
        elif s.kind == "errors":
            failed[k] += max(0.0, s.observed - s.baseline) * rate
    calls = np.zeros((n, n), bool)
    for caller, callee in fleet.calls:
        if caller in index and callee in index and caller != callee:
            calls[index[caller], index[callee]] = True
    own_waited = _own_share(waited, calls)
    # a caller that waits too long gives up: its failures may be its callee's slowness
    own_failed = np.minimum(_own_share(failed, calls), np.where(failed > 0, 1.0, 0.0))
    surge, surge_first = _surges(grids, member, n)
    up = surge >= _SURGE_RATIO
    tolerance = max(2, (len(grids.edges_s) - 1) // 16)
    carried = np.zeros(n)
    for k in np.flatnonzero(up):
        callers = np.flatnonzero(calls[:, k] & up & (surge_first <= surge_first[k] + tolerance))
        carried[k] = float(len(callers) > 0)
    return Blame(names, waited, failed, own_waited, own_failed, surge, surge_first, carried)


def _own_share(amount: Grid, calls: np.typing.NDArray[np.bool_]) -> Grid:
    """Share of each amount that is left when the callees' amounts are taken off."""
    left = np.maximum(0.0, amount - calls @ amount)
    return np.divide(left, amount, out=np.zeros_like(amount), where=amount > 0)


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
        wide = (each >= 1.0 + 0.5 * (_SURGE_RATIO - 1.0)).mean(axis=0) >= _SURGE_SHARE
        ratio = np.where(wide, total / before, 1.0)
        hot = ratio >= _SURGE_RATIO
        if hot.sum() >= 2:
            surge[k] = float(np.median(ratio[hot]))
            first[k] = float(np.flatnonzero(hot)[0])
    return surge, first
