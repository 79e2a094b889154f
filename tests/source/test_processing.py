"""Processing against its slow twins, and what it promises about gaps, resets and grids."""

from __future__ import annotations

import naive_processing as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from openmanager_core import catalog, processing
from openmanager_core.errors import InvalidRequest
from openmanager_core.panel import Panel, Window
from openmanager_core.validation import check

ROWS = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24),
    elements=st.one_of(st.just(np.nan), st.floats(0, 1e6, allow_nan=False, width=32)),
)


def panel(values: np.ndarray, times: np.ndarray | None = None, metric: str = "requests_per_s") -> Panel:
    return Panel(
        metric,
        tuple(f"h{i}" for i in range(len(values))),
        1000.0 + 15.0 * np.arange(values.shape[1]) if times is None else times,
        values,
    )


@given(ROWS, st.integers(0, 6))
def test_gap_filling_matches_its_twin(values: np.ndarray, most: int) -> None:
    expected = np.array([naive.fill_gaps(row, most) for row in values])
    np.testing.assert_allclose(processing.fill_gaps(values, most), expected, rtol=1e-9, atol=1e-9)


@given(ROWS)
def test_rates_match_their_twin_through_gaps_and_resets(values: np.ndarray) -> None:
    times = 15.0 * np.arange(values.shape[1])
    expected = np.array([naive.rate(row, times) for row in values])
    np.testing.assert_allclose(processing.rate(values, times), expected, rtol=1e-9)


@given(ROWS, st.integers(1, 30))
def test_downsampling_matches_its_twin(values: np.ndarray, factor: int) -> None:
    expected = np.array([naive.downsample(row, factor) for row in values])
    np.testing.assert_allclose(processing.downsample(panel(values), factor).values, expected, rtol=1e-9)


@given(ROWS, st.floats(-40, 40), st.sampled_from([5.0, 15.0, 22.0, 60.0]))
def test_alignment_matches_its_twin(values: np.ndarray, shift: float, step: float) -> None:
    given_panel = panel(values)
    window = Window(1000.0 + shift, 1000.0 + shift + 12 * step, step)
    own = 15.0 if values.shape[1] > 1 else 0.0
    expected = [naive.align(given_panel.times_s, row, window.times_s(), max(step, own)) for row in values]
    np.testing.assert_allclose(processing.align(given_panel, window).values, np.array(expected), rtol=1e-12)


@given(ROWS, st.sampled_from(["cpu_busy_ratio", "requests_per_s"]))
def test_robust_scale_matches_its_twin(values: np.ndarray, metric: str) -> None:
    row = catalog.metric(metric)
    expected = np.array([naive.robust_scale(v, row.floor, row.relative) for v in values])
    centre, sigma = processing.robust_scale(values, metric)
    np.testing.assert_allclose(np.stack([centre, sigma], axis=1), expected, rtol=1e-9)


def test_a_counter_that_restarts_counts_its_new_value_as_the_increase() -> None:
    counters = np.array([[100.0, 130.0, 15.0, np.nan, 45.0]])
    times = np.array([0.0, 10.0, 20.0, 30.0, 40.0])
    np.testing.assert_allclose(processing.rate(counters, times), [[np.nan, 3.0, 1.5, np.nan, 1.5]])
    assert processing.resets(counters).tolist() == [1]


def test_a_panel_without_gaps_passes_through_preparation_uncopied() -> None:
    whole = panel(np.ones((3, 8)))
    assert processing.prepare(check(whole)) is whole


def test_preparation_bridges_three_steps_and_not_four() -> None:
    values = np.array([[1.0, np.nan, np.nan, np.nan, 5.0, np.nan, np.nan, np.nan, np.nan, 10.0]])
    prepared = processing.prepare(check(panel(values)))
    np.testing.assert_allclose(prepared.values[0, :5], [1, 2, 3, 4, 5])
    assert np.isnan(prepared.values[0, 5:9]).all()
    assert np.isnan(processing.prepare(check(panel(values)), max_gap_s=0).values[0, 1])


def test_a_downsampling_factor_below_one_is_refused_with_the_value_given() -> None:
    with pytest.raises(InvalidRequest, match="got 0"):
        processing.downsample(panel(np.ones((1, 4))), 0)
