"""A first look at many series at once: how far has each, lately, moved from its own past?

Cheap on purpose: every source's default `rank` runs it over whatever it read, and the whole-fleet overview
reads each value at most once for it. Blocks of rows stay in the cache while all statistics are taken, and
long pasts are sampled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmanager_core.job import checkpoint
from openmanager_core.panel import FloatArray

UNUSUAL_SIGMA = 4.0
"""A series with a score of so many robust sigmas is called unusual while the rest is still being screened."""
_ROWS = 512
_SAMPLES = 120
"""Past instants that are looked at; above twice this the past is sampled. The median of 120 is within
0.12 sigma of the median of all, which cannot hide a move worth a look."""
_EXACT = 64
"""Up to here every past instant counts."""
_FEWEST_FOR_A_LINE = 3
_DRIFT_WEIGHT = 0.5
"""A rise of 1 over the window against residuals of 1 is common in autocorrelated series: it counts half."""
_TINY = 1e-12

Column = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Survey:
    """What one look at every series gives; each of shape ``(n_series,)``.

    Attributes
    ----------
    score
        Robust sigmas, at least 0: the larger of `step_sigma` and half of `drift_sigma`; 0 where there is no past
        or no present.
    step_sigma
        Distance of the newest stretch's mean from the past's median.
    drift_sigma
        Rise of a straight line over the past, in standard deviations of what the line leaves.
    past, now
        Median of the past and mean of the newest stretch, the values' unit; ``nan`` where there is none.
    scale
        The robust sigma used; ``nan`` where there is no past.
    """

    score: Column
    step_sigma: Column
    drift_sigma: Column
    past: Column
    now: Column
    scale: Column


def screen(values: FloatArray, *, recent: int, floor: float = 0.0, relative: float = 0.0) -> Column:
    """Score every series by the distance of its newest stretch from its own past.

    Parameters
    ----------
    values
        Shape ``(n_series, n_times)``; ``nan`` means no reading.
    recent
        How many of the newest instants are "lately", at least 1 and below ``n_times``.
    floor, relative
        No scale goes below `floor` (in the values' unit) nor below `relative` times the median's size.

    Returns
    -------
    ndarray
        Shape ``(n_series,)``, robust sigmas, at least 0; 0 where there is no past or no present.

    Notes
    -----
    Median and MAD of the past, sampled where it is long, against the mean of the newest stretch; a steady
    drift counts with half its size. Missing recent data is not a score: see `Survey.now`.
    """
    return survey(values, recent=recent, floor=floor, relative=relative).score


def survey(values: FloatArray, *, recent: int, floor: float = 0.0, relative: float = 0.0) -> Survey:
    """The same look as `screen`, with all that was seen on the way.

    Parameters
    ----------
    values, recent, floor, relative
        As for `screen`.
    """
    n_series, n_times = values.shape
    out = np.zeros((6, n_series))
    out[3:] = np.nan
    n_past = n_times - recent
    if n_series and n_past > 0:
        every = max(1, n_past // _SAMPLES)
        first = (n_past - 1) % every
        # an odd count makes the middle element the median: leaving out the oldest of many changes little
        count = len(range(first, n_past, every))
        if count > _EXACT and count % 2 == 0:
            first += every
        for top in range(0, n_series, _ROWS):
            checkpoint()
            block = values[top : top + _ROWS]
            with np.errstate(all="ignore"):
                _block(block, slice(first, n_past, every), recent, floor, relative, out[:, top : top + _ROWS])
    return Survey(*out)


def _block(block: FloatArray, sampled: slice, recent: int, floor: float, relative: float, out: Column) -> None:
    rise: FloatArray
    left: FloatArray
    past = np.ascontiguousarray(block[:, sampled])
    n = past.shape[1]
    ones = np.ones(recent, block.dtype)
    now = (block[:, -recent:] @ ones) / recent
    ramp = np.linspace(-0.5, 0.5, n, dtype=past.dtype) if n > 1 else np.zeros(1, past.dtype)
    finite = bool(np.isfinite(past.sum(dtype=np.float64)))
    if finite:
        middle = _median(past)
        away = past - middle[:, None]
        mad = _median(np.abs(away))
        total = np.einsum("ij,ij->i", away, away)
        mean = away @ np.ones(n, past.dtype) / n
        rise = (away @ ramp) / max(float(ramp @ ramp), _TINY)
        left = total / n - mean * mean - rise * rise * float(ramp @ ramp) / n
    else:
        middle, mad, rise, left = _with_gaps(past, ramp)
    if n < _FEWEST_FOR_A_LINE:  # a line through two points leaves nothing over to measure it by
        rise = np.zeros_like(rise)
    if not np.isfinite(now.sum(dtype=np.float64)):
        gone = ~np.isfinite(now)
        some = block[gone, -recent:]
        there = np.isfinite(some)
        now[gone] = np.where(there, some, 0).sum(axis=1) / there.sum(axis=1)
    least = np.maximum(max(floor, _TINY), relative * np.abs(middle))
    scale = np.maximum(1.4826 * mad, least)
    step = np.nan_to_num(np.abs(now - middle) / scale, nan=0.0, posinf=0.0)
    drift = np.nan_to_num(np.abs(rise) / np.maximum(np.sqrt(np.maximum(left, 0)), least), nan=0.0, posinf=0.0)
    drift[~np.isfinite(now)] = 0.0
    out[0] = np.maximum(step, _DRIFT_WEIGHT * drift)
    out[1], out[2], out[3], out[4], out[5] = step, drift, middle, now, scale


def _median(rows: FloatArray) -> FloatArray:
    """Median of each row of complete data, by selection."""
    n = rows.shape[1]
    half = n // 2
    if n % 2:
        middle: FloatArray = np.partition(rows, half, axis=1)[:, half]
        return middle
    two = np.partition(rows, (half - 1, half), axis=1)
    return (two[:, half - 1] + two[:, half]) / 2


def _with_gaps(past: FloatArray, ramp: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Median, MAD, rise and residual variance of rows with gaps; ``nan`` for a row without a reading."""
    past = np.where(np.isfinite(past), past, np.nan)
    there = ~np.isnan(past)
    count = there.sum(axis=1)
    middle = _sorted_median(past, count)
    away = past - middle[:, None]
    mad = _sorted_median(np.abs(away), count)
    away = np.where(there, away, 0)
    held = there * ramp
    mean, centre = away.sum(axis=1) / count, held.sum(axis=1) / count
    spread = (held * ramp).sum(axis=1) / count - centre**2
    rise = ((away * ramp).sum(axis=1) / count - mean * centre) / np.maximum(spread, _TINY)
    left = np.einsum("ij,ij->i", away, away) / count - mean * mean - rise * rise * spread
    return middle, mad, np.where(count > 2, rise, 0.0), left


def _sorted_median(rows: FloatArray, count: npt.NDArray[np.int64]) -> FloatArray:
    """Median of the `count` readings of each row; sorting puts the gaps last."""
    order = np.sort(rows, axis=1)
    at = np.arange(len(rows))
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, rows.shape[1] - 1)
    middle: FloatArray = (order[at, low] + order[at, high]) / 2
    return middle
