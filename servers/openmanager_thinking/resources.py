"""Chains by address: as Markdown, and drawn as a tree in Mermaid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp.server.mcpserver import Context

from openmanager_core.errors import InvalidRequest
from openmanager_core.text import many, quoted
from openmanager_kit.server import OpenManagerServer
from openmanager_thinking import rendering
from openmanager_thinking.desk import Visit, this_visit
from openmanager_thinking.lookups import need_chain
from openmanager_thinking.reading_tools import page
from openmanager_thinking.thought import HANDLE_CHARS

if TYPE_CHECKING:
    import sqlite3

PREFIX = "thinking://chain/"
LARGEST = 100_000


def handle_of(uri: str) -> str:
    """Take the handle out of an address.

    Raises
    ------
    InvalidRequest
        If it is not the address of a chain.
    """
    handle = uri.removeprefix(PREFIX).removesuffix("/tree")
    if not uri.startswith(PREFIX) or len(handle) != HANDLE_CHARS or not handle.isalnum():
        raise InvalidRequest(f"uri must be {PREFIX} and a chainId, got {quoted(uri, 80)}", hint="a chainId")
    return handle


async def text_of(visit: Visit, handle: str, format: str) -> str:
    """Write a chain as one text; of a long one as much of its end as fits."""

    def read(db: sqlite3.Connection) -> str:
        chain = need_chain(db, visit.owner, handle)
        first, budget = 1, LARGEST - 1000
        found = page(db, chain, None, rendering.position(first), format, budget)
        while found.after and first < chain.thoughts:  # what came last is what a reader waits for
            first += max((chain.thoughts - first + 1) // 2, 1)
            found = page(db, chain, None, rendering.position(first), format, budget)
        text = "\n".join(found.parts)
        if format != "markdown":
            return text
        are = "is" if first == 2 else "are"
        left_out = f"\n(the first {many(first - 1, 'thought')} {are} left out; read_chain pages through all)\n"
        return f"{rendering.head_of(chain)}{left_out if first > 1 else ''}\n{text}"

    return await visit.desk.store.read(read)


def add_resources(server: OpenManagerServer) -> None:
    """Give the server its resources."""

    @server.resource(PREFIX + "{id}", name="chain", title="A chain of thoughts", mime_type="text/markdown")
    async def chain(id: str, ctx: Context) -> str:
        """One chain; subscribe to follow its thoughts as they come."""
        return await text_of(this_visit(ctx), id, "markdown")

    @server.resource(PREFIX + "{id}/tree", name="chain_tree", title="A chain as a tree", mime_type="text/plain")
    async def chain_tree(id: str, ctx: Context) -> str:
        """One chain as a Mermaid flowchart; subscribe to follow it."""
        return await text_of(this_visit(ctx), id, "mermaid")
