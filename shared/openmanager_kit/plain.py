"""Long structured content goes out as it was built: the SDK walks through it four times otherwise.

A tool that answers with a `PlainResult` vouches that its structured content is plain JSON. It is kept aside while
the SDK validates and shapes the result, and put back in its place at the outermost. A list of tools is put back
as the SDK shaped it when the same tools were last listed. A transport that can (`Pieces`) puts in the very bytes, so
that an answer that many get is written down once.
"""

from __future__ import annotations

import json
import secrets
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import Any

from mcp.server.context import CallNext, ServerRequestContext
from mcp_types import CallToolResult, TextContent, Tool
from pydantic import PrivateAttr
from pydantic_core import PydanticSerializationError, to_json

_METHOD = "tools/call"
FIELD = "structuredContent"
_LIST = "tools/list"
_TOOLS = "tools"
_MOST_LISTS = 16
_kept: ContextVar[list[Written] | None] = ContextVar("openmanager_plain", default=None)


class PlainResult(CallToolResult):
    """A result whose structured content is strings, finite numbers, booleans, None, lists and dicts, nothing else."""

    _written: Written | None = PrivateAttr(default=None)

    def written(self) -> Written:
        """Give the structured content, which is written down when it first has to be."""
        if self._written is None:
            self._written = Written(self.structured_content)
        return self._written


class Written:
    """A value and, once somebody wanted them, its bytes, as the SDK would write them."""

    def __init__(self, value: Any) -> None:
        self.value = value

    @cached_property
    def text(self) -> bytes:
        """JSON, compact."""
        return as_json(self.value)


class Ready:
    """Plain structured content that is its own text, written down already: the quickest answer there is."""

    __slots__ = ("json", "value")

    def __init__(self, value: dict[str, Any]) -> None:
        self.value = value
        self.json = as_json(value)

    def result(self) -> PlainResult:
        """The same for whoever wants a result of the SDK's kind."""
        return PlainResult(content=[TextContent(type="text", text=self.json.decode())], structured_content=self.value)


def as_json(value: Any) -> bytes:
    """Write plain JSON, compact; a lone surrogate is escaped, as it has no bytes."""
    try:
        return to_json(value)
    except PydanticSerializationError:
        return json.dumps(value, separators=(",", ":")).encode()


class Pieces:
    """What a transport puts into one reply, by the marks that stand for it there; a mark can not be guessed."""

    def __init__(self) -> None:
        self._pieces: dict[str, Written] = {}

    @contextmanager
    def wanted(self) -> Iterator[None]:
        """Let marks stand for values in the reply that is made inside of the block."""
        token = _pieces.set(self)
        try:
            yield
        finally:
            _pieces.reset(token)

    def mark(self, written: Written) -> str:
        """Give what stands for a value."""
        mark = secrets.token_hex(16)
        self._pieces[mark] = written
        return mark

    def put_in(self, body: bytes) -> bytes:
        """Put the values in the places of their marks."""
        for mark, written in self._pieces.items():
            body = body.replace(b'"%s"' % mark.encode(), written.text, 1)
        return body

    def __bool__(self) -> bool:
        return bool(self._pieces)


_pieces: ContextVar[Pieces | None] = ContextVar("openmanager_pieces", default=None)


def _placed(written: Written) -> Any:
    pieces = _pieces.get()
    return written.value if pieces is None else pieces.mark(written)


def kept_aside(result: Any) -> Any:
    """Leave an empty structure in the place of a plain one, inside of `untouched`."""
    kept = _kept.get()
    if kept is None:
        return result
    written, empty = emptied(result)
    if written is not None:
        kept.append(written)
    return empty


def emptied(result: Any) -> tuple[Written | None, Any]:
    """Take plain structured content out of a result; gives what was taken out, and what is left."""
    if not isinstance(result, PlainResult) or not result.structured_content:
        return None, result
    left = CallToolResult(content=result.content, structured_content={}, is_error=result.is_error, _meta=result.meta)
    return result.written(), left


class ShapedLists:
    """What the SDK made of the last few lists of tools, by their entries and the protocol's version."""

    def __init__(self) -> None:
        self._shaped: OrderedDict[tuple[str, tuple[int, ...]], tuple[list[Tool], Written]] = OrderedDict()

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
            return {**result, _TOOLS: _placed(known[1])} if result.get(_TOOLS) == [] else result
        if isinstance(shaped := result.get(_TOOLS), list) and shaped:
            self._shaped[key] = (listed[0], Written(shaped))  # holding the entries keeps their ids theirs
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
    kept: list[Written] = []
    token = _kept.set(kept)
    try:
        result = await call_next(ctx)
    finally:
        _kept.reset(token)
    if kept and isinstance(result, Mapping) and result.get(FIELD) == {}:
        return {**result, FIELD: _placed(kept[0])}
    return result


def is_ours(middleware: Any) -> bool:
    """Tell whether a middleware only puts back what was kept aside."""
    return middleware is untouched or isinstance(getattr(middleware, "__self__", None), ShapedLists)
