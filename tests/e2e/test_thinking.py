"""The sequential-thinking server as a process: both transports, both eras, the Inspector, a restart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import served
from conformance import node_tools
from mcp.client import Client
from thoughts import NAME, call, profile_in, refused, step, text_of, think

ERAS = ["legacy", "2026-07-28"]


async def a_problem_is_thought_through(client: Client) -> str:
    """Every tool once, with the chain named in each call; gives the chain."""
    chain: str = (await think(client, 1, "서버가 왜 느린가"))["chainId"]
    await think(client, 2, "the cache is cold", chainId=chain)
    await think(client, 3, "no, it is warm", chainId=chain, isRevision=True, revisesThought=2)
    answer = await think(client, 3, "the disk is slow", chainId=chain, branchFromThought=1, branchId="disk")
    assert (answer["branches"], answer["thoughtHistoryLength"]) == (["disk"], 4)
    said = await refused(client, "sequentialthinking", **step(4, chainId=chain, isRevision=True, revisesThought=99))
    assert "thoughts 1-3" in said
    assert "the disk is slow" in text_of(await call(client, "compare_branches", chainId=chain))
    assert text_of(await call(client, "search_thoughts", query="서버", chainId=chain)).count(chain) == 1
    await call(client, "conclude_chain", conclusion="It is the disk.", confidence=0.8, chainId=chain)
    assert "> It is the disk." in text_of(await call(client, "read_chain", chainId=chain))
    read = await client.read_resource(f"thinking://chain/{chain}")
    assert "> It is the disk." in read.contents[0].text  # type: ignore[union-attr]
    return chain


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ERAS)
async def test_it_is_used_over_stdio_and_goes_on_after_a_restart(tmp_path: Path, mode: str) -> None:
    parameters = served.over_stdio(tmp_path / "home", *profile_in(tmp_path), server=NAME)
    async with Client(parameters, mode=mode) as client:  # type: ignore[arg-type]
        chain = await a_problem_is_thought_through(client)
        own = [(await think(client, number))["chainId"] for number in (1, 2)]
        assert own[0] == own[1] != chain
    async with Client(parameters, mode=mode) as client:  # type: ignore[arg-type]
        listed = (await call(client, "list_chains")).structured_content["chains"]
        assert [row["chainId"] for row in listed] == [own[0], chain]
        assert (await think(client, 3, chainId=own[0]))["thoughtHistoryLength"] == 3
        assert (await think(client, 1))["chainId"] not in (chain, own[0])
        await call(client, "delete_chain", chainId=chain)
        assert "does not exist" in await refused(client, "read_chain", chainId=chain)


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ERAS)
async def test_it_is_used_over_http(tmp_path: Path, mode: str) -> None:
    with served.over_http(tmp_path / "home", *profile_in(tmp_path), server=NAME) as url:
        async with Client(url, mode=mode) as client, Client(url, mode=mode) as other:  # type: ignore[arg-type]
            chain = await a_problem_is_thought_through(client)
            assert (await think(other, 1))["chainId"] != (await think(client, 1))["chainId"]
            assert "not_allowed" in await refused(other, "list_chains")
            await call(client, "delete_chain", chainId=chain)


@pytest.mark.node
@pytest.mark.timeout(600)
def test_the_inspector_lists_strictly_and_calls(tmp_path: Path) -> None:
    environ = served.environment(tmp_path / "home")
    passed = [f"-e{name}={environ[name]}" for name in ("PYTHONPATH", "OPENMANAGER_HOME")]
    started = served.command("serve", NAME, *profile_in(tmp_path))

    def inspect(*words: str) -> Any:
        script = "clients/launcher/build/index.js"
        words = ("--cli", "--format", "json", "-q", *words, *passed, "--", *started)
        done = node_tools.run("@modelcontextprotocol/inspector", script, *words)
        assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
        return json.loads(done.stdout)["result"]

    assert "sequentialthinking" in {listed["name"] for listed in inspect("--method", "tools/list", "--strict")["tools"]}
    arguments = json.dumps(step(1))
    called = inspect("--method", "tools/call", "--tool-name", "sequentialthinking", "--tool-args-json", arguments)
    assert called["structuredContent"]["thoughtHistoryLength"] == 1
    templates = inspect("--method", "resources/templates/list")["resourceTemplates"]
    assert {one["uriTemplate"] for one in templates} == {"thinking://chain/{id}", "thinking://chain/{id}/tree"}
    assert [one["name"] for one in inspect("--method", "prompts/list")["prompts"]] == ["think_through"]
