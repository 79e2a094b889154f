"""Any sequence of right and wrong thoughts: the store and a list that is looked through say the same."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_thinking import NaiveChain, Refused

from openmanager_core.errors import FleetError
from openmanager_thinking.chains import append, conclude, delete
from openmanager_thinking.database import nothing
from openmanager_thinking.limits import Section
from openmanager_thinking.lookups import lines_of, need_chain, thoughts_of
from openmanager_thinking.rendering import as_json, as_markdown, entry_of, page_of, placed
from openmanager_thinking.searching import search
from openmanager_thinking.thought import checked
from openmanager_thinking.upkeep import index, tidy

LIMITS = Section()
NUMBERS = st.integers(1, 6)
TEXT = st.text(max_size=12) | st.sampled_from(
    ["cache miss", "서버 응답이 느리다", 'a "quote" % _ \\', "> ## Thought 9 of 9"]
)
THOUGHT = st.fixed_dictionaries(
    {"thought": TEXT, "thoughtNumber": NUMBERS, "totalThoughts": NUMBERS, "nextThoughtNeeded": st.booleans()},
    optional={
        "isRevision": st.booleans(),
        "revisesThought": st.integers(0, 8),
        "branchFromThought": st.integers(0, 8),
        "branchId": st.sampled_from(["", "main", "a", "b", "다"]),
        "needsMoreThoughts": st.booleans(),
    },
)
MOVES = st.lists(THOUGHT | st.just("conclude") | st.just("index"), max_size=30)


def add(db: sqlite3.Connection, given: dict[str, Any]) -> dict[str, Any]:
    """Take a thought as the tool does."""
    thought = checked(
        given["thought"],
        number=given["thoughtNumber"],
        total=given["totalThoughts"],
        more=given["nextThoughtNeeded"],
        revision=given.get("isRevision", False),
        revises=given.get("revisesThought", 0),
        branch_from=given.get("branchFromThought", 0),
        branch=given.get("branchId", ""),
        needs_more=given.get("needsMoreThoughts", False),
    )
    stored = append(db, "me", "chain", True, thought, LIMITS, 1.0)
    return {
        "thoughtNumber": thought.number,
        "totalThoughts": thought.total,
        "nextThoughtNeeded": thought.more,
        "branches": stored.branches,
        "thoughtHistoryLength": stored.length,
    }


def counted(db: sqlite3.Connection) -> dict[str, Any]:
    """What the file says it holds, counted from what it does hold."""
    one = db.execute(
        "SELECT (SELECT count(*) FROM chains WHERE owner <> 'removed'), "
        "(SELECT total(bytes) FROM chains WHERE owner <> 'removed'), (SELECT count(*) FROM thoughts), "
        "(SELECT count(*) FROM branches)"
    ).fetchone()
    totals = db.execute("SELECT chains, bytes FROM totals").fetchone()
    assert (one[0], int(one[1])) == totals
    return {"thoughts": one[2], "branches": one[3]}


@given(MOVES)
def test_every_sequence_is_taken_and_refused_alike(moves: list[Any]) -> None:
    db, twin = nothing(), NaiveChain()
    for move in moves:
        if move == "conclude":
            if twin.thoughts:
                conclude(db, "me", "chain", "so it is", 0.5, [], LIMITS, 1.0)
                twin.open = False
        elif move == "index":
            index(db)
        else:
            try:
                expected = twin.add(move | {"thought": move["thought"].replace("\0", r"\x00")})
            except Refused:
                with pytest.raises(FleetError):
                    add(db, move)
            else:
                assert add(db, move) == expected
        assert counted(db) == {"thoughts": len(twin.thoughts), "branches": len(twin.branches())}
    if not twin.thoughts:
        return
    chain = need_chain(db, "me", "chain")
    kept = list(thoughts_of(db, chain, 1, None))
    assert [
        (one.number, one.total, one.branch, one.text, bool(one.more), one.parent_seq - 1, one.revises_seq - 1)
        for one in kept
    ] == [
        tuple(one[key] for key in ("number", "total", "line", "text", "more", "parent", "revised"))
        for one in twin.thoughts
    ]
    for rank, name in enumerate(["", *twin.branches()]):
        (line,) = lines_of(db, chain, [rank], 100)
        on_line = [one for one in twin.thoughts if one["line"] == name]
        assert (line.thoughts, line.first, line.last) == (len(on_line), on_line[0]["text"], on_line[-1]["text"])
    further = True
    while further:  # as much as the index knows of them by now, then ever more
        for word in ("느리", "느리다", "cache", 'a "quote"', "%", "_", "\\"):
            found = [hit.id for hit in search(db, "me", [word], None, 0, 1000)]
            holding = [place + 1 for place, one in enumerate(twin.thoughts) if word in one["text"]]
            assert found == holding[::-1]
            assert [hit.id for hit in search(db, "me", [word], chain, 3, 1)] == [n for n in holding if n < 3][-1:]
        further = index(db)
    delete(db, "me", "chain")
    assert search(db, "me", ["cache"], None, 0, 10) == []
    while tidy(db):
        pass
    assert counted(db) == {"thoughts": 0, "branches": 0}
    assert search(db, "me", ["cache"], None, 0, 10) == []
    db.execute("INSERT INTO thoughts_text (thoughts_text, rank) VALUES ('integrity-check', 1)")


@given(
    st.lists(st.text(max_size=400) | st.just("한" * 3000) | st.just("\n" * 900), min_size=1, max_size=8),
    st.integers(550, 3000),
)
def test_pages_of_any_size_hold_every_character_once(texts: list[str], budget: int) -> None:
    db, texts = nothing(), [text.replace("\0", "") for text in texts]
    for number, text in enumerate(texts, 1):
        add(db, {"thought": text, "thoughtNumber": number, "totalThoughts": 1, "nextThoughtNeeded": True})
    chain = need_chain(db, "me", "chain")
    for write in (as_json, as_markdown):
        read: dict[int, str] = {}
        seen: list[tuple[int, int, int]] = []

        def noting(entry: Any, start: int, end: int, write: Any = write, seen: Any = seen) -> str:
            seen.append((entry.index, start, min(end, len(entry.text))))
            return str(write(entry, start, end))

        position, pages = 0, 0
        while True:
            seq, char = placed(position)
            page = page_of(map(entry_of, thoughts_of(db, chain, seq, None)), char, budget, noting)
            assert sum(len(part) + 1 for part in page.parts) <= budget + 1
            for index_of, start, end in _kept(seen, page.parts, write, chain, db):
                read[index_of] = read.get(index_of, "") + texts[index_of - 1][start:end]
            seen.clear()
            pages += 1
            assert pages < 400
            if not page.after:
                break
            position = page.after
        assert read == dict(enumerate(texts, 1))


def _kept(
    seen: list[tuple[int, int, int]], parts: list[str], write: Any, chain: Any, db: Any
) -> list[tuple[int, int, int]]:
    """Which of the pieces that were written are on the page."""
    entries = {one.seq: entry_of(one) for one in thoughts_of(db, chain, 1, None)}
    written = {str(write(entries[seq], start, end)): (seq, start, end) for seq, start, end in seen}
    return [written[part] for part in parts]


@given(
    st.lists(st.text("aAbBéÉжЖ가나 ", min_size=3, max_size=12), min_size=1, max_size=12),
    st.text("aAbBéÉжЖ가나", min_size=3, max_size=5),
    st.integers(0, 12),
    st.integers(1, 4),
)
def test_a_search_finds_the_same_whatever_the_index_knows(texts: list[str], word: str, known: int, limit: int) -> None:
    db = nothing()
    for number, text in enumerate(texts, 1):
        add(db, {"thought": text, "thoughtNumber": number, "totalThoughts": 1, "nextThoughtNeeded": True})
        if number == known:
            while index(db):
                pass
    before = [hit.id for hit in search(db, "me", [word], None, 0, limit)]
    assert before == [n for n, text in enumerate(texts, 1) if word.lower() in text.lower()][::-1][:limit]
    while index(db):
        pass
    assert [hit.id for hit in search(db, "me", [word], None, 0, limit)] == before
