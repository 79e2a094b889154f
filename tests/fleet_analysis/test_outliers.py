"""A server is compared with its peers: robustly, sustained, and with a bound on false discoveries."""

from __future__ import annotations

import naive_fleet as naive
import numpy as np
import pytest
from fleet_analysis import fleets
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from openmanager_core.analysis.outliers import false_discovery, peer_groups, peer_outliers, peer_scores
from openmanager_core.errors import InsufficientData, InvalidRequest
from openmanager_core.fleet import Fleet, ServerCluster, ServerInstance
from openmanager_core.panel import Panel

tables = hnp.arrays(
    np.float64,
    st.tuples(st.integers(5, 9), st.integers(1, 8)),
    elements=st.one_of(st.integers(-4, 4).map(float), st.floats(-1e3, 1e3, width=32), st.just(float("nan"))),
)


@given(tables, st.sampled_from([0.0, 0.3]))
def test_peer_scores_match_the_definition(values, floor) -> None:
    np.testing.assert_allclose(
        peer_scores(values, floor=floor), naive.peer_scores(values, floor=floor), rtol=1e-9, atol=1e-9
    )


def test_equal_readings_score_zero_and_a_tie_of_most_uses_the_mean_deviation() -> None:
    assert peer_scores(np.full((6, 3), 2.0)).tolist() == [[0.0] * 3] * 6
    tied = np.array([[1.0]] * 5 + [[3.0]])
    assert 0 < peer_scores(tied)[5, 0] < 10


def test_too_few_hosts_and_a_senseless_minimum_are_refused() -> None:
    with pytest.raises(InsufficientData, match="at least 5 hosts, got 2"):
        peer_scores(np.ones((2, 3)))
    with pytest.raises(InvalidRequest, match="min_hosts must be at least 3, got 2"):
        peer_scores(np.ones((5, 3)), min_hosts=2)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_false_discoveries_are_bounded_as_benjamini_and_hochberg_say(p_values) -> None:
    assert false_discovery(np.array(p_values), 0.05).tolist() == naive.benjamini_hochberg(p_values, 0.05)


def test_one_odd_server_is_found_with_values_window_and_onset() -> None:
    fleet, panels, window = fleets.make()
    panel = panels["cpu_busy_ratio"]
    odd = fleets.rows_of(panel, fleet, "api-001-3")[0]
    panel.values[odd, -60:] += 0.3
    (found,) = peer_outliers(panel, fleet)
    assert (found.kind, found.host, found.cluster, found.direction) == ("peer_outlier", "api-001-3", "api-001", "up")
    assert found.evidence.observed == pytest.approx(0.7, abs=0.02)
    assert found.evidence.baseline == pytest.approx(0.4, abs=0.02)
    assert abs(found.start_s - window.times_s()[-60]) <= 2 * window.step_s
    assert "cluster api-001" in found.evidence.note


def test_a_server_that_always_differed_is_no_news() -> None:
    fleet, panels, _ = fleets.make()
    panel = panels["cpu_busy_ratio"]
    panel.values[3] += 0.3
    assert peer_outliers(panel, fleet) == []


def test_a_short_spike_is_not_sustained() -> None:
    fleet, panels, _ = fleets.make()
    panels["cpu_busy_ratio"].values[3, -30:-26] += 0.5
    assert peer_outliers(panels["cpu_busy_ratio"], fleet) == []


@pytest.mark.parametrize("seed", range(8))
def test_a_healthy_fleet_has_no_outliers(seed) -> None:
    fleet, panels, _ = fleets.make(200, seed=seed)
    assert [f for p in panels.values() for f in peer_outliers(p, fleet)] == []


def test_groups_too_small_are_skipped_and_said_so() -> None:
    fleet, panels, _ = fleets.make(9, size=3)
    groups = peer_groups(panels["cpu_busy_ratio"].hosts, fleet)
    assert groups.groups == ()
    assert "fewer than 5 peers" in groups.explanation
    panels["cpu_busy_ratio"].values[0, -60:] = 1.0
    assert peer_outliers(panels["cpu_busy_ratio"], fleet) == []


def test_small_clusters_of_one_type_are_compared_together() -> None:
    fleet, panels, _ = fleets.make(45, size=3)
    panels["cpu_busy_ratio"].values[0, -60:] += 0.4
    assert [f.host for f in peer_outliers(panels["cpu_busy_ratio"], fleet)] == ["web-000-0"]


def test_silent_hosts_and_senseless_thresholds_are_handled() -> None:
    fleet, panels, window = fleets.make(10)
    empty = Panel("cpu_busy_ratio", tuple(s.id for s in fleet.servers), window.times_s(), np.full((10, 240), np.nan))
    assert peer_outliers(empty, fleet) == []
    with pytest.raises(InvalidRequest, match="min_sigma must be above 0, got 0"):
        peer_outliers(panels["cpu_busy_ratio"], fleet, min_sigma=0)


def test_a_server_is_compared_with_its_cluster_else_with_its_type_in_its_region() -> None:
    """Regions have their own hours: what is usual in one at this time is not odd because another sleeps."""
    tokyo, paris = [f"t{k}" for k in range(7)], [f"p{k}" for k in range(6)]
    places = dict.fromkeys(tokyo, "tokyo") | dict.fromkeys(paris, "paris")
    servers = tuple(
        ServerInstance(
            name, name, "web", environment="production", region=region, cluster="c" if name in tokyo[:5] else ""
        )
        for name, region in places.items()
    )
    fleet = Fleet(servers, (ServerCluster("c", "web", members=tuple(tokyo[:5])),))
    values = 0.3 + 0.01 * np.random.default_rng(2).normal(size=(13, 200))
    values[7:, -20:] += 0.2  # Paris wakes up
    panel = Panel("cpu_busy_ratio", tuple(places), 15.0 * np.arange(200), values)
    groups = peer_groups(panel.hosts, fleet).groups
    assert [(name, len(rows), int(judged.sum())) for name, rows, judged in groups] == [
        ("cluster c", 5, 5),
        ("production web servers in tokyo", 7, 2),
        ("production web servers in paris", 6, 6),
    ]
    assert peer_outliers(panel, fleet) == []
    values[6, -20:] += 0.1
    values[9, -20:] += 0.1
    found = {f.host: f.evidence.note for f in peer_outliers(panel, fleet)}
    assert found == {
        "t6": "peers: production web servers in tokyo",
        "p2": "peers: production web servers in paris",
    }
