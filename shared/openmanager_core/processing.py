"""From a checked panel to numbers an analysis can use: one grid, rates, short gaps filled, robust scale."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt

from openmanager_core import catalog
from openmanager_core.errors import InvalidRequest
from openmanager_core.job import checkpoint
from openmanager_core.panel import FloatArray, Panel, Window
from openmanager_core.validation import Checked

_CELLS = 1 << 18
MAD_TO_SIGMA = 1.4826
"""Makes the median absolute deviation of a normal sample estimate its standard deviation."""


def prepare(checked: Checked, window: Window | None = None, *, max_gap_s: float | None = None) -> Panel:
    """Put a checked panel on one grid and bridge its short gaps.

    Parameters
    ----------
    checked
        What `validation.check` returned.
    window
        The grid to use; None keeps the panel's own instants.
    max_gap_s
        Longest run of missing readings that is bridged by a straight line, seconds. Three steps if not
        given; 0 bridges nothing. Readings at either end are never invented.

    Returns
    -------
    Panel
        The input's own panel where nothing had to be done.
    """
    panel = checked.panel if window is None else align(checked.panel, window)
    if panel.values.size == 0 or (float(checked.coverage.min(initial=1.0)) >= 1.0 and window is None):
        return panel
    step_s = float(np.median(np.diff(panel.times_s))) if len(panel.times_s) > 1 else 1.0
    most = 3 if max_gap_s is None else int(max_gap_s / step_s + 1e-9)
    return Panel(panel.metric, panel.hosts, panel.times_s, fill_gaps(panel.values, most))


def align(panel: Panel, window: Window, *, stale_s: float | None = None) -> Panel:
    """The panel on another grid: at each instant the newest reading not older than `stale_s`.

    Parameters
    ----------
    panel
        Instants ascending.
    stale_s
        Seconds; the larger of the window's step and the panel's own median step if not given.

    Returns
    -------
    Panel
        On ``window.times_s()``; ``nan`` where there is no reading young enough.
    """
    at = window.times_s()
    out = np.full((len(panel.hosts), len(at)), np.nan, panel.values.dtype)
    if len(panel.times_s):
        own = float(np.median(np.diff(panel.times_s))) if len(panel.times_s) > 1 else 0.0
        stale = max(window.step_s, own) if stale_s is None else stale_s
        column = np.searchsorted(panel.times_s, at + 1e-6, side="right") - 1
        rows = max(1, _CELLS // max(1, len(panel.times_s)))
        for first in range(0, len(panel.hosts), rows):
            checkpoint()
            newest = _newest_finite(panel.values[first : first + rows])
            found = np.where(column >= 0, newest[:, np.maximum(column, 0)], -1)
            age = at[None, :] - panel.times_s[np.maximum(found, 0)]
            ok = (found >= 0) & (age <= stale + 1e-6)
            taken = np.take_along_axis(panel.values[first : first + rows], np.maximum(found, 0), axis=1)
            out[first : first + rows] = np.where(ok, taken, np.nan)
    return Panel(panel.metric, panel.hosts, at, out)


def rate(counters: FloatArray, times_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Increase per second of counters, through their resets.

    Parameters
    ----------
    counters
        Shape ``(n_series, n_times)``; never falls except when its process restarts at 0.
    times_s
        Ascending, shape ``(n_times,)``.

    Returns
    -------
    ndarray
        Same shape, per second, at least 0: the increase since the reading before, over the time since
        then. A fall is a reset, and the whole new value is the increase. ``nan`` where the counter has no
        reading and at each series' first.
    """
    out = np.full(counters.shape, np.nan)
    rows = max(1, _CELLS // max(1, counters.shape[1]))
    for first in range(0, len(counters), rows):
        checkpoint()
        block = counters[first : first + rows].astype(np.float64)
        before = _newest_finite(block)[:, :-1]  # newest reading up to the instant before
        was = np.take_along_axis(block, np.maximum(before, 0), axis=1)
        now = block[:, 1:]
        with np.errstate(invalid="ignore"):
            gained = np.where(now >= was, now - was, now)
            per_s = gained / (times_s[None, 1:] - times_s[np.maximum(before, 0)])
        out[first : first + rows, 1:] = np.where((before >= 0) & np.isfinite(now), per_s, np.nan)
    return out


def resets(counters: FloatArray) -> npt.NDArray[np.int64]:
    """How often each counter fell: its process restarted that often. Shape ``(n_series,)``; gaps are looked through."""
    if counters.shape[1] < 2:
        return np.zeros(len(counters), dtype=np.int64)
    before = _newest_finite(counters)[:, :-1]
    was = np.take_along_axis(counters, np.maximum(before, 0), axis=1)
    with np.errstate(invalid="ignore"):
        fell = (before >= 0) & (counters[:, 1:] < was)
    return np.asarray(np.count_nonzero(fell, axis=1), dtype=np.int64)


def fill_gaps(values: FloatArray, most: int) -> FloatArray:
    """Bridge runs of at most `most` missing readings by straight lines.

    Parameters
    ----------
    values
        Shape ``(n_series, n_times)`` on a regular grid; ``nan`` means no reading.
    most
        Longest run that is bridged, instants; 0 or less changes nothing.

    Returns
    -------
    ndarray
        Same shape and type. Longer runs, and runs at either end, stay ``nan``. The input is returned as it
        is when it has nothing to fill.
    """
    n_times = values.shape[1]
    if most <= 0 or n_times < 3:
        return values
    out = values
    columns = np.arange(n_times)
    rows = max(1, _CELLS // n_times)
    for first in range(0, len(values), rows):
        checkpoint()
        block = values[first : first + rows]
        missing = np.isnan(block)
        if not missing.any():
            continue
        before = _newest_finite(block)
        after = n_times - 1 - _newest_finite(block[:, ::-1])[:, ::-1]
        short = missing & (before >= 0) & (after < n_times) & (after - before - 1 <= most)
        if not short.any():
            continue
        if out is values:
            out = values.copy()
        row, column = np.nonzero(short)
        left, right = before[row, column], after[row, column]
        weight = (columns[column] - left) / (right - left)
        out[first + row, column] = block[row, left] * (1 - weight) + block[row, right] * weight
    return out


def downsample(panel: Panel, factor: int) -> Panel:
    """Means over runs of `factor` instants; each run is stamped with its first instant.

    Parameters
    ----------
    factor
        At least 1. The last run may be shorter.

    Returns
    -------
    Panel
        ``ceil(n_times / factor)`` instants; ``nan`` where a run has no reading.

    Raises
    ------
    InvalidRequest
        If `factor` is below 1.
    """
    if factor < 1:
        raise InvalidRequest(f"factor must be at least 1, got {factor}")
    if factor == 1 or not len(panel.times_s):
        return panel
    edges = np.arange(0, len(panel.times_s), factor)
    finite = np.isfinite(panel.values)
    n = np.add.reduceat(finite, edges, axis=1, dtype=np.int64)
    total = np.add.reduceat(np.where(finite, panel.values, 0.0), edges, axis=1, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(n > 0, total / n, np.nan).astype(panel.values.dtype)
    return Panel(panel.metric, panel.hosts, panel.times_s[edges], means)


def robust_scale(values: FloatArray, metric: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Median and robust sigma of each series.

    Parameters
    ----------
    values
        Shape ``(n_series, n_times)``; ``nan`` means no reading.
    metric
        Catalogue name: its `floor` and `relative` bound the sigma from below.

    Returns
    -------
    centre, sigma
        Shape ``(n_series,)``, in the values' unit; ``nan`` centre for a series without readings, whose
        sigma is the floor. Sigma is 1.4826 times the median absolute deviation [1]_.

    Raises
    ------
    NotFound
        If the metric is not in the catalogue.

    References
    ----------
    .. [1] P. J. Rousseeuw and C. Croux, JASA 88(424), 1993, section 1. doi:10.1080/01621459.1993.10476408
    """
    row = catalog.metric(metric)
    centre = np.full(len(values), np.nan)
    mad = np.zeros(len(values))
    rows = max(1, _CELLS // max(1, values.shape[1]))
    for first in range(0, len(values), rows):
        checkpoint()
        block = values[first : first + rows]
        some = np.isfinite(block).any(axis=1)
        if not some.any():
            continue
        middle = np.nanmedian(block[some], axis=1)
        centre[first : first + rows][some] = middle
        mad[first : first + rows][some] = np.nanmedian(np.abs(block[some] - middle[:, None]), axis=1)
    least = np.maximum(row.floor, row.relative * np.abs(np.nan_to_num(centre)))
    return centre, np.maximum(MAD_TO_SIGMA * mad, least)


def _newest_finite(values: FloatArray) -> npt.NDArray[np.int64]:
    """For each cell the column of the newest reading up to and including it, -1 where there is none yet."""
    marked = np.where(np.isnan(values), -1, np.arange(values.shape[1]))
    return cast("npt.NDArray[np.int64]", np.maximum.accumulate(marked, axis=1))
