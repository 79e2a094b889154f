"""Branches side by side: where each began, how far it came, and its last word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from openmanager_core.text import ident, many, quoted
from openmanager_kit import cursors
from openmanager_kit.answers import MAX_CHARS, Answer
from openmanager_thinking.desk import TheVisit
from openmanager_thinking.listing import fitting
from openmanager_thinking.lookups import Chain, Line, lines_of, need_chain, rank_of
from openmanager_thinking.parameters import ChainId, Cursor, MaxChars
from openmanager_thinking.thought import BRANCH_CHARS

if TYPE_CHECKING:
    import sqlite3

_MOST = 100
_EXCERPT_CHARS = 200
_LONGEST_EXCERPT = 4_000


class LineRow(Answer):
    """The main line or a branch."""

    branchId: str  # noqa: N815
    branchFromThought: int = Field(description="0 on the main line")  # noqa: N815
    thoughts: int
    revisions: int
    finished: bool
    lastNumber: int  # noqa: N815
    first: str
    last: str

    def line(self) -> str:
        """Say it in a few lines."""
        origin = f" from thought {self.branchFromThought}" if self.branchFromThought else ""
        state = "finished" if self.finished else "not finished"
        size = f"{many(self.thoughts, 'thought')}, {many(self.revisions, 'revision')}"
        said = f"{ident(self.branchId)}{origin}: {size}, {state}"
        longest = len(self.last) + 200
        first = f"\n  first: {quoted(self.first, longest)}" if self.thoughts > 1 else ""
        return f"- {said}{first}\n  last ({self.lastNumber}): {quoted(self.last, longest)}"


class Comparison(Answer):
    """Lines of one chain."""

    chainId: str  # noqa: N815
    branches: list[LineRow]
    total: int
    next_cursor: str | None

    def as_text(self) -> str:
        """Say it line by line."""
        rest = [f"next_cursor: {self.next_cursor}"] if self.next_cursor else []
        head = f"Chain {self.chainId}, {many(self.total, 'line')}:"
        return "\n".join([head, *(row.line() for row in self.branches), *rest])


async def compare_branches(
    visit: TheVisit,
    chainId: ChainId = "",  # noqa: N803
    branchIds: Annotated[  # noqa: N803
        list[Annotated[str, Field(max_length=BRANCH_CHARS)]],
        Field(max_length=_MOST, description="Which, main among them; empty: all"),
    ] = [],  # noqa: B006 - never changed
    cursor: Cursor = "",
    max_chars: MaxChars = MAX_CHARS,
) -> Comparison:
    """Compare the branches of a chain: where they began, how far they came, their last thoughts."""
    handle = visit.chain(chainId)
    key = ("compare_branches", handle, branchIds)
    start = cursors.decode(cursor, key)
    # Few lines leave more room for each.
    chars = max(_EXCERPT_CHARS, min(_LONGEST_EXCERPT, max_chars // (4 * max(len(branchIds), 1)) if branchIds else 0))

    def read(db: sqlite3.Connection) -> tuple[Chain, int, list[Line]]:
        chain = need_chain(db, visit.owner, handle)
        ranks = list(dict.fromkeys(rank_of(db, chain, name) for name in branchIds)) or range(chain.branches + 1)
        return chain, len(ranks), lines_of(db, chain, ranks[start : start + _MOST + 1], chars)

    chain, total, lines = await visit.desk.store.read(read)
    rows = [
        LineRow(
            branchId=one.name,
            branchFromThought=one.origin_number,
            thoughts=one.thoughts,
            revisions=one.revisions,
            finished=not one.more,
            lastNumber=one.last_number,
            first=one.first,
            last=one.last,
        )
        for one in lines
    ]
    count = fitting(rows, _MOST, max_chars)
    after = cursors.encode(start + count, key) if count < len(rows) else None
    return Comparison(chainId=chain.handle, branches=rows[:count], total=total, next_cursor=after)
