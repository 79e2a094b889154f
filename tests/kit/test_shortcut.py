"""Whoever goes the short way gets what the SDK's way gives: every answer, for every version, on both transports."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit_wire import ENVELOPE
from mcp_types import CallToolResult, ImageContent, TextContent
from opentelemetry import trace

from openmanager_core.errors import InvalidRequest
from openmanager_kit.answers import Answer
from openmanager_kit.hosting import shortcut
from openmanager_kit.hosting.http import http_app
from openmanager_kit.hosting.leaving import Leaving
from openmanager_kit.hosting.pipes import PipeReader
from openmanager_kit.hosting.shortcut import Shortcut, plain_call
from openmanager_kit.hosting.stdio import _serve
from openmanager_kit.plain import PlainResult
from openmanager_kit.profile import HttpSettings
from openmanager_kit.server import OpenManagerServer
from openmanager_kit.tools import reads
from openmanager_kit.watchers import Call

LEGACY = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN = "2026-07-28"
KINDS = ("text", "structured", "empty", "dict", "result", "image", "two", "refusal", "crash", "long", "surrogate")
HEADERS = {
    b"host": b"127.0.0.1:80",
    b"content-type": b"application/json",
    b"accept": b"application/json, text/event-stream",
    b"mcp-protocol-version": MODERN.encode(),
    b"mcp-method": b"tools/call",
    b"mcp-name": b"give",
}


class Row(Answer):
    """An answer with structure."""

    said: str
    number: float
    rows: list[int | None]

    def as_text(self) -> str:
        return f"{self.said}: {self.number}"


async def give(kind: str, said: str = "", number: float = 0.5) -> Any:
    """Give an answer of some kind."""
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


def make(fn: Callable[..., Any] = give, *, closed: bool = False) -> OpenManagerServer:
    """A server with one tool; `closed` if everything shall go the SDK's way."""
    server = OpenManagerServer("one", tools=(reads(fn, "Give", asks_nothing=True),))

    async def through(ctx: Any, call_next: Any) -> Any:
        return await call_next(ctx)

    if closed:
        server._lowlevel_server.middleware.append(through)
    return server


def request(number: Any, version: str, /, name: str = "give", **arguments: Any) -> dict[str, Any]:
    params = {"name": name, "arguments": arguments} | ({"_meta": ENVELOPE} if version == MODERN else {})
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


class Talk:
    """A client of a server that reads and writes real pipes in this process."""

    def __init__(self, to: int, reader: PipeReader) -> None:
        self._to = to
        self._reader = reader
        self._rest = b""

    def send(self, *messages: Any) -> None:
        data = b"".join(json.dumps(message).encode() + b"\n" for message in messages)
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
async def talk(server: OpenManagerServer, version: str) -> AsyncIterator[Talk]:
    """Speak a version with a server until the block ends."""
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
            assert (await client.ask(request("first", version, kind="text")))["id"] == "first"
        yield client
    finally:
        os.close(to_server)
        with anyio.fail_after(10):
            await serving
        leaving.done()  # else the process would end soon, as it should elsewhere
        reader.end()
        for fd in (from_client, from_server, to_client):
            os.close(fd)


