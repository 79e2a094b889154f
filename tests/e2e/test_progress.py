"""Long analyses tell over real stdio, to the SDK's client, which step they are at and what was found so far."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import served
from fleet_client import ask, text_of
from mcp.client import Client

SERVERS = 6000
COUNT = r"[\d,]+"
STEPS = (
    rf"screening: {COUNT} metrics of {COUNT} servers, {COUNT} changes known",
    rf"screening: {COUNT} of {COUNT} servers, {COUNT} unusual so far",
    rf"reading: {COUNT} of {COUNT} metrics, {COUNT} readings so far",
    rf"screening: {COUNT} of {COUNT} metrics, {COUNT} unusual series so far",
    rf"scoring health: {COUNT} of {COUNT} series are unusual",
    rf"health: ({COUNT} [a-z]+(, )?)+; now the suspects",
    rf"examining [a-z0-9_]+ of {COUNT} servers, group {COUNT} of {COUNT}, {COUNT} findings so far",
    rf"looking for lost co-movement, {COUNT} findings so far",
    rf"ranking causes of {COUNT} findings",
    rf"recording: {COUNT} findings, {COUNT} candidate causes",
    rf"recommending for {COUNT} causes and {COUNT} findings",
    rf"correlating: {COUNT} of {COUNT} series, {COUNT} reach \|r\| 0\.5 so far",
    rf"correlating: {COUNT} of {COUNT} series with all others, {COUNT} pairs reach \|r\| 0\.5 so far",
    rf"testing {COUNT} of {COUNT} pairs for significance",
    rf"patterns of [a-z0-9_]+: {COUNT} of {COUNT} series, {COUNT} found so far",
    rf"capacity: {COUNT} of {COUNT} clusters, {COUNT} resources reach their limit so far",
    rf"comparing: {COUNT} of {COUNT} metrics, {COUNT} of {COUNT} series changed so far",
    r"(understood as|[a-z_]+: (started|.+)).*",
)
LOOK = ("screening: ", "reading: ", "health: ", "examining ", "looking for ", "ranking ", "recording: ", "scoring ")
"""Which of its steps a client hears of depends on how fast they are."""

CALLS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "fleet_overview": ({}, LOOK),
    "find_anomalies": ({"start": "now-2h"}, LOOK),
    "find_root_cause": ({"start": "now-90m"}, LOOK),
    "find_patterns": ({"servers": "SERVERS"}, ("patterns of cpu_busy_ratio: ",)),
    "correlate_metrics": ({"metric": "cpu_busy_ratio"}, ("reading: ", "correlating: ", "testing ")),
    "capacity_outlook": ({}, ("reading: ", "capacity: ")),
    "ask_fleet": (
        {"question": "how is the fleet doing over the last 3 hours?"},
        (*LOOK, "understood as", "fleet_overview: "),
    ),
}


@pytest.mark.anyio
async def test_long_analyses_name_their_step_and_what_was_found_so_far(tmp_path: Path) -> None:
    wire = served.over_stdio(tmp_path, "--servers", str(SERVERS), "--scenario", "incident")
    async with Client(wire) as client:
        listed = await ask(client, "list_servers", type="web", limit=200, max_chars=100_000)
        servers = [server["id"] for server in listed["servers"]]
        known = {"SERVERS": servers}
        for tool, (asked, wanted) in CALLS.items():
            arguments = {name: known.get(value, value) for name, value in asked.items()}
            heard: list[tuple[float, float | None, str]] = []

            async def hear(done: float, total: float | None, note: str | None, to: Any = heard) -> None:
                to.append((done, total, note or ""))

            result = await client.call_tool(tool, arguments, progress_callback=hear)
            assert not result.is_error, (tool, text_of(result))
            notes = [note for _, _, note in heard]
            assert all(total == 1.0 and 0 <= done <= 1 for done, total, _ in heard), (tool, heard)
            assert [done for done, _, _ in heard] == sorted({done for done, _, _ in heard}), tool
            for note in notes:
                assert any(re.fullmatch(step, note) for step in STEPS), (tool, note)
            assert any(note.startswith(wanted) for note in notes), (tool, notes)
