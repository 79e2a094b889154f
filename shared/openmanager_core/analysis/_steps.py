"""Steps at many scales, many series at once: the statistic behind `examine`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

MAD_TO_SIGMA = 1.4826


def fill_gaps(values: npt.NDArray[np.floating]) -> Array:
    """Carry the last reading forward, and the first one back; a row without readings becomes zeros."""
    filled = np.array(values, dtype=np.float64)
    known = np.isfinite(filled)
    if known.all():
        return filled
    at = np.where(known, np.arange(filled.shape[1]), 0)
    np.maximum.accumulate(at, axis=1, out=at)
    first = np.argmax(known, axis=1)
    at = np.maximum(at, first[:, None])
    filled = np.take_along_axis(filled, at, axis=1)
    filled[~known.any(axis=1)] = 0.0
    return filled


def scales_for(n_times: int) -> tuple[int, ...]:
    """Widths to compare: 1, 2, 4, ... up to a twelfth of the window, so that an event never fills its own yardstick."""
    return tuple(2**i for i in range(16) if 2**i <= max(1, n_times // 12) and 2**i <= n_times // 2)


def step_at_scale(filled: Array, width: int) -> Array:
    """Mean of the `width` samples from t on, less the mean of the `width` before t; 0 where either is cut off."""
    out = np.zeros_like(filled)
    n = filled.shape[1]
    if n < 2 * width:
        return out
    total = np.zeros((len(filled), n + 1))
    np.cumsum(filled - filled[:, :1], axis=1, out=total[:, 1:])
    out[:, width : n - width + 1] = (
        total[:, 2 * width :] - 2.0 * total[:, width : n - width + 1] + total[:, : n - 2 * width + 1]
    ) / width
    return out


def step_sigma(steps: Array, width: int) -> Array:
    """Robust scale of steps of one width, per row: the larger of the MAD and a matched high quantile.

    The quantile leaves out as many samples as one event with its return can touch; on heavy-tailed or
    mostly constant series it is what keeps the ordinary from looking rare.
    """
    n = steps.shape[1]
    inner = np.abs(steps[:, width : n - width + 1])
    m = inner.shape[1]
    tail = min(0.25, 4.0 * width / n + 0.02)
    middle, high = (m - 1) // 2, int((1.0 - tail) * (m - 1))
    part = np.partition(inner, (middle, high), axis=1)
    return np.maximum(part[:, middle] * MAD_TO_SIGMA, part[:, high] / _two_sided_normal(tail))


def student_to_normal(t: Array | float, freedom: Array | float) -> Array:
    """The normal deviate as rare as Student's `t` with that many degrees of freedom.

    Wallace's approximation: few independent stretches make large ratios less surprising. Source:
    D. L. Wallace, Ann. Math. Statist. 30(4), 1959, section 3. doi:10.1214/aoms/1177706096
    """
    with np.errstate(over="ignore"):
        squared = np.minimum(np.square(np.asarray(t, dtype=np.float64)), 1e300)
    return np.asarray((8 * freedom + 1) / (8 * freedom + 3) * np.sqrt(freedom * np.log1p(squared / freedom)))


def step_scores(filled: Array, floor: Array) -> tuple[tuple[int, ...], Array, Array]:
    """Score the step at every instant, scale and row.

    Parameters
    ----------
    filled
        Shape ``(n_rows, n_times)``, no ``nan``.
    floor
        Shape ``(n_rows,)``: the smallest scale worth a thought.

    Returns
    -------
    widths, scores, steps
        The widths compared; normal deviates (at least 0) and the steps themselves, both of shape
        ``(n_widths, n_rows, n_times)``. Every scale is judged by its own spread over the window,
        so that smooth curves and autocorrelated noise carry their own yardstick.
    """
    n = filled.shape[1]
    widths = scales_for(n)
    steps = np.zeros((len(widths), *filled.shape))
    scores = np.zeros_like(steps)
    for i, width in enumerate(widths):
        steps[i] = step_at_scale(filled, width)
        sigma = np.maximum(step_sigma(steps[i], width), floor)
        scores[i] = student_to_normal(np.abs(steps[i]) / sigma[:, None], max(3.0, n / (2.0 * width)))
    return widths, scores, steps


def _two_sided_normal(tail: float) -> float:
    """Deviate that a normal variable exceeds in size with probability `tail` (Abramowitz and Stegun 26.2.23)."""
    t = np.sqrt(-2.0 * np.log(tail / 2.0))
    return float(
        t - (2.515517 + 0.802853 * t + 0.010328 * t * t) / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t**3)
    )
