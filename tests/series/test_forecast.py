"""The forecast of one series as numbers: any input that holds a reading gets an honest answer."""

from __future__ import annotations

import math

import naive_series as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.analysis._series_blend import trimmed_mean
from openmanager_core.analysis._series_candidates import usual_day
from openmanager_core.analysis._series_prepare import block_means, fill_gaps, on_grid
from openmanager_core.analysis.forecast import MAX_HORIZON, forecast
from openmanager_core.errors import InsufficientData, InvalidRequest

finite = st.floats(-1e6, 1e6)
series = st.lists(st.one_of(finite, st.just(math.nan), st.just(math.inf)), min_size=1, max_size=80)


@given(values=series, horizon=st.integers(1, 40), season=st.integers(0, 50))
def test_any_series_with_a_reading_gets_finite_ordered_numbers(values: list[float], horizon: int, season: int) -> None:
    if not any(math.isfinite(v) for v in values):
        with pytest.raises(InsufficientData):
            forecast(values, horizon, season)
        return
    answer = forecast(values, horizon, season)
    assert [len(answer[k]) for k in ("mean", "low", "high")] == [horizon] * 3
    for low, mean, high in zip(answer["low"], answer["mean"], answer["high"], strict=True):
        assert math.isfinite(low) and math.isfinite(high)
        assert low <= mean <= high


@given(values=st.lists(st.floats(0, 1e6), min_size=1, max_size=60), season=st.integers(0, 20))
def test_what_was_never_negative_is_not_forecast_negative(values: list[float], season: int) -> None:
    answer = forecast(values, 10, season)
    assert min(answer["low"]) >= 0


@given(value=st.floats(-1e9, 1e9), n=st.integers(3, 300), season=st.integers(0, 100))
def test_a_constant_is_forecast_as_itself_within_a_narrow_band(value: float, n: int, season: int) -> None:
    answer = forecast([value] * n, 25, season)
    np.testing.assert_allclose(answer["mean"], value, rtol=1e-9)
    assert max(answer["high"]) - min(answer["low"]) <= 1e-7 * (1 + abs(value))
    assert max(answer["low"]) <= value <= min(answer["high"])


@pytest.mark.parametrize("scale", [1e-200, 1e200, 1e300])
def test_extreme_units_do_not_overflow(scale: float) -> None:
    values = np.random.default_rng(1).normal(size=300) * scale
    answer = forecast(values, 20, 24)
    assert np.isfinite([answer["low"], answer["high"]]).all()
    np.testing.assert_allclose(np.array(answer["mean"]) / scale, forecast(values / scale, 20, 24)["mean"], atol=0.2)


def test_a_clean_season_is_continued_from_the_right_slot() -> None:
    t = np.arange(24 * 10 + 7)
    values = 10 + 3 * np.sin(2 * np.pi * t / 24)
    ahead = np.arange(len(t), len(t) + 48)
    np.testing.assert_allclose(forecast(values, 48, 24)["mean"], 10 + 3 * np.sin(2 * np.pi * ahead / 24), atol=0.15)


def test_a_straight_drift_is_continued() -> None:
    values = 5 + 0.1 * np.arange(200) + np.random.default_rng(2).normal(size=200) * 0.05
    mean = forecast(values, 30, 0)["mean"]
    np.testing.assert_allclose(mean, 5 + 0.1 * np.arange(200, 230), atol=0.3)


def test_a_drift_under_a_season_is_continued() -> None:
    t = np.arange(24 * 14)
    values = 0.02 * t + np.sin(2 * np.pi * t / 24)
    ahead = np.arange(len(t), len(t) + 24)
    np.testing.assert_allclose(
        forecast(values, 24, 24)["mean"], 0.02 * ahead + np.sin(2 * np.pi * ahead / 24), atol=0.3
    )


def test_one_wild_day_does_not_move_the_forecast() -> None:
    rng = np.random.default_rng(3)
    values = 10 + 3 * np.sin(2 * np.pi * np.arange(24 * 12) / 24) + rng.normal(size=24 * 12) * 0.1
    wild = values.copy()
    wild[24 * 6 : 24 * 7] = 500
    gap = np.abs(np.subtract(forecast(wild, 24, 24)["mean"], forecast(values, 24, 24)["mean"]))
    assert gap.max() < 0.6


def test_gaps_cost_little() -> None:
    rng = np.random.default_rng(4)
    truth = 10 + 3 * np.sin(2 * np.pi * np.arange(24 * 12) / 24)
    values = truth + rng.normal(size=len(truth)) * 0.1
    values[rng.random(len(values)) < 0.2] = np.nan
    values[100:130] = np.nan
    np.testing.assert_allclose(forecast(values, 24, 24)["mean"], truth[:24], atol=0.5)


@pytest.mark.parametrize("season", [0, 48])
def test_the_interval_holds_about_four_in_five(season: int) -> None:
    rng = np.random.default_rng(5)
    inside = []
    for _ in range(40):
        noise = rng.normal(size=48 * 13)
        values = 20 + noise + (4 * np.sin(2 * np.pi * np.arange(len(noise)) / 48) if season else 0)
        answer = forecast(values[: 48 * 12], 48, season)
        truth = values[48 * 12 :]
        inside.append(np.mean((truth >= answer["low"]) & (truth <= answer["high"])))
    assert 0.72 < np.mean(inside) < 0.88


