"""explain=true shows how an answer was found: every line is true, and all of them are few."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from fleet_client import AT_S, ask, fleet_client, settings, text_of
from mcp.client import Client

import openmanager_local.analyst
from openmanager_core.errors import SourceUnavailable
from openmanager_core.panel import Panel, Window
from openmanager_core.source import SourceSettings
from openmanager_core.source.base import SourceStatus
from openmanager_core.source.simulated import SimulatedSource
from openmanager_core.wording import Language
from openmanager_kit.freshness import MADE, MADE_IN
from openmanager_local.server import READING_TOOLS, build

INCIDENT = SourceSettings(servers=30, scenario="incident", anchor_s=AT_S)
SERVER, CLUSTER = "database-us-east-1-001", "database-production-us-east-1"
CALLS: dict[str, dict[str, Any]] = {
    "fleet_overview": {},
    "list_servers": {},
    "describe_server": {"server": SERVER},
    "query_metrics": {"metric": "cpu_busy_ratio"},
    "find_anomalies": {},
    "find_patterns": {},
    "correlate_metrics": {"metric": "cpu_busy_ratio"},
    "forecast_metric": {"metric": "disk_used_ratio", "server": SERVER},
    "capacity_outlook": {},
    "find_root_cause": {},
    "compare_windows": {},
    "recommend_actions": {},
    "ask_fleet": {"question": "why is it slow"},
}
NOTHING_TO_EXPLAIN = {"list_metrics", "search_runbooks", "list_incidents", "incident_report"}
"""Lists of what is on record; a report explains itself in Markdown."""


def line(trail: list[str], start: str) -> str:
    return next(text for text in trail if text.startswith(start))


def number(trail: list[str], pattern: str) -> float:
    found = re.search(pattern, "\n".join(trail))
    assert found, (pattern, trail)
    return float(found[1])


def test_every_tool_that_computes_its_answer_can_explain_it() -> None:
    assert set(CALLS) == {tool.name for tool in READING_TOOLS} - NOTHING_TO_EXPLAIN


@pytest.mark.anyio
async def test_the_trail_says_engine_data_method_and_cache_within_the_size_of_an_answer_and_only_on_request() -> None:
    async with fleet_client(INCIDENT) as client:
        for tool, arguments in CALLS.items():
            result = await client.call_tool(tool, {**arguments, "explain": True})
            assert not result.is_error, (tool, text_of(result))
            told = result.structured_content
            assert told is not None
            trail, text = told["trail"], text_of(result)
            asked = tool == "ask_fleet"
            everything = "\n".join(trail)
            assert "engine: simulator ok, breaker closed, newest reading 20" in everything, tool
            assert "inventory of 30 servers, " in everything and "coverage: " in everything, tool
            assert re.search(r"method: |screened: ", everything), tool
            assert sum(text.startswith("cache: ") for text in trail) == 1 and trail[-1].startswith(MADE), tool
            assert all(f"- {said}" in text for said in trail), tool
            assert 4 <= len(trail) <= (34 if asked else 16) and all(len(said) <= 400 for said in trail), tool
            assert len(text) <= 10_000, tool
            assert len(json.dumps(told, separators=(",", ":"), ensure_ascii=False)) <= 10_000, tool
            plain = await client.call_tool(tool, arguments)
            assert plain.structured_content is not None and plain.structured_content["trail"] == []
            assert "Trail" not in text_of(plain)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("language", "heading", "record", "breaker"),
    [
        ("en", "## Trail", "the Ledger's record of {}: {} findings", "breaker closed"),
        ("ko", "## 분석 과정", "기록 저장소의 {}: 이상 징후 {}건", "차단기 닫힘"),
    ],
)
async def test_an_incident_report_says_on_which_records_it_stands_in_its_language(
    language: Language, heading: str, record: str, breaker: str
) -> None:
    async with fleet_client(INCIDENT) as client:
        await ask(client, "find_root_cause")
        one = (await ask(client, "list_incidents"))["incidents"][0]
        asked = {"incident_id": one["id"], "language": language}
        plain = text_of(await client.call_tool("incident_report", asked))
        told = text_of(await client.call_tool("incident_report", {**asked, "explain": True}))
    assert heading not in plain and told.startswith(plain.rstrip())
    added = told[told.index(heading) :]
    assert record.format(one["id"], one["findings"]) in added
    assert breaker in added and MADE_IN[language] in added


@pytest.mark.anyio
async def test_coverage_is_what_the_source_had_before_short_gaps_were_bridged() -> None:
    window = {"metric": "cpu_busy_ratio", "step_s": 15, "limit": 500, "max_chars": 200_000, "explain": True}
    async with fleet_client() as client:
        fault = {"kind": "crash_restart", "target": SERVER, "started": "now-40m", "duration": "20m"}
        await client.call_tool("inject_fault", fault)
        told = await ask(client, "query_metrics", **window)
        values = [value for row in told["series"] for value in row["values"]]
        missing = sum(value is None for value in values)
        assert missing > 60
        stated = line(told["trail"], "coverage: ")
        assert stated.startswith(f"coverage: {1 - missing / len(values):.1%} of {len(values)} readings")
        assert "bridged" not in stated
        await client.call_tool("clear_faults", {})
    async with fleet_client() as client:
        fault = {"kind": "crash_restart", "target": SERVER, "started": "now-40m", "duration": "30s"}
        await client.call_tool("inject_fault", fault)
        told = await ask(client, "query_metrics", **window)
        assert all(value is not None for row in told["series"] for value in row["values"])
        bridged = number(told["trail"], r"; (\d+) in short gaps")
        of = number(told["trail"], r"of (\d+) readings")
        assert 1 <= bridged <= 4
        assert number(told["trail"], r"coverage: ([\d.]+)%") == pytest.approx(100 * (1 - bridged / of), abs=0.051)


@pytest.mark.anyio
async def test_figures_of_a_trail_are_those_of_the_answer() -> None:
    async with fleet_client(INCIDENT) as client:
        seen = await ask(client, "correlate_metrics", metric="cpu_busy_ratio", explain=True, min_abs_r=0.6)
        assert f"lags of {seen['tested_pairs']} pairs" in line(seen["trail"], "method")
        assert "|r| 0.6" in line(seen["trail"], "thresholds")
        assert number(seen["trail"], r"; (\d+) are significant") == seen["total"]
        ahead = await ask(
            client, "forecast_metric", metric="cpu_busy_ratio", server=SERVER, threshold=0.7, explain=True
        )
        assert ahead["method"] in line(ahead["trail"], "method") and "0.7" in line(ahead["trail"], "threshold")
        assert f"{ahead['confidence']:.2f}" in line(ahead["trail"], "confidence")
        shares = [
            int(share)
            for share in re.findall(r"(\d+)%", next(text for text in ahead["trail"] if "candidates weighed" in text))
        ]
        assert shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 101
        full = await ask(client, "capacity_outlook", explain=True, limit=500, max_chars=200_000)
        assert f"considered: {full['total']} resources" in line(full["trail"], "considered")
        reached = sum(row["exhausted"] is not None for row in full["clusters"])
        assert number(full["trail"], r"found: (\d+) reach") == reached
        differ = await ask(client, "compare_windows", explain=True)
        assert number(differ["trail"], r"found: (\d+) changed") == differ["changed"]
        assert number(differ["trail"], r"over (\d+) series tested") == differ["series"]
        found = await ask(client, "find_patterns", explain=True)
        kinds = re.findall(r"(\d+) [a-z_]+", line(found["trail"], "found").split(" in ")[0])
        assert sum(map(int, kinds)) == found["total"]
        act = await ask(client, "recommend_actions", cluster=CLUSTER, explain=True)
        assert number(act["trail"], r"(\d+) concern what was asked") == act["total"]
        seen = await ask(client, "find_anomalies", explain=True, min_sigma=6)
        assert "a finding needs 6 sigma" in line(seen["trail"], "thresholds")


@pytest.mark.anyio
async def test_the_cache_line_is_true_for_whoever_reads_it() -> None:
    async with fleet_client(INCIDENT) as client:
        answers: list[str] = []

        async def look() -> None:
            answers.append((await ask(client, "find_root_cause", explain=True))["trail"][-1])

        async with anyio.create_task_group() as group:
            group.start_soon(look)
            group.start_soon(look)
        made, waited = sorted(answers, key=len)
        assert made.startswith(f"{MADE}, kept ") and "several equal calls at once" in waited
        await look()
        assert re.fullmatch(
            r"cache: kept, made [\d.]+ s ago, given to equal calls for [\d.]+ s more at most", answers[2]
        )
        await client.call_tool("clear_faults", {})
        await look()
        assert answers[3].startswith(MADE)


class Ailing(SimulatedSource):
    """The simulator behind an engine that fails some reads, then all of them, as its breaker says."""

    failing: tuple[str, ...] = ()

    async def read(self, metric: str, window: Window, hosts: Sequence[str] | None = None) -> Panel:
        if not self.failing or metric in self.failing:
            return await super().read(metric, window, hosts)
        raise SourceUnavailable("the engine failed 5 times in a row and is left alone for now", hint="again in 9 s")

    async def status(self) -> SourceStatus:
        return (
            replace(await super().status(), state="degraded", breaker="half_open")
            if self.failing
            else await super().status()
        )


@pytest.mark.anyio
async def test_an_ailing_engine_is_told_with_its_breaker_and_the_age_of_what_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openmanager_local.analyst, "_MOMENT_FOR_S", 0.0)  # the breaker is looked at for each call
    source = Ailing.from_settings(INCIDENT, clock=lambda: AT_S)
    assert isinstance(source, Ailing)
    with tempfile.TemporaryDirectory() as home:
        async with Client(build(settings(INCIDENT, Path(home)), lambda wanted: source)) as client:
            first = (await ask(client, "compare_windows", explain=True))["trail"]
            assert "breaker closed" in line(first, "engine") and "and 14 more metrics" in line(first, "data")
            source.failing = ("cpu_busy_ratio", "latency_p95_s")
            partly = await ask(client, "compare_windows", explain=True, limit=10)
            assert "simulator degraded, breaker half_open" in line(partly["trail"], "engine")
            assert line(partly["trail"], "data").startswith("data: cpu_busy_ratio, latency_p95_s; ")
            assert any("left alone" in text for text in partly["problems"])
            source.failing = ("none at all",)
            last = await client.call_tool("compare_windows", {"explain": True})
    assert last.structured_content is not None
    assert re.match(r"cache: the last good answer, \d+ s old.*left alone for now", last.structured_content["trail"][-1])
    assert last.structured_content["trail"][:-1] == first[:-1]
    assert "\n- cache: the last good answer" in text_of(last)