def without_ids(answer: Any) -> Any:
    """Hide the id of a crash, which is another one each time."""
    return json.loads(re.sub(r"internal error, id [0-9a-f]{8}", "internal error, id X", json.dumps(answer)))


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The ids of the calls that went the short way."""
    ids: list[Any] = []
    usual = Shortcut.call

    async def counted(self: Shortcut, call: Any, version: str, request: Any = None) -> Any:
        ids.append(call.id)
        return await usual(self, call, version, request)

    monkeypatch.setattr(Shortcut, "call", counted)
    return ids


async def answers(server: OpenManagerServer, version: str, messages: Sequence[Any]) -> list[Any]:
    async with talk(server, version) as client:
        return [without_ids(await client.ask(message)) for message in messages]


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


@pytest.mark.parametrize("version", [*LEGACY, MODERN])
@given(calls=st.lists(st.tuples(ids, arguments), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_over_pipes_every_call_is_answered_as_the_sdk_answers_it(
    version: str, calls: list[tuple[Any, dict[str, Any]]]
) -> None:
    messages = [request(number, version, **given) for number, given in calls]

    async def both() -> None:
        assert await answers(make(), version, messages) == await answers(make(closed=True), version, messages)

    anyio.run(both)


@pytest.mark.anyio
@pytest.mark.parametrize("version", [*LEGACY, MODERN])
async def test_every_kind_of_answer_is_the_same_and_all_of_them_went_the_short_way(
    version: str, taken: list[Any]
) -> None:
    messages = [request(n, version, kind=kind, said="größe 한 <&>", number=1e16) for n, kind in enumerate(KINDS)]
    short = await answers(make(), version, messages)
    assert taken == list(range(len(KINDS)))
    assert short == await answers(make(closed=True), version, messages) and len(taken) == len(KINDS)
    assert "internal error" in short[KINDS.index("crash")]["result"]["content"][0]["text"]


@pytest.mark.anyio
@pytest.mark.parametrize("version", ["2025-06-18", MODERN])
async def test_what_is_not_quite_usual_is_left_to_the_sdk(version: str, taken: list[Any]) -> None:
    usual = request(1, version, kind="text")
    progress = request(2, version, kind="text")
    progress["params"]["_meta"] = progress["params"].get("_meta", {}) | {"progressToken": 1}
    unknown = request(3, version, name="take")
    other = request(4, version, kind="text")
    other["params"]["task"] = {"ttl": 1}
    nothing = request(5, version)
    nothing["params"]["arguments"] = None
    async with talk(make(), version) as client:
        for message in (progress, unknown, other, nothing):
            assert (await client.ask(message))["id"] == message["id"]
        assert taken == []
        await client.ask(usual)
    assert taken == [1]


@pytest.mark.anyio
async def test_another_envelope_is_first_shown_to_the_sdk(taken: list[Any]) -> None:
    async with talk(make(), MODERN) as client:
        for number, name in enumerate(["somebody", "somebody", "else", "somebody"]):
            message = request(number, MODERN, kind="text")
            client_info = {"name": name, "version": "1"}
            message["params"]["_meta"] = ENVELOPE | {"io.modelcontextprotocol/clientInfo": client_info}
            await client.ask(message)
        broken = request(9, MODERN, kind="text")
        broken["params"]["_meta"] = ENVELOPE | {"io.modelcontextprotocol/clientInfo": 5}
        for _ in range(2):
            assert "error" in await client.ask(broken)
    assert taken == [1, 3]


@pytest.mark.anyio
@pytest.mark.parametrize("version", ["2025-11-25", MODERN])
async def test_a_call_that_is_cancelled_stops_and_is_not_answered(version: str, taken: list[Any]) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def give(kind: str) -> str:
        """Wait for ever, or not."""
        if kind == "wait":
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                stopped.set()
        return kind

    async with talk(make(give), version) as client:
        client.send(request(7, version, kind="wait"))
        with anyio.fail_after(10):
            await begun.wait()
            client.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "7"}})
            await stopped.wait()
        answer = await client.ask(request(8, version, kind="text"))
    assert answer["id"] == 8 and taken == [7, 8]


@pytest.mark.anyio
async def test_a_client_that_leaves_still_hears_of_its_calls_and_none_goes_on() -> None:
    stopped = asyncio.Event()

    async def give(kind: str) -> str:
        """Wait for ever, or not."""
        try:
            if kind == "wait":
                await asyncio.Event().wait()
        finally:
            stopped.set()
        return kind

    async with talk(make(give), "2025-06-18") as client:
        stopped.clear()
        client.send(request(3, "2025-06-18", kind="wait"))
        client.send(request(4, "2025-06-18", kind="text"))
        assert (await client.line())["id"] == 4
        stopped.clear()
        os.dup2(os.open(os.devnull, os.O_WRONLY), client._to)  # the end of input
        told = await client.line()
        assert told["id"] == 3 and told["error"]["message"] == "Connection closed"
    assert stopped.is_set()


@pytest.mark.anyio
async def test_no_call_overtakes_one_that_the_sdk_has(taken: list[Any]) -> None:
    release = asyncio.Event()

    async def give(kind: str) -> str:
        """Wait for the release, or not."""
        if kind == "wait":
            await release.wait()
        return kind

    async with talk(make(give), "2025-06-18") as client:
        slow = request(1, "2025-06-18", kind="wait")
        slow["params"]["_meta"] = {"progressToken": 5}
        client.send(slow, request(2, "2025-06-18", kind="text"))
        assert (await client.line())["id"] == 2 and taken == []
        release.set()
        assert (await client.line())["id"] == 1
        await client.ask(request(3, "2025-06-18", kind="text"))
    assert taken == [3]


@pytest.mark.anyio
async def test_whoever_watches_sees_calls_of_the_short_way_and_may_refuse_them(taken: list[Any]) -> None:
    seen: list[tuple[str, str]] = []

    @contextlib.asynccontextmanager
    async def watcher(call: Call) -> AsyncIterator[None]:
        if call.arguments.get("said") == "no":
            raise InvalidRequest("not you")
        yield
        seen.append((call.tool.name, str(call.arguments["kind"])))

    server = make()
    server.watchers.append(watcher)
    async with talk(server, MODERN) as client:
        await client.ask(request(1, MODERN, kind="dict"))
        refused = await client.ask(request(2, MODERN, kind="dict", said="no"))
    assert seen == [("give", "text"), ("give", "dict")] and taken == [1, 2]
    assert refused["result"]["isError"] and "not you" in refused["result"]["content"][0]["text"]


def test_where_spans_are_collected_every_call_goes_the_sdks_way(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Shortcut(make()).leads_to("give") and not Shortcut(make()).leads_to("take")
    assert not Shortcut(make(closed=True)).leads_to("give")
    monkeypatch.setattr(shortcut.trace, "get_tracer_provider", object)
    assert trace.get_tracer_provider is object and not Shortcut(make()).leads_to("give")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                        st.sampled_from(["jsonrpc", "id", "method", "params", "name", "arguments", "_meta", "x"]),
                        inner, max_size=4), max_leaves=12))  # fmt: skip
def test_only_whole_calls_are_recognised(message: Any) -> None:
    call = plain_call(message)
    if call is not None:
        assert message["method"] == "tools/call" and isinstance(call.arguments, dict) and isinstance(call.name, str)


# -- over HTTP -------------------------------------------------------------------------------------------------


class Site:
    """An application that is called as a web server calls it."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def post(self, message: Any, **headers: str) -> tuple[int, Any]:
        body = json.dumps(message).encode()
        said = HEADERS | {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        pairs = [*said.items(), (b"content-length", b"%d" % len(body))]
        scope = {
            "type": "http", "http_version": "1.1", "method": "POST", "path": "/mcp", "raw_path": b"/mcp",
            "root_path": "", "query_string": b"", "headers": pairs, "scheme": "http", "openmanager.gone": [],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        }  # fmt: skip
        sent: list[Any] = []
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            if not waiting:
                await asyncio.Event().wait()
            return waiting.pop()

        async def send(part: Any) -> None:
            sent.append(part)

        with anyio.fail_after(20):
            await self._app(scope, receive, send)
        assert dict(sent[0]["headers"])[b"content-type"] == b"application/json"
        return sent[0]["status"], json.loads(b"".join(part.get("body", b"") for part in sent[1:]))


@contextlib.asynccontextmanager
async def site(server: OpenManagerServer) -> AsyncIterator[Site]:
    app = http_app(server, HttpSettings())
    steps: asyncio.Queue[Any] = asyncio.Queue()
    ready, gone = asyncio.Event(), asyncio.Event()

    async def send(message: Any) -> None:
        (ready if message["type"] == "lifespan.startup.complete" else gone).set()

    living = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}}, steps.get, send))
    await steps.put({"type": "lifespan.startup"})
    with anyio.fail_after(10):
        await ready.wait()
    yield Site(app)
    await steps.put({"type": "lifespan.shutdown"})
    with anyio.fail_after(10):
        await living
    assert gone.is_set()


