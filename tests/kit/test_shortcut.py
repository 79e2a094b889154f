"""Whoever goes the short way over pipes gets what the SDK's way gives, in every protocol version."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
from collections.abc import AsyncIterator, Sequence
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit_wire import ENVELOPE
from mcp_types import InputRequiredResult
from opentelemetry import trace
from short_way import (
    KINDS,
    LEGACY,
    MODERN,
    arguments,
    calls_at_once,
    give_at_once,
    ids,
    make,
    request,
    short_calls,
    talk,
    without_ids,
)

from openmanager_core.errors import InvalidRequest
from openmanager_kit.hosting import shortcut
from openmanager_kit.hosting.shortcut import Shortcut, plain_call
from openmanager_kit.server import OpenManagerServer
from openmanager_kit.watchers import Call


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    return short_calls(monkeypatch)


async def answers(server: OpenManagerServer, version: str, messages: Sequence[Any]) -> list[Any]:
    async with talk(server, version) as client:
        return [without_ids(await client.ask(message)) for message in messages]


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


@pytest.mark.parametrize("version", [*LEGACY, MODERN])
@given(
    calls=st.lists(arguments, min_size=1, max_size=40),
    waits=st.sets(st.sampled_from(KINDS)),
    cuts=st.lists(st.floats(0, 1), max_size=4),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_calls_that_wait_for_nothing_are_answered_as_the_sdk_answers_them_however_they_arrive(
    version: str, calls: list[dict[str, Any]], waits: set[str], cuts: list[float]
) -> None:
    messages = [request(number, version, **given) for number, given in enumerate(calls)]

    def unless_it_waits(kind: str, said: str, number: float) -> Any:
        return None if kind in waits else give_at_once(kind, said, number)

    async def in_pieces() -> list[Any]:
        data = b"".join(json.dumps(message).encode() + b"\n" for message in messages)
        ends = [0, *sorted(int(cut * len(data)) for cut in cuts), len(data)]
        async with talk(make(at_once=unless_it_waits), version) as client:
            for begin, end in itertools.pairwise(ends):
                client.write(data[begin:end])
                await asyncio.sleep(0)
            return sorted([without_ids(await client.line()) for _ in messages], key=lambda answer: str(answer["id"]))

    async def both() -> None:
        usual = await answers(make(closed=True), version, messages)
        assert await in_pieces() == sorted(usual, key=lambda answer: str(answer["id"]))

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
@pytest.mark.parametrize("version", [*LEGACY, MODERN])
async def test_every_kind_of_answer_can_be_given_at_once(
    version: str, taken: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = calls_at_once(monkeypatch)
    messages = [request(n, version, kind=kind, said="größe 한 <&>", number=1e16) for n, kind in enumerate(KINDS)]
    short = await answers(make(at_once=give_at_once), version, messages)
    assert at_once == list(range(len(KINDS))) and taken == []
    assert short == await answers(make(closed=True), version, messages)


@pytest.mark.anyio
async def test_a_flood_of_calls_that_are_answered_at_once_leaves_others_their_turn() -> None:
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with talk(make(at_once=give_at_once), "2025-06-18") as client:
        counting = asyncio.create_task(count_turns())
        client.send(*(request(number, "2025-06-18", kind="text") for number in range(300)))
        before = turns
        for number in range(300):
            assert (await client.line())["id"] == number
        counting.cancel()
    assert turns - before >= 300 // 16


@pytest.mark.anyio
async def test_a_call_that_could_be_answered_at_once_waits_for_those_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    release, at_once = asyncio.Event(), calls_at_once(monkeypatch)

    async def give(kind: str) -> str:
        """Wait for the release, or not."""
        if kind == "wait":
            await release.wait()
        return kind

    server = make(give, at_once=lambda kind: kind if kind == "text" else None)
    async with talk(server, "2025-06-18") as client:
        client.send(request(1, "2025-06-18", kind="wait"), request(2, "2025-06-18", kind="text"))
        assert (await client.line())["id"] == 2 and at_once == []
        release.set()
        assert (await client.line())["id"] == 1
        await client.ask(request(3, "2025-06-18", kind="text"))
    assert at_once == [3]


@pytest.mark.anyio
async def test_whoever_watches_sees_calls_that_could_be_answered_at_once(taken: list[Any]) -> None:
    seen: list[str] = []

    @contextlib.asynccontextmanager
    async def watcher(call: Call) -> AsyncIterator[None]:
        yield
        seen.append(str(call.arguments["kind"]))

    server = make(at_once=give_at_once)
    server.watchers.append(watcher)
    async with talk(server, "2025-06-18") as client:
        await client.ask(request(1, "2025-06-18", kind="dict"))
    assert seen == ["dict"] and taken == [1]


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


@pytest.mark.anyio
async def test_a_tool_that_asks_though_it_said_it_would_not_is_an_internal_error(taken: list[Any]) -> None:
    async def give(kind: str) -> InputRequiredResult | str:
        """Ask, or not."""
        return InputRequiredResult(request_state="more") if kind == "ask" else kind

    async with talk(make(give), MODERN) as client:
        answer = await client.ask(request("7", MODERN, kind="ask"))
        assert (await client.ask(request(8, MODERN, kind="text")))["result"]["content"][0]["text"] == "text"
    assert answer["id"] == "7" and answer["error"]["code"] == -32603 and taken == ["7", 8]


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
