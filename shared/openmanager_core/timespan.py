"""Times as people and models write them: instants, durations and windows, read strictly and written shortly.

Everything is Unix seconds in and out, UTC when a text names no zone. Whatever cannot be read, or is
beyond its bound, is refused with the parameter, the bound, the value and examples.
"""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from openmanager_core.errors import InvalidRequest
from openmanager_core.text import quoted

if TYPE_CHECKING:
    from openmanager_core.panel import Window

MIN_INSTANT_S = 0.0
MAX_INSTANT_S = 4_102_444_800.0
"""1970-01-01 to 2100-01-01: whatever lies outside is a slip of the unit."""
MAX_DURATION_S = 10 * 365 * 86_400.0

NICE_STEPS_S: tuple[float, ...] = (
    3, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400, 172_800, 604_800,
)  # fmt: skip

_INSTANT_EXAMPLES = "'now-1h', '30m ago', '2026-03-01T14:00:00Z', Unix seconds, 'yesterday 14:00', '1시간 전'"
_DURATION_EXAMPLES = "'90s', '15m', '2h', '1h30m', '7d', '1w', '30분'"
_MAX_TEXT = 100

_UNITS_S: dict[str, float] = {
    **dict.fromkeys(("ms", "밀리초"), 0.001),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "초"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes", "분"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "시간"), 3600.0),
    **dict.fromkeys(("d", "day", "days", "일"), 86_400.0),
    **dict.fromkeys(("w", "wk", "week", "weeks", "주", "주일"), 604_800.0),
}
_UNIT = "|".join(sorted(_UNITS_S, key=len, reverse=True))
_AMOUNT = r"(?:[0-9]{1,12}(?:\.[0-9]{1,6})?|an?\b)"
_PART = re.compile(rf"\s*({_AMOUNT})\s*({_UNIT})(?![a-z])")
_DURATION = rf"{_AMOUNT}\s*(?:{_UNIT})(?:\s*[0-9].*)?"
_RELATIVE = re.compile(rf"(?:now|지금)?\s*([+-])\s*({_DURATION})")
_AGO = re.compile(rf"({_DURATION})\s*(?:ago|전(?:에|부터)?)")
_DAYS: dict[str, int] = {
    "today": 0,
    "오늘": 0,
    "yesterday": -1,
    "어제": -1,
    "그저께": -2,
    "그제": -2,
    "tomorrow": 1,
    "내일": 1,
}
_DAY = re.compile(rf"({'|'.join(_DAYS)})(?:\s+(?:at\s+)?(.+))?")
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?(?:\s*(?:utc|z))?")
_CLOCK_KO = re.compile(r"(오전|오후)?\s*([0-9]{1,2})시(?:\s*([0-9]{1,2})분|\s*(반))?")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:e[+-]?[0-9]{1,3})?")
_DATE8 = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")


def _refuse(name: str, problem: str, value: object, examples: str) -> InvalidRequest:
    if isinstance(value, int) and value.bit_length() > 128:
        shown = "a whole number with too many digits"  # Python itself refuses to write some of them
    else:
        shown = quoted(value, 60) if isinstance(value, str) else str(value)
    return InvalidRequest(f"{name} {problem}, got {shown}", hint=f"one of the forms {examples}")


def _number(given: float) -> float:
    """A float also of whole numbers that are too long for one."""
    try:
        return float(given)
    except OverflowError:
        return math.inf


def _plain(text: str) -> str:
    """One spelling for full-width digits, decomposed Hangul, typographic minus and letter case."""
    return unicodedata.normalize("NFKC", text).replace("−", "-").strip().casefold()


def parse_duration(text: str | float, *, name: str = "duration") -> float:
    """Read a length of time such as ``90s``, ``1h30m``, ``2 hours``, ``30분``, or a number of seconds.

    Parameters
    ----------
    name
        The parameter's name, for the message.

    Returns
    -------
    float
        Seconds, above 0 and at most `MAX_DURATION_S`.

    Raises
    ------
    InvalidRequest
        If it cannot be read or is beyond its bounds.
    """
    if isinstance(text, (int, float)):
        return _checked_duration(_number(text), text, name)
    if len(text) > _MAX_TEXT:
        raise _refuse(name, f"must be a duration of at most {_MAX_TEXT} characters", text, _DURATION_EXAMPLES)
    plain = _plain(text)
    if _NUMBER.fullmatch(plain):
        return _checked_duration(float(plain), text, name)
    seconds = _sum_of_parts(plain)
    if seconds is None:
        raise _refuse(name, "must be a duration", text, _DURATION_EXAMPLES)
    return _checked_duration(seconds, text, name)


