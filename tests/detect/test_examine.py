"""Every kind of finding is found, named and dated; quiet series stay quiet."""

from __future__ import annotations

import naive_detect
import numpy as np
import pytest
from detect.series import START_S, Array, autoregressive, panel
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from openmanager_core.analysis._steps import fill_gaps, step_at_scale
from openmanager_core.analysis.examine import Part, examine, examine_each
from openmanager_core.errors import InvalidRequest, JobCancelled, NotFound
from openmanager_core.findings import Finding
from openmanager_core.fleet import Fleet, ServerInstance
from openmanager_core.job import Job, current_job
from openmanager_core.panel import Panel

EMPTY = Fleet(())
ROWS, N, AT, STEP_S = 40, 480, 300, 15.0


def quiet(seed: int = 1, phi: float = 0.5, level: float = 0.4, spread: float = 0.03) -> Array:
    return level + spread * autoregressive(np.random.default_rng(seed), phi, ROWS, N)


def found_in(values: Array, metric: str = "cpu_busy_ratio") -> list[Finding]:
    return examine(panel(values, metric, STEP_S), EMPTY)


def expect(found: list[Finding], kind: str, *, share: float = 0.95, onset: int = AT, within: int = 3) -> None:
    """At least `share` of the hosts have one finding, of this kind, that begins near `onset`."""
    first = {f.host: f for f in reversed(found)}
    right = [f for f in first.values() if f.kind == kind]
    assert len(right) >= share * ROWS, [f.kind for f in found]
    late = [abs((f.start_s - START_S) / STEP_S - onset) for f in right]
    assert np.quantile(late, 0.8) <= within, sorted(late)
    assert len(found) <= 1.1 * len(first)


def test_a_short_excursion_is_a_spike_with_its_end() -> None:
    values = quiet()
    values[:, AT : AT + 6] += 0.35
    found = found_in(values)
    expect(found, "spike")
    assert all(f.end_s is not None and f.direction == "up" for f in found)


def test_a_single_odd_sample_is_a_spike() -> None:
    values = quiet()
    values[:, AT] += 0.5
    expect(found_in(values), "spike", within=0)


def test_a_step_that_stays_is_a_level_shift_that_goes_on() -> None:
    values = quiet()
    values[:, AT:] -= 0.3
    found = found_in(values)
    expect(found, "level_shift", within=1)
    assert all(f.end_s is None and f.direction == "down" and f.severity == "info" for f in found)


def test_a_step_early_in_the_window_is_dated_there_and_not_turned_around() -> None:
    values = quiet()
    values[:, 90:] += 0.3
    found = found_in(values)
    expect(found, "level_shift", onset=90, within=1)
    assert all(f.direction == "up" for f in found)


def test_a_shift_that_returns_has_an_end() -> None:
    values = quiet()
    values[:, AT : AT + 120] += 0.3
    found = found_in(values)
    expect(found, "level_shift", within=1)
    assert np.median([f.end_s or 0 for f in found]) == pytest.approx(START_S + STEP_S * (AT + 120), abs=2 * STEP_S)


def test_the_last_samples_of_a_window_can_begin_something() -> None:
    values = quiet()
    values[:, -4:] += 0.35
    expect(found_in(values), "level_shift", onset=N - 4, within=1)


def test_memory_that_only_grows_is_a_leak_dated_to_its_beginning() -> None:
    values = quiet(level=0.3, spread=0.006)
    values[:, AT:] += np.linspace(0, 0.4, N - AT)
    expect(found_in(values, "memory_used_ratio"), "leak", within=15)


def test_a_leak_that_has_just_begun_is_seen_before_it_hurts() -> None:
    values = quiet(level=0.3, spread=0.002)
    values[:, AT:] += np.linspace(0, 0.04, N - AT)
    expect(found_in(values, "memory_used_ratio"), "leak", within=25)


def test_memory_that_grows_all_window_long_is_a_leak_from_its_start() -> None:
    values = quiet(level=0.3, spread=0.006) + np.linspace(0, 0.3, N)
    expect(found_in(values, "memory_used_ratio"), "leak", onset=0)


def test_a_drift_against_still_peers_is_a_trend() -> None:
    others = quiet(seed=3, spread=0.01)
    values = others.copy()
    values[0] += np.linspace(0, 0.3, N)
    found = examine(panel(values).take(["h0"]), EMPTY, peers=panel(others))
    assert [f.kind for f in found] == ["trend"]
    assert found[0].direction == "up"


def test_a_resource_at_its_limit_is_saturated_since_it_left_its_level() -> None:
    values = quiet()
    values[:, AT:] = 0.985 + 0.01 * np.random.default_rng(2).random((ROWS, N - AT))
    found = found_in(values)
    expect(found, "saturation", within=1)
    assert all(f.severity == "critical" for f in found)


def test_a_resource_that_was_always_at_its_limit_is_said_to_be_with_less_confidence() -> None:
    values = np.clip(0.98 + 0.004 * autoregressive(np.random.default_rng(4), 0.5, ROWS, N), 0, 1)
    found = found_in(values, "memory_used_ratio")
    assert {f.kind for f in found} == {"saturation"}
    assert len(found) == ROWS
    assert max(f.confidence for f in found) <= 0.7


