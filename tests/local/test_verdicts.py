"""Verdicts and incidents as an assistant gives and moves them, over simulated faults, and after a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fleet_client import AT_S, ask, fleet_client, refused, settings, text_of
from mcp.client import Client

from openmanager_core.source import SourceSettings

pytestmark = pytest.mark.anyio
INCIDENT = SourceSettings(scenario="incident")
MINUTES = 60.0


def same(rows: list[dict[str, Any]], one: dict[str, Any]) -> dict[str, Any]:
    """The row of the same pattern on the same server."""
    keys = ("server", "metric", "kind")
    return next(row for row in rows if [row[k] for k in keys] == [one[k] for k in keys])


async def test_a_false_alarm_lowers_the_score_says_so_and_outlives_a_restart(tmp_path: Path) -> None:
    async with fleet_client(INCIDENT, tmp_path) as client:
        before = await ask(client, "find_anomalies", limit=200, max_chars=100_000)
        first = before["anomalies"][0]
        said = await ask(client, "update_incident", action="false_alarm", id=first["id"], note="batch job")
        assert "0.5" in said["message"]
        after = await ask(client, "find_anomalies", limit=200, max_chars=100_000)
        row = same(after["anomalies"], first)
        assert row["score_sigma"] == pytest.approx(first["score_sigma"] / 2, rel=0.02)
        assert "false alarm" in row["note"] and after["anomalies"].index(row) > 0
        told = ""
        for incident in (await ask(client, "list_incidents"))["incidents"]:
            wanted = {"incident_id": incident["id"], "language": "ko"}
            told += text_of(await client.call_tool("incident_report", wanted))
        assert "이상 징후에 대한 의견 등록" in told and "batch job" in told
    async with fleet_client(INCIDENT, tmp_path) as client:
        again = await ask(client, "find_anomalies", limit=200, max_chars=100_000)
        assert same(again["anomalies"], first)["score_sigma"] == row["score_sigma"]
        await ask(client, "update_incident", action="confirmed", id=first["id"])
        back = await ask(client, "find_anomalies", limit=200, max_chars=100_000)
        assert same(back["anomalies"], first)["score_sigma"] == first["score_sigma"]


async def test_any_finding_shown_can_be_judged_by_its_server_metric_and_kind(tmp_path: Path) -> None:
    async with fleet_client(INCIDENT, tmp_path) as client:
        rows = (await ask(client, "find_anomalies", min_sigma=1.5, limit=200, max_chars=100_000))["anomalies"]
        last = rows[-1]
        name = f"{last['server']}|{last['metric']}|{last['kind']}"
        assert "0.5" in (await ask(client, "update_incident", action="false_alarm", id=name))["message"]
        assert "server|metric|kind" in await refused(client, "update_incident", action="false_alarm", id="nothing")


async def test_an_incident_is_acknowledged_resolved_and_reopened_by_hand(tmp_path: Path) -> None:
    async with fleet_client(INCIDENT, tmp_path) as client:
        await ask(client, "fleet_overview")
        name = (await ask(client, "list_incidents", state="open"))["incidents"][0]["id"]
        for action, state in (("acknowledge", "acknowledged"), ("resolve", "resolved"), ("reopen", "open")):
            moved = await ask(client, "update_incident", action=action, id=name, note=f"to {state}")
            assert moved["incidents"][0]["state"] == state
        report = text_of(await client.call_tool("incident_report", {"incident_id": name}))
        assert all(word in report for word in ("acknowledged", "resolved", "reopened", "by hand", "to resolved"))
        assert "inc-" in await refused(client, "update_incident", action="resolve", id="inc-99")


async def test_an_incident_ends_when_its_fault_is_cleared(tmp_path: Path) -> None:
    from openmanager_core.source.base import Source
    from openmanager_core.source.simulated import SimulatedSource
    from openmanager_local.server import build

    now = [AT_S]

    def opener(wanted: SourceSettings) -> Source:
        return SimulatedSource.from_settings(wanted, clock=lambda: now[0])

    async with Client(build(settings(SourceSettings(), tmp_path), opener)) as client:
        victim = (await ask(client, "list_servers", type="database"))["servers"][0]["id"]
        await ask(client, "inject_fault", kind="cpu_saturation", target=victim, severity=1.0, started="now-20m")
        incident = await _of(client, victim)
        assert incident["state"] == "open"
        await ask(client, "update_incident", action="acknowledge", id=incident["id"])
        await ask(client, "clear_faults")
        now[0] += 85 * MINUTES
        ended = await _of(client, victim, top=6)
        assert ended["id"] == incident["id"] and ended["state"] == "resolved" and ended["resolved"]
        report = text_of(await client.call_tool("incident_report", {"incident_id": incident["id"]}))
        assert "acknowledged" in report and "**resolved (automatically)**" in report and "It lasted" in report


async def _of(client: Client, host: str, top: int = 5) -> dict[str, Any]:
    """The incident that a server is in, after one more look at the fleet; another `top` is another look."""
    await ask(client, "fleet_overview", top=top)
    found = (await ask(client, "list_incidents"))["incidents"]
    return next(i for i in found if host in i["servers"])
