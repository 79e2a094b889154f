"""The fleet analyst over real stdio and real HTTP, in both eras, with the SDK's client and with the Inspector."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import served
from conformance import node_tools
from fleet_client import ask, refused
from mcp.client import Client

from openmanager_kit.registry import tools_of

TOOLS = len(tools_of("openmanager-local"))


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A served simulated incident."""
    with served.over_http(tmp_path, "--scenario", "incident") as address:
        yield address


async def questions(client: Client) -> None:
    """What an assistant would ask first."""
    assert len((await client.list_tools()).tools) == TOOLS
    overview = await ask(client, "fleet_overview")
    assert overview["status"] != "healthy"
    assert "database-production" in overview["causes"][0]["node"]
    assert "not_found" in await refused(client, "describe_server", server="nobody")
    page = await ask(client, "find_anomalies", limit=2)
    following = await ask(client, "find_anomalies", limit=2, cursor=page["next_cursor"])
    assert {row["id"] for row in page["anomalies"]}.isdisjoint(row["id"] for row in following["anomalies"])
    loud = page["anomalies"][0]
    pattern = "|".join((loud["server"], loud["metric"], loud["kind"]))
    await ask(client, "update_incident", action="false_alarm", id=pattern)
    judged = (await ask(client, "find_anomalies", servers=[loud["server"]], limit=50))["anomalies"]
    assert any("false alarm" in row["note"] for row in judged)
    name = (await ask(client, "list_incidents", state="open"))["incidents"][0]["id"]
    moved = await ask(client, "update_incident", action="acknowledge", id=name)
    assert moved["incidents"][0]["state"] == "acknowledged"


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_an_assistant_is_answered_over_stdio(tmp_path: Path, mode: str) -> None:
    async with Client(served.over_stdio(tmp_path, "--scenario", "incident"), mode=mode) as client:  # type: ignore[arg-type]
        await questions(client)


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_an_assistant_is_answered_over_http(url: str, mode: str) -> None:
    async with Client(url, mode=mode) as client:  # type: ignore[arg-type]
        await questions(client)


@pytest.mark.anyio
async def test_incidents_survive_a_restart(tmp_path: Path) -> None:
    parameters = served.over_stdio(tmp_path, "--scenario", "incident")
    async with Client(parameters) as client:
        await ask(client, "fleet_overview")
        before = await ask(client, "list_incidents")
    async with Client(parameters) as client:
        after = await ask(client, "list_incidents")
    assert before["total"] > 0
    assert [row["id"] for row in after["incidents"]] == [row["id"] for row in before["incidents"]]


def inspect(*words: str) -> Any:
    done = node_tools.run(
        "@modelcontextprotocol/inspector", "clients/launcher/build/index.js", "--cli", "--format", "json", "-q", *words
    )
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
    return json.loads(done.stdout)["result"]


CALL = ("--method", "tools/call", "--tool-name", "find_root_cause", "--tool-args-json", '{"limit":2}')


@pytest.mark.node
@pytest.mark.timeout(600)
def test_the_inspector_lists_strictly_and_calls_over_stdio(tmp_path: Path) -> None:
    environ = served.environment(tmp_path)
    passed = [f"-e{name}={environ[name]}" for name in ("PYTHONPATH", "OPENMANAGER_HOME")]
    started = served.command("serve", "openmanager-local", "--scenario", "incident")
    listed = inspect("--method", "tools/list", "--strict", *passed, "--", *started)
    assert len(listed["tools"]) == TOOLS
    called = inspect(*CALL, *passed, "--", *started)
    assert "database-production" in called["structuredContent"]["causes"][0]["node"]


@pytest.mark.node
@pytest.mark.timeout(600)
@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_inspector_lists_strictly_and_calls_over_http(url: str, era: str) -> None:
    listed = inspect(url, "--protocol-era", era, "--method", "tools/list", "--strict")
    assert len(listed["tools"]) == TOOLS
    called = inspect(url, "--protocol-era", era, *CALL)
    assert "database-production" in called["structuredContent"]["causes"][0]["node"]
