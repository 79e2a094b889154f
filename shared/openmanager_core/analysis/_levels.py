"""How far a short mean lies from the median of its series, allowing for autocorrelation: finds slow rises."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmanager_core.analysis._steps import MAD_TO_SIGMA, Array, student_to_normal


@dataclass(frozen=True, slots=True)
class Level:
    """Per row: the strongest deviation, where it is largest, over how many samples, and its sign."""

    score: Array
    at: npt.NDArray[np.intp]
    width: npt.NDArray[np.intp]
    sign: Array
    middle: Array


def level_scores(filled: Array, floor: Array, widths: tuple[int, ...], *, halves: bool = False) -> Level:
    """Score the largest deviation of a moving mean from the row's median.

    Parameters
    ----------
    filled
        Shape ``(n_rows, n_times)``, no ``nan``, at least two times.
    floor
        Shape ``(n_rows,)``: smallest scale of a single sample.
    widths
        Samples in the moving mean.
    halves
        Judge each half of the window by the other one: for series without a rhythm of their own this
        finds events that fill most of a half.

    Notes
    -----
    A row of n samples with lag-one autocorrelation r holds about n (1 - r) / (1 + r) independent ones
    [1]_; the deviate is Student's with that many. r comes from robust scales of values and differences,
    so that a short event does not change it.

    References
    ----------
    .. [1] G. V. Bayley and J. M. Hammersley, J. R. Stat. Soc. Suppl. 8(2), 1946, section 2.
       doi:10.2307/2983560
    """
    n = filled.shape[1]
    if not halves:
        return _against(filled, filled, floor, widths, 0)
    first, second = filled[:, : n // 2], filled[:, n // 2 :]
    a, b = _against(second, first, floor, widths, n // 2), _against(first, second, floor, widths, 0)
    later = a.score >= b.score
    return Level(
        np.where(later, a.score, b.score),
        np.where(later, a.at, b.at),
        np.where(later, a.width, b.width),
        np.where(later, a.sign, b.sign),
        np.where(later, a.middle, b.middle),
    )


def _against(filled: Array, reference: Array, floor: Array, widths: tuple[int, ...], offset: int) -> Level:
    rows, n = reference.shape
    middle = np.median(reference, axis=1)
    sigma = np.maximum(MAD_TO_SIGMA * np.median(np.abs(reference - middle[:, None]), axis=1), floor)
    moves = MAD_TO_SIGMA * np.median(np.abs(np.diff(reference, axis=1)), axis=1) if n > 1 else np.zeros(rows)
    r = np.clip(1.0 - 0.5 * np.square(moves / sigma), 0.0, 1.0 - 1.0 / max(n, 2))
    length = (1.0 + r) / (1.0 - r)
    best = np.zeros(rows)
    at, width, sign = np.zeros(rows, np.intp), np.ones(rows, np.intp), np.ones(rows)
    for w in widths:
        if 2 * w > n:
            break
        mean = _moving_mean(filled - middle[:, None], w)
        own = MAD_TO_SIGMA * np.median(np.abs(_moving_mean(reference - middle[:, None], w)), axis=1)
        scale = np.maximum(own, sigma * np.minimum(1.0, np.sqrt(length / w)))
        freedom = np.maximum(n / np.maximum(w / 2.0, length), 1.0)
        peak = np.argmax(np.abs(mean), axis=1)
        value = mean[np.arange(rows), peak]
        deviate = student_to_normal(value / scale, freedom)
        better = deviate > best
        best[better], at[better], width[better] = deviate[better], peak[better] + offset, w
        sign[better] = np.where(value[better] < 0, -1.0, 1.0)
    return Level(best, at, width, sign, middle)


def _moving_mean(away: Array, width: int) -> Array:
    """Means of `width` samples from each instant on, shape ``(n_rows, n_times - width + 1)``."""
    total = np.concatenate((np.zeros((len(away), 1)), np.cumsum(away, axis=1)), axis=1)
    return np.asarray((total[:, width:] - total[:, :-width]) / width)
