"""Who may judge findings, move incidents and make faults in the real analyst, by role, in both protocol eras."""

from __future__ import annotations

from pathlib import Path

import pytest
from access_served import caller, listening, minted, profile, text_of
from fleet_client import ask, settings
from mcp import Client

from openmanager_core.source import SourceSettings
from openmanager_kit.access.assembly import access_of
from openmanager_kit.hosting.http import http_app
from openmanager_kit.profile import HttpSettings
from openmanager_local.server import build

pytestmark = pytest.mark.anyio
WRITING = {"update_incident"}
CONFIGURING = {"inject_fault", "clear_faults"}


async def names(client: Client) -> set[str]:
    return {tool.name for tool in (await client.list_tools()).tools}


@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
async def test_a_viewer_looks_an_operator_judges_and_an_admin_makes_faults(tmp_path: Path, era: str) -> None:
    tokens = {role: minted(tmp_path, role, role)[1] for role in ("viewer", "operator", "admin")}
    server = build(settings(SourceSettings(scenario="incident"), tmp_path))
    app = http_app(server, HttpSettings(), access_of(profile(tmp_path), {}))
    async with listening(app) as base:
        url = f"{base}/mcp"
        async with caller(url, tokens["viewer"], era) as client:
            assert not await names(client) & (WRITING | CONFIGURING)
            await ask(client, "fleet_overview")
            finding = (await ask(client, "find_anomalies"))["anomalies"][0]
            incident = (await ask(client, "list_incidents", state="open"))["incidents"][0]["id"]
            judged = {"action": "false_alarm", "id": finding["id"]}
            assert "needs the role operator" in text_of(await client.call_tool("update_incident", judged))
        async with caller(url, tokens["operator"], era) as client:
            assert await names(client) >= WRITING and not await names(client) & CONFIGURING
            assert "0.5" in (await ask(client, "update_incident", **judged))["message"]
            await ask(client, "update_incident", action="acknowledge", id=incident)
            assert "needs the role admin" in text_of(await client.call_tool("clear_faults", {}))
        async with caller(url, tokens["viewer"], era) as client:
            rows = (await ask(client, "list_incidents"))["incidents"]
            assert next(row for row in rows if row["id"] == incident)["state"] == "acknowledged"
        async with caller(url, tokens["admin"], era) as client:
            assert await names(client) >= WRITING | CONFIGURING
            assert not (await client.call_tool("clear_faults", {})).is_error
