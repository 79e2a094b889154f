"""The reading tools beside PyPI's `duckduckgo-mcp-server` and `mcp-server-fetch`: the same names, arguments, defaults.

Skipped where PyPI can not be reached.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pypi_tools
import pytest
from hostile_web import answer, pages
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp_types import Tool
from reading_served import inner, reading, texts

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(650)]
DDG, FETCH = "duckduckgo-mcp-server==0.7.0", "mcp-server-fetch==2026.10.24"
DOCS = (Path(__file__).parents[2] / "benchmarks/pages/docs.html").read_bytes()


@asynccontextmanager
async def peer(requirement: str, *flags: str) -> AsyncIterator[Client]:
    """A client of a peer in a process of its own."""
    program = pypi_tools.program(requirement, requirement.partition("==")[0])
    async with Client(StdioServerParameters(command=str(program), args=list(flags)), mode="legacy") as client:
        yield client


async def tools_of(client: Client) -> dict[str, Tool]:
    return {tool.name: tool for tool in (await client.list_tools()).tools}


def arguments(tool: Tool) -> dict[str, Any]:
    """Each argument's default; None if it has none."""
    return {name: schema.get("default") for name, schema in tool.input_schema["properties"].items()}


async def test_fetch_content_takes_the_arguments_of_the_peer_with_its_defaults() -> None:
    async with peer(DDG) as client:
        theirs = (await tools_of(client))["fetch_content"]
    async with reading(pages({})) as (client, _, _f):
        ours = (await tools_of(client))["fetch_content"]
    wanted, given = arguments(theirs), arguments(ours)
    assert set(wanted) <= set(given)
    assert {name: given[name] for name, value in wanted.items() if value is not None} == {
        name: value for name, value in wanted.items() if value is not None
    }
    assert ours.input_schema["required"] == theirs.input_schema["required"]
    modes = ours.input_schema["properties"]["parse_mode"]["enum"]
    assert all(f"'{mode}'" in (theirs.description or "") for mode in modes)


async def test_fetch_takes_the_arguments_of_the_peer_with_its_defaults_and_bounds() -> None:
    async with peer(FETCH) as client:
        theirs, prompts = (await tools_of(client))["fetch"], (await client.list_prompts()).prompts
    async with reading(pages({})) as (client, _, _f):
        ours, our_prompts = (await tools_of(client))["fetch"], (await client.list_prompts()).prompts
    assert arguments(ours) == arguments(theirs)
    assert ours.input_schema["required"] == theirs.input_schema["required"]
    assert theirs.annotations is not None and ours.annotations is not None
    assert ours.annotations.read_only_hint == theirs.annotations.read_only_hint
    assert ours.annotations.open_world_hint == theirs.annotations.open_world_hint
    assert [(one.name, [a.name for a in one.arguments or []]) for one in our_prompts] == [
        (one.name, [a.name for a in one.arguments or []]) for one in prompts
    ]


async def test_both_read_the_same_page_and_ours_reports_failures_as_failures() -> None:
    served = pages({"/": answer(DOCS), "/gone": answer(b"", 404)})
    async with peer(DDG, "--allow-private-urls") as theirs, reading(served) as (ours, site, _):
        same = {"url": site.url(), "parse_mode": "markdown"}
        said = "\n".join(texts(await theirs.call_tool("fetch_content", same)))
        read = inner(await ours.call_tool("fetch_content", same))
        for words in ("# Configure the cache", "## Install", "thing --cache 32M", "inner value"):
            assert words in said and words in read
        their_failure = await theirs.call_tool("fetch_content", {"url": site.url("/gone")})
        our_failure = await ours.call_tool("fetch_content", {"url": site.url("/gone")})
        assert not their_failure.is_error, "the peer has learned to report failures: say so in the README"
        assert our_failure.is_error
