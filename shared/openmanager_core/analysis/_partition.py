"""The best cutting of a series into constant and straight pieces, by dynamic programming."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from openmanager_core.analysis._order import median
from openmanager_core.analysis._steps import Array
from openmanager_core.job import checkpoint

SHORTEST = 3
"""Fewest samples of a piece, unless the caller wants longer ones."""

_MOST_BORDERS = 400


@dataclass(frozen=True, slots=True)
class Piece:
    """Samples ``[start, end)`` fitted by ``level + slope * (t - start)``; `slope` is 0 where a constant will do."""

    start: int
    end: int
    level: float
    slope: float

    @property
    def last(self) -> float:
        """The fit at the piece's last sample."""
        return self.level + self.slope * (self.end - 1 - self.start)


class _Sums:
    """Running sums from which the squared error of any piece follows at once."""

    def __init__(self, x: Array, weight: Array) -> None:
        t = np.arange(len(x), dtype=np.float64) - 0.5 * len(x)
        self._w, self._t, self._tt = _cumulated(weight), _cumulated(weight * t), _cumulated(weight * t * t)
        self._x, self._xx, self._tx = _cumulated(weight * x), _cumulated(weight * x * x), _cumulated(weight * t * x)

    def at(self, borders: np.typing.NDArray[np.intp]) -> _Sums:
        """The same for pieces between `borders` only, whose indices take the place of samples."""
        chosen = copy.copy(self)
        for name, sums in vars(self).items():
            setattr(chosen, name, sums[borders])
        return chosen

    def flat(self, start: int | slice, end: int) -> Array:
        """Weighted squared error of a constant on ``[start, end)``, for one start or many."""
        m, x = self._w[end] - self._w[start], self._x[end] - self._x[start]
        return np.asarray(np.maximum(self._xx[end] - self._xx[start] - x * x / m, 0.0))

    def line(self, start: int | slice, end: int, flat: Array) -> Array:
        """The same of a line, given that of a constant."""
        m = self._w[end] - self._w[start]
        t, x = self._t[end] - self._t[start], self._x[end] - self._x[start]
        tt = self._tt[end] - self._tt[start] - t * t / m
        tx = self._tx[end] - self._tx[start] - t * x / m
        return np.asarray(np.maximum(flat - tx * tx / np.maximum(tt, 1e-12), 0.0))

    def cost(self, start: int | slice, end: int, per_slope: float, straight: bool) -> Array:
        """The cheaper of the two, where lines are allowed and have a price."""
        flat = self.flat(start, end)
        return np.minimum(flat, self.line(start, end, flat) + per_slope) if straight else flat


def _cumulated(values: Array) -> Array:
    return np.concatenate(([0.0], np.cumsum(values)))


def best_pieces(
    x: Array, sigma: Array, per_piece: float, per_slope: float, *, straight: bool = True, shortest: int = SHORTEST
) -> list[Piece]:
    """Cut so that squared error over ``sigma**2``, plus a price for every piece and slope, is least.

    Parameters
    ----------
    x
        Shape ``(n,)``, finite.
    sigma
        Shape ``(n,)``, above 0; with autocorrelated noise the long-run one.
    per_piece, per_slope
        Price of one more piece, and of letting a piece be a line instead of a constant.
    straight
        Whether lines are allowed at all.
    shortest
        Fewest samples of a piece, at least 1.

    Returns
    -------
    list of Piece
        In order, covering the series. Up to 400 samples the cut is the exact optimum; beyond that the borders
        lie on a grid of 400 at first and are then moved to where each pair of neighbours fits best.

    Notes
    -----
    Optimal partitioning [1]_ without pruning: the inner loop is one vector operation.

    References
    ----------
    .. [1] B. Jackson et al., IEEE Signal Process. Lett. 12(2), 2005, section III. doi:10.1109/LSP.2001.838216
    """
    n = len(x)
    # In units of the median sigma, so that the running sums keep their digits.
    typical = median(sigma)
    weight = np.square(typical / sigma)
    sums = _Sums((x - median(x)) / typical, weight)
    stride = max(1, -(-n // _MOST_BORDERS))
    borders = np.unique(np.concatenate((np.arange(0, n, stride), [n]))).astype(np.intp)
    best = np.full(len(borders), np.inf)
    best[0] = 0.0
    came_from = np.zeros(len(borders), dtype=np.intp)
    far_enough = np.searchsorted(borders, borders - shortest, side="right").tolist()
    between = sums.at(borders)
    for j in range(1, len(borders)):
        if j % 64 == 0:
            checkpoint()
        if not far_enough[j]:
            continue
        fits = slice(0, far_enough[j])
        total = best[fits] + between.cost(fits, j, per_slope, straight) + per_piece
        i = int(np.argmin(total))
        best[j], came_from[j] = total[i], i
    cuts = [n]
    j = len(borders) - 1
    while j > 0:
        j = int(came_from[j])
        cuts.append(int(borders[j]))
    cuts = cuts[::-1]
    if stride > 1:
        cuts = _refined(sums, cuts, stride, per_slope, straight, shortest)
    return [_fitted(x, weight, sums, a, b, per_slope, straight) for a, b in pairwise(cuts)]


def _refined(sums: _Sums, cuts: list[int], stride: int, per_slope: float, straight: bool, shortest: int) -> list[int]:
    """Move every inner border, within one stride, to where its two neighbours fit best together."""
    out = list(cuts)
    for i in range(1, len(out) - 1):
        first = max(out[i - 1] + shortest, out[i] - stride)
        last = min(out[i + 1] - shortest, out[i] + stride)
        if first >= last:
            continue
        costs = []
        for cut in range(first, last + 1):
            cost = 0.0
            for a, b in ((out[i - 1], cut), (cut, out[i + 1])):
                cost += float(sums.cost(a, b, per_slope, straight))
            costs.append(cost)
        out[i] = first + int(np.argmin(costs))
    return out


def _fitted(x: Array, weight: Array, sums: _Sums, a: int, b: int, per_slope: float, straight: bool) -> Piece:
    flat = sums.flat(a, b)
    part, w = x[a:b], weight[a:b] / weight[a:b].sum()
    mean = float(w @ part)
    if not straight or flat <= sums.line(a, b, flat) + per_slope:
        return Piece(a, b, mean, 0.0)
    t = np.arange(b - a, dtype=np.float64)
    middle = float(w @ t)
    slope = float((w * (t - middle)) @ (part - mean)) / float((w * (t - middle)) @ (t - middle))
    return Piece(a, b, mean - slope * middle, slope)
