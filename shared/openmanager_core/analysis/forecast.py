"""What comes next: a forecast with an 80 % interval, and when it reaches a threshold."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import numpy.typing as npt

from openmanager_core.analysis._series_blend import Blend, blend
from openmanager_core.analysis._series_crossing import Crossing, find_crossing
from openmanager_core.analysis._series_interval import half_width
from openmanager_core.analysis._series_prepare import block_means, fill_gaps, on_grid
from openmanager_core.analysis.seasonality import decompose, likely_season
from openmanager_core.analysis.trend import Trend, fit_trend, last_bend
from openmanager_core.catalog import Metric
from openmanager_core.errors import InsufficientData, InvalidRequest
from openmanager_core.text import ident
from openmanager_core.timespan import spoken_s
from openmanager_core.wording import sentence

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

MAX_HORIZON = 100_000
"""Most rows ahead one forecast may hold."""
MIN_READINGS = 12
"""Fewest readings `forecast_series` answers from."""
_MAX_ROWS = 6_000
_MAX_POINTS = 480
_MAX_SEASONS = 21
_EXTREME = 1e100
GROWING = frozenset({"disk_used_ratio", "memory_used_ratio", "queue_depth_messages", "connections_active"})
"""Metrics that fill up: a steady drift in one of these goes on until something gives."""
_LOOKS = 4
_PLAIN_TAU = 0.95
_PLAIN_RISE = 12.0
"""A drift is plain if it hardly ever turns back and rises by so many sigmas of what is around its line."""
_TOLD = 4
"""Candidates that are told with their weights."""
_DOUBT = 0.1
"""Share of the drift that is doubted once it is continued for as long as it was seen."""
_Z80 = 1.2816


def _whole(name: str, value: int, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not low <= value <= high:
        raise InvalidRequest(f"{name} must be a whole number from {low} to {high}, got {value!r}")
    return int(value)


def forecast(values: npt.ArrayLike, horizon: int, season: int) -> dict[str, list[float]]:
    """Forecast a series `horizon` rows ahead with an 80 % interval.

    Parameters
    ----------
    values
        Shape ``(n,)``, oldest first, any unit; ``nan`` and infinities are gaps. At least one reading.
    horizon
        Rows ahead, 1 to `MAX_HORIZON`.
    season
        Rows after which the series repeats; 0 or 1 for none. More than half the data counts as none.

    Returns
    -------
    dict
        ``mean``, ``low`` and ``high``, each `horizon` finite numbers with ``low <= mean <= high``; not
        below 0 if no reading is.

    Raises
    ------
    InvalidRequest
        If `horizon`, `season` or the shape of `values` cannot be used.
    InsufficientData
        If there is no finite reading.

    Notes
    -----
    The weighted and trimmed mean of some 35 plain forecasts (medians over the last 3 to 7 seasons and
    means of the same days of the last two weeks, raw and smoothed, with fading offsets; seasonal naive;
    held levels; a seasonal Theil-Sen drift), each weighted by its errors at up to eight origins in the
    series' own past, newer ones and those a week ago more. Combining beats choosing when the past is
    short [1]_. The interval is the 80 % quantile of the blend's errors at those origins, by lead.

    References
    ----------
    .. [1] S. Makridakis, E. Spiliotis and V. Assimakopoulos, International Journal of Forecasting
       36(1), 2020, section 5. doi:10.1016/j.ijforecast.2019.04.014
    """
    horizon = _whole("horizon", horizon, 1, MAX_HORIZON)
    season = _whole("season", season, 0, 10_000_000)
    try:
        x = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as exc:
        raise InvalidRequest(f"values must be numbers: {exc}") from exc
    if x.ndim != 1:
        raise InvalidRequest(f"values must have one dimension, got shape {x.shape}")
    lead = np.arange(1, horizon + 1, dtype=np.int64)
    mean, half, _ = _seasonal(_usable(x), lead, season)
    low, high = mean - half, mean + half
    seen = x[np.isfinite(x)]
    if float(seen.min()) >= 0:
        mean, low, high = np.maximum(mean, 0), np.maximum(low, 0), np.maximum(high, 0)
    return {"mean": mean.tolist(), "low": low.tolist(), "high": high.tolist()}


def _usable(x: Float) -> Float:
    known = np.flatnonzero(np.isfinite(x))
    if not len(known):
        raise InsufficientData(
            f"a forecast needs at least 1 reading, got 0 in {len(x)} rows", hint="use a longer or an earlier window"
        )
    return x[known[0] :]


def _seasonal(x: Float, lead: Int, season: int) -> tuple[Float, Float, Blend]:
    """Mean, half width of the interval, and the blend with its errors in the past."""
    season = season if 2 <= season <= len(x) // 2 else 0
    last = x[np.isfinite(x)][-1:]
    x = x[-max(_MAX_ROWS, _MAX_SEASONS * season) :]
    # Silent for longer than the past that counts: the last reading is all there is.
    x = x if np.isfinite(x).any() else last
    filled, known = fill_gaps(x, season)
    size = float(np.abs(filled).max())
    scale = size if size > _EXTREME else 1.0
    filled = filled / scale
    found = blend(filled, known, lead, season)
    # Rounding must not leave a constant outside its own interval.
    half = half_width(found.errors, lead, filled, season) + 1e-9 * size / scale
    biggest = np.finfo(np.float64).max / 4
    mean = np.clip(found.mean, -biggest / scale, biggest / scale) * scale
    return mean, np.minimum(half, biggest / scale) * scale, found


@dataclass(frozen=True, slots=True)
class SeriesForecast:
    """The future of one metric of one server.

    Attributes
    ----------
    times_s
        Instants ahead, Unix seconds; long horizons are thinned to a few hundred.
    mean, low, high
        One value per instant in the metric's unit, within its bounds; low to high holds 80 %.
    method
        Which model, in a few words.
    season_s
        The habit it uses; None if there is none.
    crosses_at_s, crosses_earliest_s, crosses_latest_s
        When the mean and the edges of the interval first reach `threshold`; None: not within the
        horizon, or no threshold was given.
    confidence
        0 to 1: falls with a short past, a far horizon and a wide interval.
    explanation
        What was found, in sentences, also when there is no crossing.
    considered
        What was weighed on the way: the candidates with their weights, and the drift that was taken or not, and why.
    """

    host: str
    metric: str
    times_s: Float
    mean: Float
    low: Float
    high: Float
    method: str
    season_s: float | None
    threshold: float | None
    crosses_at_s: float | None
    crosses_earliest_s: float | None
    crosses_latest_s: float | None
    confidence: float
    explanation: str
    considered: tuple[str, ...] = ()


def forecast_series(
    times_s: npt.ArrayLike,
    values: npt.ArrayLike,
    metric: Metric,
    host: str,
    horizon_s: float,
    threshold: float | None = None,
) -> SeriesForecast:
    """Forecast one metric of one server, and say when it reaches a threshold.

    Parameters
    ----------
    times_s, values
        Shape ``(n,)``; instants ascend, ``nan`` is a gap. At least `MIN_READINGS` readings.
    metric
        The catalogue's row: its bounds hold for the forecast too, and a steady drift of a metric that
        fills up (`GROWING`) is continued as a Theil-Sen line from its last bend.
    horizon_s
        How far ahead, seconds, above 0.
    threshold
        In the metric's unit; None for no question about one.

    Raises
    ------
    InvalidRequest
        If the horizon or the threshold cannot be used.
    InsufficientData
        If there are fewer than `MIN_READINGS` readings.
    """
    if not math.isfinite(horizon_s) or horizon_s <= 0:
        raise InvalidRequest(f"horizon_s must be above 0 and finite, got {horizon_s:g}")
    if threshold is not None and not math.isfinite(threshold):
        raise InvalidRequest(f"threshold must be finite, got {threshold}")
    t, x, step_s = on_grid(np.asarray(times_s, dtype=np.float64), np.asarray(values, dtype=np.float64))
    n_known = int(np.isfinite(x).sum())
    if n_known < MIN_READINGS:
        raise InsufficientData(
            f"a forecast of {metric.name} on {ident(host)} needs at least {MIN_READINGS} readings, got {n_known}",
            hint="use a longer window or a smaller step",
        )
    factor = -(-len(x) // _MAX_ROWS)
    if factor > 1:
        x, step_s = block_means(x, factor), step_s * factor
        t = t[-1] - step_s * np.arange(len(x) - 1, -1, -1)
    first = int(np.flatnonzero(np.isfinite(x))[0])
    t, x = t[first:], x[first:]
    now_s = float(t[-1])
    steps = math.ceil(horizon_s / step_s - 1e-9)
    if steps > 10_000_000:
        raise InvalidRequest(f"horizon_s of {horizon_s:g} is over 10,000,000 steps of {step_s:g} s")
    lead = np.unique(np.linspace(1, steps, min(steps, _MAX_POINTS)).round().astype(np.int64))
    ahead_s = np.asarray(lead * step_s, dtype=np.float64)
    season = likely_season(x, step_s)
    if not 2 <= season <= len(x) // 2:
        season = 0
    drift, since_s, wave, weighed = _drift(t, x, season, metric)
    considered = [weighed]
    if drift is not None:
        mean = drift.level + drift.slope_per_s * ahead_s + wave[(lead - 1) % len(wave)]
        seen_s = now_s - since_s
        doubt = _DOUBT * abs(drift.slope_per_s) * ahead_s * np.minimum(1.0, ahead_s / seen_s)
        noise = _Z80 * drift.spread
        below = np.sqrt(((drift.slope_per_s - drift.slope_low_per_s) * ahead_s) ** 2 + doubt**2 + noise**2)
        above = np.sqrt(((drift.slope_high_per_s - drift.slope_per_s) * ahead_s) ** 2 + doubt**2 + noise**2)
        tested_s, method = seen_s, sentence("how.drift_line", seasonal=bool(season))
    else:
        mean, below, blended = _seasonal(x, lead, season)
        above, tested_s = below, blended.errors.shape[1] * step_s
        considered.append(_weights_told(blended, step_s))
        method = sentence("how.blend", seasonal=bool(season))
    mean, low, high = (np.clip(v, metric.low, metric.high) for v in (mean, mean - below, mean + above))
    seen = x[np.isfinite(x)]
    usual = float(np.quantile(seen, 0.95) - np.quantile(seen, 0.05)) + metric.floor
    confidence = _confidence(n_known, season, tested_s / horizon_s, float(np.median(high - low)) / usual)
    crossing = None
    now = float(np.median(seen[-3:]))
    if threshold is not None:
        crossing = find_crossing(now_s + ahead_s, mean, low, high, threshold, now_s, now, metric.worse)
    return SeriesForecast(
        host=host,
        metric=metric.name,
        times_s=now_s + ahead_s,
        mean=mean,
        low=low,
        high=high,
        method=method,
        season_s=season * step_s if season else None,
        threshold=threshold,
        crosses_at_s=crossing.at_s if crossing else None,
        crosses_earliest_s=crossing.earliest_s if crossing else None,
        crosses_latest_s=crossing.latest_s if crossing else None,
        confidence=confidence,
        explanation=_explain(metric, now, drift, season * step_s, horizon_s, tested_s, threshold, crossing, now_s),
        considered=tuple(considered),
    )


def _weights_told(found: Blend, step_s: float) -> str:
    """How many candidates there were, which weigh most, and how far off the blend was in the past."""
    used = tuple((name, share) for name, share in found.shares[:_TOLD] if share >= 0.005)
    origins, look = found.errors.shape
    if not origins:
        return sentence("how.short_past", name=found.shares[0][0])
    off = np.abs(found.errors[np.isfinite(found.errors)])
    return sentence(
        "how.weighed", candidates=len(found.shares), origins=origins, ahead_s=look * step_s, shares=used,
        error=float(np.median(off)) if len(off) else None,
    )  # fmt: skip


def _drift(t: Float, x: Float, season: int, metric: Metric) -> tuple[Trend | None, float, Float, str]:
    """The drift to continue, since when, the seasonal profile from the next slot on, and why; None for no drift."""
    none = (None, float(t[0]), np.zeros(1))
    if metric.name not in GROWING:
        return *none, sentence("how.does_not_fill", metric=metric.name)
    why = sentence("how.few_after_bend")
    parts = decompose(x, season)
    flat = x - parts.seasonal
    wave = parts.seasonal[len(x) - season :] if season else np.zeros(1)
    # In a long past a young drift shows only once the look has closed in on its end.
    bend = last_bend(t, flat)
    for _ in range(_LOOKS):
        if np.isfinite(flat[bend:]).sum() < MIN_READINGS:
            break
        drift = fit_trend(t[bend:], flat[bend:])
        seen_s = float(t[-1] - t[bend])
        steady = _steady(drift, seen_s, metric)
        why = sentence(
            "how.drift", seen_s=seen_s, per_hour=drift.slope_per_s * 3600, unit=metric.unit, p=drift.p_value,
            tau=drift.tau, steady=steady,
        )  # fmt: skip
        if steady:
            return drift, float(t[bend]), wave, why
        further = last_bend(t[bend:], flat[bend:])
        if not further:
            break
        bend += further
    return *none, why


def _steady(drift: Trend, seen_s: float, metric: Metric) -> bool:
    """Whether it is a drift at all, and one worth continuing."""
    rise = abs(drift.slope_per_s) * seen_s
    least = max(3 * drift.spread, 2 * metric.floor, 2 * metric.relative * abs(drift.level))
    # The correction for autocorrelation leaves a short stretch too little to be significant however plain it is.
    plain = abs(drift.tau) >= _PLAIN_TAU and rise >= _PLAIN_RISE * drift.spread
    same_sign = drift.slope_low_per_s * drift.slope_high_per_s > 0
    return (drift.p_value <= 0.01 or plain) and rise >= least and same_sign


def _confidence(readings: int, season: int, tested: float, width: float) -> float:
    enough = min(1.0, readings / (5 * season if season else 60))
    reach = min(1.0, max(tested, 0.0)) ** 0.5
    tight = 1 / (1 + 0.5 * max(width, 0.0))
    return round(float(0.95 * (0.25 + 0.75 * enough) * (0.25 + 0.75 * reach) * tight), 3)


def _explain(
    metric: Metric, now: float, drift: Trend | None, season_s: float, horizon_s: float, tested_s: float,
    threshold: float | None, crossing: Crossing | None, now_s: float,
) -> str:  # fmt: skip
    parts = []
    if drift is not None:
        parts.append(
            f"{metric.name} drifts by {drift.slope_per_s * 3600:+.3g} {metric.unit} an hour"
            f" ({drift.slope_low_per_s * 3600:+.3g} to {drift.slope_high_per_s * 3600:+.3g}), now {now:.4g}."
        )
    elif season_s:
        parts.append(f"It repeats every {spoken_s(season_s)}, now {now:.4g} {metric.unit}.")
    else:
        parts.append(f"No habit and no steady drift was found, now {now:.4g} {metric.unit}.")
    if tested_s < horizon_s:
        parts.append(
            f"The past allows a test of {spoken_s(tested_s)} only; beyond that the interval is an extrapolation."
        )
    if threshold is not None and crossing is not None:
        side = "above" if crossing.rising else "below"
        if crossing.already:
            parts.append(f"It is {side} {threshold:g} already.")
        elif crossing.at_s is not None:
            late = (
                f"{spoken_s(crossing.latest_s - now_s)}" if crossing.latest_s is not None else "not within the horizon"
            )
            soon = spoken_s((crossing.earliest_s if crossing.earliest_s is not None else crossing.at_s) - now_s)
            parts.append(
                f"It reaches {threshold:g} in {spoken_s(crossing.at_s - now_s)} (earliest {soon}, latest {late})."
            )
        elif crossing.earliest_s is not None:
            parts.append(
                f"The expected path stays short of {threshold:g} for {spoken_s(horizon_s)};"
                f" the interval reaches it in {spoken_s(crossing.earliest_s - now_s)} at the earliest."
            )
        else:
            parts.append(f"It does not reach {threshold:g} within {spoken_s(horizon_s)}, nor does the interval.")
    return " ".join(parts)


class _CallableModule(ModuleType):
    """Lets ``analysis.forecast`` be called whether the name means the function or, once imported, this module."""

    def __call__(self, values: npt.ArrayLike, horizon: int, season: int) -> dict[str, list[float]]:
        return forecast(values, horizon, season)


sys.modules[__name__].__class__ = _CallableModule
