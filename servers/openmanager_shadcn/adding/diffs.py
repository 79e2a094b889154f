"""What an add changes in a file, as a bounded unified diff."""

from __future__ import annotations

import re
from difflib import unified_diff

from openmanager_core.job import checkpoint
from openmanager_shadcn.adding.plan import Change

_MOST_LINES = 4_000
_SHOWN_LINES = 200
_SHOWN_CHARS = 6_000
_FENCES = re.compile("`+")


def diff_of(change: Change) -> str:
    """Give the difference that a change makes, cut where it is long."""
    checkpoint()
    old, new = (data.decode("utf-8", "replace").splitlines() for data in (change.old or b"", change.new))
    head = f"--- {change.shown}\n+++ {change.shown}"
    if len(old) + len(new) > _MOST_LINES:
        return f"{head}\n({len(old):,} lines now, {len(new):,} afterwards; too long to compare here)"
    out: list[str] = []
    size = cut = 0
    for line in list(unified_diff(old, new, lineterm="", n=2))[2:]:
        if len(out) >= _SHOWN_LINES or size + len(line) > _SHOWN_CHARS:
            cut += 1
            continue
        out.append(line)
        size += len(line) + 1
    if cut:
        out.append(f"({cut} more lines of the difference)")
    if not out:
        out.append("(only line ends or white space at the end differ)")
    return "\n".join([head, *out])


def fenced(text: str, kind: str) -> str:
    """Put a fence around text that nothing inside can close."""
    longest = max((len(run) for run in _FENCES.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{kind}\n{text}\n{fence}"
