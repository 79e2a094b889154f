"""The forecast of one metric of one server: its bounds, its drift, and when it reaches a threshold."""

from __future__ import annotations

import numpy as np
import pytest

from openmanager_core.analysis._series_blend import blend
from openmanager_core.analysis._series_crossing import find_crossing
from openmanager_core.analysis.forecast import MIN_READINGS, forecast_series
from openmanager_core.catalog import metric
from openmanager_core.errors import InsufficientData, InvalidRequest
from openmanager_core.timespan import spoken_s

DAY = 86_400.0
MINUTES = np.arange(1440) * 60.0


def _noise(size: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=size)


def test_a_filling_disk_reaches_its_threshold_when_the_line_says() -> None:
    values = 0.5 + 0.2 * MINUTES / DAY + _noise(1440) * 0.005
    found = forecast_series(MINUTES, values, metric("disk_used_ratio"), "db-1", 3 * DAY, 0.9)
    assert found.crosses_at_s == pytest.approx(2 * DAY, rel=0.03)
    assert found.crosses_earliest_s is not None and found.crosses_latest_s is not None
    assert found.crosses_earliest_s < found.crosses_at_s < found.crosses_latest_s
    assert "drift" in found.method
    assert found.high.max() <= 1.0


def test_a_leak_that_began_lately_is_followed_from_its_bend() -> None:
    values = 0.4 + np.maximum(MINUTES - 1000 * 60, 0) * 0.3 / DAY + _noise(1440) * 0.004
    found = forecast_series(MINUTES, values, metric("memory_used_ratio"), "api-1", 2 * DAY, 0.8)
    want = 1000 * 60 + 0.4 / 0.3 * DAY
    assert found.crosses_at_s == pytest.approx(want, rel=0.06)


def test_a_steady_series_says_why_it_does_not_cross() -> None:
    values = 0.4 + _noise(1440) * 0.01
    found = forecast_series(MINUTES, values, metric("memory_used_ratio"), "api-1", DAY, 0.9)
    assert (found.crosses_at_s, found.crosses_earliest_s, found.crosses_latest_s) == (None, None, None)
    assert "does not reach 0.9" in found.explanation


def test_a_daily_rhythm_crosses_at_its_next_rise() -> None:
    times = np.arange(7 * 288) * 300.0
    values = 0.5 + 0.2 * np.sin(2 * np.pi * times / DAY) + _noise(len(times)) * 0.01
    found = forecast_series(times, values, metric("cpu_busy_ratio"), "web-1", DAY, 0.65)
    assert found.season_s == DAY
    assert found.crosses_at_s == pytest.approx(7 * DAY + np.arcsin(0.75) / (2 * np.pi) * DAY, abs=1800)


def test_a_level_that_is_over_already_says_so() -> None:
    found = forecast_series(MINUTES, np.full(1440, 0.95), metric("disk_used_ratio"), "db-1", DAY, 0.9)
    assert found.crosses_at_s == MINUTES[-1]
    assert "already" in found.explanation


def test_a_metric_that_hurts_when_low_crosses_downwards() -> None:
    values = 0.95 - 0.2 * MINUTES / DAY + _noise(1440) * 0.002
    found = forecast_series(MINUTES, values, metric("cache_hit_ratio"), "cache-1", DAY, 0.7)
    assert found.crosses_at_s is not None
    assert "above" not in found.explanation


def test_a_long_horizon_is_thinned_but_reaches_the_end() -> None:
    found = forecast_series(MINUTES, 0.5 + _noise(1440) * 0.01, metric("cpu_busy_ratio"), "web-1", 30 * DAY)
    assert len(found.times_s) <= 480
    assert found.times_s[-1] == pytest.approx(MINUTES[-1] + 30 * DAY)
    assert (found.low <= found.mean).all() and (found.mean <= found.high).all()
    assert found.low.min() >= 0 and found.high.max() <= 1


def test_confidence_falls_with_the_horizon() -> None:
    values = 0.5 + _noise(1440) * 0.01
    near, far = (
        forecast_series(MINUTES, values, metric("cpu_busy_ratio"), "w", h).confidence for h in (3600, 30 * DAY)
    )
    assert 0 < far < near <= 1


def test_irregular_and_missing_readings_are_put_on_a_grid() -> None:
    rng = np.random.default_rng(2)
    keep = np.sort(rng.choice(1440, 1000, replace=False))
    values = 0.5 + 0.2 * MINUTES[keep] / DAY
    found = forecast_series(MINUTES[keep], values, metric("disk_used_ratio"), "db", 3 * DAY, 0.9)
    assert found.crosses_at_s == pytest.approx(2 * DAY, rel=0.05)


def test_too_few_readings_name_the_counts_and_what_to_try() -> None:
    values = np.full(50, np.nan)
    values[:5] = 1.0
    with pytest.raises(InsufficientData, match=rf"at least {MIN_READINGS} readings, got 5.*Try: use a longer window"):
        forecast_series(np.arange(50.0), values, metric("cpu_busy_ratio"), "web-1", 60.0)


@pytest.mark.parametrize(("horizon", "threshold"), [(0.0, None), (-5.0, None), (np.inf, None), (60.0, np.nan)])
def test_a_horizon_or_threshold_that_cannot_be_is_refused(horizon: float, threshold: float | None) -> None:
    with pytest.raises(InvalidRequest, match=r"horizon_s|threshold"):
        forecast_series(np.arange(50.0), np.ones(50), metric("cpu_busy_ratio"), "web-1", horizon, threshold)


def test_a_crossing_lies_between_two_instants() -> None:
    times = np.array([10.0, 20.0, 30.0])
    found = find_crossing(times, times / 10, times / 10 - 1, times / 10 + 1, 2.5, 0.0, 0.0, "high")
    assert found.at_s == pytest.approx(25.0)
    assert found.earliest_s == pytest.approx(15.0)
    assert found.latest_s is None


@pytest.mark.parametrize(("seconds", "words"), [(45, "45 s"), (720, "12 min"), (9000, "2.5 h"), (1e6, "11.6 days")])
def test_lengths_of_time_are_spoken_as_people_do(seconds: float, words: str) -> None:
    assert spoken_s(seconds) == words


def test_what_was_considered_is_what_was_weighed() -> None:
    rng = np.random.default_rng(5)
    found = blend(0.4 + 0.02 * rng.normal(size=300), np.ones(300, dtype=bool), np.arange(1, 20), 0)
    shares = [share for _, share in found.shares]
    assert sum(shares) == pytest.approx(1.0) and shares == sorted(shares, reverse=True)
    t = 60.0 * np.arange(400)
    cpu = forecast_series(t, 0.4 + 0.02 * rng.normal(size=400), metric("cpu_busy_ratio"), "h", 3600)
    assert "no drift is continued: cpu_busy_ratio does not fill up" in cpu.considered
    assert any(f"{cpu.method.split()[0]}" == "level" and "candidates weighed" in text for text in cpu.considered)
    flat = forecast_series(t, 0.4 + 0.02 * rng.normal(size=400), metric("disk_used_ratio"), "h", 3600)
    assert "not steady or too small" in flat.considered[0] and len(flat.considered) == 2
    full = forecast_series(t, 0.2 + 1e-3 * np.arange(400), metric("disk_used_ratio"), "h", 3600)
    assert full.considered[0].startswith("drift over the last 6.65 h: +0.06 ratio an hour")
    assert "steady, so it is continued" in full.considered[0] and len(full.considered) == 1
