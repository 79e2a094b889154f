"""Lists of chains and of thoughts found, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from pydantic import Field

from openmanager_core.text import ident, many, quoted
from openmanager_core.timespan import iso
from openmanager_kit import cursors
from openmanager_kit.answers import MAX_CHARS, Answer
from openmanager_thinking.desk import TheVisit
from openmanager_thinking.lookups import chains_of, need_chain
from openmanager_thinking.parameters import Cursor, Limit, MaxChars
from openmanager_thinking.searching import Hit, search, words_of

if TYPE_CHECKING:
    import sqlite3

_AROUND_CHARS = 100
_OWN_CHARS = 300


class Row(Protocol):
    """What can stand in a list."""

    def line(self) -> str:
        """Say it in a line."""

    def model_dump_json(self) -> str:
        """Write it as compact JSON."""


def fitting(rows: Sequence[Row], limit: int, max_chars: int) -> int:
    """Count the rows that fit, as text and as JSON; at least one."""
    used = _OWN_CHARS
    for count, row in enumerate(rows[:limit]):
        used += max(len(row.line()), len(row.model_dump_json())) + 1
        if used > max_chars and count:
            return count
    return min(len(rows), limit)


class ChainRow(Answer):
    """One chain."""

    chainId: str  # noqa: N815
    title: str
    open: bool
    thoughts: int
    branches: int
    updated: str

    def line(self) -> str:
        """Say it in a line."""
        state = "open" if self.open else "concluded"
        return f"- {self.chainId} {quoted(self.title, 100)}: {state}, {many(self.thoughts, 'thought')}, " + (
            f"{many(self.branches, 'branch')}, {self.updated}"
        )


class ChainList(Answer):
    """An owner's chains."""

    chains: list[ChainRow]
    total: int
    next_cursor: str | None

    def as_text(self) -> str:
        """Say it line by line."""
        if not self.chains:
            return "There are no chains."
        rest = [f"next_cursor: {self.next_cursor}"] if self.next_cursor else []
        head = f"{many(self.total, 'chain')}, the last used first:"
        return "\n".join([head, *(row.line() for row in self.chains), *rest])


async def list_chains(
    visit: TheVisit,
    state: Literal["all", "open", "concluded"] = "all",
    limit: Limit = 50,
    cursor: Cursor = "",
    max_chars: MaxChars = MAX_CHARS,
) -> ChainList:
    """List your chains of thoughts, earlier sessions' too."""
    owner, key = visit.listed(), ("list_chains", state)
    start = cursors.decode(cursor, key)
    total, chains = await visit.desk.store.read(lambda db: chains_of(db, owner, start, limit + 1, state))
    rows = [
        ChainRow(
            chainId=one.handle,
            title=one.title,
            open=bool(one.open),
            thoughts=one.thoughts,
            branches=one.branches,
            updated=iso(one.updated_s),
        )
        for one in chains
    ]
    count = fitting(rows, limit, max_chars)
    after = cursors.encode(start + count, key) if count < len(rows) else None
    return ChainList(chains=rows[:count], total=total, next_cursor=after)


class HitRow(Answer):
    """One thought that was found."""

    chainId: str  # noqa: N815
    thoughtNumber: int  # noqa: N815
    branchId: str = ""  # noqa: N815
    excerpt: str
    at: str

    def line(self) -> str:
        """Say it in a line."""
        branch = f" on {ident(self.branchId)}" if self.branchId else ""
        return f"- {self.chainId} thought {self.thoughtNumber}{branch}, {self.at}: {quoted(self.excerpt, 240)}"


class HitList(Answer):
    """Thoughts that were found."""

    hits: list[HitRow]
    next_cursor: str | None

    def as_text(self) -> str:
        """Say it line by line."""
        if not self.hits:
            return "No thought holds all of these words. Try fewer or shorter words: parts of words are found too."
        rest = [f"next_cursor: {self.next_cursor}"] if self.next_cursor else []
        return "\n".join(["Found, the newest first:", *(row.line() for row in self.hits), *rest])


async def search_thoughts(
    visit: TheVisit,
    query: Annotated[str, Field(max_length=500, description='Words or "phrases"; all must occur')],
    chainId: Annotated[str, Field(max_length=60, description="Only in this chain; empty: in all of yours")] = "",  # noqa: N803
    limit: Limit = 20,
    cursor: Cursor = "",
    max_chars: MaxChars = MAX_CHARS,
) -> HitList:
    """Find thoughts by words or parts of words, in any language."""
    words = words_of(query)
    owner = visit.owner if chainId else visit.listed()
    key = ("search_thoughts", query, chainId)
    before = cursors.decode(cursor, key)

    def find(db: sqlite3.Connection) -> list[Hit]:
        chain = need_chain(db, owner, chainId) if chainId else None
        return search(db, owner, words, chain, before, limit + 1)

    store = visit.desk.store
    found = await store.read(find)
    rows = [
        HitRow(
            chainId=hit.handle,
            thoughtNumber=hit.number,
            branchId=hit.branch,
            excerpt=_excerpt(hit.text, words[0]),
            at=iso(hit.at_s),
        )
        for hit in found
    ]
    count = fitting(rows, limit, max_chars)
    after = cursors.encode(found[count - 1].id, key) if count < len(rows) else None
    return HitList(hits=rows[:count], next_cursor=after)


def _excerpt(text: str, word: str) -> str:
    at = max(text.lower().find(word.lower()), 0)
    begin, end = max(at - _AROUND_CHARS, 0), at + len(word) + _AROUND_CHARS
    return ("…" if begin else "") + text[begin:end] + ("…" if end < len(text) else "")