def test_wilder_noise_is_a_change_of_variance() -> None:
    values = quiet(phi=0.7)
    values[:, AT:] = 0.4 + 5 * (values[:, AT:] - 0.4)
    expect(found_in(values), "variance", share=0.85, within=8)


def test_a_reading_that_freezes_is_a_flatline() -> None:
    values = quiet()
    values[:, AT:] = values[:, AT : AT + 1]
    expect(found_in(values), "flatline", within=0)


def test_errors_that_fall_to_zero_are_no_flatline() -> None:
    values = np.abs(autoregressive(np.random.default_rng(5), 0.5, ROWS, N))
    values[:, AT:] = 0.0
    assert not [f for f in found_in(values, "errors_per_s") if f.kind == "flatline"]


def test_readings_that_stop_are_missing_data_and_say_whether_they_came_back() -> None:
    values = quiet()
    values[1:20, AT:] = np.nan
    values[20:39, AT : AT + 20] = np.nan
    found = found_in(values)
    gone = {f.host: f for f in found if f.kind == "missing_data"}
    assert len(gone) == 38
    assert gone["h5"].end_s is None
    assert gone["h25"].end_s == START_S + STEP_S * (AT + 20)
    assert all(f.start_s == START_S + STEP_S * AT for f in gone.values())


def test_an_instant_without_any_reading_is_the_sources_gap_and_nobodys_fault() -> None:
    values = quiet()
    values[:, AT : AT + 30] = np.nan
    assert found_in(values) == []


@pytest.mark.parametrize("phi", [0.0, 0.9, 0.98, 0.995])
@pytest.mark.parametrize("metric", ["cpu_busy_ratio", "memory_used_ratio"])
def test_autocorrelated_noise_is_quiet(phi: float, metric: str) -> None:
    found = found_in(quiet(seed=7, phi=phi, spread=0.05), metric)
    assert len({f.host for f in found}) <= 0.05 * ROWS


@pytest.mark.parametrize("step_s", [15.0, 300.0])
def test_a_daily_rhythm_is_quiet(step_s: float) -> None:
    rng = np.random.default_rng(8)
    angle = 2 * np.pi * (np.arange(1200) * step_s / 86_400 + rng.random((ROWS, 1)))
    values = 0.4 + 0.2 * np.sin(angle) + 0.02 * autoregressive(rng, 0.7, ROWS, 1200)
    found = examine(panel(values, step_s=step_s), EMPTY)
    assert len({f.host for f in found}) <= 0.05 * ROWS


def test_heavy_tails_counts_and_rounding_are_quiet() -> None:
    rng = np.random.default_rng(9)
    for metric, values in (
        ("latency_p95_s", 0.1 * np.exp(0.5 * rng.normal(size=(200, 1200)))),
        ("cpu_busy_ratio", np.clip(0.4 + 0.03 * rng.standard_t(3, size=(200, 1200)), 0, 1)),
        ("errors_per_s", rng.poisson(0.02, size=(200, 1200)).astype(float)),
        ("queue_depth_messages", rng.poisson(3, size=(200, 1200)).astype(float)),
        ("disk_used_ratio", np.round(0.5 + 0.01 * autoregressive(rng, 0.99, 200, 1200), 2)),
    ):
        found = examine(panel(values, metric), EMPTY)
        assert len({f.host for f in found}) <= 0.05 * 200, (metric, [f.kind for f in found])


def test_a_job_that_runs_every_day_is_no_news() -> None:
    rng = np.random.default_rng(10)
    n = 4 * 288
    values = 0.3 + 0.01 * rng.normal(size=(ROWS, n))
    values[:, np.arange(n) % 288 >= 260] += 0.4
    found = examine(panel(values, step_s=300.0), EMPTY)
    assert len({f.host for f in found}) <= 0.05 * ROWS


def test_a_jump_on_top_of_days_of_rhythm_is_found() -> None:
    rng = np.random.default_rng(11)
    n, at = 4 * 288, 3 * 288 + 100
    values = 0.4 + 0.2 * np.sin(2 * np.pi * np.arange(n) / 288) + 0.01 * rng.normal(size=(ROWS, n))
    values[:, at : at + 30] += 0.2
    found = examine(panel(values, step_s=300.0), EMPTY)
    hosts = {f.host for f in found if abs(f.start_s - (START_S + 300 * at)) <= 600}
    assert len(hosts) >= 0.95 * ROWS


def test_a_move_that_all_peers_make_loses_confidence_and_severity() -> None:
    values = quiet()
    values[:, AT:] += 0.4
    alone = found_in(values)
    shared = examine(panel(values), EMPTY, peers=panel(values))
    assert max(f.confidence for f in shared) < 0.5 * min(f.confidence for f in alone)
    assert all("peers moved alike" in f.evidence.note for f in shared)


def test_a_move_that_no_peer_makes_gains_confidence() -> None:
    values = quiet()
    values[0, AT:] += 0.2
    alone = examine(panel(values).take(["h0"]), EMPTY)
    against = examine(panel(values).take(["h0"]), EMPTY, peers=panel(values))
    assert against[0].confidence > alone[0].confidence


