"""Screening gives what its slow twin gives, finds what matters and ignores what does not."""

from __future__ import annotations

import naive_fleet as naive
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from openmanager_core.errors import JobCancelled
from openmanager_core.job import Job, current_job
from openmanager_core.screening import screen, survey

short = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 6), st.integers(4, 60)),
    elements=st.one_of(st.floats(-1e3, 1e3, width=32), st.just(float("nan"))),
)


@example(np.array([[0.0, 1.0, 1.0, 1.0]]), 2, 0.0)
@given(short, st.integers(1, 3), st.sampled_from([0.0, 0.5]))
def test_short_series_match_the_definition_with_and_without_gaps(values, recent, floor) -> None:
    seen = survey(values, recent=recent, floor=max(floor, 0.01), relative=0.01)
    for i, row in enumerate(values):
        step = naive.step_sigma(row, recent, max(floor, 0.01), 0.01)
        drift = naive.drift_sigma(row, recent, max(floor, 0.01), 0.01)
        assert seen.step_sigma[i] == pytest.approx(step, rel=1e-9, abs=1e-9)
        assert seen.drift_sigma[i] == pytest.approx(drift, rel=1e-4, abs=1e-3)
        assert seen.score[i] == pytest.approx(max(step, 0.5 * drift), rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sampling_a_long_past_changes_nine_scores_of_ten_by_less_than_a_quarter(dtype) -> None:
    values = np.random.default_rng(2).normal(size=(600, 1200))
    values[:, -20:] += 8
    exact = np.array([naive.step_sigma(row, 20) for row in values])
    off = np.abs(survey(values.astype(dtype), recent=20).step_sigma / exact - 1)
    assert np.quantile(off, 0.9) < 0.25
    assert off.max() < 0.6


def test_a_late_step_and_a_steady_drift_both_outrank_every_healthy_series() -> None:
    values = np.random.default_rng(3).normal(10, 0.1, size=(1000, 1200)).astype(np.float32)
    values[17, -100:] += 2
    values[400] += np.linspace(0, 3, 1200, dtype=np.float32)
    assert set(np.argsort(-screen(values, recent=20, floor=0.01))[:2]) == {17, 400}


def test_series_without_past_or_present_score_zero_and_one_gap_does_not_hide_a_step() -> None:
    values = np.random.default_rng(4).normal(size=(4, 300))
    values[0, :-10] = np.nan
    values[1, -10:] = np.nan
    values[2, -10:] += 20
    values[2, [3, 50, -3]] = np.nan
    score = screen(values, recent=10)
    assert score[0] == 0 and score[1] == 0
    assert score[2] > 10 > score[3]


def test_infinite_readings_count_as_no_reading() -> None:
    values = np.random.default_rng(5).normal(size=(2, 50))
    values[0, 7], values[1, -1] = np.inf, -np.inf
    clean = np.where(np.isfinite(values), values, np.nan)
    np.testing.assert_allclose(screen(values, recent=5), screen(clean, recent=5))


def test_a_constant_series_is_judged_by_the_floor_and_not_by_rounding() -> None:
    values = np.full((1, 100), 0.5, np.float32)
    values[0, -5:] += 1e-6
    assert screen(values, recent=5, floor=0.01)[0] < 0.01


def test_no_series_and_no_past_give_empty_and_zero_scores() -> None:
    assert screen(np.empty((0, 10)), recent=3).shape == (0,)
    assert screen(np.ones((3, 4)), recent=4).tolist() == [0, 0, 0]


def test_a_cancelled_job_stops_between_blocks() -> None:
    job = Job()
    job.cancel()
    token = current_job.set(job)
    try:
        with pytest.raises(JobCancelled):
            screen(np.ones((2, 10)), recent=2)
    finally:
        current_job.reset(token)
