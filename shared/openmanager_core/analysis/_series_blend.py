"""Backtest on the series' own past: which candidate to trust how much, and how wrong the blend was."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from openmanager_core.analysis._series_candidates import (
    WEEK,
    Float,
    Int,
    plain_candidates,
    seasonal_candidates,
)
from openmanager_core.job import checkpoint
from openmanager_core.panel import BoolArray

_ORIGINS = 8
_SHORT_ORIGINS = 24
_POWER = 10.0
_RECENT = 0.85
_KEEP = 13
_TRIM = 0.2
_SAME_DAY = 4.0
"""How much more an error on the day of the week that is to be forecast counts."""
_BLOCKS = (1 / 24, 1 / 4)


@dataclass(frozen=True, slots=True)
class Blend:
    """A forecast and its own errors in the past.

    Attributes
    ----------
    mean
        One value per lead.
    errors
        Truth minus blend at past origins, shape ``(origins, backtest_horizon)``, ``nan`` where the
        truth is not known; no rows if the past is too short for a backtest.
    shares
        Candidate to its share of the weight, the mean over the leads; the heaviest first.
    """

    mean: Float
    errors: Float
    shares: tuple[tuple[str, float], ...] = ()


def _origins(n: int, horizon: int, season: int) -> tuple[Int, int]:
    """Past origins, newest first, and how far each looks."""
    most = _ORIGINS
    if season:
        # The oldest origin gets a fair past too, or its losses would favour candidates that need little.
        first = season * max(2, min(8, n // season // 2))
        look = min(horizon, max(season, (n - first) // 2))
        first = min(first, max(2 * season, n - look))
        stride = season if n >= 5 * season else max(1, season // 4)
        if 8 * look <= season:
            # A short look is cheap, and a few origins at one time of day would be few errors.
            stride, most = max(1, season // 3), _SHORT_ORIGINS
    else:
        first, look = max(3, min(n // 3, 48)), min(horizon, max(1, n // 4))
        most = _ORIGINS if look > 12 else _SHORT_ORIGINS
        stride = max(1, min(look, (n - look - first) // most))
    count = (n - look - first) // stride + 1 if n - look >= first else 0
    return (n - look) - stride * np.arange(min(most, count), dtype=np.int64), look


def trimmed_mean(values: Float, weights: Float) -> Float:
    """Mean of ``(..., candidates, times)`` along the candidates without the lowest and highest of the weight.

    `weights` add up to 1; `_TRIM` of them is cut at each end, through a candidate where it must be, so
    that one with most of the weight is hardly moved by the others, and an outlier does not count.
    """
    order = np.argsort(values, axis=-2)
    cut = np.clip(np.cumsum(weights[order], axis=-2), _TRIM, 1 - _TRIM)
    inside = np.diff(cut, axis=-2, prepend=_TRIM) / (1 - 2 * _TRIM)
    return np.asarray((np.take_along_axis(values, order, axis=-2) * inside).sum(axis=-2))


def _alike(ago: Int, season: int) -> Float:
    """How much origins so many rows ago tell of now: those at the same day of the week tell more."""
    out = np.ones(len(ago))
    if season:
        off = ago % (WEEK * season)
        out[2 * np.minimum(off, WEEK * season - off) < season] = _SAME_DAY
    return out


def _weights(losses: Float, tiny: float, alike: Float) -> Float:
    """Weights from ``(origins, candidates)`` mean absolute errors, newest origin first; `alike` per origin."""
    # Dividing by each origin's typical loss keeps one unforeseeable day from drowning the others.
    relative = losses / np.maximum(np.median(losses, axis=1, keepdims=True), tiny)
    age = _RECENT ** (np.arange(len(losses)) * min(1.0, _ORIGINS / len(losses)))
    age = age * alike
    loss = age @ relative / age.sum()
    weight = (loss / max(float(loss.min()), 1e-12) + 1e-9) ** -_POWER
    if len(weight) > _KEEP:
        weight[weight < np.partition(weight, -_KEEP)[-_KEEP]] = 0.0
    return np.asarray(weight / weight.sum())


def blend(x: Float, known: BoolArray, lead: Int, season: int) -> Blend:
    """Blend the candidates by their losses at past origins.

    Weights differ between the first 24th of a season, the rest of its first quarter, and beyond:
    what is best for the next hour is seldom best for tomorrow.

    Parameters
    ----------
    x
        Shape ``(n,)``, gaps filled.
    known
        Shape ``(n,)``, false where `x` was filled: such rows are no yardstick.
    lead
        How many rows ahead to forecast, ascending, at least 1.
    season
        In rows; 0 for none, else at most ``n // 2``.
    """

    def candidates(origins: Int, ahead: Int) -> tuple[list[str], Float]:
        if season:
            return seasonal_candidates(x, origins, ahead, season, len(x) // season)
        return plain_candidates(x, origins, ahead)

    origins, look = _origins(len(x), int(lead[-1]), season)
    names, future = candidates(np.array([len(x)]), lead)
    future = future[0]
    if not len(origins):
        keep = names.index("naive") if season else names.index("last")
        return Blend(future[keep], np.empty((0, 0)), ((names[keep], 1.0),))
    checkpoint()
    past_names, past = candidates(origins, np.arange(1, look + 1))
    shared = [k for k, name in enumerate(names) if name in past_names]
    future, past = future[shared], past[:, [past_names.index(names[k]) for k in shared]]
    at = origins[:, None] + np.arange(look)
    truth = np.where(known[at], x[at], np.nan)
    miss = np.abs(past - truth[:, None])
    tiny = 1e-9 * float(np.abs(x).max()) + 1e-300
    unit = season or max(8, look)
    edges = sorted({0, *(min(look, max(1, round(b * unit))) for b in _BLOCKS), look})
    mean = np.empty(len(lead))
    fitted = np.empty_like(truth)
    weight = np.full(len(shared), 1 / len(shared))
    share = np.zeros(len(shared))
    alike = _alike(len(x) - origins, season)
    for first, last in pairwise(edges):
        rows = np.isfinite(truth[:, first:last]).any(axis=1)
        if rows.any():
            weight = _weights(np.nanmean(miss[rows, :, first:last], axis=2), tiny, alike[rows])
        ahead = (lead > first) & ((lead <= last) | (last == look))
        share += weight * (int(ahead.sum()) / len(lead))
        kept = np.flatnonzero(weight)
        mean[ahead] = trimmed_mean(future[kept][:, ahead], weight[kept])
        fitted[:, first:last] = trimmed_mean(past[:, kept, first:last], weight[kept])
    heaviest = sorted(((names[k], float(w)) for k, w in zip(shared, share, strict=True)), key=lambda row: -row[1])
    return Blend(mean, truth - fitted, tuple(heaviest))
