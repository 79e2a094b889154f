"""Health is monotone, explained, and says when it does not know."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from fleet_analysis import fleets
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.analysis.health import RULES, roll_up, server_health, status_of
from openmanager_core.fleet import Health
from openmanager_core.panel import Panel

FLEET, _, _ = fleets.make(30, size=6)
HOSTS = tuple(s.id for s in FLEET.servers)
GOOD = {
    "cpu_busy_ratio": 0.4,
    "memory_used_ratio": 0.5,
    "disk_used_ratio": 0.4,
    "cpu_steal_ratio": 0.0,
    "load_per_core_ratio": 0.5,
    "tcp_retransmit_ratio": 0.001,
    "clock_offset_s": 0.001,
    "requests_per_s": 100.0,
    "errors_per_s": 0.1,
    "latency_p95_s": 0.05,
    "queue_depth_messages": 10.0,
    "cache_hit_ratio": 0.95,
}


def latest(**of_first: float) -> dict[str, Panel]:
    """All servers well, the first (a web server) and the last (a queue) with other values."""
    out = {}
    for name, value in GOOD.items():
        column = np.full((len(HOSTS), 1), value)
        if name in of_first:
            column[0] = column[-1] = column[20] = of_first[name]
        out[name] = Panel(name, HOSTS, np.array([0.0]), column)
    return out


def test_a_well_fleet_scores_one_hundred_without_reasons() -> None:
    health = server_health(latest(), FLEET)
    assert set(health.values()) == {Health(100.0, "healthy")}
    clusters, whole = roll_up(health, FLEET)
    assert whole == Health(100.0, "healthy")
    assert set(clusters) == set(FLEET.cluster_by_id)


RANGES = {
    "cpu_busy_ratio": (0, 1),
    "memory_used_ratio": (0, 1),
    "disk_used_ratio": (0, 1),
    "cpu_steal_ratio": (0, 1),
    "load_per_core_ratio": (0, 30),
    "tcp_retransmit_ratio": (0, 1),
    "errors_per_s": (0, 300),
    "latency_p95_s": (0, 60),
    "queue_depth_messages": (0, 1e6),
}
"""What hurts when it is high, as far as it can go. Further: a low hit ratio, and a clock off to either side."""
DERIVED = {
    "error_ratio": "errors_per_s",
    "latency_vs_peers": "latency_p95_s",
    "latency_vs_usual": "latency_p95_s",
    "backlog_s": "queue_depth_messages",
}
USUAL = {"latency_p95_s": latest()["latency_p95_s"]}
ALL_AT_ONCE = st.fixed_dictionaries({n: st.floats(*r) for n, r in RANGES.items()})
OTHERS = st.one_of(
    st.just({}),
    st.tuples(st.sampled_from(sorted(RANGES)), st.floats(0, 1)).map(lambda o: {o[0]: o[1] * RANGES[o[0]][1]}),
)
"""One other metric at most: where much is bad, the score is 0 whatever the rest does."""
SECONDS = st.floats(-3, 1).map(lambda power: 10.0**power)


def test_every_rule_is_tried_with_worse_values_below() -> None:
    judged = {DERIVED.get(name, name) for name in RULES}
    assert judged == {*RANGES, "cache_hit_ratio", "clock_offset_s"}


@given(st.sampled_from(sorted(RANGES)), st.data(), OTHERS, st.sampled_from([None, USUAL]))
def test_a_worse_value_never_raises_the_score(name, data, others, usual) -> None:
    low, high = RANGES[name]
    near = st.floats(0, 1).map(lambda u: low + (high - low) * u**4)  # most rules end where the range begins
    better, worse = sorted(data.draw(st.one_of(near, st.floats(low, high))) for _ in range(2))
    first = server_health(latest(**{**others, name: better}), FLEET, usual=usual)
    second = server_health(latest(**{**others, name: worse}), FLEET, usual=usual)
    for host in (HOSTS[0], HOSTS[-1]):
        assert second[host].score <= first[host].score + 1e-9


@given(st.floats(0, 1), st.floats(0, 1), OTHERS)
def test_a_lower_cache_hit_ratio_never_raises_the_score(a, b, others) -> None:
    low, high = (server_health(latest(**others, cache_hit_ratio=v), FLEET)[HOSTS[20]].score for v in sorted([a, b]))
    assert low <= high + 1e-9


@given(st.floats(-30, 30), st.floats(-30, 30), OTHERS)
def test_a_clock_that_is_further_off_to_either_side_never_raises_the_score(a, b, others) -> None:
    near, far = (
        server_health(latest(**others, clock_offset_s=v), FLEET)[HOSTS[0]].score for v in sorted([a, b], key=abs)
    )
    assert far <= near + 1e-9


@pytest.mark.parametrize("usual", [None, USUAL])
@pytest.mark.parametrize("name", sorted(RANGES))
def test_from_best_to_worst_the_score_only_falls(name, usual) -> None:
    low, high = RANGES[name]
    path = np.unique(np.concatenate([np.linspace(low, high, 60), high * np.logspace(-5, 0, 60)]))
    scores = [server_health(latest(**{name: v}), FLEET, usual=usual) for v in path]
    for host in (HOSTS[0], HOSTS[-1]):
        assert max(np.diff([health[host].score for health in scores])) <= 1e-9
    assert scores[-1][HOSTS[-1]].score < scores[0][HOSTS[-1]].score


@given(st.lists(SECONDS, min_size=4, max_size=5))
def test_a_server_that_gets_slower_among_any_peers_never_scores_better(peers) -> None:
    def score(own: float, usual_s: float) -> float:
        hosts, at = HOSTS[: len(peers) + 1], np.array([0.0])
        panel = Panel("latency_p95_s", hosts, at, np.array([own, *peers])[:, None])
        usual = Panel("latency_p95_s", hosts, at, np.full((len(hosts), 1), usual_s))
        return server_health({"latency_p95_s": panel}, FLEET, usual={"latency_p95_s": usual})[HOSTS[0]].score

    for usual_s in (0.01, 1.0, 100.0):
        assert max(np.diff([score(own, usual_s) for own in np.logspace(-3, 1.8, 30)])) <= 1e-9


@pytest.mark.parametrize("name", sorted(RULES))
def test_each_rule_begins_at_no_points_and_only_climbs_to_where_it_hurts_most(name) -> None:
    rule = RULES[name]
    points = rule.points if rule.points[-1] > rule.points[0] else rule.points[::-1]
    assert points[0] == 0
    assert list(points) == sorted(set(points))
    assert list(rule.at) == sorted(set(rule.at))
    assert len(rule.at) == len(rule.points)


def test_the_decision_record_states_the_table_as_it_is() -> None:
    page = (Path(__file__).parents[2] / "docs" / "decisions" / "fleet-health-score.md").read_text("utf-8")
    stated = {}
    for name, knots in re.findall(r"^\| `(\w+)` \| .+? \| (.+?) \|$", page, re.MULTILINE):
        pairs = sorted(tuple(map(float, knot.split(": "))) for knot in knots.split(", "))
        stated[name] = (tuple(at for at, _ in pairs), tuple(points for _, points in pairs))
    assert stated == {name: (rule.at, rule.points) for name, rule in RULES.items()}


@given(ALL_AT_ONCE)
def test_every_lost_point_has_a_reason_with_value_and_threshold(values) -> None:
    health = server_health(latest(**values), FLEET)[HOSTS[0]]
    lost = sum(float(re.search(r"\(-([\d.]+)\)$", r).group(1)) for r in health.reasons)
    assert min(100.0, lost) == pytest.approx(100 - health.score, abs=0.06 * (len(RULES) + 1))
    assert health.status == status_of(health.score)


def test_reasons_are_sentences_with_the_largest_loss_first() -> None:
    health = server_health(latest(memory_used_ratio=0.97, errors_per_s=30.0), FLEET)[HOSTS[0]]
    assert health.status == "critical"
    assert health.reasons[0] == "errors / requests 0.3 is above 0.01 (-56.1)"
    assert health.reasons[1] == "memory_used_ratio 0.97 is above 0.9 (-30.2)"


def test_a_server_without_readings_is_unknown_and_one_without_some_loses_points() -> None:
    panels = latest()
    for panel in panels.values():
        panel.values[3] = np.nan
    panels["cpu_busy_ratio"].values[4] = np.nan
    health = server_health(panels, FLEET)
    assert health[HOSTS[3]].status == "unknown"
    assert health[HOSTS[3]].score == 0
    assert "1 of" in health[HOSTS[4]].reasons[0]
    assert health[HOSTS[4]].score < 100
    assert server_health({}, FLEET)[HOSTS[0]].status == "unknown"


def test_more_errors_than_requests_and_infinities_do_not_break_the_score() -> None:
    panels = latest(errors_per_s=500.0, requests_per_s=0.0)
    panels["latency_p95_s"].values[1] = np.inf
    health = server_health(panels, FLEET)
    assert health[HOSTS[0]].status == "critical"
    assert 0 < health[HOSTS[1]].score < 100


def test_latency_is_judged_against_peers_of_the_same_type() -> None:
    health = server_health(latest(latency_p95_s=0.5), FLEET)[HOSTS[0]]
    assert "latency_p95_s over its peers' median 10 is above 2" in health.reasons[0]


def test_latency_is_judged_against_the_servers_own_past_where_it_is_known() -> None:
    usual = {"latency_p95_s": latest()["latency_p95_s"]}
    slow = latest(latency_p95_s=0.25)
    for panel in slow.values():
        panel.values[8:] = np.nan
    alone = server_health(slow, FLEET, usual=usual)[HOSTS[0]]
    assert alone.reasons[0] == "latency_p95_s over its peers' median 5 is above 2 (-22.0)"
    slow["latency_p95_s"].values[1:] = np.nan
    alone = server_health(slow, FLEET, usual=usual)[HOSTS[0]]
    assert alone.reasons[0] == "latency_p95_s over its own usual value 5 is above 2 (-22.0)"
    assert server_health(slow, FLEET)[HOSTS[0]].score == 100


def test_one_dead_member_is_visible_in_its_cluster_and_in_the_fleet() -> None:
    health = server_health(latest(), FLEET) | {HOSTS[0]: Health(0.0, "critical", ("stopped",))}
    clusters, whole = roll_up(health, FLEET)
    assert clusters["web-000"].status == "degraded"
    assert clusters["web-000"].reasons[0] == "1 of 6 servers are not healthy, 1 of them critical"
    assert "web-000-0: 0, stopped" in clusters["web-000"].reasons
    assert whole.score < 100
    assert "web-000" in whole.reasons[1]


@given(st.lists(st.floats(0, 100), min_size=30, max_size=30), st.integers(0, 29), st.floats(0, 100))
def test_roll_up_is_monotone_in_every_server(scores, at, other) -> None:
    def rolled(values: list[float]) -> tuple[list[float], float]:
        clusters, whole = roll_up({h: Health(s, status_of(s)) for h, s in zip(HOSTS, values, strict=True)}, FLEET)
        return [c.score for c in clusters.values()], whole.score

    low, high = list(scores), list(scores)
    low[at], high[at] = min(scores[at], other), max(scores[at], other)
    (worse, worse_fleet), (better, better_fleet) = rolled(low), rolled(high)
    assert worse_fleet <= better_fleet + 1e-9
    assert all(a <= b + 1e-9 for a, b in zip(worse, better, strict=True))


def test_a_fleet_of_unknown_servers_is_unknown() -> None:
    clusters, whole = roll_up(server_health({}, FLEET), FLEET)
    assert whole.status == "unknown"
    assert {c.status for c in clusters.values()} == {"unknown"}
