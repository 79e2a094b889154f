"""The search server as a process: both transports, both eras, the Inspector; started without a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import served
from conformance import node_tools
from engines_played import DDG_TEXT, Played, played
from mcp.client import Client
from mcp_types import CallToolResult, TextContent
from search_served import ddg_ten_each

ERAS = ["legacy", "2026-07-28"]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    with played(tmp_path_factory.mktemp("stage")) as engines:
        engines.hosts[DDG_TEXT] = ddg_ten_each
        yield engines


def profile(folder: Path, **section: Any) -> str:
    """A profile of one's own with the search server alone."""
    lines = ['servers = ["search"]', "[search]", *(f"{key} = {json.dumps(value)}" for key, value in section.items())]
    (folder / "search.toml").write_text("\n".join(lines), encoding="utf-8")
    return str(folder / "search.toml")


@pytest.fixture
def online(tmp_path: Path, stage: Played) -> str:
    return profile(tmp_path, proxy=stage.proxy, ca_file=stage.ca_file)


@pytest.fixture
def offline(tmp_path: Path) -> str:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "guide.md").write_text("# 운영 안내\n서버가 멈추면 systemctl restart\n", encoding="utf-8")
    assert served.run(tmp_path, ["index", str(folder)]).returncode == 0
    return profile(tmp_path, proxy="http://127.0.0.1:9")


def text(result: Any) -> str:
    assert isinstance(result, CallToolResult)
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


async def the_web_is_searched(client: Client) -> None:
    result = await client.call_tool("search", {"query": "mcp", "max_results": 3})
    assert isinstance(result, CallToolResult) and result.structured_content is not None
    assert "https://www.example.org/page/2" in text(result) and "engine: duckduckgo" in text(result)
    assert len(result.structured_content["results"]) == 3
    more = {"query": "mcp", "max_results": 3, "cursor": result.structured_content["next_cursor"]}
    assert "4. Title 3" in text(await client.call_tool("search", more))
    refused = await client.call_tool("search", {"query": "mcp", "kind": "maps"})
    assert isinstance(refused, CallToolResult) and refused.is_error and "kind" in text(refused)


async def the_index_answers(client: Client) -> None:
    found = await client.call_tool("search", {"query": "서버"})
    assert "file://notes/guide.md" in text(found) and "duckduckgo failed" in text(found)
    read = await client.call_tool("fetch_content", {"url": "file://notes/guide.md"})
    assert "systemctl restart" in text(read) and "user's own index" in text(read)
    both = await client.call_tool("search_and_read", {"query": "systemctl"})
    assert "systemctl restart" in text(both) and "file://notes/guide.md" in text(both)
    nothing = await client.call_tool("search", {"query": "absent"})
    assert isinstance(nothing, CallToolResult) and nothing.is_error and "no web engine answered" in text(nothing)


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ERAS)
async def test_it_searches_over_stdio(tmp_path: Path, online: str, mode: str) -> None:
    async with Client(served.over_stdio(tmp_path, "--config", online, server="search"), mode=mode) as client:  # type: ignore[arg-type]
        await the_web_is_searched(client)


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ERAS)
async def test_it_searches_over_http(tmp_path: Path, online: str, mode: str) -> None:
    with served.over_http(tmp_path, "--config", online, server="search") as url:
        async with Client(url, mode=mode) as client:  # type: ignore[arg-type]
            await the_web_is_searched(client)


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ERAS)
async def test_without_a_network_it_starts_and_answers_from_the_index(tmp_path: Path, offline: str, mode: str) -> None:
    async with Client(served.over_stdio(tmp_path, "--config", offline, server="search"), mode=mode) as client:  # type: ignore[arg-type]
        await the_index_answers(client)


@pytest.mark.anyio
async def test_every_tool_only_reads_and_reaches_outside(tmp_path: Path, offline: str) -> None:
    async with Client(served.over_stdio(tmp_path, "--config", offline, server="search")) as client:
        tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == ["search", "fetch_content", "fetch", "search_and_read"]
    assert all(t.annotations and t.annotations.read_only_hint and t.annotations.open_world_hint for t in tools)


def test_a_wrong_section_is_refused_by_its_key(tmp_path: Path) -> None:
    for section, words in (
        ({"engines": ["gogle"]}, "search.engines"),
        ({"engines": ["local", "local"]}, "twice"),
        ({"searxng_url": "ftp://x"}, "search.searxng_url"),
        ({"searx": "x"}, "search.searx"),
    ):
        done = served.run(tmp_path, ["serve", "search", "--config", profile(tmp_path, **section)])
        assert done.returncode == 2 and words in done.stderr, done.stderr


@pytest.mark.node
@pytest.mark.timeout(600)
def test_the_inspector_lists_strictly_and_calls(tmp_path: Path, offline: str) -> None:
    environ = served.environment(tmp_path)
    passed = [f"-e{name}={environ[name]}" for name in ("PYTHONPATH", "OPENMANAGER_HOME")]
    started = served.command("serve", "search", "--config", offline)

    def inspect(*words: str) -> Any:
        script = "clients/launcher/build/index.js"
        words = ("--cli", "--format", "json", "-q", *words, *passed, "--", *started)
        done = node_tools.run("@modelcontextprotocol/inspector", script, *words)
        assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
        return json.loads(done.stdout)["result"]

    assert "search" in {listed["name"] for listed in inspect("--method", "tools/list", "--strict")["tools"]}
    argument = json.dumps({"query": "서버", "engine": "local"})
    called = inspect("--method", "tools/call", "--tool-name", "search", "--tool-args-json", argument)
    assert "file://notes/guide.md" in called["content"][0]["text"]
