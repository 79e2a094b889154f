"""Does a series swing more, or less, than it did? Levels in the logarithm of its sample-to-sample moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from openmanager_core.analysis._levels import Level, level_scores
from openmanager_core.analysis._readings import runs_of
from openmanager_core.analysis._steps import Array

_FEWEST_SAMPLES = 96
_LEAST_RATIO = 2.5
_WIDTHS = (16, 32, 64)
_SIGMA_OF_LOG = 0.5


@dataclass(frozen=True, slots=True)
class Swing:
    """From sample `start` to `end` the moves are `after` instead of `before`, in the metric's unit."""

    start: int
    end: int
    before: float
    after: float
    score: float


@dataclass(frozen=True, slots=True)
class Swings:
    """The logarithms of the moves, shape ``(n_rows, n_times - 1)``, and the strongest deviation in each row."""

    size: Array
    level: Level


def swing_scores(filled: Array, floor: Array) -> Swings | None:
    """Score how much the size of the moves deviates from the row's usual; None for too short a window."""
    n = filled.shape[1]
    if n < _FEWEST_SAMPLES:
        return None
    moves = np.abs(np.diff(filled, axis=1))
    # Below this a move is rounding; without it a logarithm makes news of it.
    least = np.maximum(0.5 * floor, 0.25 * np.median(moves, axis=1))
    size = np.log(moves + least[:, None])
    return Swings(size, level_scores(size, np.full(len(filled), _SIGMA_OF_LOG), _WIDTHS, halves=True))


def find_swing(x: Array, swings: Swings | None, row: int, floor: float, min_sigma: float) -> Swing | None:
    """The strongest change of swing in one row, if it is large, lasting and not a habit of the series."""
    if swings is None:
        return None
    level, n = swings.level, len(x)
    width, at, sign = int(level.width[row]), int(level.at[row]), float(level.sign[row])
    score = float(level.score[row])
    if score < np.sqrt(min_sigma**2 + np.log(max(2.0, n / width))):
        return None
    away = sign * (swings.size[row] - level.middle[row])
    total = np.concatenate(([0.0], np.cumsum(away)))
    mean = (total[width:] - total[:-width]) / width
    half = 0.5 * float(mean[at])
    beyond = mean > half
    for lull, again in runs_of(~beyond):
        if lull > 0 and again < len(mean) and again - lull <= width:
            beyond[lull:again] = True
    before, after = np.flatnonzero(~beyond[:at]), np.flatnonzero(~beyond[at:])
    first = int(before[-1]) + 1 if len(before) else 0
    last = at + int(after[0]) if len(after) else len(mean)
    others = beyond.copy()
    others[max(0, first - width) : last + width] = False
    if others.any():
        return None
    # Within the blur of the moving mean the sum of the excess over half the change tells the edges.
    edge = slice(max(0, first - width), min(len(away), first + 2 * width))
    start = edge.start + int(np.argmin(np.cumsum(away[edge] - half))) + 2 if first > 0 else 0
    end = n if last >= len(mean) else min(n, last + width // 2)
    if start >= end - 2:
        return None
    moves = np.abs(np.diff(x))
    inside = np.zeros(len(moves), dtype=np.bool_)
    inside[start : end - 1] = True
    was, now = float(np.mean(moves[~inside])) if not inside.all() else 0.0, float(np.mean(moves[inside]))
    ratio = max(now, was) / max(min(now, was), 0.25 * floor)
    if ratio < _LEAST_RATIO or max(now, was) < 2.0 * floor or start < n // 10:
        return None
    return Swing(start, end, was, now, score)
