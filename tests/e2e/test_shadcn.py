"""The shadcn-ui server as a process: both transports, both eras, the Inspector, the working directory as project."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import served
from conformance import node_tools
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from shadcn_served import Registry, failure, item, project, registry, text

ERAS = ["legacy", "2026-07-28"]
PROFILE = """
servers = ["shadcn-ui"]
[shadcn-ui]
registry_url = "{base}"
directory = false
"""


@dataclass(frozen=True)
class Shop:
    """A project, its registry, and the profile that names it."""

    folder: Path
    config: Path
    source: Registry


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with registry(item("button", "눌리는 버튼"), item("dialog", registryDependencies=["button"])) as source:
        config = tmp_path / "own.toml"
        config.write_text(PROFILE.format(base=source.base), encoding="utf-8")
        yield Shop(project(tmp_path / "p"), config, source)


async def shadcn_is_served(client: Client) -> None:
    found = await client.call_tool("search_items_in_registries", {"query": "버튼"})
    assert "@shadcn/button" in text(found)
    assert found.structured_content["total"] == 1  # type: ignore[union-attr,index]
    viewed = await client.call_tool("view_items_in_registries", {"items": ["button"]})
    assert "export function Button" in text(viewed)
    command = await client.call_tool("get_add_command_for_items", {"items": ["dialog"]})
    assert text(command).startswith("npx shadcn@latest add @shadcn/dialog")
    outside = await client.call_tool("view_items_in_registries", {"items": ["/etc/passwd.json"]})
    assert "not_allowed" in failure(outside)


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ERAS)
async def test_it_is_used_over_stdio(tmp_path: Path, shop: Shop, mode: str) -> None:
    words = ("--root", str(shop.folder), "--config", str(shop.config))
    async with Client(served.over_stdio(tmp_path, *words, server="shadcn-ui"), mode=mode) as client:  # type: ignore[arg-type]
        await shadcn_is_served(client)


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ERAS)
async def test_it_is_used_over_http(tmp_path: Path, shop: Shop, mode: str) -> None:
    words = ("--root", str(shop.folder), "--config", str(shop.config))
    with served.over_http(tmp_path, *words, server="shadcn-ui") as url:
        async with Client(url, mode=mode) as client:  # type: ignore[arg-type]
            await shadcn_is_served(client)


@pytest.mark.anyio
async def test_without_a_root_the_working_directory_is_the_project(tmp_path: Path, shop: Shop) -> None:
    started = served.command("serve", "shadcn-ui", "--config", str(shop.config))
    parameters = StdioServerParameters(
        command=started[0], args=started[1:], env=served.environment(tmp_path), cwd=shop.folder
    )
    async with Client(parameters) as client:
        said = text(await client.call_tool("get_project_registries", {}))
    assert "style new-york-v4" in said and "no components.json" not in said


def test_over_http_the_project_must_be_named(tmp_path: Path, shop: Shop) -> None:
    done = served.run(tmp_path, ["serve", "shadcn-ui", "--config", str(shop.config), "--http", "127.0.0.1:0"])
    assert done.returncode == 2 and "--root" in done.stderr


@pytest.mark.node
@pytest.mark.timeout(600)
def test_the_inspector_lists_strictly_and_calls(tmp_path: Path, shop: Shop) -> None:
    environ = served.environment(tmp_path)
    passed = [f"-e{name}={environ[name]}" for name in ("PYTHONPATH", "OPENMANAGER_HOME")]
    started = served.command("serve", "shadcn-ui", "--root", str(shop.folder), "--config", str(shop.config))

    def inspect(*words: str) -> Any:
        script = "clients/launcher/build/index.js"
        words = ("--cli", "--format", "json", "-q", *words, *passed, "--", *started)
        done = node_tools.run("@modelcontextprotocol/inspector", script, *words)
        assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
        return json.loads(done.stdout)["result"]

    listed = {tool["name"] for tool in inspect("--method", "tools/list", "--strict")["tools"]}
    assert {"search_items_in_registries", "get_component_source"} <= listed
    arguments = json.dumps({"item": "button"})
    called = inspect("--method", "tools/call", "--tool-name", "get_component_source", "--tool-args-json", arguments)
    assert "export function Button" in called["content"][0]["text"]
