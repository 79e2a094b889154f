"""How rare is a number among those before it? Causal building blocks: each row uses itself and earlier rows only.

Whatever is estimated from history is renewed at borders that depend on the row number alone, so that the
answer for a row is the same, to the bit, however many rows follow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from openmanager_core.analysis._steps import Array
from openmanager_core.job import checkpoint

WARM_UP = 32
"""Rows before anything is called rare."""

TAIL_QUANTILE = 0.98
"""Above this quantile of the history the tail is taken to be exponential; below it where fewer than 8 lie beyond."""

_RENEWALS = 100
_LEAST_BLOCK = 8
_FEWEST_BEYOND = 8
_ORDINARY = 0.8
_LN_10 = math.log(10.0)
_TINY = 1e-200
"""No smaller scale, so that no reading up to 1e100 divides to infinity."""


def renewals(n: int, first: int = WARM_UP) -> Iterator[tuple[int, int]]:
    """Blocks ``[a, b)`` of rows judged by the rows before a: eight rows at first, later one percent of the past."""
    a = first
    while a < n:
        b = min(n, a + max(_LEAST_BLOCK, a // _RENEWALS))
        yield a, b
        a = b


def surprise(x: Array, least: Array) -> Array:
    """Minus the decimal logarithm of the chance that the past makes a value this large. See `surprise_and_size`."""
    return surprise_and_size(x, least)[0]


def surprise_and_size(x: Array, least: Array) -> tuple[Array, Array]:
    """How rare a value this large is under the past, and how large it is beside the ordinary.

    Parameters
    ----------
    x
        Shape ``(n,)``, finite; large is strange.
    least
        Shape ``(n,)``: the smallest scale worth a thought; its value before a block's beginning is used.

    Returns
    -------
    surprise, size
        Shape ``(n,)``, at least 0; 0 in the warm-up. Minus the decimal logarithm of the chance that the past makes
        a value this large; and the value in units of the one that four in five rows of the past stay below.

    Notes
    -----
    The empirical rank up to the 0.98 quantile of the past, beyond it an exponential tail whose scale is the
    mean excess of at least eight rows (peaks over threshold [1]_). This calibration lets one threshold serve
    every series.

    References
    ----------
    .. [1] J. Pickands, Ann. Statist. 3(1), 1975, section 2. doi:10.1214/aos/1176343003
    """
    n = len(x)
    out, unit = np.zeros(n), np.full(n, np.inf)
    past = np.sort(x[:WARM_UP])
    for a, b in renewals(n):
        floor = max(float(least[a - 1]), _TINY)
        at = min(int(TAIL_QUANTILE * a), a - _FEWEST_BEYOND)
        edge, share = float(past[at]), 1.0 - at / a
        excess = float(np.add.reduce(past[at:] - edge)) / (a - at)
        scale = max(excess, 1e-3 * float(past[-1] - past[0]), floor)
        now = x[a:b]
        rank = 1.0 - past.searchsorted(now) / (a + 1.0)
        # Beyond the edge of the history the tail, up to there the rank.
        far = (now - edge) / (scale * _LN_10) - math.log10(share)
        out[a:b] = np.where(now > edge, far, np.maximum(-np.log10(np.maximum(rank, share)), 0.0))
        unit[a:b] = max(float(past[int(_ORDINARY * a)]), floor)
        # Two sorted runs: the stable sort merges them in linear time.
        past = np.concatenate((past, now))
        past.sort(kind="stable")
        checkpoint()
    return out, x / unit


def past_median(x: Array) -> Array:
    """Median of the rows before the row's block; in the warm-up that of the warm-up. Shape ``(n,)``.

    The warm-up itself is never judged, so it may look ahead as far as its own end.
    """
    past = np.sort(x[:WARM_UP])
    out = np.full(len(x), past[len(past) // 2])
    for a, b in renewals(len(x)):
        out[a:b] = past[a // 2]
        past = np.sort(np.concatenate((past, x[a:b])), kind="stable")
        checkpoint()
    return out


def recent_mean(x: Array, rows: int) -> Array:
    """Mean of the newest `rows` rows, fewer at the beginning. Shape ``(n,)``."""
    if rows <= 1 or len(x) == 0:
        return x
    # Shifted by the first value, so that a large level does not eat the digits of the sum.
    total = np.concatenate(([0.0], np.cumsum(x - x[0])))
    i = np.arange(1, len(x) + 1)
    j = np.maximum(i - rows, 0)
    return np.asarray(x[0] + (total[i] - total[j]) / (i - j))


def recent_step(x: Array, rows: int) -> Array:
    """Size of the change from the mean of the `rows` rows before the newest `rows` to the mean of these."""
    mean = recent_mean(x, rows)
    before = np.concatenate((np.full(min(rows, len(x)), mean[0]), mean[:-rows]))[: len(x)]
    return np.asarray(np.abs(mean - before))


def novelty(x: Array, least: Array) -> Array:
    """How far a value lies outside everything before it, in ranges of the past; 0 in the warm-up."""
    out = np.zeros(len(x))
    if len(x) <= WARM_UP:
        return out
    high, low = np.maximum.accumulate(x)[:-1], np.minimum.accumulate(x)[:-1]
    beyond = np.maximum(np.maximum(x[1:] - high, low - x[1:]), 0.0)
    with np.errstate(over="ignore"):
        out[1:] = beyond / np.maximum(np.maximum(high - low, least[:-1]), 1e-300)
    out[:WARM_UP] = 0.0
    return out


def nearest_to_zero(*candidates: Array) -> Array:
    """Of several residuals the one closest to zero, row by row; ``nan`` ones do not count."""
    stacked = np.where(np.isnan(candidates), np.inf, np.asarray(candidates))
    return np.asarray(stacked[np.argmin(np.abs(stacked), axis=0), np.arange(stacked.shape[1])])
