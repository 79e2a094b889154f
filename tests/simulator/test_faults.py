"""Simulated faults: what they move, how far, whom they reach, and which are refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from openmanager_core import catalog
from openmanager_core.errors import InvalidRequest, NotFound
from openmanager_core.panel import Window
from openmanager_core.simulator import FAULT_KINDS, Fault, Simulator, ground_truth
from openmanager_core.simulator.faults import MOVED
from openmanager_core.simulator.scenarios import SCENARIOS, random_faults, scenario

START_S = 1_793_577_600.0 + 36_000
WELL = Simulator(60, 7)
FLEET = WELL.fleet()
DURING = Window(START_S + 1800, START_S + 3600, 15)
DATABASES, API, WEB = (f"{t}-production-us-east-1" for t in ("database", "api", "web"))


def _fault(kind: str, *targets: str, end_s: float | None = None, severity: float = 0.8) -> Fault:
    return Fault("it", kind, targets, START_S, end_s, severity)  # type: ignore[arg-type]  # parametrised


def _mean(fault: Fault | None, metric: str, hosts: tuple[str, ...], window: Window = DURING) -> float:
    simulator = WELL if fault is None else WELL.with_faults([fault])
    return float(np.nanmean(simulator.read(metric, window, hosts).values))


def _target(kind: str) -> str:
    return {"slow_dependency": DATABASES, "traffic_surge": WEB, "bad_deployment": API}.get(kind, "api-us-east-1-001")


def _moves(kind: str) -> dict[str, float]:
    """Relative change of every metric of the servers hit, against the same fleet without the fault."""
    window, end_s = DURING, None
    if kind == "crash_restart":
        end_s = START_S + 300
        window = Window(end_s, end_s + 300, 15)
    if kind in ("memory_leak", "disk_filling"):
        window = Window(START_S + 4 * 3600, START_S + 5 * 3600, 60)
    fault = _fault(kind, _target(kind), end_s=end_s)
    hosts = tuple(ground_truth([fault], FLEET)[0]["servers"])
    out = {}
    for name in catalog.metrics_of(FLEET.by_id[hosts[0]].type):
        before, now = _mean(None, name, hosts, window), _mean(fault, name, hosts, window)
        out[name] = (now - before) / max(abs(before), catalog.metric(name).floor)
    return out


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_a_fault_moves_its_plainest_metric_most_and_several_others(kind: str) -> None:
    moves = _moves(kind)
    named = [m for m in MOVED[kind] if m in moves]
    moved = {m for m, change in moves.items() if abs(change) > 0.02}
    assert len(moved & set(named)) >= 2, moves
    if kind != "crash_restart":
        assert abs(moves[named[0]]) > 0.2, moves


def test_the_untouched_stay_bit_for_bit_as_they_were() -> None:
    elsewhere = [s.id for s in FLEET.servers if s.region != "us-east-1"]
    for kind in FAULT_KINDS:
        sick = WELL.with_faults([_fault(kind, _target(kind), end_s=START_S + 900)])
        for metric in catalog.SCREENED:
            mine, theirs = (s.read(metric, DURING, elsewhere).values for s in (sick, WELL))
            np.testing.assert_array_equal(mine, theirs, err_msg=f"{kind} {metric}")


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_before_a_fault_nothing_differs(kind: str) -> None:
    before = Window(START_S - 3600, START_S, 30)
    sick = WELL.with_faults([_fault(kind, _target(kind), end_s=START_S + 900)])
    for metric in catalog.METRICS:
        np.testing.assert_array_equal(
            sick.read(metric.name, before).values, WELL.read(metric.name, before).values, err_msg=metric.name
        )


@pytest.mark.parametrize("kind", [k for k in FAULT_KINDS if k != "crash_restart"])
def test_effects_grow_with_severity(kind: str) -> None:
    hosts = tuple(ground_truth([_fault(kind, _target(kind))], FLEET)[0]["servers"])
    metric = MOVED[kind][0]
    levels = [_mean(None, metric, hosts)]
    levels += [_mean(_fault(kind, _target(kind), severity=s), metric, hosts) for s in (0.2, 0.5, 0.9)]
    assert levels == sorted(levels)
    assert levels[0] < levels[1] < levels[2]


def test_a_slow_database_is_felt_by_its_callers_later_and_less() -> None:
    fault = _fault("slow_dependency", DATABASES)
    excess, onset = [], []
    for name in (DATABASES, API, WEB):
        hosts = FLEET.cluster(name).members
        window = Window(START_S - 120, START_S + 240, 3)
        sick, well = (s.read("latency_p95_s", window, hosts).values for s in (WELL.with_faults([fault]), WELL))
        onset.append(int((sick != well).any(axis=0).argmax()))
        excess.append(_mean(fault, "latency_p95_s", hosts) / _mean(None, "latency_p95_s", hosts))
    assert excess[0] > excess[1] > excess[2] > 1.2
    assert onset[0] < onset[1] < onset[2]
    other = FLEET.cluster("web-production-eu-west-1").members
    assert _mean(fault, "latency_p95_s", other) == _mean(None, "latency_p95_s", other)


def test_one_slow_member_of_several_is_felt_less_than_all() -> None:
    callers = FLEET.cluster(API).members
    all_of_them = _mean(_fault("slow_dependency", DATABASES), "latency_p95_s", callers)
    one = _mean(_fault("slow_dependency", FLEET.cluster(DATABASES).members[0]), "latency_p95_s", callers)
    assert _mean(None, "latency_p95_s", callers) < one < all_of_them


def test_a_surge_reaches_the_callees() -> None:
    fault = _fault("traffic_surge", WEB)
    for name in (WEB, API, DATABASES):
        hosts = FLEET.cluster(name).members
        assert _mean(fault, "requests_per_s", hosts) > 1.2 * _mean(None, "requests_per_s", hosts)


def test_a_crashed_server_reads_nan_then_comes_back_cold_while_the_others_carry_its_load() -> None:
    cluster = FLEET.cluster("cache-production-us-east-1")
    dead, *others = cluster.members
    fault = _fault("crash_restart", dead, end_s=START_S + 600)
    sick = WELL.with_faults([fault])
    whole = Window(START_S - 60, START_S + 7200, 15)
    for metric in catalog.metrics_of("cache"):
        values = sick.read(metric, whole, [dead]).values[0]
        down = (whole.times_s() >= START_S) & (whole.times_s() < START_S + 600)
        np.testing.assert_array_equal(np.isnan(values), down, err_msg=metric)
    after = Window(START_S + 600, START_S + 700, 15)
    late = Window(START_S + 6000, START_S + 6100, 15)
    assert _mean(fault, "memory_used_ratio", (dead,), after) < 0.7 * _mean(None, "memory_used_ratio", (dead,), after)
    assert _mean(fault, "cache_hit_ratio", (dead,), after) < 0.8
    assert _mean(fault, "memory_used_ratio", (dead,), late) == _mean(None, "memory_used_ratio", (dead,), late)
    down = Window(START_S + 60, START_S + 540, 15)
    assert _mean(fault, "requests_per_s", tuple(others), down) > 1.1 * _mean(
        None, "requests_per_s", tuple(others), down
    )
    assert set(sick.status(down, [dead]).names(0)) == {"stopped"}


def test_a_leak_grows_by_the_hour_and_ends_at_once() -> None:
    host = ("web-us-east-1-001",)
    fault = _fault("memory_leak", *host, end_s=START_S + 7200, severity=1.0)
    series = WELL.with_faults([fault]).read("memory_used_ratio", Window(START_S, START_S + 9000, 300), host).values[0]
    plain = WELL.read("memory_used_ratio", Window(START_S, START_S + 9000, 300), host).values[0]
    leaked = series - plain
    assert leaked[12] == pytest.approx(0.15, abs=0.01)
    assert leaked[23] == pytest.approx(0.29, abs=0.01)
    assert (leaked[24:] == 0).all()


def test_a_bad_deployment_and_a_restart_are_changes_and_the_others_are_not() -> None:
    faults = [
        replace(_fault("bad_deployment", API), id="a"),
        replace(_fault("crash_restart", "web-us-east-1-001", end_s=START_S + 60), id="b"),
        replace(_fault("cpu_saturation", "web-us-east-1-002"), id="c"),
    ]
    found = WELL.with_faults(faults).changes(Window(START_S - 10, START_S + 3600, 1))
    assert [(c.kind, c.at_s, c.target) for c in found] == [
        ("deployment", START_S, API),
        ("restart", START_S + 60, "web-us-east-1-001"),
    ]


def test_the_deployments_of_the_inventory_are_changes_too() -> None:
    deployed = FLEET.applications[0].deployments[0]
    found = WELL.changes(Window(deployed.at_s - 1, deployed.at_s + 1, 1))
    assert {c.target for c in found} >= set(deployed.clusters)


def test_ground_truth_names_the_root_the_servers_and_whom_it_reaches() -> None:
    truth = ground_truth([_fault("slow_dependency", DATABASES)], FLEET)[0]
    assert truth["root_cause"] == DATABASES
    assert tuple(truth["servers"]) == FLEET.cluster(DATABASES).members
    assert truth["reached"] == [API, WEB]
    assert truth["metrics"][0] == "latency_p50_s"
    assert (truth["start"], truth["end"]) == (START_S, None)
    one = ground_truth([_fault("cpu_saturation", "api-us-east-1-002")], FLEET)[0]
    assert one["root_cause"] == "api-us-east-1-002"


@pytest.mark.parametrize(
    ("fault", "error", "text"),
    [
        (_fault("cpu_saturatoin", WEB), NotFound, "cpu_saturation"),
        (_fault("memory_leak", "web-us-east-1-01"), NotFound, "web-us-east-1-001"),
        (_fault("memory_leak"), InvalidRequest, "at least one target"),
        (_fault("memory_leak", WEB, end_s=START_S - 1), InvalidRequest, "must end after it starts"),
        (_fault("memory_leak", WEB, end_s=math.nan), InvalidRequest, "finite"),
        (replace(_fault("memory_leak", WEB), start_s=math.inf), InvalidRequest, "finite"),
        (_fault("memory_leak", WEB, severity=0), InvalidRequest, "severity"),
        (_fault("memory_leak", WEB, severity=1.01), InvalidRequest, "severity"),
        (_fault("memory_leak", WEB, severity=math.nan), InvalidRequest, "severity"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_the_reason(fault: Fault, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        WELL.with_faults([fault])


def test_two_faults_with_one_id_are_refused_and_missing_ids_are_given() -> None:
    with pytest.raises(InvalidRequest, match="it"):
        WELL.with_faults([_fault("memory_leak", WEB), _fault("disk_filling", WEB)])
    named = WELL.with_faults([replace(_fault("memory_leak", WEB), id=i) for i in ("", "fault-1", "")]).faults
    assert [f.id for f in named] == ["fault-2", "fault-1", "fault-3"]


@pytest.mark.parametrize("name", sorted(SCENARIOS))
@pytest.mark.parametrize("servers", [1, 3, 30, 700])
def test_scenarios_fit_any_fleet_and_have_begun_at_their_anchor(name: str, servers: int) -> None:
    simulator = Simulator(servers)
    faults = scenario(name, simulator.fleet(), START_S)
    assert simulator.with_faults(faults).faults == faults
    assert all(f.start_s < START_S < f.ends_s() for f in faults)
    assert bool(faults) == (name != "quiet")


def test_the_incident_is_a_slow_production_database_and_a_disk_elsewhere() -> None:
    main, side = scenario("incident", FLEET, START_S)
    assert main.targets == (DATABASES,)
    assert START_S - main.start_s == 1200
    assert FLEET.by_id[side.targets[0]].region != "us-east-1"


def test_an_unknown_scenario_is_answered_with_the_nearest() -> None:
    with pytest.raises(NotFound, match="black_friday"):
        scenario("blackfriday", FLEET, START_S)


def test_drawn_faults_are_the_same_for_a_seed_and_lie_within_their_stretch() -> None:
    first, again, other = (random_faults(FLEET, START_S, START_S + 14 * 86400, s) for s in (1, 1, 2))
    assert first == again != other
    assert len(first) == 8
    assert all(START_S <= f.start_s < f.ends_s() <= START_S + 14 * 86400 for f in first)
    assert len({t for f in first for t in f.targets}) == len(first)
