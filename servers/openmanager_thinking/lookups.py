"""What is in the file: rows of chains, thoughts and branches, always as one owner may see them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from openmanager_core.errors import NotFound
from openmanager_core.text import quoted
from openmanager_thinking.thought import MAIN

if TYPE_CHECKING:
    import sqlite3

ANYBODY = ""
"""Owns the chains of callers that nothing tells apart: whoever has the handle may use them."""

BRANCHES_SHOWN = 20
_CHAIN = (
    "id, handle, owner, title, created_s, updated_s, thoughts, c.bytes, branches, last_seq, last_number, "
    "conclusions, open"
)
_CHAIN_AND_TOTALS = f"SELECT chains, t.bytes, indexed, {_CHAIN} FROM totals t LEFT JOIN chains c ON c.handle = ?"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Chain:
    """A row of `chains`."""

    id: int
    handle: str
    owner: str
    title: str
    created_s: float
    updated_s: float
    thoughts: int = 0
    bytes: int = 0
    branches: int = 0
    last_seq: int = 0
    last_number: int = 0
    conclusions: int = 0
    open: int = 1


class Totals(NamedTuple):
    """The row of `totals`."""

    chains: int
    bytes: int
    indexed: int
    """The id of the last thought that the search index knows."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A thought as it is read back; `branch` is "" on the main line, a `number` of another thought 0 for none."""

    seq: int
    branch: str
    number: int
    total: int
    more: bool
    parent_seq: int
    revises_seq: int
    revises_number: int
    at_s: float
    text: str
    branch_from: int
    """Of the first thought of a branch."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a chain came to."""

    at_s: float
    text: str
    confidence: float
    questions: list[str]


def chain_of(db: sqlite3.Connection, owner: str, handle: str, *, missing_ok: bool = False) -> Chain | None:
    """Find a chain that this owner may use.

    Raises
    ------
    NotFound
        If there is none, unless `missing_ok`. Another owner's chain is as good as none, and not to be made again.
    """
    row = db.execute(f"SELECT {_CHAIN} FROM chains c WHERE handle = ?", (handle,)).fetchone()  # noqa: S608
    return _allowed(row, owner, handle, missing_ok)


def chain_and_totals(
    db: sqlite3.Cursor, owner: str, handle: str, *, missing_ok: bool = False
) -> tuple[Chain | None, Totals]:
    """Find the same, and what all chains come to, in one look.

    Raises
    ------
    NotFound
        As `chain_of`.
    """
    row = db.execute(_CHAIN_AND_TOTALS, (handle,)).fetchone()
    return _allowed(None if row[3] is None else row[3:], owner, handle, missing_ok), Totals(*row[:3])


def _allowed(row: Sequence[Any] | None, owner: str, handle: str, missing_ok: bool) -> Chain | None:
    if row is not None and row[2] in (owner, ANYBODY):
        return Chain(*row)
    if missing_ok and row is None:
        return None
    hint = "list_chains names the chains there are" if owner != ANYBODY else "the chainId of an earlier answer"
    raise NotFound(f"chainId {quoted(handle, 60)} does not exist", hint=hint)


def need_chain(db: sqlite3.Connection, owner: str, handle: str) -> Chain:
    """Find a chain that this owner may use.

    Raises
    ------
    NotFound
        If there is none.
    """
    chain = chain_of(db, owner, handle)
    assert chain is not None
    return chain


def number_on(db: sqlite3.Connection, chain: int, number: int, rank: int) -> int:
    """Find the thought that a number means to somebody on a line: there, else on the main line, else the newest."""
    row = db.execute(
        "SELECT seq FROM ("
        "SELECT seq, branch FROM thoughts WHERE chain = ? AND seq = ? AND number = seq UNION ALL "
        "SELECT seq, branch FROM thoughts WHERE chain = ? AND number = ? AND number <> seq"
        ") ORDER BY branch = ? DESC, branch = 0 DESC, seq DESC LIMIT 1",
        (chain, number, chain, number, rank),
    ).fetchone()
    return row[0] if row else 0


def latest_branches(db: sqlite3.Connection, chain: int, most: int) -> list[str]:
    """Name the last few branches in the order in which they began."""
    rows = db.execute("SELECT name FROM branches WHERE chain = ? ORDER BY rank DESC LIMIT ?", (chain, most))
    return [name for (name,) in rows][::-1]


def what_exists(db: sqlite3.Connection, chain: Chain) -> str:
    """Say in a few words which numbers and branches a reference may name."""
    count, low, high = db.execute(
        "SELECT count(*), min(number), max(number) FROM thoughts WHERE chain = ? AND branch = 0", (chain.id,)
    ).fetchone()
    said = f"the main line has {_numbers(count, low, high)}"
    rows = db.execute(
        "SELECT b.name, b.origin_number, b.thoughts, min(t.number), max(t.number) FROM branches b JOIN thoughts t "
        "ON t.chain = b.chain AND t.branch = b.rank WHERE b.chain = ? AND b.rank > ? GROUP BY b.rank ORDER BY b.rank",
        (chain.id, chain.branches - 5),
    ).fetchall()
    if not rows:
        return f"{said}; there is no branch"
    listed = ", ".join(
        f"{quoted(name, 40)} (from {origin}: {_numbers(count, low, high)})" for name, origin, count, low, high in rows
    )
    older = f" and {chain.branches - len(rows)} older" if chain.branches > len(rows) else ""
    return f"{said}; branches: {listed}{older}"


