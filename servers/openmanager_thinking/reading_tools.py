"""The tools that look at chains."""

from __future__ import annotations

import json
from itertools import chain as joined
from typing import TYPE_CHECKING, Any, Literal

from mcp_types import CallToolResult, TextContent

from openmanager_core.text import many
from openmanager_kit import cursors
from openmanager_kit.answers import MAX_CHARS
from openmanager_kit.tools import reads
from openmanager_thinking import rendering
from openmanager_thinking.comparing import compare_branches
from openmanager_thinking.desk import TheVisit
from openmanager_thinking.listing import list_chains, search_thoughts
from openmanager_thinking.lookups import Chain, conclusion_of, need_chain, rank_of, thoughts_of
from openmanager_thinking.parameters import BranchId, ChainId, Cursor, MaxChars
from openmanager_thinking.showing import TREE, show_chain

if TYPE_CHECKING:
    import sqlite3

_FACTS_CHARS = 450


async def read_chain(
    visit: TheVisit,
    chainId: ChainId = "",  # noqa: N803
    format: Literal["markdown", "mermaid", "json"] = "markdown",
    branchId: BranchId = "",  # noqa: N803
    cursor: Cursor = "",
    max_chars: MaxChars = MAX_CHARS,
) -> CallToolResult:
    """Read a chain: its thoughts in order and its conclusion."""
    handle = visit.chain(chainId)
    key = ("read_chain", handle, format, branchId)
    start = cursors.decode(cursor, key)

    def read(db: sqlite3.Connection) -> tuple[Chain, rendering.Page]:
        chain = need_chain(db, visit.owner, handle)
        rank = rank_of(db, chain, branchId) if branchId else None
        return chain, page(db, chain, rank, start, format, max_chars - _FACTS_CHARS)

    chain, found = await visit.desk.store.read(read)
    after = cursors.encode(found.after, key) if found.after else None
    if format == "json":
        return _as_object(chain, found, after)
    text = "\n".join(found.parts)
    if format == "markdown" and not start:
        text = f"{rendering.head_of(chain)}\n{text}"
    of = f"of {many(chain.thoughts, 'thought')}" if not branchId else f"of the line {branchId}"
    facts = f"[chainId {chain.handle}; {found.count} shown {of}; " + (f"cursor={after} goes on]" if after else "end]")
    blocks = [text, facts]
    return CallToolResult(content=[TextContent(type="text", text=block) for block in blocks])


def page(
    db: sqlite3.Connection, chain: Chain, rank: int | None, start: int, format: str, budget: int
) -> rendering.Page:
    """Write what fits of a chain, or of one line of it, from a position on."""
    index, char = rendering.placed(start)
    thoughts = thoughts_of(db, chain, index, rank)
    if format == "mermaid":
        return rendering.mermaid_page(thoughts, budget)
    conclusion = conclusion_of(db, chain) if rank is None else None
    last = [rendering.entry_of_conclusion(chain, conclusion)] if conclusion is not None else []
    entries = joined(map(rendering.entry_of, thoughts), last)
    return rendering.page_of(
        entries, char, budget, rendering.as_markdown if format == "markdown" else rendering.as_json
    )


def _as_object(chain: Chain, found: rendering.Page, after: str | None) -> CallToolResult:
    answer: dict[str, Any] = {
        "chainId": chain.handle,
        "title": chain.title,
        "open": bool(chain.open),
        "thoughtHistoryLength": chain.thoughts,
        "thoughts": [json.loads(part) for part in found.parts],
        "next_cursor": after,
    }
    text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=answer)


READING_TOOLS = (
    reads(list_chains, "List chains"),
    reads(read_chain, "Read a chain"),
    reads(search_thoughts, "Search thoughts"),
    reads(compare_branches, "Compare branches"),
    reads(show_chain, "Show a chain as a tree").shown_by(TREE.uri),
)
