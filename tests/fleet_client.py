"""A running `openmanager-local` in memory, for tests: its SDK client and its analyst."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp.client import Client
from openmanager_kit.registry import ServerSettings

from openmanager_core.source import SourceSettings
from openmanager_local.server import build

INCIDENT_AT_S = 1_790_000_000.0


def settings(source: SourceSettings | None = None, home: Path | None = None) -> ServerSettings:
    """Settings of a server over `source`, by default 30 quiet simulated servers."""
    return ServerSettings(name="openmanager-local", profile="minimal", source=source or SourceSettings(), home=home or Path())


@asynccontextmanager
async def fleet_client(
    source: SourceSettings | None = None, home: Path | None = None, mode: str = "auto"
) -> AsyncIterator[Client]:
    """A connected client; close it in the test that opened it."""
    with tempfile.TemporaryDirectory() as empty:
        async with Client(build(settings(source, home or Path(empty))), mode=mode) as client:  # type: ignore[arg-type]
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
