"""Chains written out: Markdown to read, Mermaid to draw, JSON for programs; each page by page.

A thought is text from outside: in Markdown it stands quoted, so it can not pass for a heading of ours; in a label
of Mermaid what could end the label is written as a code.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from openmanager_core.job import checkpoint
from openmanager_core.text import many, quoted, visible
from openmanager_core.timespan import iso
from openmanager_thinking.lookups import Chain, Conclusion, Kept

LABEL_CHARS = 60
_CHAR_BITS = 21
_LEAST_PIECE = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """A thought or the conclusion, as pages hold it."""

    index: int
    """Of the thought in its chain; one more than the last for the conclusion."""

    text: str
    fields: dict[str, Any]
    """What a program gets beside the text."""

    heading: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, written; `after` is where the rest begins, 0 if there is none."""

    parts: list[str]
    after: int
    count: int


def position(index: int, char: int = 0) -> int:
    """Put an entry and a place in its text into one number."""
    return index << _CHAR_BITS | char


def placed(position: int) -> tuple[int, int]:
    """Take a position apart; 0 is the beginning."""
    return position >> _CHAR_BITS, position & ((1 << _CHAR_BITS) - 1)


def entry_of(kept: Kept) -> Entry:
    """Make the entry of a thought."""
    fields: dict[str, Any] = {"thoughtNumber": kept.number, "totalThoughts": kept.total}
    heading = f"Thought {kept.number} of {kept.total}"
    if kept.branch:
        fields["branchId"] = kept.branch
        heading += f", branch {quoted(kept.branch)}"
    if kept.branch_from:
        fields["branchFromThought"] = kept.branch_from
        heading += f" from thought {kept.branch_from}"
    if kept.revises_number:
        fields |= {"isRevision": True, "revisesThought": kept.revises_number}
        heading += f", revises thought {kept.revises_number}"
    if not kept.more:
        heading += ", the last for now"
    fields |= {"nextThoughtNeeded": kept.more == 1, "at": iso(kept.at_s)}
    return Entry(kept.seq, kept.text, fields, heading)


def entry_of_conclusion(chain: Chain, conclusion: Conclusion) -> Entry:
    """Make the entry of the conclusion."""
    text = conclusion.text
    if conclusion.questions:
        text += "\n\nOpen questions:\n" + "\n".join(f"- {question}" for question in conclusion.questions)
    fields = {"conclusion": True, "confidence": conclusion.confidence, "at": iso(conclusion.at_s)}
    heading = "Earlier conclusion, before more thoughts came" if chain.open else "Conclusion"
    return Entry(chain.thoughts + 1, text, fields, f"{heading}, confidence {conclusion.confidence:g}")


def as_markdown(entry: Entry, start: int, end: int) -> str:
    """Write an entry, or a piece of it, under a heading."""
    heading = entry.heading + (" (continued)" if start else "")
    lines = ("> " + "\t".join(visible(cell) for cell in line.split("\t")) for line in entry.text[start:end].split("\n"))
    more = "\n>\n> (goes on)" if end < len(entry.text) else ""
    return f"## {heading}\n\n" + "\n".join(lines) + more + "\n"


def as_json(entry: Entry, start: int, end: int) -> str:
    """Write an entry, or a piece of it, as an object."""
    return json.dumps(row_of(entry, start, end), ensure_ascii=False, separators=(",", ":"))


def row_of(entry: Entry, start: int, end: int) -> dict[str, Any]:
    """Make the object of an entry, or of a piece of it."""
    row = {**entry.fields, "thought": entry.text[start:end]}
    if start or end < len(entry.text):
        row["part"] = f"characters {start}-{end} of {len(entry.text)}"
    return row


def page_of(entries: Iterable[Entry], start_char: int, budget: int, write: Callable[[Entry, int, int], str]) -> Page:
    """Write as many entries as fit; a thought that is too long for a page alone is cut."""
    parts: list[str] = []
    left = budget
    for entry in entries:
        checkpoint()
        start = min(start_char, len(entry.text)) if not parts else 0
        whole = write(entry, start, len(entry.text)) if len(entry.text) - start <= left else None
        if whole is not None and len(whole) + 1 <= left:
            parts.append(whole)
            left -= len(whole) + 1
            continue
        if parts:
            return Page(parts, position(entry.index), len(parts))
        size = max(budget - 200, _LEAST_PIECE)
        while len(piece := write(entry, start, start + size)) > budget and size > _LEAST_PIECE:
            size = max(min(size * budget // len(piece), size - 1), _LEAST_PIECE)
        return Page([piece], position(entry.index, start + size), 1)
    return Page(parts, 0, len(parts))


def head_of(chain: Chain) -> str:
    """Say in a few lines what chain it is."""
    state = "open" if chain.open else "concluded"
    return (
        f"# Chain {chain.handle}\n\n{quoted(chain.title, 100)}: {state}, {many(chain.thoughts, 'thought')}, "
        f"{many(chain.branches, 'branch')}, last at {iso(chain.updated_s)}\n"
    )


def mermaid_page(thoughts: Iterable[Kept], budget: int) -> Page:
    """Draw as many thoughts as fit; a page is a diagram of its own, and its edges lead to those before it."""
    parts = ["flowchart TD"]
    left = budget - len(parts[0])
    for kept in thoughts:
        checkpoint()
        lines = [f'  t{kept.seq}["{kept.number}: {_label(kept.text)}"]']
        if kept.parent_seq:
            name = f'-->|"{_label(kept.branch)}"|' if kept.branch_from else "-->"
            lines.append(f"  t{kept.parent_seq} {name} t{kept.seq}")
        if kept.revises_seq:
            lines.append(f"  t{kept.seq} -. revises .-> t{kept.revises_seq}")
        drawn = "\n".join(lines)
        if len(drawn) + 1 > left and len(parts) > 1:
            return Page(parts, position(kept.seq), len(parts) - 1)
        parts.append(drawn)
        left -= len(drawn) + 1
    return Page(parts, 0, len(parts) - 1)


def _label(text: str) -> str:
    short = visible(" ".join(text[: LABEL_CHARS * 2].split()))
    cut = short[:LABEL_CHARS] + ("…" if len(short) > LABEL_CHARS or len(text) > LABEL_CHARS * 2 else "")
    return "".join(char if char.isalnum() or char in " .,:()+-=/%…?!" else f"#{ord(char)};" for char in cut)
