"""Search: which thoughts hold all of some words, by the index and, where it has not come to yet, by looking."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from openmanager_core.errors import InvalidRequest
from openmanager_thinking.lookups import Chain

if TYPE_CHECKING:
    import sqlite3

_SHORTEST_INDEXED, _LONGEST_INDEXED = 3, 32
_MOST_WORDS = 20
_WORDS = re.compile(r'"([^"]+)"|(\S+)')
_HIT = "SELECT t.id, c.handle, c.title, coalesce(b.name, ''), t.number, t.text, t.at_s"
_AROUND = "JOIN chains c ON c.id = t.chain LEFT JOIN branches b ON b.chain = t.chain AND b.rank = t.branch"


@dataclass(frozen=True, slots=True)
class Hit:
    """A thought that holds what was searched for."""

    id: int
    handle: str
    title: str
    branch: str
    number: int
    text: str
    at_s: float


def words_of(query: str) -> list[str]:
    """Take a query apart: words, and phrases in double quotes.

    Raises
    ------
    InvalidRequest
        If nothing remains, or too much.
    """
    words = [phrase or word for phrase, word in _WORDS.findall(query.replace("\0", " "))]
    if not words or len(words) > _MOST_WORDS:
        raise InvalidRequest(f"query must have from 1 to {_MOST_WORDS} words, got {len(words)}")
    return words


def search(
    db: sqlite3.Connection, owner: str, words: Sequence[str], chain: Chain | None, before_id: int, limit: int
) -> list[Hit]:
    """Find the thoughts that hold every word, the newest first.

    The index knows runs of three characters. Shorter words, as many Korean ones are, are looked for in the texts
    that the longer ones leave, or in all of them; and so is the whole of a word of which the index is asked for the
    beginning, because a long run of runs can keep it busy for seconds. Thoughts that are newer than the index are
    looked through as they are, so that no search has to wait for it.
    """
    asked = [word for word in words if len(word) >= _SHORTEST_INDEXED]
    if not asked:
        return _among("thoughts t", "t.id", db, owner, words, chain, before_id, limit)
    (indexed,) = db.execute("SELECT indexed FROM totals").fetchone()
    hits = list(islice(_newer(db, owner, words, chain, indexed, before_id), limit))
    if len(hits) == limit:
        return hits
    match = " AND ".join('"' + word[:_LONGEST_INDEXED].replace('"', '""') + '"' for word in asked)
    rest = [word for word in words if not _SHORTEST_INDEXED <= len(word) <= _LONGEST_INDEXED]
    source = "thoughts_text f JOIN thoughts t ON t.id = f.rowid"
    return hits + _among(source, "f.rowid", db, owner, rest, chain, before_id, limit - len(hits), match)


def _among(
    source: str,
    key: str,
    db: sqlite3.Connection,
    owner: str,
    words: Sequence[str],
    chain: Chain | None,
    before_id: int,
    limit: int,
    match: str = "",
) -> list[Hit]:
    """Those among some that hold each word somewhere; with `match` the index says which ones to look at."""
    which, given = ["thoughts_text MATCH ?"] if match else [], [match] if match else []
    for word in words:
        which.append("t.text LIKE ? ESCAPE '\\'")
        given.append("%" + re.sub(r"([\\%_])", r"\\\1", word) + "%")
    bounds, values = _bounds(key, owner, chain, before_id)
    rows = db.execute(
        f"{_HIT} FROM {source} {_AROUND} WHERE {' AND '.join([*which, *bounds])} ORDER BY {key} DESC LIMIT ?",
        (*given, *values, limit),
    )
    return [Hit(*row) for row in rows]


def _newer(
    db: sqlite3.Connection, owner: str, words: Sequence[str], chain: Chain | None, indexed: int, before_id: int
) -> Iterator[Hit]:
    """Those that the index does not know yet; letters are the same in either case, as they are to it."""
    bounds, values = _bounds("t.id", owner, chain, before_id)
    rows = db.execute(
        # CROSS: by their ids, and not by way of all chains of this owner.
        f"{_HIT} FROM thoughts t CROSS {_AROUND} WHERE t.id > ? AND {' AND '.join(bounds)} ORDER BY t.id DESC",
        (indexed, *values),
    )
    wanted = [word.lower() for word in words]
    for row in rows:
        hit = Hit(*row)
        text = hit.text.lower()
        if all(word in text for word in wanted):
            yield hit


def _bounds(key: str, owner: str, chain: Chain | None, before_id: int) -> tuple[list[str], list[Any]]:
    """Whose thoughts, or which chain's, and from where on."""
    which, values = (["c.id = ?"], [chain.id]) if chain is not None else (["c.owner = ?"], [owner])
    return ([f"{key} < ?", *which], [before_id, *values]) if before_id else (which, list(values))
