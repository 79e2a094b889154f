"""Long structured content goes out as it was built: the SDK walks through it four times otherwise.

A tool that answers with a `PlainResult` vouches that its structured content is plain JSON. It is kept aside while
the SDK validates and shapes the result, and put back in its place at the outermost.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from mcp.server.context import CallNext, ServerRequestContext
from mcp_types import CallToolResult

_METHOD = "tools/call"
_FIELD = "structuredContent"
_kept: ContextVar[list[dict[str, Any]] | None] = ContextVar("openmanager_plain", default=None)


class PlainResult(CallToolResult):
    """A result whose structured content is strings, finite numbers, booleans, None, lists and dicts, nothing else."""


def kept_aside(result: Any) -> Any:
    """Leave an empty structure in the place of a plain one, inside of `untouched`."""
    kept = _kept.get()
    if kept is None or not isinstance(result, PlainResult) or not result.structured_content:
        return result
    kept.append(result.structured_content)
    return CallToolResult(content=result.content, structured_content={}, is_error=result.is_error, _meta=result.meta)


async def untouched(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> Any:
    """Put back what was kept aside; a protocol version that knows no structured content has lost the place for it."""
    if ctx.method != _METHOD:
        return await call_next(ctx)
    kept: list[dict[str, Any]] = []
    token = _kept.set(kept)
    try:
        result = await call_next(ctx)
    finally:
        _kept.reset(token)
    if kept and isinstance(result, Mapping) and result.get(_FIELD) == {}:
        return {**result, _FIELD: kept[0]}
    return result
