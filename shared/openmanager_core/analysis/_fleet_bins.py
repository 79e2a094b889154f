"""Panels of a few hundred servers on a coarse common grid, and where in it each series left its early level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmanager_core.catalog import BY_NAME
from openmanager_core.job import checkpoint
from openmanager_core.panel import Panel

BINS = 48
_EARLY_SHARE = 0.4
"""This much of the window tells what is normal: a fault that is older can only be seen against peers."""
LIMIT_SIGMA = 3.0

Grid = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Binned:
    """One metric on the coarse grid.

    Attributes
    ----------
    values
        Shape ``(n_hosts, n_bins)``, means; ``nan`` where a bin has no reading.
    base, scale
        Shape ``(n_hosts,)``: early median and robust sigma, bounded by the catalogue's floors.
    """

    values: Grid
    base: Grid
    scale: Grid

    def sigma(self) -> Grid:
        """Distance from the early level, in sigmas; ``nan`` where there is no reading."""
        return (self.values - self.base[:, None]) / self.scale[:, None]


@dataclass(frozen=True, slots=True)
class Grids:
    """All metrics of the chosen hosts.

    Attributes
    ----------
    edges_s
        Shape ``(n_bins + 1,)``, Unix seconds.
    coverage
        Share of readings there are, over the metrics each host has, shape ``(n_hosts, n_bins)``.
    """

    hosts: tuple[str, ...]
    edges_s: Grid
    by_metric: dict[str, Binned]
    coverage: Grid

    def span_s(self, first: int, last: int) -> tuple[float, float]:
        """From the start of bin `first` to the end of bin `last - 1`."""
        return float(self.edges_s[first]), float(self.edges_s[last])


def bin_panels(panels: Mapping[str, Panel], hosts: Sequence[str]) -> Grids | None:
    """Average each panel into at most 48 bins; None if no panel has a column.

    Panels may have different steps; all are put on the grid of the longest one.
    """
    usable = {n: p for n, p in panels.items() if len(p.times_s) >= 2 and p.hosts}
    if not usable or not hosts:
        return None
    start_s = min(float(p.times_s[0]) for p in usable.values())
    end_s = max(float(p.times_s[-1] + (p.times_s[-1] - p.times_s[-2])) for p in usable.values())
    n_bins = min(BINS, max(len(p.times_s) for p in usable.values()) // 2)
    if n_bins < 6:
        return None
    edges = np.linspace(start_s, end_s, n_bins + 1)
    early = max(3, int(_EARLY_SHARE * n_bins))
    out: dict[str, Binned] = {}
    seen, possible = np.zeros((len(hosts), n_bins)), np.zeros((len(hosts), n_bins))
    for name, panel in usable.items():
        checkpoint()
        at = {h: i for i, h in enumerate(panel.hosts)}
        rows = np.array([at.get(h, -1) for h in hosts], np.intp)
        has = rows >= 0
        values, count, most = _means(panel, rows[has], edges)
        grid = np.full((len(hosts), n_bins), np.nan)
        grid[has] = values
        alive = has.copy()
        alive[has] = count.sum(axis=1) > 0
        seen[has] += np.where(alive[has][:, None], count, 0)
        possible[has] += np.where(alive[has][:, None], most[None, :], 0)
        out[name] = Binned(grid, *_early_level(name, grid, early))
    coverage = np.divide(seen, possible, out=np.full_like(seen, np.nan), where=possible > 0)
    return Grids(tuple(hosts), edges, out, coverage)


def _means(panel: Panel, rows: Rows, edges: Grid) -> tuple[Grid, Grid, Grid]:
    """Mean and number of readings per bin, and how many there could be."""
    cut = np.searchsorted(panel.times_s, edges[:-1] - 1e-6)
    most = np.diff(np.append(cut, len(panel.times_s))).astype(np.float64)
    values = panel.values[rows]
    there = np.isfinite(values)
    # reduceat repeats an element for an empty stretch; those bins are blanked by their count
    inside = np.minimum(cut, values.shape[1] - 1)
    if there.all():
        count = np.broadcast_to(most, (len(rows), len(most)))
        total = np.add.reduceat(values, inside, axis=1, dtype=np.float64)
    else:
        count = np.add.reduceat(there, inside, axis=1, dtype=np.float64) * (most > 0)
        total = np.add.reduceat(np.where(there, values, 0), inside, axis=1, dtype=np.float64)
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean, count, most


def _early_level(name: str, grid: Grid, early: int) -> tuple[Grid, Grid]:
    about = BY_NAME.get(name)
    first = grid[:, :early]
    base = row_median(first)
    spread = 1.4826 * row_median(np.abs(first - base[:, None]))
    # where nothing was read early, later readings have no yardstick and stay silent
    least = np.maximum(about.floor if about else 0.0, (about.relative if about else 0.0) * np.abs(base))
    return base, np.maximum(np.maximum(spread, least), 1e-12)


def row_median(values: Grid) -> Grid:
    """Median of the readings of each row; ``nan`` for a row without one."""
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    order = np.sort(values, axis=1)
    count = np.isfinite(values).sum(axis=1)
    at = np.arange(len(values))
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, values.shape[1] - 1)
    middle: Grid = (order[at, low] + order[at, high]) / 2
    return middle


def stretch(sigma: Grid) -> tuple[Grid, Rows, Rows]:
    """The stretch of each row that stays highest above `LIMIT_SIGMA`: its sum, first bin and end bin.

    A maximal-sum run (J. Bentley, Programming Pearls, column 8): bins above the limit gain, bins below and
    gaps lose. The sum is 0 and the stretch empty where no bin is above.
    """
    gain = np.where(np.isfinite(sigma), np.clip(sigma, -LIMIT_SIGMA, 12 * LIMIT_SIGMA) - LIMIT_SIGMA, -0.5)
    n, bins = gain.shape
    best, first, last = np.zeros(n), np.zeros(n, np.intp), np.zeros(n, np.intp)
    run, began = np.zeros(n), np.zeros(n, np.intp)
    for k in range(bins):
        fresh = run <= 0
        began = np.where(fresh, k, began)
        run = np.where(fresh, 0.0, run) + gain[:, k]
        better = run > best
        best = np.where(better, run, best)
        first = np.where(better, began, first)
        last = np.where(better, k + 1, last)
    return best, first, last
