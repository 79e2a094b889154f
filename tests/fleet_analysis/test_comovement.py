"""Servers that leave the moves of their peers, and metrics that leave each other's, are told; nothing else is."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import naive_fleet as naive
import numpy as np
import numpy.typing as npt
import pytest
from detect.series import Array, autoregressive
from fleet_analysis import fleets
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from openmanager_core.analysis import _moves
from openmanager_core.analysis.comovement import partings
from openmanager_core.analysis.fleet_causes import find_causes
from openmanager_core.analysis.overview import overview
from openmanager_core.catalog import METRICS
from openmanager_core.errors import InvalidRequest
from openmanager_core.findings import Finding
from openmanager_core.fleet import Fleet
from openmanager_core.panel import Panel, Window
from openmanager_core.simulator import Simulator
from openmanager_core.wording import said

N, CUT = 240, 150
ROWS = hnp.arrays(np.float64, (5, 8, 12), elements=st.floats(-4, 4, width=16))


def together(
    seed: int, *, phi: float = 0.6, load: float = 0.95, servers: int = 16, n_times: int = N
) -> tuple[Fleet, Array]:
    """Clusters of eight whose CPU has one common mood each; shape ``(servers, n_times)``, 0.4 on average."""
    rng = np.random.default_rng(seed)
    fleet, _, _ = fleets.make(servers, n_times=n_times)
    common = np.repeat(autoregressive(rng, phi, -(-servers // 8), n_times), 8, axis=0)[:servers]
    own = autoregressive(rng, phi, servers, n_times)
    return fleet, 0.4 + 0.03 * (load * common + math.sqrt(1 - load**2) * own)


def cpu(values: Array, fleet: Fleet, metric: str = "cpu_busy_ratio") -> Panel:
    times_s = fleets.START_S + 15.0 * np.arange(values.shape[1])
    return Panel(metric, tuple(s.id for s in fleet.servers), times_s, values)


def stranger(seed: int, length: int, phi: float = 0.6) -> Array:
    """A mood of its own, of the same size as everybody's."""
    return 0.4 + 0.03 * autoregressive(np.random.default_rng([seed, 9]), phi, 1, N)[0, -length:]


def found(values: Array, fleet: Fleet, known: tuple[Finding, ...] = ()) -> list[Finding]:
    return list(partings({"cpu_busy_ratio": cpu(values, fleet)}, fleet, known=known).findings)


@given(
    hnp.arrays(np.float64, (3, 100), elements=st.floats(-1e3, 1e3, width=32)),
    hnp.arrays(np.bool_, (3, 100), elements=st.booleans()),
    st.floats(0, 10),
    st.booleans(),
)
def test_moves_match_the_definition(values: Array, gone: npt.NDArray[np.bool_], least: float, gaps: bool) -> None:
    if gaps:
        values = np.where(gone & (np.arange(100) % 4 == 0), np.nan, values)
    got, usable = _moves.moves(values, np.full(3, least))
    for i, row in enumerate(values):
        wanted, fit = naive.moves(row, least)
        scale = 1.4826 * np.median(np.abs(got[i]))
        if abs(scale - 1) > 1e-6 and fit != usable[i]:
            continue  # exactly on the border of what moves
        assert bool(usable[i]) == fit
        np.testing.assert_allclose(got[i], wanted, atol=1e-6)


@given(ROWS, st.lists(st.booleans(), min_size=5, max_size=5).filter(lambda u: sum(u) >= 3))
def test_the_median_of_the_others_matches_the_definition(rows: Array, usable: list[bool]) -> None:
    got = _moves.median_of_others(rows, np.array(usable))
    wanted = naive.median_of_others(rows, usable)
    np.testing.assert_allclose(got, wanted, atol=1e-12)


@given(st.integers(0, 10_000), st.sampled_from(_moves.LATE), st.floats(-1, 1))
def test_what_is_left_of_a_co_movement_matches_the_definition(seed: int, late: int, load: float) -> None:
    rng = np.random.default_rng(seed)
    others = rng.normal(size=(3, 8, 12)) * rng.uniform(0.1, 2, size=(3, 8, 1))
    rows = load * others + (1 - abs(load)) * rng.normal(size=(3, 8, 12)) + 1e-3
    got = _moves.parting(_moves.products(rows, others), late)
    share = _moves.worth(rows, others)
    for i in range(3):
        for name, value in naive.parting(rows[i], others[i], late).items():
            assert getattr(got, name)[i] == pytest.approx(value, rel=1e-6, abs=1e-6), name
        assert share[i] == pytest.approx(naive.worth(rows[i], others[i]))


def test_block_sums_of_all_pairs_are_those_of_each_pair() -> None:
    rows = np.random.default_rng(1).normal(size=(4, 5, 8, 10))
    first, second, sums = _moves.pair_products(rows)
    assert len(first) == 10
    for k, (a, b) in enumerate(zip(first, second, strict=True)):
        one = _moves.products(rows[:, a], rows[:, b])
        np.testing.assert_allclose(sums.both[:, k], one.both)
        np.testing.assert_allclose(sums.own[:, k], one.own)
        np.testing.assert_allclose(sums.other[:, k], one.other)


