"""Equal questions about the fleet are one piece of work, through the tools themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from fleet_client import AT_S, settings
from mcp_types import CallToolResult

from openmanager_core.panel import Panel
from openmanager_core.source.settings import SourceSettings
from openmanager_core.source.simulated import SimulatedSource
from openmanager_kit.server import OpenManagerServer
from openmanager_local.server import build


class CountedSource(SimulatedSource):
    reads = 0

    async def read(self, metric: str, window: Any, hosts: Any = None) -> Panel:
        self.reads += 1
        return await super().read(metric, window, hosts)


def make(home: Path) -> tuple[OpenManagerServer, list[CountedSource]]:
    sources: list[CountedSource] = []

    def opener(wanted: SourceSettings) -> CountedSource:
        made = CountedSource.from_settings(wanted, clock=lambda: AT_S)
        assert isinstance(made, CountedSource)
        sources.append(made)
        return made

    return build(settings(SourceSettings(scenario="incident"), home), opener), sources


async def ask(tool: str, home: Path, times: int) -> tuple[int, list[CallToolResult]]:
    server, sources = make(home)
    answers: list[CallToolResult] = []

    async def one() -> None:
        result = await server.call_tool(tool, {})
        assert isinstance(result, CallToolResult)
        answers.append(result)

    async with anyio.create_task_group() as group:
        for _ in range(times):
            group.start_soon(one)
    await server.state.aclose()
    (source,) = sources
    return source.reads, answers


@pytest.mark.anyio
@pytest.mark.parametrize("tool", ["fleet_overview", "find_anomalies", "find_root_cause"])
async def test_fifty_equal_questions_at_once_read_the_fleet_as_often_as_one(tool: str, tmp_path: Path) -> None:
    alone, _ = await ask(tool, tmp_path / "one", 1)
    together, answers = await ask(tool, tmp_path / "fifty", 50)
    assert together == alone > 0
    assert len(answers) == 50
    assert all(answer.structured_content == answers[0].structured_content for answer in answers)


@pytest.mark.anyio
async def test_a_question_asked_again_within_the_same_moment_reads_nothing(tmp_path: Path) -> None:
    server, sources = make(tmp_path)
    first = await server.call_tool("find_root_cause", {})
    reads = sources[0].reads
    again = await server.call_tool("find_root_cause", {})
    assert isinstance(first, CallToolResult)
    assert isinstance(again, CallToolResult)
    assert (sources[0].reads, again.structured_content) == (reads, first.structured_content)
    other = await server.call_tool("find_root_cause", {"limit": 1})
    assert isinstance(other, CallToolResult)
    assert sources[0].reads == 2 * reads
    await server.state.aclose()
