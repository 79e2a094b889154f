"""Drifts and habits: found when planted, absent on noise, and the numbers match their definitions."""

from __future__ import annotations

import naive_series as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from series_noise import ar1

from openmanager_core.analysis._series_candidates import seasonal_slope, slope_of
from openmanager_core.analysis.seasonality import (
    autocorrelation,
    decompose,
    find_periods,
    likely_season,
    moving_level,
    snap_s,
)
from openmanager_core.analysis.trend import MIN_READINGS, fit_trend, last_bend
from openmanager_core.errors import InsufficientData


@given(values=st.lists(st.floats(-100, 100), min_size=MIN_READINGS, max_size=40))
def test_the_slope_is_the_median_of_all_pairs(values: list[float]) -> None:
    times = np.cumsum(np.linspace(1, 2, len(values)))
    found = fit_trend(times, np.array(values))
    assert found.slope_per_s == pytest.approx(naive.theil_sen(times.tolist(), values), abs=1e-9)
    assert found.slope_low_per_s <= found.slope_per_s <= found.slope_high_per_s
    assert 0 <= found.p_value <= 1


@given(values=st.lists(st.floats(-100, 100), min_size=2, max_size=60))
def test_the_quick_slope_agrees_on_even_grids(values: list[float]) -> None:
    assert slope_of(np.array(values)) == pytest.approx(
        naive.theil_sen(list(map(float, range(len(values)))), values), abs=1e-9
    )


def test_the_bounds_of_the_slope_hold_the_truth_about_four_times_in_five() -> None:
    rng = np.random.default_rng(1)
    times = np.arange(120.0)
    inside = 0
    for _ in range(300):
        found = fit_trend(times, 0.03 * times + rng.normal(size=120))
        inside += found.slope_low_per_s <= 0.03 <= found.slope_high_per_s
    assert 0.72 < inside / 300 < 0.9


def test_outliers_do_not_bend_the_line() -> None:
    rng = np.random.default_rng(2)
    values = 0.05 * np.arange(200) + rng.normal(size=200) * 0.1
    values[rng.choice(200, 50, replace=False)] += 30
    assert fit_trend(np.arange(200.0), values).slope_per_s == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize(("phi", "most"), [(0.0, 2), (0.5, 2), (0.9, 3), (0.98, 8)])
def test_noise_with_a_memory_seldom_passes_for_a_drift(phi: float, most: int) -> None:
    times = np.arange(480.0)
    found = sum(fit_trend(times, row).p_value < 1e-3 for row in ar1(phi, 200, 480, 3))
    assert found <= most


def test_a_drift_under_autocorrelated_noise_is_found() -> None:
    times = np.arange(480.0)
    assert all(fit_trend(times, row + times * 0.02).p_value < 1e-3 for row in ar1(0.8, 20, 480, 4))


def test_a_drift_needs_a_few_readings() -> None:
    with pytest.raises(InsufficientData, match=f"at least {MIN_READINGS} readings, got 3"):
        fit_trend(np.arange(10.0), np.array([1.0, 2, 3] + [np.nan] * 7))


def test_the_last_bend_is_where_the_slope_changed() -> None:
    times = np.arange(600.0)
    values = np.maximum(times - 400, 0) * 0.1 + np.random.default_rng(5).normal(size=600) * 0.3
    assert abs(last_bend(times, values) - 400) < 40
    assert last_bend(times, 0.1 * times) == 0
    assert last_bend(times, np.zeros(600)) == 0


def test_the_seasonal_slope_ignores_the_season() -> None:
    t = np.arange(24 * 10)
    blocks = (0.3 * t + 50 * np.sin(2 * np.pi * t / 24)).reshape(1, 10, 24)
    assert seasonal_slope(blocks)[0] == pytest.approx(0.3)


@pytest.mark.parametrize("period", [12, 57.3, 144])
def test_a_planted_period_is_found(period: float) -> None:
    t = np.arange(1500)
    values = np.sin(2 * np.pi * t / period) + np.random.default_rng(6).normal(size=1500) * 0.7
    found = find_periods(values)
    assert found[0].rows == pytest.approx(period, rel=0.02)
    assert found[0].strength == pytest.approx(0.5, abs=0.15)
    assert found[0].p_value < 1e-3


def test_sharp_pulses_have_the_period_of_the_pulses() -> None:
    t = np.arange(2000)
    values = 5.0 * (t % 60 < 2) + np.random.default_rng(7).normal(size=2000) * 0.5
    assert find_periods(values)[0].rows == pytest.approx(60, abs=0.5)


def test_a_period_survives_gaps_and_outliers() -> None:
    rng = np.random.default_rng(8)
    values = np.sin(2 * np.pi * np.arange(1200) / 48) + rng.normal(size=1200) * 0.3
    values[rng.random(1200) < 0.2] = np.nan
    values[500] = 400
    assert find_periods(values)[0].rows == pytest.approx(48, rel=0.02)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9, 0.98, 1.0])
def test_noise_with_a_memory_hardly_ever_has_a_period(phi: float) -> None:
    assert sum(bool(find_periods(row)) for row in ar1(phi, 200, 720, 9)) <= 4


@pytest.mark.parametrize("values", [[], [1.0] * 10, [2.0] * 500, [float("nan")] * 500])
def test_series_without_movement_or_length_have_no_period(values: list[float]) -> None:
    assert find_periods(np.array(values)) == []


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=90), st.integers(0, 40))
def test_the_parts_add_up_to_the_whole(values: list[float], season: int) -> None:
    x = np.array(values)
    parts = decompose(x, season)
    np.testing.assert_allclose(parts.trend + parts.seasonal + parts.remainder, x, atol=1e-6)
    assert 0 <= parts.strength <= 1


def test_the_profile_is_recovered_beside_an_outage() -> None:
    t = np.arange(24 * 12)
    wave = np.sin(2 * np.pi * t / 24)
    values = 10 + wave + np.random.default_rng(10).normal(size=len(t)) * 0.05
    values[100:110] = 0
    np.testing.assert_allclose(decompose(values, 24).seasonal, wave, atol=0.15)


@given(st.lists(st.floats(-100, 100), min_size=4, max_size=60))
def test_the_autocorrelation_matches_the_definition(values: list[float]) -> None:
    x = np.array(values)
    if np.std(x) < 1e-6 * (1 + np.abs(x).max()):
        return
    got = autocorrelation(x)
    np.testing.assert_allclose(got, [naive.autocorrelation(values, k) for k in range(len(x))], atol=1e-6)


def test_the_moving_level_keeps_a_straight_line() -> None:
    np.testing.assert_allclose(moving_level(0.5 * np.arange(60.0), 12), 0.5 * np.arange(60.0), atol=1e-9)


def test_periods_next_to_a_day_are_a_day() -> None:
    assert snap_s(85_000) == 86_400
    assert snap_s(70_000) == 70_000


def test_two_like_days_are_worth_trying_as_a_season() -> None:
    t = np.arange(2 * 288 + 20)
    values = np.sin(2 * np.pi * t / 288) + np.random.default_rng(11).normal(size=len(t)) * 0.2
    assert likely_season(values, 300.0) == 288
    assert likely_season(np.random.default_rng(12).normal(size=len(t)), 300.0) == 0
