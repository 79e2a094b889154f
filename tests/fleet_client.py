"""A running `openmanager-local` in memory, for tests: its SDK client and its analyst."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp.client import Client

from openmanager_core.source import SourceSettings, open_source
from openmanager_core.source.base import Source
from openmanager_core.source.simulated import SimulatedSource
from openmanager_kit.registry import ServerSettings
from openmanager_local.server import build

AT_S = 1_790_000_000.0
"""What time it is for the simulator in these tests: chance spikes of a quiet fleet then fall the same in every run."""


def settings(source: SourceSettings | None = None, home: Path | None = None) -> ServerSettings:
    """Settings of a server over `source`, by default 30 quiet simulated servers."""
    return ServerSettings(
        name="openmanager-local", profile="minimal", source=source or SourceSettings(), home=home or Path()
    )


@asynccontextmanager
async def fleet_client(
    source: SourceSettings | None = None, home: Path | None = None, mode: str = "auto", at_s: float = AT_S
) -> AsyncIterator[Client]:
    """A connected client, for which it is `at_s` if the fleet is simulated; close it in the test that opened it."""

    def opener(wanted: SourceSettings) -> Source:
        if wanted.kind == "simulator":
            return SimulatedSource.from_settings(wanted, clock=lambda: at_s)
        return open_source(wanted)

    with tempfile.TemporaryDirectory() as empty:
        server = build(settings(source, home or Path(empty)), opener)
        async with Client(server, mode=mode) as client:  # type: ignore[arg-type]
            yield client


def text_of(result: Any) -> str:
    """All text of a tool's result."""
    return "\n".join(part.text for part in result.content if part.type == "text")


async def ask(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool that must succeed; its structured content."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return result.structured_content


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    """Call a tool that must refuse; the text it refuses with."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error, text_of(result)[:500]
    return text_of(result)
