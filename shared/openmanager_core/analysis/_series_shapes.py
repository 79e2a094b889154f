"""Shapes within one series: the stretch unlike all others, two levels in turn, spikes that come back, a ceiling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmanager_core.job import checkpoint
from openmanager_core.panel import BoolArray

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

MAX_PROFILE_ROWS = 2_048
"""Longest series whose matrix profile is computed row by row; longer ones are averaged in blocks first."""
_BLOCK = 256
_MID_SHARE = 0.05
_MIN_SEPARATION = 5.0
_SPIKE_SIGMA = 6.0
_MIN_SPIKES = 5
_JITTER = 0.08


def matrix_profile(x: Float, width: int, floor: float = 0.0) -> tuple[Float, Int]:
    """Distance of every stretch to the stretch most like it, and where that one is.

    Parameters
    ----------
    x
        Shape ``(n,)``, no ``nan``, with at least two stretches that do not overlap.
    width
        Rows in a stretch, at least 3.
    floor
        No stretch counts as moving less than this, in the unit of `x`.

    Returns
    -------
    tuple
        Shape ``(n - width + 1,)`` each: z-normalised Euclidean distances, 0 to ``2 sqrt(width)``, and rows.

    Notes
    -----
    The exact self-join of [1]_ (definition 4, exclusion zone of half a width). For the few thousand
    rows of a window, products of whole blocks of normalised stretches are quicker than MASS.

    References
    ----------
    .. [1] C.-C. M. Yeh et al., IEEE ICDM 2016, section II. doi:10.1109/ICDM.2016.0179
    """
    parts = np.lib.stride_tricks.sliding_window_view(x, width)
    mean = parts.mean(axis=1, keepdims=True)
    sd = np.maximum(parts.std(axis=1, keepdims=True), max(floor, 1e-12 * float(np.abs(x).max()) + 1e-300))
    z = (parts - mean) / sd
    size = np.einsum("ij,ij->i", z, z)
    n = len(z)
    zone = max(1, width // 2)
    near = np.empty(n)
    where = np.empty(n, dtype=np.int64)
    column = np.arange(n)
    for first in range(0, n, _BLOCK):
        checkpoint()
        block = z[first : first + _BLOCK]
        square = size[first : first + _BLOCK, None] + size[None, :] - 2 * (block @ z.T)
        square[np.abs(column[None, :] - (first + np.arange(len(block)))[:, None]) < zone] = np.inf
        pick = np.argmin(square, axis=1)
        where[first : first + _BLOCK] = pick
        near[first : first + _BLOCK] = np.sqrt(np.maximum(square[np.arange(len(block)), pick], 0))
    return near, where


def find_discord(x: Float, width: int, floor: float = 0.0) -> tuple[int, float, float] | None:
    """First row of the one stretch unlike all others, its robust z, and the typical likeness (correlation).

    None where no stretch stands out by 6 robust sigmas and half again the typical distance, or where
    stretches are not alike in the first place (typical correlation below 0.5): then all are discords.
    """
    if width < 8 or len(x) < 4 * width:
        return None
    near, _ = matrix_profile(x, width, floor)
    typical = float(np.median(near))
    spread = 1.4826 * float(np.median(np.abs(near - typical)))
    alike = 1 - typical**2 / (2 * width)
    at = int(np.argmax(near))
    z = (float(near[at]) - typical) / max(spread, 0.05 * np.sqrt(2 * width))
    if alike < 0.5 or z < 6 or near[at] < 1.5 * typical:
        return None
    return at, z, alike


@dataclass(frozen=True, slots=True)
class Regimes:
    """Two levels a series switches between.

    Attributes
    ----------
    switches
        Rows at which a new regime begins.
    separation
        Distance of the levels in sigmas of the readings around them.
    """

    low: float
    high: float
    switches: tuple[int, ...]
    now_high: bool
    separation: float


def find_regimes(x: Float, least_gap: float) -> Regimes | None:
    """Two levels, visited at least three times in turn, with hardly a reading between them.

    Parameters
    ----------
    x
        Shape ``(n,)``, no ``nan``.
    least_gap
        Levels closer than this are one, in the unit of `x`.

    Notes
    -----
    The split is Otsu's (IEEE SMC 9(1), 1979, doi:10.1109/TSMC.1979.4310076); a gap between the levels,
    which a drifting or merely rough series does not leave, is what makes them two.
    """
    n = len(x)
    if n < 30:
        return None
    ordered = np.sort(x)
    count = np.arange(1, n)
    total = np.cumsum(ordered)
    left = total[:-1] / count
    right = (total[-1] - total[:-1]) / (n - count)
    between = count * (n - count) * (right - left) ** 2
    cut = int(np.argmax(between))
    if not 0.05 * n <= cut + 1 <= 0.95 * n:
        return None
    low, high = float(np.median(ordered[: cut + 1])), float(np.median(ordered[cut + 1 :]))
    inside = np.concatenate((ordered[: cut + 1] - low, ordered[cut + 1 :] - high))
    sigma = float(np.sqrt(np.mean(inside**2)))
    gap = high - low
    if gap < least_gap or gap < _MIN_SEPARATION * sigma:
        return None
    if np.mean((x > low + gap / 3) & (x < high - gap / 3)) > _MID_SHARE:
        return None
    state = _hold(x, low + gap / 3, high - gap / 3)
    bounds = np.flatnonzero(np.diff(state)) + 1
    runs = np.diff(np.concatenate(([0], bounds, [n])))
    # A level that is left at once is a spike, not a regime.
    if len(bounds) < 2 or np.median(runs) < max(3, n // 200):
        return None
    return Regimes(low, high, tuple(int(b) for b in bounds), bool(state[-1]), gap / max(sigma, 1e-12 * gap))


def _hold(x: Float, low: float, high: float) -> npt.NDArray[np.int8]:
    """1 from a reading above `high` until one below `low`, 0 the other way round."""
    sure = np.where(x >= high, 1, np.where(x <= low, 0, -1))
    at = np.where(sure >= 0, np.arange(len(x)), -1)
    last = np.maximum.accumulate(at)
    first = int(sure[at >= 0][0]) if (at >= 0).any() else 0
    return np.where(last >= 0, sure[np.maximum(last, 0)], first).astype(np.int8)


@dataclass(frozen=True, slots=True)
class Spikes:
    """Spikes that come back.

    Attributes
    ----------
    rows
        First row of each.
    period_rows
        Between neighbours; some may be left out.
    kept
        Share of the intervals that are a whole number of periods.
    height
        Median height over the level around.
    """

    rows: tuple[int, ...]
    period_rows: float
    kept: float
    height: float
    sigma: float


def running_median(x: Float, width: int) -> Float:
    """Centred running median over `width` (odd) rows; the ends repeat the outermost reading."""
    padded = np.pad(x, width // 2, mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1))


def find_spikes(x: Float, floor: float) -> Spikes | None:
    """Short excursions to one side that return after equal times.

    Parameters
    ----------
    x
        Shape ``(n,)``, no ``nan``.
    floor
        Smallest sigma of the readings between spikes, in the unit of `x`.

    Notes
    -----
    At least five spikes of 6 sigma, nine in ten intervals a multiple (up to 3) of the median one within
    8 %: five spikes at random times pass with a probability of about one in a thousand.
    """
    n = len(x)
    if n < 40:
        return None
    rest = x - running_median(x, min(31, n // 4) | 1)
    sigma = max(1.4826 * float(np.median(np.abs(rest))), floor)
    best: Spikes | None = None
    for sign in (1.0, -1.0):
        over: BoolArray = sign * rest > _SPIKE_SIGMA * sigma
        if not over.any() or over.mean() > 0.15:
            continue
        starts = np.flatnonzero(over & ~np.concatenate(([False], over[:-1])))
        starts = starts[np.concatenate(([True], np.diff(starts) > 2))]
        if len(starts) < _MIN_SPIKES:
            continue
        intervals = np.diff(starts)
        period = float(np.median(intervals))
        if period < 4:
            continue
        turns = np.maximum(1, np.round(intervals / period))
        fits = (np.abs(intervals - turns * period) <= max(1.01, _JITTER * period)) & (turns <= 3)
        if fits.mean() < 0.9:
            continue
        period = float(np.polyfit(np.concatenate(([0.0], np.cumsum(turns))), starts, 1)[0])
        height = float(np.median(sign * rest[over])) * sign
        if best is None or len(starts) > len(best.rows):
            best = Spikes(tuple(int(s) for s in starts), period, float(fits.mean()), height, sigma)
    return best


def find_ceiling(x: Float, limit: float, rows: int) -> int | None:
    """Row since which the level has stayed at or above `limit` for at least `rows` rows; None if it has not."""
    level = running_median(x, 3)
    below = np.flatnonzero(level < limit)
    since = int(below[-1]) + 1 if len(below) else 0
    return since if len(x) - since >= rows else None
