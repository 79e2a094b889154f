"""The simulated inventory."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core import catalog
from openmanager_core.errors import InvalidRequest
from openmanager_core.fleet import Fleet
from openmanager_core.simulator import Simulator
from openmanager_core.simulator.inventory import build


def _fleet(servers: int, seed: int = 7) -> Fleet:
    return Simulator(servers, seed).fleet()


def test_the_default_fleet_has_thirty_servers_of_every_type_region_and_environment() -> None:
    fleet = Simulator().fleet()
    assert len(fleet.servers) == 30
    assert {s.type for s in fleet.servers} == set(catalog.SERVER_TYPES) - {"unknown"}
    assert {s.region for s in fleet.servers} == set(catalog.REGIONS)
    assert {s.environment for s in fleet.servers} == {"production", "staging", "development"}
    assert min(Counter(s.type for s in fleet.servers).values()) >= 5


@given(st.integers(1, 3000), st.integers(0, 2**63 - 1))
def test_any_size_gives_exactly_that_many_distinct_servers_in_consistent_clusters(servers: int, seed: int) -> None:
    fleet = _fleet(servers, seed)
    assert len(fleet.by_id) == len(fleet.servers) == servers
    members = [m for c in fleet.clusters for m in c.members]
    assert members == [s.id for s in fleet.servers]
    for server in fleet.servers:
        cluster = fleet.cluster_by_id[server.cluster]
        assert (server.type, server.region, server.environment) == (cluster.type, cluster.region, cluster.environment)


@pytest.mark.parametrize("servers", [1, 10, 29, 30, 1000, 4321])
def test_three_servers_of_ten_are_arm64(servers: int) -> None:
    found = sum(s.architecture == "arm64" for s in _fleet(servers).servers)
    assert abs(found - 0.3 * servers) < 1
    assert all(s.architecture in ("arm64", "x86_64") for s in _fleet(servers).servers)


def test_ids_read_as_type_region_and_number_and_do_not_depend_on_the_seed() -> None:
    assert _fleet(30, 1).servers[0].id == "web-us-east-1-001"
    assert [s.id for s in _fleet(30, 1).servers] == [s.id for s in _fleet(30, 2).servers]
    assert _fleet(30).clusters[2].id == "database-production-us-east-1"


def test_clusters_have_a_load_balancer_and_a_scaling_policy_that_holds_them() -> None:
    for cluster in _fleet(500).clusters:
        assert cluster.load_balancer is not None
        assert cluster.scaling_policy is not None
        assert cluster.scaling_policy.min_servers <= len(cluster.members) <= cluster.scaling_policy.max_servers


@pytest.mark.parametrize("servers", [1, 2, 3, 30, 700])
def test_calls_stay_inside_one_environment_and_region_and_make_no_cycle(servers: int) -> None:
    fleet = _fleet(servers)
    order = {"web": 0, "api": 1, "database": 2, "cache": 2, "queue": 2}
    for caller, callee in fleet.calls:
        a, b = fleet.cluster(caller), fleet.cluster(callee)
        assert (a.environment, a.region) == (b.environment, b.region)
        assert order[a.type] < order[b.type]


def test_in_the_default_fleet_web_calls_api_which_calls_databases_caches_and_queues() -> None:
    fleet = _fleet(30)
    assert fleet.callees("web-production-us-east-1") == ("api-production-us-east-1",)
    assert {fleet.cluster(c).type for c in fleet.callees("api-production-us-east-1")} == {"database", "cache", "queue"}


def test_every_application_knows_its_clusters_and_one_deployment_per_environment() -> None:
    fleet = _fleet(30)
    assert {a.name for a in fleet.applications} == {"shop-web", "shop-api", "shop-data"}
    assert sorted(c for a in fleet.applications for c in a.clusters) == sorted(c.id for c in fleet.clusters)
    for app in fleet.applications:
        assert sorted(d.environment for d in app.deployments) == ["development", "production", "staging"]
        assert [d.at_s for d in app.deployments] == sorted((d.at_s for d in app.deployments), reverse=True)


def test_specs_say_cores_memory_disk_and_network() -> None:
    for server in _fleet(60).servers:
        assert server.spec.cpu_cores >= 2
        assert server.spec.memory_bytes >= 4 * 2**30
        assert server.spec.disk_bytes > 0
        assert server.spec.network_bytes_per_s > 0


@pytest.mark.parametrize("servers", [0, -1, 100_001, 1.5, True, "30"])
def test_a_size_outside_one_to_a_hundred_thousand_is_refused_with_the_bound(servers: object) -> None:
    with pytest.raises(InvalidRequest, match="from 1 to 100000"):
        Simulator(servers)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [-1, 2**63, 0.5])
def test_a_seed_that_is_no_index_is_refused(seed: object) -> None:
    with pytest.raises(InvalidRequest, match="seed"):
        Simulator(5, seed)  # type: ignore[arg-type]


@pytest.mark.parametrize("tick_s", [0, -3, float("nan"), float("inf"), 1e9])
def test_a_tick_that_is_no_duration_is_refused(tick_s: float) -> None:
    with pytest.raises(InvalidRequest, match="tick_s"):
        Simulator(5, 1, tick_s)


def test_a_hundred_thousand_servers_can_be_built() -> None:
    fleet, columns = build(100_000, 7)
    assert len(fleet.by_id) == 100_000
    assert len(columns.cluster) == 100_000
    assert len(set(columns.key.tolist())) == 100_000