def _sum_of_parts(plain: str) -> float | None:
    """``1h30m`` as 5400.0; None if anything is left over or a unit is missing."""
    total, at = 0.0, 0
    while at < len(plain):
        part = _PART.match(plain, at)
        if part is None:
            return None
        amount = 1.0 if part[1].startswith("a") else float(part[1])
        total += amount * _UNITS_S[part[2]]
        at = part.end()
    return total if at else None


def _checked_duration(seconds: float, given: object, name: str) -> float:
    if not math.isfinite(seconds):
        raise _refuse(name, "must be finite", given, _DURATION_EXAMPLES)
    if not 0 < seconds <= MAX_DURATION_S:
        raise _refuse(name, "must be above 0 and at most 10 years", given, _DURATION_EXAMPLES)
    return seconds


def parse_instant(text: str | float, now_s: float, *, name: str = "time") -> float:
    """Read one instant.

    Parameters
    ----------
    text
        Unix seconds (milli-, micro- and nanoseconds are told by their size), ISO 8601 (UTC if no zone is
        named), ``now``, ``now-1h30m``, ``-2d``, ``1h ago``, ``today``, ``yesterday 14:00``, ``14:30``
        (today), ``어제``, ``오늘 오후 3시``, ``1시간 30분 전``.
    now_s
        What "now" means, Unix seconds; days are UTC days.
    name
        The parameter's name, for the message.

    Returns
    -------
    float
        Unix seconds within `MIN_INSTANT_S` and `MAX_INSTANT_S`.

    Raises
    ------
    InvalidRequest
        If it cannot be read or is beyond its bounds.
    """
    if isinstance(text, (int, float)):
        return _checked_instant(_scaled(_number(text)), text, name)
    if len(text) > _MAX_TEXT:
        raise _refuse(name, f"must be a time of at most {_MAX_TEXT} characters", text, _INSTANT_EXAMPLES)
    plain = _plain(text)
    if _NUMBER.fullmatch(plain) and not _DATE8.fullmatch(plain):
        if plain[0] in "+-":
            raise _refuse(name, "lacks a unit behind its offset", text, _INSTANT_EXAMPLES)
        return _checked_instant(_scaled(float(plain)), text, name)
    read = _read_words(plain, now_s)
    if read is None:
        read = _read_iso(plain)
    if read is None:
        raise _refuse(name, "must be a time", text, _INSTANT_EXAMPLES)
    return _checked_instant(read, text, name)


def _scaled(number: float) -> float:
    """Seconds from a number whose size tells its unit."""
    for bound, scale in ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9)):
        if abs(number) < bound:
            return number / scale
    return number


def _read_words(plain: str, now_s: float) -> float | None:
    if plain in ("now", "지금", "현재"):
        return now_s
    for form, sign in ((_RELATIVE, 0), (_AGO, -1)):
        match = form.fullmatch(plain)
        if match:
            length = _sum_of_parts(match[match.lastindex or 1].strip())
            if length is not None:
                return now_s + length * (sign or (1 if match[1] == "+" else -1))
    day = _DAY.fullmatch(plain)
    shift, clock = (_DAYS[day[1]], day[2]) if day else (0, plain)
    midnight = math.floor(now_s / 86_400) * 86_400.0 + shift * 86_400.0
    if day and not clock:
        return midnight
    of_day = _read_clock(clock)
    return None if of_day is None else midnight + of_day


def _read_clock(plain: str) -> float | None:
    """``14:30``, ``noon``, ``오후 2시 30분``, ``정오`` as seconds into the day."""
    named = {"noon": 12, "midnight": 0, "정오": 12, "자정": 0}.get(plain)
    if named is not None:
        return named * 3600.0
    match = _CLOCK.fullmatch(plain)
    if match:
        hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    else:
        match = _CLOCK_KO.fullmatch(plain)
        if not match:
            return None
        hour, minute, second = int(match[2]), 30 if match[4] else int(match[3] or 0), 0
        if match[1] and not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match[1] == "오후" else 0) if match[1] else hour
    return None if hour > 23 or minute > 59 or second > 59 else hour * 3600.0 + minute * 60.0 + second


