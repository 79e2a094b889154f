"""Korean particles behind names and figures: 은/는, 이/가, 을/를, 과/와, 으로/로 by the sound a word ends in.

The sound of a word is that of its last letter or digit, whatever quotes and brackets follow: digits are read one by one
(일, 이, 삼), units by their names (ms is 밀리초), short or capital Latin runs letter by letter (CPU is 시피유), other Latin
words as Koreans write them (web is 웹, cache is 캐시). English spelling does not tell its sound for certain; where it does not,
the word is taken to end in a vowel, as most do in Korean (disk is 디스크).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

Pair = Literal["은/는", "이/가", "을/를", "과/와", "으로/로"]

_FINAL_DIGITS = {
    "0": "영",
    "1": "일",
    "2": "이",
    "3": "삼",
    "4": "사",
    "5": "오",
    "6": "육",
    "7": "칠",
    "8": "팔",
    "9": "구",
}
_UNITS = {
    "ms": "밀리초", "s": "초", "min": "분", "h": "시간", "d": "일", "B": "바이트", "kB": "바이트", "MB": "바이트", "GB": "바이트",
    "TB": "바이트", "bytes": "바이트", "messages": "메시지", "connections": "커넥션", "ratio": "레이쇼", "sigma": "시그마",
}  # fmt: skip
_LETTERS = {"l": "엘", "m": "엠", "n": "엔", "r": "알"}
_TAIL = re.compile(r"[A-Za-z]+$|[0-9]$|.$", re.DOTALL)
_SHORT_STOP = re.compile(r"(?:^|[^aeiouy])[aeiou][bckpt]$")
_NASAL = re.compile(r"(?:ng|[lmn])$")


def final(word: str) -> str:
    """The consonant a word ends in when it is read aloud: ``ㄹ``, ``x`` for any other, empty for a vowel."""
    spoken = unicodedata.normalize("NFC", word)
    while spoken and not (spoken[-1].isalnum() or spoken[-1] in "%℃"):
        spoken = spoken[:-1]
    if not spoken:
        return ""
    found = _TAIL.search(spoken)
    assert found is not None
    tail, before = found.group(), spoken[: found.start()]
    if tail.isascii() and tail.isdigit():
        return _syllable(_FINAL_DIGITS[tail])
    if tail.isascii() and tail.isalpha():
        return _latin(tail, before)
    return _syllable(tail)


def _syllable(text: str) -> str:
    """The same for the last Hangul syllable of a text; other scripts count as vowels."""
    place = ord(text[-1]) - 0xAC00
    if not 0 <= place <= 0xD7A3 - 0xAC00:
        return ""
    last = place % 28
    return "" if last == 0 else "ㄹ" if last == 8 else "x"


def _latin(run: str, before: str) -> str:
    if run in _UNITS and (before[-1:].isspace() or before[-1:].isdigit() or before[-1:] == "/"):
        return _syllable(_UNITS[run])
    lower = run.lower()
    if run.isupper() or len(run) == 1 or not re.search("[aeiouy]", lower):
        return _syllable(_LETTERS.get(lower[-1], "에"))
    if lower.endswith("l"):
        return "ㄹ"
    return "x" if _NASAL.search(lower) or _SHORT_STOP.search(lower) else ""


def with_particle(word: str, pair: Pair) -> str:
    """The word with the one of the two that follows its sound: 서버가, web이, 3으로, 1로."""
    closed, opened = pair.split("/")
    last = final(word)
    if pair == "으로/로":
        return word + (opened if last in ("", "ㄹ") else closed)
    return word + (closed if last else opened)