def test_the_strongest_finding_comes_first_and_carries_its_evidence() -> None:
    values = quiet()
    values[3, AT:] += 0.25
    values[7, AT:] += 0.5
    fleet = Fleet((ServerInstance("h7", "seven", cluster="blue"),))
    found = examine(panel(values), fleet)
    assert [f.host for f in found] == ["h7", "h3"]
    best = found[0]
    assert best.cluster == "blue"
    assert best.evidence.baseline == pytest.approx(0.4, abs=0.03)
    assert best.evidence.observed == pytest.approx(0.9, abs=0.04)
    assert best.evidence.baseline_window_s[1] <= best.evidence.window_s[0]
    assert best.score_sigma == pytest.approx(
        abs(best.evidence.observed - best.evidence.baseline) / best.evidence.spread, rel=1e-6
    )
    assert "rose from" in best.summary


def test_what_cannot_be_asked_is_refused() -> None:
    values = quiet()
    with pytest.raises(InvalidRequest, match="min_sigma must be a number of at least 1, got nan"):
        examine(panel(values), EMPTY, min_sigma=float("nan"))
    with pytest.raises(InvalidRequest, match="peers must hold cpu_busy_ratio"):
        examine(panel(values), EMPTY, peers=panel(values, "memory_used_ratio"))
    with pytest.raises(NotFound, match="did_not_exist"):
        examine(panel(values, "did_not_exist"), EMPTY)


def test_examining_stops_when_the_caller_has_gone() -> None:
    job = Job()
    job.cancel()
    token = current_job.set(job)
    try:
        with pytest.raises(JobCancelled):
            found_in(quiet())
    finally:
        current_job.reset(token)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 11, 12, 13, 47, 48, 95, 96])
def test_windows_of_any_length_are_examined(n: int) -> None:
    rows = np.vstack([np.full(n, np.nan), np.full(n, 0.5), np.arange(n) % 2 / 2, np.full(n, 1e12)])
    assert isinstance(examine(panel(rows.reshape(4, n)), EMPTY), list)


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 3), st.integers(1, 130)),
        elements=st.one_of(st.floats(-1e12, 1e12), st.just(float("nan")), st.sampled_from([0.0, 0.5, 1.0])),
    )
)
def test_any_panel_gives_finite_findings_inside_the_window(values: Array) -> None:
    given_panel: Panel = panel(values, "clock_offset_s")
    for finding in examine(given_panel, EMPTY, peers=given_panel):
        numbers = [finding.score_sigma, finding.confidence, finding.start_s, *finding.evidence.window_s]
        numbers += [finding.evidence.observed, finding.evidence.baseline, finding.evidence.spread]
        assert np.isfinite(numbers).all()
        assert 0 <= finding.confidence <= 1
        assert given_panel.times_s[0] <= finding.start_s <= given_panel.times_s[-1]
        assert finding.end_s is None or finding.end_s >= finding.start_s


@pytest.mark.parametrize("seed", range(6))
def test_panels_examined_together_give_what_each_gives_alone(seed: int) -> None:
    chance = np.random.default_rng(seed)
    parts: list[Part] = []
    for metric, rows, n in (
        ("cpu_busy_ratio", 5, 240), ("latency_p95_s", 90, 240), ("clock_offset_s", 3, 239),
        ("memory_used_ratio", 0, 240), ("disk_used_ratio", 7, 240), ("cpu_busy_ratio", 2, 20),
        ("queue_depth_messages", 30, 240),
    ):  # fmt: skip
        values = 0.4 + 0.03 * autoregressive(chance, 0.5, rows, n)
        for row in range(rows):
            at = int(chance.integers(n // 8, n - n // 8))
            values[row, at:] += chance.choice([0.0, 0.0, 0.2, -0.3])
            values[row, at - 2 : at] += chance.choice([0.0, 0.4])
            values[row, : at // 2] = chance.choice([np.nan, 0.4])
            values[row] += chance.choice([0.0, 0.5]) * np.arange(n) / n
        given_panel = panel(values, metric, STEP_S)
        parts.append(Part(given_panel, given_panel if seed % 2 else None))
    together = list(examine_each(iter(parts), EMPTY))
    assert together == [examine(part.panel, EMPTY, peers=part.peers) for part in parts]
    assert sum(map(len, together)) > 20


def test_steps_match_the_definition() -> None:
    values = np.random.default_rng(12).normal(size=(3, 50))
    for width in (1, 2, 4, 8):
        for row in range(3):
            np.testing.assert_allclose(
                step_at_scale(values, width)[row], naive_detect.step_at_scale(values[row], width), atol=1e-12
            )


def test_gaps_are_filled_with_the_last_reading_and_the_beginning_with_the_first() -> None:
    nan = float("nan")
    filled = fill_gaps(np.array([[nan, 2.0, nan, 3.0], [nan, nan, nan, nan]]))
    np.testing.assert_array_equal(filled, [[2.0, 2.0, 2.0, 3.0], [0.0, 0.0, 0.0, 0.0]])
