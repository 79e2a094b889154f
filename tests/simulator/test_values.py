"""Simulated values: a function of seed, host, metric and instant, whatever they are read with."""

from __future__ import annotations

import naive_simulator
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core import catalog, job
from openmanager_core.errors import InvalidRequest, JobCancelled, NotFound
from openmanager_core.panel import Panel, Window
from openmanager_core.simulator import STATUSES, Fault, Simulator
from openmanager_core.simulator.scenarios import random_faults

START_S = 1_793_577_600.0
DAY_S = 86400.0
TROUBLED = Simulator(60, 11).with_faults(random_faults(Simulator(60, 11).fleet(), START_S, START_S + 20 * DAY_S, 5))
HOSTS = tuple(s.id for s in TROUBLED.fleet().servers)


def _same(a: Panel, b: Panel) -> None:
    """Every reading that both panels hold is the same to the bit."""
    rows = [h for h in a.hosts if h in b.hosts]
    times, left, right = np.intersect1d(a.times_s, b.times_s, return_indices=True)
    one, two = a.take(rows).values[:, left], b.take(rows).values[:, right]
    assert one.shape == (len(rows), len(times))
    assert one.dtype == two.dtype == np.float32
    np.testing.assert_array_equal(one.view(np.uint32), two.view(np.uint32))


@given(
    metric=st.sampled_from([m.name for m in catalog.METRICS]),
    offset=st.integers(0, 200_000),
    length=st.integers(1, 400),
    stride=st.integers(1, 100),
    inner=st.tuples(st.integers(0, 399), st.integers(1, 400), st.integers(1, 7)),
    hosts=st.lists(st.sampled_from(HOSTS), min_size=1, max_size=60, unique=True),
)
def test_overlapping_reads_agree_bit_for_bit(
    metric: str, offset: int, length: int, stride: int, inner: tuple[int, int, int], hosts: list[str]
) -> None:
    step_s = 3.0 * stride
    first = START_S + 3.0 * offset
    wide = TROUBLED.read(metric, Window(first, first + length * step_s, step_s))
    begin, count, skip = inner[0] % length, inner[1], inner[2]
    start = first + begin * step_s
    _same(TROUBLED.read(metric, Window(start, start + count * skip * step_s, skip * step_s), hosts), wide)


@given(st.lists(st.sampled_from(HOSTS), min_size=1, max_size=8, unique=True), st.integers(0, 100_000))
def test_reading_metrics_together_changes_none_of_them(hosts: list[str], offset: int) -> None:
    window = Window(START_S + 3 * offset, START_S + 3 * offset + 300, 15)
    names = [m.name for m in catalog.METRICS]
    together = TROUBLED.read_many(names, window, hosts)
    assert list(together) == names
    for name in names:
        _same(together[name], TROUBLED.read(name, window, hosts))


def test_a_window_longer_than_a_block_agrees_with_its_parts() -> None:
    window = Window(START_S, START_S + 20_000 * 3, 3)
    whole = TROUBLED.read("latency_p95_s", window)
    part = TROUBLED.read("latency_p95_s", Window(START_S + 9_999 * 3, START_S + 10_100 * 3, 3), HOSTS[::-7])
    assert part.values.shape == (9, 101)
    _same(part, whole)


def test_the_same_arguments_give_the_same_values_and_another_seed_gives_others() -> None:
    window = Window(START_S, START_S + 600, 15)
    first, again = (Simulator(20, 3).read("cpu_busy_ratio", window) for _ in range(2))
    other = Simulator(20, 4).read("cpu_busy_ratio", window)
    _same(first, again)
    assert (first.values != other.values).mean() > 0.9


def test_a_value_holds_for_a_tick() -> None:
    panel = Simulator(10, 3, tick_s=3.0).read("requests_per_s", Window(START_S, START_S + 30, 0.5))
    values = panel.values.reshape(10, 10, 6)
    np.testing.assert_array_equal(values, np.broadcast_to(values[:, :, :1], values.shape))
    assert (np.diff(values[:, :, 0], axis=1) != 0).all()


@pytest.mark.parametrize("tick_s", [1.0, 3.0, 10.0])
def test_values_are_those_of_the_slow_twin(tick_s: float) -> None:
    simulator = Simulator(30, 3, tick_s)
    window = Window(START_S, START_S + 6 * DAY_S, 7013)
    fast = simulator.read_many(catalog.SCREENED, window)
    ticks = simulator.ticks(window.times_s()).tolist()
    slow = np.array([[server.update(t) for t in ticks] for server in naive_simulator.fleet(simulator)])
    steps = simulator._habits.cpu_steps[simulator._columns.cluster][:, None]
    for i, name in enumerate(catalog.SCREENED):
        # single against double precision; CPU is rounded and may fall on the other side
        unit, atol = (steps, 1.05) if name == "cpu_busy_ratio" else (1.0, 1e-7)
        np.testing.assert_allclose(fast[name].values * unit, slow[:, :, i] * unit, rtol=3e-4, atol=atol, err_msg=name)


