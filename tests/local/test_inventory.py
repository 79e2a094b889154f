"""The tool inventory as a client sees it: small, flat, described, in order."""

from __future__ import annotations

import json

import pytest
from fleet_client import fleet_client, settings

from openmanager_core.source import SourceSettings
from openmanager_local.server import READING_TOOLS, TOOLS, build

BUDGET_BYTES = 16_000
WANTED = [
    "fleet_overview",
    "list_servers",
    "describe_server",
    "query_metrics",
    "find_anomalies",
    "find_patterns",
    "correlate_metrics",
    "forecast_metric",
    "capacity_outlook",
    "find_root_cause",
    "compare_windows",
    "recommend_actions",
    "ask_fleet",
    "search_runbooks",
    "list_incidents",
    "incident_report",
    "list_metrics",
    "update_incident",
    "inject_fault",
    "clear_faults",
]


def test_every_promised_tool_is_in_the_inventory_once() -> None:
    names = [tool.name for tool in TOOLS]
    assert sorted(names) == sorted(WANTED)


@pytest.mark.anyio
async def test_the_tool_list_stays_within_its_budget_on_the_wire() -> None:
    async with fleet_client() as client:
        listed = await client.list_tools()
    wire = json.dumps(
        listed.model_dump(mode="json", by_alias=True, exclude_none=True), separators=(",", ":"), ensure_ascii=False
    )
    assert len(wire.encode()) < BUDGET_BYTES
    assert [tool.name for tool in listed.tools] == [tool.name for tool in TOOLS]


@pytest.mark.anyio
async def test_schemas_are_flat_objects_with_a_description_for_every_parameter() -> None:
    async with fleet_client() as client:
        tools = (await client.list_tools()).tools
    for tool in tools:
        schema = json.dumps(tool.input_schema)
        assert tool.description and tool.title and tool.annotations is not None
        for word in ("$ref", "$defs", "anyOf", "oneOf", "allOf", "exclusiveMinimum", '"const"'):
            assert word not in schema, (tool.name, word)
        for name, part in tool.input_schema.get("properties", {}).items():
            assert isinstance(part.get("type"), str), (tool.name, name)
            assert part.get("description"), (tool.name, name)
            assert part["type"] != "array" or part["items"].get("type"), (tool.name, name)


@pytest.mark.anyio
async def test_reading_tools_say_that_they_read() -> None:
    async with fleet_client() as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    for tool in READING_TOOLS:
        hints = tools[tool.name].annotations
        assert hints is not None and hints.read_only_hint is True, tool.name
    assert not tools["inject_fault"].annotations.read_only_hint  # type: ignore[union-attr]
    assert tools["clear_faults"].annotations.destructive_hint is True  # type: ignore[union-attr]


def test_faults_can_not_be_injected_where_the_servers_are_real() -> None:
    names = {tool.name for tool in build(settings(SourceSettings(kind="host"))).tools}
    assert names == set(WANTED) - {"inject_fault", "clear_faults"}


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_resources_prompts_and_completions_work_in_both_eras(mode: str) -> None:
    from mcp_types import PromptReference, ResourceTemplateReference

    async with fleet_client(mode=mode) as client:
        assert {str(r.uri) for r in (await client.list_resources()).resources} == {
            "fleet://servers",
            "fleet://applications",
            "ui://fleet/overview",
            "fleet://unusual",
        }
        templates = {t.uri_template for t in (await client.list_resource_templates()).resource_templates}
        assert templates == {"fleet://servers/{id}", "fleet://metrics/{metric}", "fleet://incidents/{id}"}
        text = (await client.read_resource("fleet://servers")).contents[0].text  # type: ignore[union-attr]
        assert text.startswith("30 servers in ")
        running = (await client.read_resource("fleet://applications")).contents[0].text  # type: ignore[union-attr]
        assert "cores busy" in running and "version" in running and "no reading" not in running
        reference = ResourceTemplateReference(type="ref/resource", uri="fleet://servers/{id}")
        found = await client.complete(reference, {"name": "id", "value": "database"})
        assert found.completion.values and all("database" in v or "db" in v for v in found.completion.values)
        one = await client.read_resource(f"fleet://servers/{found.completion.values[0]}")
        assert found.completion.values[0] in one.contents[0].text  # type: ignore[union-attr]
        metrics = ResourceTemplateReference(type="ref/resource", uri="fleet://metrics/{metric}")
        assert "latency_p95_s" in (await client.complete(metrics, {"name": "metric", "value": "lat"})).completion.values
        readings = (await client.read_resource("fleet://metrics/latency_p95_s")).contents[0].text  # type: ignore[union-attr]
        assert readings.startswith("latency_p95_s [s]")
        assert {p.name for p in (await client.list_prompts()).prompts} == {"triage", "capacity_review", "post_mortem"}
        prompt = await client.get_prompt("triage", {"symptom": "결제가 느려요", "language": "ko"})
        assert "결제가 느려요" in prompt.messages[0].content.text  # type: ignore[union-attr]
        languages = await client.complete(
            PromptReference(type="ref/prompt", name="triage"), {"name": "language", "value": ""}
        )
        assert languages.completion.values == ["en", "ko"]
