"""Series as they come in: the same as a slow twin, one page for one event, a past that is learned or ticked through."""

from __future__ import annotations

import io
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_ticking import Series

from openmanager_core.analysis import _tick
from openmanager_core.analysis.ticking import _BLOCK as B
from openmanager_core.analysis.ticking import Rules, Tick, Ticker
from openmanager_core.errors import InvalidRequest

QUICK = Rules(
    level_s=600, recent_s=60, tail_s=3600, threshold=4.0, confirm=2, warm_up=8, calm_s=60, accept_s=240, silent_s=60
)
STEP_S = 15.0
KINDS = ("began", "ended", "accepted", "fell_silent", "spoke_again")

readings = st.sampled_from([0.0, 1.0, 1.0, 1.25, 1.5, 2.0, 40.0, -3e3, 1e35, float("nan"), float("inf")])
gaps = st.sampled_from([15.0, 15.0, 15.0, 1.0, 300.0, 0.0, -30.0])


@st.composite
def pasts(draw: st.DrawFn) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Readings of a few series, shape (n_times, n_series), at times that mostly advance."""
    n_times, n_series = draw(st.integers(1, 60)), draw(st.integers(1, 4))
    some = draw(st.lists(st.lists(readings, min_size=n_series, max_size=n_series), min_size=n_times, max_size=n_times))
    noise = np.random.default_rng(draw(st.integers(0, 9))).normal(
        scale=draw(st.sampled_from([0.0, 0.1])), size=n_series
    )
    times = 1_800_000_000.0 + np.cumsum(draw(st.lists(gaps, min_size=n_times, max_size=n_times)))
    return np.array(some) + noise * np.arange(n_times)[:, None], times


def happened(tick: Tick, series: int) -> set[str]:
    return {kind for kind in KINDS if series in getattr(tick, kind)}


def run(ticker: Ticker, values: npt.NDArray[Any], start_s: float = 0.0) -> list[Tick]:
    """Tick through rows of one series or of several."""
    rows = values[:, None] if values.ndim == 1 else values
    return [ticker.tick(row, start_s + STEP_S * k) for k, row in enumerate(rows)]


def noise(n: int, seed: int = 1, series: int = 1) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).normal(10.0, 1.0, size=(n, series))


@given(pasts(), st.sampled_from([0.0, 0.5]), st.sampled_from([0.0, 0.1]))
def test_ticking_matches_a_twin_that_looks_at_one_series_at_a_time(
    past: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]], floor: float, relative: float
) -> None:
    values, times = past
    ticker = Ticker(values.shape[1], QUICK, floor=floor, relative=relative)
    twins = [Series(**asdict(QUICK), floor=floor, relative=relative) for _ in range(values.shape[1])]
    for row, time_s in zip(values, times.tolist(), strict=True):
        tick = ticker.tick(row, time_s)
        with np.errstate(all="ignore"):
            judged = [twin.tick(value, time_s) for twin, value in zip(twins, row, strict=True)]
        np.testing.assert_allclose(tick.scores, [score for score, _ in judged], rtol=1e-5, atol=1e-6)
        assert [happened(tick, k) for k in range(len(twins))] == [what for _, what in judged]
        assert tick.unusual.tolist() == [k for k, twin in enumerate(twins) if twin.event_s >= 0]
    np.testing.assert_allclose(
        ticker.saved()["state"].T, np.array([twin.state() for twin in twins]), rtol=1e-5, atol=1e-6
    )


@given(pasts(), st.integers(0, 60))
def test_learning_a_past_gives_the_same_state_to_the_bit_as_ticking_through_it(
    past: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]], cut: int
) -> None:
    values, times = past
    seeded, ticked = Ticker(values.shape[1], QUICK), Ticker(values.shape[1], QUICK)
    seeded.seed(values[:cut], times[:cut])
    seeded.seed(values[cut:], times[cut:])
    for row, time_s in zip(values, times.tolist(), strict=True):
        ticked.tick(row, time_s)
    np.testing.assert_array_equal(seeded.saved()["state"], ticked.saved()["state"])
    assert seeded.time_s == ticked.time_s


def test_more_series_than_fit_into_one_block_are_judged_like_few() -> None:
    values = np.random.default_rng(2).normal(size=(70, 2 * B + 5))
    values[-3:, [0, B, 2 * B + 4]] += 60
    many, few = Ticker(values.shape[1], QUICK), Ticker(3, QUICK)
    many.seed(values[:40], STEP_S * np.arange(40))
    few.seed(values[:40, [0, B, 2 * B + 4]], STEP_S * np.arange(40))
    for k in range(40, 70):
        all_of_them = many.tick(values[k], STEP_S * k)
        three = few.tick(values[k, [0, B, 2 * B + 4]], STEP_S * k)
        np.testing.assert_array_equal(all_of_them.scores[[0, B, 2 * B + 4]], three.scores)
    assert all_of_them.unusual.tolist() == [0, B, 2 * B + 4]


def test_one_event_pages_once_while_it_lasts_and_its_end_is_told_once() -> None:
    values = noise(400)
    values[200:230] += 12
    ticks = run(Ticker(1), values)
    began = [k for k, tick in enumerate(ticks) if len(tick.began)]
    ended = [k for k, tick in enumerate(ticks) if len(tick.ended)]
    assert began == [202]  # the second and the third reading confirm the first
    assert len(ended) == 1
    assert 230 + Rules().calm_s / STEP_S <= ended[0] <= 262
    assert all(tick.unusual.tolist() == ([0] if 202 <= k < ended[0] else []) for k, tick in enumerate(ticks))


def test_a_stray_reading_or_two_are_no_event() -> None:
    values = noise(300)
    values[[200, 210, 211]] += 50
    ticks = run(Ticker(1), values)
    assert ticks[200].scores[0] > Rules().threshold
    assert not any(len(tick.began) for tick in ticks)


def test_a_small_shift_that_stays_is_found_by_the_recent_mean() -> None:
    values = noise(600, seed=4)
    values[400:] += 3.5
    began = [k for k, tick in enumerate(run(Ticker(1), values)) if len(tick.began)]
    assert len(began) == 1
    assert 400 < began[0] <= 440


def test_what_lasts_is_accepted_as_the_new_normal_and_the_way_back_is_an_event_of_its_own() -> None:
    values = noise(1200)
    values[300:800] += 15
    ticker = Ticker(1)
    ticks = run(ticker, values)
    began = [k for k, tick in enumerate(ticks) if len(tick.began)]
    accepted = [k for k, tick in enumerate(ticks) if len(tick.accepted)]
    assert began[0] == 302
    assert 800 < began[1] <= 806
    assert len(began) == 2
    assert accepted[0] == 302 + Rules().accept_s / STEP_S
    assert not any(len(tick.ended) for tick in ticks[:800])


def test_after_the_largest_event_the_end_is_seen_as_soon_as_after_a_small_one() -> None:
    values = noise(400)
    values[200:230] += 5000
    ended = [k for k, tick in enumerate(run(Ticker(1), values)) if len(tick.ended)]
    assert len(ended) == 1
    assert 250 <= ended[0] <= 262


def test_an_event_that_flickers_is_one_event() -> None:
    values = noise(400)
    values[200:300] += 15 * (np.arange(100) // 5 % 2 == 0)[:, None]
    assert sum(len(tick.began) for tick in run(Ticker(1), values)) == 1


def test_a_series_that_bursts_all_the_time_is_learned_to_be_like_that() -> None:
    rng = np.random.default_rng(3)
    values = noise(4000)
    for start in rng.integers(300, 3900, 60):
        values[start : start + 3] += rng.uniform(10, 15)
    began = [k for k, tick in enumerate(run(Ticker(1), values)) if len(tick.began)]
    assert 1 <= len(began) <= 15
    assert sum(k > 2000 for k in began) <= 0.35 * len(began)


def test_unusual_readings_do_not_become_their_own_yardstick() -> None:
    ticker = Ticker(1)
    run(ticker, noise(300))
    before = ticker.saved()["state"]
    run(ticker, np.full((40, 1), 60.0), STEP_S * 300)
    after = ticker.saved()["state"]
    for field in ("level", "spread"):
        at = _tick.FIELDS.index(field)
        assert after[at, 0] == pytest.approx(before[at, 0], rel=0.1)


def test_a_quiet_fleet_of_independent_series_is_quiet() -> None:
    values = np.random.default_rng(5).normal(size=(1500, 400))
    ticker = Ticker(400)
    began = sum(len(tick.began) for tick in run(ticker, values))
    assert began <= 1  # 0.6 million readings


def test_a_gap_is_no_event_and_falling_silent_is_told_once_as_is_the_return() -> None:
    values = noise(300)
    values[200:230] = np.nan
    ticks = run(Ticker(1), values)
    assert [k for k, tick in enumerate(ticks) if len(tick.fell_silent)] == [199 + Rules().silent_s / STEP_S]
    assert [k for k, tick in enumerate(ticks) if len(tick.spoke_again)] == [230]
    assert not any(len(tick.began) for tick in ticks)
    assert not any(tick.scores[0] for tick in ticks[200:230])


def test_a_late_instant_changes_nothing() -> None:
    ticker = Ticker(2, QUICK)
    run(ticker, noise(20, series=2))
    before = ticker.saved()
    for late_s in (STEP_S * 19, STEP_S * 3, -1e9):
        tick = ticker.tick([1e6, 1e6], late_s)
        assert tick.late
        assert not tick.scores.any()
        assert not len(tick.began)
    np.testing.assert_array_equal(ticker.saved()["state"], before["state"])
    assert ticker.time_s == STEP_S * 19


def test_a_constant_series_is_quiet_its_rounding_too_and_its_first_change_is_an_event() -> None:
    values = np.full(300, 1e6)
    values[100:] += 1e-3 * np.random.default_rng(1).normal(size=200)
    values[250:] = 1.2e6
    assert [k for k, tick in enumerate(run(Ticker(1), values)) if len(tick.began)] == [252]


def test_changes_below_the_floor_are_no_events() -> None:
    values = np.full(300, 0.5)
    values[200:] = 0.52
    assert not any(len(tick.began) for tick in run(Ticker(1, floor=0.01), values))
    assert not any(len(tick.began) for tick in run(Ticker(1, relative=0.05), values))


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_another_unit_finds_the_same_events(scale: float) -> None:
    values = noise(400)
    values[200:230] += 12
    one, other = run(Ticker(1), values), run(Ticker(1), values * scale)
    assert [tick.began.tolist() for tick in one] == [tick.began.tolist() for tick in other]


def test_what_was_saved_goes_on_as_if_nothing_had_happened() -> None:
    values = noise(300, series=5)
    values[140:170, 2] += 20
    whole, first = Ticker(5, QUICK), Ticker(5, QUICK)
    run(whole, values)
    run(first, values[:150])
    file = io.BytesIO()
    np.savez(file, **first.saved())
    file.seek(0)
    second = Ticker(5, QUICK)
    with np.load(file, allow_pickle=False) as saved:
        second.restore(saved)
    assert second.tick(values[150], STEP_S * 150).unusual.tolist() == [2]
    run(second, values[151:], STEP_S * 151)
    np.testing.assert_array_equal(second.saved()["state"], whole.saved()["state"])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", np.array(2)),
        ("version", np.array("x")),
        ("fields", np.array(["level"])),
        ("state", np.zeros((len(_tick.FIELDS), 4), np.float32)),
        ("state", np.full((len(_tick.FIELDS), 5), np.nan, np.float32)),
        ("time_s", np.array(np.inf)),
        ("time_s", None),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(key: str, value: Any) -> None:
    ticker = Ticker(5, QUICK)
    run(ticker, noise(20, series=5))
    saved = ticker.saved()
    before = saved["state"].copy()
    saved[key] = value
    with pytest.raises(InvalidRequest, match="state"):
        ticker.restore({name: array for name, array in saved.items() if array is not None})
    np.testing.assert_array_equal(ticker.saved()["state"], before)


def test_series_that_come_go_and_change_places_keep_what_is_known_of_them() -> None:
    values = noise(200, series=3)
    old = Ticker(3, QUICK)
    run(old, values[:150])
    new = old.taken([2, -1, 0])
    ticks = run(new, np.column_stack([values[150:, 2], values[150:, 1], values[150:, 0]]), STEP_S * 150)
    stayed = run(old, values[150:], STEP_S * 150)
    assert [tick.scores[0] for tick in ticks] == [tick.scores[2] for tick in stayed]
    assert [tick.scores[2] for tick in ticks] == [tick.scores[0] for tick in stayed]
    assert not any(tick.scores[1] for tick in ticks[: QUICK.warm_up])


def test_memory_does_not_grow_with_time() -> None:
    ticker = Ticker(100)
    before = ticker.nbytes
    run(ticker, noise(500, series=100))
    assert ticker.nbytes == before <= 100 * 80


def test_what_cannot_be_is_refused_in_words() -> None:
    with pytest.raises(InvalidRequest, match="n_series must be at least 0, got -1"):
        Ticker(-1)
    with pytest.raises(InvalidRequest, match="threshold must be above 0"):
        Rules(threshold=0)
    with pytest.raises(InvalidRequest, match="confirm must be at least 1, got 0"):
        Rules(confirm=0)
    with pytest.raises(InvalidRequest, match=r"floor must be a number or have shape \(2,\), got \(3,\)"):
        Ticker(2, floor=[1, 2, 3])
    with pytest.raises(InvalidRequest, match="relative must be finite"):
        Ticker(2, relative=-1)
    ticker = Ticker(2)
    with pytest.raises(InvalidRequest, match=r"values must have shape \(2,\), got \(3,\)"):
        ticker.tick([1, 2, 3], 0)
    with pytest.raises(InvalidRequest, match="time_s must be finite"):
        ticker.tick([1, 2], float("nan"))
    with pytest.raises(InvalidRequest, match=r"history must have shape \(1, 2\), got \(1, 3\)"):
        ticker.seed([[1, 2, 3]], [0])
    with pytest.raises(InvalidRequest, match="times_s must be finite"):
        ticker.seed([[1, 2]], [np.inf])


def test_no_series_at_all_is_fine() -> None:
    tick = Ticker(0).tick([], 1.0)
    assert tick.scores.shape == (0,)
    assert not tick.late
