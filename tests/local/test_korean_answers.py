"""Answers in Korean are Korean throughout: on every kind of simulated fault, with the figures of the English answer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fleet_client import AT_S, ask, fleet_client

from openmanager_core import postmortem
from openmanager_core.errors import FleetError
from openmanager_core.knowledge import runbooks
from openmanager_core.simulator import FAULT_KINDS
from openmanager_core.source import SourceSettings
from openmanager_core.source.simulated import SimulatedSource
from openmanager_core.wording import ko
from openmanager_local import report_korean
from openmanager_local.analyst import Analyst
from openmanager_local.ask_tools import ask_fleet
from openmanager_local.fleet_tools import fleet_overview
from openmanager_local.incident_tools import recommend_actions
from openmanager_local.series_tools import capacity_outlook

FLEET = SourceSettings(servers=30, anchor_s=AT_S)
TARGETS = {"traffic_surge": "web-production-us-east-1", "bad_deployment": "api-production-us-east-1"}
HIT = "database-us-east-1-001"
ON_EVERY_FAULT = (
    "전체 상태 요약해줘",
    "지금 위험한 서버는?",
    f"{HIT} 상태",
    "최근 1시간 이상 징후 20개",
    "왜 느려?",
    "뭐부터 해야 돼?",
    "장애 이력 조회",
    "포스트모템 작성해줘",
)
ON_ONE_FAULT = (
    "메모리 누수 있는 서버 있어?",
    "cpu 패턴 있어?",
    "트래픽이 30% 늘면 버틸 수 있어?",
    "다음 주에 디스크 꽉 차는 서버 있어?",
    "최근 1시간을 그 전 1시간과 비교",
    "메모리 가장 많이 먹는 서버가 뭐임",
    "배포 전후로 뭐가 달라졌어?",
    "cpu랑 응답시간 상관관계 있어?",
)

# what may stand in Latin letters: names, times, code, queries and commands, units, and what Koreans write so themselves
NAMES = re.compile(r"\b(?:web|api|database|cache|queue)-[a-z0-9-]+|\b(?:us|eu|ap)-[a-z]+-\d\b")
DATA = re.compile(r"확인(?: 방법)?: .*|verify: .*|how to check: .*|Check: .*|`[^`]*`|\"[^\"]*\"|\b[a-z]\w*_\w+|inc-\d+")
WORDS = {
    "CPU", "TCP", "VM", "UTC", "OOM", "NTP", "DNS", "I", "O", "p", "r", "q", "z", "t", "s", "ms", "kB", "MB", "GB",
    "B", "CUSUM", "Page", "MAD", "Benjamini", "Hochberg", "connections", "web", "api", "database", "cache",
    "queue", "production",
}  # fmt: skip
PROGRAMS = (
    "redis-cli", "dig", "nc", "ping", "sar", "nstat", "sysctl", "kubectl", "jstat", "df", "last", "rabbitmqctl",
    "pgbackrest", "fail2ban-client", "journalctl", "grep", "curl", "dmesg", "kafka-topics.sh",
)  # fmt: skip
LATIN = re.compile(r"[A-Za-z]+")
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ")
FIGURE = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?")


def english_in(line: str) -> list[str]:
    """Latin words of a Korean line that are neither data nor a word that Korean has too."""
    bare = FIGURE.sub(" ", TIME.sub(" ", NAMES.sub(" ", DATA.sub(" ", line))))
    return [w for w in LATIN.findall(bare) if w not in WORDS]


def figures_in(line: str) -> Counter[str]:
    """Every figure and time of a line, names and metrics left out."""
    bare = DATA.sub(" ", NAMES.sub(" ", re.sub(r"p(?:50|95|99)(?!\d)", " ", line)))
    return Counter(TIME.findall(bare)) + Counter(FIGURE.findall(TIME.sub(" ", bare)))


def same(question: str, korean: Sequence[str], english: Sequence[str]) -> int:
    """Compare two answers line by line; how many lines there were."""
    assert len(korean) == len(english), question
    for line, other in zip(korean, english, strict=True):
        assert not english_in(line), (question, line)
        assert figures_in(line) == figures_in(other), (question, line, other)
    return len(korean)


async def compared(client: Any, questions: Sequence[str]) -> int:
    """Ask in both languages; how many lines were compared."""
    said = 0
    for question in questions:
        ko = await ask(client, "ask_fleet", question=question, language="ko")
        en = await ask(client, "ask_fleet", question=question, language="en")
        korean, english = ("\n".join(got["answer"]).splitlines() for got in (ko, en))
        said += same(question, korean, english)
        assert not [line for line in (*ko["assumptions"], *ko["problems"]) if english_in(line)], question
    return said


@pytest.mark.anyio
@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", FAULT_KINDS)
async def test_no_answer_about_a_fault_holds_an_english_sentence_and_the_figures_are_those_of_the_english_one(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postmortem, "_SIZES", (5,))  # of a long report the languages show more or less
    async with fleet_client(FLEET) as client:
        await ask(client, "inject_fault", kind=kind, target=TARGETS.get(kind, HIT), severity=0.9, started="now-25m")
        assert await compared(client, ON_EVERY_FAULT) > 50


@pytest.mark.anyio
@pytest.mark.timeout(180)
async def test_what_is_asked_about_values_and_habits_is_answered_in_korean_with_the_same_figures() -> None:
    async with fleet_client(FLEET) as client:
        await ask(client, "inject_fault", kind="disk_filling", target=HIT, severity=0.9, started="now-25m")
        assert await compared(client, ON_ONE_FAULT) > 20


@pytest.mark.anyio
async def test_the_report_in_korean_holds_no_english_sentence_and_ask_shows_runbooks_in_korean(tmp_path: Path) -> None:
    settings = SourceSettings(servers=14, scenario="incident", anchor_s=AT_S)
    analyst = Analyst(settings, tmp_path, lambda s: SimulatedSource.from_settings(s, clock=lambda: AT_S))
    try:
        text = "\n".join(
            (
                report_korean.overview(await fleet_overview(analyst)),
                report_korean.actions(await recommend_actions(analyst)),
                report_korean.capacity(await capacity_outlook(analyst, history="1d", limit=10)),
            )
        )
        shown = (await ask_fleet(analyst, "시계가 안 맞을 때 해결 방법", "ko")).as_text()
    finally:
        await analyst.aclose()
    assert "근거: " in text
    assert "조치: " in shown
    assert "해당 서버 서버" not in shown
    for line in text.splitlines():
        assert not english_in(re.sub(r"simulator |\([0-9a-f]{12}\)|앞으로 7d", "", line)), line
    # what is run is a command; all else is Korean, with the names that Korean has for programs and files
    for line in shown.split("계획")[0].splitlines():
        assert not line or re.match(r"  (?:진단|확인): ", line) or re.search("[가-힣]{2}", line.split(": ")[-1]), line


def test_the_test_itself_sees_english_sentences_and_changed_figures() -> None:
    assert english_in("- web-01: cpu is above 0.75") == ["cpu", "is", "above"]
    assert english_in("- web-us-east-1-001의 CPU 사용률 0.9가 기준 0.75를 넘었습니다 (확인: rate(x[5m]) of it)") == []
    assert figures_in("0.93 (web-us-east-1-001)") != figures_in("0.94 (web-us-east-1-001)")


def test_every_step_of_every_runbook_has_its_action_its_effect_and_its_check_in_korean() -> None:
    hangul = re.compile("[가-힣]")
    for book in runbooks():
        for step in book.steps:
            assert hangul.search(step.action_ko), book.id
            assert hangul.search(step.expected_effect_ko), book.id
            # a check is a query or a command, which begins with the program; a phrase has its own Korean
            command = re.search(r"[$(){}|/=_<>]|^[A-Z]{4,} ", step.verify) or step.verify.split()[0] in PROGRAMS
            assert command or hangul.search(step.verify_ko), step.verify


def test_every_kind_of_failure_has_a_korean_sentence() -> None:
    kinds = {cls.code for cls in FleetError.__subclasses__() if cls.__module__ == "openmanager_core.errors"}
    assert kinds
    assert kinds <= ko.FAILURES.keys()
