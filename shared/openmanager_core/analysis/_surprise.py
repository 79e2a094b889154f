"""How rare is a number among those before it? Causal building blocks: each row uses itself and earlier rows only.

Whatever is estimated from history is renewed at borders that depend on the row number alone, so that the
answer for a row is the same, to the bit, however many rows follow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

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


@dataclass(frozen=True, slots=True)
class _Renewals:
    """Where the history of `n` rows is renewed, and which of its order statistics are looked at there.

    Attributes
    ----------
    blocks
        ``(a, b, edge, ordinary)``: rows ``[a, b)`` are judged by the sorted rows before a; the last two are indices
        into them.
    starts, lengths
        ``a`` and ``b - a`` of each block.
    beyond
        How many rows of each history lie at or beyond its edge.
    share
        What share of each history that is.
    log_share
        Its decimal logarithm.
    """

    blocks: tuple[tuple[int, int, int, int], ...]
    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    beyond: Array
    share: Array
    log_share: Array


@lru_cache(maxsize=8)
def _renewals(n: int) -> _Renewals:
    """Blocks of eight rows at first, later of one percent of the past; the same for every series of `n` rows."""
    blocks = []
    a = WARM_UP
    while a < n:
        b = min(n, a + max(_LEAST_BLOCK, a // _RENEWALS))
        blocks.append((a, b, min(int(TAIL_QUANTILE * a), a - _FEWEST_BEYOND), int(_ORDINARY * a)))
        a = b
    share = [1.0 - at / a for a, _, at, _ in blocks]
    return _Renewals(
        tuple(blocks),
        np.array([a for a, *_ in blocks], dtype=np.int64),
        np.array([b - a for a, b, *_ in blocks], dtype=np.int64),
        np.array([float(a - at) for a, _, at, _ in blocks]),
        np.array(share),
        np.array([math.log10(one) for one in share]),
    )


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
    if n <= WARM_UP:
        return out, x / unit
    at = _renewals(n)
    edges, excess, ordinary, spread = [], [], [], []
    below = np.empty(n, dtype=np.int64)
    past = np.array(x)
    past[:WARM_UP].sort()
    # A short series has more blocks than a block has rows: what need not be done block by block waits for the end.
    for a, b, edge_at, ordinary_at in at.blocks:
        edge = past.item(edge_at)
        edges.append(edge)
        excess.append(np.add.reduce(past[edge_at:a] - edge))
        ordinary.append(past.item(ordinary_at))
        spread.append(past.item(a - 1) - past.item(0))
        below[a:b] = past[:a].searchsorted(past[a:b])
        # Two runs, the longer one sorted: the stable sort merges them in linear time.
        past[:b].sort(kind="stable")
        checkpoint()
    floor = np.maximum(least[at.starts - 1], _TINY)
    scale = np.maximum(np.maximum(np.array(excess) / at.beyond, 1e-3 * np.array(spread)), floor)
    each = np.repeat(np.arange(len(at.starts)), at.lengths)
    now, share = x[WARM_UP:], at.share[each]
    edge_of = np.array(edges)[each]
    rank = 1.0 - below[WARM_UP:] / (at.starts + 1.0)[each]
    # Beyond the edge of the history the tail, up to there the rank.
    far = (now - edge_of) / (scale * _LN_10)[each] - at.log_share[each]
    out[WARM_UP:] = np.where(now > edge_of, far, np.maximum(-np.log10(np.maximum(rank, share)), 0.0))
    unit[WARM_UP:] = np.maximum(np.array(ordinary), floor)[each]
    return out, x / unit


def past_median(x: Array) -> Array:
    """Median of the rows before the row's block; in the warm-up that of the warm-up. Shape ``(n,)``.

    The warm-up itself is never judged, so it may look ahead as far as its own end.
    """
    past = np.array(x)
    past[:WARM_UP].sort()
    out = np.full(len(x), past[min(len(x), WARM_UP) // 2])
    for a, b, *_ in _renewals(len(x)).blocks:
        out[a:b] = past[a // 2]
        past[:b].sort(kind="stable")
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
