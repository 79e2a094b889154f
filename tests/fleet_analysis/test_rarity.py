"""How rare a finding is in a calm fleet, and what the line of chance promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_fleet import slow_q_values

from openmanager_core.analysis import _calm_tails as calm
from openmanager_core.analysis.overview import overview
from openmanager_core.analysis.rarity import (
    FACTS,
    LINE,
    adjusted,
    bound,
    burst,
    calm_series,
    expected_events,
    family,
    judge,
    line_first,
    p_value,
    tail,
)
from openmanager_core.catalog import METRICS
from openmanager_core.findings import FINDING_KINDS, Evidence, Finding
from openmanager_core.panel import Window
from openmanager_core.simulator import Fault, Simulator
from openmanager_core.wording import said

HOUR_S = 3600.0
NAMES = [m.name for m in METRICS]
P = st.floats(0.0, 1.0)


def finding(
    kind: str = "level_shift", score: float = 50.0, *, host: str = "web-1", metric: str = "latency_p95_s",
    start_s: float = 1000.0, end_s: float | None = None, severity: str = "warning",
) -> Finding:  # fmt: skip
    return Finding(
        kind=kind, host=host, cluster="", metric=metric, start_s=start_s, end_s=end_s, score_sigma=score,  # type: ignore[arg-type]
        confidence=0.9, severity=severity, direction="up", summary="",  # type: ignore[arg-type]
        evidence=Evidence(metric, "", 1.0, 0.0, 0.1, (0.0, 1.0), (0.0, 1.0), ""),
    )  # fmt: skip


FINDINGS = st.builds(
    finding, st.sampled_from(FINDING_KINDS), st.floats(1.0, 1e6), host=st.sampled_from(["a", "b", "c"]),
    metric=st.sampled_from(NAMES), start_s=st.floats(0.0, HOUR_S), end_s=st.none() | st.just(HOUR_S),
)  # fmt: skip


@given(st.lists(P, max_size=30), st.integers(0, 200))
def test_q_values_are_those_of_the_definition(p_values: list[float], tests: int) -> None:
    assert adjusted(p_values, tests) == pytest.approx(slow_q_values(p_values, max(tests, len(p_values))), abs=1e-12)


@given(st.lists(P, min_size=1, max_size=20), st.data())
def test_a_smaller_p_value_never_raises_a_q_value(p_values: list[float], data: st.DataObject) -> None:
    k = data.draw(st.integers(0, len(p_values) - 1))
    lower = [*p_values]
    lower[k] *= data.draw(P)
    assert all(b <= a + 1e-12 for a, b in zip(adjusted(p_values, 50), adjusted(lower, 50), strict=True))


@given(FINDINGS, st.floats(1.0, 100.0), st.floats(60.0, 1e6))
def test_a_higher_score_is_never_less_rare(one: Finding, factor: float, duration_s: float) -> None:
    if not family(one):
        return
    higher = replace(one, score_sigma=one.score_sigma * factor)
    assert 0 < tail(higher, duration_s) <= tail(one, duration_s) * (1 + 1e-12) <= 1 + 1e-9


@given(P, P, st.integers(1, 5000), st.integers(0, 5000), st.floats(60.0, 1e6))
def test_what_is_rarer_makes_fewer_events_and_more_series_make_more(
    one: float, other: float, series: int, more: int, duration_s: float
) -> None:
    low, high = sorted([one, other])
    few = expected_events(low, series, duration_s)
    assert 0 <= few <= expected_events(high, series, duration_s) * (1 + 1e-12) <= series
    assert few <= expected_events(low, series + more, duration_s) * (1 + 1e-12)


@given(st.lists(FINDINGS, max_size=12), st.integers(1, 10_000), st.integers(0, 10_000))
def test_more_series_never_lower_a_q_value(found: list[Finding], series: int, more: int) -> None:
    few = judge(found, series=series, duration_s=HOUR_S)
    many = judge(found, series=series + more, duration_s=HOUR_S)
    for a, b in zip(few.q_values, many.q_values, strict=True):
        assert (a is None) == (b is None)
        assert a is None or b is None or a <= b * (1 + 1e-12) <= 1 + 1e-9


@given(st.lists(FINDINGS, max_size=12))
def test_facts_have_no_q_value_and_those_of_now_come_with_what_is_above_the_line(found: list[Finding]) -> None:
    chance = judge(found, series=500, duration_s=HOUR_S)
    assert [q is None for q in chance.q_values] == [f.kind in FACTS for f in found]
    order = line_first(found, chance.q_values)
    assert sorted(order) == list(range(len(found)))
    first = []
    for i in order:
        q, f = chance.q_values[i], found[i]
        so_now = f.kind in FACTS or (f.kind == "saturation" and f.severity == "critical")
        first.append((f.end_s is None and so_now) or (q is not None and q <= LINE))
    assert first == sorted(first, reverse=True)


def test_metrics_of_one_server_that_moved_together_are_one_event() -> None:
    one = finding(score=300.0)
    together = [one, *(finding(score=5.0, metric=m, start_s=1030.0) for m in NAMES[:6])]
    later = finding(score=5.0, start_s=3000.0, metric="cpu_busy_ratio")
    elsewhere = finding(score=5.0, host="web-2", metric="cpu_busy_ratio")
    alone = judge([one], series=500, duration_s=HOUR_S).q_values[0]
    seen = judge([*together, later, elsewhere], series=500, duration_s=HOUR_S)
    assert seen.events == 3
    assert set(seen.q_values[:7]) == {alone}
    assert min(q for q in seen.q_values[7:] if q is not None) > LINE


def test_a_burst_of_a_series_at_rest_is_as_common_as_in_real_calm_series_however_high() -> None:
    resting = replace(finding().evidence, spread=0.05, baseline=0.0)  # the floor of errors
    over = replace(finding("spike", 5000.0, metric="errors_per_s", end_s=1200.0), evidence=resting)
    lasting = replace(over, kind="level_shift", end_s=None)
    moving = replace(over, evidence=replace(resting, spread=0.2))
    assert burst(over) and not burst(lasting) and not burst(moving)
    assert p_value(over, 500, HOUR_S) == calm.BURSTS > LINE > p_value(moving, 500, HOUR_S)
    assert p_value(over, 500, HOUR_S) > p_value(lasting, 500, HOUR_S)


def test_windows_between_those_learned_from_lie_between_them_and_others_are_the_nearest() -> None:
    one = finding("spike", 40.0, metric="cpu_busy_ratio", end_s=2000.0)
    at = {h: tail(one, h * HOUR_S) for h in (0.2, 1, 3, 6, 24, 100)}
    assert at[0.2] == at[1] and at[100] == at[24]
    assert min(at[1], at[6]) <= at[3] <= max(at[1], at[6])


def test_nothing_is_surer_than_the_calm_series_allow_unless_that_is_said() -> None:
    for metric in NAMES:
        seen = calm.SERIES[metric][0]
        never = finding("leak", 5.0, metric=metric)
        if f"leak {metric}" not in calm.TAILS:
            assert tail(never, HOUR_S) == pytest.approx(4 / 5 / (seen + 1))
    rare = judge([finding(score=1e5, metric="errors_per_s")], series=500, duration_s=HOUR_S)
    assert rare.above == 1 and rare.beyond
    assert rare.calm_series == calm_series(HOUR_S) == sum(n[0] for n in calm.SERIES.values())


def test_a_metric_that_was_not_learned_from_is_judged_as_the_worst_one() -> None:
    strange = finding(metric="temperature_celsius")
    assert tail(strange, HOUR_S) == max(tail(replace(strange, metric=m), HOUR_S) for m in NAMES)


@pytest.mark.parametrize(
    ("q_values", "english", "korean"),
    [
        ([0.01, 0.3, None], "1 of 2 findings is above the line: of all 3 above it, at most 5%", "넘은 전체 3건 가운데"),
        ([0.01, 0.02, 0.03, None], "3 of 3 findings are above the line: of these, at most 5%", "3건 중 3건이 기준선을"),
        ([0.2, 0.3], "none of 2 findings is above the line of 5%", "넘은 것은 없습니다"),
    ],
)
def test_the_bound_is_said_in_both_languages(q_values: Sequence[float | None], english: str, korean: str) -> None:
    none = judge([], series=1234, duration_s=HOUR_S)
    told = bound(q_values, replace(none, q_values=(0.01, 0.02, 0.03, 0.3, None)))
    for text, wanted in ((said(told), english), (said(told, "ko"), korean)):
        assert wanted in text and "1,234" in text


def test_calm_fleets_seldom_have_anything_above_the_line_and_faults_nearly_always() -> None:
    calm_looks, alarms, missed = 8, 0, []
    faults = ("disk_filling", "network_loss", "slow_dependency", "clock_skew", "memory_leak")
    for seed in range(calm_looks):
        end_s = 1_795_000_000.0 + 55_433.0 * seed
        window = Window(end_s - HOUR_S, end_s, 15.0)
        sim = Simulator(30, seed=9_000 + seed)
        alarms += _look(sim, window)[1] > 0
        if seed < len(faults):
            homes = [c for c in sim.fleet().clusters if c.environment == "production" and c.type == "database"]
            whole = faults[seed] == "slow_dependency"
            target = homes[0].id if whole else homes[0].members[0]
            fault = Fault("", faults[seed], (target,), end_s - 1500, None, 0.9)
            found, _ = _look(sim.with_faults((fault,)), window)
            if not any(f.host in (target, *homes[0].members) and q is not None and q <= LINE for f, q in found):
                missed.append(faults[seed])
    assert alarms <= 1 and len(missed) <= 1, (alarms, missed)


def _look(sim: Simulator, window: Window) -> tuple[list[tuple[Finding, float | None]], int]:
    panels = {name: sim.read(name, window) for name in NAMES}
    seen = overview(panels, sim.fleet(), window, top=500, co_movement=True)
    chance = judge(seen.findings, series=seen.screened_series, duration_s=window.duration_s)
    return list(zip(seen.findings, chance.q_values, strict=True)), chance.above