def test_the_interval_of_a_random_walk_widens() -> None:
    values = np.cumsum(np.random.default_rng(6).normal(size=600))
    answer = forecast(values, 200, 0)
    width = np.subtract(answer["high"], answer["low"])
    assert width[-1] > 3 * width[0]
    assert (np.diff(width) > -1e-9).all()


def test_the_same_past_gives_the_same_future() -> None:
    values = np.random.default_rng(7).normal(size=500)
    assert forecast(values, 30, 24) == forecast(values, 30, 24)


@pytest.mark.parametrize(
    ("horizon", "season", "name"),
    [(0, 0, "horizon"), (MAX_HORIZON + 1, 0, "horizon"), (3, -1, "season"), (True, 0, "horizon"), (2.5, 0, "horizon")],
)
def test_a_horizon_or_season_that_cannot_be_is_refused_by_name(horizon: int, season: int, name: str) -> None:
    with pytest.raises(InvalidRequest, match=name):
        forecast([1.0, 2.0], horizon, season)


@pytest.mark.parametrize("values", [[[1.0, 2.0]], "abc", [1.0, "x"]])
def test_values_that_are_no_series_are_refused(values: object) -> None:
    with pytest.raises(InvalidRequest, match="values"):
        forecast(values, 3, 0)  # type: ignore[arg-type]


def test_the_name_can_be_called_as_function_and_as_module() -> None:
    from openmanager_core.analysis import forecast as exported

    assert exported([1.0, 2.0, 3.0], 2, 0) == forecast([1.0, 2.0, 3.0], 2, 0)


@given(rows=st.lists(st.tuples(finite, st.floats(0.01, 10)), min_size=1, max_size=12, unique_by=lambda r: r[0]))
def test_the_trimmed_mean_matches_the_definition(rows: list[tuple[float, float]]) -> None:
    values, weights = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    got = trimmed_mean(values[:, None], weights / weights.sum())[0]
    want = naive.trimmed_mean(values.tolist(), weights.tolist(), 0.2)
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9 * (1 + np.abs(values).max()))


def test_a_member_with_an_outlying_forecast_and_a_fifth_of_the_weight_does_not_count() -> None:
    weights = np.array([0.2, 0.5, 0.3])
    near, far = (trimmed_mean(np.array([[wild], [10.0], [11.0]]), weights)[0] for wild in (12.0, 1e9))
    assert near == far
    assert 10 <= near <= 11


def test_a_quiet_weekend_is_foreseen_from_the_weekends_before() -> None:
    rng = np.random.default_rng(8)
    t = np.arange(24 * 35)
    busy = np.where(t // 24 % 7 < 5, 10.0, 2.0)
    values = busy * (1.5 + np.sin(2 * np.pi * t / 24)) + rng.normal(size=len(t)) * 0.1
    saturday = 24 * 33
    mean = forecast(values[:saturday], 48, 24)["mean"]
    np.testing.assert_allclose(mean, values[saturday : saturday + 48], atol=0.6)


def test_what_a_usual_day_is_at_an_origin_is_not_changed_by_what_came_after() -> None:
    season, width = 24, 5
    x = np.random.default_rng(9).normal(size=season * 20)
    origins, lead = np.array([season * 9, season * 16 + 5]), np.arange(1, season * 15)
    for origin in origins:
        changed = x.copy()
        changed[origin:] = 1e6
        for a, b in zip(
            usual_day(x, origins[origins == origin], lead, season, width),
            usual_day(changed, origins[origins == origin], lead, season, width),
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)


def test_a_short_gap_is_bridged_and_a_long_one_follows_the_season() -> None:
    t = np.arange(24 * 6)
    truth = np.sin(2 * np.pi * t / 24)
    values = truth.copy()
    values[10] = np.nan
    values[60:75] = np.nan
    filled, known = fill_gaps(values, 24)
    assert known.sum() == len(t) - 16
    np.testing.assert_allclose(filled, truth, atol=0.05)


def test_rows_off_the_grid_are_put_on_it() -> None:
    times = np.array([0.0, 10.0, 20.2, 29.9, 60.0])
    grid, values, step = on_grid(times, np.arange(5.0))
    assert step == pytest.approx(10.0, rel=0.05)
    assert len(grid) == 7
    assert np.isnan(values[4:6]).all()
    assert values[-1] == 4.0


def test_times_that_do_not_ascend_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="ascend"):
        on_grid(np.array([0.0, 2.0, 1.0]), np.zeros(3))


def test_block_means_keep_the_newest_rows_and_skip_gaps() -> None:
    values = np.array([9.0, 1.0, 3.0, np.nan, 5.0, np.nan, np.nan])
    np.testing.assert_allclose(block_means(values, 2), [2.0, 5.0, np.nan])
