"""One series, causal: how strange is every row, and which rows are worth a page?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from openmanager_core.analysis._rhythm import clock, same_time_before
from openmanager_core.analysis._steps import Array
from openmanager_core.analysis._surprise import (
    WARM_UP,
    nearest_to_zero,
    novelty,
    past_median,
    recent_mean,
    recent_step,
    surprise,
    surprise_and_size,
)
from openmanager_core.errors import InvalidRequest

THRESHOLD = 1.7
"""Mean surprise of the views, in powers of ten, from which on a row is worth a page."""

DAY_S, WEEK_S, HOUR_S = 86_400.0, 604_800.0, 3_600.0

_QUIET_S = 8 * HOUR_S
_MOST_ROWS = 400
_FEWEST_QUIET_ROWS = 8
_CAP = 14.0
_LEAST_SHARE = 0.02
_WORSE = 2.0
_JUST_NO_PAGE = 0.99 * THRESHOLD
_NOVELTY_GAIN = 10.0
_USUAL_ROWS_A_DAY = 288.0
_RATE_SHARE = 0.5
_WORTH_A_LOOK = 2.0
"""Times what four in five earlier rows stayed below: a row nearer to the ordinary is no page, whatever came before."""
_COARSE_S = HOUR_S / 2
_COARSE_SIZE, _COARSE_SURPRISE = 8.0, 1.2
"""From rows half an hour apart on, one row is an event: this far out and this rare it is a page as well."""
_LARGEST = 1e100


def detect(timestamps: npt.ArrayLike, values: npt.ArrayLike) -> dict[str, Any]:
    """Score every row of a series by what came before it, and say which rows the product would page for.

    Parameters
    ----------
    timestamps
        Shape ``(n,)``: Unix seconds, ``datetime64`` or ISO 8601 text; a row that runs backwards or has no
        time counts as simultaneous with the one before.
    values
        Shape ``(n,)``, any unit; ``nan`` means no reading. Infinite values count as no reading.

    Returns
    -------
    dict
        ``scores``: a list of n finite floats, at least 0, higher is stranger, 0 where there is no reading.
        ``alerts``: rows at which an event begins, ascending. ``threshold``: the score that makes an alert.

    Raises
    ------
    InvalidRequest
        If the two do not have the same length and one dimension, or a time is text but not ISO 8601.

    Notes
    -----
    Row t depends on rows 0..t only, exactly. Five views of the series, each turned into a tail probability
    under its own past (peaks over threshold), are averaged:

    * the residual that neither the same time of the last seven days nor that of the same weekday in the last
      four weeks explains (before a day has passed: the distance from the median);
    * its mean over half an hour, as far as the overall median does not explain it either;
    * the step between the last two stretches of four hours;
    * the mean size of the moves over four hours;
    * how far the value lies outside everything seen before.

    Rows closer than five minutes are more chances a day to be rare: half a power of ten off for each factor of
    ten, because neighbouring rows resemble each other.

    A page also needs a value that is out of the ordinary itself, so that a return to normal is none: the
    residual or its half-hour mean must be twice what four in five earlier ones stayed below. Rows half an hour apart or
    more are events by themselves; with eight times that and a mean surprise of 1.2 they are pages too.

    After an alert the series is silent for eight hours (at least 8 and at most 400 rows) unless it gets twice as
    strange. The same constants serve every series.

    References
    ----------
    .. [1] A. Lavin and S. Ahmad, Evaluating real-time anomaly detection algorithms, 2015, section II.
       arXiv:1510.03336
    """
    times_s = clock(_seconds(timestamps))
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 1 or times_s.ndim != 1 or len(given) != len(times_s):
        raise InvalidRequest(
            f"timestamps and values must be two lists of one length, got shapes {times_s.shape} and {given.shape}"
        )
    known = np.isfinite(given)
    scores = np.zeros(len(given))
    alerts: list[int] = []
    first = int(np.argmax(known)) if known.any() else len(given)
    if len(given) - first > WARM_UP:
        step_s = _step_s(times_s[first : first + WARM_UP])
        x = _carry_forward(given[first:], known[first:])
        scores[first:] = _scores(x, times_s[first:], step_s)
        scores[~known] = 0.0
        alerts = _latch(scores, _rows(_QUIET_S, step_s, _FEWEST_QUIET_ROWS))
    return {"scores": scores.tolist(), "alerts": alerts, "threshold": THRESHOLD}


def _scores(x: Array, times_s: Array, step_s: float) -> Array:
    half_hour, four_hours = _rows(HOUR_S / 2, step_s, 1), _rows(4 * HOUR_S, step_s, 1)
    middle = past_median(x)
    spread = np.cumsum(np.abs(x - middle)) / np.arange(1, len(x) + 1)
    # What is tiny beside the level, or beside the usual distance from it, is no news in any view.
    least = np.maximum(1e-9 * np.maximum.accumulate(np.abs(x)), _LEAST_SHARE * spread)
    level = x - middle
    residual = _residual(x, times_s, step_s, level)
    first_day = int(np.searchsorted(times_s, times_s[0] + DAY_S)) if residual is not None else len(x)
    total = np.zeros(len(x))
    sizes = []
    for rows, rest in ((1, residual), (half_hour, None if residual is None else nearest_to_zero(residual, level))):
        view, size = surprise_and_size(np.abs(recent_mean(level, rows)), least)
        if rest is not None and len(x) > first_day + WARM_UP:
            # After the first day the residual takes over, with a history of its own.
            later, beside = surprise_and_size(np.abs(recent_mean(rest[first_day:], rows)), least[first_day:])
            view[first_day + WARM_UP :] = later[WARM_UP:]
            size[first_day + WARM_UP :] = beside[WARM_UP:]
        sizes.append(size)
        total += np.minimum(view, _CAP)
    total += np.minimum(surprise(recent_step(x, four_hours), least), _CAP)
    moves = np.abs(np.diff(x, prepend=x[:1]))
    total += np.minimum(surprise(recent_mean(moves, max(2, four_hours)), least), _CAP)
    total += _NOVELTY_GAIN * np.minimum(novelty(x, least), 1.0)
    rows_a_day = DAY_S / step_s if step_s > 0 else _USUAL_ROWS_A_DAY
    shifted = total / 5.0 - _RATE_SHARE * np.log10(max(1.0, rows_a_day / _USUAL_ROWS_A_DAY))
    scores: Array = np.maximum(shifted, 0.0)
    if step_s >= _COARSE_S:
        scores = np.maximum(scores, THRESHOLD * np.minimum(sizes[1] / _COARSE_SIZE, scores / _COARSE_SURPRISE))
    ordinary = np.maximum(sizes[0], sizes[1]) < _WORTH_A_LOOK
    scores[ordinary] = np.minimum(scores[ordinary], _JUST_NO_PAGE)
    scores[:WARM_UP] = 0.0
    return scores


def _residual(x: Array, times_s: Array, step_s: float, level: Array) -> Array | None:
    """What the rhythm does not explain; None where the rows are too far apart to know the time of day.

    Where neither an earlier day nor an earlier week has a reading it is the level.
    """
    if not 0 < step_s <= DAY_S / 4:
        return None
    around = int(np.clip(round(600.0 / step_s), 1, 2))
    slack_s = (around + 1.5) * step_s
    daily = same_time_before(x, times_s, DAY_S, 7, around, slack_s)
    weekly = np.full(len(x), np.nan)
    if times_s[-1] - times_s[0] >= 2 * WEEK_S:
        weekly = same_time_before(x, times_s, WEEK_S, 4, around, slack_s)
        weekly[times_s - times_s[0] < 2 * WEEK_S] = np.nan
    unknown = np.isnan(daily) & np.isnan(weekly)
    return nearest_to_zero(x - daily, x - weekly, np.where(unknown, level, np.nan))


def _latch(scores: Array, quiet_rows: int) -> list[int]:
    """Rows at or over the threshold; for `quiet_rows` after one only a row that scores twice as high as all since."""
    out: list[int] = []
    silent_to, highest = -1, 0.0
    for row in np.flatnonzero(scores >= THRESHOLD).tolist():
        score = float(scores[row])
        if row > silent_to or score >= _WORSE * highest:
            out.append(row)
            silent_to, highest = row + quiet_rows, score
        else:
            highest = max(highest, score)
    return out


def _rows(span_s: float, step_s: float, least: int) -> int:
    """How many rows a span of time is, between `least` and 400."""
    return int(np.clip(round(span_s / step_s), least, _MOST_ROWS)) if step_s > 0 else max(least, 48)


def _step_s(times_s: Array) -> float:
    """Median distance of the first rows; the rows after them never change it."""
    return float(np.median(np.diff(times_s)))


def _carry_forward(values: Array, known: npt.NDArray[np.bool_]) -> Array:
    """Gaps take the last reading; the first row is a reading. Clipped so that sums stay finite."""
    at = np.maximum.accumulate(np.where(known, np.arange(len(values)), 0))
    return np.clip(values[at], -_LARGEST, _LARGEST)


def _seconds(timestamps: npt.ArrayLike) -> Array:
    given = np.asarray(timestamps)
    if given.dtype.kind == "M":
        whole = given.astype("datetime64[us]")
        return np.asarray(np.where(np.isnat(whole), np.nan, whole.astype(np.int64) / 1e6))
    if given.dtype.kind in "US":
        return np.array([_parsed(str(text)) for text in given.ravel()], dtype=np.float64).reshape(given.shape)
    return np.asarray(given, dtype=np.float64)


def _parsed(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidRequest(f"timestamp {text[:40]!r} is not ISO 8601", hint="use Unix seconds") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
