"""Two windows: real shifts are called, autocorrelation is not mistaken for one."""

from __future__ import annotations

from math import sqrt

import naive_detect
import numpy as np
import pytest
from detect.series import Array, autoregressive, panel
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from openmanager_core.analysis._memory import memory, two_sided_t
from openmanager_core.analysis.compare import (
    FALSE_DISCOVERY_RATE,
    adjusted,
    compare_windows,
    corrected,
    rank_test,
    shift,
)
from openmanager_core.errors import InsufficientData, InvalidRequest

HOSTS, N = 60, 240


def windows(phi: float, seed: int = 1) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return 0.4 + 0.05 * autoregressive(rng, phi, HOSTS, N), 0.4 + 0.05 * autoregressive(rng, phi, HOSTS, N)


def test_shifted_hosts_are_called_changed_and_come_first() -> None:
    before, after = windows(0.5)
    after[:6] += 0.1
    found = compare_windows(panel(before), panel(after))
    shifted = {f"h{i}" for i in range(6)}
    assert {d.host for d in found[:6]} == shifted
    assert shifted <= {d.host for d in found if d.changed}
    assert sum(d.changed for d in found) <= 8
    best = found[0]
    assert best.change == pytest.approx(0.1, abs=0.03)
    assert best.change_ratio == pytest.approx(best.change / best.before)
    assert best.effect_sigma > 1


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_slow_noise_is_not_called_a_change(phi: float) -> None:
    before, after = windows(phi)
    found = compare_windows(panel(before), panel(after))
    assert sum(d.changed for d in found) <= 1
    assert np.mean([d.p_value < 0.05 for d in found]) <= 0.15


def test_a_change_below_what_is_worth_a_thought_is_not_called() -> None:
    before, after = windows(0.0)
    found = compare_windows(panel(before / 100), panel(after / 100 + 0.004))
    assert found[0].q_value < 0.001
    assert not found[0].changed


def test_metrics_compared_together_are_corrected_together() -> None:
    before, after = windows(0.0)
    after[:3] += 0.1
    separate = [
        difference
        for name in ("cpu_busy_ratio", "memory_used_ratio", "disk_used_ratio")
        for difference in compare_windows(
            panel(before if name == "cpu_busy_ratio" else before[::-1].copy(), name),
            panel(after if name == "cpu_busy_ratio" else before[:, ::-1].copy(), name),
        )
    ]
    together = corrected(separate)
    wanted = adjusted(np.array([d.p_value for d in together]))
    assert [d.q_value for d in together] == pytest.approx(wanted)
    assert {(d.host, d.metric) for d in together[:3]} == {(f"h{i}", "cpu_busy_ratio") for i in range(3)}
    assert all(d.changed for d in together[:3])
    assert {(d.host, d.metric, d.p_value, d.change) for d in together} == {
        (d.host, d.metric, d.p_value, d.change) for d in separate
    }
    assert corrected([]) == []


def test_hosts_with_too_few_readings_or_in_one_window_only_are_left_out() -> None:
    before, after = windows(0.0)
    before[0, 4:] = np.nan
    found = compare_windows(panel(before), panel(after).take(["h0", "h1", "h2", "elsewhere"]))
    assert {d.host for d in found} == {"h1", "h2"}


def test_no_host_to_compare_is_said_and_not_answered_with_nothing() -> None:
    with pytest.raises(InsufficientData, match="no host has 5 readings of cpu_busy_ratio"):
        compare_windows(panel(np.ones((2, 4))), panel(np.ones((2, 4))))


def test_two_metrics_are_not_compared() -> None:
    with pytest.raises(InvalidRequest, match="got cpu_busy_ratio and disk_used_ratio"):
        compare_windows(panel(np.ones((2, 9))), panel(np.ones((2, 9)), "disk_used_ratio"))


def test_constant_windows_are_equal_or_plainly_different() -> None:
    same, moved = compare_windows(panel(np.full((2, 20), 0.5)), panel(np.array([[0.5] * 20, [0.9] * 20])))[::-1]
    assert (same.p_value, same.changed, same.change) == (1.0, False, 0.0)
    assert moved.changed


def test_the_ratio_is_null_where_there_was_nothing_before() -> None:
    (found,) = compare_windows(panel(np.zeros((1, 20)), "errors_per_s"), panel(np.ones((1, 20)), "errors_per_s"))
    assert found.change_ratio is None


def test_the_shift_is_the_median_of_all_differences() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=60), rng.normal(2, 1, size=80)
    assert shift(a, b) == pytest.approx(np.median([v - u for u in a for v in b]))
    long_a, long_b = rng.normal(size=3000), rng.normal(2, 1, size=3000)
    assert shift(long_a, long_b) == pytest.approx(np.median(long_b[:, None] - long_a[None, :]), abs=0.01)


