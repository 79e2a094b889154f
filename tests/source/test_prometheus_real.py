"""A real Prometheus with known samples: values, names, labels and changes come back as they went in."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import known_fleet
import numpy as np
import pytest
import real_prometheus

from openmanager_core.errors import InvalidRequest, NotFound
from openmanager_core.panel import Window
from openmanager_core.source.prometheus import PrometheusSource
from openmanager_core.source.prometheus import source as source_module
from openmanager_core.source.settings import SourceSettings

pytestmark = [pytest.mark.anyio, pytest.mark.prometheus]

END_S = 0.0
HOUR = Window(0, 1, 1)
NAMES = [name for name, _ in known_fleet.servers()]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An engine that holds the known fleet and scrapes nothing."""
    # Set when the first test runs: when the file was collected may be minutes ago, and an engine forgets in five.
    global END_S, HOUR
    END_S = float(int(time.time()))
    HOUR = Window(END_S - 3600, END_S + 15, 15)
    folder: Path = tmp_path_factory.mktemp("known")
    known_fleet.write(folder / "history.om", END_S)
    with real_prometheus.running(folder / "engine") as engine:
        engine.backfill(folder / "history.om")
        yield engine.start()


@pytest.fixture
async def source(url: str) -> AsyncIterator[PrometheusSource]:
    found = PrometheusSource.from_settings(SourceSettings(kind="prometheus", url=url), {})
    yield found
    await found.aclose()


async def test_gauges_come_back_bit_for_bit_even_of_a_server_with_a_hostile_name(source: PrometheusSource) -> None:
    hosts = [known_fleet.WEIRD, "web-1", known_fleet.ODD]
    panel = await source.read("cpu_busy_ratio", HOUR, hosts)
    at = known_fleet.times(END_S)
    column = np.searchsorted(at, panel.times_s)
    expected = [known_fleet.cpu(h, at, END_S)[column] for h in hosts]
    np.testing.assert_array_equal(panel.values, expected)


async def test_counters_of_node_exporter_become_the_rates_of_the_catalogue(source: PrometheusSource) -> None:
    hosts = list(known_fleet.NODES)
    wanted = {
        "cpu_busy_ratio": 0.25, "cpu_steal_ratio": 0.05, "memory_used_ratio": 0.5,
        "network_receive_bytes_per_s": 1e6, "load_per_core_ratio": 0.5,
    }  # fmt: skip
    for name, value in wanted.items():
        panel = await source.read(name, HOUR, hosts)
        np.testing.assert_allclose(panel.values, value, rtol=1e-6, err_msg=name)
        latest = await source.latest(name, END_S)
        np.testing.assert_allclose(latest.take(hosts).values, value, rtol=1e-6, err_msg=name)


async def test_a_fleet_that_mixes_both_expositions_is_one_panel(source: PrometheusSource) -> None:
    panel = await source.read("cpu_busy_ratio", HOUR)
    assert set(panel.hosts) == {*NAMES, *known_fleet.NODES}
    assert np.isfinite(panel.values).all()


async def test_the_inventory_says_what_the_labels_say_and_doubts_what_they_can_not_mean(
    source: PrometheusSource,
) -> None:
    fleet = await source.inventory()
    problems = (await source.status()).problems
    assert {s.id for s in fleet.servers} == {*NAMES, *known_fleet.NODES}
    api = fleet.by_id["api-2"]
    assert (api.type, api.cluster, api.region, api.environment, api.architecture) == (
        "api", "api", "eu-west-1", "production", "arm64",
    )  # fmt: skip
    assert (api.spec.cpu_cores, api.spec.memory_bytes) == (8, 2**34)
    assert fleet.by_id["web-0"].type == "unknown"
    node = fleet.by_id[known_fleet.NODES[0]]
    assert (node.spec.cpu_cores, node.spec.memory_bytes, node.architecture, node.cluster) == (2, 2**33, "arm64", "node")
    assert node.name == node.id  # both machines call themselves "box"
    assert fleet.calls == (("api", "database"), ("web", "api"))
    assert problems == ("1 calls name a cluster that no server is in, and were left out",)
    (shop,) = fleet.applications
    assert (shop.name, shop.deployments[0].version, shop.clusters) == ("shop", "v2", ("api",))