async def posted(server: OpenManagerServer, messages: Sequence[Any]) -> list[Any]:
    async with site(server) as it:
        assert (await it.post(request("first", MODERN, kind="text")))[0] == 200
        return [without_ids(await it.post(message)) for message in messages]


@given(calls=st.lists(st.tuples(ids, arguments), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_over_http_every_call_is_answered_as_the_sdk_answers_it(calls: list[tuple[Any, dict[str, Any]]]) -> None:
    messages = [request(number, MODERN, **given) for number, given in calls]

    async def both() -> None:
        assert await posted(make(), messages) == await posted(make(closed=True), messages)

    anyio.run(both)


@pytest.mark.anyio
async def test_over_http_every_kind_of_answer_is_the_same_and_went_the_short_way(taken: list[Any]) -> None:
    messages = [request(n, MODERN, kind=kind, said="größe 한 <&>", number=1e16) for n, kind in enumerate(KINDS)]
    short = await posted(make(), messages)
    assert taken == list(range(len(KINDS)))
    assert short == await posted(make(closed=True), messages) and len(taken) == len(KINDS)


@pytest.mark.anyio
async def test_over_http_headers_that_were_not_accepted_before_are_left_to_the_sdk(taken: list[Any]) -> None:
    async with site(make()) as it:
        message = request(1, MODERN, kind="text")
        for _ in range(2):
            assert (await it.post(message, mcp_name="take"))[0] == 400
            assert (await it.post(message, mcp_method="tools/list"))[0] == 400
        assert taken == []
        for number in range(3):
            assert (await it.post(request(number, MODERN, kind="text")))[0] == 200
        assert taken == [1, 2]
        assert (await it.post(message, mcp_param_kind="text"))[0] in (200, 400) and taken == [1, 2]
        assert (await it.post(message, mcp_name="take"))[0] == 400 and taken == [1, 2]
