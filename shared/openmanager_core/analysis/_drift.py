"""Slow growth that no step shows: leaks and trends over most of a window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmanager_core.analysis._steps import Array, student_to_normal

_BLOCKS = 16


@dataclass(frozen=True, slots=True)
class Drift:
    """A steady drift from sample `start` to the end.

    Attributes
    ----------
    change
        From the start of the drift to the end of the window, in the metric's unit.
    hinged
        Whether the series was level before; else it drifted all along.
    """

    start: int
    change: float
    baseline: float
    observed: float
    spread: float
    score: float
    hinged: bool


def drift_scores(filled: Array, floor: Array) -> tuple[Array, npt.NDArray[np.int64]]:
    """Score a drift that begins at any of several instants and lasts to the end, for many rows at once.

    The window becomes 16 block medians. For every possible beginning the mean increment from there on
    is divided by its standard error (a paired t statistic); increments and not levels, so that a random
    walk scores as what it is.

    Parameters
    ----------
    filled
        Shape ``(n_rows, n_times)``, no ``nan``, at least 48 times.
    floor
        Shape ``(n_rows,)``: smallest scale worth a thought.

    Returns
    -------
    scores, began
        Shape ``(n_rows,)``: signed normal deviates of the best beginning, and its block.
    """
    rows, n = filled.shape
    span = n // _BLOCKS
    blocks = np.median(filled[:, n - span * _BLOCKS :].reshape(rows, _BLOCKS, span), axis=2)
    d = np.diff(blocks, axis=1)
    m = d.shape[1]
    best, began = np.zeros(rows), np.zeros(rows, dtype=np.int64)
    for hinge in range(m - 4):
        late, early = d[:, hinge:], d[:, :hinge]
        n_late = m - hinge
        squares = ((late - late.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
        if hinge:
            squares = squares + ((early - early.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
        freedom = float(max(3, m - (2 if hinge > 1 else 1)))
        sigma = np.maximum(np.sqrt(squares / freedom), 0.1 * floor)
        t = late.mean(axis=1) / (sigma / np.sqrt(n_late))
        score = np.sign(t) * student_to_normal(t, freedom)
        better = np.abs(score) > np.abs(best)
        best[better], began[better] = score[better], hinge
    return best, began


def measure_drift(x: Array, began: int, score: float, floor: float) -> Drift:
    """Where exactly the drift begins (least squares over a hinge), how large it is and against what noise."""
    n = len(x)
    grid = np.unique(np.linspace(0, int(0.8 * n), 41).astype(int))
    i = np.arange(n, dtype=np.float64)
    centred = x - x.mean()
    errors = np.empty(len(grid))
    for k, hinge in enumerate(grid):
        ramp = np.maximum(i - hinge, 0.0)
        ramp -= ramp.mean()
        gain = float(ramp @ centred) / max(float(ramp @ ramp), 1e-300)
        errors[k] = float(((centred - gain * ramp) ** 2).sum())
    start = int(grid[int(np.argmin(errors))]) if began else 0
    hinged = start >= n // 8
    if not hinged:
        start = 0
    ramp = np.maximum(i - start, 0.0)
    gain = float((ramp - ramp.mean()) @ centred) / max(float(((ramp - ramp.mean()) ** 2).sum()), 1e-300)
    rest = x - gain * ramp
    base = float(np.median(rest))
    spread = max(1.4826 * float(np.median(np.abs(rest - base))), floor, 1e-9 * abs(base), 1e-12)
    return Drift(start, gain * (n - 1 - start), base, base + gain * (n - 1 - start), spread, abs(score), hinged)
