"""One series: exactly causal, the same for every scale, one page for one event, an answer for any input."""

from __future__ import annotations

import naive_detect
import numpy as np
import pytest
from detect.series import START_S, Array, autoregressive
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from openmanager_core.analysis import detect
from openmanager_core.analysis._rhythm import clock, same_time_before
from openmanager_core.analysis._surprise import recent_mean, surprise
from openmanager_core.analysis.anomalies import THRESHOLD
from openmanager_core.errors import InvalidRequest

STEP_S = 300.0


def times(n: int, step_s: float = STEP_S) -> Array:
    return START_S + step_s * np.arange(n)


def noise(n: int, seed: int = 1) -> Array:
    return autoregressive(np.random.default_rng(seed), 0.5, 1, n)[0]


@pytest.mark.parametrize("step_s", [15.0, 300.0, 3600.0])
def test_a_prefix_of_the_series_gives_the_same_scores_and_alerts_to_the_bit(step_s: float) -> None:
    values = noise(2600) + np.sin(2 * np.pi * np.arange(2600) * step_s / 86_400)
    values[1800:1830] += 6
    values[2000:2020] = np.nan
    whole = detect(times(2600, step_s), values)
    for cut in (1, 32, 33, 40, 288, 289, 320, 1000, 1801, 1815, 2010, 2599):
        part = detect(times(2600, step_s)[:cut], values[:cut])
        assert part["scores"] == whole["scores"][:cut]
        assert part["alerts"] == [row for row in whole["alerts"] if row < cut]


@given(
    arrays(np.float64, st.integers(0, 80), elements=st.one_of(st.floats(-1e12, 1e12), st.just(float("nan")))),
    st.integers(0, 80),
    st.sampled_from([0.0, 1.0, 300.0, 7200.0, 43_200.0]),
)
def test_any_series_is_answered_causally_with_finite_scores(values: Array, cut: int, step_s: float) -> None:
    whole = detect(times(len(values), step_s), values)
    assert np.isfinite(whole["scores"]).all()
    assert min(whole["scores"], default=0.0) >= 0
    assert all(np.isfinite(values[row]) and whole["scores"][row] >= THRESHOLD for row in whole["alerts"])
    part = detect(times(len(values), step_s)[:cut], values[:cut])
    assert part["scores"] == whole["scores"][:cut]
    assert part["alerts"] == [row for row in whole["alerts"] if row < cut]


@settings(max_examples=15)
@given(st.floats(1e-6, 1e6), st.floats(-1e3, 1e3))
def test_another_unit_or_offset_changes_nothing(scale: float, offset: float) -> None:
    values = noise(700)
    values[500:520] += 5
    np.testing.assert_allclose(
        detect(times(700), scale * (values + offset))["scores"], detect(times(700), values)["scores"], atol=1e-4
    )


def test_one_event_pages_once_and_at_its_beginning() -> None:
    values = noise(1500)
    values[1000:1060] += 10
    alerts = detect(times(1500), values)["alerts"]
    assert [row for row in alerts if 950 <= row <= 1100] == [1000]


def test_a_much_stranger_row_pages_even_right_after_an_alert() -> None:
    values = noise(1500)
    values[1000:1003] += 9
    values[1040] += 1000
    assert 1040 in detect(times(1500), values)["alerts"]


def test_the_return_to_normal_is_no_page() -> None:
    values = noise(1500)
    values[1000:1200] += 10
    alerts = detect(times(1500), values)["alerts"]
    assert [row for row in alerts if row >= 990] == [1000]


def test_rows_an_hour_apart_page_again_for_what_has_happened_before() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=900)
    spikes = np.arange(200, 900, 50)
    values[spikes] += rng.uniform(12, 20, len(spikes))
    alerts = detect(times(900, 3600.0), values)["alerts"]
    assert len(set(spikes.tolist()) & set(alerts)) >= 0.8 * len(spikes)
    assert len(set(alerts) - set(spikes.tolist())) <= 2
    # Minutes apart, one row of the same size that keeps coming back is how this series is.
    assert len(detect(times(900, 60.0), values)["alerts"]) < 0.5 * len(spikes)


def test_noise_of_any_sort_pages_less_than_every_second_day() -> None:
    rng = np.random.default_rng(3)
    for values in (rng.normal(size=4000), noise(4000), np.exp(rng.normal(size=4000)), rng.poisson(2, 4000) * 1.0):
        assert len(detect(times(4000), values)["alerts"]) <= 7


