"""The daily rhythm of many series, when the window holds at least two days of it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from openmanager_core.analysis._steps import Array

DAY_S = 86_400.0
_HALF_SLOT = 2


def daily_residual(filled: Array, times_s: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Take away what the same time of other days explains.

    Parameters
    ----------
    filled
        Shape ``(n_rows, n_times)``, no ``nan``, on a regular grid.
    times_s
        Shape ``(n_times,)``.

    Returns
    -------
    residual, seasonal
        `residual` has the shape of `filled`: the value less the median of the other days at this time of
        day (smoothed over five samples); rows in which the day explains less than a third of the robust
        spread, and windows under two days, come back as they are. `seasonal` marks the rows changed.
    """
    rows, n = filled.shape
    changed = np.zeros(rows, dtype=np.bool_)
    if n < 16:
        return filled, changed
    step = float(np.median(np.diff(times_s)))
    period = round(DAY_S / step) if step > 0 else 0
    days = n // period if period >= 8 else 0
    if days < 2:
        return filled, changed
    total = -(-n // period)
    padded = np.full((rows, total * period), np.nan)
    padded[:, total * period - n :] = filled
    cube = padded.reshape(rows, total, period)
    smooth = _smooth_slots(cube)
    expected = np.empty_like(smooth)
    with np.errstate(all="ignore"):
        for day in range(total):
            others = np.delete(smooth, day, axis=1)
            ordered = np.sort(others, axis=1)
            count = np.isfinite(ordered).sum(axis=1)
            low = np.take_along_axis(ordered, np.maximum((count - 1) // 2, 0)[:, None, :], axis=1)[:, 0]
            high = np.take_along_axis(ordered, np.maximum(count // 2, 0)[:, None, :], axis=1)[:, 0]
            expected[:, day] = 0.5 * (low + high)
    flat = expected.reshape(rows, total * period)[:, total * period - n :]
    flat = np.where(np.isfinite(flat), flat, np.median(filled, axis=1)[:, None])
    residual = filled - flat
    middle = np.median(filled, axis=1)[:, None]
    was = np.median(np.abs(filled - middle), axis=1)
    now = np.median(np.abs(residual - np.median(residual, axis=1)[:, None]), axis=1)
    changed = now < (2.0 / 3.0) * was
    return np.where(changed[:, None], residual + middle, filled), changed


def _smooth_slots(cube: Array) -> Array:
    """Moving mean of five neighbours in time, where there are readings."""
    rows, total, period = cube.shape
    flat = cube.reshape(rows, total * period)
    known = np.isfinite(flat)
    sums = np.concatenate((np.zeros((rows, 1)), np.cumsum(np.where(known, flat, 0.0), axis=1)), axis=1)
    counts = np.concatenate((np.zeros((rows, 1)), np.cumsum(known, axis=1)), axis=1)
    i = np.arange(total * period)
    first, last = np.maximum(i - _HALF_SLOT, 0), np.minimum(i + _HALF_SLOT + 1, total * period)
    with np.errstate(all="ignore"):
        mean = (sums[:, last] - sums[:, first]) / (counts[:, last] - counts[:, first])
    return np.where(known, mean, np.nan).reshape(rows, total, period)
