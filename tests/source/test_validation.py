"""What validation lets through, what it drops, and how it says so."""

from __future__ import annotations

import naive_processing as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from openmanager_core.errors import NotFound
from openmanager_core.panel import Panel
from openmanager_core.validation import check

VALUES = hnp.arrays(
    st.sampled_from([np.float64, np.float32]),
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12),
    elements=st.floats(-3, 3, width=32) | st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1.0]),
)


def panel(values: np.ndarray, times: np.ndarray | None = None, hosts: tuple[str, ...] = ()) -> Panel:
    return Panel(
        "cpu_busy_ratio",
        hosts or tuple(f"h{i}" for i in range(len(values))),
        15.0 * np.arange(values.shape[1]) if times is None else times,
        values,
    )


@given(VALUES)
def test_bounds_and_coverage_match_their_twin(values: np.ndarray) -> None:
    before = values.copy()
    checked = check(panel(values))
    expected = naive.within_bounds(values, 0.0, 1.0)
    np.testing.assert_allclose(checked.panel.values, expected, atol=1e-7)
    np.testing.assert_allclose(checked.coverage, np.isfinite(expected).mean(axis=1))
    np.testing.assert_array_equal(values, before)


def test_a_clean_panel_is_passed_on_as_it_is_without_a_problem() -> None:
    values = np.random.default_rng(1).random((40, 50)).astype(np.float32)
    values[3, 4] = np.nan
    checked = check(panel(values))
    assert checked.panel.values is values
    assert checked.problems == ()
    assert checked.coverage[3] == pytest.approx(0.98)


def test_what_was_dropped_is_counted_by_its_reason() -> None:
    checked = check(panel(np.array([[0.5, np.inf, -np.inf, 1.5, -0.2, 1.0000001]])))
    assert checked.problems == (
        "cpu_busy_ratio: 2 readings are infinite and were dropped",
        "cpu_busy_ratio: 2 readings lie outside 0 to 1 ratio and were dropped",
    )
    assert checked.panel.values[0, 5] == 1.0


def test_times_that_run_backwards_are_sorted_and_repeated_ones_keep_the_last_reading() -> None:
    times = np.array([30.0, 0.0, 15.0, 15.0, np.nan])
    checked = check(panel(np.array([[0.3, 0.1, 0.2, 0.25, 0.9]]), times))
    assert checked.panel.times_s.tolist() == [0.0, 15.0, 30.0]
    assert checked.panel.values.tolist() == [[0.1, 0.25, 0.3]]
    assert [p.split(": ")[1].split(" ")[0] for p in checked.problems] == ["1", "1", "1"]


def test_a_host_that_comes_twice_keeps_its_last_row() -> None:
    checked = check(panel(np.array([[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]]), hosts=("a", "b", "a")))
    assert checked.panel.hosts == ("a", "b")
    assert checked.panel.values[:, 0].tolist() == [0.3, 0.2]
    assert "1 rows repeat a host" in checked.problems[0]


def test_readings_from_the_future_are_dropped_and_blame_the_clock() -> None:
    checked = check(panel(np.array([[0.1, 0.2, 0.3]]), np.array([0.0, 50.0, 200.0])), now_s=60.0)
    assert np.isnan(checked.panel.values[0, 2])
    assert "clock" in checked.problems[0]


def test_a_metric_that_is_not_in_the_catalogue_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(NotFound, match="cpu_busy_ratio"):
        check(Panel("cpu_bussy_ratio", ("a",), np.zeros(1), np.zeros((1, 1))))


def test_an_empty_panel_is_fit_to_use() -> None:
    checked = check(panel(np.empty((0, 4)), hosts=()))
    assert checked.panel.values.shape == (0, 4)
    assert checked.problems == ()
