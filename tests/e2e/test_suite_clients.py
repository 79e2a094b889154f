"""The whole suite as clients meet it: the gateway over stdio and over HTTP, each with a scripted session.

The MCP Inspector and Claude Code come from npm, fastmcp's client and an agent framework from PyPI, once per machine.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypi_tools
import pytest
import served
from conformance import node_tools
from served_up import up

pytestmark = [pytest.mark.node, pytest.mark.timeout(700)]

FASTMCP = "fastmcp==4.1.2"
AGENT = "pydantic-ai-slim[mcp]==2.68.0"
CLAUDE = Path(__file__).parent / "clients" / "package.json"
TRANSPORTS = ("stdio", "http")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file that every client reads."""
    folder = tmp_path_factory.mktemp("suite")
    (folder / "files").mkdir()
    (folder / "files" / "note.txt").write_text("read by every client")
    return folder


@pytest.fixture(scope="module")
def url(place: Path) -> Iterator[str]:
    """The suite over HTTP."""
    with up(place / "http", "--root", str(place / "files")) as running:
        yield running.url


def over_stdio(place: Path) -> list[str]:
    """The command that serves the suite over stdio; only the server gets the environment in which it is found."""
    environ = served.environment(place / "stdio")
    passed = [f"{name}={environ[name]}" for name in ("PYTHONPATH", "OPENMANAGER_HOME")]
    words = ("serve", "--config", "development", "--servers", "5", "--root", str(place / "files"))
    return ["/usr/bin/env", *passed, *served.command(*words)]


def said(*words: str, **options: Any) -> str:
    """Run a client in an environment without ours."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("OPENMANAGER_", "PYTHON", "CLAUDE"))}
    environ |= {"NO_COLOR": "1", "COLUMNS": "200", **options.pop("env", {})}
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, env=environ, **options)
    assert done.returncode == 0, (done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout


def the_file(place: Path) -> str:
    return str(place / "files" / "note.txt")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_inspector_lists_strictly_and_calls(transport: str, place: Path, url: str) -> None:
    def inspect(*words: str) -> Any:
        before, behind = ((url,), ()) if transport == "http" else ((), ("--", *over_stdio(place)))
        done = node_tools.run(
            "@modelcontextprotocol/inspector",
            "clients/launcher/build/index.js",
            "--cli", *before, "--format", "json", "-q", *words, *behind,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
        return json.loads(done.stdout)["result"]

    names = {tool["name"] for tool in inspect("--method", "tools/list", "--strict")["tools"]}
    assert {"fleet_overview", "read_text_file", "git_status", "openmanager-status"} <= names
    arguments = json.dumps({"path": the_file(place)})
    read = inspect("--method", "tools/call", "--tool-name", "read_text_file", "--tool-args-json", arguments)
    assert read["content"][0]["text"] == "read by every client"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_client_of_fastmcp_lists_and_calls(transport: str, place: Path, url: str) -> None:
    fastmcp = str(pypi_tools.program(FASTMCP, "fastmcp"))
    config = place / "servers.json"
    command = over_stdio(place)
    config.write_text(json.dumps({"mcpServers": {"suite": {"command": command[0], "args": command[1:]}}}))
    target = url if transport == "http" else str(config)
    listed = json.loads(said(fastmcp, "list", target, "--json"))
    names = {tool["name"] for tool in (listed["tools"] if isinstance(listed, dict) else listed)}
    assert {"fleet_overview", "read_text_file", "git_status"} <= names
    assert "read by every client" in said(fastmcp, "call", target, "read_text_file", f"path={the_file(place)}")
    assert "servers" in said(fastmcp, "call", target, "fleet_overview", "--json")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_agent_gets_its_tools_and_calls_them(transport: str, place: Path, url: str) -> None:
    python = str(pypi_tools.program(AGENT, "python"))
    script = str(Path(__file__).with_name("agent_with_tools.py"))
    target = [url] if transport == "http" else over_stdio(place)
    lines = said(python, script, "fleet_overview,list_allowed_directories", *target).splitlines()
    answers = {line["tool"]: line["answer"] for line in map(json.loads, lines)}
    assert "servers_by_status" in answers["fleet_overview"]
    assert str(place / "files") in answers["list_allowed_directories"]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_claude_code_adds_and_reaches_it(transport: str, place: Path, url: str, tmp_path: Path) -> None:
    programs = node_tools.folder(CLAUDE) / "node_modules" / ".bin"
    env = {"HOME": str(tmp_path), "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    target = ("--transport", "http", "suite", url) if transport == "http" else ("suite", "--", *over_stdio(place))
    said("claude", "mcp", "add", *target, env=env, cwd=tmp_path)
    [line] = [line for line in said("claude", "mcp", "list", env=env, cwd=tmp_path).splitlines() if "suite" in line]
    assert "Connected" in line
