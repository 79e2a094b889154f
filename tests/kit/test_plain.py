"""Lists of tools are shaped once, and never those of somebody else: who sees other tools gets other entries."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from mcp.client import Client
from mcp_types import JSONRPCResponse
from mcp_types import Tool as ListedTool

from openmanager_kit.plain import Pieces, Written
from openmanager_kit.server import OpenManagerServer
from openmanager_kit.tools import reads


async def echo(text: str) -> str:
    """Say it again."""
    return text


async def other() -> str:
    """Say something else."""
    return "else"


class Choosy(OpenManagerServer):
    """Shows only some of its tools, now these, now those."""

    shown = 2

    async def list_tools(self) -> list[ListedTool]:
        return (await super().list_tools())[: self.shown]


async def listed(server: OpenManagerServer, mode: Any) -> list[dict[str, Any]]:
    async with Client(server, mode=mode) as client:
        return [tool.model_dump() for tool in (await client.list_tools()).tools]


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_list_is_the_same_each_time_and_follows_what_is_shown_and_added(mode: str) -> None:
    server = Choosy("choosy", tools=(reads(echo, "Echo"), reads(other, "Other")))
    first = await listed(server, mode)
    assert [tool["name"] for tool in first] == ["echo", "other"] and first[0]["input_schema"]["required"] == ["text"]
    assert await listed(server, mode) == first
    server.shown = 1
    assert await listed(server, mode) == first[:1]
    server.shown = 3
    server.add(replace(reads(other, "Third"), name="third"))
    third = await listed(server, mode)
    assert third[:2] == first and third[2]["name"] == "third"
    server.remove_tool("echo")
    assert [tool["name"] for tool in await listed(server, mode)] == ["other", "third"]


@pytest.mark.anyio
async def test_each_protocol_version_gets_its_own_shape() -> None:
    server = OpenManagerServer("both", tools=(reads(echo, "Echo"),))
    for _ in range(2):
        for mode in ("legacy", "2026-07-28"):
            assert [tool["title"] for tool in await listed(server, mode)] == ["Echo"]


@pytest.mark.anyio
async def test_pages_are_shaped_one_by_one() -> None:
    server = OpenManagerServer("paged", tools=(reads(echo, "Echo"), reads(other, "Other")), page_size=1)
    async with Client(server) as client:
        for _ in range(2):
            page = await client.list_tools()
            assert [tool.name for tool in page.tools] == ["echo"] and page.next_cursor
            page = await client.list_tools(cursor=page.next_cursor)
            assert [tool.name for tool in page.tools] == ["other"]


def test_a_mark_is_replaced_by_the_bytes_the_sdk_would_write_and_nothing_else_is() -> None:
    value = {"text": "größe \ud800 \n", "none": None, "rows": [{"a": None, "b": 1.5}], "empty": {}}
    reply = JSONRPCResponse(jsonrpc="2.0", id=1, result={"structuredContent": value})
    usual = json.dumps(reply.model_dump(mode="json", by_alias=True, exclude_none=True), separators=(",", ":"))
    pieces = Pieces()
    mark = pieces.mark(Written(value))
    marked = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"structuredContent": mark}}, separators=(",", ":"))
    assert pieces.put_in(marked.encode()) == usual.encode()
    assert Pieces().put_in(marked.encode()) == marked.encode()
