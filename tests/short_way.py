"""A server for whom the short way makes no difference, and calls of it of every kind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import anyio
import pytest
from hypothesis import strategies as st
from kit_wire import ENVELOPE
from mcp_types import CallToolResult, ImageContent, TextContent

from openmanager_core.errors import InvalidRequest
from openmanager_kit.answers import Answer
from openmanager_kit.hosting.leaving import Leaving
from openmanager_kit.hosting.pipes import PipeReader
from openmanager_kit.hosting.shortcut import Shortcut
from openmanager_kit.hosting.stdio import _serve
from openmanager_kit.plain import PlainResult, Ready
from openmanager_kit.server import OpenManagerServer
from openmanager_kit.tools import reads

LEGACY = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN = "2026-07-28"
KINDS = (
    "text",
    "structured",
    "empty",
    "dict",
    "result",
    "image",
    "two",
    "refusal",
    "crash",
    "long",
    "surrogate",
    "ready",
)


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
        case "ready":
            return Ready({"said": said, "numbers": [number, None]})
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


class Talk:
    """A client of a server that reads and writes real pipes in this process."""

    def __init__(self, to: int, reader: PipeReader) -> None:
        self._to = to
        self._reader = reader
        self._rest = b""

    def send(self, *messages: Any) -> None:
        self.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._to, data[:4096]) :]

    async def line(self) -> Any:
        with anyio.fail_after(20):
            while b"\n" not in self._rest:
                data = await self._reader.read()
                assert data, "the server has gone"
                self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        return json.loads(line)

    async def ask(self, message: Any) -> Any:
        self.send(message)
        return await self.line()


@contextlib.asynccontextmanager
async def talk(server: OpenManagerServer, version: str, **first: Any) -> AsyncIterator[Talk]:
    """Speak a version with a server until the block ends; `first` is a call that makes no difference."""
    (from_client, to_server), (from_server, to_client) = os.pipe(), os.pipe()
    leaving = Leaving()
    serving = asyncio.create_task(_serve(server, from_client, to_client, leaving, 1 << 26))
    reader = PipeReader(from_server)
    client = Talk(to_server, reader)
    try:
        if version != MODERN:
            hello = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
            told = await client.ask({"jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": hello})
            assert told["result"]["protocolVersion"] == version
            client.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        else:
            assert (await client.ask(request("first", version, **(first or {"kind": "text"}))))["id"] == "first"
        yield client
    finally:
        os.close(to_server)
        with anyio.fail_after(10):
            await serving
        leaving.done()  # else the process would end soon, as it should elsewhere
        reader.end()
        for fd in (from_client, from_server, to_client):
            os.close(fd)


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
