"""A filesystem server over a directory, called in memory."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp_types import CallToolResult, TextContent

from openmanager_filesystem.server import build
from openmanager_kit.registry import ServerSettings


@asynccontextmanager
async def client(*roots: str | Path) -> AsyncIterator[Client]:
    """A client of a new server over these roots."""
    async with Client(build(ServerSettings(name="filesystem", roots=tuple(map(str, roots))))) as connected:
        yield connected


def texts(result: CallToolResult) -> list[str]:
    """The text blocks of a success."""
    assert not result.is_error, result.content
    return [block.text for block in result.content if isinstance(block, TextContent)]


def refusal(result: CallToolResult) -> str:
    """The message of a failure."""
    assert result.is_error, result.content
    block = result.content[0]
    assert isinstance(block, TextContent)
    return block.text


async def call(root: str | Path, tool: str, **arguments: Any) -> CallToolResult:
    """Call one tool of a new server."""
    async with client(root) as connected:
        result = await connected.call_tool(tool, arguments)
        assert isinstance(result, CallToolResult)
        return result


def inside(directory: Path) -> list[str]:
    """The names in a directory, in order."""
    return sorted(entry.name for entry in directory.iterdir())


@contextmanager
def small_disk(at: Path) -> Iterator[Path]:
    """A file system of its own with 256 kB, where this machine lets us mount one."""
    at.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(at)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting needs root")
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True)
