"""Long answers: whole on the wire, in one line each, and the same whichever way they took."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import mcp_types as types
import pytest
from mcp.client import Client
from mcp.shared.message import SessionMessage
from mcp_types import CallToolResult, TextContent

from openmanager_kit.hosting.pipes import PipeReader, PipeWriter
from openmanager_kit.hosting.wire import Outgoing
from openmanager_kit.plain import PlainResult
from openmanager_kit.server import OpenManagerServer
from openmanager_kit.tools import reads

LONG = 'a"\\\n\u2028é😀\x01' * 60_000
ROWS = {"rows": [{"name": f"n{number}", "size": number, "none": None} for number in range(2000)], "next": None}


def answered(number: int, *texts: str, **more: object) -> SessionMessage:
    content = [{"type": "text", "text": text} for text in texts]
    return SessionMessage(types.JSONRPCResponse(jsonrpc="2.0", id=number, result={"content": content, **more}))


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


async def sent(*messages: SessionMessage) -> list[bytes]:
    """The lines that arrive when all messages are sent at once."""
    with pipe() as (out, into):
        reader, writer = PipeReader(out), PipeWriter(into, lambda: None)
        outgoing, got = Outgoing(writer), b""
        async with anyio.create_task_group() as group:
            for message in messages:
                group.start_soon(outgoing.send, message)
            with anyio.fail_after(20):
                while got.count(b"\n") < len(messages):
                    got += await reader.read()
        writer.close()
        reader.end()
    return got.splitlines()


@pytest.mark.anyio
async def test_long_texts_arrive_as_they_are_and_never_within_each_other() -> None:
    lines = await sent(answered(1, LONG, "short", LONG), answered(2, "little"), answered(3, LONG[::-1]))
    found = {line["id"]: [block["text"] for block in line["result"]["content"]] for line in map(json.loads, lines)}
    assert found == {1: [LONG, "short", LONG], 2: ["little"], 3: [LONG[::-1]]}


@pytest.mark.anyio
async def test_a_lone_surrogate_in_a_long_text_is_a_question_mark() -> None:
    (line,) = await sent(answered(1, "x" * 400_000 + "\udc80"))
    assert json.loads(line)["result"]["content"][0]["text"] == "x" * 400_000 + "?"


@pytest.mark.anyio
async def test_many_rows_and_what_orjson_refuses_are_written_alike() -> None:
    for odd in (1, 2**70, "\udc80"):
        (line,) = await sent(answered(1, "t", structuredContent={**ROWS, "odd": odd}))
        expected = {**ROWS, "odd": "?" if odd == "\udc80" else odd}
        assert json.loads(line)["result"]["structuredContent"] == expected


@pytest.mark.anyio
async def test_who_is_cancelled_while_the_other_side_is_slow_leaves_a_whole_line() -> None:
    text = "y" * 5_000_000
    with pipe() as (out, into):
        writer = PipeWriter(into, lambda: None)
        outgoing = Outgoing(writer)
        with anyio.move_on_after(0.3) as scope:
            await outgoing.send(answered(1, text))
        assert scope.cancelled_caught
        reader, got = PipeReader(out), b""
        with anyio.fail_after(20):
            while not got.endswith(b"\n"):
                got += await reader.read()
        writer.close()
        reader.end()
    assert json.loads(got)["result"]["content"][0]["text"] == text


async def rows() -> CallToolResult:
    """Give many rows."""
    return PlainResult(content=[TextContent(type="text", text="many")], structured_content=ROWS)


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_plain_structure_reaches_the_client_in_both_eras(mode: str) -> None:
    async with Client(OpenManagerServer("rows", tools=(reads(rows, "Rows"),)), mode=mode) as client:  # type: ignore[arg-type]
        result = await client.call_tool("rows", {})
    assert isinstance(result, CallToolResult)
    assert result.structured_content == ROWS
