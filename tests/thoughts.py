"""The thinking server in memory, and the calls that tests of it make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mcp.client import Client
from mcp_types import CallToolResult, TextContent

from openmanager_kit.registry import ServerSettings
from openmanager_kit.server import OpenManagerServer
from openmanager_thinking.limits import Section
from openmanager_thinking.server import build

NAME = "sequential-thinking"


def server_in(home: Path, *, read_only: bool = False, **limits: Any) -> OpenManagerServer:
    """Our server over a folder."""
    return build(ServerSettings(NAME, home=home, read_only=read_only, section=Section(**limits)))


def profile_in(folder: Path, text: str = "") -> list[str]:
    """The flags that serve a profile with this server alone."""
    path = folder / "profile.toml"
    path.write_text(f'servers = ["{NAME}"]\n{text}', encoding="utf-8")
    return ["--config", str(path)]


def text_of(result: Any) -> str:
    """What a call said."""
    assert isinstance(result, CallToolResult)
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


async def call(client: Client, tool: str, **arguments: Any) -> Any:
    """Call a tool that must not fail; gives the result."""
    result = await client.call_tool(tool, arguments)
    assert isinstance(result, CallToolResult)
    assert not result.is_error, text_of(result)
    return result


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    """Call a tool that must fail; gives what it says."""
    result = await client.call_tool(tool, arguments)
    assert isinstance(result, CallToolResult)
    assert result.is_error, text_of(result)
    return text_of(result)


def step(number: int, text: str = "", **more: Any) -> dict[str, Any]:
    """The arguments of a thought."""
    return {
        "thought": text or f"thought {number}",
        "thoughtNumber": number,
        "totalThoughts": 5,
        "nextThoughtNeeded": True,
        **more,
    }


async def think(client: Client, number: int, text: str = "", **more: Any) -> dict[str, Any]:
    """Think a thought; gives the structured answer."""
    answer: dict[str, Any] = (await call(client, "sequentialthinking", **step(number, text, **more))).structured_content
    return answer
