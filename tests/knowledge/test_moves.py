"""Questions about load that would move name both clusters the right way round, and how much."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.analysis.moved_load import MovedLoad
from openmanager_core.knowledge.asking import Plan, plan
from openmanager_core.knowledge.asking.hangul import folded
from openmanager_core.knowledge.asking.moves import moved

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import accuracy_ask

FLEET = accuracy_ask.fleet()
A, B = (c.id for c in FLEET.clusters if c.type == "web" and c.environment == "production")


def read(question: str) -> Plan:
    return plan(question.replace("A", A).replace("B", B), FLEET, accuracy_ask.NOW_S)


@pytest.mark.parametrize(
    ("question", "share"),
    [
        ("what if 30% of the load of A moved to B?", 0.3),
        ("move half of A traffic to B, would it hold?", 0.5),
        ("can we shift 12.5 % from A to B", 0.125),
        ("shifting to B a quarter of A", 0.25),
        ("can B take over 40 percent of A?", 0.4),
        ("could B take over all the load from A", 1.0),
        ("A 부하 30%를 B로 옮기면 버틸까?", 0.3),
        ("B로 A 트래픽 전부 옮겨도 돼?", 1.0),
        ("B가 A 부하 절반을 받아도 괜찮아?", 0.5),
        ("A에서 B로 20프로 넘기면 어떻게 돼?", 0.2),
    ],
)
def test_a_what_if_names_who_gives_who_takes_and_how_much(question: str, share: float) -> None:
    got = read(question)
    assert got.intent == "capacity"
    assert got.moved_load == MovedLoad(A, B, share)
    assert got.threshold is None and got.growth_ratio is None
    assert ("moves_all",) not in got.assumptions


@pytest.mark.parametrize("question", ["what if A fails over to B", "A 트래픽을 B로 돌리면 버텨?"])
def test_a_move_without_a_share_means_all_of_it_and_says_so(question: str) -> None:
    got = read(question)
    assert got.moved_load == MovedLoad(A, B, 1.0)
    assert ("moves_all",) in got.assumptions


@pytest.mark.parametrize(
    "question",
    [
        "why is B slow since we moved 30% of A there?",
        "어제 A 부하 30%를 B로 옮긴 뒤 왜 느려?",
        "compare A to B",
        "what if the load of A grows 30%?",
        "what if 30% of A moved away?",
        "what if 300% of A moved to B?",
    ],
)
def test_what_is_no_move_between_two_clusters_is_not_read_as_one(question: str) -> None:
    assert read(question).moved_load is None


@pytest.mark.parametrize("data", [q.text for q in accuracy_ask.questions() if not q.kept_aside][::7])
def test_no_question_that_names_no_move_is_read_as_one(data: str) -> None:
    assert moved(folded(data), FLEET) is None


@given(
    st.lists(st.sampled_from([A, B, "move", "to", "from", "30%", "->", "로 옮기면", "take over", "  "]), max_size=12)
)
def test_whatever_is_said_a_move_is_between_two_clusters_and_of_a_part(words: list[str]) -> None:
    got = moved(folded(" ".join(words)), FLEET)
    if got is not None:
        assert {got[0].source, got[0].target} == {A, B}
        assert 0 < got[0].share <= 1
