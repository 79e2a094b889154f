"""Which series move together, and which moves first: lagged correlation with honest significance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmanager_core.analysis._series_lagged import (
    autocorrelations,
    effective_size,
    false_discovery,
    lagged_r,
    two_sided_p,
)
from openmanager_core.analysis._series_matrix import SeriesMatrix, Single, standardise
from openmanager_core.analysis._series_ranks import least_p, r_at, ranked
from openmanager_core.errors import InvalidRequest, NotFound
from openmanager_core.job import checkpoint, part
from openmanager_core.panel import Panel

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

MIN_INSTANTS = 16
"""Fewest common instants a correlation is computed from."""
MAX_SERIES = 10_000
"""Most series that are correlated each with each; with a target there is no such bound."""
MAX_LAGS = 240
"""Most steps of lag to either side."""
_MAX_CANDIDATES = 20_000
_ROWS = 512
_PAIR_ROWS = 256
_PAIR_LAGS = 12
_PAIR_WORK = 3e10
"""Multiplications that may go into trying every lag of every pair: about two seconds of one core."""
_MOST_PAIR_WORK = 3.3e11
"""Multiplications of a screening that tries `_PAIR_LAGS` all the same: some thirteen seconds; beyond, fewer lags."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """Two series that move together.

    Attributes
    ----------
    r
        Pearson's correlation at the lag where it is largest in size.
    lag_s
        Positive: `a` leads, `b` follows after so many seconds. Negative: the reverse.
    n_effective
        How many independent pairs of readings the overlap is worth.
    p_value
        Two-sided, corrected for the lags tried.
    q_value
        False-discovery rate at which it is found among all pairs tested.
    """

    host_a: str
    metric_a: str
    host_b: str
    metric_b: str
    r: float
    lag_s: float
    n_effective: float
    p_value: float
    q_value: float


@dataclass(frozen=True, slots=True)
class Tried:
    """What a correlation went through before it said anything.

    Attributes
    ----------
    series
        That move and have enough readings.
    instants
        Common to all of them.
    lags
        Tried for each pair; p-values are multiplied by it.
    reached
        Pairs that reach the least |r|.
    significant
        Pairs among those at the false-discovery rate asked for.
    median_n_effective
        Independent readings that the median pair among those that reach it is worth; 0 if there is none.
    """

    series: int = 0
    instants: int = 0
    lags: int = 0
    reached: int = 0
    significant: int = 0
    median_n_effective: float = 0.0


@dataclass(frozen=True, slots=True)
class CorrelationResult:
    """Strongest pairs first, how many were tested, what was left out or why there is nothing, and how it was found."""

    pairs: tuple[Correlation, ...]
    tested_pairs: int
    explanation: str
    tried: Tried = Tried()


def correlate(
    panels: Sequence[Panel],
    *,
    target: tuple[str, str] | None = None,
    max_lag_s: float = 0.0,
    min_abs_r: float = 0.5,
    q: float = 0.05,
    top: int = 50,
) -> CorrelationResult:
    """Find series that move together across servers and metrics.

    Parameters
    ----------
    panels
        Metrics to compare, on any grids that overlap. Rows that do not move, or with less than half
        their readings, are left out and counted in the explanation.
    target
        (host, metric): compare this one with all others. None: each with each, at most `MAX_SERIES`.
    max_lag_s
        How far one may follow the other, seconds; up to `MAX_LAGS` steps of the grid.
    min_abs_r
        Weaker pairs are not told, 0 to 1.
    q
        False-discovery rate over all pairs tested, above 0 and at most 1.
    top
        At most so many pairs, strongest first.

    Returns
    -------
    CorrelationResult
        With an explanation, above all when there are no pairs.

    Raises
    ------
    InvalidRequest
        If a bound is out of range, the panels do not overlap, or there are too many series.
    NotFound
        If the target is in no panel.

    Notes
    -----
    Two series that each drift slowly correlate by chance. The p-value therefore counts effective, not
    actual, readings (`effective_size`), is multiplied by the number of lags tried (Bonferroni), and
    becomes a q-value over all pairs (`false_discovery`). It is that of the pair's ranks at the lag
    (`_series_ranks`): the r that is told is Pearson's, which a few extreme readings can make large.
    A rhythm that two series share is a finding, not chance.
    """
    _check(max_lag_s, min_abs_r, q, top)
    data = standardise(panels, MIN_INSTANTS)
    left_out = _left_out(data)
    length = data.values.shape[1]
    reach = math.floor(max_lag_s / data.step_s + 1e-9)
    bound = min(MAX_LAGS, length // 3)
    note = "" if reach <= bound else f" The lag was limited to {bound * data.step_s:g} s."
    reach = min(reach, bound)
    if target is not None and target not in data.names:
        everything = {(h, p.metric) for p in panels for h in p.hosts}
        if target not in everything:
            raise NotFound.named("series", "/".join(target), ["/".join(s) for s in everything])
        said = f"{target[1]} on {target[0]} does not move or has too few readings.{left_out}"
        return CorrelationResult((), 0, said, Tried(len(data.names), length))
    if len(data.names) < 2:
        said = f"Fewer than two series move in this window.{left_out}"
        return CorrelationResult((), 0, said, Tried(len(data.names), length))
    if target is not None:
        lags = np.arange(-reach, reach + 1)
        with part(0.0, 0.95):
            a, b, lag, r = _one_against_all(data, data.names.index(target), lags, min_abs_r)
        tested, tried = len(data.names) - 1, len(lags)
    else:
        if len(data.names) > MAX_SERIES:
            raise InvalidRequest(
                f"{len(data.names)} series make too many pairs, the most is {MAX_SERIES} series",
                hint="name a target, fewer servers or fewer metrics",
            )
        most = _lags_within_reason(len(data.names), length)
        lags = np.unique(np.linspace(0, reach, min(reach, most) + 1).round().astype(np.int64))
        if len(lags) < reach + 1:
            note += f" Of {reach + 1} lags, {len(lags)} were tried first and the neighbours of the best after."
        with part(0.0, 0.95):
            a, b, lag, r = _all_pairs(data, lags, min_abs_r, reach)
        tested, tried = len(data.names) * (len(data.names) - 1) // 2, 2 * reach + 1
    if not len(r):
        said = f"None of {tested} pairs reaches |r| {min_abs_r:g}.{note}{left_out}"
        return CorrelationResult((), tested, said, Tried(len(data.names), length, tried))
    checkpoint(0.95, f"testing {len(r):,} of {tested:,} pairs for significance")
    n_eff, p = _judged(data, a, b, lag, r)
    p = np.minimum(1.0, p * tried)
    q_value = false_discovery(p, tested)
    kept = np.flatnonzero(q_value <= q)
    kept = kept[np.argsort(-np.abs(r[kept]), kind="stable")]
    pairs = tuple(
        Correlation(
            host_a=data.names[a[k]][0],
            metric_a=data.names[a[k]][1],
            host_b=data.names[b[k]][0],
            metric_b=data.names[b[k]][1],
            r=float(r[k]),
            lag_s=float(lag[k] * data.step_s),
            n_effective=float(n_eff[k]),
            p_value=float(p[k]),
            q_value=float(q_value[k]),
        )
        for k in kept[:top]
    )
    if not pairs:
        text = (
            f"{len(r)} of {tested} pairs reach |r| {min_abs_r:g}, none is significant: their readings follow their own"
            f" past so closely that the median pair is worth {np.median(n_eff):.0f} independent readings of {length}."
        )
    else:
        text = f"{len(kept)} of {tested} pairs move together at a false-discovery rate of {q:g}."
        text += f" The {len(pairs)} strongest are told." if len(kept) > len(pairs) else ""
    way = Tried(len(data.names), length, tried, len(r), len(kept), float(np.median(n_eff)))
    return CorrelationResult(pairs, tested, text + note + left_out, way)


def _lags_within_reason(series: int, length: int) -> int:
    """How many lags above 0 are tried of every pair, at least 1."""
    each = series**2 * length
    fewest = min(_PAIR_LAGS, int((_MOST_PAIR_WORK / each - 1) / 2))
    return max(1, fewest, int(_PAIR_WORK / each))


def _check(max_lag_s: float, min_abs_r: float, q: float, top: int) -> None:
    if not math.isfinite(max_lag_s) or max_lag_s < 0:
        raise InvalidRequest(f"max_lag_s must be at least 0 and finite, got {max_lag_s:g}")
    if not 0 <= min_abs_r <= 1:
        raise InvalidRequest(f"min_abs_r must be from 0 to 1, got {min_abs_r:g}")
    if not 0 < q <= 1:
        raise InvalidRequest(f"q must be above 0 and at most 1, got {q:g}")
    if top < 1:
        raise InvalidRequest(f"top must be at least 1, got {top}")


def _left_out(data: SeriesMatrix) -> str:
    parts = []
    if data.constant:
        parts.append(f"{data.constant} do not move")
    if data.sparse:
        parts.append(f"{data.sparse} have less than half their readings")
    return f" Left out: {', '.join(parts)}." if parts else ""


def _one_against_all(data: SeriesMatrix, row: int, lags: Int, least: float) -> tuple[Int, Int, Int, Float]:
    best_r, best_lag = np.zeros(len(data.names)), np.zeros(len(data.names), dtype=np.int64)
    reached = 0
    for first in range(0, len(data.names), _ROWS):
        note = f"correlating: {first:,} of {len(data.names):,} series, {reached:,} reach |r| {least:g} so far"
        checkpoint(first / len(data.names), note)
        r = lagged_r(data.values[first : first + _ROWS], data.values[row], lags)
        pick = np.argmax(np.abs(r), axis=1)
        best_r[first : first + _ROWS] = r[np.arange(len(r)), pick]
        best_lag[first : first + _ROWS] = lags[pick]
        if first <= row < first + len(r):
            best_r[row] = 0.0
        reached += int(np.count_nonzero(np.abs(best_r[first : first + _ROWS]) >= least))
    other = _strongest(best_r, least)
    return np.full(len(other), row), other, best_lag[other], best_r[other]


def _strongest(r: Float, least: float) -> Int:
    found = np.flatnonzero(np.abs(r) >= max(least, 1e-12))
    if len(found) > _MAX_CANDIDATES:
        found = found[np.argpartition(-np.abs(r[found]), _MAX_CANDIDATES)[:_MAX_CANDIDATES]]
    return np.asarray(found)


def _largest(a: Int, b: Int, lag: Int, r: Float) -> tuple[Int, Int, Int, Float]:
    """The strongest pairs, so many that the exact part stays quick."""
    if len(r) > _MAX_CANDIDATES:
        keep = np.argpartition(-np.abs(r), _MAX_CANDIDATES)[:_MAX_CANDIDATES]
        a, b, lag, r = a[keep], b[keep], lag[keep], r[keep]
    return a, b, lag, r


def _share_of_pairs(first: int, n: int) -> float:
    """Share of all pairs that hold one of the first rows: later rows have fewer partners left."""
    return first * (2 * n - first) / (n * n)


def _moments(rows: Single) -> tuple[Single, Single]:
    """Mean and one over the standard deviation of each row; 0 for a row that does not move."""
    checkpoint()
    mean = rows.mean(axis=1)
    square = np.einsum("ij,ij->i", rows, rows) / np.float32(rows.shape[1]) - mean**2
    moves = square > 1e-6
    return mean, np.where(moves, 1 / np.sqrt(np.where(moves, square, 1)), 0).astype(np.float32)


def _all_pairs(data: SeriesMatrix, lags: Int, least: float, reach: int) -> tuple[Int, Int, Int, Float]:
    """Every pair once, at lags of either sign: products of whole blocks, and the exact value for what passes."""
    x, length = data.values, data.values.shape[1]
    moments = {int(lag): (_moments(x[:, : length - lag]), _moments(x[:, lag:])) for lag in lags}
    found: list[tuple[Int, Int, Int, Float]] = []
    reached = 0
    for first in range(0, len(x), _PAIR_ROWS):
        note = (
            f"correlating: {first:,} of {len(x):,} series with all others, {reached:,} pairs reach |r| {least:g} so far"
        )
        block = x[first : first + _PAIR_ROWS]
        best = np.zeros((len(block), len(x) - first), dtype=np.float32)
        at = np.zeros(best.shape, dtype=np.int16)
        for step in [int(v) for v in lags] + [-int(v) for v in lags if v]:
            checkpoint(_share_of_pairs(first, len(x)), note)
            cut = length - abs(step)
            ahead, after = (block[:, :cut], x[first:, step:]) if step >= 0 else (block[:, -step:], x[first:, :cut])
            (mean_a, scale_a), (mean_b, scale_b) = moments[abs(step)] if step >= 0 else moments[abs(step)][::-1]
            score = ahead @ after.T
            score *= scale_a[first : first + _PAIR_ROWS, None] / np.float32(cut)
            score *= scale_b[first:]
            score -= np.outer((mean_a * scale_a)[first : first + _PAIR_ROWS], (mean_b * scale_b)[first:])
            better = np.abs(score) > np.abs(best)
            np.copyto(best, score, where=better)
            np.copyto(at, step, where=better)
        best[np.arange(best.shape[1])[None, :] <= np.arange(len(block))[:, None]] = 0.0
        i, j = np.nonzero(np.abs(best) >= max(least - 1e-3, 1e-6))
        reached += int(np.count_nonzero(np.abs(best[i, j]) >= least))
        found.append(_largest(i + first, j + first, at[i, j].astype(np.int64), best[i, j].astype(np.float64)))
    parts = [np.concatenate([f[k] for f in found]) for k in range(3)]
    a, b, lag, r = _largest(parts[0], parts[1], parts[2], np.concatenate([f[3] for f in found]))
    gap = int(np.diff(lags).max()) if len(lags) > 1 else 0
    if gap > 1:
        for k in range(len(r)):
            if k % 64 == 0:
                checkpoint()
            near = np.arange(max(-reach, int(lag[k]) - gap + 1), min(reach, int(lag[k]) + gap - 1) + 1)
            exact = lagged_r(x[b[k]][None, :], x[a[k]], near)[0]
            best_at = int(np.argmax(np.abs(exact)))
            lag[k], r[k] = near[best_at], exact[best_at]
    keep = np.abs(r) >= max(least, 1e-12)
    return a[keep], b[keep], lag[keep], np.clip(r[keep], -1.0, 1.0)


def _judged(data: SeriesMatrix, a: Int, b: Int, lag: Int, r: Float) -> tuple[Float, Float]:
    """Effective readings (a filled gap is none) and p of each pair at its lag, both of ranks."""
    length = data.values.shape[1]
    most = max(1, min(length // 2, 512))
    rows, at = np.unique(np.concatenate((a, b)), return_inverse=True)
    at_a, at_b = at[: len(a)], at[len(a) :]
    ranks = ranked(data.values[rows])
    acf = np.empty((len(rows), most), dtype=np.float32)
    for first in range(0, len(rows), _ROWS):
        checkpoint()
        acf[first : first + _ROWS] = autocorrelations(ranks.values[first : first + _ROWS], most)
    n = (length - np.abs(lag)) * data.known[a] * data.known[b]
    n_eff = np.empty(len(a))
    for first in range(0, len(a), _ROWS):
        checkpoint()
        some = slice(first, first + _ROWS)
        n_eff[some] = effective_size(acf[at_a[some]], acf[at_b[some]], n[some])
    by_rank = r_at(ranks, at_a, at_b, lag)
    p = np.where(by_rank * r > 0, two_sided_p(by_rank, n_eff), 1.0)
    return n_eff, np.maximum(p, least_p(ranks, at_a, at_b, lag, n_eff / (length - np.abs(lag))))
