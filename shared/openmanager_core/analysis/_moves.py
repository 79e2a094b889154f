"""How series move within short blocks of a window, and whether two that moved together stopped doing so.

Shapes: ``n`` rows, ``K`` blocks of ``m`` instants each. Levels and drifts of a block are taken away first, so that a
daily rhythm or a new level is no co-movement, and what is compared are moves of the same length before and lately.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from openmanager_core.analysis._steps import fill_gaps
from openmanager_core.panel import BoolArray, FloatArray

Array = npt.NDArray[np.floating]
Rows = npt.NDArray[np.intp]

BLOCKS = 8
FEWEST_IN_BLOCK = 10
LATE = (2, 3, 4)
"""How many of the newest blocks are taken for "lately": each is tried, and the p-value pays for it."""
_CLIP = 4.0
_FEWEST_KNOWN = 0.75
_MOVES = 0.2
"""A row moves if its scale reaches this share of the smallest change worth a thought."""
_TINY = 1e-12
_NEARLY_ONE = 0.995
_ZERO = np.float64(0)


def moves(values: FloatArray, least: Array, *, robust: bool = True) -> tuple[Array, BoolArray]:
    """Each row as moves within its blocks, in units of its own scale.

    Parameters
    ----------
    values
        Shape ``(n, n_times)``, ``nan`` where there is no reading; the oldest instants that fill no block are left out.
    least
        Shape ``(n,)``, in the values' unit: the smallest change worth a thought.
    robust
        Scale by the median size of the moves; else by their root mean square, which costs less.

    Returns
    -------
    moves, usable
        Shape ``(n, K, m)``: less each block's straight line, over the scale, cut at 4 scales, 0 where nothing was
        read. Shape ``(n,)``: false for rows that do not move, or lack a quarter of their readings before or lately;
        those rows are 0.
    """
    n, n_times = values.shape
    m = n_times // BLOCKS
    cut = values[:, n_times - BLOCKS * m :]
    known = np.isfinite(cut)
    full = bool(known.all())
    filled = cut if full else fill_gaps(cut).astype(values.dtype)
    away: Array = filled.reshape(n * BLOCKS, m) @ _without_line(m).astype(values.dtype)
    away = away.reshape(n, BLOCKS, m)
    usable: BoolArray = np.ones(n, bool)
    if not full:
        known = known.reshape(n, BLOCKS, m)
        away[~known] = 0
        share = known.mean(axis=2)
        late = BLOCKS - min(LATE)
        usable = (share[:, :late].mean(axis=1) >= _FEWEST_KNOWN) & (share[:, late:].mean(axis=1) >= _FEWEST_KNOWN)
    flat = away.reshape(n, -1)
    if robust:
        scale = 1.4826 * np.median(np.abs(flat), axis=1)
    else:
        scale = np.sqrt(np.einsum("ij,ij->i", flat, flat) / max(1, flat.shape[1]))
    usable &= (scale >= _MOVES * least) & (scale > _TINY)
    away /= np.where(usable, scale, 1).astype(away.dtype)[:, None, None]
    np.clip(away, -_CLIP, _CLIP, out=away)
    away[~usable] = 0
    return away, usable


@cache
def _without_line(m: int) -> npt.NDArray[np.float64]:
    """The matrix that takes mean and slope off a row of `m`."""
    ramp = np.arange(m) - (m - 1) / 2
    return np.eye(m) - 1 / m - np.outer(ramp, ramp) / max(float(ramp @ ramp), 1.0)


def median_of_others(rows: Array, usable: BoolArray) -> Array:
    """For each row the median of all other usable rows, instant by instant.

    Parameters
    ----------
    rows
        Shape ``(n, K, m)``, no ``nan``.
    usable
        Shape ``(n,)``; at least three are true.

    Returns
    -------
    ndarray
        Shape ``(n, K, m)``: for a row that is not usable the median of all that are; each block's mean is taken away.
    """
    order = np.sort(rows[usable], axis=0)
    count = len(order)
    out = np.broadcast_to((order[(count - 1) // 2] + order[count // 2]) / 2, rows.shape).copy()
    # without one of them the middle moves up where a low one is gone, and down where a high one is
    low, high = (count - 2) // 2, (count - 1) // 2
    some = rows[usable]
    left = np.where(some <= order[low], order[low + 1], order[low])
    right = np.where(some <= order[high], order[high + 1], order[high])
    out[usable] = (left + right) / 2
    return np.asarray(out - out.mean(axis=2, keepdims=True))


@dataclass(frozen=True, slots=True)
class Products:
    """Sums over each block of two series' products with each other and with themselves; each of shape ``(..., K)``."""

    both: Array
    own: Array
    other: Array

    def take(self, which: BoolArray | Rows | tuple[Any, ...]) -> Products:
        """The same of some of them only."""
        return Products(self.both[which], self.own[which], self.other[which])


def products(rows: Array, others: Array) -> Products:
    """Block sums of two sets of rows, each of shape ``(n, K, m)``."""
    return Products(
        np.einsum("nkm,nkm->nk", rows, others),
        np.einsum("nkm,nkm->nk", rows, rows),
        np.einsum("nkm,nkm->nk", others, others),
    )