def _read_iso(plain: str) -> float | None:
    try:
        moment = datetime.fromisoformat(plain.upper().removesuffix("UTC").strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _checked_instant(instant_s: float, given: object, name: str) -> float:
    if not math.isfinite(instant_s):
        raise _refuse(name, "must be finite", given, _INSTANT_EXAMPLES)
    if not MIN_INSTANT_S <= instant_s <= MAX_INSTANT_S:
        raise _refuse(name, "must lie between 1970-01-01 and 2100-01-01", given, _INSTANT_EXAMPLES)
    return instant_s


def nice_step(duration_s: float, points: int, *, min_step_s: float = 1.0) -> float:
    """The step among `NICE_STEPS_S` that comes nearest to `points` instants, never below `min_step_s`."""
    wanted = duration_s / max(points, 1)
    allowed = [step for step in NICE_STEPS_S if step >= min_step_s]
    if not allowed:
        return min_step_s
    return float(min(allowed, key=lambda step: abs(math.log(step / wanted))))


def parse_window(
    start: str | float,
    end: str | float,
    now_s: float,
    step_s: float = 0.0,
    *,
    default_points: int = 240,
    max_points: int = 20_000,
    min_step_s: float = 1.0,
    default_span_s: float = 3600.0,
) -> Window:
    """Read a window of the past, with a step that suits it.

    Parameters
    ----------
    start, end
        Anything `parse_instant` reads. An empty end is now, an empty start is `default_span_s` before the end.
    step_s
        Seconds between instants; 0 chooses a round step that gives about `default_points` instants.
    max_points
        Most instants the window may hold.
    min_step_s
        How often the source has a new value; a finer step would only repeat it.

    Returns
    -------
    Window
        Half-open; its start lies on a multiple of the step, at or before the start asked for.

    Raises
    ------
    InvalidRequest
        If a bound cannot be read, the window is reversed, empty, too long for its step or ends in the
        future, or the step is below its minimum.
    """
    from openmanager_core.panel import MAX_INSTANTS, Window

    end_s = now_s if end == "" else parse_instant(end, now_s, name="end")
    start_s = max(end_s - default_span_s, MIN_INSTANT_S) if start == "" else parse_instant(start, now_s, name="start")
    if not math.isfinite(step_s) or step_s < 0:
        raise InvalidRequest(f"step_s must be finite and at least 0, got {step_s}", hint="0 chooses a step that suits")
    if 0 < step_s < min_step_s:
        raise InvalidRequest(
            f"step_s must be at least {min_step_s:g}, the source has no finer values, got {step_s:g}",
            hint=f"step_s={min_step_s:g}, or 0 to choose one that suits",
        )
    if end_s <= start_s:
        problem = "start and end are the same instant" if end_s == start_s else "the window is reversed"
        raise InvalidRequest(
            f"{problem}: start must lie before end, got start {iso(start_s)} and end {iso(end_s)}",
            hint="swap them, or use start='now-1h' and end='now'",
        )
    most = min(max_points, MAX_INSTANTS)
    step = step_s or nice_step(end_s - start_s, min(default_points, most), min_step_s=min_step_s)
    if not step_s and (end_s - start_s) / step + 1 > most:
        step = math.ceil((end_s - start_s) / (most - 1)) if most > 1 else end_s
    if end_s > now_s + step:
        raise InvalidRequest(
            f"end must not lie in the future: now is {iso(now_s)}, got {iso(end_s)}",
            hint="end='now', or forecast_metric for what is to come",
        )
    start_s = math.floor(start_s / step) * step
    if (end_s - start_s) / step > most:
        raise InvalidRequest(
            f"the window of {span(end_s - start_s)} holds {(end_s - start_s) / step:.0f} instants at step_s {step:g}, "
            f"the most is {most}",
            hint=f"step_s={math.ceil((end_s - start_s) / most * 1.01)} or more, step_s=0, or a shorter window",
        )
    return Window(start_s, end_s, step)


def iso(t_s: float) -> str:
    """The instant in UTC to the second, ``2026-03-01T14:00:00Z``; ``unknown`` if it is not a time."""
    if not math.isfinite(t_s) or abs(t_s) > 200_000_000_000:
        return "unknown"
    try:
        return (datetime(1970, 1, 1) + timedelta(seconds=math.floor(t_s))).isoformat() + "Z"
    except OverflowError:
        return "unknown"


def span(seconds: float) -> str:
    """A length of time in its two largest units: ``45 s``, ``12 min 5 s``, ``3 h 20 min``, ``2 d 4 h``."""
    if not math.isfinite(seconds):
        return "unknown"
    sign, left = ("-" if seconds < 0 else ""), abs(seconds)
    if left < 1:
        return f"{sign}{left * 1000:.0f} ms" if left else "0 s"
    left = round(left)
    for (size, unit), (next_size, next_unit) in pairwise(((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))):
        if left >= size:
            rounded = round(left / next_size) * next_size
            if rounded != left:
                return sign + span(rounded)
            rest = left % size // next_size
            return f"{sign}{left // size} {unit}" + (f" {rest} {next_unit}" if rest else "")
    return f"{sign}{left} s"


def spoken_s(seconds: float) -> str:
    """A length of time as a person says it: ``45 s``, ``12 min``, ``3.5 h``, ``12 days``."""
    for size, name in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds:.3g} s"


def ago(t_s: float, now_s: float) -> str:
    """How far from now: ``just now``, ``5 min ago``, ``in 2 h``."""
    apart = now_s - t_s
    if not math.isfinite(apart):
        return "unknown"
    if abs(apart) < 1:
        return "just now"
    return f"{span(apart)} ago" if apart > 0 else f"in {span(-apart)}"
