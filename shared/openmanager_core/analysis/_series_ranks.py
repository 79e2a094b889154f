"""What a correlation is judged by: ranks instead of values, so that a few extreme readings decide nothing.

Fisher's z holds for values that are about normal. Errors, queues and retransmits are not: they are 0 for an hour
and then large for a minute, and two such minutes that meet by chance make r nearly 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmanager_core.analysis._series_matrix import Single
from openmanager_core.job import checkpoint
from openmanager_core.panel import BoolArray

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

_ROWS = 512


@dataclass(frozen=True, slots=True)
class Ranks:
    """Rows of a matrix as ranks.

    Attributes
    ----------
    values
        Shape ``(n, n_times)``, each row with mean 0 and variance 1.
    away
        Shape ``(n, n_times)``: where a row that mostly keeps one value has another one; all true for other rows.
    """

    values: Single
    away: BoolArray


def ranked(rows: Single) -> Ranks:
    """Rank each row; equal readings share the mean of their ranks.

    Pearson's r of ranks is Spearman's; normal scores would give the ends of a row more weight, and bursts with it.
    """
    n, length = rows.shape
    values = np.empty((n, length), dtype=np.float32)
    away = np.ones((n, length), dtype=bool)
    at = np.arange(length)
    for top in range(0, n, _ROWS):
        checkpoint()
        block = rows[top : top + _ROWS]
        order = np.argsort(block, axis=1)
        ordered = np.take_along_axis(block, order, axis=1)
        new = np.ones(ordered.shape, dtype=bool)
        new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
        first = np.maximum.accumulate(np.where(new, at, 0), axis=1)
        ends = np.ones_like(new)
        ends[:, :-1] = new[:, 1:]
        last = np.minimum.accumulate(np.where(ends, at, length)[:, ::-1], axis=1)[:, ::-1]
        rank = 0.5 * (first + last) - 0.5 * (length - 1)
        spread = np.sqrt(np.mean(rank**2, axis=1, keepdims=True))
        rank /= np.where(spread > 0, spread, 1.0)
        np.put_along_axis(values[top : top + _ROWS], order, rank.astype(np.float32), axis=1)
        size = last - first + 1
        longest = np.argmax(size, axis=1)
        for row in np.flatnonzero(size[np.arange(len(block)), longest] > length / 2):
            away[top + row] = block[row] != ordered[row, longest[row]]
    return Ranks(values, away)


def r_at(ranks: Ranks, a: Int, b: Int, lag: Int) -> Float:
    """Correlation of the ranks of each pair of rows over its overlap; positive lag: `a` leads."""
    length = ranks.values.shape[1]
    out = np.zeros(len(a))
    for step in np.unique(lag).tolist():
        checkpoint()
        which = np.flatnonzero(lag == step)
        lead, follow = _overlap(length, step)
        for first in range(0, len(which), _ROWS):
            some = which[first : first + _ROWS]
            x = ranks.values[a[some]][:, lead].astype(np.float64)
            y = ranks.values[b[some]][:, follow].astype(np.float64)
            x -= x.mean(axis=1, keepdims=True)
            y -= y.mean(axis=1, keepdims=True)
            spread = np.einsum("ij,ij->i", x, x) * np.einsum("ij,ij->i", y, y)
            moves = spread > 1e-10 * x.shape[1] ** 2
            out[some] = np.where(moves, np.einsum("ij,ij->i", x, y) / np.sqrt(np.where(moves, spread, 1.0)), 0.0)
    return np.clip(out, -1.0, 1.0)


def least_p(ranks: Ranks, a: Int, b: Int, lag: Int, worth: Float) -> Float:
    """Bound the p of pairs of rows that both mostly keep one value: how often their exceptions meet by chance.

    Parameters
    ----------
    worth
        Independent readings over readings, per pair: a stretch of exceptions is one.

    Returns
    -------
    Float
        0 for pairs of other rows. Else at least the chance that so many exceptions meet: the tail of the
        hypergeometric distribution, bounded by ``exp(-k D)`` with D the relative entropy [1]_ (section 6).

    References
    ----------
    .. [1] W. Hoeffding, JASA 58(301), 1963. doi:10.1080/01621459.1963.10500830
    """
    rare: BoolArray = ~np.all(ranks.away, axis=1)
    length = ranks.away.shape[1]
    out = np.zeros(len(a))
    for k in np.flatnonzero(rare[a] & rare[b]):
        lead, follow = _overlap(length, int(lag[k]))
        x, y = ranks.away[a[k], lead], ranks.away[b[k], follow]
        n, few, many = len(x), *sorted((int(x.sum()), int(y.sum())))
        out[k] = 1.0 if not few else _tail(int((x & y).sum()) / few, many / n, few * float(worth[k]))
    return out


def _tail(met: float, expected: float, trials: float) -> float:
    """Twice the bound of the chance that a share of `met` or more meet where `expected` do on average."""
    if met <= expected:
        return 1.0
    entropy = met * np.log(met / expected)
    if met < 1:
        entropy += (1 - met) * np.log((1 - met) / (1 - expected))
    return float(min(1.0, 2 * np.exp(-trials * entropy)))


def _overlap(length: int, lag: int) -> tuple[slice, slice]:
    """The parts of the leading and of the following row that meet at a lag."""
    return (slice(0, length - lag), slice(lag, length)) if lag >= 0 else (slice(-lag, length), slice(0, length + lag))
