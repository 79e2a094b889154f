"""What changes chains: each function runs within a transaction of the writer and checks before it changes anything."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openmanager_core.errors import Conflict, FleetError, InvalidRequest
from openmanager_core.text import many, quoted
from openmanager_thinking.limits import Section
from openmanager_thinking.lookups import (
    BRANCHES_SHOWN,
    Chain,
    Totals,
    chain_and_totals,
    chain_of,
    latest_branches,
    number_on,
    what_exists,
)
from openmanager_thinking.thought import Thought
from openmanager_thinking.upkeep import index, take_away

if TYPE_CHECKING:
    import sqlite3

TITLE_CHARS = 120
_MOST_BEHIND, _MOST_LONG_BEHIND = 50_000, 10_000
"""Thoughts that the search index may not know yet before calls have to help it; fewer once one is long. A search looks
through 20,000 of 2 kB in a tenth of a second."""
_LONG_CHARS = 1_000
_LINE = "SELECT rank, thoughts, last_seq, last_number FROM branches WHERE chain = ? AND name = ?"


class Full(FleetError):
    """A limit of this server is reached."""

    code = "limit_reached"


class Concluded(Conflict):
    """The chain has come to its end."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the chain is like after a thought."""

    handle: str
    length: int
    branches: list[str]
    """In the order in which they began; the last few of many."""

    branch_count: int
    note: str


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a thought goes: the line, what it follows, what it revises."""

    rank: int
    begins: bool
    parent: int
    origin: int
    revised: int
    last_number: int


def append(
    db: sqlite3.Connection, owner: str, handle: str, make: bool, thought: Thought, limits: Section, now_s: float
) -> Stored:
    """Add a thought to a chain; with `make` to one that need not be there yet.

    Raises
    ------
    NotFound
        If there is no such chain for this owner.
    InvalidRequest
        If the thought refers to what is not there.
    Concluded
        If the chain is concluded and the thought does not say that more is needed.
    Full
        If a limit is reached.
    """
    size = len(thought.text.encode())
    cursor = db.cursor()
    chain, totals = chain_and_totals(cursor, owner, handle, missing_ok=make)
    if chain is not None and not chain.open and not thought.needs_more:
        raise Concluded(
            f"chain {handle} is concluded", hint="a new chain (chainId new), or needsMoreThoughts true to go on with it"
        )
    place = _place(db, chain, thought)
    _room(totals, chain, thought, size, limits)
    made = chain is None
    if chain is None:
        cursor.execute(
            "INSERT INTO chains (handle, owner, title, created_s, updated_s) VALUES (?, ?, ?, ?, ?)",
            (handle, owner, thought.text[:TITLE_CHARS], now_s, now_s),
        )
        assert cursor.lastrowid is not None
        chain = Chain(cursor.lastrowid, handle, owner, thought.text[:TITLE_CHARS], now_s, now_s)
    seq = chain.thoughts + 1
    row = (chain.id, seq, place.rank, thought.number, thought.total, thought.more, thought.needs_more)
    cursor.execute(
        "INSERT INTO thoughts (chain, seq, branch, number, total, more, needs_more, parent_seq, revises_seq, "
        "revises_number, at_s, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*row, place.parent, place.revised, thought.revises, now_s, thought.text),
    )
    assert cursor.lastrowid is not None
    behind = _MOST_LONG_BEHIND if len(thought.text) > _LONG_CHARS else _MOST_BEHIND
    if cursor.lastrowid - totals.indexed >= behind:  # there was no rest to do it in
        index(db)
    last = max(place.last_number, thought.number) if thought.revises else thought.number
    if place.begins:
        db.execute(
            "INSERT INTO branches VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?)",
            (chain.id, place.rank, thought.branch, place.origin, thought.branch_from, seq, seq, last),
        )
    elif place.rank:
        db.execute(
            "UPDATE branches SET thoughts = thoughts + 1, last_seq = ?, last_number = ? WHERE chain = ? AND rank = ?",
            (seq, last, chain.id, place.rank),
        )
    on_main = place.rank == 0
    cursor.execute(
        "UPDATE chains SET thoughts = ?, bytes = bytes + ?, branches = branches + ?, updated_s = ?, open = 1, "
        "last_seq = ?, last_number = ? WHERE id = ?",
        (
            seq,
            size,
            place.begins,
            now_s,
            seq if on_main else chain.last_seq,
            last if on_main else chain.last_number,
            chain.id,
        ),
    )
    cursor.execute("UPDATE totals SET chains = chains + ?, bytes = bytes + ?", (made, size))
    count = chain.branches + place.begins
    names = latest_branches(db, chain.id, BRANCHES_SHOWN) if count else []
    return Stored(handle, seq, names, count, _note(thought, place, seq))


def _place(db: sqlite3.Connection, chain: Chain | None, thought: Thought) -> _Place:
    if chain is None:
        if thought.revises or thought.branch:
            what = f"revisesThought {thought.revises}" if thought.revises else f"branchId {quoted(thought.branch, 80)}"
            raise InvalidRequest(
                f"{what} refers to an earlier thought, but this chain has none yet",
                hint="a plain first thought, or the chainId of the chain that has it",
            )
        return _Place(0, False, 0, 0, 0, 0)
    rank, begins, parent, origin, last_number = 0, False, chain.last_seq, 0, chain.last_number
    if thought.branch:
        found = db.execute(_LINE, (chain.id, thought.branch)).fetchone()
        if thought.branch_from:
            origin = number_on(db, chain.id, thought.branch_from, found[0] if found else 0)
            if not origin:
                raise _nowhere(db, chain, "branchFromThought", thought.branch_from)
        if found:
            rank, _, parent, last_number = found
        elif not thought.branch_from:
            raise InvalidRequest(
                f"branchId {quoted(thought.branch, 80)} is no branch of this chain; {what_exists(db, chain)}",
                hint="branchFromThought to begin it",
            )
        else:
            rank, begins, parent, last_number = chain.branches + 1, True, origin, 0
    revised = 0
    if thought.revises:
        revised = number_on(db, chain.id, thought.revises, 0 if begins else rank)
        if not revised:
            raise _nowhere(db, chain, "revisesThought", thought.revises)
    return _Place(rank, begins, parent, origin, revised, last_number)


def _nowhere(db: sqlite3.Connection, chain: Chain, parameter: str, number: int) -> InvalidRequest:
    return InvalidRequest(
        f"{parameter} {number} does not exist in this chain; {what_exists(db, chain)}",
        hint="one of these, or the chainId of the chain that has it",
    )


def _room(totals: Totals, chain: Chain | None, thought: Thought, size: int, limits: Section) -> None:
    """Refuse what would be too much."""
    if len(thought.text) > limits.thought_chars:
        raise InvalidRequest(
            f"thought must be at most {limits.thought_chars} characters long, got {len(thought.text)}",
            hint="the step itself, without the material it is about; or several thoughts",
        )
    if chain is not None and chain.thoughts >= limits.chain_thoughts:
        raise Full(
            f"the chain has {many(chain.thoughts, 'thought')}, the most is {limits.chain_thoughts}",
            hint="conclude_chain, then a new one (chainId new)",
        )
    if size + (0 if chain is None else chain.bytes) > limits.chain_bytes:
        raise Full(
            f"the chain would have more than {limits.chain_bytes} bytes",
            hint="conclude_chain, then a new one (chainId new)",
        )
    if chain is None and totals.chains >= limits.chains:
        there = f"there {'is' if totals.chains == 1 else 'are'} {many(totals.chains, 'chain')}"
        raise Full(
            f"{there}, the most is {limits.chains}",
            hint="delete_chain for some, or a higher chains in the settings of this server",
        )
    if totals.bytes + size > limits.total_bytes:
        raise Full(
            f"all chains together would have more than {limits.total_bytes} bytes",
            hint="delete_chain for some, or a higher total_bytes in the settings of this server",
        )


def _note(thought: Thought, place: _Place, seq: int) -> str:
    """Say what is odd about a number that is nevertheless taken: it is the caller's own count."""
    if thought.revises or place.begins or thought.number == place.last_number + 1:
        return ""
    if seq == 1:
        return f"This chain is new and begins with thought {thought.number}; chainId continues an earlier one."
    if thought.number == 1 and not place.rank:
        return "Thought 1 again, in the same chain; chainId new begins another one."
    if thought.number <= place.last_number:
        return f"Thought {thought.number} after {place.last_number}: from here on {thought.number} means this one."
    return f"Thought {thought.number} after {place.last_number}: none is recorded between them."