def test_a_server_that_stops_moving_with_its_peers_is_told_though_each_value_is_ordinary() -> None:
    seen = 0
    for seed in range(20):
        fleet, values = together(seed)
        values[3, CUT:] = stranger(seed, N - CUT)
        told = found(values, fleet)
        assert {f.host for f in told} <= {"web-000-3"}
        seen += bool(told)
        for f in told:
            assert (f.kind, f.metric, f.direction, f.severity, f.end_s) == (
                "decoupling", "cpu_busy_ratio", "none", "warning", None
            )  # fmt: skip
            assert abs(f.start_s - (fleets.START_S + 15.0 * CUT)) <= 15.0 * N / 8
            assert f.evidence.observed <= 0.5 * f.evidence.baseline and f.evidence.unit == "r"
            assert f.evidence.note == "peers: cluster web-000"
    assert seen >= 16


def test_two_metrics_of_a_server_that_stop_moving_together_are_told_once_with_both_names() -> None:
    seen = 0
    for seed in range(20):
        fleet, _, _ = fleets.make(4, size=1)
        rng = np.random.default_rng(seed)
        load = autoregressive(rng, 0.6, 4, N)
        values = {
            "requests_per_s": 100 + 10 * (load + 0.2 * rng.normal(size=load.shape)),
            "cpu_busy_ratio": 0.4 + 0.03 * (load + 0.2 * rng.normal(size=load.shape)),
            "connections_active": 500 - 100 * (load + 0.2 * rng.normal(size=load.shape)),
        }
        values["cpu_busy_ratio"][2, CUT:] = stranger(seed, N - CUT)
        told = partings({name: cpu(v, fleet, name) for name, v in values.items()}, fleet)
        assert 10 <= told.tested <= 12
        assert {(f.host, f.metric) for f in told.findings} <= {(fleet.servers[2].id, "cpu_busy_ratio")}
        seen += len(told.findings)
        for f in told.findings:
            assert f.evidence.other in ("requests_per_s", "connections_active") and f.severity == "info"
    assert seen >= 16


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_lost_co_movement_is_said_in_both_languages(language: str) -> None:
    fleet, values = together(1)
    values[3, CUT:] = stranger(1, N - CUT)
    (one,) = found(values, fleet)
    alone = said(one.fact, language)  # type: ignore[arg-type]
    pair = said(replace(one, evidence=replace(one.evidence, other="requests_per_s")).fact, language)  # type: ignore[arg-type]
    assert alone != pair
    assert f"{one.evidence.observed:.2f}" in alone and f"{one.evidence.baseline:.2f}" in pair
    assert bool(re.search("[가-힣]", alone)) == (language == "ko")
    assert bool(re.search("[가-힣]", one.evidence.method_in(language))) == (language == "ko")  # type: ignore[arg-type]


def test_what_was_found_already_is_not_told_twice() -> None:
    fleet, values = together(1)
    values[3, CUT:] = stranger(1, N - CUT)
    (one,) = found(values, fleet)
    shifted = replace(one, kind="level_shift", start_s=one.start_s - 60)
    assert found(values, fleet, (shifted,)) == []
    assert found(values, fleet, (replace(shifted, host="web-000-4"),)) == [one]
    assert found(values, fleet, (replace(shifted, metric="errors_per_s"),)) == [one]
    assert found(values, fleet, (replace(shifted, start_s=one.start_s - 900, end_s=one.start_s - 300),)) == [one]


def _flat(values: Array) -> Array:
    values[:, CUT:] = 0.4
    return values


def _silent(values: Array) -> Array:
    values[3, CUT:] = np.nan
    return values


def _gaps(values: Array) -> Array:
    values[np.random.default_rng(2).random(values.shape) < 0.2] = np.nan
    return values


def _shift(values: Array) -> Array:
    values[3, CUT:] += 0.3
    return values


def _whole(values: Array) -> Array:
    values[:8, CUT:] = 0.4 + 0.03 * autoregressive(np.random.default_rng(3), 0.6, 8, N - CUT)
    return values


def _calm(values: Array) -> Array:
    rng = np.random.default_rng(4)
    values[:, CUT:] = 0.4 + 0.02 * (values[:, CUT:] - 0.4) + 0.01 * rng.normal(size=values[:, CUT:].shape)
    return values


def _spike(values: Array) -> Array:
    values[3, -40:-37] = 0.9
    return values


def _rhythm(values: Array) -> Array:
    rng = np.random.default_rng(5)
    wave = 0.2 * np.sin(2 * np.pi * np.arange(N) / N)
    return 0.4 + wave + 0.02 * rng.normal(size=values.shape)


HARMLESS = {
    "a quiet fleet": lambda v: v,
    "series that went flat": _flat,
    "a series that is flat": lambda v: np.where(np.arange(len(v))[:, None] == 3, 0.4, v),
    "a server that fell silent": _silent,
    "missing rows": _gaps,
    "a new level": _shift,
    "all of a group": _whole,
    "hours in which nothing moves": _calm,
    "a spike": _spike,
    "a daily rhythm and nothing else": _rhythm,
    "noise without a mood": lambda v: 0.4 + 0.03 * np.random.default_rng(6).normal(size=v.shape),
}


