"""Korean as people type it: which language a text is in, syllables as letters, particles, and distances of spelling."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_HANGUL = re.compile(r"[가-힣ㄱ-ㅣ]")
_INITIAL = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_MEDIAL = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_FINAL = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
PARTICLES = (
    "에서부터", "한테서", "으로부터", "에서는", "에서도", "이라도", "까지는", "부터는", "이랑은", "들은", "들이", "들을", "에서", "부터",
    "까지", "한테", "에게", "으로", "이랑", "하고", "처럼", "보다", "마다", "밖에", "조차", "이나", "이란", "에는", "에도", "들",
    "은", "는", "이", "가", "을", "를", "의", "에", "로", "도", "만", "랑", "와", "과", "나", "요", "좀",
)  # fmt: skip
"""Longest first, so that the longer one is cut off whole."""


def language_of(text: str) -> str:
    """``ko`` if any Hangul is in it, else ``en``: names and metrics are English in Korean sentences too."""
    return "ko" if _HANGUL.search(text) else "en"


def folded(text: str) -> str:
    """One spelling for full-width letters, decomposed Hangul, letter case, dashes, quotes and long runs of one letter."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    plain = re.sub("[‐-―−]", "-", plain)
    plain = re.sub("[‘’`´]", "'", plain)
    plain = re.sub("[“”]", '"', plain)
    return re.sub(r"([^\W\d])\1{2,}", r"\1\1", plain)


@lru_cache(maxsize=4096)
def jamo(text: str) -> str:
    """Each syllable as its letters, so that a wrong vowel is one letter wrong and not a whole syllable."""
    out: list[str] = []
    for char in text:
        code = ord(char) - 0xAC00
        if 0 <= code < 11172:
            out += (_INITIAL[code // 588], _MEDIAL[code % 588 // 28])
            if code % 28:
                out.append(_FINAL[code % 28])
        else:
            out.append(char)
    return "".join(out)


def without_particle(word: str) -> str:
    """The word without the particle at its end, if something of it is left."""
    for particle in PARTICLES:
        if word.endswith(particle) and len(word) > len(particle):
            return word[: -len(particle)]
    return word


def distance(a: str, b: str, most: int) -> int:
    """Letters inserted, dropped, replaced or swapped with the next one, between two words; above `most`: `most` + 1.

    Notes
    -----
    Optimal string alignment (restricted Damerau-Levenshtein), rows given up as soon as all of one exceed `most`.
    """
    if abs(len(a) - len(b)) > most:
        return most + 1
    before_last: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                best = min(best, before_last[j - 2] + 1)
            row.append(best)
        if min(row) > most:
            return most + 1
        before_last, last = last, row
    return min(last[-1], most + 1)
