"""Lagged correlation: the planted pair is found with its lag, independent series are left alone."""

from __future__ import annotations

import naive_series as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from series_noise import ar1, panel

from openmanager_core.analysis import correlation as module
from openmanager_core.analysis._series_lagged import (
    autocorrelations,
    effective_size,
    false_discovery,
    lagged_r,
)
from openmanager_core.analysis.correlation import MAX_SERIES, MIN_INSTANTS, correlate
from openmanager_core.errors import InvalidRequest, NotFound
from openmanager_core.job import Job, current_job
from openmanager_core.panel import Panel


@given(seed=st.integers(0, 10_000), n=st.integers(8, 40), lag=st.integers(-3, 3))
def test_lagged_r_matches_the_definition(seed: int, n: int, lag: int) -> None:
    rng = np.random.default_rng(seed)
    rows, target = rng.normal(size=(3, n)), rng.normal(size=n)
    got = lagged_r(rows, target, np.array([lag]))[:, 0]
    want = [naive.lagged_r(row.tolist(), target.tolist(), lag) for row in rows]
    np.testing.assert_allclose(got, want, atol=1e-9)


@given(seed=st.integers(0, 10_000), n=st.integers(10, 60))
def test_autocorrelations_match_the_definition(seed: int, n: int) -> None:
    x = np.random.default_rng(seed).normal(size=n)
    got = autocorrelations(x[None, :].astype(np.float32), 5)[0]
    np.testing.assert_allclose(got, [naive.autocorrelation(x.tolist(), k) for k in range(1, 6)], atol=1e-4)


@given(
    rho=st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=20),
    n=st.floats(20, 1000),
)
def test_the_effective_size_matches_the_definition(rho: list[tuple[float, float]], n: float) -> None:
    a, b = [r[0] for r in rho], [r[1] for r in rho]
    got = effective_size(np.array([a]), np.array([b]), np.array([n]))[0]
    assert got == pytest.approx(naive.effective_size(a, b, n))


@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=30), more=st.integers(0, 1000))
def test_false_discovery_matches_the_definition(p: list[float], more: int) -> None:
    tests = len(p) + more
    np.testing.assert_allclose(false_discovery(np.array(p), tests), naive.false_discovery(p, tests), atol=1e-12)


@pytest.mark.parametrize("lag", [0, 6, -9])
def test_a_planted_pair_is_found_with_its_lag(lag: int) -> None:
    x = ar1(0.8, 60, 480, 1)
    x[7] = np.roll(x[3], lag) * 0.9 + 0.3 * ar1(0.8, 1, 480, 2)[0]
    for target in (None, ("h3", "cpu_busy_ratio")):
        found = correlate([panel(x, step_s=15.0)], max_lag_s=300, target=target)
        assert [(p.host_a, p.host_b) for p in found.pairs] == [("h3", "h7")]
        assert found.pairs[0].lag_s == lag * 15.0
        assert found.pairs[0].r > 0.85
        assert found.pairs[0].q_value < 1e-6


def test_a_negative_pair_across_metrics_is_found() -> None:
    x = ar1(0.5, 10, 300, 3)
    other = Panel("latency_p95_s", ("h4",), 60.0 * np.arange(300), 1 - 0.5 * x[4:5] + 0.1 * ar1(0.5, 1, 300, 4))
    found = correlate([panel(x), other])
    assert [(p.metric_a, p.metric_b, p.host_a) for p in found.pairs] == [("cpu_busy_ratio", "latency_p95_s", "h4")]
    assert found.pairs[0].r < -0.9


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9, 0.98, 1.0])
@pytest.mark.parametrize("max_lag_s", [0.0, 150.0])
def test_independent_series_with_a_memory_give_almost_no_pair(phi: float, max_lag_s: float) -> None:
    pairs = tested = 0
    for seed in range(4):
        found = correlate([panel(ar1(phi, 80, 360, seed), step_s=15.0)], min_abs_r=0.1, max_lag_s=max_lag_s, top=10_000)
        pairs, tested = pairs + len(found.pairs), tested + found.tested_pairs
    assert tested == 4 * 80 * 79 // 2
    assert pairs <= 3


def test_a_shared_slow_walk_is_worth_few_readings() -> None:
    walk = ar1(1.0, 1, 400, 5)
    found = correlate([panel(np.concatenate([walk, walk + 0.01 * ar1(0.0, 1, 400, 6)]))])
    assert found.pairs[0].n_effective < 40


def test_series_that_do_not_move_or_are_hardly_read_are_left_out_and_counted() -> None:
    x = ar1(0.5, 5, 200, 7)
    x[1] = 0.3
    x[2, 50:] = np.nan
    found = correlate([panel(x)])
    assert found.pairs == ()
    assert found.tested_pairs == 3
    assert "1 do not move" in found.explanation and "1 have less than half" in found.explanation


def test_gaps_do_not_hide_a_pair() -> None:
    x = ar1(0.5, 20, 400, 8)
    x[5] = x[2] + 0.1 * x[5]
    x[np.random.default_rng(9).random(x.shape) < 0.1] = np.nan
    found = correlate([panel(x)])
    assert [(p.host_a, p.host_b) for p in found.pairs] == [("h2", "h5")]


def test_panels_on_different_grids_meet_on_the_coarser() -> None:
    fine = ar1(0.95, 2, 1200, 10)
    coarse = np.stack([fine[0].reshape(-1, 4).mean(axis=1)])
    times = 15.0 * np.arange(1200)
    panels = [
        Panel("cpu_busy_ratio", ("a", "b"), times, fine),
        Panel("requests_per_s", ("a",), times.reshape(-1, 4).mean(axis=1), 100 * coarse),
    ]
    found = correlate(panels)
    assert [(p.metric_a, p.metric_b, p.host_a, p.host_b) for p in found.pairs] == [
        ("cpu_busy_ratio", "requests_per_s", "a", "a")
    ]


