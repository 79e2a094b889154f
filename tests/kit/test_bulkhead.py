"""A server that hangs or is flooded takes nothing from the others behind the same gateway."""

from __future__ import annotations

import threading
from pathlib import Path

import anyio
import httpx2
import kit_served
import pytest
from mcp.client import Client
from served_up import until

from openmanager_kit.hosting.gateway import Gateway
from openmanager_kit.hosting.guard import Guard, Message, Receive, Scope, Send
from openmanager_kit.hosting.members import Member, gathered
from openmanager_kit.limits import Limits
from openmanager_kit.registry import ServerSettings
from openmanager_kit.server import OpenManagerServer
from openmanager_kit.tools import reads

QUICK_S = 3.0
"""Generous: what is blocked would take fifty."""


async def ping() -> str:
    """Answer."""
    return "pong"


def beside(home: Path, limits: Limits) -> Gateway:
    """A server of tools that misbehave, and a good one."""

    def bench() -> OpenManagerServer:
        return kit_served.build(ServerSettings("bench", home=home, limits=limits))

    def good() -> OpenManagerServer:
        return OpenManagerServer("good", tools=(reads(ping, "Ping"),))

    members: list[Member] = gathered([("bench", bench), ("good", good)])
    return Gateway(members)


@pytest.mark.anyio
async def test_a_server_whose_tools_block_their_threads_leaves_the_others_quick(tmp_path: Path) -> None:
    async with (
        Client(beside(tmp_path, Limits(calls_per_tool=50, threads=4))) as client,
        anyio.create_task_group() as group,
    ):
        for _ in range(60):  # more than there are threads, here and in the SDK
            group.start_soon(client.call_tool, "stubborn", {})
        await until((tmp_path / "started").exists)
        with anyio.fail_after(QUICK_S):
            for _ in range(20):
                assert (await client.call_tool("ping", {})).content[0].text == "pong"  # type: ignore[union-attr]
        group.cancel_scope.cancel()


@pytest.mark.anyio
async def test_a_flood_of_one_server_is_told_to_come_back_and_the_others_answer(tmp_path: Path) -> None:
    refused: list[str] = []

    async def slow(client: Client) -> None:
        result = await client.call_tool("slow", {"seconds": 30})
        if result.is_error:
            refused.append(result.content[0].text)  # type: ignore[union-attr]

    async with Client(beside(tmp_path, Limits(waiting=20))) as client, anyio.create_task_group() as group:
        for _ in range(200):
            group.start_soon(slow, client)
        with anyio.fail_after(QUICK_S):
            await until(lambda: len(refused) == 200 - 20 - 8)  # eight run, twenty wait
            assert (await client.call_tool("ping", {})).content[0].text == "pong"  # type: ignore[union-attr]
        assert all("busy" in text and "waiting already" in text for text in refused)
        group.cancel_scope.cancel()


@pytest.mark.anyio
async def test_a_path_that_is_flooded_leaves_requests_to_the_other_paths() -> None:
    release = anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/flooded/mcp":
            await release.wait()
        start: Message = {"type": "http.response.start", "status": 200, "headers": []}
        await send(start)
        await send({"type": "http.response.body", "body": b"{}"})

    guard = Guard(app, hosts=["here"], origins=[], requests=8, share=0.75)
    statuses: list[int] = []
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(guard), base_url="http://here") as client:

        async def flood() -> None:
            statuses.append((await client.post("/flooded/mcp", json={})).status_code)

        async with anyio.create_task_group() as group:
            for _ in range(12):
                group.start_soon(flood)
            await until(lambda: len(statuses) == 6)
            assert set(statuses) == {503}
            assert (await client.post("/good/mcp", json={})).status_code == 200
            release.set()
    assert sorted(statuses) == [200] * 6 + [503] * 6
    assert threading.active_count() < 100
