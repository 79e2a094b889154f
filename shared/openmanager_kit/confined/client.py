"""The roots that a client offers: asked for where it says that it has some, and only ever taken to narrow ours.

A client says so in its capabilities, at the start of a session or, since 2026-07-28, in every request; either way
the SDK asks (``roots/list``) and brings the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import ListRoots
from mcp_types import ListRootsResult

from openmanager_kit.tools import state_of


def offers_roots(ctx: Context) -> bool:
    """Tell whether the client of this call can be asked for its roots."""
    try:
        capabilities = ctx.client_capabilities
    except ValueError:  # called from Python
        return False
    return capabilities is not None and capabilities.roots is not None


def narrowing(within: Callable[[Any, Sequence[str]], Any]) -> Callable[[Context], Any]:
    """Make a resolver for a tool's parameter of ``within(state, uris)``.

    `state` is what the server was built with, `uris` are the client's roots; empty where it offers none.
    """

    def resolver(ctx: Context) -> Any:
        return ListRoots() if offers_roots(ctx) else within(state_of(ctx), ())

    def with_roots(ctx: Context, offered: ListRootsResult) -> Any:
        return within(state_of(ctx), [str(root.uri) for root in offered.roots])

    resolver.with_roots = with_roots  # type: ignore[attr-defined]
    return resolver
