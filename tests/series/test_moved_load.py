"""What if one cluster served a part of another's load: the same sums as doing it server by server."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.analysis.capacity import ClusterCapacity, capacity_outlook
from openmanager_core.analysis.moved_load import MovedLoad, parse_moved
from openmanager_core.errors import InsufficientData, InvalidRequest, NotFound
from openmanager_core.fleet import Fleet, ServerCluster, ServerInstance, ServerSpec
from openmanager_core.panel import Panel

DAY = 86_400.0
STEP_S = 300.0
TIMES = np.arange(0, 864 * STEP_S, STEP_S, dtype=np.float64)


def _fleet(source: int = 2, target: int = 4, cores: tuple[int, int] = (0, 0), kind: str = "web") -> Fleet:
    sizes = {"a": (source, cores[0], "web"), "b": (target, cores[1], kind), "other": (1, 0, "web")}
    servers, clusters = [], []
    for name, (count, core, type_) in sizes.items():
        members = tuple(f"{name}{k}" for k in range(count))
        servers += [ServerInstance(m, m, type_, spec=ServerSpec(cpu_cores=core), cluster=name) for m in members]  # type: ignore[arg-type]
        clusters.append(ServerCluster(name, type_, members=members))  # type: ignore[arg-type]
    return Fleet(tuple(servers), tuple(clusters))


def _panel(fleet: Fleet, metric: str, **level: Any) -> Panel:
    hosts = tuple(s.id for s in fleet.servers)
    values = np.empty((len(hosts), len(TIMES)), dtype=np.float64)
    for row, server in zip(values, fleet.servers, strict=True):
        row[:] = level.get(server.cluster, 0.2)
    return Panel(metric, hosts, TIMES, values)


def _outlook(fleet: Fleet, *panels: Panel, moved: str, **more: Any) -> dict[tuple[str, str], ClusterCapacity]:
    found = capacity_outlook({p.metric: p for p in panels}, fleet, DAY, moved_load=parse_moved(moved), **more)
    return {(c.cluster, c.metric): c for c in found}


@given(
    source=st.integers(1, 6),
    target=st.integers(1, 6),
    cores=st.sampled_from([(0, 0), (4, 4), (4, 16), (8, 2), (0, 8)]),
    busy=st.tuples(st.floats(0.02, 0.9), st.floats(0.02, 0.9)),
    percent=st.integers(1, 100),
)
def test_cpu_is_what_counting_busy_cores_server_by_server_gives(
    source: int, target: int, cores: tuple[int, int], busy: tuple[float, float], percent: int
) -> None:
    fleet = _fleet(source, target, cores)
    found = _outlook(fleet, _panel(fleet, "cpu_busy_ratio", a=busy[0], b=busy[1]), moved=f"a->b:{percent}")
    each = cores if min(cores) > 0 else (1, 1)
    cores_busy_on_a = sum(busy[0] * each[0] for _ in range(source))
    moved = cores_busy_on_a * percent / 100
    after_a = (cores_busy_on_a - moved) / (source * each[0])
    after_b = (sum(busy[1] * each[1] for _ in range(target)) + moved) / (target * each[1])
    for cluster, before, after in (("a", busy[0], after_a), ("b", busy[1], after_b)):
        row = found[cluster, "cpu_busy_ratio"]
        assert row.before is not None
        assert row.before.used_ratio == pytest.approx(before)
        assert row.used_ratio == pytest.approx(after)
        assert row.servers_needed == max(1, math.ceil(after * len(fleet.cluster(cluster).members) / 0.8 - 1e-9))


def test_loads_of_different_hours_add_up_hour_by_hour() -> None:
    fleet = _fleet(2, 2)
    day = np.where(TIMES % DAY < DAY / 2, 0.6, 0.1)
    night = np.where(TIMES % DAY < DAY / 2, 0.1, 0.6)
    apart = _outlook(fleet, _panel(fleet, "cpu_busy_ratio", a=day, b=night), moved="a->b:50")["b", "cpu_busy_ratio"]
    together = _outlook(fleet, _panel(fleet, "cpu_busy_ratio", a=day, b=day), moved="a->b:50")["b", "cpu_busy_ratio"]
    assert apart.peak_ratio == pytest.approx(0.65)
    assert together.peak_ratio == pytest.approx(0.9)
    assert apart.before is not None and together.before is not None
    assert apart.before.peak_ratio == together.before.peak_ratio == pytest.approx(0.6)


def test_connections_go_by_number_whatever_the_machines() -> None:
    fleet = _fleet(2, 4, (2, 16))
    panels = {
        "cpu_busy_ratio": _panel(fleet, "cpu_busy_ratio", a=0.3, b=0.3),
        "connections_active": _panel(fleet, "connections_active", a=100.0, b=60.0),
    }
    found = capacity_outlook(
        panels, fleet, DAY, moved_load=parse_moved("a->b:50"), limits={"connections_active": 200.0}
    )
    rows = {c.cluster: c for c in found if c.metric == "connections_active"}
    assert rows["a"].used_ratio * 200 == pytest.approx(50)
    assert rows["b"].used_ratio * 200 == pytest.approx(60 + 0.5 * 2 * 100 / 4)
    assert (
        "(mean) is 85," in rows["b"].summary and "Before the move: 60, 95 % of the time under 60," in rows["b"].summary
    )


def test_memory_that_does_not_follow_the_load_stays_and_a_disk_fills_faster() -> None:
    fleet = _fleet(2, 2)
    disk = 0.3 + 0.1 * TIMES / TIMES[-1]
    found = _outlook(
        fleet,
        _panel(fleet, "cpu_busy_ratio", a=0.4, b=0.2),
        _panel(fleet, "memory_used_ratio", a=0.5, b=0.5),
        _panel(fleet, "disk_used_ratio", a=disk, b=disk),
        moved="a->b:50",
    )
    assert found["b", "memory_used_ratio"].used_ratio == pytest.approx(0.5)
    taker, giver = found["b", "disk_used_ratio"], found["a", "disk_used_ratio"]
    assert taker.used_ratio == pytest.approx(0.4, abs=0.01) and giver.used_ratio == pytest.approx(0.4, abs=0.01)
    # The taker works twice as much, the giver half as much: their past drifts are told so.
    capacity = capacity_outlook(
        {
            "cpu_busy_ratio": _panel(fleet, "cpu_busy_ratio", a=0.4, b=0.2),
            "disk_used_ratio": _panel(fleet, "disk_used_ratio", a=disk, b=disk),
        },
        fleet,
        30 * DAY,
        moved_load=MovedLoad("a", "b", 0.5),
    )
    at = {c.cluster: c for c in capacity if c.metric == "disk_used_ratio"}
    assert at["b"].exhausted_at_s is not None and at["a"].exhausted_at_s is not None and at["b"].before is not None
    assert at["b"].before.exhausted_at_s is not None
    ahead = [at["b"].exhausted_at_s, at["b"].before.exhausted_at_s, at["a"].exhausted_at_s] - TIMES[-1]
    assert "at its limit in" in at["b"].summary.partition("Before the move")[2]
    assert ahead[1] / ahead[0] == pytest.approx(2, rel=0.05)
    assert ahead[2] / ahead[1] == pytest.approx(2, rel=0.05)


def test_memory_of_a_cache_follows_the_work() -> None:
    fleet = Fleet(
        tuple(ServerInstance(n, n, "cache", cluster=n[0]) for n in ("a0", "b0")),
        (ServerCluster("a", "cache", members=("a0",)), ServerCluster("b", "cache", members=("b0",))),
    )
    found = _outlook(
        fleet,
        _panel(fleet, "cpu_busy_ratio", a=0.4, b=0.4),
        _panel(fleet, "memory_used_ratio", a=0.4, b=0.3),
        moved="a->b:25",
    )
    assert found["a", "memory_used_ratio"].used_ratio == pytest.approx(0.4 * 0.75)
    assert found["b", "memory_used_ratio"].used_ratio == pytest.approx(0.3 * 1.25)


def test_growth_and_lost_servers_apply_to_what_was_moved_too() -> None:
    fleet = _fleet(2, 4)
    cpu = _panel(fleet, "cpu_busy_ratio", a=0.4, b=0.2)
    row = _outlook(fleet, cpu, moved="a->b:50", growth_ratio=0.5, lost_servers=1)["b", "cpu_busy_ratio"]
    assert row.used_ratio == pytest.approx((0.2 + 0.5 * 0.4 * 2 / 4) * 1.5 * 4 / 3)
    assert row.before is not None
    assert row.before.used_ratio == pytest.approx(0.2 * 1.5 * 4 / 3)


def test_the_other_clusters_are_as_they_were() -> None:
    fleet = _fleet()
    cpu = _panel(fleet, "cpu_busy_ratio", a=0.5, b=0.5)
    plain = {c.cluster: c for c in capacity_outlook({"cpu_busy_ratio": cpu}, fleet, DAY)}
    found = _outlook(fleet, cpu, moved="a->b:30")
    assert found["other", "cpu_busy_ratio"] == plain["other"]
    assert found["a", "cpu_busy_ratio"].before == plain["a"]


def test_both_clusters_say_what_moved_and_what_was_before() -> None:
    fleet = _fleet()
    found = _outlook(fleet, _panel(fleet, "cpu_busy_ratio", a=0.6, b=0.7), moved="a->b:100")
    giver, taker = found["a", "cpu_busy_ratio"], found["b", "cpu_busy_ratio"]
    assert giver.summary.startswith("a with 100 % of its load moved to b: cpu_busy_ratio (mean) is 0,")
    assert taker.summary.startswith("b with 100 % of a's load moved here: cpu_busy_ratio (mean) is 1,")
    assert taker.summary.endswith(
        "Before the move: 0.7, 95 % of the time under 0.7, not at its limit within the horizon."
    )


def test_what_the_source_did_not_read_is_not_made_up() -> None:
    fleet = _fleet(1, 1)
    cpu = np.full(TIMES.shape, 0.4)
    cpu[-400:] = np.nan
    row = _outlook(fleet, _panel(fleet, "cpu_busy_ratio", a=cpu, b=0.2), moved="a->b:50")["b", "cpu_busy_ratio"]
    assert row.used_ratio == pytest.approx(0.4)
    silent = _panel(fleet, "cpu_busy_ratio", a=np.full(TIMES.shape, np.nan))
    with pytest.raises(InsufficientData, match="cpu_busy_ratio, a has none"):
        _outlook(fleet, silent, moved="a->b:50")


def test_clusters_that_do_not_exist_or_do_another_job_are_refused() -> None:
    fleet = _fleet(kind="database")
    cpu = _panel(fleet, "cpu_busy_ratio")
    with pytest.raises(NotFound, match="'nowhere' does not exist"):
        _outlook(fleet, cpu, moved="a->nowhere:5")
    with pytest.raises(InvalidRequest, match=r"a \(web\) and b \(database\)"):
        _outlook(fleet, cpu, moved="a->b:5")


@given(
    source=st.from_regex(r"[a-z][a-z0-9_./-]{0,20}[a-z0-9]", fullmatch=True),
    target=st.from_regex(r"[a-z][a-z0-9_./-]{0,20}[a-z0-9]", fullmatch=True),
    percent=st.integers(1, 100),
    arrow=st.sampled_from(["->", " -> ", "→"]),
    end=st.sampled_from(["", "%", " %"]),
)
def test_what_is_written_is_read(source: str, target: str, percent: int, arrow: str, end: str) -> None:
    if source == target:
        return
    assert parse_moved(f"{source}{arrow}{target}:{percent}{end}") == MovedLoad(source, target, percent / 100)


@given(st.text(max_size=60))
def test_any_other_text_is_refused_with_the_form_it_should_have(text: str) -> None:
    try:
        moved = parse_moved(text)
    except InvalidRequest as exc:
        assert "moved_load must be " in str(exc)
        return
    assert 0 < moved.share <= 1 and moved.source != moved.target


@pytest.mark.parametrize(
    "text", ["a->b:0", "a->b:101", "a->a:5", "a->b", "a:5", "->b:5", "a->b:-5", "a->b:nan", "a" * 400]
)
def test_moves_that_cannot_be_are_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidRequest, match="moved_load must be"):
        parse_moved(text)
