"""Whoever goes the short way over HTTP gets what the SDK's way gives."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from short_way import KINDS, MODERN, arguments, ids, make, request, short_calls, without_ids

from openmanager_kit.hosting.http import http_app
from openmanager_kit.profile import HttpSettings
from openmanager_kit.server import OpenManagerServer

HEADERS = {
    b"host": b"127.0.0.1:80",
    b"content-type": b"application/json",
    b"accept": b"application/json, text/event-stream",
    b"mcp-protocol-version": MODERN.encode(),
    b"mcp-method": b"tools/call",
    b"mcp-name": b"give",
}


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    return short_calls(monkeypatch)


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