def test_without_memory_the_test_is_mann_and_whitneys_with_the_tail_of_student() -> None:
    a = np.array([1.0, 5.0, 2.0, 8.0, 3.0, 7.0, 1.5, 6.0, 2.5, 7.5])
    b = np.array([4.0, 9.0, 2.0, 10.0, 6.0, 11.0, 3.5, 12.0])
    assert memory(a) == 1.0
    wins = naive_detect.mann_whitney_wins(a, b)
    variance = 80 / 12 * (19 - 6 / (18 * 17))
    t = (abs(wins - 40) - 0.5) / sqrt(variance)
    assert rank_test(a, b) == pytest.approx(naive_detect.student_tail(t, 4.5), rel=0.02)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.5, 0.9]), st.integers(8, 60))
def test_the_memory_of_a_series_matches_the_definition(seed: int, phi: float, n: int) -> None:
    x = autoregressive(np.random.default_rng(seed), phi, 1, n)[0]
    assert memory(x) == pytest.approx(naive_detect.memory(x.tolist()), rel=1e-6)


@pytest.mark.parametrize(("phi", "wanted"), [(0.0, 1.0), (0.5, 3.0), (0.8, 9.0), (0.9, 19.0)])
def test_the_memory_is_that_of_the_process(phi: float, wanted: float) -> None:
    rows = autoregressive(np.random.default_rng(3), phi, 60, 1200)
    assert np.median([memory(row) for row in rows]) == pytest.approx(wanted, rel=0.25)
    hidden = rows + np.random.default_rng(4).normal(size=rows.shape)
    assert np.median([memory(row) for row in hidden]) == pytest.approx(0.5 * (wanted + 1), rel=0.3)


def test_a_memory_as_long_as_the_window_is_not_measured() -> None:
    assert memory(np.arange(100.0)) == np.inf
    assert memory(np.ones(20)) == memory(np.array([3.0])) == 1.0
    assert rank_test(np.arange(50.0), np.arange(50.0) + 500) == 1.0


@pytest.mark.parametrize("freedom", [1.0, 2.5, 8.0, 60.0])
@pytest.mark.parametrize("t", [0.5, 2.0, 6.0])
def test_the_tail_is_students_and_never_too_small(t: float, freedom: float) -> None:
    assert 0.985 <= two_sided_t(t, freedom) / naive_detect.student_tail(t, freedom) <= 1.15


NOISES = {
    "white": lambda rng: autoregressive(rng, 0.0, 80, 2 * N),
    "slow": lambda rng: autoregressive(rng, 0.5, 80, 2 * N),
    "slower": lambda rng: autoregressive(rng, 0.9, 80, 2 * N),
    "under noise": lambda rng: autoregressive(rng, 0.9, 80, 2 * N) + 0.7 * rng.normal(size=(80, 2 * N)),
    "heavy": lambda rng: rng.standard_t(2, size=(80, 2 * N)),
    "rare": lambda rng: (rng.random((80, 2 * N)) < 0.02) * rng.exponential(1, (80, 2 * N)),
}


def test_looks_at_windows_without_a_change_find_one_no_more_often_than_the_rate_says() -> None:
    runs, names = 24, ("cpu_busy_ratio", "memory_used_ratio", "disk_used_ratio", "load_per_core_ratio")
    wrong = dict.fromkeys(NOISES, 0)
    for kind, make in NOISES.items():
        for seed in range(runs):
            metrics = np.split(0.4 + 0.05 * make(np.random.default_rng(seed)), len(names))
            found = [
                d
                for name, rows in zip(names, metrics, strict=True)
                for d in compare_windows(panel(rows[:, :N].copy(), name), panel(rows[:, N:].copy(), name))
            ]
            wrong[kind] += any(d.changed for d in corrected(found))
    looks = runs * len(NOISES)
    assert sum(wrong.values()) <= FALSE_DISCOVERY_RATE * looks + 2.6 * sqrt(0.05 * 0.95 * looks), wrong
    assert max(wrong.values()) <= FALSE_DISCOVERY_RATE * runs + 3.3 * sqrt(0.05 * 0.95 * runs), wrong


def test_a_change_that_began_inside_of_the_window_after_is_called() -> None:
    before, after = windows(0.5)
    after[:5, N // 3 :] += 0.2
    changed = {d.host for d in compare_windows(panel(before), panel(after)) if d.changed}
    assert changed >= {f"h{i}" for i in range(5)} and len(changed) <= 7


@given(arrays(np.float64, st.integers(1, 12), elements=st.floats(0, 1)))
def test_adjusted_p_values_match_the_definition(p: Array) -> None:
    np.testing.assert_allclose(adjusted(p), naive_detect.benjamini_hochberg(p), atol=1e-12)
