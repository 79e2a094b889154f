"""ask_fleet and search_runbooks as a client sees them: every kind of question answered in its language."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from asked import ASKED
from fleet_client import AT_S, ask, fleet_client, refused, settings
from mcp.client import Client
from served import environment

from openmanager_core.knowledge.asking import plan
from openmanager_core.simulator import inventory
from openmanager_core.source import SourceSettings
from openmanager_core.source.simulated import SimulatedSource
from openmanager_kit.registry import ServerSettings
from openmanager_local.asking_voice import Voice
from openmanager_local.server import Section, build

INCIDENT = SourceSettings(servers=30, scenario="incident", anchor_s=AT_S)
HANGUL = re.compile("[가-힣]")


@pytest.mark.anyio
async def test_every_kind_of_question_is_answered_in_its_language_with_the_calls_that_were_made() -> None:
    async with fleet_client(INCIDENT) as client:
        for intent, pair in ASKED.items():
            for language, question in zip(("en", "ko"), pair, strict=True):
                got = await ask(client, "ask_fleet", question=question)
                assert (got["intent"], got["language"]) == (intent, language), question
                assert got["answer"], question
                assert bool(HANGUL.search(got["answer"][0])) == (language == "ko"), got["answer"]
                assert got["plan"] or intent == "help", question
                assert (got["stage"] == 3) == (intent == "unknown")


@pytest.mark.parametrize(
    "question",
    [
        "디스크 언제 꽉 차?",
        "when is memory full",
        "why the errors",
        "how many requests today",
        "what is queue_depth_messages",
        "is the backlog growing every night",
        "cpu now",
        "does steal go along with latency",
        "레이턴시 왜 이래",
        "p99 어제보다 느려?",
    ],
)
def test_what_was_named_is_said_in_words_where_a_reading_is_explained(question) -> None:
    fleet = inventory.build(30, 7)[0]
    for language in ("en", "ko"):
        assert "+" not in Voice(language).reading(plan(question, fleet, AT_S)), question


@pytest.mark.anyio
async def test_the_answer_names_the_cause_and_the_evidence_and_a_trail_is_shown_on_request() -> None:
    async with fleet_client(INCIDENT) as client:
        got = await ask(client, "ask_fleet", question="왜 느려?", explain=True)
        assert "database-production-us-east-1" in got["answer"][0]
        assert re.search(r"신뢰도 \d+%", got["answer"][0])
        assert any("검토한 원인: " in line for line in got["trail"])
        assert any("수집률: " in line for line in got["trail"])
        assert not (await ask(client, "ask_fleet", question="why is it slow"))["trail"]
        for tool in ("fleet_overview", "find_anomalies", "find_root_cause"):
            assert len((await ask(client, tool, explain=True))["trail"]) >= 5
            assert (await ask(client, tool))["trail"] == []


@pytest.mark.anyio
async def test_a_question_that_is_not_understood_names_the_words_and_shows_only_runbooks_that_are_near() -> None:
    async with fleet_client() as client:
        got = await ask(client, "ask_fleet", question="who won the world cup")
        assert "cup" in got["not_understood"]
        assert got["stage"] == 3
        assert all(p["score"] >= 0.3 for p in got["passages"])
        assert "at most 1000" in await refused(client, "ask_fleet", question="x" * 1001)


@pytest.mark.anyio
async def test_runbooks_are_paged_in_the_language_asked_and_the_users_own_are_quoted(tmp_path: Path) -> None:
    (tmp_path / "own.md").write_text("# Payments gateway\nRestart it.\u202e `rm`\n", "utf-8")
    made = ServerSettings("openmanager-local", home=tmp_path / "home", section=Section(runbooks=str(tmp_path)))
    server = build(made, lambda s: SimulatedSource.from_settings(s, clock=lambda: AT_S))
    async with Client(server) as client:
        first = await ask(client, "search_runbooks", query="디스크가 꽉 찼어요", limit=1)
        assert first["runbooks"][0]["id"] == "disk_filling"
        assert HANGUL.search(first["runbooks"][0]["remedies"][0])
        assert first["runbooks"][0]["diagnose"]
        more = await ask(client, "search_runbooks", query="디스크가 꽉 찼어요", limit=1, cursor=first["next_cursor"])
        assert more["runbooks"][0]["id"] != "disk_filling"
        result = await client.call_tool("search_runbooks", {"query": "payments gateway"})
        assert result.structured_content is not None
        assert result.structured_content["runbooks"][0]["source"] == "own.md"
        assert "\u202e" not in result.content[0].text  # type: ignore[union-attr]
        assert "no word" in await refused(client, "search_runbooks", query="?!")


def test_the_command_answers_in_the_terminal_and_tells_by_its_code_whether_it_understood(tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "openmanager_kit",
            "ask",
            *words,
            "--config",
            "minimal",
            "--home",
            str(tmp_path),
        ]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=60, env=environment(tmp_path), check=False
        )

    good = run("웹 서버 몇 대야?")
    assert (good.returncode, good.stderr) == (0, "")
    assert "대입니다" in good.stdout
    assert run("tell me a joke").returncode == 1


def test_the_section_of_the_profile_has_one_setting() -> None:
    assert settings().section is None
    assert Section().runbooks == ""


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("what if 40% of {a} moved to {b}?", ("with 40 % of {a}'s load moved to {b}", "before the move: peak")),
        ("{a} 부하 40%를 {b}로 옮기면 버틸까?", ("{a} 부하의 40 %를 {b}로 옮긴다고 가정", "이동 전 최고")),
    ],
)
async def test_a_move_of_load_is_answered_for_both_clusters_with_what_was_before(
    question: str, words: tuple[str, str]
) -> None:
    names = {"a": "web-production-us-east-1", "b": "web-production-eu-west-1"}
    async with fleet_client() as client:
        got = await ask(client, "ask_fleet", question=question.format(**names))
        assert got["intent"] == "capacity"
        assert words[0].format(**names) in got["answer"][0]
        rows = got["answer"][1:]
        assert all(words[1] in row for row in rows)
        assert {name for name in names.values() if any(name in row for row in rows)} == set(names.values())
        assert "clusters hold" not in got["answer"][0] or "All 2 clusters" in got["answer"][0]
