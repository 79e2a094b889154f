"""When did a series become another one: change points in level, slope and variance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from openmanager_core.analysis._noise import long_run_sigma
from openmanager_core.analysis._order import median, quantiles
from openmanager_core.analysis._partition import Piece, best_pieces
from openmanager_core.analysis._seasonal import daily_residual
from openmanager_core.analysis._steps import MAD_TO_SIGMA, Array
from openmanager_core.errors import InvalidRequest

ChangeKind = Literal["level", "slope", "variance"]

_FEWEST = 12
_STRICTNESS = 1.3
_LEAST_VARIANCE_RATIO = 2.0
_FEWEST_FOR_VARIANCE = 40
_LEAST_SIGMA = 1e-6
_SURE_JUMP = 6.0
_MOST_BENDS = 3


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """One instant from which on a series is another one.

    Attributes
    ----------
    index
        First sample of the new regime, an index into the values given.
    at_s
        Its time, Unix seconds.
    before, after
        Kind ``level``: the fit on both sides, in the values' unit. ``slope``: the drift on both sides, in
        units per second. ``variance``: the robust sigma on both sides.
    score_sigma
        Size of the change in standard errors that allow for autocorrelation.
    confidence
        0 to 1.
    """

    index: int
    at_s: float
    before: float
    after: float
    score_sigma: float
    kind: ChangeKind
    confidence: float


def changepoints(times_s: npt.ArrayLike, values: npt.ArrayLike, *, max_points: int = 10) -> list[ChangePoint]:
    """Find where level, slope or variance of one series change.

    Parameters
    ----------
    times_s
        Shape ``(n,)``, Unix seconds, ascending, about evenly spaced.
    values
        Shape ``(n,)``, any unit; ``nan`` means no reading and is left out.
    max_points
        Most change points to give, at least 1; the strongest are kept.

    Returns
    -------
    list of ChangePoint
        In order of time. Empty for fewer than 12 readings and for a series without a change. An excursion of one
        or two samples is not a change.

    Raises
    ------
    InvalidRequest
        If the lengths differ or `max_points` is below 1.

    Notes
    -----
    The best cutting into constant and straight pieces, with a price of 1.69 times 2 log n for a new piece (location
    and level) and half of that for a slope, in units of the long-run variance: a Schwarz criterion that counts
    autocorrelated samples for what they are worth [1]_. Variance changes are level changes of the logarithm of
    the sample-to-sample moves, found first, so that each stretch is judged by its own noise. More than three
    bends are a curve and not reported. With two days or more, the daily rhythm is taken away first.

    References
    ----------
    .. [1] Y.-C. Yao, Estimating the number of change-points via Schwarz' criterion, Stat. Probab. Lett. 6(3),
       1988, section 2. doi:10.1016/0167-7152(88)90118-6
    """
    t, x = np.asarray(times_s, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if t.ndim != 1 or t.shape != x.shape:
        raise InvalidRequest(f"times_s and values must be two lists of one length, got shapes {t.shape} and {x.shape}")
    if max_points < 1:
        raise InvalidRequest(f"max_points must be at least 1, got {max_points}")
    known = np.isfinite(x)
    at = np.flatnonzero(known)
    n = len(at)
    if n < _FEWEST:
        return []
    t, x = t[at], np.clip(x[at], -1e100, 1e100)
    if n == len(known):
        x = daily_residual(x[None, :], t)[0][0]
    unit = float(np.max(np.abs(x - median(x))))
    if unit == 0:
        return []
    smooth = _without_spikes(x) / unit
    price = _STRICTNESS**2 * 2.0 * math.log(n)
    swings = _swings(x / unit, price) if n >= _FEWEST_FOR_VARIANCE else []
    sigma = _local_sigma(smooth, swings)
    pieces = best_pieces(smooth, sigma, price, 0.5 * price)
    step_s = median(np.diff(t)) or 1.0
    found = [_between(a, b, sigma, unit, step_s, t, at) for a, b in pairwise(pieces)]
    if sum(b.slope != a.slope for a, b in pairwise(pieces)) > _MOST_BENDS:
        found = [c for c, (a, b) in zip(found, pairwise(pieces), strict=True) if _breaks_curve(c, a, b, unit)]
    taken = [c.index for c in found]
    for a, b in pairwise(swings):
        change = _variance(smooth, pieces, a, b, unit, t, at)
        if change is not None and not _near(change.index, taken, n):
            found.append(change)
    strongest = sorted(found, key=lambda c: -c.score_sigma)[:max_points]
    return sorted(strongest, key=lambda c: c.index)


def _without_spikes(x: Array) -> Array:
    """Samples far from the median of five neighbours are drawn in: one or two odd ones are no regime."""
    padded = np.concatenate((x[2:0:-1], x, x[-2:-4:-1]))
    middle = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    away = x - middle
    size = np.abs(away)
    # The high quantile is for counts, whose median deviation is often zero.
    spread = max(MAD_TO_SIGMA * median(size), quantiles(size, 0.9)[0] / 1.645)
    return np.asarray(middle + np.clip(away, -3.0 * spread, 3.0 * spread))


def _swings(x: Array, price: float) -> list[Piece]:
    """Stretches in which the sample-to-sample moves have one size; their logarithm is free of levels and slopes."""
    moves = np.abs(np.diff(x, prepend=x[:1]))
    moves[0] = moves[1]
    typical = max(median(moves), quantiles(moves, 0.9)[0] / 4.0)
    # A quarter of the smallest number is zero, which has no logarithm.
    if typical < 4.0 * np.finfo(float).tiny:
        return []
    logs = np.log(moves + 0.25 * typical)
    _, long_run = long_run_sigma(logs)
    return best_pieces(logs, np.full(len(x), max(long_run, 0.5)), price, 0.0, straight=False, shortest=_FEWEST)


def _local_sigma(x: Array, swings: list[Piece]) -> Array:
    """Long-run sigma of every sample: that of its stretch, where the stretches differ."""
    # Perfectly repeated values have no noise; the smallest one that running sums can tell stands in.
    sigma = np.full(len(x), max(long_run_sigma(x)[1], _LEAST_SIGMA))
    if len(swings) > 1:
        for piece in swings:
            if piece.end - piece.start >= _FEWEST:
                sigma[piece.start : piece.end] = max(long_run_sigma(x[piece.start : piece.end])[1], _LEAST_SIGMA)
    return sigma


def _between(
    a: Piece, b: Piece, sigma: Array, unit: float, step_s: float, t: Array, at: npt.NDArray[np.intp]
) -> ChangePoint:
    """Name the change between two neighbouring pieces by what of it is surest: the jump or the bend."""
    m, k = a.end - a.start, b.end - b.start
    left, right = median(sigma[a.start : a.end]), median(sigma[b.start : b.end])
    jump, bend = b.level - (a.last + a.slope), b.slope - a.slope
    # A line's end is known half as well as a constant, its slope with variance 12 / length cubed.
    own, other = left * (2.0 if a.slope else 1.0), right * (2.0 if b.slope else 1.0)
    jump_error = math.hypot(own / math.sqrt(m), other / math.sqrt(k))
    jump_z, bend_z = abs(jump) / jump_error, 0.0
    if bend:
        bend_error = math.hypot(left / m**1.5 if a.slope else 0.0, right / k**1.5 if b.slope else 0.0)
        bend_z = abs(bend) / (math.sqrt(12.0) * bend_error)
    kind: ChangeKind = "level" if jump_z >= bend_z or jump_z >= _SURE_JUMP else "slope"
    score = min(jump_z if kind == "level" else bend_z, 1e6)
    before, after = (a.last, b.level) if kind == "level" else (a.slope / step_s, b.slope / step_s)
    return ChangePoint(
        int(at[b.start]), float(t[b.start]), before * unit, after * unit, score, kind, _confidence(score, min(m, k))
    )


def _variance(
    x: Array, pieces: list[Piece], a: Piece, b: Piece, unit: float, t: Array, at: npt.NDArray[np.intp]
) -> ChangePoint | None:
    """The change between two stretches of different swing, if their sigmas differ by a factor of two."""
    rest = np.concatenate([x[p.start : p.end] - (p.level + p.slope * np.arange(p.end - p.start)) for p in pieces])
    before, after = (MAD_TO_SIGMA * median(np.abs(rest[p.start : p.end])) for p in (a, b))
    if max(before, after) < _LEAST_VARIANCE_RATIO * min(before, after):
        return None
    m, k = a.end - a.start, b.end - b.start
    score = min(abs(b.level - a.level) / math.sqrt(1.0 / m + 1.0 / k), 1e6)
    return ChangePoint(
        int(at[b.start]), float(t[b.start]), before * unit, after * unit, score, "variance",
        _confidence(score, min(m, k)),
    )  # fmt: skip


def _breaks_curve(change: ChangePoint, a: Piece, b: Piece, unit: float) -> bool:
    """Whether a jump is larger than what the straight pieces of a curve rise or fall by themselves."""
    rise = max(abs(a.slope) * (a.end - a.start), abs(b.slope) * (b.end - b.start)) * unit
    return change.kind == "level" and abs(change.after - change.before) > rise


def _near(index: int, others: list[int], n: int) -> bool:
    return any(abs(index - other) <= max(5, n // 50) for other in others)


def _confidence(score: float, shorter: int) -> float:
    """More with the size in standard errors and with the length of the shorter side."""
    return float((1.0 - math.exp(-max(0.0, score - 2.0) / 4.0)) * min(1.0, 0.6 + 0.04 * shorter))