def pair_products(rows: Array) -> tuple[Rows, Rows, Products]:
    """The same for all pairs of several metrics.

    Parameters
    ----------
    rows
        Shape ``(n, n_metrics, K, m)``.

    Returns
    -------
    first, second, sums
        Which two metrics each pair is, shape ``(n_pairs,)``; block sums of shape ``(n, n_pairs, K)``.
    """
    first, second = np.triu_indices(rows.shape[1], 1)
    by_block = np.ascontiguousarray(rows.transpose(0, 2, 1, 3))
    table = by_block @ by_block.transpose(0, 1, 3, 2)
    square = np.diagonal(table, axis1=2, axis2=3).transpose(0, 2, 1)
    both = table[:, :, first, second].transpose(0, 2, 1)
    return first, second, Products(both, square[:, first], square[:, second])


@dataclass(frozen=True, slots=True)
class Parting:
    """What is left of a co-movement in the newest `late` blocks; each but the last of shape ``(...)``.

    Attributes
    ----------
    before
        Correlation over the blocks before, with its sign.
    expected
        The size that it should have lately: with the gain and the noise of before, for as much as the other series
        moves now, or the median of the earlier blocks, if that is less. Low where hardly anything moves, and where it
        was one event that made the correlation of before.
    now
        Correlation lately, positive where it has the sign of `before`: over all late blocks or the (upper) median of
        them, whichever is larger, since one odd block among others that hold is an event and no parting.
    newest
        The same of the newest block alone.
    drop
        `expected` less `now`, both by Fisher's z.
    wander
        How far the earlier blocks stray from what the same gain expects of them, as a spread of `drop`.
    """

    before: Array
    expected: Array
    now: Array
    newest: Array
    drop: Array
    wander: Array
    late: int


def parting(sums: Products, late: int) -> Parting:
    """Compare the newest `late` blocks, at least 1 and below K, with those before."""
    count = sums.both.shape[-1]
    old = count - late
    both, own, other = (s[..., :old].sum(axis=-1) for s in (sums.both, sums.own, sums.other))
    with np.errstate(all="ignore"):
        before = np.nan_to_num(both / np.sqrt(own * other))
        gain = np.nan_to_num(both / other)
        noise = np.maximum(own - gain * both, 0) / old
        now_both, now_own, now_other = (s[..., old:].sum(axis=-1) for s in (sums.both, sums.own, sums.other))
        expected = _expected(gain, now_other, noise * late)
        now = np.nan_to_num(now_both / np.sqrt(now_own * now_other)) * np.sign(before)
        every = np.nan_to_num(sums.both / np.sqrt(sums.own * sums.other)) * np.sign(before)[..., None]
        each, lately = every[..., :old], np.sort(every[..., old:], axis=-1)
        now = np.maximum(now, lately[..., late // 2])
        usual = _expected(gain[..., None], sums.other[..., :old], noise[..., None])
        stray = fisher(usual) - fisher(each)
        expected = np.minimum(expected, np.median(each, axis=-1))
    wander = np.sqrt(np.mean(stray**2, axis=-1) * (1 / late + 1 / old))
    return Parting(before, expected, now, every[..., -1], fisher(expected) - fisher(now), wander, late)


def _expected(gain: Array, other: Array, noise: Array) -> Array:
    with np.errstate(all="ignore"):
        carried = gain * gain * other
        return np.asarray(np.sqrt(np.nan_to_num(carried / (carried + noise))))


def fisher(r: Array) -> Array:
    """Fisher's z of correlations, those of nearly 1 cut (R. A. Fisher, Metron 1, 1921)."""
    return np.asarray(np.arctanh(np.clip(r, -_NEARLY_ONE, _NEARLY_ONE)))


def worth(rows: Array, others: Array) -> Array:
    """Share of the instants that are independent, for the correlation of each pair of rows.

    Parameters
    ----------
    rows, others
        Shape ``(n, K, m)``, as `moves` makes them.

    Returns
    -------
    ndarray
        Shape ``(n,)``, above 0, at most 1.

    Notes
    -----
    ``1 / (1 + 2 sum (1 - j/m) rho_a(j) rho_b(j))``, autocorrelations within blocks, summed up to half of a block or the
    first product that is not above 0 [1]_ (equation 1).

    References
    ----------
    .. [1] B. J. Pyper and R. M. Peterman, Canadian Journal of Fisheries and Aquatic Sciences 55, 1998.
       doi:10.1139/f98-104
    """
    m = rows.shape[2]
    total = np.zeros(len(rows))
    going = np.ones(len(rows), bool)
    for lag in range(1, m // 2 + 1):
        product = _echo(rows, lag) * _echo(others, lag)
        going &= product > 0
        if not going.any():
            break
        total += np.where(going, product, 0) * (1 - lag / m)
    return np.asarray(1 / (1 + 2 * total))


def _echo(rows: Array, lag: int) -> Array:
    """Autocorrelation within blocks at one lag; the taper is the caller's."""
    m = rows.shape[2]
    square = np.einsum("nkm,nkm->n", rows, rows)
    later = np.einsum("nkm,nkm->n", rows[:, :, lag:], rows[:, :, : m - lag])
    return np.asarray(np.where(square > 0, later / np.where(square > 0, square, 1), 0.0) * m / (m - lag))


def uncertainty(share: Array, m: int, late: int) -> Array:
    """Standard error of a drop of Fisher's z by the number of independent instants, two a block spent on its line."""
    old = BLOCKS - late
    now = np.maximum(share * late * m - 2 * late - 3, 0.5)
    then = np.maximum(share * old * m - 2 * old - 3, 0.5)
    return np.asarray(np.sqrt(1 / now + 1 / then))
