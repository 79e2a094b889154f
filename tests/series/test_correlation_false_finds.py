"""Correlation keeps its false-discovery bound on unrelated series, whatever they look like."""

from __future__ import annotations

import math
from collections.abc import Callable

import naive_series as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from series_noise import ar1, panel

from openmanager_core.analysis import correlation as module
from openmanager_core.analysis._series_ranks import least_p, r_at, ranked
from openmanager_core.analysis.correlation import correlate
from openmanager_core.panel import FloatArray

RATE = 0.05
RUNS = 60
TIMES = 240


def sparse(rows: int, seed: int) -> FloatArray:
    """0 but for one reading in a hundred: errors of a healthy service."""
    rng = np.random.default_rng(seed)
    return (rng.random((rows, TIMES)) < 0.01) * rng.exponential(1, (rows, TIMES))


def spiky(rows: int, seed: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    return 0.1 * rng.normal(size=(rows, TIMES)) + 10 * sparse(rows, seed + 10_000)


def heavy(rows: int, seed: int) -> FloatArray:
    return np.random.default_rng(seed).standard_t(2, size=(rows, TIMES))


def skewed(rows: int, seed: int) -> FloatArray:
    return np.exp(2 * ar1(0.8, rows, TIMES, seed))


def bursts(rows: int, seed: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    values = 0.2 * rng.normal(size=(rows, TIMES))
    for row in values:
        for first in rng.integers(0, TIMES - 10, rng.integers(1, 3)):
            row[first : first + rng.integers(3, 10)] += 3
    return values


def slow(phi: float) -> Callable[[int, int], FloatArray]:
    return lambda rows, seed: ar1(phi, rows, TIMES, seed)


KINDS = {
    "white": slow(0.0),
    "slow": slow(0.5),
    "slower": slow(0.9),
    "walks": slow(1.0),
    "sparse": sparse,
    "spiky": spiky,
    "heavy": heavy,
    "skewed": skewed,
    "bursts": bursts,
}


@pytest.mark.parametrize("with_target", [False, True], ids=["all pairs", "target"])
@pytest.mark.parametrize("max_lag_s", [0.0, 600.0])
def test_looks_at_unrelated_series_find_a_pair_no_more_often_than_the_rate_says(
    with_target: bool, max_lag_s: float
) -> None:
    """With nothing to find every find is false: the rate then bounds how many looks find anything at all."""
    target = ("h0", "cpu_busy_ratio") if with_target else None
    wrong = dict.fromkeys(KINDS, 0)
    for name, make in KINDS.items():
        for seed in range(RUNS):
            values = make(60 if with_target else 20, seed)
            found = correlate([panel(values)], target=target, max_lag_s=max_lag_s, min_abs_r=0.0, q=RATE, top=10_000)
            wrong[name] += bool(found.pairs)
    looks = RUNS * len(KINDS)
    assert sum(wrong.values()) <= RATE * looks + 2.6 * math.sqrt(RATE * (1 - RATE) * looks), wrong
    assert max(wrong.values()) <= RATE * RUNS + 3.3 * math.sqrt(RATE * (1 - RATE) * RUNS), wrong


@pytest.mark.parametrize("kind", ["white", "slow", "heavy", "skewed", "bursts", "spiky"])
def test_a_true_pair_of_each_kind_is_still_found_with_its_lag(kind: str) -> None:
    hit = 0
    for seed in range(10):
        values = KINDS[kind](30, seed)
        noise = np.random.default_rng(seed).normal(size=TIMES)
        values[3] = np.roll(values[7], 4) + 0.05 * np.std(values[7]) * noise
        found = correlate([panel(values)], max_lag_s=600.0).pairs
        hit += any({p.host_a, p.host_b} == {"h3", "h7"} and abs(p.lag_s) == 240.0 for p in found)
    assert hit >= 9


def test_two_single_events_that_meet_are_no_evidence_among_many_and_ten_are() -> None:
    values = np.eye(20, TIMES)
    values[:2, 50] = 1.0
    values[0, 0] = values[1, 1] = 0.0
    one = correlate([panel(values)])
    assert one.tried.reached == 1 and not one.pairs
    values[:2, [31, 62, 70, 97, 115, 149, 160, 203, 231]] = 1.0
    (ten,) = correlate([panel(values)]).pairs
    assert ten.r > 0.99 and ten.p_value < 1e-6


@given(arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(4, 24)), elements=st.integers(-3, 3).map(float)))
def test_ranks_match_the_definition(rows: FloatArray) -> None:
    got = ranked(rows)
    for row, ranks, away in zip(rows.tolist(), got.values, got.away, strict=True):
        np.testing.assert_allclose(ranks, naive.standard_ranks(row), atol=1e-5)
        usual = max(set(row), key=lambda v: row.count(v))
        rare = row.count(usual) > len(row) / 2
        assert away.tolist() == [v != usual if rare else True for v in row]


@given(st.integers(0, 10_000), st.integers(-6, 6))
def test_r_of_ranks_matches_the_definition(seed: int, lag: int) -> None:
    x = np.random.default_rng(seed).normal(size=(2, 30)).astype(np.float32)
    got = r_at(ranked(x), np.array([0]), np.array([1]), np.array([lag]))
    wanted = naive.lagged_r(naive.standard_ranks(x[1].tolist()), naive.standard_ranks(x[0].tolist()), lag)
    assert got[0] == pytest.approx(wanted, abs=1e-5)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 12))
def test_the_bound_for_exceptions_that_meet_is_never_below_their_chance(few: int, many: int, met: int) -> None:
    few, many = sorted((few, many))
    met = min(met, few)
    n = 60
    rows = np.zeros((2, n), dtype=np.float32)
    rows[0, :few] = 1
    rows[1, :met] = 1
    rows[1, few : few + many - met] = 1
    got = least_p(ranked(rows), np.array([0]), np.array([1]), np.array([0]), np.array([1.0]))[0]
    chance = sum(math.comb(few, k) * math.comb(n - few, many - k) for k in range(met, few + 1)) / math.comb(n, many)
    assert min(1.0, chance) - 1e-9 <= got <= 1.0


def test_ten_thousand_series_are_screened_each_with_each_at_as_many_lags_as_time_allows() -> None:
    assert module.MAX_SERIES >= 10_000
    for series, length in ((300, 361), (2_000, 361), (6_000, 361), (10_000, 361), (10_000, 1_200)):
        lags = module._lags_within_reason(series, length)
        assert lags >= 1
        work = series**2 * length * (1 + 2 * lags)
        assert work <= max(4e11, 3 * series**2 * length)
    assert module._lags_within_reason(10_000, 361) == 4
    assert module._lags_within_reason(6_000, 361) == 12
