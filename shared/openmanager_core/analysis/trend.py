"""Does a series drift, how fast, and since when: Mann-Kendall, Theil-Sen and the last straight stretch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmanager_core.errors import InsufficientData, InvalidRequest

Float = npt.NDArray[np.float64]

MIN_READINGS = 8
"""Fewest readings a drift can be told from: with seven, Mann-Kendall's normal approximation fails [Kendall 1975]."""
_POINTS = 240
"""Most points that enter the quadratic steps; a longer series is thinned to medians of equal stretches."""
_Z80 = 1.2816
_HINGES = 40


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight drift.

    Attributes
    ----------
    slope_per_s, slope_low_per_s, slope_high_per_s
        Theil-Sen slope and its 80 % confidence bounds, in the values' unit per second.
    level
        The line's value at the newest instant.
    spread
        Robust sigma of the readings around the line.
    p_value
        Two-sided, of no drift, corrected for autocorrelation.
    tau
        Kendall's rank correlation with time, -1 to 1.
    n_effective
        How many independent readings the series is worth.
    """

    slope_per_s: float
    slope_low_per_s: float
    slope_high_per_s: float
    level: float
    spread: float
    p_value: float
    tau: float
    n_effective: float


def thin(times_s: Float, values: Float, points: int = _POINTS) -> tuple[Float, Float]:
    """Medians of equal stretches, at most `points` of them, without gaps."""
    known = np.isfinite(values)
    t, x = times_s[known], values[known]
    factor = -(-len(x) // points)
    if factor <= 1:
        return t, x
    n = len(x) // factor
    skip = len(x) - n * factor
    return t[skip:].reshape(n, factor).mean(axis=1), np.median(x[skip:].reshape(n, factor), axis=1)


def _rank_autocorrelation(detrended: Float) -> Float:
    ranks = np.argsort(np.argsort(detrended, kind="stable"), kind="stable").astype(np.float64)
    ranks -= ranks.mean()
    spectrum = np.fft.rfft(ranks, 2 * len(ranks))
    acf = np.fft.irfft(np.abs(spectrum) ** 2)[: len(ranks)]
    return np.asarray(acf / acf[0]) if acf[0] > 0 else np.zeros(len(ranks))


def _slope_p(t: Float, x: Float, slope: float) -> tuple[float, float]:
    """Student's p of the slope with AR(1) residuals, and how many independent readings those are worth.

    Rank correction alone believes a slow wander: its own autocorrelation is lost in the fitted line. The
    lag-1 coefficient is therefore corrected for the fit's bias (Marriott and Pope, Biometrika 41, 1954).
    """
    n = len(t)
    rest = x - slope * (t - t.mean())
    rest = rest - rest.mean()
    square = float(rest @ rest)
    if square <= 1e-24 * float(x @ x + 1e-300):
        return (0.0 if slope else 1.0), float(n)
    phi = float(rest[1:] @ rest[:-1]) / square
    phi = min(phi + (2 + 4 * phi) / n, 0.999)
    worth = n * (1 - max(phi, 0.0)) / (1 + max(phi, 0.0))
    free = max(worth - 2, 0.5)
    error = math.sqrt(square / n) / (math.sqrt(max(worth, 1.0)) * float(np.std(t)))
    # Wallace's normal approximation of Student's t, good to a few per cent of z.
    z = (8 * free + 1) / (8 * free + 3) * math.sqrt(free * math.log1p((slope / error) ** 2 / free))
    return math.erfc(z / math.sqrt(2)), worth


def fit_trend(times_s: Float, values: Float) -> Trend:
    """Fit a straight drift that outliers do not bend.

    Parameters
    ----------
    times_s, values
        Shape ``(n,)``; instants ascend, ``nan`` is a gap.

    Raises
    ------
    InsufficientData
        If fewer than `MIN_READINGS` values are finite.

    Notes
    -----
    Slope: median of all pair slopes [1]_, its bounds from the variance of Kendall's S [1]_ section 3.
    That variance is inflated by the autocorrelation of the ranks of the detrended series [2]_
    equation 6, never deflated; the p-value is the larger of that test's and of the slope's with AR(1)
    residuals. Longer series are first thinned to medians of equal stretches.

    References
    ----------
    .. [1] P. K. Sen, JASA 63(324), 1968. doi:10.1080/01621459.1968.10480934
    .. [2] K. H. Hamed and A. R. Rao, J. Hydrology 204, 1998. doi:10.1016/S0022-1694(97)00125-X
    """
    t0, x0 = np.asarray(times_s, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if t0.shape != x0.shape or t0.ndim != 1:
        raise InvalidRequest(f"times_s and values must have one length, got shapes {t0.shape} and {x0.shape}")
    known = np.isfinite(x0)
    if known.sum() < MIN_READINGS:
        raise InsufficientData(
            f"a trend needs at least {MIN_READINGS} readings, got {int(known.sum())}",
            hint="use a longer window or a smaller step",
        )
    t, x = thin(t0, x0)
    n = len(t)
    i, j = np.triu_indices(n, 1)
    rise = x[j] - x[i]
    slopes = np.sort(rise / (t[j] - t[i]))
    slope = float(np.median(slopes))
    s = float(np.sign(rise).sum())
    _, ties = np.unique(x, return_counts=True)
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    acf = _rank_autocorrelation(x - slope * (t - t[0]))
    lag = np.arange(1, n - 2)
    rho = np.where(np.abs(acf[1 : n - 2]) > 1.96 / math.sqrt(n), acf[1 : n - 2], 0.0)
    extra = 2 / (n * (n - 1) * (n - 2)) * float(((n - lag) * (n - lag - 1) * (n - lag - 2) * rho).sum())
    inflation = max(1.0, 1 + extra)
    sd = math.sqrt(max(variance * inflation, 1e-300))
    z = (s - math.copysign(1, s)) / sd if s else 0.0
    p_rank = math.erfc(abs(z) / math.sqrt(2))
    p_slope, n_effective = _slope_p(t, x, slope)
    reach = _Z80 * sd
    low = slopes[int(np.clip((len(slopes) - reach) / 2, 0, len(slopes) - 1))]
    high = slopes[int(np.clip(math.ceil((len(slopes) + reach) / 2), 0, len(slopes) - 1))]
    newest = float(t0[-1])
    rest = x0[known] - slope * (t0[known] - newest)
    level = float(np.median(rest))
    spread = 1.4826 * float(np.median(np.abs(rest - level)))
    if spread == 0.0:
        spread = 1.2533 * float(np.mean(np.abs(rest - level)))
    return Trend(
        slope_per_s=slope,
        slope_low_per_s=float(min(low, slope)),
        slope_high_per_s=float(max(high, slope)),
        level=level,
        spread=spread,
        p_value=max(p_rank, p_slope),
        tau=s / (n * (n - 1) / 2),
        n_effective=min(n_effective, n / inflation),
    )


def last_bend(times_s: Float, values: Float, *, gain: float = 0.3) -> int:
    """Row at which the newest straight stretch begins; 0 if one line fits the whole.

    Two lines that meet are fitted by least squares at each of some hinges; the best counts if it
    takes away more than the share `gain` of the single line's squared error.

    Parameters
    ----------
    times_s, values
        Shape ``(n,)``; ``nan`` is a gap.
    """
    t, x = thin(np.asarray(times_s, dtype=np.float64), np.asarray(values, dtype=np.float64))
    n = len(t)
    if n < 2 * MIN_READINGS:
        return 0
    u = (t - t[0]) / max(t[-1] - t[0], 1e-12)
    base = np.stack((np.ones(n), u), axis=1)
    least = max(4, n // 12)
    hinges = np.unique(np.linspace(least, n - 1 - least, _HINGES).astype(int))
    arms = np.maximum(u[:, None] - u[hinges], 0)
    # What a hinge adds is what is left of it once the line has had its share.
    q, _ = np.linalg.qr(base)
    rest = x - q @ (q.T @ x)
    arms = arms - q @ (q.T @ arms)
    single = float(rest @ rest)
    if single <= 1e-18 * float(x @ x + 1e-300):
        return 0
    taken = (arms.T @ rest) ** 2 / np.maximum((arms**2).sum(axis=0), 1e-30)
    best = int(np.argmax(taken))
    if taken[best] < gain * single:
        return 0
    return int(np.searchsorted(times_s, t[hinges[best]]))
