"""Does a series swing more, or less, than it did? Steps in the logarithm of its sample-to-sample moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from openmanager_core.analysis._steps import Array, step_at_scale, step_sigma, student_to_normal

_FEWEST_SAMPLES = 192
_LEAST_RATIO = 2.5


@dataclass(frozen=True, slots=True)
class Swing:
    """From sample `start` to `end` the moves are `after` instead of `before`, in the metric's unit."""

    start: int
    end: int
    before: float
    after: float
    score: float


def swing_scores(filled: Array, floor: Array) -> tuple[tuple[int, ...], Array, Array] | None:
    """Scores and log-ratio steps of the moves' size, shape ``(n_widths, n_rows, n_times)``; None if too short."""
    n = filled.shape[1]
    if n < _FEWEST_SAMPLES:
        return None
    widths = tuple(w for w in (16, 32, 64, 128) if w <= n // 10)
    moves = np.abs(np.diff(filled, axis=1, prepend=filled[:, :1]))
    least = np.maximum(0.5 * floor, 0.25 * np.median(moves, axis=1))
    size = np.log(moves + least[:, None])
    steps = np.zeros((len(widths), *filled.shape))
    scores = np.zeros_like(steps)
    for i, width in enumerate(widths):
        steps[i] = step_at_scale(size, width)
        sigma = np.maximum(step_sigma(steps[i], width), 0.5 / np.sqrt(width))
        scores[i] = student_to_normal(np.abs(steps[i]) / sigma[:, None], max(3.0, n / (2.0 * width)))
        scores[i][np.abs(steps[i]) < 0.5 * np.log(_LEAST_RATIO)] = 0.0
    return widths, scores, steps


def find_swing(
    x: Array, scored: tuple[tuple[int, ...], Array, Array] | None, row: int, floor: float, bar: float
) -> Swing | None:
    """The strongest change of swing in one row, if it is large, lasting and not a habit of the series."""
    if scored is None:
        return None
    widths, scores, steps = scored
    at = int(np.argmax(scores[:, row]))
    scale, t = divmod(at, scores.shape[2])
    score = float(scores[scale, row, t])
    if score < bar:
        return None
    n, width = len(x), widths[scale]
    moves = np.abs(np.diff(x, prepend=x[:1]))
    rises = steps[scale, row, t] > 0
    start, end = t, n
    local = _moving_median(moves, width)
    before = float(np.mean(moves[max(0, t - 4 * width) : t]))
    near = float(np.mean(moves[t : t + width]))
    half = np.sqrt(max(before, floor * 0.1) * max(near, floor * 0.1))
    back = np.flatnonzero((local[t + width :] < half) if rises else (local[t + width :] > half))
    if len(back):
        end = t + width + int(back[0])
    after = float(np.mean(moves[start:end]))
    ratio = max(after, before) / max(min(after, before), 0.25 * floor)
    if ratio < _LEAST_RATIO or max(after, before) < 2.0 * floor:
        return None
    others = np.abs(steps[scale, row]) >= 0.6 * abs(steps[scale, row, t])
    others[max(0, start - 2 * width) : min(n, end + 2 * width)] = False
    if others.any():
        return None
    return Swing(start, end, before, after, score)


def _moving_median(moves: Array, width: int) -> Array:
    """Mean of the `width` moves up to each sample, with the largest one left out."""
    total = np.concatenate(([0.0], np.cumsum(moves)))
    i = np.arange(1, len(moves) + 1)
    first = np.maximum(i - width, 0)
    windows = np.lib.stride_tricks.sliding_window_view(np.concatenate((np.zeros(width - 1), moves)), width)
    return np.asarray((total[i] - total[first] - windows.max(axis=1)) / np.maximum(i - first - 1, 1))
