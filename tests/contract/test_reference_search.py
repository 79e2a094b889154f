"""The search tool beside PyPI's `duckduckgo-mcp-server`: the same tool by its list, the same results of the same page.

Both run as processes and ask the same played DuckDuckGo on its real addresses.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pypi_tools
import pytest
import served
from engines_played import DDG_TEXT, Played, Response, played
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp_types import CallToolResult, TextContent, Tool
from search_served import DDG_NOTHING, DDG_PUZZLE, ddg_page, ddg_ten_each

pytestmark = [pytest.mark.node, pytest.mark.timeout(900), pytest.mark.anyio]

PEER = "duckduckgo-mcp-server==0.7.0"
NOT_OURS = {
    "expand_link": "it gives back addresses that the peer's search shortened; ours are always whole, so none is needed"
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    with played(tmp_path_factory.mktemp("stage")) as engines:
        yield engines


@pytest.fixture
def engines(stage: Played) -> Played:
    stage.hosts.clear()
    stage.asked.clear()
    return stage


def theirs(stage: Played) -> StdioServerParameters:
    """What starts the peer, its requests sent to the player."""
    program = str(pypi_tools.program(PEER, "duckduckgo-mcp-server"))
    env = {"HTTPS_PROXY": stage.proxy, "DDG_CA_CERTS": stage.ca_file, "PATH": os.environ["PATH"]}
    return StdioServerParameters(command=program, args=[], env=env)


def ours(stage: Played, home: Path) -> StdioServerParameters:
    """What starts our server, with its requests sent there too."""
    section = {"proxy": stage.proxy, "ca_file": stage.ca_file, "engines": ["duckduckgo"]}
    lines = ['servers = ["search"]', "[search]", *(f"{key} = {json.dumps(value)}" for key, value in section.items())]
    (home / "search.toml").write_text("\n".join(lines))
    return served.over_stdio(home, "--config", str(home / "search.toml"), server="search")


async def tools(parameters: StdioServerParameters) -> dict[str, Tool]:
    async with Client(parameters, mode="legacy") as client:
        return {tool.name: tool for tool in (await client.list_tools()).tools}


async def said(parameters: StdioServerParameters, **arguments: Any) -> tuple[str, bool]:
    async with Client(parameters, mode="legacy") as client:
        result = await client.call_tool("search", arguments)
    assert isinstance(result, CallToolResult)
    text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
    return text, bool(result.is_error)


def kinds(schema: dict[str, Any]) -> set[str]:
    """The JSON types of a value, null aside."""
    return {one["type"] for one in schema.get("anyOf", [schema])} - {"null"}


async def test_every_tool_of_the_peer_is_one_of_ours_with_its_arguments(tmp_path: Path, engines: Played) -> None:
    their_tools, our_tools = await tools(theirs(engines)), await tools(ours(engines, tmp_path))
    assert set(their_tools) - set(our_tools) == set(NOT_OURS)
    for name in set(their_tools) - set(NOT_OURS):
        wanted, given = their_tools[name].input_schema, our_tools[name].input_schema
        assert set(given.get("required", [])) <= set(wanted.get("required", []))
        for argument, schema in wanted["properties"].items():
            assert kinds(schema) <= kinds(given["properties"][argument]), (name, argument)
            if schema.get("default") is not None:
                assert given["properties"][argument]["default"] == schema["default"], (name, argument)


@pytest.mark.parametrize("arguments", [{}, {"max_results": 3}, {"region": "kr-kr"}], ids=str)
async def test_the_same_page_gives_the_same_results_in_the_same_words(
    tmp_path: Path, engines: Played, arguments: dict[str, Any]
) -> None:
    rows = [(f"제목 {n}", f"https://www.example.org/{n}?a={n}&b=%2F", f"요약 <b>mcp</b> &amp; {n}") for n in range(10)]
    engines.hosts[DDG_TEXT] = lambda request: Response(ddg_page(rows))
    answers = [await said(one, query="mcp", **arguments) for one in (theirs(engines), ours(engines, tmp_path))]
    assert [failed for _, failed in answers] == [False, False]
    parts = [
        [re.findall(pattern, text, re.M) for pattern in (r"^Found \d+ .*", r"^\d+\. .*", r"^   URL: .*")]
        for text, _ in answers
    ]
    assert parts[0] == parts[1] and len(parts[0][1]) == arguments.get("max_results", 10)
    assert [re.sub(r"\s+", "", line) for line in re.findall("^   Summary: .*", answers[0][0], re.M)] == [
        re.sub(r"\s+", "", line) for line in re.findall("^   Summary: .*", answers[1][0], re.M)
    ]
    forms = [{key: asked.fields.get(key) for key in ("q", "kp")} for asked in engines.asked]
    assert forms[0] == forms[-1]
    assert "region" not in arguments or {asked.fields["kl"] for asked in engines.asked} == {"kr-kr"}


async def test_where_the_peer_says_no_results_for_a_block_ours_is_an_error(tmp_path: Path, engines: Played) -> None:
    engines.hosts[DDG_TEXT] = lambda request: Response(DDG_PUZZLE, 202)
    peer, mine = [await said(one, query="mcp") for one in (theirs(engines), ours(engines, tmp_path))]
    assert "No results were found" in peer[0] and not peer[1]
    assert mine[1] and mine[0].startswith("blocked:")


async def test_true_zeros_are_answers_of_both(tmp_path: Path, engines: Played) -> None:
    engines.hosts[DDG_TEXT] = lambda request: Response(DDG_NOTHING)
    for one in (theirs(engines), ours(engines, tmp_path)):
        text, failed = await said(one, query="mcp")
        assert not failed and "no results" in text.casefold()


async def test_the_thirty_first_search_of_a_minute_is_never_a_silent_wait(tmp_path: Path, engines: Played) -> None:
    engines.hosts[DDG_TEXT] = ddg_ten_each
    outcomes: list[str] = []
    async with Client(ours(engines, tmp_path), mode="legacy") as client:

        async def one(number: int) -> None:
            result = await client.call_tool("search", {"query": f"mcp {number}"})
            assert isinstance(result, CallToolResult) and isinstance(result.content[0], TextContent)
            outcomes.append(result.content[0].text.split(":")[0] if result.is_error else "answered")

        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                for number in range(31):
                    group.start_soon(one, number)
    assert outcomes.count("answered") >= 5 and outcomes.count("rate_limited") >= 15
    assert set(outcomes) == {"answered", "rate_limited"}
