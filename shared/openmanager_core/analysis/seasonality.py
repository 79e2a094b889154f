"""Which periods a series repeats with, how strongly, and what is left without them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmanager_core.analysis._series_candidates import smooth_circular
from openmanager_core.analysis._series_prepare import block_means, fill_gaps

Float = npt.NDArray[np.float64]

MIN_READINGS = 24
"""Fewest readings a period is looked for in."""
MIN_CYCLES = 3.0
"""Fewest repetitions that count as a habit."""
_MIN_PERIOD = 4
_ALPHA = 1e-3
_MAX_ROWS = 8192
_HUMAN_S = (604_800.0, 86_400.0, 43_200.0, 3_600.0, 1_800.0, 900.0, 600.0, 300.0, 60.0)
_SNAP = 0.04


@dataclass(frozen=True, slots=True)
class Period:
    """One habit of a series.

    Attributes
    ----------
    rows
        Length in rows; not always whole.
    strength
        0 to 1: share of the variance around the trend that the habit accounts for [Hyndman].
    p_value
        That red noise would show such a peak anywhere in the spectrum.
    """

    rows: float
    strength: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Decomposition:
    """values = trend + seasonal + remainder, each of shape ``(n,)``; the remainder is ``nan`` in gaps."""

    trend: Float
    seasonal: Float
    remainder: Float

    @property
    def strength(self) -> float:
        """Hyndman's seasonal strength, 0 to 1: share of the variance around the trend that is seasonal."""
        return _strength(self.remainder, self.seasonal)


def _strength(remainder: Float, seasonal: Float, cycles: float = math.inf) -> float:
    known = np.isfinite(remainder)
    if known.sum() < 2:
        return 0.0
    both = float(np.var((remainder + seasonal)[known]))
    if both <= 1e-24 * (1 + float(np.mean(seasonal[known] ** 2))):
        return 0.0
    # A profile of k cycles swallows 1/k of pure noise; the left-out share is given back.
    rest = float(np.var(remainder[known])) / (1 - 1 / max(cycles, 1.001))
    return float(np.clip(1 - rest / both, 0.0, 1.0))


def moving_level(x: Float, width: int) -> Float:
    """Centred moving mean over one season; the ends continue with the slope of the last full one."""
    n = len(x)
    width = max(1, min(width, n))
    total = np.concatenate(([0.0], np.cumsum(x)))
    if width % 2:
        core = (total[width:] - total[:-width]) / width
    else:
        # An even season needs half weights at both ends to be centred.
        core = (total[width:] - total[:-width]) / width
        core = 0.5 * (core[1:] + core[:-1]) if len(core) > 1 else core
    lead = (n - len(core)) // 2
    tail = n - len(core) - lead
    reach = min(len(core) - 1, width)
    slope = (core[-1] - core[-1 - reach]) / reach if reach else 0.0
    first = (core[reach] - core[0]) / reach if reach else 0.0
    return np.concatenate((core[0] - first * np.arange(lead, 0, -1), core, core[-1] + slope * np.arange(1, tail + 1)))


