"""Whose chains are whose: over HTTP a token's, or nobody's and found by their handle alone; locally the user's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.shared.exceptions import MCPError
from thoughts import call, refused, server_in, step, text_of, think

from openmanager_thinking.desk import owner_of

pytestmark = pytest.mark.anyio
ALICE, BOB = "alice-" + "a" * 20, "bob-" + "b" * 20


@asynccontextmanager
async def visitor(home: Path, token: str = "") -> AsyncIterator[Client]:
    """A client over HTTP, in memory."""
    app = server_in(home).streamable_http_app(stateless_http=True, json_response=True)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, headers=headers, base_url="http://127.0.0.1:8000") as http,
        Client(streamable_http_client("http://127.0.0.1:8000/mcp", http_client=http)) as client,
    ):
        yield client


async def test_over_http_each_call_without_a_chain_begins_one(tmp_path: Path) -> None:
    async with visitor(tmp_path) as client:
        first, second = [(await think(client, 1))["chainId"] for _ in range(2)]
        assert first != second
        assert (await think(client, 2, chainId=first))["thoughtHistoryLength"] == 2
        assert "begins with thought 3; chainId continues" in (await think(client, 3))["note"]


async def test_over_http_the_other_tools_need_a_chain(tmp_path: Path) -> None:
    async with visitor(tmp_path) as client:
        await think(client, 1)
        for tool in ("read_chain", "compare_branches"):
            assert "chainId is required over HTTP" in await refused(client, tool)
        assert "is required over HTTP" in await refused(client, "conclude_chain", conclusion="x", confidence=1)


async def test_without_a_token_nothing_is_listed_and_the_handle_is_the_key(tmp_path: Path) -> None:
    async with visitor(tmp_path) as client:
        chain = (await think(client, 1, "a secret plan"))["chainId"]
    async with visitor(tmp_path) as other:
        for tool, more in (("list_chains", {}), ("search_thoughts", {"query": "secret"})):
            said = await refused(other, tool, **more)
            assert said.startswith("not_allowed")
            assert chain not in said
        assert "a secret plan" in text_of(await call(other, "read_chain", chainId=chain))
        found = await call(other, "search_thoughts", query="secret", chainId=chain)
        assert len(found.structured_content["hits"]) == 1


async def test_the_chains_of_a_token_are_its_own(tmp_path: Path) -> None:
    async with visitor(tmp_path, ALICE) as alice:
        chain = (await think(alice, 1, "a secret plan"))["chainId"]
        assert [row["chainId"] for row in (await call(alice, "list_chains")).structured_content["chains"]] == [chain]
        assert (await call(alice, "search_thoughts", query="secret")).structured_content["hits"]
    for token in (BOB, "", "short"):
        async with visitor(tmp_path, token) as other:
            for tool in ("read_chain", "delete_chain", "compare_branches"):
                assert "does not exist" in await refused(other, tool, chainId=chain)
            assert "does not exist" in await refused(other, "sequentialthinking", **step(2, chainId=chain))
            assert "does not exist" in await refused(other, "search_thoughts", query="secret", chainId=chain)
            with pytest.raises(MCPError, match="does not exist"):
                await other.read_resource(f"thinking://chain/{chain}")
            with pytest.raises(MCPError, match="does not exist"):
                async with other.listen(resource_subscriptions=[f"thinking://chain/{chain}"]):
                    pass
    async with visitor(tmp_path, BOB) as bob:
        assert (await call(bob, "list_chains")).structured_content["total"] == 0
        assert not (await call(bob, "search_thoughts", query="secret")).structured_content["hits"]


async def test_the_user_s_own_chains_and_those_over_http_are_apart(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as local, visitor(tmp_path, ALICE) as alice, visitor(tmp_path) as anybody:
        mine = (await think(local, 1))["chainId"]
        hers = (await think(alice, 1))["chainId"]
        nobody_s = (await think(anybody, 1))["chainId"]
        assert [row["chainId"] for row in (await call(local, "list_chains")).structured_content["chains"]] == [mine]
        assert "does not exist" in await refused(alice, "read_chain", chainId=mine)
        assert "does not exist" in await refused(local, "read_chain", chainId=hers)
        await call(local, "read_chain", chainId=nobody_s)  # whoever has the handle


async def test_the_token_itself_is_not_in_the_file(tmp_path: Path) -> None:
    async with visitor(tmp_path, ALICE) as alice:
        await think(alice, 1)
    assert files_with(tmp_path, ALICE) == []
    assert files_with(tmp_path, "thought 1") != []


def files_with(folder: Path, text: str) -> list[str]:
    """The files that hold a text."""
    return [path.name for path in folder.iterdir() if text.encode() in path.read_bytes()]


def owner_with(subject: str, token: str) -> str:
    """Whose chains they are when a checked token stands for `subject`."""
    found = AccessToken(token=token, client_id="app", scopes=[], subject=subject, claims={"iss": "https://i.example"})
    request = SimpleNamespace(headers={"authorization": f"Bearer {token}"})
    before = auth_context_var.set(AuthenticatedUser(found))
    try:
        return owner_of(request)
    finally:
        auth_context_var.reset(before)


async def test_the_chains_of_a_checked_token_are_its_principal_s_also_when_it_is_renewed() -> None:
    first, renewed, other = owner_with("kim", ALICE), owner_with("kim", ALICE + "2"), owner_with("lee", ALICE)
    assert first == renewed != other
    assert "kim" not in first and ALICE not in first
