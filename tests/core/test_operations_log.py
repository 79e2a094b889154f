"""Changes that people write down: read line by line, placed in the fleet, and never trusted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.errors import FleetError, InvalidRequest, NotFound
from openmanager_core.fleet import Fleet
from openmanager_core.operations_log import KINDS, LONGEST_LINE, MOST_LINES, OperationsLog, changes_of
from openmanager_core.simulator.inventory import build
from openmanager_core.text import visible

FLEET: Fleet = build(30, 7)[0]
NOW_S = 1_790_000_000.0
CLUSTER = FLEET.clusters[0].id


def test_a_line_has_a_time_a_place_a_kind_and_a_text() -> None:
    (change,) = changes_of(f"2026-09-21T14:00:00+00:00 {CLUSTER} deployment: 2.1 rolled out", FLEET, NOW_S)
    assert (change.kind, change.target, change.description) == ("deployment", CLUSTER, "2.1 rolled out")
    assert change.at_s == 1_789_999_200.0


def test_a_kind_that_is_not_named_is_a_commit_and_now_counts_from_now() -> None:
    (change,) = changes_of(f"now-20m {CLUSTER} 3f2a1c smaller pool", FLEET, NOW_S)
    assert (change.kind, change.at_s, change.description) == ("commit", NOW_S - 1200, "3f2a1c smaller pool")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_known(kind: str) -> None:
    assert [change.kind for change in changes_of(f"now {FLEET.servers[0].id} {kind}", FLEET, NOW_S)] == [kind]


def test_a_type_and_an_application_stand_for_their_clusters() -> None:
    of_type = {change.target for change in changes_of("now-1h database commit x", FLEET, NOW_S)}
    assert of_type == {cluster.id for cluster in FLEET.clusters if cluster.type == "database"}
    application = next(one for one in FLEET.applications if one.name not in {c.type for c in FLEET.clusters})
    placed = {change.target for change in changes_of(f"now-1h {application.name} commit x", FLEET, NOW_S)}
    assert placed == {cluster for deployed in application.deployments for cluster in deployed.clusters}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", ("changes", "TIME PLACE")),
        ("now-1h web", ("changes", "now-1h web")),
        ("someday web commit x", ("time of changes", "someday")),
        (f"now web {'x' * LONGEST_LINE}", ("changes", str(LONGEST_LINE))),
    ],
)
def test_a_line_of_another_shape_is_refused_with_the_shape(line: str, words: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        changes_of(line, FLEET, NOW_S)
    assert all(word in str(caught.value) for word in words)


def test_a_place_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(NotFound, match=CLUSTER):
        changes_of(f"now {CLUSTER}x commit y", FLEET, NOW_S)


@given(st.text(max_size=80) | st.from_regex(r"\A(now-)?[0-9]{1,12}[smhd]? (web|api) \S.*\Z"))
def test_any_line_is_read_or_refused_and_what_is_read_is_visible(line: str) -> None:
    try:
        found = changes_of(line, FLEET, NOW_S)
    except FleetError as exc:
        assert len(str(exc)) < 1000
    else:
        assert found and all(visible(change.description) == change.description for change in found)
        assert not any(trick in change.description for change in found for trick in "\n\r\x1b\u202e")


def test_a_file_is_read_again_when_it_grows_and_its_stretch_of_time_is_kept_to(tmp_path: Path) -> None:
    path = tmp_path / "changes.txt"
    path.write_text(f"# ours\n\n2026-09-21T13:00:00Z {CLUSTER} commit first\n", "utf-8")
    log = OperationsLog(path)
    assert [change.description for change in log.changes(FLEET, NOW_S - 86_400, NOW_S)[0]] == ["first"]
    with path.open("a", encoding="utf-8") as file:
        file.write(f"2026-09-21T14:00:00Z {CLUSTER} restart\n2026-09-21T12:00:00Z {CLUSTER} commit 둘째\n")
    found, problems = log.changes(FLEET, NOW_S - 86_400, NOW_S)
    assert [(change.kind, change.description) for change in found] == [
        ("commit", "둘째"),
        ("commit", "first"),
        ("restart", ""),
    ]
    assert problems == []
    assert len(log.changes(FLEET, 1_789_999_000.0, NOW_S)[0]) == 1


def test_lines_that_are_not_understood_are_told_and_the_others_used(tmp_path: Path) -> None:
    path = tmp_path / "changes.txt"
    bad = "".join(f"now-{n}m {CLUSTER} commit relative\n" for n in range(1, 6))
    path.write_text(
        f"nonsense\n{bad}1789999200 nowhere commit lost\n1789999200 {CLUSTER} commit kept\n\xff\n", "latin-1"
    )
    found, problems = OperationsLog(path).changes(FLEET, 0, NOW_S)
    assert [change.description for change in found] == ["kept"]
    assert len(problems) == 2
    assert "nonsense" in problems[0] and "times of a file must be absolute" in problems[0]
    assert "and 4 more" in problems[0]
    assert "nowhere" in problems[1]


def test_of_a_file_that_is_too_long_the_last_lines_are_read_and_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "changes.txt"
    path.write_text("".join(f"{1_789_000_000 + n} {CLUSTER} commit {n}\n" for n in range(MOST_LINES + 10)), "utf-8")
    found, problems = OperationsLog(path).changes(FLEET, 0, NOW_S)
    assert [change.description for change in found] == [str(n) for n in range(10, MOST_LINES + 10)]
    assert problems == [f"of the file of changes only the last {MOST_LINES:,} lines are read"]


def test_what_is_no_file_is_a_problem_and_not_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "pipe"):
        found, problems = OperationsLog(path).changes(FLEET, 0, NOW_S)
        assert not found and problems[0].startswith("the file of changes cannot be read: ")
        assert str(tmp_path) not in problems[0]