def test_the_daily_rhythm_is_expected_and_its_absence_is_not() -> None:
    n = 288 * 8
    values = 10 * np.sin(2 * np.pi * np.arange(n) / 288) + 0.3 * noise(n)
    values[288 * 7 + 50 : 288 * 7 + 90] = values[0]
    answer = detect(times(n), values)
    assert not [row for row in answer["alerts"] if 288 * 3 <= row < 288 * 7]
    assert [row for row in answer["alerts"] if 288 * 7 + 50 <= row < 288 * 7 + 90]


def test_a_constant_series_is_quiet_and_its_first_change_is_not() -> None:
    values = np.full(500, 45.0)
    assert detect(times(500), values)["alerts"] == []
    values[400] = 46.0
    assert detect(times(500), values)["alerts"] == [400]


def test_rounding_noise_on_a_large_constant_is_no_news() -> None:
    values = 1e12 + 1e-3 * noise(600)
    assert detect(times(600), values)["alerts"] == []


def test_gaps_have_no_score_and_do_not_move_the_rhythm() -> None:
    n = 288 * 6
    values = 10 * np.sin(2 * np.pi * np.arange(n) / 288) + 0.3 * noise(n)
    keep = np.ones(n, dtype=bool)
    keep[288 * 4 + 20 : 288 * 4 + 57] = False
    left_out = detect(times(n)[keep], values[keep])
    # The step across the gap is real; the days after it must not be out of phase.
    assert not [row for row in left_out["alerts"] if 288 * 3 <= row < 288 * 4 + 20 or row >= 288 * 4 + 80]
    values[~keep] = np.nan
    marked = detect(times(n), values)
    assert not [row for row in marked["alerts"] if row >= 288 * 3]
    assert not np.asarray(marked["scores"])[~keep].any()


def test_times_may_be_text_datetimes_or_seconds() -> None:
    values = noise(60)
    seconds = times(60)
    moments = seconds.astype("datetime64[s]")
    expected = detect(seconds, values)
    assert detect(moments, values) == expected
    assert detect(np.array([str(m) + "Z" for m in moments]), values) == expected
    with pytest.raises(InvalidRequest, match="'soon' is not ISO 8601"):
        detect(["soon"], [1.0])


def test_lists_of_different_lengths_are_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"shapes \(2,\) and \(3,\)"):
        detect([1.0, 2.0], [1.0, 2.0, 3.0])


def test_surprise_matches_the_definition() -> None:
    values = np.abs(noise(400))
    least = np.full(400, 1e-9)
    np.testing.assert_allclose(surprise(values, least), naive_detect.surprise(values, least), atol=1e-9)


@given(
    arrays(np.float64, st.integers(0, 150), elements=st.sampled_from([0.0, 0.5, 1.0, 1.0, 2.0, 7.0, 1e6])),
    st.sampled_from([1e-9, 0.3, 5.0]),
)
def test_surprise_matches_the_definition_with_equal_values_and_at_any_length(values: Array, floor: float) -> None:
    least = np.full(len(values), floor)
    np.testing.assert_allclose(surprise(values, least), naive_detect.surprise(values, least), rtol=1e-9, atol=1e-9)


def test_the_recent_mean_matches_the_definition() -> None:
    values = 1e9 + noise(100)
    for rows in (1, 2, 7, 200):
        np.testing.assert_allclose(recent_mean(values, rows), naive_detect.recent_mean(values, rows), rtol=1e-12)


@pytest.mark.parametrize("around", [1, 2])
def test_the_same_time_before_matches_the_definition_across_gaps(around: int) -> None:
    rng = np.random.default_rng(4)
    stamps = np.cumsum(rng.choice([1.0, 1.0, 1.0, 5.0], size=120))
    values = rng.normal(size=120)
    got = same_time_before(values, stamps, 20.0, 3, around, 2.5)
    np.testing.assert_allclose(got, naive_detect.same_time_before(values, stamps, 20.0, 3, around, 2.5))


@given(
    st.lists(st.sampled_from([0.0, 1.0, 1.0, 1.5, 9.0]), min_size=1, max_size=60),
    st.sampled_from([3.0, 20.0, 70.0]),
    st.integers(1, 9),
    st.sampled_from([0.5, 2.5, 4.0]),
)
def test_the_same_time_before_matches_the_definition_where_little_or_nothing_lies_so_far_back(
    steps: list[float], period: float, back: int, slack: float
) -> None:
    stamps = START_S + np.cumsum(steps)
    values = np.random.default_rng(len(steps)).normal(size=len(stamps))
    got = same_time_before(values, stamps, period, back, 1, slack)
    np.testing.assert_allclose(got, naive_detect.same_time_before(values, stamps, period, back, 1, slack))


def test_a_clock_never_runs_backwards() -> None:
    nan = float("nan")
    np.testing.assert_array_equal(clock(np.array([nan, 5.0, 3.0, nan, 7.0])), [0.0, 5.0, 5.0, 5.0, 7.0])