def _numbers(count: int, low: int, high: int) -> str:
    if count == 1:
        return f"thought {low}"
    gaps = "" if high - low + 1 == count else f" ({count} of them)"
    return f"thoughts {low}-{high}{gaps}"


def chains_of(db: sqlite3.Connection, owner: str, offset: int, limit: int, state: str) -> tuple[int, list[Chain]]:
    """Count and list an owner's chains, the last used first."""
    which, given = "owner = ?", [owner]
    if state != "all":
        which += f" AND open = {int(state == 'open')}"
    total = db.execute(f"SELECT count(*) FROM chains WHERE {which}", given).fetchone()[0]  # noqa: S608
    rows = db.execute(
        f"SELECT {_CHAIN} FROM chains c WHERE {which} ORDER BY updated_s DESC, id DESC LIMIT ? OFFSET ?",  # noqa: S608
        (*given, limit, offset),
    )
    return total, [Chain(*row) for row in rows]


def rank_of(db: sqlite3.Connection, chain: Chain, name: str) -> int:
    """Find a line by its name.

    Raises
    ------
    NotFound
        If the chain has no such branch.
    """
    if name == MAIN:
        return 0
    row = db.execute("SELECT rank FROM branches WHERE chain = ? AND name = ?", (chain.id, name)).fetchone()
    if row is None:
        raise NotFound(
            f"branchId {quoted(name, 80)} is no branch of this chain; {what_exists(db, chain)}",
            hint=f"one of these, or {MAIN}",
        )
    return int(row[0])


def thoughts_of(db: sqlite3.Connection, chain: Chain, first_seq: int, rank: int | None) -> Iterator[Kept]:
    """Read the thoughts of a chain in the order in which they came, or those of one line."""
    which, given = "", [chain.id, first_seq]
    if rank is not None:
        which = "AND t.branch = ? "
        given.append(rank)
    rows = db.execute(
        "SELECT t.seq, coalesce(b.name, ''), t.number, t.total, t.more, t.parent_seq, t.revises_seq, t.revises_number, "  # noqa: S608
        "t.at_s, t.text, iif(b.first_seq = t.seq, b.origin_number, 0) FROM thoughts t "
        "LEFT JOIN branches b ON b.chain = t.chain AND b.rank = t.branch "
        f"WHERE t.chain = ? AND t.seq >= ? {which}ORDER BY t.seq",
        given,
    )
    for row in rows:
        yield Kept(*row)


def conclusion_of(db: sqlite3.Connection, chain: Chain) -> Conclusion | None:
    """Read what a chain came to last."""
    row = db.execute(
        "SELECT at_s, text, confidence, questions FROM conclusions WHERE chain = ? ORDER BY id DESC LIMIT 1",
        (chain.id,),
    ).fetchone()
    return None if row is None else Conclusion(row[0], row[1], row[2], json.loads(row[3]))


@dataclass(frozen=True, slots=True)
class Line:
    """The main line or a branch, with its ends."""

    name: str
    origin_number: int
    thoughts: int
    revisions: int
    first: str
    last: str
    last_number: int
    more: bool


def lines_of(db: sqlite3.Connection, chain: Chain, ranks: Sequence[int], chars: int) -> list[Line]:
    """Describe lines of a chain, in the given order; their first and last thought cut to `chars`."""
    return [line for rank in ranks if (line := _line(db, chain, rank, chars)) is not None]


def _line(db: sqlite3.Connection, chain: Chain, rank: int, chars: int) -> Line | None:
    name, origin, first_seq, last_seq = MAIN, 0, 0, chain.last_seq
    if rank:
        name, origin, first_seq, last_seq = db.execute(
            "SELECT name, origin_number, first_seq, last_seq FROM branches WHERE chain = ? AND rank = ?",
            (chain.id, rank),
        ).fetchone()
    count, revisions, low = db.execute(
        "SELECT count(*), total(revises_seq > 0), min(seq) FROM thoughts WHERE chain = ? AND branch = ?",
        (chain.id, rank),
    ).fetchone()
    if not count:
        return None
    one = "SELECT substr(text, 1, ?), number, more FROM thoughts WHERE chain = ? AND seq = ?"
    first = db.execute(one, (chars, chain.id, first_seq or low)).fetchone()
    last = db.execute(one, (chars, chain.id, last_seq)).fetchone()
    return Line(name, origin, count, int(revisions), first[0], last[0], last[1], bool(last[2]))
