"""A server for whom the short way makes no difference, and calls of it of every kind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st
from kit_wire import ENVELOPE
from mcp_types import CallToolResult, ImageContent, TextContent

from openmanager_core.errors import InvalidRequest
from openmanager_kit.answers import Answer
from openmanager_kit.hosting.shortcut import Shortcut
from openmanager_kit.plain import PlainResult
from openmanager_kit.server import OpenManagerServer
from openmanager_kit.tools import reads

LEGACY = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN = "2026-07-28"
KINDS = ("text", "structured", "empty", "dict", "result", "image", "two", "refusal", "crash", "long", "surrogate")


class Row(Answer):
    """An answer with structure."""

    said: str
    number: float
    rows: list[int | None]

    def as_text(self) -> str:
        return f"{self.said}: {self.number}"


async def give(kind: str, said: str = "", number: float = 0.5) -> Any:
    """Give an answer of some kind."""
    return give_at_once(kind, said, number)


def give_at_once(kind: str, said: str = "", number: float = 0.5) -> Any:
    """Give an answer of some kind without waiting."""
    match kind:
        case "structured":
            return Row(said=said, number=number, rows=[1, None, 3])
        case "empty":
            return PlainResult(content=[TextContent(type="text", text=said)], structured_content={})
        case "dict":
            return {"said": said, "number": number, "none": None}
        case "result":
            return CallToolResult(
                content=[TextContent(type="text", text=said)], structured_content={"a": [number]}, _meta={"b": said}
            )
        case "image":
            return CallToolResult(content=[ImageContent(type="image", data="AAAA", mime_type="image/png")])
        case "two":
            return CallToolResult(content=[TextContent(type="text", text=said), TextContent(type="text", text="b")])
        case "refusal":
            raise InvalidRequest(f"no {said}", hint="another")
        case "crash":
            raise RuntimeError(said)
        case "long":
            return said + "x" * 70_000
        case "surrogate":
            return said + "\ud800"
    return said


def make(
    fn: Callable[..., Any] = give, *, closed: bool = False, at_once: Callable[..., Any] | None = None
) -> OpenManagerServer:
    """A server with one tool; `closed` if all shall go the SDK's way, `at_once` for what it does without waiting."""
    tool = replace(reads(fn, "Give", asks_nothing=True), at_once=at_once)
    server = OpenManagerServer("one", tools=(tool,))

    async def through(ctx: Any, call_next: Any) -> Any:
        return await call_next(ctx)

    if closed:
        server._lowlevel_server.middleware.append(through)
    return server


def request(number: Any, version: str, /, name: str = "give", **arguments: Any) -> dict[str, Any]:
    params = {"name": name, "arguments": arguments} | ({"_meta": ENVELOPE} if version == MODERN else {})
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


def without_ids(answer: Any) -> Any:
    """Hide the id of a crash, which is another one each time."""
    return json.loads(re.sub(r"internal error, id [0-9a-f]{8}", "internal error, id X", json.dumps(answer)))


def short_calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The ids of the calls that went the short way."""
    ids: list[Any] = []
    usual = Shortcut.call

    async def counted(self: Shortcut, call: Any, version: str, request: Any = None) -> Any:
        ids.append(call.id)
        return await usual(self, call, version, request)

    monkeypatch.setattr(Shortcut, "call", counted)
    return ids


def calls_at_once(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The ids of the calls that were answered without waiting."""
    ids: list[Any] = []
    usual = Shortcut.call_at_once

    def counted(self: Shortcut, call: Any, version: str) -> Any:
        result = usual(self, call, version)
        if result is not None:
            ids.append(call.id)
        return result

    monkeypatch.setattr(Shortcut, "call_at_once", counted)
    return ids


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
arguments = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(KINDS) | st.none() | st.integers(),
        "said": texts | st.none() | st.lists(st.integers(), max_size=2),
        "number": st.floats(allow_nan=False, allow_infinity=False) | st.just("0.25") | st.booleans(),
        "other": st.just(1),
    },
)
ids = st.integers(-(2**60), 2**60) | texts.filter(lambda text: text not in ("first", "hello"))
