"""Every kind of pattern is found where it was planted, and not on noise."""

from __future__ import annotations

import naive_series as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from series_noise import ar1, panel

from openmanager_core.analysis._series_shapes import (
    find_ceiling,
    find_regimes,
    find_spikes,
    matrix_profile,
    running_median,
)
from openmanager_core.analysis.patterns import MIN_INSTANTS, Pattern, find_patterns
from openmanager_core.errors import InsufficientData, JobCancelled, NotFound
from openmanager_core.fleet import Fleet, ServerInstance
from openmanager_core.job import Job, current_job
from openmanager_core.panel import FloatArray, Panel

NOBODY = Fleet(())
T = np.arange(1440)
QUIET = 0.4 + 0.02 * ar1(0.5, 1, 1440, 5)[0]


def _found(values: FloatArray, metric: str = "cpu_busy_ratio") -> dict[str, Pattern]:
    return {p.kind: p for p in find_patterns(panel(values, metric), NOBODY)}


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("metric", ["cpu_busy_ratio", "memory_used_ratio"])
def test_at_most_one_noise_series_in_a_hundred_has_a_pattern(phi: float, metric: str) -> None:
    hosts = {
        p.host for n in (240, 1440) for p in find_patterns(panel(0.4 + 0.03 * ar1(phi, 100, n, n), metric), NOBODY)
    }
    assert len(hosts) <= 2


def test_a_random_walk_seldom_passes_for_a_leak() -> None:
    found = find_patterns(panel(0.4 + 0.03 * ar1(1.0, 100, 480, 2), "memory_used_ratio"), NOBODY)
    assert len({p.host for p in found}) <= 15


def test_a_quiet_series_has_no_pattern() -> None:
    assert _found(QUIET) == {}
    assert _found(np.full(500, 0.3)) == {}


def test_a_habit_is_found_with_its_period() -> None:
    found = _found(QUIET + 0.1 * np.sin(2 * np.pi * T / 120))
    assert set(found) == {"seasonality"}
    assert found["seasonality"].period_s == pytest.approx(7200, rel=0.02)
    assert found["seasonality"].strength > 0.8


def test_a_drift_is_found_and_a_cpu_does_not_leak() -> None:
    found = _found(QUIET + T * 0.0002)
    assert set(found) == {"trend"}
    assert "+0.012 " in found["trend"].summary or "+0.0123" in found["trend"].summary


def test_a_leak_is_found_from_where_it_began() -> None:
    found = _found(0.3 + 0.1 * (QUIET - 0.4) + np.maximum(T - 900, 0) * 0.0005, "memory_used_ratio")
    assert set(found) == {"leak"}
    assert found["leak"].start_s == pytest.approx(900 * 60, abs=40 * 60)
    assert found["leak"].evidence is not None
    assert found["leak"].evidence.observed == pytest.approx(0.57, abs=0.02)


def test_a_leak_starts_anew_after_a_restart() -> None:
    found = _found(0.3 + 0.1 * (QUIET - 0.4) + (T % 500) * 0.0008, "memory_used_ratio")
    assert found["leak"].start_s == 1000 * 60


def test_a_falling_memory_is_no_leak() -> None:
    assert set(_found(0.7 - T * 0.0003 + 0.1 * (QUIET - 0.4), "memory_used_ratio")) == {"trend"}


def test_a_resource_at_its_ceiling_is_saturated_since_it_got_there() -> None:
    found = _found(np.where(T >= 1400, 0.985, QUIET))
    assert found["saturation"].start_s == pytest.approx(1400 * 60, abs=120)
    assert found["saturation"].end_s is None


def test_a_ceiling_touched_and_left_is_no_saturation() -> None:
    assert "saturation" not in _found(np.where((T >= 1300) & (T < 1350), 0.985, QUIET))


def test_two_levels_in_turn_are_regimes_even_without_a_rhythm() -> None:
    bounds = np.cumsum(np.random.default_rng(6).integers(60, 300, 12))
    found = _found(QUIET + 0.3 * (np.searchsorted(bounds, T) % 2))
    assert "regime_switch" in found
    assert found["regime_switch"].start_s == pytest.approx(60.0 * bounds[0], abs=120)


def test_one_step_is_no_switching_between_regimes() -> None:
    assert "regime_switch" not in _found(np.where(T > 700, QUIET + 0.3, QUIET))


def test_spikes_that_return_have_the_period_of_the_spikes() -> None:
    at = np.arange(30, 1440, 97) + np.random.default_rng(7).integers(-3, 4, 15)
    found = _found(QUIET + 0.4 * np.isin(T, at))
    assert found["recurring_spike"].period_s == pytest.approx(97 * 60, rel=0.02)