async def test_deployments_and_restarts_are_changes(source: PrometheusSource) -> None:
    changes = await source.changes(Window(END_S - 4000, END_S, 15))
    assert [(c.kind, c.target, END_S - c.at_s) for c in changes] == [
        ("restart", known_fleet.NODES[0], 3600.0),
        ("restart", known_fleet.NODES[1], 3600.0),
        ("deployment", "api", 600.0),
    ]
    assert await source.changes(Window(END_S - 500, END_S, 15)) == ()


async def test_a_silence_that_ended_is_a_restart(url: str, tmp_path: Path) -> None:
    at = known_fleet.times(END_S)
    silent = (at > END_S - 2000) & (at < END_S - 1500)
    lines = ["# TYPE openmanager_cpu_busy_ratio gauge"]
    for name in ("steady", "gone-and-back"):
        kept = at[~silent] if name == "gone-and-back" else at
        lines += [f'openmanager_cpu_busy_ratio{{server="{name}"}} 0.5 {t:.3f}' for t in kept]
    (tmp_path / "x.om").write_text("\n".join([*lines, "# EOF\n"]))
    with real_prometheus.running(tmp_path / "engine") as engine:
        engine.backfill(tmp_path / "x.om")
        source = PrometheusSource.from_settings(SourceSettings(kind="prometheus", url=engine.start()), {})
        (change,) = await source.changes(Window(END_S - 3600, END_S, 15))
        await source.aclose()
    assert (change.kind, change.target) == ("restart", "gone-and-back")
    assert change.at_s == at[~silent][np.searchsorted(at[~silent], END_S - 1500)]
    assert "silent for" in change.description


async def test_the_shift_and_the_leak_are_found_inside_the_engine(source: PrometheusSource) -> None:
    window = Window(END_S - 7185, END_S + 15, 15)
    ranking = await source.rank(["cpu_busy_ratio", "memory_used_ratio", "requests_per_s"], window, 2)
    assert {(s.host, s.metric) for s in ranking.suspects} == {
        (known_fleet.ODD, "cpu_busy_ratio"),
        (known_fleet.LEAKY, "memory_used_ratio"),
    }
    assert min(s.score for s in ranking.suspects) > 10
    with_requests = sum(cluster != "database" for _, cluster in known_fleet.servers())
    assert ranking.screened_series == 2 * (len(NAMES) + len(known_fleet.NODES)) + with_requests
    others = await source.rank(["cpu_busy_ratio"], window, 9, [known_fleet.WEIRD, "web-1"])
    assert {s.host for s in others.suspects} <= {known_fleet.WEIRD, "web-1"}
    assert others.screened_series == 2


async def test_ranking_moves_far_fewer_bytes_than_reading(source: PrometheusSource) -> None:
    await source.inventory()
    await source.read("cpu_busy_ratio", HOUR, ["web-1"])
    before = source.bytes_received
    await source.rank(["cpu_busy_ratio"], HOUR, 3)
    ranked = source.bytes_received - before
    await source.read("cpu_busy_ratio", HOUR)
    assert 0 < ranked < (source.bytes_received - before - ranked) / 10


