"""The MCP Inspector's command line lists and calls tools over both transports, without a complaint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kit_served
import pytest

from conformance import node_tools

pytestmark = [pytest.mark.node, pytest.mark.timeout(900)]
CALL = ("--method", "tools/call", "--tool-name", "echo", "--tool-args-json", '{"text":"from the inspector"}')


def inspect(*words: str) -> Any:
    done = node_tools.run(
        "@modelcontextprotocol/inspector", "clients/launcher/build/index.js", "--cli", "--format", "json", "-q", *words
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(done.stdout)["result"]


def over_stdio(home: Path, *words: str) -> Any:
    path = kit_served.profile(home)
    environ = kit_served.environment(home)
    passed = [f"-e{name}={environ[name]}" for name in ("PYTHONPATH", "OPENMANAGER_HOME")]
    return inspect(*words, *passed, "--", *kit_served.command("serve", "bench", "--config", str(path)))


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Serve the bench over HTTP."""
    process = kit_served.start(tmp_path, "--http", "127.0.0.1:0")
    assert process.stderr is not None
    try:
        yield process.stderr.readline().decode().split()[-1]
    finally:
        process.kill()
        process.communicate()


def test_it_lists_the_tools_over_stdio_and_finds_no_fault_with_them(tmp_path: Path) -> None:
    listed = over_stdio(tmp_path, "--method", "tools/list", "--strict")
    assert [tool["name"] for tool in listed["tools"]][:2] == ["echo", "greet"]


def test_it_calls_a_tool_over_stdio(tmp_path: Path) -> None:
    assert over_stdio(tmp_path, *CALL)["content"][0]["text"] == "from the inspector"


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_it_lists_and_calls_over_http_in_both_eras(url: str, era: str) -> None:
    listed = inspect(url, "--protocol-era", era, "--method", "tools/list", "--strict")
    assert [tool["name"] for tool in listed["tools"]][:2] == ["echo", "greet"]
    assert inspect(url, "--protocol-era", era, *CALL)["content"][0]["text"] == "from the inspector"
