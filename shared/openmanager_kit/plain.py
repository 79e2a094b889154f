"""Long structured content goes out as it was built: the SDK walks through it four times otherwise.

A tool that answers with a `PlainResult` vouches that its structured content is plain JSON. It is kept aside while
the SDK validates and shapes the result, and put back in its place at the outermost. A list of tools is put back
as the SDK shaped it when the same tools were last listed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from mcp.server.context import CallNext, ServerRequestContext
from mcp_types import CallToolResult, Tool

_METHOD = "tools/call"
_FIELD = "structuredContent"
_LIST = "tools/list"
_TOOLS = "tools"
_MOST_LISTS = 16
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


class ShapedLists:
    """What the SDK made of the last few lists of tools, by their entries and the protocol's version."""

    def __init__(self) -> None:
        self._shaped: OrderedDict[tuple[str, tuple[int, ...]], tuple[list[Tool], list[Any]]] = OrderedDict()

    async def through(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> Any:
        """Let a list pass, and remember what became of it."""
        if ctx.method != _LIST:
            return await call_next(ctx)
        listed: list[list[Tool]] = []
        token = _listed.set((self, ctx.protocol_version, listed))
        try:
            result = await call_next(ctx)
        finally:
            _listed.reset(token)
        if not listed or not isinstance(result, Mapping):
            return result
        key = self._key(ctx.protocol_version, listed[0])
        known = self._shaped.get(key)
        if known is not None:
            return {**result, _TOOLS: known[1]} if result.get(_TOOLS) == [] else result
        if isinstance(shaped := result.get(_TOOLS), list) and shaped:
            self._shaped[key] = (listed[0], shaped)  # holding the entries keeps their ids theirs
            while len(self._shaped) > _MOST_LISTS:
                self._shaped.popitem(last=False)
        return result

    @staticmethod
    def shape(tools: list[Tool]) -> list[Tool]:
        """Give the entries that the SDK still has to look at: none if it has seen the very same ones."""
        current = _listed.get()
        if current is None:
            return tools
        lists, version, listed = current
        listed.append(tools)
        return [] if lists._key(version, tools) in lists._shaped else tools

    @staticmethod
    def _key(version: str, tools: list[Tool]) -> tuple[str, tuple[int, ...]]:
        return version, tuple(map(id, tools))


_listed: ContextVar[tuple[ShapedLists, str, list[list[Tool]]] | None] = ContextVar("openmanager_listed", default=None)


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
