"""This machine as a source: the first question has an answer, and what is not known yet is said."""

from __future__ import annotations

import pytest
from fleet_client import ask, fleet_client, refused

from openmanager_core.source import SourceSettings


@pytest.mark.anyio
async def test_the_first_question_about_this_machine_is_answered() -> None:
    async with fleet_client(SourceSettings(kind="host", tick_s=1.0)) as client:
        overview = await ask(client, "fleet_overview")
        assert overview["servers"] == 1 and overview["health"] is not None
        assert any("no past" in text for text in overview["problems"]) or overview["screened_series"] > 0
        machine = (await ask(client, "list_servers"))["servers"][0]["id"]
        readings = {
            row["metric"]: row["value"] for row in (await ask(client, "describe_server", server=machine))["readings"]
        }
        assert 0 <= readings["cpu_busy_ratio"] <= 1 and 0 < readings["memory_used_ratio"] < 1
        assert (await ask(client, "find_root_cause"))["causes"] == []
        assert "Unknown tool" in await _unknown(client)
        assert "not_found" in await refused(client, "describe_server", server="elsewhere")


async def _unknown(client: object) -> str:
    try:
        return await refused(client, "inject_fault", kind="cpu_saturation", target="x")  # type: ignore[arg-type]
    except Exception as exc:
        return str(exc)
