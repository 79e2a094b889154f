"""Full-text search over the runbooks, in English and Korean: BM25 over words, and over pairs of Hangul syllables."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache

from openmanager_core.errors import InvalidRequest
from openmanager_core.knowledge.shelf import Runbook, runbooks

_K1 = 1.2
_B = 0.5
_TITLE_WEIGHT = 3
_MOST_TERMS = 200
_MOST_TOP = 100
_WORD = re.compile(r"[a-z0-9]+|[가-힣]+")
_COMMON = (
    "a an and are as at be by can do does for from has have how i in is it its my of on or our show that the "
    "their this to was we what when which who why with you 왜 좀 지금 어떻게 무슨 뭐"
)
_STOP = frozenset(_COMMON.split())
_ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ed", "es", "s", "y", "e")


@dataclass(frozen=True, slots=True)
class Hit:
    """One runbook that fits; `score` is comparable within one answer only, `matched` are the terms that did it."""

    runbook: Runbook
    score: float
    matched: tuple[str, ...]


def search(query: str, top: int = 5) -> list[Hit]:
    """The runbooks that fit a question in words, best first; empty if no word of it occurs in any.

    Parameters
    ----------
    query
        English, Korean or both. Only the first 200 terms count.
    top
        At most so many, from 1 to 100.

    Raises
    ------
    InvalidRequest
        If `top` is out of range or the query holds no letter or digit.

    Notes
    -----
    Okapi BM25 with k1 1.2 and b 0.5 [1]_. Hangul is cut into pairs of syllables, which needs no dictionary and
    survives particles and missing spaces; English endings are cut off.

    References
    ----------
    .. [1] S. Robertson and H. Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", section 3.3,
       2009. doi:10.1561/1500000019
    """
    if not 1 <= top <= _MOST_TOP:
        raise InvalidRequest(f"top must be from 1 to {_MOST_TOP}, got {top}")
    asked = terms(query[:10_000])[:_MOST_TERMS]
    if not asked:
        raise InvalidRequest("the query holds no word to search for", hint="words such as 'memory leak' or '디스크'")
    index = _index()
    hits = []
    for book, counts, length in index.documents:
        total, matched = 0.0, []
        for term in dict.fromkeys(asked):
            count = counts.get(term, 0)
            if count:
                share = count * (_K1 + 1) / (count + _K1 * (1 - _B + _B * length / index.mean_length))
                total += index.rarity[term] * share
                matched.append(term)
        if matched:
            hits.append(Hit(book, round(total, 4), tuple(matched)))
    return sorted(hits, key=lambda h: -h.score)[:top]


def terms(text: str) -> list[str]:
    """Words as they are searched: folded, without stop words and endings; Hangul as pairs of syllables."""
    out: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        if word in _STOP:
            continue
        if "가" <= word[0] <= "힣":
            out += [word] if len(word) == 1 else [word[k : k + 2] for k in range(len(word) - 1)]
        else:
            out.append(_stem(word))
    return out


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


@dataclass(frozen=True, slots=True)
class _Index:
    documents: tuple[tuple[Runbook, Counter[str], int], ...]
    rarity: dict[str, float]
    mean_length: float


@cache
def _index() -> _Index:
    documents = []
    for book in runbooks():
        counts = Counter(terms(book.text()))
        for term in set(terms(f"{book.title} {book.title_ko}")):
            counts[term] += _TITLE_WEIGHT
        documents.append((book, counts, sum(counts.values())))
    held = Counter(term for _, counts, _ in documents for term in counts)
    n = len(documents)
    rarity = {t: math.log(1 + (n - k + 0.5) / (k + 0.5)) for t, k in held.items()}
    return _Index(tuple(documents), rarity, sum(length for *_, length in documents) / max(n, 1))
