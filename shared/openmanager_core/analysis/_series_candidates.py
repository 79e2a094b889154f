"""The plain forecasts that `forecast` blends: seasonal medians, fading offsets, levels and trends.

Every function works on many origins at once, so that a backtest costs one pass.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

_SEASONS = (3, 5, 7)
"""How many of the latest seasons a seasonal median looks at."""
_OFFSETS = ((1 / 24, 1 / 24), (1 / 24, 1 / 6), (1 / 24, 1.0), (1.0, 1.0), (1.0, np.inf))
"""(length of the latest stretch, half-life of its offset), in seasons."""
_LEVELS = (0.0, 1 / 24, 1 / 4, 1.0)
"""Lengths of the stretch whose median is held, in seasons; 0 is the last reading."""
WEEK = 7
"""Seasons after which the work of people repeats, where a season is a day."""
_WEEKS = 2
"""Most weeks whose mean is the same day of the week as it usually is."""
_WEEK_OFFSETS = ((1 / 24, 1 / 6), (1.0, 1.0), (1.0, np.inf))
"""As `_OFFSETS`, from what that day usually is."""
_DRIFT_SEASONS = 14
"""Most seasons a seasonal drift is taken from."""
_SLOTS = 48
"""Most slots of a season that vote on the seasonal slope."""
_PAIR_POINTS = 120
"""Most points that enter a Theil-Sen slope inside the backtest: 7,140 pairs."""


def _hann(width: int) -> Float:
    weights = np.hanning(width + 2)[1:-1]
    return np.asarray(weights / weights.sum())


def smooth_circular(profile: Float, width: int) -> Float:
    """Smooth along the last axis, which is a circle, with a Hann window of `width` (odd) points."""
    if width < 3:
        return profile
    length = profile.shape[-1]
    kernel = np.zeros(length)
    np.add.at(kernel, np.arange(-(width // 2), width // 2 + 1) % length, _hann(width))
    return np.asarray(np.fft.irfft(np.fft.rfft(profile, axis=-1) * np.fft.rfft(kernel), n=length, axis=-1))


def slope_of(values: Float) -> float:
    """Median of the slopes of all pairs of equally spaced `values` (Theil-Sen), per step; 0 below two."""
    n = len(values)
    if n < 2:
        return 0.0
    stride = max(1, -(-n // _PAIR_POINTS))
    # Thinning keeps the newest point and averages nothing: outliers stay single votes.
    picked = values[::-1][::stride][::-1]
    i, j = np.triu_indices(len(picked), 1)
    return float(np.median((picked[j] - picked[i]) / (j - i))) / stride


def seasonal_slope(blocks: Float) -> Float:
    """Slope per step of ``(origins, seasons, season)``: median over slots of same-slot pair slopes [1]_.

    References
    ----------
    .. [1] R. M. Hirsch, J. R. Slack and R. A. Smith, Water Resources Research 18(1), 1982, section 3.
       doi:10.1029/WR018i001p00107
    """
    seasons, season = blocks.shape[1:]
    if seasons < 2:
        return np.zeros(len(blocks))
    some = blocks[:, :, :: max(1, season // _SLOTS)]
    i, j = np.triu_indices(seasons, 1)
    slopes = (some[:, j] - some[:, i]) / (j - i)[None, :, None]
    return np.asarray(np.median(slopes.reshape(len(blocks), -1), axis=1) / season)


def _latest_blocks(x: Float, origins: Int, season: int, count: int) -> Float:
    at = origins[:, None] - count * season + np.arange(count * season)
    return np.asarray(x[at].reshape(len(origins), count, season))


def _profile(x: Float, origins: Int, season: int, most: int) -> Float:
    """Median of each slot over the latest seasons before each origin: `most` of them, or all there are."""
    out = np.empty((len(origins), season))
    counts = np.minimum(most, origins // season)
    for count in np.unique(counts):
        rows = counts == count
        out[rows] = np.median(_latest_blocks(x, origins[rows], season, int(count)), axis=1)
    return out


def _fading_offset(late: Float, lead: Int, stretch: float, half_life: float) -> Float:
    """How far the latest `stretch` lies off the profile, halved every `half_life` (both in seasons).

    `late` is the latest season minus the profile, shape ``(origins, season)``.
    """
    season = late.shape[1]
    size = max(1, min(season, round(stretch * season)))
    offset = np.median(late[:, season - size :], axis=1)
    fade = np.exp2(-lead / (half_life * season)) if np.isfinite(half_life) else np.ones(len(lead))
    return np.asarray(offset[:, None] * fade)


def usual_day(x: Float, origins: Int, lead: Int, season: int, width: int) -> tuple[Float, Float]:
    """What is usual on each day of the week: the mean of the latest weeks, smoothed over `width` (odd) rows.

    Parameters
    ----------
    x
        Shape ``(n,)``, no ``nan``.
    origins
        Each at least eight seasons: a week, and the season before it. Only rows before an origin count.
    lead
        How many rows ahead, at least 1.

    Returns
    -------
    tuple
        The usual values at each lead, shape ``(origins, leads)``; how far the latest season lies off what
        was usual then, shape ``(origins, season)``.
    """
    half = width // 2
    smooth = np.convolve(np.pad(x, half, mode="edge"), _hann(width), mode="valid")
    # What is smoothed in at the end of a week must not come from after the origin.
    week = WEEK * season
    ahead = np.minimum((lead - 1) % week, week - 1 - half)
    usual = np.empty((len(origins), len(lead)))
    late = np.empty((len(origins), season))
    counts = np.minimum(_WEEKS, (origins // season - 1) // WEEK)
    for count in np.unique(counts):
        rows = counts == count
        start = origins[rows, None, None] - (1 + np.arange(count))[:, None] * week
        usual[rows] = smooth[start + ahead].mean(axis=1)
        before = np.arange(-season, 0)
        late[rows] = x[origins[rows, None] + before] - smooth[start + before].mean(axis=1)
    return usual, late


def seasonal_candidates(x: Float, origins: Int, lead: Int, season: int, seasons: int) -> tuple[list[str], Float]:
    """Names and forecasts, shape ``(origins, candidates, leads)``.

    Parameters
    ----------
    x
        Shape ``(n,)``, no ``nan``.
    origins
        Rows before which all is known, each at least two seasons.
    lead
        How many rows ahead, ascending, at least 1.
    seasons
        How many whole seasons the entire past holds.
    """
    slot = (lead - 1) % season
    names: list[str] = []
    out: list[Float] = []
    # The names depend on the whole past only, so that past and future origins offer the same list.
    wants = [want for k, want in enumerate(_SEASONS) if not k or _SEASONS[k - 1] < seasons]
    smooth = np.zeros((len(origins), season))
    width = min(13, season // 8) | 1
    latest = _latest_blocks(x, origins, season, 1)[:, 0]
    for want in wants:
        rough = _profile(x, origins, season, want)
        smooth = smooth_circular(rough, width)
        for kind, profile in (("", rough), ("~", smooth)):
            names.append(f"season{want}{kind}")
            out.append(profile[:, slot])
            if want < wants[-1]:
                continue
            for stretch, half_life in _OFFSETS:
                names.append(f"season{want}{kind}+{stretch:.2f}/{half_life:.2f}")
                out.append(profile[:, slot] + _fading_offset(latest - profile, lead, stretch, half_life))
    for stretch in _LEVELS:
        rows = max(1, round(stretch * season))
        names.append(f"level{stretch:.2f}")
        level = np.median(x[origins[:, None] - rows + np.arange(rows)], axis=1)
        out.append(np.repeat(level[:, None], len(lead), axis=1))
    names.append("naive")
    out.append(latest[:, slot])
    least = int(origins.min()) // season
    if least >= WEEK:
        week = x[origins[:, None] - WEEK * season + (lead - 1) % (WEEK * season)]
        names.append("week")
        out.append(0.5 * week + 0.5 * smooth[:, slot])
    if least > WEEK:
        for kind, smoothing in (("", 1), ("~", width)):
            usual, late = usual_day(x, origins, lead, season, smoothing)
            for stretch, half_life in _WEEK_OFFSETS:
                names.append(f"weekday{kind}+{stretch:.2f}/{half_life:.2f}")
                out.append(usual + _fading_offset(late, lead, stretch, half_life))
    count = min(_DRIFT_SEASONS, least)
    if count >= 3:
        blocks = _latest_blocks(x, origins, season, count)
        slope = seasonal_slope(blocks)[:, None]
        age = (count - 1 - np.arange(count)) * season
        flat = np.median(blocks + slope[:, :, None] * age[None, :, None], axis=1)
        names.append("trend")
        out.append(flat[:, slot] + slope * (1 + (lead - 1) // season) * season)
    return names, np.stack(out, axis=1)


def plain_candidates(x: Float, origins: Int, lead: Int) -> tuple[list[str], Float]:
    """The same without a season: held levels, mean reversion and Theil-Sen trends."""
    names = ["last", "median12", "median48", "median", "revert4", "revert16", "revert64", "trend", "trend_late"]
    out = np.empty((len(origins), len(names), len(lead)))
    for row, origin in enumerate(origins):
        past = x[max(0, origin - 4096) : origin]
        last, middle = past[-1], float(np.median(past))
        whole, late = slope_of(past), slope_of(past[-max(8, len(past) // 4) :])
        latest = past[-max(8, len(past) // 4) :]
        at_end = float(np.median(past + whole * np.arange(len(past) - 1, -1, -1)))
        late_end = float(np.median(latest + late * np.arange(len(latest) - 1, -1, -1)))
        out[row, 0] = last
        out[row, 1] = np.median(past[-12:])
        out[row, 2] = np.median(past[-48:])
        out[row, 3] = middle
        for k, half_life in enumerate((4.0, 16.0, 64.0)):
            out[row, 4 + k] = middle + (last - middle) * np.exp2(-lead / half_life)
        out[row, 7] = at_end + whole * lead
        out[row, 8] = late_end + late * lead
    return names, out
