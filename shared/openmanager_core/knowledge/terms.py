"""Words as they are searched: folded, without stop words and endings; Hangul as pairs of syllables and as letters."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[a-z0-9]+|[가-힣]+")
_COMMON = (
    "a an and are as at be by can do does for from has have how i in is it its my of on or our show that the "
    "their this to was we what when which who why with you if not there should me all then get keep keeps "
    "왜 좀 지금 어떻게 무슨 뭐 방법 해결 하는 하나요 할까 해야 있어 때 경우 너무 자꾸 계속"
)
_STOP = frozenset(_COMMON.split())
_ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ed", "es", "s", "y", "e")


def terms(text: str) -> list[str]:
    """Stems of English words, and pairs of syllables of Korean ones: no dictionary, and particles do no harm."""
    out: list[str] = []
    for word in words(text):
        if "가" <= word[0] <= "힣":
            out += [word] if len(word) == 1 else [word[k : k + 2] for k in range(len(word) - 1)]
        else:
            out.append(stem(word))
    return out


def words(text: str) -> list[str]:
    """Folded words without those that everybody uses."""
    return [w for w in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()) if w not in _STOP]


def stem(word: str) -> str:
    """An English word without its ending, if three letters are left."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def lettered(text: str) -> str:
    """Korean as single letters: a word of two syllables is long enough for trigrams, and a typo costs few of them."""
    return unicodedata.normalize("NFD", " ".join(words(text)))
