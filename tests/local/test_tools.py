"""Each tool as an assistant uses it, over a simulated incident."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fleet_client import AT_S, ask, fleet_client, refused, text_of

from openmanager_core.source import SourceSettings

INCIDENT = SourceSettings(scenario="incident")
ALL = {"limit": 500, "max_chars": 200_000}
CALLS: tuple[tuple[str, dict[str, object]], ...] = (
    ("fleet_overview", {}),
    ("list_servers", {"limit": 500}),
    ("list_metrics", {}),
    ("query_metrics", {"metric": "cpu_busy_ratio", "limit": 500}),
    ("query_metrics", {"metric": "cpu_busy_ratio", "aggregate": "p95", "type_": None}),
    ("find_anomalies", {"limit": 500, "min_sigma": 1.5}),
    ("find_patterns", {"limit": 500}),
    ("correlate_metrics", {"metric": "cpu_busy_ratio", "limit": 500}),
    ("capacity_outlook", {"limit": 500}),
    ("find_root_cause", {"limit": 20}),
    ("compare_windows", {"limit": 500}),
    ("recommend_actions", {"limit": 500}),
    ("list_incidents", {"limit": 500}),
)


@pytest.mark.anyio
@pytest.mark.parametrize(("tool", "arguments"), CALLS, ids=[f"{t}-{i}" for i, (t, _) in enumerate(CALLS)])
async def test_an_answer_is_complete_as_text_and_as_structure_and_never_too_long(
    tool: str, arguments: dict[str, object], tmp_path: Path
) -> None:
    wanted = {name: value for name, value in arguments.items() if value is not None}
    async with fleet_client(INCIDENT, tmp_path) as client:
        result = await client.call_tool(tool, wanted)
    assert not result.is_error, text_of(result)
    text, structure = text_of(result), json.dumps(result.structured_content, separators=(",", ":"), ensure_ascii=False)
    assert 0 < len(text) <= 10_000
    assert 2 < len(structure) <= 10_000
    assert "NaN" not in structure and "Infinity" not in structure


@pytest.mark.anyio
async def test_the_overview_finds_the_incident_and_its_cause(tmp_path: Path) -> None:
    async with fleet_client(INCIDENT, tmp_path) as client:
        seen = await ask(client, "fleet_overview")
        assert seen["servers"] == 30 and seen["anomalies_total"] > 0
        assert seen["causes"] and "database" in seen["causes"][0]["node"]
        assert seen["open_incidents"] >= 1
        cause = (await ask(client, "find_root_cause"))["causes"][0]
        assert cause["evidence"] and cause["explains"]
        actions = await ask(client, "recommend_actions")
        assert actions["actions"][0]["verify"]
        incidents = (await ask(client, "list_incidents"))["incidents"]
        report = text_of(
            await client.call_tool("incident_report", {"incident_id": incidents[0]["id"], "language": "ko"})
        )
        assert "타임라인" in report or "시간" in report


@pytest.mark.anyio
async def test_a_quiet_fleet_has_no_cause_and_says_so(tmp_path: Path) -> None:
    async with fleet_client(SourceSettings(), tmp_path) as client:
        seen = await ask(client, "find_root_cause")
        assert seen["causes"] == [] and "No cause is named" in seen["explanation"]


@pytest.mark.anyio
async def test_pages_join_to_the_whole_without_overlap() -> None:
    async with fleet_client() as client:
        seen: list[str] = []
        cursor = ""
        while True:
            page = await ask(client, "list_servers", limit=7, cursor=cursor)
            seen += [row["id"] for row in page["servers"]]
            cursor = page["next_cursor"]
            if not cursor:
                break
        assert len(seen) == len(set(seen)) == page["total"] == 30
        other = await ask(client, "list_servers", limit=7)
        text = await refused(client, "list_servers", limit=7, type="web", cursor=other["next_cursor"])
        assert "cursor" in text


@pytest.mark.anyio
async def test_an_injected_fault_is_found_named_and_gone_when_cleared() -> None:
    async with fleet_client() as client:
        servers = await ask(client, "list_servers", type="database", environment="production")
        victim = servers["servers"][0]["id"]
        made = await ask(client, "inject_fault", kind="cpu_saturation", target=victim, severity=1.0, started="now-20m")
        assert made["faults"][0]["targets"] == [victim]
        found = await ask(client, "find_anomalies", servers=[victim], metrics=["cpu_busy_ratio"])
        assert found["anomalies"] and found["anomalies"][0]["server"] == victim
        causes = (await ask(client, "find_root_cause"))["causes"]
        assert causes and victim in (causes[0]["node"], *causes[0]["explains"])
        described = await ask(client, "describe_server", server=victim)
        assert described["anomalies"] and described["health"] < 90
        gone = await ask(client, "clear_faults", fault_id=made["faults"][0]["id"])
        assert gone["faults"] == []
        assert "not_found" in await refused(client, "clear_faults", fault_id="fault-99")


@pytest.mark.anyio
async def test_at_any_hour_a_quiet_fleet_is_called_quiet_and_a_fault_is_the_first_cause() -> None:
    quiet = named = 0
    hours = [AT_S + n * 8_117 for n in range(12)]
    for at_s in hours:
        async with fleet_client(at_s=at_s) as client:
            quiet += not (await ask(client, "find_root_cause"))["causes"]
            # in production: a development database that nobody uses may be busy for hours and hurt nobody
            found = await ask(client, "list_servers", type="database", environment="production")
            victim = found["servers"][0]["id"]
            await ask(client, "inject_fault", kind="cpu_saturation", target=victim, severity=1.0, started="now-20m")
            causes = (await ask(client, "find_root_cause"))["causes"]
            named += bool(causes) and victim in (causes[0]["node"], *causes[0]["explains"])
    assert min(quiet, named) >= 0.9 * len(hours), (quiet, named)


@pytest.mark.anyio
async def test_anomalies_say_how_many_are_above_the_line_of_chance_and_show_those_first() -> None:
    async with fleet_client(INCIDENT) as client:
        seen = await ask(client, "find_anomalies", **ALL, explain=True)
        rows = seen["anomalies"]
        above = [row["q_value"] is not None and row["q_value"] <= 0.05 for row in rows]
        assert len(rows) == seen["total"] and 0 < sum(above) < len(rows)
        known = [
            (q is not None and q <= 0.05)
            or (row["end"] is None and (q is None or (row["kind"], row["severity"]) == ("saturation", "critical")))
            for row in rows
            for q in [row["q_value"]]
        ]
        assert known == sorted(known, reverse=True)
        judged = sum(row["q_value"] is not None for row in rows)
        verb = "is" if sum(above) == 1 else "are"
        told = f"{sum(above)} of {judged} findings {verb} above the line: of these, at most 5% are expected to be false"
        assert seen["chance"].startswith(told) and f"{seen['screened_series']:,} series" in seen["chance"]
        assert told in text_of(await client.call_tool("find_anomalies", {}))
        assert sum(line.startswith("chance: ") for line in seen["trail"]) == 1
        overview = await ask(client, "fleet_overview")
        assert overview["above_line"] == sum(above)
        assert {row["id"]: row["q_value"] for row in overview["anomalies"]}.items() <= {
            row["id"]: row["q_value"] for row in rows
        }.items()
        korean = text_of(await client.call_tool("ask_fleet", {"question": "최근 1시간 이상 징후"}))
        assert f"이상 징후 {judged}건 중 {sum(above)}건이 기준선을 넘었으며" in korean


@pytest.mark.anyio
async def test_a_filling_disk_is_forecast_to_its_threshold() -> None:
    async with fleet_client() as client:
        victim = (await ask(client, "list_servers", type="web"))["servers"][0]["id"]
        await ask(
            client, "inject_fault", kind="disk_filling", target=victim, severity=0.9, started="now-5h", duration="2d"
        )
        seen = await ask(
            client, "forecast_metric", metric="disk_used_ratio", server=victim, horizon="12h", history="5h"
        )
        assert seen["crosses_at"] is not None and seen["confidence"] > 0.3
        assert len(seen["mean"]) == len(seen["low"]) == len(seen["high"]) <= 50


@pytest.mark.anyio
async def test_progress_arrives_while_a_long_answer_is_made() -> None:
    heard: list[float] = []

    async def hear(done: float, total: float | None, message: str | None) -> None:
        heard.append(done)

    async with fleet_client(SourceSettings(servers=1500)) as client:
        await client.call_tool("fleet_overview", {"start": "now-2h"}, progress_callback=hear)
    assert heard and heard == sorted(heard)


@pytest.mark.anyio
async def test_whoever_asks_for_more_gets_more_on_one_page() -> None:
    async with fleet_client() as client:
        short = await ask(client, "query_metrics", metric="cpu_busy_ratio", limit=30)
        long = await ask(client, "query_metrics", metric="cpu_busy_ratio", limit=30, max_chars=100_000)
        assert len(short["series"]) < len(long["series"]) == 30
        assert "max_chars" in await refused(client, "query_metrics", metric="cpu_busy_ratio", max_chars=10)


@pytest.mark.anyio
async def test_moved_load_shows_both_clusters_before_and_after_and_leaves_the_others_alone() -> None:
    async with fleet_client() as client:
        plain = {(c["cluster"], c["metric"]): c for c in (await ask(client, "capacity_outlook", **ALL))["clusters"]}
        webs = sorted({cluster for cluster, _ in plain if cluster.startswith("web")})
        source, target = webs[:2]
        answer = await ask(client, "capacity_outlook", moved_load=f"{source} -> {target}: 40%", **ALL)
        moved = {(c["cluster"], c["metric"]): c for c in answer["clusters"]}
        assert moved.keys() == plain.keys()
        for key, row in moved.items():
            before = {"used_before": row["used_before"], "peak_before": row["peak_before"]}
            if key[0] not in webs[:2]:
                assert row == plain[key]
                continue
            assert before == {"used_before": plain[key]["used"], "peak_before": plain[key]["peak"]}
            assert row["exhausted_before"] == plain[key]["exhausted"]
        giver, taker = moved[source, "cpu_busy_ratio"], moved[target, "cpu_busy_ratio"]
        assert giver["used"] == pytest.approx(0.6 * giver["used_before"], rel=0.01)
        assert taker["used"] > taker["used_before"]
        text = text_of(await client.call_tool("capacity_outlook", {"moved_load": f"{source}->{target}:40", **ALL}))
        assert f'moved load "{source}->{target}:40"' in text
        assert f"40 % of {source}'s load moved here" in text and "Before the move: " in text
        only = await ask(client, "capacity_outlook", moved_load=f"{source}->{target}:40", cluster=target, **ALL)
        assert {c["cluster"] for c in only["clusters"]} == {target}
        alone = next(c for c in only["clusters"] if c["metric"] == "cpu_busy_ratio")
        assert alone["used"] == pytest.approx(taker["used"], rel=0.05)
        other = next(cluster for cluster, _ in plain if cluster.startswith("database"))
        refusal = await refused(client, "capacity_outlook", moved_load=f"{source}->{other}:40")
        assert "clusters of one type" in refusal
