"""Irregular samples on a grid, against walking through them one by one."""

from __future__ import annotations

import naive_processing as naive
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.source._grid import Samples

READINGS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 100), st.floats(0, 10) | st.just(float("nan"))), max_size=60
)


def samples_of(rows: list[tuple[int, int, float]]) -> tuple[Samples, int]:
    series, times, values = (np.array([r[i] for r in rows], dtype=d) for i, d in enumerate((int, float, float)))
    return Samples.sorted_from(series, times, values, 5)


def slowly(rows: list[tuple[int, int, float]], series: int) -> tuple[np.ndarray, np.ndarray]:
    kept = {t: v for s, t, v in rows if s == series}
    times = sorted(kept)
    return np.array(times, dtype=float), np.array([kept[t] for t in times])


@given(READINGS, st.floats(-30, 130), st.sampled_from([1.0, 7.0, 20.0]), st.sampled_from([0.5, 10.0, 50.0]))
def test_gridding_matches_its_twin(rows: list[tuple[int, int, float]], start: float, step: float, stale: float) -> None:
    samples, lost = samples_of(rows)
    at = start + step * np.arange(9)
    expected = [[naive.newest(*slowly(rows, s), float(t), stale) for t in at] for s in range(5)]
    np.testing.assert_array_equal(samples.on_grid(np.arange(5), at, stale), np.array(expected))
    assert lost == len(rows) - len({(s, t) for s, t, _ in rows})


@given(READINGS, st.integers(-10, 110), st.integers(1, 60))
def test_means_over_an_interval_match_their_twin(rows: list[tuple[int, int, float]], until: int, over: int) -> None:
    samples, _ = samples_of(rows)
    expected = []
    for s in range(5):
        times, values = slowly(rows, s)
        inside = values[(times > until - over) & (times <= until)] if len(times) else np.array([])
        inside = inside[np.isfinite(inside)]
        expected.append(inside.mean() if len(inside) else np.nan)
    np.testing.assert_allclose(samples.mean_between(np.arange(5), until - over, until), expected)


def test_many_series_at_real_times_do_not_reach_into_each_other() -> None:
    rng = np.random.default_rng(3)
    n, start = 600, 1.79e9
    series = np.repeat(np.arange(n), 20)
    times = start + np.sort(rng.random((n, 20)) * 86_400, axis=1).ravel()
    samples, _ = Samples.sorted_from(series, times, series.astype(float), n)
    read = samples.on_grid(np.arange(n), start + 3600.0 * np.arange(-2, 30), 1e9)
    assert np.isnan(read[:, :2]).all()
    assert (np.isnan(read) | (read == np.arange(n)[:, None])).all()
    assert (read[:, -1] == np.arange(n)).all()
