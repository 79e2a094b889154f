"""A client's own roots narrow what it may read and watch as a resource, as they do for tools."""

from __future__ import annotations

from pathlib import Path

import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import ListRootsResult, Root, TextResourceContents

from openmanager_filesystem.server import build
from openmanager_kit.registry import ServerSettings


@pytest.mark.anyio
@pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")
@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_resources_outside_of_the_clients_roots_are_refused(tmp_path: Path, mode: str) -> None:
    for name in ("mine", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f.txt").write_text(name)

    async def roots(context: object) -> ListRootsResult:
        return ListRootsResult(roots=[Root(uri=(tmp_path / "mine").as_uri())])  # type: ignore[arg-type]

    server = build(ServerSettings("filesystem", roots=(str(tmp_path),)))
    mine, theirs = ((tmp_path / name / "f.txt").as_uri() for name in ("mine", "theirs"))
    async with Client(server, mode=mode, list_roots_callback=roots) as client:  # type: ignore[arg-type]
        (content,) = (await client.read_resource(mine)).contents
        assert isinstance(content, TextResourceContents) and content.text == "mine"
        with pytest.raises(MCPError, match="theirs"):
            await client.read_resource(theirs)
        if mode == "legacy":
            await client.subscribe_resource(mine)
            with pytest.raises(MCPError, match="theirs"):
                await client.subscribe_resource(theirs)
            await client.unsubscribe_resource(mine)
