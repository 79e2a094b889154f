"""How the words of a text and of a query meet in a local index, in Korean, Chinese and Japanese too.

SQLite's tokenizer takes a run of Hangul or Han characters for one word, so that 서버 is not found in 서버가. Such runs
are stored a second time as pairs of neighbours, and looked for as phrases of pairs: exact for two syllables and more.
"""

from __future__ import annotations

import re
import unicodedata

from openmanager_core.errors import InvalidRequest

_PAIRED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
_RUN = re.compile(f"[{_PAIRED}]+")
_PART = re.compile(f"[{_PAIRED}]+|[^\\W{_PAIRED}]+")
_TERM = re.compile(r'-?"[^"]*"|\S+')
_MOST_TERMS = 32
_PREFIX_FROM = 3
_AROUND = 160


def normal(text: str) -> str:
    """Compose what some systems write in pieces (Hangul in file names of macOS), and drop NUL."""
    return unicodedata.normalize("NFC", text).replace("\0", "")


def pairs(text: str) -> str:
    """Write the paired scripts' runs as pairs of neighbours; a 0 between runs keeps phrases from crossing."""
    return " 0 ".join(_pairs_of(run.group()) for run in _RUN.finditer(text))


def _pairs_of(run: str) -> str:
    return run if len(run) == 1 else " ".join(run[i : i + 2] for i in range(len(run) - 1))


def terms(query: str) -> tuple[list[str], list[str]]:
    """Take a query apart: what must be there and what must not, each a word or a phrase."""
    wanted: list[str] = []
    unwanted: list[str] = []
    for match in _TERM.finditer(normal(query)):
        term = match.group()
        into = unwanted if term.startswith("-") and len(term) > 1 else wanted
        if _PART.search(term):
            into.append(term.removeprefix("-"))
    return wanted[:_MOST_TERMS], unwanted[:_MOST_TERMS]


def matches(query: str) -> tuple[str, str]:
    """Write the query for FTS5: with all of its words, and with any of them.

    Raises
    ------
    InvalidRequest
        If it holds no word to look for.
    """
    wanted, unwanted = terms(query)
    if not wanted:
        raise InvalidRequest(
            "query holds no word that a local index could look for", hint="at least one word without a minus"
        )
    parts = [_expression(term) for term in wanted]
    but = "".join(f" NOT ({_expression(term)})" for term in unwanted)
    return "(" + " AND ".join(parts) + ")" + but, "(" + " OR ".join(parts) + ")" + but


def _expression(term: str) -> str:
    phrase = term.startswith('"')
    found = [part.group() for part in _PART.finditer(term)]
    if phrase and not any(_RUN.fullmatch(part) for part in found):
        return '{title body} : "' + " ".join(found) + '"'
    return "(" + " AND ".join(_part(part, phrase) for part in found) + ")"


def _part(part: str, whole: bool) -> str:
    if _RUN.fullmatch(part):
        star = " *" if len(part) == 1 else ""
        return f'grams : "{_pairs_of(part)}"{star}'
    star = " *" if len(part) >= _PREFIX_FROM and not whole else ""
    return f'{{title body}} : "{part}"{star}'


def snippet(body: str, query: str, around: int = _AROUND) -> str:
    """Cut out the stretch of a text where most of the query's words stand close together."""
    wanted, _ = terms(query)
    words = [part.group() for term in wanted for part in _PART.finditer(term)]
    places: list[tuple[int, int]] = []
    for number, word in enumerate(words[:8]):
        pattern = re.compile(re.escape(word), re.IGNORECASE)
        places += [(match.start(), number) for _, match in zip(range(20), pattern.finditer(body), strict=False)]
    places.sort()
    best, most = 0, 0
    for at, _ in places:
        together = len({number for place, number in places if at <= place < at + around * 2})
        if together > most:
            best, most = at, together
    start = max(0, best - around // 2)
    if start:
        start = body.find(" ", start, best) + 1 or start
    end = min(len(body), start + around * 3)
    return ("… " if start else "") + body[start:end] + (" …" if end < len(body) else "")
