"""Is this panel fit to use, and how much of it? What is not is set to ``nan``, counted and named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmanager_core import catalog
from openmanager_core.job import checkpoint
from openmanager_core.panel import BoolArray, FloatArray, Panel
from openmanager_core.wording import sentence

_CELLS = 1 << 18
"""Values looked at between two checkpoints: a block that stays in the cache."""
_SLACK = 1e-6
"""Readings this far outside their bounds are rounding (1.0000001 of a CPU) and are moved onto them."""


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """A panel that keeps its promises, and what had to be done for that.

    Attributes
    ----------
    panel
        Instants ascending and distinct, hosts distinct, every value finite and inside the catalogue's
        bounds, or ``nan``.
    coverage
        Share of the instants at which each host has a reading, shape ``(n_hosts,)``.
    problems
        What was wrong, counted and named; empty when nothing was. Gaps alone are not listed: `coverage`
        tells them.
    """

    panel: Panel
    coverage: npt.NDArray[np.float64]
    problems: tuple[str, ...]


def check(panel: Panel, *, now_s: float | None = None) -> Checked:
    """Put a panel into the shape that every analysis may rely on.

    Parameters
    ----------
    panel
        As a source gave it. The input is never written to; a clean panel is passed on as it is.
    now_s
        When given, readings more than a minute after it are dropped: a clock was wrong.

    Returns
    -------
    Checked
        With the problems found: unsorted or repeated instants (the last one wins), repeated hosts (the
        last row wins), readings that are infinite, outside the catalogue's bounds, or of the future.

    Raises
    ------
    NotFound
        If the metric is not in the catalogue.
    """
    metric = catalog.metric(panel.metric)
    problems: list[str] = []
    panel = _distinct_hosts(_ascending(panel, problems), problems)
    if now_s is not None:
        late = panel.times_s > now_s + 60.0
        if late.any() and np.isfinite(panel.values[:, late]).any():
            n = int(np.isfinite(panel.values[:, late]).sum())
            problems.append(sentence("problem.future", metric=metric.name, count=n))
            panel = Panel(panel.metric, panel.hosts, panel.times_s, np.where(late, np.nan, panel.values))
    values, coverage = _within_bounds(panel.values, metric, problems)
    if values is not panel.values:
        panel = Panel(panel.metric, panel.hosts, panel.times_s, values)
    return Checked(panel, coverage, tuple(problems))


def _ascending(panel: Panel, problems: list[str]) -> Panel:
    """Instants finite, sorted and distinct."""
    times, values = panel.times_s, panel.values
    finite = np.isfinite(times)
    if not finite.all():
        problems.append(sentence("problem.no_instants", metric=panel.metric, count=int((~finite).sum())))
        times, values = times[finite], values[:, finite]
    steps = np.diff(times)
    if (steps > 0).all():
        return panel if times is panel.times_s else Panel(panel.metric, panel.hosts, times, values)
    if (steps < 0).any():
        problems.append(sentence("problem.backwards", metric=panel.metric, count=int((steps < 0).sum())))
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[:, order]
    last = np.append(np.diff(times) > 0, True)
    if not last.all():
        problems.append(sentence("problem.twice", metric=panel.metric, count=int((~last).sum())))
        times, values = times[last], values[:, last]
    return Panel(panel.metric, panel.hosts, times, values)


def _distinct_hosts(panel: Panel, problems: list[str]) -> Panel:
    """One row per host, the last one."""
    row = {host: i for i, host in enumerate(panel.hosts)}
    if len(row) == len(panel.hosts):
        return panel
    problems.append(sentence("problem.same_host", metric=panel.metric, count=len(panel.hosts) - len(row)))
    return Panel(panel.metric, tuple(row), panel.times_s, panel.values[list(row.values())])


def _within_bounds(
    values: FloatArray, metric: catalog.Metric, problems: list[str]
) -> tuple[FloatArray, npt.NDArray[np.float64]]:
    """Values inside the bounds or ``nan``, and the share of readings per row."""
    n_hosts, n_times = values.shape
    # The largest finite number stands for "no bound", so that one comparison refuses infinities too.
    most = float(np.finfo(values.dtype).max)
    low, high = max(metric.low, -most), min(metric.high, most)
    readings = np.zeros(n_hosts)
    out, infinite, outside = values, 0, 0
    rows = max(1, _CELLS // max(1, n_times))
    for first in range(0, n_hosts, rows):
        checkpoint()
        block = values[first : first + rows]
        good: BoolArray = (block >= low) & (block <= high)
        counts = np.count_nonzero(good, axis=1)
        if counts.sum() != block.size:
            missing = np.isnan(block)
            if np.count_nonzero(missing) + counts.sum() < block.size:
                if out is values:
                    out = values.copy()
                fixed = out[first : first + rows]
                bad = ~good & ~missing
                near = bad & (block >= low - _SLACK) & (block <= high + _SLACK)
                fixed[bad] = np.nan
                fixed[near] = np.clip(block[near], low, high)
                infinite += int(np.isinf(block).sum())
                outside += int((bad & ~near & ~np.isinf(block)).sum())
                counts = np.count_nonzero(~np.isnan(fixed), axis=1)
        readings[first : first + rows] = counts
    if infinite:
        problems.append(sentence("problem.infinite", metric=metric.name, count=infinite))
    if outside:
        bounds = {"low": metric.low, "high": metric.high, "unit": metric.unit}
        problems.append(sentence("problem.out_of_bounds", metric=metric.name, count=outside, **bounds))
    return out, readings / max(1, n_times)
