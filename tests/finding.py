"""The filesystem server over a folder, and a client of it, for tests of the tools that find things."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mcp.client import Client
from mcp_types import CallToolResult, TextContent

from openmanager_filesystem.server import build
from openmanager_kit.registry import ServerSettings


def client(root: Path) -> Client:
    """A client of a server over one root."""
    return Client(build(ServerSettings("filesystem", roots=(str(root),))))


async def call(over: Client, tool: str, **arguments: Any) -> CallToolResult:
    """Call a tool; a refusal fails the test."""
    result = await over.call_tool(tool, arguments)
    assert not result.is_error, texts(result)
    return result


def texts(result: CallToolResult) -> list[str]:
    """The text blocks of an answer."""
    return [block.text for block in result.content if isinstance(block, TextContent)]


def cursor_of(result: CallToolResult) -> str:
    """The cursor that the last block names, or "" where there is none."""
    return texts(result)[-1].partition("cursor=")[2].split(" ")[0].rstrip("];")