def decompose(values: Float, season: int) -> Decomposition:
    """Split a series into a slow trend, one repeating profile and the rest, without being led by outliers.

    Parameters
    ----------
    values
        Shape ``(n,)``, ``nan`` is a gap.
    season
        In rows, at least 2 and at most ``n // 2``; else the seasonal part is 0.

    Notes
    -----
    The inner loop of STL [1]_ (section 2) twice, with the median over seasons in place of loess, so
    that up to half of a slot's readings may be wild. The profile's mean is 0.

    References
    ----------
    .. [1] R. B. Cleveland, W. S. Cleveland, J. E. McRae and I. Terpenning, Journal of Official
       Statistics 6(1), 1990.
    """
    raw = np.asarray(values, dtype=np.float64)
    if not np.isfinite(raw).any():
        return Decomposition(np.zeros(len(raw)), np.zeros(len(raw)), np.full(len(raw), np.nan))
    x, known = fill_gaps(raw, season)
    n = len(x)
    seasonal = np.zeros(n)
    if season < 2 or n < 2 * season:
        trend = np.full(n, float(np.median(x)))
        return Decomposition(trend, seasonal, np.where(known, x - trend, np.nan))
    trend = np.zeros(n)
    slots = np.arange(n) % season
    rows = -(-n // season)
    for _ in range(2):
        flat = x - seasonal
        # Clipped at five robust sigmas: one outage must not become a trend.
        middle = float(np.median(flat))
        wide = 5 * max(1.4826 * float(np.median(np.abs(flat - middle))), 0.3 * float(np.std(flat)))
        trend = moving_level(np.clip(flat, middle - wide, middle + wide), season)
        table = np.full(rows * season, np.nan)
        table[:n] = np.where(known, x - trend, np.nan)
        with np.errstate(all="ignore"):
            seen = np.isfinite(table.reshape(rows, season)).any(axis=0)
            profile = np.zeros(season)
            profile[seen] = np.nanmedian(table.reshape(rows, season)[:, seen], axis=0)
        profile = smooth_circular(profile, 3) if season >= 48 and rows < 4 else profile
        seasonal = (profile - profile.mean())[slots]
    return Decomposition(trend, seasonal, np.where(known, x - trend - seasonal, np.nan))


def autocorrelation(x: Float) -> Float:
    """Autocorrelation of a gap-free series at lags ``0 .. n - 1``, by FFT; zeros if it is constant."""
    y = x - x.mean()
    power = np.abs(np.fft.rfft(y, 2 * len(y))) ** 2
    acf = np.fft.irfft(power)[: len(y)]
    return np.asarray(acf / acf[0]) if acf[0] > 1e-24 * (1 + float(np.dot(x, x))) else np.zeros(len(y))


def _red_noise(power: Float, n: int) -> Float:
    """AR(1) background of a periodogram, fitted robustly to its logarithm [Mann and Lees]."""
    angle = 2 * np.pi * np.arange(1, len(power) + 1) / n
    phi = np.concatenate((np.linspace(0, 0.9, 19), 1 - np.geomspace(0.08, 0.001, 12)))
    shape = (1 - phi[:, None] ** 2) / (1 - 2 * phi[:, None] * np.cos(angle) + phi[:, None] ** 2)
    logs = np.log(np.maximum(power, 1e-300)) - np.log(shape)
    centre = np.median(logs, axis=1)
    best = int(np.argmin(np.mean(np.abs(logs - centre[:, None]), axis=1)))
    # The median of an exponential variable is ln 2 times its mean.
    return np.asarray(shape[best] * math.exp(centre[best]) / math.log(2))


def _tamed(y: Float) -> Float:
    """The series with single wild readings cut: they would drown every habit."""
    middle = float(np.median(y))
    # Pulses of a few per cent of the rows are a habit, a handful of readings is not.
    near, far = np.quantile(y, [0.005, 0.995])
    usual = float(np.std(y[(y >= near) & (y <= far)]))
    wide = 8 * max(1.4826 * float(np.median(np.abs(y - middle))), 0.3 * usual)
    return np.clip(y, middle - wide, middle + wide)


def _candidates(x: Float) -> list[tuple[float, float]]:
    """(rows, p) of spectral peaks above red noise that the autocorrelation confirms, strongest first."""
    n = len(x)
    y = x - np.polyval(np.polyfit(np.arange(n), x, 1), np.arange(n))
    y = _tamed(y)
    acf = autocorrelation(y)
    if not acf.any():
        return []
    power = np.abs(np.fft.rfft(y)[1:]) ** 2
    if n % 2 == 0:
        power = power[:-1]
    ratio = power / _red_noise(power, n)
    # Exponential tail of one ordinate, times the number of ordinates looked at.
    p = np.minimum(1.0, len(power) * np.exp(-ratio))
    order = np.arange(1, len(power) + 1)
    # Undoing the taper keeps the hills of the multiples where they belong.
    full = acf / (1 - np.arange(n) / n)
    fit = (p < _ALPHA) & (order >= MIN_CYCLES) & (n / order >= _MIN_PERIOD)
    out: list[tuple[float, float]] = []
    strongest = order[fit][np.argsort(-ratio[fit])][:8]
    # A sharp pulse spreads its power over many overtones; the habit itself is among the slowest.
    for k in dict.fromkeys([*strongest.tolist(), *order[fit][:8].tolist()]):
        low, high = max(2, math.floor(n / (k + 0.8))), min(n - 2, math.ceil(n / (k - 0.8)))
        lag = low + int(np.argmax(acf[low : high + 1]))
        trough = float(acf[max(1, lag // 3) : max(2, lag)].min())
        # A habit makes a hill in the autocorrelation; leakage of a slow drift does not [Vlachos].
        if acf[lag] < 0.1 or acf[lag] - trough < 0.15:
            continue
        rows = float(lag)
        for j in range(2, int(min(n * 0.6 / lag, 8)) + 1):
            near = max(1, lag // 8)
            at = round(j * rows)
            if at + near >= n - 1:
                break
            rows = (at - near + int(np.argmax(full[at - near : at + near + 1]))) / j
        if n / rows >= MIN_CYCLES - 0.05 and all(abs(rows / other - 1) > 0.05 for other, _ in out):
            out.append((rows, float(p[k - 1])))
    return out


def find_periods(values: Float, *, max_periods: int = 2, min_strength: float = 0.2) -> list[Period]:
    """Periods with which a series repeats, the strongest habit first.

    Parameters
    ----------
    values
        Shape ``(n,)``, ``nan`` is a gap. Fewer than `MIN_READINGS` readings have no period.
    max_periods
        At most so many; each is taken out before the next is looked for.
    min_strength
        Weaker habits are not worth a word.

    Notes
    -----
    Peaks of the periodogram that exceed an AR(1) background [1]_ with a family-wise error of 0.001
    and sit on a hill of the autocorrelation [2]_; the lag there, refined over its multiples, is the
    period. Strength as in [3]_ section 6.7, corrected for the profile's degrees of freedom.
    Periods need `MIN_CYCLES` repetitions. Series over 8,192 rows are averaged in blocks first.

    References
    ----------
    .. [1] M. E. Mann and J. M. Lees, Climatic Change 33, 1996, section 2. doi:10.1007/BF00142586
    .. [2] M. Vlachos, P. Yu and V. Castelli, SIAM SDM 2005, section 4. doi:10.1137/1.9781611972757.40
    .. [3] R. J. Hyndman and G. Athanasopoulos, Forecasting: principles and practice, 2nd ed., 2018.
    """
    raw = np.asarray(values, dtype=np.float64)
    known = np.isfinite(raw)
    if known.sum() < MIN_READINGS or known.mean() < 0.5:
        return []
    factor = max(1, -(-len(raw) // _MAX_ROWS))
    x, _ = fill_gaps(block_means(np.where(known, raw, np.nan), factor))
    x = _tamed(x)
    found: list[Period] = []
    for _ in range(max_periods):
        scored = []
        for rows, p in _candidates(x):
            season = max(2, round(rows))
            parts = decompose(x, season)
            scored.append((_strength(parts.remainder, parts.seasonal, len(x) / season), rows, p, parts.seasonal))
        if not scored:
            break
        most = max(s for s, *_ in scored)
        if most < min_strength:
            break
        # A day's profile also holds whatever repeats every hour: of equals, the shortest is the habit.
        strength, rows, p, seasonal = min((s for s in scored if s[0] >= 0.9 * most), key=lambda s: s[1])
        found.append(Period(rows * factor, strength, p))
        x = x - seasonal
    return found


def snap_s(period_s: float) -> float:
    """The same period, or the hour, day or week it can hardly be told from (4 %)."""
    near = [h for h in _HUMAN_S if abs(period_s / h - 1) <= _SNAP]
    return near[0] if near else period_s


def likely_season(values: Float, step_s: float) -> int:
    """Season in rows to forecast with, 0 for none: the strongest period found, else a day if two days agree.

    A second day is too little to claim a habit, but enough to try it: the forecast's backtest decides.
    """
    found = find_periods(values, max_periods=1)
    if found:
        rows = snap_s(found[0].rows * step_s) / step_s
        return max(2, round(rows))
    raw = np.asarray(values, dtype=np.float64)
    day = round(86_400 / step_s) if step_s > 0 else 0
    if day < _MIN_PERIOD or len(raw) < 2 * day or not np.isfinite(raw).mean() > 0.5:
        return 0
    x, _ = fill_gaps(raw)
    now, before = x[-day:], x[-2 * day : -day]
    if np.std(now) == 0 or np.std(before) == 0:
        return 0
    return day if float(np.corrcoef(now, before)[0, 1]) > 0.5 else 0
