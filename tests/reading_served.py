"""The reading tools in memory, over a site on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from hostile_web import Serve, Site, site
from mcp.client import Client
from mcp_types import CallToolResult, TextContent

from openmanager_core.errors import NotFound
from openmanager_kit.server import OpenManagerServer
from openmanager_search.desk import Desk
from openmanager_search.fetch_tools import FETCH_TOOLS, add_prompts
from openmanager_search.reading.reader import Reader
from openmanager_search.reading.settings import ReadingSection


@dataclass(frozen=True)
class OneHit:
    """A result."""

    url: str
    title: str = "A result"
    snippet: str = ""


@dataclass(frozen=True)
class SomeHits:
    """What a search found."""

    hits: Sequence[OneHit]
    engine: str = "index"
    notes: str = ""


@dataclass
class FixedFinder:
    """Finds always the same: the engines have tests of their own."""

    hits: Sequence[OneHit] = ()

    async def search(self, query: str, **_: Any) -> SomeHits:
        """Give the hits."""
        return SomeHits(self.hits)

    async def indexed(self, url: str) -> tuple[str, str]:
        """Nothing is indexed."""
        raise NotFound(f"{url} is not indexed", hint="an http or https address")

    async def aclose(self) -> None:
        """Nothing is open."""


def section(running: Site, **more: Any) -> ReadingSection:
    """A section that allows the site."""
    return ReadingSection.model_validate({"allow_private": ("127.0.0.1",), "allow_ports": (running.port,), **more})


@asynccontextmanager
async def reading(serve: Serve, **more: Any) -> AsyncIterator[tuple[Client, Site, FixedFinder]]:
    """A client of the tools, the site, and what searches find."""
    async with site(serve) as running:
        finder = FixedFinder()
        desk = Desk(Reader(section(running, **more)), finder)  # type: ignore[arg-type]
        server = OpenManagerServer("search", tools=FETCH_TOOLS, state=desk, outlines=False)
        add_prompts(server)
        async with Client(server) as client:
            yield client, running, finder


def texts(result: CallToolResult) -> list[str]:
    """The texts of an answer."""
    return [block.text for block in result.content if isinstance(block, TextContent)]


def inner(result: CallToolResult) -> str:
    """What stands between the marks of an answer that is no failure."""
    assert not result.is_error, texts(result)
    lines = texts(result)[0].split("\n")
    assert lines[1].startswith("<<<web-text ") and lines[-1] == lines[1].replace("<<<", "<<<end-of-")
    return "\n".join(lines[2:-1])