@given(st.sampled_from(catalog.METRICS), st.integers(0, 400), st.integers(0, 2**63 - 1))
def test_readings_stay_within_the_bounds_of_the_catalogue(metric: catalog.Metric, day: int, seed: int) -> None:
    fleet = Simulator(40, seed).fleet()
    start_s = START_S + day * DAY_S
    faults = random_faults(fleet, start_s, start_s + DAY_S, seed)
    harsh = Fault("", "cpu_saturation", (fleet.servers[0].id,), start_s, None, 1.0)
    panel = Simulator(40, seed, 3.0, (*faults, harsh)).read(metric.name, Window(start_s, start_s + DAY_S, 613))
    found = panel.values[np.isfinite(panel.values)]
    assert found.size
    assert found.min() >= metric.low
    assert found.max() <= metric.high


def test_quantiles_of_latency_are_in_order() -> None:
    window = Window(START_S, START_S + 2 * DAY_S, 600)
    found = TROUBLED.read_many(("latency_p50_s", "latency_p95_s", "latency_p99_s"), window)
    p50, p95, p99 = (np.nan_to_num(p.values) for p in found.values())
    assert (p50 <= p95).all()
    assert (p95 <= p99).all()


def test_only_servers_that_have_a_metric_are_read() -> None:
    window = Window(START_S, START_S + 60, 15)
    assert all(h.startswith("cache-") for h in TROUBLED.read("cache_hit_ratio", window).hosts)
    panel = TROUBLED.read("cache_hit_ratio", window, ["web-us-east-1-001", "cache-us-east-1-001"])
    assert np.isnan(panel.values[0]).all()
    assert np.isfinite(panel.values[1]).all()


def test_rows_come_in_the_order_asked_for_even_if_a_host_is_named_twice() -> None:
    window = Window(START_S, START_S + 60, 15)
    asked = (HOSTS[5], HOSTS[2], HOSTS[5])
    panel = TROUBLED.read("cpu_busy_ratio", window, asked)
    assert panel.hosts == asked
    np.testing.assert_array_equal(panel.values[0], panel.values[2])
    np.testing.assert_array_equal(panel.values[1], TROUBLED.read("cpu_busy_ratio", window).take([HOSTS[2]]).values[0])


def test_without_a_fault_hardly_any_server_runs_full() -> None:
    values = Simulator(200, 7).read("cpu_busy_ratio", Window(START_S, START_S + 14 * DAY_S, 600)).values
    assert (values > 0.97).mean() < 1e-3


def test_times_before_1970_can_be_read_and_times_that_are_no_seconds_are_refused() -> None:
    assert np.isfinite(Simulator(5).read("cpu_busy_ratio", Window(-1e6, -1e6 + 60, 3)).values).all()
    with pytest.raises(InvalidRequest, match="within"):
        Simulator(5).read("cpu_busy_ratio", Window(1.8e18, 1.8e18 + 1e10, 1e9))


def test_no_hosts_give_an_empty_panel() -> None:
    assert TROUBLED.read("cpu_busy_ratio", Window(START_S, START_S + 60, 15), []).values.shape == (0, 4)


def test_unknown_names_are_answered_with_the_nearest() -> None:
    window = Window(START_S, START_S + 60, 15)
    with pytest.raises(NotFound, match="cpu_busy_ratio"):
        TROUBLED.read("cpu_busy_ration", window)
    with pytest.raises(NotFound, match="web-us-east-1-001"):
        TROUBLED.read("cpu_busy_ratio", window, ["web-us-east-1-01"])
    with pytest.raises(NotFound, match="no server of this fleet has cache_hit_ratio"):
        Simulator(1).read("cache_hit_ratio", window)


def test_a_long_read_stops_when_nobody_waits_any_more() -> None:
    work = job.Job()
    work.cancel()
    token = job.current_job.set(work)
    try:
        with pytest.raises(JobCancelled):
            TROUBLED.read("cpu_busy_ratio", Window(START_S, START_S + DAY_S, 3))
    finally:
        job.current_job.reset(token)


def test_the_status_changes_in_two_per_cent_of_updates() -> None:
    status = Simulator(50, 2).status(Window(START_S, START_S + 4000 * 3, 3))
    assert (np.diff(status.codes, axis=1) != 0).mean() == pytest.approx(0.02, abs=0.0005)
    assert (status.codes == STATUSES.index("running")).mean() > 0.9
    assert set(status.names(0)) <= set(STATUSES)


@given(st.integers(0, 5000), st.integers(1, 50), st.lists(st.sampled_from(HOSTS), min_size=1, unique=True))
def test_the_status_is_a_function_of_host_and_instant(offset: int, stride: int, hosts: list[str]) -> None:
    start_s = START_S + 3 * offset
    part = TROUBLED.status(Window(start_s, start_s + 40 * 3 * stride, 3 * stride), hosts)
    whole = TROUBLED.status(Window(start_s, start_s + 40 * 3 * stride, 3))
    rows = [whole.hosts.index(h) for h in hosts]
    np.testing.assert_array_equal(part.codes, whole.codes[rows][:, ::stride])
