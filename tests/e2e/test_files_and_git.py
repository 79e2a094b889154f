"""The filesystem and git servers as processes: both transports, both eras, the Inspector, a client's own roots."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import served
from conformance import node_tools
from mcp.client import Client
from mcp_types import CallToolResult, ListRootsResult, Root, TextContent
from pydantic import FileUrl

ERAS = ["legacy", "2026-07-28"]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository with one commit, one change and one folder."""
    top = tmp_path / "shop"
    (top / "sub").mkdir(parents=True)
    (top / "README.md").write_text("hello\n")
    (top / "sub" / "inner.txt").write_text("inside\n")
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], [*who, "commit", "-q", "-m", "First"]):
        subprocess.run(["git", *words], cwd=top, env=env, check=True, capture_output=True)
    (top / "README.md").write_text("hello you\n")
    return top


def text(result: Any) -> str:
    assert isinstance(result, CallToolResult)
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


async def files_are_served(client: Client, shop: Path) -> None:
    path = str(shop / "README.md")
    assert "hello you" in text(await client.call_tool("read_text_file", {"path": path}))
    edits = [{"oldText": "hello you", "newText": "hello all"}]
    assert "+hello all" in text(await client.call_tool("edit_file", {"path": path, "edits": edits}))
    assert (shop / "README.md").read_text() == "hello all\n"
    outside = await client.call_tool("read_text_file", {"path": "/etc/passwd"})
    assert isinstance(outside, CallToolResult) and outside.is_error and "not_allowed" in text(outside)


async def git_is_served(client: Client, shop: Path) -> None:
    where = {"repo_path": str(shop)}
    assert "README.md" in text(await client.call_tool("git_status", where))
    assert "+hello you" in text(await client.call_tool("git_diff_unstaged", where))
    assert "First" in text(await client.call_tool("git_log", where))
    outside = await client.call_tool("git_status", {"repo_path": "/"})
    assert isinstance(outside, CallToolResult) and outside.is_error


CHECKS = {"filesystem": files_are_served, "git": git_is_served}


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("server", CHECKS)
async def test_a_server_is_used_over_stdio(tmp_path: Path, shop: Path, server: str, mode: str) -> None:
    async with Client(served.over_stdio(tmp_path, "--root", str(shop), server=server), mode=mode) as client:  # type: ignore[arg-type]
        await CHECKS[server](client, shop)


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("server", CHECKS)
async def test_a_server_is_used_over_http(tmp_path: Path, shop: Path, server: str, mode: str) -> None:
    with served.over_http(tmp_path, "--root", str(shop), server=server) as url:
        async with Client(url, mode=mode) as client:  # type: ignore[arg-type]
            await CHECKS[server](client, shop)


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ERAS)
async def test_the_roots_of_a_client_narrow_and_never_widen(tmp_path: Path, shop: Path, mode: str) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "secret.txt").write_text("no\n")

    async def roots(context: Any) -> ListRootsResult:
        return ListRootsResult(roots=[Root(uri=FileUrl(folder.as_uri())) for folder in (shop / "sub", other)])

    parameters = served.over_stdio(tmp_path, "--root", str(shop), server="filesystem")
    async with Client(parameters, mode=mode, list_roots_callback=roots) as client:  # type: ignore[arg-type]
        assert "inside" in text(await client.call_tool("read_text_file", {"path": str(shop / "sub" / "inner.txt")}))
        for path in (shop / "README.md", other / "secret.txt"):
            refused = await client.call_tool("read_text_file", {"path": str(path)})
            assert isinstance(refused, CallToolResult) and refused.is_error and "not_allowed" in text(refused)


@pytest.mark.parametrize("server", CHECKS)
def test_without_a_root_a_server_says_what_to_write_and_does_not_start(tmp_path: Path, server: str) -> None:
    done = served.run(tmp_path, ["serve", server])
    assert done.returncode == 2 and "--root" in done.stderr and done.stdout == ""


@pytest.mark.parametrize(
    "words",
    [["filesystem", "{}"], ["filesystem", "--root", "{}:ro"], ["git", "--repository", "{}"], ["git", "-r", "{}"]],
)
def test_roots_are_taken_as_the_users_of_the_reference_servers_write_them(
    tmp_path: Path, shop: Path, words: list[str]
) -> None:
    done = served.run(tmp_path, ["serve", *(word.format(shop) for word in words)])
    assert (done.returncode, done.stdout) == (0, ""), done.stderr  # the end of input ends it


@pytest.mark.anyio
@pytest.mark.parametrize("server", CHECKS)
async def test_a_read_only_server_lists_no_tool_that_changes_anything(tmp_path: Path, shop: Path, server: str) -> None:
    parameters = served.over_stdio(tmp_path, "--root", str(shop), "--read-only", server=server)
    async with Client(parameters) as client:
        tools = (await client.list_tools()).tools
    assert tools and all(tool.annotations is not None and tool.annotations.read_only_hint for tool in tools)


@pytest.mark.node
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("server", "tool"), [("filesystem", "list_directory"), ("git", "git_status")])
def test_the_inspector_lists_strictly_and_calls(tmp_path: Path, shop: Path, server: str, tool: str) -> None:
    environ = served.environment(tmp_path)
    passed = [f"-e{name}={environ[name]}" for name in ("PYTHONPATH", "OPENMANAGER_HOME")]
    started = served.command("serve", server, "--root", str(shop))

    def inspect(*words: str) -> Any:
        script = "clients/launcher/build/index.js"
        words = ("--cli", "--format", "json", "-q", *words, *passed, "--", *started)
        done = node_tools.run("@modelcontextprotocol/inspector", script, *words)
        assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
        return json.loads(done.stdout)["result"]

    assert tool in {listed["name"] for listed in inspect("--method", "tools/list", "--strict")["tools"]}
    argument = json.dumps({"path" if server == "filesystem" else "repo_path": str(shop)})
    called = inspect("--method", "tools/call", "--tool-name", tool, "--tool-args-json", argument)
    assert "README.md" in called["content"][0]["text"]
