"""Capacity per cluster: what fills up, when, what growth and lost servers do, and how many would carry it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from series_noise import fleet_of, panel

from openmanager_core.analysis._series_whatif import load_factor, load_share, servers_for, under_load
from openmanager_core.analysis.capacity import ClusterCapacity, capacity_outlook
from openmanager_core.errors import InsufficientData, InvalidRequest, NotFound
from openmanager_core.fleet import Fleet, ScalingPolicy, ServerCluster, ServerInstance
from openmanager_core.panel import FloatArray, Panel

DAY = 86_400.0
TIMES = np.arange(1440) * 60.0
WEB = ServerCluster("web", "web", members=("w0", "w1", "w2", "w3"), scaling_policy=ScalingPolicy(2, 6))
DB = ServerCluster("db", "database", members=("d0", "d1"))
FLEET = fleet_of(web=WEB, db=DB)
HOSTS = (*WEB.members, *DB.members)


def _panel(metric: str, levels: FloatArray | list[float], seed: int = 1, noise: float = 0.004) -> Panel:
    level = np.asarray(levels, dtype=np.float64)
    level = level[:, None] if level.ndim == 1 else level
    values = level + np.random.default_rng(seed).normal(size=(len(HOSTS), 1440)) * noise
    return Panel(metric, HOSTS, TIMES, values)


def _only(cpu: FloatArray | list[float], **options: Any) -> dict[str, ClusterCapacity]:
    found = capacity_outlook({"cpu_busy_ratio": _panel("cpu_busy_ratio", cpu)}, FLEET, DAY, **options)
    return {c.cluster: c for c in found}


def test_a_fleet_with_room_says_so() -> None:
    found = _only([0.4] * 6)["web"]
    assert found.used_ratio == pytest.approx(0.4, abs=0.01)
    assert found.headroom_ratio == pytest.approx(0.4, abs=0.02)
    assert found.exhausted_at_s is None and found.earliest_s is None
    assert "does not reach the limit within 24 h" in found.summary


def test_the_fullest_disk_binds_its_cluster_and_comes_first() -> None:
    levels = np.full((6, 1440), 0.3)
    levels[5] = 0.6 + 0.1 * TIMES / DAY
    panels = {
        "disk_used_ratio": _panel("disk_used_ratio", levels, noise=0.001),
        "cpu_busy_ratio": _panel("cpu_busy_ratio", [0.4] * 6),
    }
    found = capacity_outlook(panels, FLEET, 7 * DAY)
    assert (found[0].cluster, found[0].metric) == ("db", "disk_used_ratio")
    assert found[0].exhausted_at_s == pytest.approx(3 * DAY, rel=0.03)
    assert found[0].earliest_s is not None and found[0].earliest_s < found[0].exhausted_at_s
    assert found[0].servers_needed == 2
    assert "More servers would not help" in found[0].summary
    assert len(found) == 4


def test_lost_servers_move_their_load_to_the_rest() -> None:
    found = _only([0.5] * 6, lost_servers=1)
    assert found["web"].servers == 3
    assert found["web"].used_ratio == pytest.approx(0.5 * 4 / 3, abs=0.01)
    assert found["db"].used_ratio == pytest.approx(1.0, abs=0.01)
    assert found["db"].exhausted_at_s == TIMES[-1]
    assert "1 of 2 servers lost" in found["db"].summary


def test_growth_scales_load_and_asks_for_servers() -> None:
    found = _only([0.5] * 6, growth_ratio=1.0)["web"]
    assert found.used_ratio == pytest.approx(1.0, abs=0.01)
    assert found.servers_needed == math.ceil(4 * found.peak_ratio / 0.8)
    assert "over the limit now" in found.summary


def test_a_scaling_policy_bounds_what_is_asked_for() -> None:
    assert _only([0.1] * 6)["web"].servers_needed == 2
    found = _only([0.7] * 6, growth_ratio=1.0)["web"]
    assert found.servers_needed > 6
    assert "allows 6 at most" in found.summary


def test_losing_every_server_leaves_none() -> None:
    found = _only([0.2] * 6, lost_servers=2)["db"]
    assert found.servers == 0
    assert found.exhausted_at_s == TIMES[-1]
    assert "No server would be left" in found.summary


def test_limits_of_other_metrics_can_be_given_per_server() -> None:
    panels = {"connections_active": _panel("connections_active", [150.0] * 6, noise=1.0)}
    found = capacity_outlook(panels, FLEET, DAY, limits={"connections_active": 200.0})
    assert {c.metric for c in found} == {"connections_active"}
    assert found[0].used_ratio == pytest.approx(0.75, abs=0.02)
    assert found[0].limit_ratio == 1.0


def test_a_rising_load_is_exhausted_in_time() -> None:
    levels = np.tile(0.3 + 0.2 * TIMES / DAY, (6, 1))
    panels = {"memory_used_ratio": _panel("memory_used_ratio", levels)}
    found = {c.cluster: c for c in capacity_outlook(panels, FLEET, 3 * DAY)}
    assert found["web"].exhausted_at_s == pytest.approx(3 * DAY, rel=0.05)


def test_a_server_without_a_cluster_stands_for_itself() -> None:
    fleet = Fleet((ServerInstance("h0", "h0"),))
    found = capacity_outlook({"cpu_busy_ratio": panel(np.full((1, 100), 0.9))}, fleet, DAY)
    assert [(c.cluster, c.servers) for c in found] == [("h0", 1)]
    assert found[0].exhausted_at_s is not None


def test_members_without_readings_are_left_out_and_a_silent_cluster_has_no_row() -> None:
    values = np.full((6, 1440), np.nan)
    values[0] = 0.5
    found = capacity_outlook({"cpu_busy_ratio": Panel("cpu_busy_ratio", HOSTS, TIMES, values)}, FLEET, DAY)
    assert [c.cluster for c in found] == ["web"]
    assert found[0].used_ratio == pytest.approx(0.5)


def test_a_few_readings_give_the_level_but_no_forecast() -> None:
    values = np.full((6, 1440), np.nan)
    values[:, -5:] = 0.75
    found = capacity_outlook({"cpu_busy_ratio": Panel("cpu_busy_ratio", HOSTS, TIMES, values)}, FLEET, DAY)
    assert "With 5 readings there is no forecast" in found[0].summary
    assert found[0].confidence < 0.2


def test_no_reading_at_all_is_insufficient_data() -> None:
    silent = Panel("cpu_busy_ratio", HOSTS, TIMES, np.full((6, 1440), np.nan))
    with pytest.raises(InsufficientData, match="no server"):
        capacity_outlook({"cpu_busy_ratio": silent}, FLEET, DAY)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"horizon_s": 0.0}, "horizon_s"),
        ({"growth_ratio": -1.0}, "growth_ratio"),
        ({"growth_ratio": math.nan}, "growth_ratio"),
        ({"lost_servers": -1}, "lost_servers"),
        ({"limits": {"cpu_busy_ratio": 1.5}}, "limit of cpu_busy_ratio"),
        ({"limits": {"cpu_busy_ratio": math.nan}}, "limit of cpu_busy_ratio"),
    ],
)
def test_an_option_out_of_range_is_refused_by_name(options: dict[str, Any], name: str) -> None:
    horizon_s = options.pop("horizon_s", DAY)
    with pytest.raises(InvalidRequest, match=name):
        capacity_outlook({"cpu_busy_ratio": _panel("cpu_busy_ratio", [0.5] * 6)}, FLEET, horizon_s, **options)


def test_an_unknown_limit_or_no_usable_panel_is_refused() -> None:
    cpu = _panel("cpu_busy_ratio", [0.5] * 6)
    with pytest.raises(NotFound, match="cpu_busy_ratio"):
        capacity_outlook({"cpu_busy_ratio": cpu}, FLEET, DAY, limits={"cpu_busy": 0.5})
    with pytest.raises(InvalidRequest, match="at least one of cpu_busy_ratio"):
        capacity_outlook({"requests_per_s": _panel("requests_per_s", [5.0] * 6)}, FLEET, DAY)


@given(peak=st.floats(0.01, 2), servers=st.integers(1, 50), share=st.floats(0.05, 1), growth=st.floats(-0.5, 3))
def test_the_servers_asked_for_are_enough_and_not_one_too_many(
    peak: float, servers: int, share: float, growth: float
) -> None:
    limit = 0.8

    def load(n: int) -> float:
        return float(under_load(np.array([peak]), load_factor(servers, servers - n, growth), share, False, growth)[0])

    needed = servers_for(peak, limit, servers, share, growth)
    if needed is None:
        assert peak * (1 - share) >= limit
        return
    assert load(needed) <= limit + 1e-6
    assert needed == 1 or load(needed - 1) > limit - 1e-6


def test_memory_that_follows_cpu_moves_with_the_load() -> None:
    cpu = 0.4 + 0.1 * np.sin(np.arange(300) / 20)
    assert load_share("memory_used_ratio", "web", 0.2 + cpu, cpu) == pytest.approx(0.4 / 0.6, abs=0.05)
    assert load_share("memory_used_ratio", "web", np.full(300, 0.5), cpu) == 0.0
    assert load_share("memory_used_ratio", "cache", np.full(300, 0.5), None) == 1.0


def test_growth_fills_a_disk_faster_from_where_it_is() -> None:
    today = np.linspace(0.2, 0.5, 100)
    then = under_load(today, 1.0, 0.0, True, 0.5)
    assert then[-1] == pytest.approx(0.5, abs=0.01)
    assert np.diff(then)[0] == pytest.approx(1.5 * np.diff(today)[0])
