"""Times inside a sentence, English and Korean: a window of the past, a window to compare with, or a stretch ahead."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

_DAY = 86_400.0
_KO_NUMBER = {
    "한": 1,
    "두": 2,
    "세": 3,
    "네": 4,
    "다섯": 5,
    "여섯": 6,
    "일곱": 7,
    "여덟": 8,
    "아홉": 9,
    "열": 10,
    "반": 0.5,
}
_EN_NUMBER = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "ten": 10, "couple of": 2,
              "few": 3, "half an": 0.5, "a few": 3, "a couple of": 2}  # fmt: skip
_UNIT_S = {"s": 1, "sec": 1, "second": 1, "초": 1, "m": 60, "min": 60, "minute": 60, "분": 60, "h": 3600, "hr": 3600, "hour": 3600,
           "시간": 3600, "d": _DAY, "day": _DAY, "일": _DAY, "w": 7 * _DAY, "wk": 7 * _DAY, "week": 7 * _DAY, "주일": 7 * _DAY,
           "주": 7 * _DAY, "month": 30 * _DAY, "달": 30 * _DAY, "개월": 30 * _DAY}  # fmt: skip
_N = r"(\d{1,4}(?:\.\d)?|(?<![a-z])(?:half an|a couple of|couple of|a few|few|an?|one|two|three|four|five|six|seven|ten)(?=[\s-])|한|두|세|네|다섯|여섯|일곱|여덟|아홉|열|반)"
_U = r"(seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|wks?|months?|시간|주일|개월|분|초|일|주|달|[smhdw])(?![a-z])"
_LEN = rf"{_N}[\s-]?{_U}"
_WORD_SPAN = {"하루": _DAY, "이틀": 2 * _DAY, "사흘": 3 * _DAY, "나흘": 4 * _DAY, "닷새": 5 * _DAY, "열흘": 10 * _DAY, "보름": 15 * _DAY, "반나절": 6 * 3600.0, "일주일": 7 * _DAY,
              "반시간": 1800.0, "한나절": 12 * 3600.0}  # fmt: skip
_W = rf"({'|'.join(_WORD_SPAN)})"
_CLOCK = (
    r"((?:오전|오후|새벽|아침|저녁|밤)?\s?\d{1,2}\s?시(?:\s?\d{1,2}\s?분|\s?반)?|정오|자정|noon|midnight"
    r"|\d{1,2}:\d{2}(?:\s?[ap]m)?|\d{1,2}\s?[ap]\.?m\.?|\d{1,2}\s?o'?clock)"
)
_DAYWORD = r"(오늘|어제|그저께|그제|today|yesterday)"


@dataclass(slots=True)
class Times:
    """Unix seconds, None where nothing was said; `text` has what was read blanked out."""

    text: str
    start_s: float | None = None
    end_s: float | None = None
    before_start_s: float | None = None
    before_end_s: float | None = None
    horizon_s: float | None = None
    since_deploy: bool = False
    assumed: list[str] = field(default_factory=list)
    """Codes of assumptions: ``clock_yesterday``."""


def _seconds(number: str, unit: str) -> float:
    amount = _KO_NUMBER.get(number) or _EN_NUMBER.get(number)
    unit = unit.rstrip("s") if len(unit) > 2 and unit.endswith("s") else unit
    return float(amount if amount is not None else number) * _UNIT_S.get(unit, _UNIT_S.get(unit.rstrip("s"), 3600))


def clock_s(said: str) -> float | None:
    """Seconds into the day of ``14:00``, ``9am``, ``오후 3시 반``, ``noon``."""
    named = {"정오": 12, "noon": 12, "자정": 0, "midnight": 0}.get(said.strip())
    if named is not None:
        return named * 3600.0
    ko = re.match(r"(오전|오후|새벽|아침|저녁|밤)?\s?(\d{1,2})\s?시(?:\s?(\d{1,2})\s?분|\s?(반))?", said)
    en = re.match(r"(\d{1,2})(?::(\d{2}))?\s?(a|p)?", said)
    if ko:
        hour, minute = int(ko[2]), 30 if ko[4] else int(ko[3] or 0)
        if ko[1] in ("오후", "저녁", "밤") and hour < 12:
            hour += 12
        if ko[1] in ("오전", "새벽") and hour == 12:
            hour = 0
    elif en:
        hour, minute = int(en[1]), int(en[2] or 0)
        if en[3] == "p" and hour < 12:
            hour += 12
        if en[3] == "a" and hour == 12:
            hour = 0
    else:
        return None
    return hour * 3600.0 + minute * 60.0 if hour <= 24 and minute < 60 else None


def times(text: str, now_s: float) -> Times:
    """Read the times of a question; `text` is folded, names blanked out, with a space between Latin and Hangul."""
    out = Times(text)
    midnight = math.floor(now_s / _DAY) * _DAY
    monday = midnight - datetime.fromtimestamp(now_s, UTC).weekday() * _DAY

    def take(pattern: str, then: Callable[[re.Match[str]], object]) -> bool:
        match = re.search(pattern, out.text)
        if match is None:
            return False
        if then(match) is False:
            return False
        out.text = out.text[: match.start()] + " @ " + out.text[match.end() :]
        return True

    def past(start_s: float, end_s: float | None = None) -> None:
        if out.start_s is None:
            out.start_s, out.end_s = start_s, end_s
        elif out.before_start_s is None:
            out.before_start_s, out.before_end_s = start_s, end_s

    def ahead(length_s: float) -> None:
        if out.horizon_s is None:
            out.horizon_s = length_s

    def at_clock(day: str, said: str) -> float | None:
        of_day = clock_s(said)
        if of_day is None:
            return None
        shift = {"어제": 1, "yesterday": 1, "그제": 2, "그저께": 2}.get(day, 0)
        at = midnight - shift * _DAY + of_day
        if at > now_s and not shift:
            at -= _DAY
            out.assumed.append("clock_yesterday")
        return at

    def between(match: re.Match[str]) -> object:
        first, second = match[1], match[2]
        if re.fullmatch(r"\d{1,2}", first):
            first += " 시" if "시" in second else ":00"
        if re.fullmatch(r"\d{1,2}", second):
            second += ":00"
        if re.match(r"오후|저녁|밤", first) and not re.match(r"오전|오후|저녁|밤", second):
            second = "오후 " + second
        a, b = at_clock("", first), at_clock("", second)
        if a is None or b is None:
            return False
        past(a, b if b > a else b + _DAY)
        return None

    # --- "within the last three hours" is past, and says so before its number
    take(rf"(?:최근|지난)\s?{_LEN}\s?(?:안에|내에|이내에?|사이에?)", lambda m: past(now_s - _seconds(m[1], m[2])))
    # --- ahead
    take(rf"\+\s?{_LEN}", lambda m: ahead(_seconds(m[1], m[2])))
    take(rf"(?:앞으로|향후|다음)\s?{_LEN}(?:\s?(?:동안|안에|내에|간|이내))?", lambda m: ahead(_seconds(m[1], m[2])))
    take(
        rf"{_LEN}\s?(?:안에|내에|이내에?|뒤|후)(?:에|엔|에는)?(?![가-힣]*\s?(?:비교|부터))",
        lambda m: ahead(_seconds(m[1], m[2])),
    )
    take(rf"(?:앞으로|향후)?\s?{_W}\s?(?:안에|내에|이내|뒤|후)에?", lambda m: ahead(_WORD_SPAN[m[1]]))
    take(rf"(?:앞으로|향후)\s?{_W}(?:\s?동안)?", lambda m: ahead(_WORD_SPAN[m[1]]))
    take(
        rf"\b(?:in|within|for|over|during)? ?(?:the )?(?:next|coming|following) {_LEN}",
        lambda m: ahead(_seconds(m[1], m[2])),
    )
    take(rf"\b(?:with)?in {_LEN}", lambda m: ahead(_seconds(m[1], m[2])))
    for pattern, length_s in (
        (r"next week|coming week|다음\s?주(?!\s?기)|담주|차주", 14 * _DAY - (now_s - monday)),
        (r"next month|다음\s?달|담달|내달", 30 * _DAY),
        (r"next quarter|다음\s?분기", 90 * _DAY),
        (r"tomorrow|내일", midnight + 2 * _DAY - now_s),
        (r"모레", midnight + 3 * _DAY - now_s),
        (r"tonight|오늘\s?밤(?!\s?새)", midnight + _DAY + 6 * 3600 - now_s),
        (r"this weekend|the weekend|이번\s?주말|주말", max(_DAY, monday + 7 * _DAY - now_s)),
        (r"end of the month|month end|월말|이번\s?달\s?말", 30 * _DAY),
        (r"\bsoon\b|곧(?=\s|$|[가-힣])|조만간", 3 * _DAY),
    ):
        take(pattern, lambda m, length_s=length_s: ahead(length_s))  # type: ignore[misc]
    # --- windows with two ends
    take(rf"(?:between|from) ({_CLOCK[1:-1]}|\d{{1,2}}) (?:and|to|until|till) ({_CLOCK[1:-1]}|\d{{1,2}})", between)
    take(rf"({_CLOCK[1:-1]}|\d{{1,2}})\s?(?:에서|부터|~|-)\s?({_CLOCK[1:-1]})\s?(?:사이|까지|동안)?(?:에|의)?", between)

    # --- deployments
    def deploy(match: re.Match[str]) -> None:
        out.since_deploy = True

    take(r"(?:since|after|before and after|before|around) (?:the |our |my )?(?:last |latest |recent |newest )?(?:deploy(?:ment)?|release|rollout)\b|last deploy(?:ment)?"
         r"|(?:마지막|최근|지난|이번)?\s?(?:배포|릴리즈|릴리스)\s?(?:전후|이후|후|하고\s?나서|한\s?뒤|뒤|직후|부터)(?:로|에|부터)?", deploy)  # fmt: skip

    # --- from a point on
    def since_clock(day: str, said: str) -> object:
        at = at_clock(day, said)
        if at is None:
            return False
        past(at)
        return None

    take(rf"{_DAYWORD}?\s?{_CLOCK}\s?(?:이후|부터)(?:로|는)?", lambda m: since_clock(m[1] or "", m[2]))
    take(rf"(?:since|from|after|starting at|starting) (?:(today|yesterday)(?: at)? )?{_CLOCK}(?: on)?(?: (yesterday|today))?",
         lambda m: since_clock(m[1] or m[3] or "", m[2]))  # fmt: skip
    take(rf"{_LEN}\s?전\s?(?:부터|이후)", lambda m: past(now_s - _seconds(m[1], m[2])))
    take(rf"since {_LEN} ago", lambda m: past(now_s - _seconds(m[1], m[2])))
    take(r"(?:오늘\s?)?새벽\s?부터|since (?:early )?this morning's? early", lambda m: past(midnight))
    # --- the last so long
    take(
        rf"(?:최근|지난|요\s?근래)\s?{_LEN}(?:\s?(?:동안|간|치|을|를|의))?",
        lambda m: past(now_s - _seconds(m[1], m[2])),
    )
    take(rf"(?:최근|지난)?\s?{_W}\s?(?:동안|간|치)?(?=\s|$|의)", lambda m: past(now_s - _WORD_SPAN[m[1]]))
    take(
        rf"(?:in |over |for |during |within )?(?:the )?(?:last|past|previous|recent) {_LEN}",
        lambda m: past(now_s - _seconds(m[1], m[2])),
    )
    take(r"(?:in |over |for |during )?(?:the )?(?:last|past) hour", lambda m: past(now_s - 3600))
    take(r"(?:in |over |for |during )?(?:the )?past day", lambda m: past(now_s - _DAY))
    take(r"(?:over |in |during )?(?:the )?past week", lambda m: past(now_s - 7 * _DAY))
    take(
        r"the hour before|그\s?전\s?1?\s?시간|the previous hour|직전\s?1?\s?시간",
        lambda m: past(now_s - 7200, now_s - 3600),
    )
    take(rf"{_LEN}\s?(?:동안|간(?!\s?패)|치)", lambda m: past(now_s - _seconds(m[1], m[2])))
    take(rf"(?:over|for|during) (?:the )?{_LEN}", lambda m: past(now_s - _seconds(m[1], m[2])))
    # --- named stretches of the past
    named: tuple[tuple[str, float, float | None], ...] = (
        (
            r"last night|어제\s?밤|어젯밤|간밤|지난\s?밤|밤\s?사이|밤새|overnight",
            midnight - 2 * 3600,
            min(now_s, midnight + 6 * 3600),
        ),
        (r"오늘\s?새벽|early this morning", midnight, min(now_s, midnight + 6 * 3600)),
        (r"yesterday morning|어제\s?(?:아침|오전)", midnight - _DAY + 6 * 3600, midnight - _DAY / 2),
        (r"yesterday (?:afternoon|evening)|어제\s?(?:오후|저녁)", midnight - _DAY / 2, midnight),
        (
            r"(?:since |from )?this morning|오늘\s?(?:아침|오전)(?:부터)?",
            midnight + 6 * 3600 - (0 if now_s > midnight + 6 * 3600 else _DAY),
            None,
        ),
        (r"this afternoon|오늘\s?오후", midnight + 12 * 3600 - (0 if now_s > midnight + 12 * 3600 else _DAY), None),
        (r"(?:since|from) yesterday|어제\s?부터", midnight - _DAY, None),
        (r"(?:since |from )?last week|지난\s?주|저번\s?주|전주", monday - 7 * _DAY, monday),
        (r"(?:since |from )?this week|이번\s?주|금주", monday, None),
        (r"last month|지난\s?달|저번\s?달|전월", now_s - 60 * _DAY, now_s - 30 * _DAY),
        (r"this month|이번\s?달|금월", now_s - 30 * _DAY, None),
    )
    for pattern, start_s, end_s in named:
        take(pattern, lambda m, a=start_s, b=end_s: past(a, b))  # type: ignore[misc]

    def around(day: str, said: str) -> object:
        at = at_clock(day, said)
        if at is None:
            return False
        past(at - 1800, min(now_s, at + 1800))
        return None

    take(rf"{_DAYWORD}\s(?:at\s)?{_CLOCK}(?:에|쯤|경)?", lambda m: around(m[1], m[2]))
    take(rf"(?:at|around|about) {_CLOCK}(?: (yesterday|today))?", lambda m: around(m[2] or "", m[1]))
    take(rf"{_CLOCK}\s?(?:에(?!서)|쯤|경|즈음)", lambda m: around("", m[1]))
    # today and yesterday in the order of the question's meaning: what is compared with is the earlier one
    today = take(r"since midnight|so far today|today|오늘(?:치)?(?:부터)?", lambda m: past(midnight))
    yesterday_words = r"(?:the day before )?yesterday(?:'s)?|어제(?:치)?|전일|전날"
    if re.search(r"the day before yesterday|그저께|그제|엊그제", out.text):
        take(r"the day before yesterday|그저께|그제|엊그제", lambda m: past(midnight - 2 * _DAY, midnight - _DAY))
    if today and re.search(yesterday_words, out.text):
        take(yesterday_words, lambda m: past(midnight - _DAY, now_s - _DAY))
    else:
        take(yesterday_words, lambda m: past(midnight - _DAY, midnight))
    # --- points: an hour ago; used by comparisons as the middle of a window
    take(
        rf"{_LEN}\s?(?:전|ago)(?:에|의|과|이랑|하고|와)?",
        lambda m: past(now_s - _seconds(m[1], m[2]) - 1800, now_s - _seconds(m[1], m[2]) + 1800),
    )
    take(
        rf"(?<![\w.]){_LEN}(?=\s|$|\?|\.)",
        lambda m: past(now_s - _seconds(m[1], m[2])) if m[1] not in ("a", "an", "few") else False,
    )
    return out