def test_a_thinned_search_over_lags_still_finds_a_smooth_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAIR_WORK", 0.0)
    x = ar1(0.97, 20, 1000, 11)
    x[4] = np.roll(x[1], 33)
    found = correlate([panel(x, step_s=1.0)], max_lag_s=60)
    assert (found.pairs[0].host_a, found.pairs[0].host_b, found.pairs[0].lag_s) == ("h1", "h4", 33.0)
    assert "lags" in found.explanation


def test_only_the_strongest_pairs_are_told_and_the_rest_is_counted() -> None:
    x = ar1(0.0, 1, 200, 12) + 0.2 * ar1(0.0, 10, 200, 13)
    found = correlate([panel(x)], top=5)
    assert len(found.pairs) == 5
    assert "45 of 45 pairs" in found.explanation
    assert [abs(p.r) for p in found.pairs] == sorted((abs(p.r) for p in found.pairs), reverse=True)


def test_a_lag_longer_than_a_third_of_the_window_is_cut_and_said() -> None:
    found = correlate([panel(ar1(0.0, 4, 90, 14), step_s=10.0)], max_lag_s=800)
    assert "limited to 300 s" in found.explanation


def test_a_target_nobody_has_is_named_with_its_neighbours() -> None:
    with pytest.raises(NotFound, match="h1/cpu_busy_ratio"):
        correlate([panel(ar1(0.0, 3, 50, 15))], target=("h1", "cpu_busy"))


def test_a_target_that_does_not_move_is_explained() -> None:
    x = ar1(0.0, 3, 50, 16)
    x[1] = 1.0
    found = correlate([panel(x)], target=("h1", "cpu_busy_ratio"))
    assert found.pairs == () and "does not move" in found.explanation


@pytest.mark.parametrize(
    "options", [{"max_lag_s": -1.0}, {"max_lag_s": np.inf}, {"min_abs_r": 1.5}, {"q": 0.0}, {"top": 0}]
)
def test_an_option_out_of_range_is_refused_by_name(options: dict[str, float]) -> None:
    with pytest.raises(InvalidRequest, match=next(iter(options))):
        correlate([panel(ar1(0.0, 3, 50, 17))], **options)  # type: ignore[arg-type]


def test_too_few_instants_or_panels_apart_are_refused() -> None:
    with pytest.raises(InvalidRequest, match=f"at least {MIN_INSTANTS} instants, got 5"):
        correlate([panel(ar1(0.0, 3, 5, 18))])
    with pytest.raises(InvalidRequest, match="got 0"):
        correlate([])
    with pytest.raises(InvalidRequest, match="share 0 instants"):
        correlate([panel(ar1(0.0, 2, 50, 19)), panel(ar1(0.0, 2, 50, 20), start_s=1e6)])


def test_too_many_series_ask_for_a_target() -> None:
    x = np.random.default_rng(21).normal(size=(MAX_SERIES + 1, 16)).astype(np.float32)
    with pytest.raises(InvalidRequest, match="name a target"):
        correlate([panel(x)])


@given(seed=st.integers(0, 1000), rows=st.integers(1, 6), n=st.integers(MIN_INSTANTS, 40), share=st.floats(0, 0.9))
def test_any_panel_gives_finite_answers(seed: int, rows: int, n: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=(rows, n)), 1)
    x[rng.random(x.shape) < share] = np.nan
    found = correlate([panel(x)], min_abs_r=0.0, q=1.0, max_lag_s=300)
    for pair in found.pairs:
        assert np.isfinite([pair.r, pair.lag_s, pair.n_effective, pair.p_value, pair.q_value]).all()
        assert -1 <= pair.r <= 1
    assert found.explanation


def test_progress_counts_the_series_and_the_pairs_that_reach_the_least_r(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROWS", 8)
    monkeypatch.setattr(module, "_PAIR_ROWS", 8)
    x = ar1(0.0, 24, 300, 1)
    x[5] = x[20] = x[0]
    heard: list[tuple[float, str]] = []
    token = current_job.set(Job(lambda done, note: heard.append((done, note))))
    correlate([panel(x)], target=("h0", "cpu_busy_ratio"), min_abs_r=0.9)
    correlate([panel(x)], min_abs_r=0.9)
    current_job.reset(token)
    notes = [note for _, note in heard if note.startswith("correlating")]
    assert notes[:3] == [
        f"correlating: {n} of 24 series, {k} reach |r| 0.9 so far" for n, k in ((0, 0), (8, 1), (16, 1))
    ]
    assert notes[3:] == [
        f"correlating: {n} of 24 series with all others, {k} pairs reach |r| 0.9 so far"
        for n, k in ((0, 0), (8, 3), (16, 3))
    ]
    assert "testing 3 of 276 pairs for significance" in [note for _, note in heard]
    assert all(done <= 0.95 for done, _ in heard)


def test_what_was_tried_is_told_with_what_came_of_it() -> None:
    x = ar1(0.3, 30, 400, 4)
    x[1] = 0.9 * np.roll(x[0], 3) + 0.2 * x[1]
    x[2] = 0.0
    found = correlate([panel(x)], max_lag_s=300.0, min_abs_r=0.15)
    tried = found.tried
    assert (tried.series, tried.instants, tried.lags, found.tested_pairs) == (29, 400, 11, 29 * 28 // 2)
    assert tried.reached > tried.significant == len(found.pairs) >= 1
    assert 100 < tried.median_n_effective <= 400
    assert correlate([panel(x)], min_abs_r=1.0).tried.reached == 0
