"""How a Korean answer was found is told in Korean, as are notes beside it, with the figures of the English lines."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from asked import ASKED
from fleet_client import AT_S, fleet_client, text_of

from openmanager_core.errors import SourceUnavailable
from openmanager_core.facts import Fact, Sentence, fact
from openmanager_core.knowledge.asking import Intent
from openmanager_core.panel import Panel, Window
from openmanager_core.source import SourceSettings
from openmanager_core.source.base import SourceStatus
from openmanager_core.source.simulated import SimulatedSource
from openmanager_core.wording import said, sentence, table
from openmanager_kit.freshness import MADE, MADE_IN
from openmanager_local import trail_steps
from openmanager_local.analyst import Analyst, Readings
from openmanager_local.ask_tools import ask_fleet
from openmanager_local.finding_tools import (
    compare_windows,
    correlate_metrics,
    find_anomalies,
    find_patterns,
    find_root_cause,
)
from openmanager_local.fleet_tools import describe_server, fleet_overview, list_servers
from openmanager_local.incident_tools import recommend_actions
from openmanager_local.series_tools import capacity_outlook, forecast_metric, query_metrics
from openmanager_local.survey import survey
from openmanager_local.trail import data_lines, lines_in, trail

INCIDENT = SourceSettings(servers=30, scenario="incident", anchor_s=AT_S)
SERVER = "database-us-east-1-001"
HANGUL = re.compile("[가-힣]")
FIGURE = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?")
KOREAN_COUNTS = re.compile("4분의 1|최근 1분|95번째 백분위수")
"""Words of the English lines that Korean writes with figures: a quarter, the newest minute, p95."""

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def looking(home: Path | None, kind: type[SimulatedSource] = SimulatedSource) -> AsyncIterator[Analyst]:
    analyst = Analyst(INCIDENT, home, lambda wanted: kind.from_settings(wanted, clock=lambda: AT_S))
    try:
        yield analyst
    finally:
        await analyst.aclose()


class Shaky(SimulatedSource):
    """The simulator behind a source with impossible readings of one metric, none of another, and warnings."""

    async def read(self, metric: str, window: Window, hosts: Sequence[str] | None = None) -> Panel:
        if metric == "memory_used_ratio":
            raise SourceUnavailable("the engine said: upstream timed out", hint="again in 9 s")
        panel = await super().read(metric, window, hosts)
        if metric == "cpu_busy_ratio":
            panel.values[0, :3] = 7.0
            panel.values[0, 3] = np.inf
        return panel

    async def status(self) -> SourceStatus:
        told = sentence("problem.engine_warns", text="a store is gone")
        return replace(await super().status(), problems=(told, "words of nobody's making"))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("source", [SimulatedSource, Shaky])
async def test_every_line_and_note_is_in_the_language_of_the_answer_for_every_kind_of_question(
    source: type[SimulatedSource], tmp_path: Path
) -> None:
    assert ASKED.keys() == set(get_args(Intent))
    noted: Counter[str] = Counter()
    async with looking(tmp_path, source) as analyst:
        for intent, (english, korean) in ASKED.items():
            ko = await ask_fleet(analyst, korean, explain=True)
            en = await ask_fleet(analyst, english, explain=True)
            assert (ko.intent, ko.language, en.intent, en.language) == (intent, "ko", intent, "en")
            assert min(len(ko.trail), len(en.trail)) >= 4 and ko.trail[-1] == MADE_IN["ko"] and en.trail[-1] == MADE
            bare = [re.sub(r"^[a-z_]+: ", "", line) for line in (*ko.trail, *ko.problems)]  # without the tool's name
            assert [line for line in bare if not HANGUL.search(line)] == []
            assert [line for line in (*en.trail, *en.problems) if HANGUL.search(line)] == []
            assert all(f"- {line}" in ko.as_text() for line in ko.trail)
            noted[intent] = len(ko.problems)
    if source is Shaky:
        silent = {"incidents", "metrics", "help", "runbook", "unknown", "forecast"}
        assert {intent for intent in ASKED if not noted[intent]} <= silent, noted


async def test_words_from_outside_stand_in_a_korean_note_as_they_came(tmp_path: Path) -> None:
    async with looking(tmp_path, Shaky) as analyst:
        notes = "\n".join((await ask_fleet(analyst, "전체 상태 요약해줘")).problems)
        assert "데이터 소스가 응답하지 않습니다(원문: the engine said: upstream timed out, 제안: again in 9 s)" in notes
        assert "CPU 사용률: 측정값 3개가 허용 범위 0 ~ 1 밖이어서 버렸습니다" in notes
        servers = (await ask_fleet(analyst, "디비 서버 전부 나열해줘")).problems
        assert "엔진의 경고: a store is gone" in servers
        assert "원문 그대로: words of nobody's making" in servers
    async with looking(None) as analyst:
        notes = "\n".join((await ask_fleet(analyst, "전체 상태 요약해줘")).problems)
        assert "상태 폴더가 설정되지 않아" in notes
        lost = await ask_fleet(analyst, "장애 이력 조회")
        assert "기록 저장소를 사용할 수 없습니다" in lost.answer[0] and HANGUL.search(lost.problems[0])


async def test_the_line_about_the_cache_is_korean_and_true_of_an_answer_that_is_not_kept() -> None:
    async with fleet_client(INCIDENT) as client:
        for _ in range(2):
            result = await client.call_tool("ask_fleet", {"question": "왜 느려?", "explain": True})
            assert result.structured_content is not None and result.structured_content["trail"][-1] == MADE_IN["ko"]
            text = text_of(result)
            assert f"\n- {MADE_IN['ko']}" in text and text.count("캐시: ") == 1 and "cache: " not in text


def figures(line: str) -> list[str]:
    return sorted(FIGURE.findall(KOREAN_COUNTS.sub(" ", line.replace("p95", "p"))))


def inside(what: Fact) -> Iterator[Fact]:
    """The fact and the facts in it."""
    yield what
    waiting = list(what.of.values())
    while waiting:
        value = waiting.pop()
        if isinstance(value, Fact):
            yield from inside(value)
        elif isinstance(value, tuple):
            waiting += value


@pytest.mark.timeout(180)
async def test_every_step_of_every_analysis_says_the_same_in_both_languages(tmp_path: Path) -> None:
    told: list[Fact] = []
    async with looking(tmp_path) as analyst:
        lists = [
            (await fleet_overview(analyst, explain=True)).trail,
            (await list_servers(analyst, explain=True)).trail,
            (await describe_server(analyst, SERVER, explain=True)).trail,
            (await query_metrics(analyst, "cpu_busy_ratio", explain=True)).trail,
            (await find_anomalies(analyst, explain=True)).trail,
            (await find_patterns(analyst, explain=True)).trail,
            (await correlate_metrics(analyst, "cpu_busy_ratio", explain=True)).trail,
            (await correlate_metrics(analyst, "cpu_busy_ratio", min_abs_r=1.0, explain=True)).trail,
            (await forecast_metric(analyst, "disk_used_ratio", SERVER, explain=True)).trail,
            (await forecast_metric(analyst, "requests_per_s", "web-us-east-1-001", explain=True)).trail,
            (await capacity_outlook(analyst, explain=True)).trail,
            (await find_root_cause(analyst, explain=True)).trail,
            (await compare_windows(analyst, explain=True)).trail,
            (await recommend_actions(analyst, explain=True)).trail,
        ]
        for aggregate in ("mean", "min", "max", "p95", "sum"):
            asked = await query_metrics(analyst, "cpu_busy_ratio", aggregate=aggregate, explain=True)  # type: ignore[arg-type]
            lists.append(asked.trail)
        for lines in lists:
            assert all(isinstance(line, Sentence) for line in lines[:-1]) and lines[-1] == MADE
            told += [line.fact for line in lines if isinstance(line, Sentence)]
            assert [line for line in lines_in(lines, "ko") if not HANGUL.search(line)] == []
        told += await _what_is_rare(analyst)
    for what in told:
        english, korean = said(what), said(what, "ko")
        assert HANGUL.search(korean) and not HANGUL.search(english), what
        assert figures(english) == figures(korean), (english, korean)
    codes = {one.code for what in told for one in inside(what) if one.code.startswith("trail.")}
    assert codes == {code for code in table("en", "_trail") if code.startswith("trail.")}


async def _what_is_rare(analyst: Analyst) -> list[Fact]:
    """Steps that the fleet above does not take: nothing there, everything changed, and what is on record."""
    from openmanager_core.analysis.compare import FALSE_DISCOVERY_RATE, corrected
    from openmanager_core.analysis.compare import compare_windows as compare
    from openmanager_core.analysis.recommend import recommend

    window = await analyst.window("now-1h", "now")
    before = await analyst.window("now-2h", "now-1h")
    names = ["latency_p95_s", "disk_used_ratio"]
    seen = [await analyst.read_all(names, each) for each in (before, window)]
    differences = corrected([d for name in names for d in compare(seen[0].panels[name], seen[1].panels[name])])
    changed = [d for d in differences if d.changed]
    assert changed and len(changed) < len(differences)
    still = [d for d in differences if not d.changed]
    ledger = await analyst.require_ledger()
    (incident, *_) = (await survey(analyst, window)).incidents
    kept = await ledger.incident(incident.id)
    findings = await ledger.findings(incident=incident.id)
    actions = recommend(findings, kept.causes, {}, await analyst.fleet())
    steps = [
        *data_lines(window, Readings({})),
        *trail_steps.difference_steps(changed, len(changed), FALSE_DISCOVERY_RATE),
        *trail_steps.difference_steps(still, len(still), FALSE_DISCOVERY_RATE),
        *trail_steps.incident_steps(kept, findings, actions),
        *trail_steps.pattern_steps(None, []),
        *trail_steps.capacity_steps([], {}),
        *trail_steps.action_steps([], 0, 0, 0),
        *trail_steps.health_steps({}, [], AT_S),
    ]
    lines = await trail(analyst, [fact("trail.confidence", value=0.5)] * 40)
    assert len(lines) == 16
    return steps


def test_tables_of_trails_and_notes_are_read_when_they_are_first_needed() -> None:
    program = """
import sys, tempfile
from pathlib import Path
import anyio
from openmanager_core.source import SourceSettings
from openmanager_local.analyst import Analyst
from openmanager_local.ask_tools import ask_fleet
import openmanager_local.server

def there():
    wording = (name.removeprefix("openmanager_core.wording.") for name in sys.modules)
    return sorted(name for name in wording if name[:3] in ("en_", "ko_"))

async def main():
    print(there())
    with tempfile.TemporaryDirectory() as home:
        analyst = Analyst(SourceSettings(servers=12), Path(home))
        await ask_fleet(analyst, "how's the fleet doing?")
        print(there())
        await ask_fleet(analyst, "how's the fleet doing?", explain=True)
        print(there())
        await ask_fleet(analyst, "전체 상태 요약해줘", explain=True)
        print(there())
        await analyst.aclose()

anyio.run(main)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines() == [
        "[]",
        "['en_notes']",
        "['en_notes', 'en_trail']",
        "['en_notes', 'en_trail', 'ko_notes', 'ko_trail']",
    ]
