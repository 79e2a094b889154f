"""Percentages and multiples as people say them: 30 %, forty-five percent, 이십 프로, 2x, doubled, three times as much, 두 배."""

from __future__ import annotations

import re
from typing import NamedTuple

_DIGITS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
_TENS = {
    "ten": 10, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90, "hundred": 100,
}  # fmt: skip
_SINO = {"일": 1, "이": 2, "삼": 3, "사": 4, "오": 5, "육": 6, "칠": 7, "팔": 8, "구": 9}
_FACTORS = {
    "double": 2.0, "doubles": 2.0, "doubled": 2.0, "doubling": 2.0, "twice": 2.0, "twofold": 2.0, "triple": 3.0, "triples": 3.0,
    "tripled": 3.0, "tripling": 3.0, "threefold": 3.0, "quadruple": 4.0, "quadruples": 4.0, "quadrupled": 4.0, "fourfold": 4.0,
    "tenfold": 10.0, "두": 2.0, "세": 3.0, "네": 4.0, "다섯": 5.0, "열": 10.0,
}  # fmt: skip
_PERCENT = re.compile(
    r"(?:(?P<figures>\d{1,3}(?:\.\d+)?)"
    rf"|\b(?:a |one )?(?P<tens>{'|'.join(_TENS)})(?:[ -](?P<ones>{'|'.join(_DIGITS)}))?|\b(?P<few>{'|'.join(_DIGITS)})"
    r"|(?<![가-힣])(?P<sino>[이삼사오육칠팔구]?십[일이삼사오육칠팔구]?|백))"
    r"\s?(?:%|프로(?!덕)|퍼센트|퍼\b|per ?cent|pct)"
)
_TIMES = re.compile(
    r"(?<![\d.])(?P<figures>\d{1,2}(?:\.\d+)?)\s?(?:x\b|×|배|times (?:the|as|more|our|today)\b)"
    r"|\b(?P<few>two|three|four|five|six|seven|eight|nine|ten) times (?:the|as|more|our|today)\b"
    rf"|\b(?P<word>{'|'.join(w for w in _FACTORS if w.isascii())})\b|(?<![가-힣])(?P<korean>두|세|네|다섯|열)\s?배"
)


class Percent(NamedTuple):
    """A percentage as a ratio, and where it stands in the text."""

    ratio: float
    start: int
    end: int


def percent_in(text: str) -> Percent | None:
    """Find the first percentage of a folded text."""
    match = _PERCENT.search(text)
    return None if match is None else Percent(_percent(match) / 100, match.start(), match.end())


def _percent(match: re.Match[str]) -> float:
    if match["figures"]:
        return float(match["figures"])
    if match["few"]:
        return _DIGITS[match["few"]]
    if match["tens"]:
        return _TENS[match["tens"]] + _DIGITS.get(match["ones"] or "", 0)
    if match["sino"] == "백":
        return 100
    tens, _, ones = match["sino"].partition("십")
    return 10 * _SINO.get(tens, 1) + _SINO.get(ones, 0)


def factor_in(text: str) -> float | None:
    """Find the first multiple of a folded text: 2 for twice as much."""
    match = _TIMES.search(text)
    if match is None:
        return None
    if match["figures"]:
        return float(match["figures"])
    if match["few"]:
        return float(_DIGITS.get(match["few"], 10))
    return _FACTORS[match["word"] or match["korean"]]