def test_spikes_at_random_times_do_not_return() -> None:
    rng = np.random.default_rng(8)
    times = 0
    for _ in range(50):
        values = QUIET.copy()
        values[rng.choice(1440, 12, replace=False)] += 0.4
        times += find_spikes(values, 0.01) is not None
    assert times <= 1


def test_a_stretch_unlike_all_others_is_the_discord() -> None:
    values = QUIET + 0.15 * np.sin(2 * np.pi * T / 120)
    values[700:760] = 0.4 + 0.1 * np.cos(2 * np.pi * T[700:760] / 30)
    found = _found(values)
    discord = found["discord"]
    assert discord.end_s is not None
    assert discord.start_s <= 760 * 60 and discord.end_s >= 700 * 60


def test_a_regular_series_has_no_discord() -> None:
    for seed in range(10):
        values = 0.4 + 0.1 * np.sin(2 * np.pi * T / 120) + 0.03 * ar1(0.5, 1, 1440, seed)[0]
        assert "discord" not in _found(values)


def test_gaps_are_no_pattern() -> None:
    values = QUIET + 0.1 * np.sin(2 * np.pi * T / 120)
    values[200:230] = np.nan
    values[np.random.default_rng(9).random(1440) < 0.1] = np.nan
    assert set(_found(values)) == {"seasonality"}


def test_a_series_with_too_few_readings_is_passed_over() -> None:
    values = np.stack([QUIET + 0.1 * np.sin(2 * np.pi * T / 120)] * 2)
    values[0, 20:] = np.nan
    assert {p.host for p in find_patterns(panel(values), NOBODY)} == {"h1"}


def test_a_window_too_short_names_the_counts() -> None:
    with pytest.raises(InsufficientData, match=f"at least {MIN_INSTANTS} instants, got 5"):
        find_patterns(panel(QUIET[:5]), NOBODY)


def test_an_unknown_metric_is_named_with_its_neighbours() -> None:
    with pytest.raises(NotFound, match="cpu_busy_ratio"):
        find_patterns(panel(QUIET, "cpu_busy"), NOBODY)


def test_summaries_use_the_name_of_the_server() -> None:
    fleet = Fleet((ServerInstance("h0", "api-frankfurt-1"),))
    found = find_patterns(panel(QUIET + T * 0.0002), fleet)
    assert found[0].summary.startswith("api-frankfurt-1: cpu_busy_ratio drifts")


def test_a_cancelled_search_stops() -> None:
    job = Job()
    job.cancel()
    token = current_job.set(job)
    try:
        with pytest.raises(JobCancelled):
            find_patterns(panel(QUIET), NOBODY)
    finally:
        current_job.reset(token)


@given(seed=st.integers(0, 1000), width=st.integers(3, 9))
def test_the_matrix_profile_matches_the_definition(seed: int, width: int) -> None:
    x = np.random.default_rng(seed).normal(size=30)
    near, where = matrix_profile(x, width)
    np.testing.assert_allclose(near, naive.matrix_profile(x.tolist(), width), atol=1e-6)
    assert (np.abs(where - np.arange(len(where))) >= max(1, width // 2)).all()


@given(values=st.lists(st.floats(-10, 10), min_size=5, max_size=40))
def test_the_running_median_is_a_median_of_neighbours(values: list[float]) -> None:
    x = np.array(values)
    want = [np.median(np.pad(x, 2, mode="edge")[k : k + 5]) for k in range(len(x))]
    np.testing.assert_allclose(running_median(x, 5), want)


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=120))
def test_the_shapes_take_any_series(values: list[float]) -> None:
    x = np.array(values)
    find_regimes(x, 0.1)
    find_spikes(x, 0.1)
    assert find_ceiling(x, 0.95, 3) is None or x[-1] >= 0.95 or len(x) > 1


@given(values=st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), min_size=MIN_INSTANTS, max_size=100))
def test_any_panel_gives_patterns_with_shares_between_0_and_1(values: list[float]) -> None:
    for found in find_patterns(
        Panel("memory_used_ratio", ("h0",), 15.0 * np.arange(len(values)), np.array([values])), NOBODY
    ):
        assert 0 <= found.strength <= 1
        assert 0 <= found.confidence < 1
        assert found.end_s is None or found.end_s >= found.start_s
        assert found.evidence is not None and np.isfinite([found.evidence.observed, found.evidence.spread]).all()


def test_a_drift_past_the_bound_is_told_within_it() -> None:
    values = np.minimum(0.5 + 0.6 * T / 1440 + 0.1 * (QUIET - 0.4), 1.0)
    found = _found(values, "disk_used_ratio")
    assert {"leak", "saturation"} >= set(found) and "saturation" in found
    assert all(p.evidence is not None and p.evidence.observed <= 1 for p in found.values())