@pytest.mark.parametrize("kind", HARMLESS)
def test_what_is_no_parting_is_not_told(kind: str) -> None:
    for seed in range(10):
        fleet, values = together(seed)
        assert found(HARMLESS[kind](values), fleet) == []


def test_two_servers_or_a_window_of_few_instants_are_not_judged() -> None:
    fleet, values = together(1)
    values[1, CUT:] = stranger(1, N - CUT)
    few = partings({"cpu_busy_ratio": cpu(values, fleet).take(["web-000-0", "web-000-1"])}, fleet)
    assert few.findings == () and few.tested == 0
    assert partings({"cpu_busy_ratio": cpu(values[:, :79], fleet)}, fleet).tested == 0
    assert partings({}, fleet).tested == 0
    with pytest.raises(InvalidRequest, match="min_sigma must be at least 1, got 0"):
        partings({}, fleet, min_sigma=0)


@pytest.mark.parametrize("phi", [0.0, 0.6, 0.95])
def test_groups_that_hold_together_are_told_no_more_often_than_the_rate_says(phi: float) -> None:
    runs, wrong = 60, 0
    for seed in range(runs):
        fleet, values = together(seed, phi=phi, load=0.9, servers=24)
        wrong += bool(partings({"cpu_busy_ratio": cpu(values, fleet)}, fleet, min_sigma=2.0).findings)
    assert wrong <= 0.05 * runs + 2.6 * math.sqrt(0.05 * 0.95 * runs)


def test_a_large_fleet_is_searched_for_the_same() -> None:
    fleet, values = together(3, servers=1200)
    values[777, CUT:] = stranger(3, N - CUT)
    panels = {"cpu_busy_ratio": cpu(values.astype(np.float32), fleet)}
    (one,) = partings(panels, fleet).findings
    assert one.host == fleet.servers[777].id
    window = Window(fleets.START_S, fleets.START_S + 15.0 * N, 15.0)
    assert overview(panels, fleet, window).co_movements is None
    seen = overview(panels, fleet, window, co_movement=True)
    assert seen.co_movements is not None and seen.co_movements >= 1000
    assert [f.host for f in seen.findings if f.kind == "decoupling"] == [one.host]


def test_pairs_of_a_large_fleet_are_searched_too() -> None:
    fleet, values = together(4, servers=600)
    other = 100 + 300 * (values - 0.4) + 0.3 * np.random.default_rng(1).normal(size=values.shape)
    other[333, CUT:] = 100 + 300 * (stranger(4, N - CUT) - 0.4)
    values[333, CUT:] = values[332, CUT:]
    panels = {"cpu_busy_ratio": cpu(values, fleet), "requests_per_s": cpu(other, fleet, "requests_per_s")}
    told = partings(panels, fleet).findings
    assert {f.host for f in told} == {fleet.servers[333].id}


def test_a_lost_co_movement_alone_is_no_root_cause_and_costs_no_health() -> None:
    fleet, values = together(1)
    window = Window(fleets.START_S, fleets.START_S + 15.0 * N, 15.0)
    before = overview({"cpu_busy_ratio": cpu(values, fleet)}, fleet, window)
    values[3, CUT:] = stranger(1, N - CUT)
    seen = overview({"cpu_busy_ratio": cpu(values, fleet)}, fleet, window)
    assert [f.kind for f in seen.findings] == ["decoupling"]
    assert seen.causes == () and seen.servers["web-000-3"].status == before.servers["web-000-3"].status
    # nor where nothing but the finding is known, however its correlations read as a share of CPU
    loud = replace(seen.findings[0], evidence=replace(seen.findings[0].evidence, observed=0.95, baseline=0.1))
    assert find_causes([loud], {}, fleet, window) == []


def test_a_simulated_server_that_replays_other_days_is_found_by_its_moves() -> None:
    names = tuple(m.name for m in METRICS)
    hits = wrong = 0
    for seed in (8003, 8004, 8014, 8016):
        sim = Simulator(80, seed=seed)
        end_s = 1_795_000_000.0 + seed * 55_433.0
        window, past = Window(end_s - 21_600, end_s, 90.0), Window(end_s - 280_800, end_s - 259_200, 90.0)
        panels = {name: sim.read(name, window) for name in names}
        host = next(s.id for s in sim.fleet().servers if s.id == "web-us-east-1-002")
        for name in ("requests_per_s", "connections_active", "cpu_busy_ratio", "network_receive_bytes_per_s"):
            panel, row = panels[name], panels[name].hosts.index(host)
            values, now = panel.values.copy(), panel.values[row, :CUT]
            other = sim.read(name, past).values[row, CUT:]
            values[row, CUT:] = np.median(now) + (other - np.median(other)) * now.std() / other.std()
            panels[name] = Panel(name, panel.hosts, panel.times_s, values)
        told = partings(panels, sim.fleet()).findings
        hits += any(f.host == host for f in told)
        wrong += sum(f.host != host for f in told)
    assert hits >= 3 and wrong <= 1