async def test_a_window_longer_than_the_engine_allows_is_read_in_pieces(
    source: PrometheusSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = Window(END_S - 7000, END_S, 0.5)
    assert window.n_times > 11_000
    panel = await source.read("memory_used_ratio", window, ["web-1"])
    monkeypatch.setattr(source_module, "_POINTS", 700)
    pieces = await source.read("memory_used_ratio", window, ["web-1"])
    assert np.isfinite(panel.values).all()
    np.testing.assert_array_equal(panel.values, pieces.values)


async def test_a_step_between_two_milliseconds_reads_every_instant(source: PrometheusSource) -> None:
    window = Window(END_S - 3000, END_S, 3000 / 9001)
    panel = await source.read("memory_used_ratio", window, ["web-1"])
    at = known_fleet.times(END_S)
    expected = known_fleet.memory("web-1", at, END_S)[np.searchsorted(at, panel.times_s, side="right") - 1]
    assert np.isfinite(panel.values).all()
    assert np.mean(panel.values[0] == expected) > 0.95  # a quarter of a step early or late at most
    with pytest.raises(InvalidRequest, match="step_s must be at least"):
        await source.read("memory_used_ratio", Window(END_S - 1, END_S, 0.0001), ["web-1"])


async def test_many_servers_are_asked_for_in_several_requests(
    source: PrometheusSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await source.read("cpu_busy_ratio", HOUR, NAMES[:7])
    monkeypatch.setattr(source_module, "_HOSTS", 2)
    parts = await source.read("cpu_busy_ratio", HOUR, NAMES[:7])
    np.testing.assert_array_equal(whole.values, parts.values)


async def test_a_value_older_than_a_minute_is_none_whatever_the_engine_looks_back(source: PrometheusSource) -> None:
    panel = await source.read("cpu_busy_ratio", Window(END_S, END_S + 200, 1), ["web-1"])
    assert np.isfinite(panel.values[0, :61]).all()
    assert np.isnan(panel.values[0, 61:]).all()


async def test_a_profile_s_row_replaces_the_table_s(url: str) -> None:
    rows = {
        "cpu_busy_ratio": "openmanager_memory_used_ratio{$selector} / 2",
        "clock_offset_s": "avg by (host) (label_replace(openmanager_cpu_busy_ratio{$selector}, 'host', '$1', 'server', '(.*)'))",  # noqa: E501
    }
    source = PrometheusSource.from_settings(SourceSettings(kind="prometheus", url=url, mapping=rows), {})
    panel = await source.read("cpu_busy_ratio", Window(END_S - 60, END_S, 15), ["web-1"])
    expected = known_fleet.memory("web-1", known_fleet.times(END_S), END_S) / 2
    np.testing.assert_allclose(panel.values[0], expected[-5:-1])
    assert "clock_offset_s" in await source.metrics()
    with pytest.raises(NotFound, match="elsewhere"):
        await source.read("cpu_busy_ratio", HOUR, ["elsewhere"])
    await source.aclose()


async def test_a_mapping_the_engine_refuses_is_a_problem_and_not_a_crash(url: str) -> None:
    rows = {"clock_offset_s": "sum(rate(nothing{$selector}))"}
    source = PrometheusSource.from_settings(SourceSettings(kind="prometheus", url=url, mapping=rows), {})
    with pytest.raises(NotFound, match="no server here has clock_offset_s"):
        await source.read("clock_offset_s", HOUR)
    problems = " ".join((await source.status()).problems)
    await source.aclose()
    assert "source.mapping.clock_offset_s" in problems
    assert "refused the request (400)" in problems


async def test_a_server_known_in_two_ways_is_read_in_the_better_one_only(tmp_path: Path) -> None:
    at = known_fleet.times(END_S)
    lines = ["# TYPE openmanager_memory_used_ratio gauge"]
    lines += [f'openmanager_memory_used_ratio{{server="both"}} 0.25 {t:.3f}' for t in at[:-60]]
    for name, value in (("MemTotal", 100), ("MemAvailable", 20)):
        lines.append(f"# TYPE node_memory_{name}_bytes gauge")
        for server in ("both", "node-only"):
            labels = f'{{server="{server}",instance="x:9100"}}'
            lines += [f"node_memory_{name}_bytes{labels} {value} {t:.3f}" for t in at]
    (tmp_path / "x.om").write_text("\n".join([*lines, "# EOF\n"]))
    with real_prometheus.running(tmp_path / "engine") as engine:
        engine.backfill(tmp_path / "x.om")
        source = PrometheusSource.from_settings(SourceSettings(kind="prometheus", url=engine.start()), {})
        panel = await source.read("memory_used_ratio", Window(END_S - 3600, END_S, 15))
        ranking = await source.rank(["memory_used_ratio"], Window(END_S - 7000, END_S - 1000, 15), 5)
        await source.aclose()
    assert panel.hosts == ("both", "node-only")
    np.testing.assert_allclose(panel.values[0, :100], 0.25)
    assert np.isnan(panel.values[0, -40:]).all()
    np.testing.assert_allclose(panel.values[1], 0.8)
    assert ranking.screened_series == 2
