"""A chain by its address, and followed as its thoughts come, in both eras, from this process and from another."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import ResourceUpdated
from thoughts import call, server_in, think

from openmanager_kit.following import MOST_FOLLOWED
from openmanager_kit.server import OpenManagerServer
from openmanager_thinking.desk import Desk
from openmanager_thinking.following import ChainFollower, follow
from openmanager_thinking.limits import Section
from openmanager_thinking.server import TOOLS
from openmanager_thinking.store import Store

pytestmark = pytest.mark.anyio
PREFIX = "thinking://chain/"


def quick(home: Path) -> tuple[OpenManagerServer, ChainFollower]:
    """A server that looks for other processes' thoughts often."""
    desk = Desk(Store(home, Section()))
    server = OpenManagerServer("sequential-thinking", state=desk, tools=TOOLS)
    return server, follow(server, desk, every_s=0.02)


@contextmanager
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the client calls its own legacy methods deprecated
        yield


async def test_each_thought_is_told_as_it_comes(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        chain = (await think(client, 1))["chainId"]
        with anyio.fail_after(20):
            async with client.listen(resource_subscriptions=[PREFIX + chain]) as events:
                for number in (2, 3):
                    await think(client, number, f"new {number}")
                    assert await anext(events) == ResourceUpdated(uri=PREFIX + chain)
                    read = await client.read_resource(PREFIX + chain)
                    assert f"> new {number}" in read.contents[0].text  # type: ignore[union-attr]
                await call(client, "conclude_chain", conclusion="so", confidence=1)
                assert await anext(events) == ResourceUpdated(uri=PREFIX + chain)


async def test_a_legacy_subscriber_hears_too_until_it_unsubscribes(tmp_path: Path) -> None:
    heard: list[str] = []
    told = anyio.Event()

    async def hear(message: Any) -> None:
        if getattr(message, "method", "") == "notifications/resources/updated":
            heard.append(message.params.uri)
            told.set()

    server, follower = quick(tmp_path)
    with quiet():
        async with Client(server, mode="legacy", message_handler=hear) as client:
            chain = (await think(client, 1))["chainId"]
            await client.session.subscribe_resource(PREFIX + chain + "/tree")
            await think(client, 2)
            with anyio.fail_after(20):
                await told.wait()
            await client.session.unsubscribe_resource(PREFIX + chain + "/tree")
            assert follower.idle
            with pytest.raises(MCPError, match="does not exist"):
                await client.session.subscribe_resource(PREFIX + "x" * 24)
    assert heard == [PREFIX + chain + "/tree"]


async def test_thoughts_of_another_process_and_the_end_of_the_chain_are_told(tmp_path: Path) -> None:
    server, follower = quick(tmp_path)
    async with Client(server) as client, Client(server_in(tmp_path)) as other:
        chain = (await think(client, 1))["chainId"]
        assert follower.idle
        with anyio.fail_after(20):
            async with client.listen(resource_subscriptions=[PREFIX + chain]) as events:
                assert not follower.idle
                await think(other, 2, chainId=chain)
                assert await anext(events) == ResourceUpdated(uri=PREFIX + chain)
                await call(other, "delete_chain", chainId=chain)
                assert await anext(events) == ResourceUpdated(uri=PREFIX + chain)
            while not follower.idle:  # noqa: ASYNC110 - nothing tells
                await anyio.sleep(0.01)


@pytest.mark.parametrize(
    ("uris", "says"),
    [
        (["thinking://chain/short"], "must be thinking://chain/ and a chainId"),
        (["file:///etc/passwd"], "must be thinking://chain/"),
        ([PREFIX + "a" * 24], "does not exist"),
        ([f"{PREFIX}{number:024d}" for number in range(MOST_FOLLOWED + 1)], "at most 200"),
    ],
)
async def test_what_cannot_be_followed_is_refused(tmp_path: Path, uris: list[str], says: str) -> None:
    server, follower = quick(tmp_path)
    async with Client(server) as client:
        with pytest.raises(MCPError, match=says):
            async with client.listen(resource_subscriptions=uris):
                pass
    assert follower.idle


async def test_a_chain_reads_as_markdown_and_as_a_tree(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        chain = (await think(client, 1, "the root"))["chainId"]
        await think(client, 2, "left", branchFromThought=1, branchId="l")
        templates = {one.uri_template for one in (await client.list_resource_templates()).resource_templates}
        assert templates == {"thinking://chain/{id}", "thinking://chain/{id}/tree"}
        whole = (await client.read_resource(PREFIX + chain)).contents[0].text  # type: ignore[union-attr]
        assert whole.startswith(f'# Chain {chain}\n\n"the root": open, 2 thoughts, 1 branch')
        tree = (await client.read_resource(f"{PREFIX}{chain}/tree")).contents[0].text  # type: ignore[union-attr]
        assert tree == 'flowchart TD\n  t1["1: the root"]\n  t2["2: left"]\n  t1 -->|"l"| t2'
        with pytest.raises(MCPError, match="does not exist"):
            await client.read_resource(PREFIX + "a" * 24)


async def test_of_a_chain_that_is_too_long_for_one_reading_the_end_is_shown(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        for number in range(1, 13):
            chain = (await think(client, number, f"step {number} " + "y" * 20_000))["chainId"]
        text = (await client.read_resource(PREFIX + chain)).contents[0].text  # type: ignore[union-attr]
        assert len(text) <= 100_000
        assert "> step 12 y" in text
        assert "> step 1 y" not in text
        assert "are left out; read_chain pages through all" in text


@pytest.mark.parametrize("language", ["en", "ko"])
async def test_the_prompt_shows_how_to_think_with_the_tools(tmp_path: Path, language: str) -> None:
    async with Client(server_in(tmp_path)) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        asked = {"problem": "why is\nit slow?", "language": language}
        prompt = (await client.get_prompt("think_through", asked)).messages[0].content.text  # type: ignore[union-attr]
        assert r"why is\nit slow?" in prompt
        assert ("한국어" in prompt) == (language == "ko")
        for word in ("sequentialthinking", "compare_branches", "conclude_chain", "search_thoughts", "read_chain"):
            assert word in tools
            assert word in prompt