def conclude(
    db: sqlite3.Connection,
    owner: str,
    handle: str,
    text: str,
    confidence: float,
    questions: list[str],
    limits: Section,
    now_s: float,
) -> Chain:
    """Write down what a chain came to; the same conclusion again changes nothing.

    Raises
    ------
    NotFound, InvalidRequest, Full
        As for a thought.
    """
    chain, totals = chain_and_totals(db.cursor(), owner, handle)
    assert chain is not None
    asked = json.dumps(questions, ensure_ascii=False)
    last: Any = db.execute(
        "SELECT text, confidence, questions FROM conclusions WHERE chain = ? ORDER BY id DESC LIMIT 1", (chain.id,)
    ).fetchone()
    if not chain.open and last == (text, confidence, asked):
        return chain
    size = len(text.encode()) + len(asked.encode())
    _room(totals, chain, Thought(text, 1, 1, False), size, limits)
    db.execute(
        "INSERT INTO conclusions (chain, at_s, text, confidence, questions) VALUES (?, ?, ?, ?, ?)",
        (chain.id, now_s, text, confidence, asked),
    )
    db.execute(
        "UPDATE chains SET open = 0, conclusions = conclusions + 1, bytes = bytes + ?, updated_s = ? WHERE id = ?",
        (size, now_s, chain.id),
    )
    db.execute("UPDATE totals SET bytes = bytes + ?", (size,))
    return chain


def delete(db: sqlite3.Connection, owner: str, handle: str) -> Chain:
    """Remove a chain; what was in it goes piece by piece, between calls.

    Raises
    ------
    NotFound
        If there is no such chain for this owner.
    """
    chain = chain_of(db, owner, handle)
    assert chain is not None
    take_away(db, chain.id)
    return chain
