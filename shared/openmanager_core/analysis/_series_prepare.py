"""A series as it comes, made fit for arithmetic: gaps filled, grid found, rows thinned."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from openmanager_core.errors import InvalidRequest
from openmanager_core.panel import BoolArray

Float = npt.NDArray[np.float64]


def fill_gaps(values: Float, season: int = 0) -> tuple[Float, BoolArray]:
    """The series without gaps, and which rows were really read.

    Short gaps (up to an eighth of a season, or any without a season) are bridged by a line; longer
    ones by the median of the same slot of the season, shifted to meet both ends.

    Parameters
    ----------
    values
        Shape ``(n,)`` with at least one finite value; infinities count as gaps.
    """
    x = np.array(values, dtype=np.float64)
    known = np.isfinite(x)
    if known.all():
        return x, known
    rows = np.arange(len(x))
    line = np.interp(rows, rows[known], x[known])
    if season < 2 or len(x) < 2 * season:
        return line, known
    n = len(x) // season * season
    late = np.where(known, x, np.nan)[len(x) - n :].reshape(-1, season)
    some = np.isfinite(late).any(axis=0)
    if not some.any():
        return line, known
    profile = np.zeros(season)
    profile[some] = np.nanmedian(late[:, some], axis=0)
    if not some.all():
        slots = np.arange(season)
        profile[~some] = np.interp(slots[~some], slots[some], profile[some], period=season)
    wave = np.resize(np.roll(profile, len(x) % season), len(x))
    rest = np.interp(rows, rows[known], (x - wave)[known])
    edges = np.flatnonzero(np.diff(np.concatenate(([0], ~known, [0]))))
    out = np.where(known, x, line)
    for first, last in edges.reshape(-1, 2):
        if last - first > season / 8:
            out[first:last] = wave[first:last] + rest[first:last]
    return out, known


def on_grid(times_s: Float, values: Float) -> tuple[Float, Float, float]:
    """Put readings on the regular grid of their typical step.

    Returns
    -------
    tuple
        Instants, values (``nan`` where no reading is near) and the step in seconds.

    Raises
    ------
    InvalidRequest
        If the shapes differ, or the instants do not ascend.
    """
    t = np.asarray(times_s, dtype=np.float64)
    x = np.where(np.isfinite(values), np.asarray(values, dtype=np.float64), np.nan)
    if t.ndim != 1 or t.shape != x.shape:
        raise InvalidRequest(f"times_s and values must have one length, got shapes {t.shape} and {x.shape}")
    if len(t) < 2:
        return t, x, 1.0
    steps = np.diff(t)
    if not (steps > 0).all():
        raise InvalidRequest("times_s must ascend without repeats", hint="sort the rows and drop duplicates")
    step = float(np.median(steps))
    if np.allclose(steps, step, rtol=1e-3, atol=0):
        return t, x, step
    # A grid finer than four slots a reading would be mostly gaps.
    n = min(round((t[-1] - t[0]) / step) + 1, 4 * len(t))
    grid = t[-1] - step * np.arange(n - 1, -1, -1)
    slot = np.round((t - grid[0]) / step).astype(np.int64)
    out = np.full(n, np.nan)
    inside = (slot >= 0) & (slot < n) & np.isfinite(x)
    out[slot[inside]] = x[inside]
    return grid, out, step


def block_means(values: Float, factor: int) -> Float:
    """Means of `factor` rows each along the last axis, newest rows aligned; ``nan`` only where all are."""
    if factor <= 1:
        return values
    n = values.shape[-1] // factor
    cut = values[..., values.shape[-1] - n * factor :].reshape(*values.shape[:-1], n, factor)
    known = np.isfinite(cut)
    count = known.sum(axis=-1)
    total = np.where(known, cut, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
