"""Search over the shipped runbooks, in English and Korean."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from openmanager_core.errors import InvalidRequest
from openmanager_core.knowledge.passages import Passage, Passages
from openmanager_core.knowledge.shelf import Runbook, runbook, runbooks
from openmanager_core.knowledge.terms import terms

_MOST_TOP = 100
_MOST_CHARS = 10_000


@dataclass(frozen=True, slots=True)
class Hit:
    """One runbook that fits; `score` and `coverage` from 0 to 1, `matched` are the terms that did it."""

    runbook: Runbook
    score: float
    coverage: float
    matched: tuple[str, ...]


def search(query: str, top: int = 5) -> list[Hit]:
    """The runbooks that fit a question in words, best first; empty if no word of it occurs in any.

    Parameters
    ----------
    query
        English, Korean or both. Only the first 60 terms count.
    top
        At most so many, from 1 to 100.

    Raises
    ------
    InvalidRequest
        If `top` is out of range or the query holds no letter or digit.

    Notes
    -----
    SQLite FTS5: BM25 over stems and pairs of Hangul syllables, joined with BM25 over trigrams of single letters
    (Hangul syllables taken apart), which forgives slips of spelling.
    """
    if not 1 <= top <= _MOST_TOP:
        raise InvalidRequest(f"top must be from 1 to {_MOST_TOP}, got {top}")
    if not terms(query[:_MOST_CHARS]):
        raise InvalidRequest("the query holds no word to search for", hint="words such as 'memory leak' or '디스크'")
    return [Hit(runbook(f.source), f.score, f.matched, f.terms) for f in _index().search(query[:_MOST_CHARS], top)]


@cache
def _index() -> Passages:
    index = Passages()
    index.add(
        Passage(r.id, f"{r.title} {r.title_ko} {r.id.replace('_', ' ')}", f"{r.symptoms}\n{r.symptoms_ko}", r.text())
        for r in runbooks()
    )
    return index
