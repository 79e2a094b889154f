"""Change points: each kind is found where it is, and noise has none."""

from __future__ import annotations

import naive_detect
import numpy as np
import pytest
from detect.series import START_S, Array, autoregressive
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from openmanager_core.analysis._partition import best_pieces
from openmanager_core.analysis.changes import ChangePoint, changepoints
from openmanager_core.errors import InvalidRequest

N, AT, TRIES = 400, 220, 20
LATER = np.arange(N) >= AT


def noises(phi: float, seed: int = 1) -> Array:
    return autoregressive(np.random.default_rng(seed), phi, TRIES, N)


def points(values: Array) -> list[list[ChangePoint]]:
    return [changepoints(START_S + 60.0 * np.arange(values.shape[1]), row) for row in values]


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9, 0.98])
def test_autocorrelated_noise_has_no_change_points(phi: float) -> None:
    assert sum(bool(found) for found in points(noises(phi))) <= 2


def test_counts_rounding_lines_and_heavy_tails_have_no_change_points() -> None:
    rng = np.random.default_rng(2)
    for values in (
        rng.poisson(0.5, (TRIES, N)) * 1.0,
        np.round(noises(0.5)),
        noises(0.0) + 0.02 * np.arange(N),
        rng.standard_t(3, (TRIES, N)),
    ):
        assert sum(bool(found) for found in points(values)) <= 2


def test_a_step_is_a_change_of_level_at_its_sample() -> None:
    found = points(noises(0.3) + 4 * LATER)
    assert sum([c.kind for c in each] == ["level"] for each in found) >= 0.9 * TRIES
    assert np.quantile([abs(each[0].index - AT) for each in found], 0.8) <= 1
    first = found[0][0]
    assert first.at_s == START_S + 60.0 * first.index
    assert (first.before, first.after) == (pytest.approx(0, abs=0.6), pytest.approx(4, abs=0.6))


def test_a_bend_is_a_change_of_slope_in_units_per_second() -> None:
    found = points(0.5 * noises(0.3) + 0.05 * np.maximum(0, np.arange(N) - AT))
    assert sum([c.kind for c in each] == ["slope"] for each in found) >= 0.8 * TRIES
    bends = [c for each in found for c in each if c.kind == "slope"]
    assert np.median([c.after for c in bends]) == pytest.approx(0.05 / 60.0, rel=0.15)
    assert np.median([c.before for c in bends]) == pytest.approx(0.0, abs=1e-4)


def test_wilder_noise_is_a_change_of_variance() -> None:
    found = points(noises(0.3) * np.where(LATER, 4, 1))
    assert sum([c.kind for c in each] == ["variance"] for each in found) >= 0.8 * TRIES
    assert found[0][0].after / found[0][0].before == pytest.approx(4, rel=0.5)


def test_two_odd_samples_are_no_change() -> None:
    values = noises(0.3)
    values[:, 200:202] += 50
    assert not any(points(values))


def test_an_excursion_has_a_beginning_and_an_end() -> None:
    values = noises(0.3) + 5 * (LATER & (np.arange(N) < AT + 60))
    assert np.median([len(each) for each in points(values)]) == 2


def test_only_the_strongest_are_kept_in_order_of_time() -> None:
    values = noises(0.0)[0] + np.repeat([0.0, 9, 0, 30], N // 4)
    when = 60.0 * np.arange(N)
    assert [c.index for c in changepoints(when, values)] == [100, 200, 300]
    assert [c.index for c in changepoints(when, values, max_points=1)] == [300]


def test_gaps_are_left_out_and_indices_point_into_what_was_given() -> None:
    values = noises(0.3)[0] + 6 * LATER
    values[:50] = np.nan
    (found,) = changepoints(60.0 * np.arange(N), values)
    assert abs(found.index - AT) <= 1


def test_a_step_without_noise_is_found_exactly() -> None:
    (found,) = changepoints(np.arange(100.0), np.repeat([1.0, 2.0], 50))
    assert (found.index, found.before, found.after, found.kind) == (50, 1.0, 2.0, "level")


def test_short_constant_and_empty_series_have_none() -> None:
    assert changepoints([], []) == []
    assert changepoints(np.arange(11.0), np.arange(11.0)) == []
    assert changepoints(np.arange(50.0), np.full(50, 3.0)) == []
    assert changepoints(np.arange(50.0), np.full(50, np.nan)) == []


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="one length"):
        changepoints([1.0], [1.0, 2.0])
    with pytest.raises(InvalidRequest, match="max_points must be at least 1, got 0"):
        changepoints([1.0], [1.0], max_points=0)


@given(arrays(np.float64, st.integers(0, 60), elements=st.one_of(st.floats(-1e12, 1e12), st.just(float("nan")))))
def test_any_series_gives_finite_points_inside_it(values: Array) -> None:
    for c in changepoints(START_S + 60.0 * np.arange(len(values)), values):
        assert 0 < c.index < len(values)
        assert np.isfinite([c.before, c.after, c.score_sigma, c.confidence]).all()


def test_moves_of_the_smallest_number_are_no_swing() -> None:
    values = np.full(300, 1.0)
    values[:250] = np.where(np.arange(250) % 2, 5e-324, 0.0)
    for c in changepoints(START_S + 60.0 * np.arange(len(values)), values):
        assert np.isfinite([c.before, c.after, c.score_sigma]).all()


@pytest.mark.parametrize("seed", range(4))
def test_the_cutting_is_the_cheapest_there_is(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=40) + np.repeat(rng.normal(0, 3, 4), 10) + 0.1 * seed * np.arange(40)
    pieces = best_pieces(x, np.full(40, 1.5), 4.0, 2.0)
    cost = sum(4.0 + naive_detect.piece_cost(x, 1.5, p.start, p.end, 2.0) for p in pieces)
    assert cost == pytest.approx(naive_detect.best_cost(x, 1.5, 4.0, 2.0), rel=1e-9)
