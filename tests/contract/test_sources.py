"""One suite over every source: what `source.base` promises, on the real thing.

The Prometheus source reads a real Prometheus that holds two hours of known samples and scrapes a real
node_exporter.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import known_fleet
import numpy as np
import pytest
import real_prometheus

from openmanager_core import catalog
from openmanager_core.errors import InvalidRequest, NotFound
from openmanager_core.panel import Window
from openmanager_core.source import Source, SourceSettings, open_source

pytestmark = pytest.mark.anyio

Opened = Callable[[], "asynccontextmanager[Source]"]


@pytest.fixture(scope="module")
def end_s() -> float:
    """When the known samples end."""
    return float(int(time.time()))


@pytest.fixture(scope="module")
def engine_url(tmp_path_factory: pytest.TempPathFactory, end_s: float) -> Iterator[str]:
    """A Prometheus with a past that is known and a present that is this machine's."""
    folder = tmp_path_factory.mktemp("prometheus")
    known_fleet.write(folder / "history.om", end_s)
    with real_prometheus.running(folder / "engine") as engine:
        engine.backfill(folder / "history.om")
        engine.add_node_exporter()
        yield engine.start()


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory, end_s: float) -> Path:
    """The same known samples as files."""
    path = tmp_path_factory.mktemp("recording") / "fleet.csv"
    at = known_fleet.times(end_s)
    lines = ["timestamp,server,metric,value"]
    for name, _ in known_fleet.servers():
        quoted = '"' + name.replace('"', '""') + '"'
        for metric, of in (("cpu_busy_ratio", known_fleet.cpu), ("memory_used_ratio", known_fleet.memory)):
            lines += [f"{t},{quoted},{metric},{v}" for t, v in zip(at, of(name, at, end_s), strict=True)]
    path.write_text("\n".join(lines), "utf-8")
    return path


@pytest.fixture(params=["host", "recorded", "prometheus", "simulator"])
def settings(request: pytest.FixtureRequest) -> SourceSettings:
    """One source after the other."""
    kind = request.param
    if kind == "recorded":
        return SourceSettings(kind=kind, path=str(request.getfixturevalue("recording")))
    if kind == "prometheus":
        return SourceSettings(kind=kind, url=request.getfixturevalue("engine_url"))
    return SourceSettings(kind=kind)


@asynccontextmanager
async def opened(settings: SourceSettings) -> AsyncIterator[Source]:
    """The source, closed at the end inside the same task."""
    source = open_source(settings)
    try:
        yield source
    finally:
        await source.aclose()


async def last_hour(source: Source, step_s: float = 15.0) -> Window:
    now = await source.now_s()
    return Window(now - 3600, now, step_s)


async def test_it_is_a_source_and_says_which(settings: SourceSettings) -> None:
    async with opened(settings) as source:
        assert isinstance(source, Source)
        assert source.kind == settings.kind
        assert math.isfinite(await source.now_s())


async def test_the_inventory_is_the_same_when_asked_again_and_its_clusters_exist(settings: SourceSettings) -> None:
    async with opened(settings) as source:
        fleet = await source.inventory()
        assert fleet.servers
        assert [s.id for s in (await source.inventory()).servers] == [s.id for s in fleet.servers]
        assert len(fleet.by_id) == len(fleet.servers)
        for server in fleet.servers:
            assert not server.cluster or server.id in fleet.cluster_by_id[server.cluster].members
            assert server.type in catalog.SERVER_TYPES
            assert server.environment in catalog.ENVIRONMENTS
            assert server.architecture in catalog.ARCHITECTURES
        assert {c for edge in fleet.calls for c in edge} <= set(fleet.cluster_by_id)


async def test_metrics_are_names_of_the_catalogue_in_its_order(settings: SourceSettings) -> None:
    async with opened(settings) as source:
        metrics = await source.metrics()
        assert metrics
        assert metrics == tuple(m.name for m in catalog.METRICS if m.name in metrics)


async def test_every_metric_reads_on_the_grid_inside_its_bounds_with_rows_in_the_inventory_s_order(
    settings: SourceSettings,
) -> None:
    async with opened(settings) as source:
        window = await last_hour(source)
        order = [s.id for s in (await source.inventory()).servers]
        for name in await source.metrics():
            panel = await source.read(name, window)
            assert panel.metric == name
            assert panel.hosts
            assert list(panel.hosts) == [h for h in order if h in panel.hosts]
            np.testing.assert_allclose(panel.times_s, window.times_s())
            finite = panel.values[np.isfinite(panel.values)]
            row = catalog.metric(name)
            assert not np.isinf(panel.values).any()
            assert (finite >= row.low - 1e-6).all(), name
            assert (finite <= row.high + 1e-6).all(), name


async def test_rows_come_in_the_order_asked_for(settings: SourceSettings) -> None:
    async with opened(settings) as source:
        window = await last_hour(source)
        name = (await source.metrics())[0]
        everybody = await source.read(name, window)
        some = everybody.hosts[::-1][:5]
        panel = await source.read(name, window, list(some))
        assert panel.hosts == some
        if settings.kind in ("recorded", "simulator"):
            np.testing.assert_array_equal(panel.values, everybody.take(some).values)


async def test_overlapping_reads_agree(settings: SourceSettings) -> None:
    async with opened(settings) as source:
        now = math.floor(await source.now_s()) - 120.0
        whole = await source.read("memory_used_ratio", Window(now - 900, now, 15))
        late = await source.read("memory_used_ratio", Window(now - 300, now, 15), list(whole.hosts))
        np.testing.assert_array_equal(whole.values[:, -late.values.shape[1] :], late.values)


async def test_reading_the_future_or_the_age_before_gives_nan(settings: SourceSettings) -> None:
    async with opened(settings) as source:
        now = await source.now_s()
        name = (await source.metrics())[0]
        future = await source.read(name, Window(now + 7200, now + 7800, 60))
        assert np.isnan(future.values).all()
        if settings.kind != "simulator":  # a function has no beginning
            past = await source.read(name, Window(now - 9e6, now - 9e6 + 600, 60))
            assert np.isnan(past.values).all()


async def test_what_does_not_exist_is_not_found(settings: SourceSettings) -> None:
    async with opened(settings) as source:
        window = await last_hour(source)
        name = (await source.metrics())[0]
        with pytest.raises(NotFound, match="cpu_busy_ratio"):
            await source.read("cpu_busy_rato", window)
        with pytest.raises(NotFound, match="no-such-server"):
            await source.read(name, window, ["no-such-server"])


async def test_the_latest_value_is_one_column_of_everybody_and_lies_among_the_readings(
    settings: SourceSettings,
) -> None:
    async with opened(settings) as source:
        now = await source.now_s()
        panel = await source.latest("memory_used_ratio", now, 300.0)
        assert panel.values.shape == (len(panel.hosts), 1)
        assert panel.times_s.tolist() == [now]
        read = await source.read("memory_used_ratio", Window(now - 400, now, 1), list(panel.hosts))
        for value, row in zip(panel.values[:, 0], read.values, strict=True):
            if np.isfinite(value) and np.isfinite(row).any():
                assert np.nanmin(row) - 0.02 <= value <= np.nanmax(row) + 0.02
        with pytest.raises(InvalidRequest, match="over_s"):
            await source.latest("memory_used_ratio", now, 0.0)


async def test_a_ranking_is_sorted_bounded_and_repeatable(settings: SourceSettings) -> None:
    async with opened(settings) as source:
        now = math.floor(await source.now_s()) - 60.0
        window = Window(now - 3600, now, 15)
        metrics = [m for m in await source.metrics() if m in catalog.SCREENED]
        ranking = await source.rank(metrics, window, 4)
        assert len(ranking.suspects) <= 4
        scores = [s.score for s in ranking.suspects]
        assert scores == sorted(scores, reverse=True)
        assert all(s > 0 for s in scores)
        fleet = await source.inventory()
        assert all(s.host in fleet.by_id and s.metric in metrics for s in ranking.suspects)
        assert ranking.screened_series <= len(fleet.servers) * len(metrics)
        assert ranking.method
        again = await source.rank(metrics, window, 4)
        assert [(s.host, s.metric) for s in again.suspects] == [(s.host, s.metric) for s in ranking.suspects]


async def test_a_ranking_of_some_servers_names_only_those(settings: SourceSettings) -> None:
    async with opened(settings) as source:
        window = await last_hour(source)
        host = (await source.read("cpu_busy_ratio", window)).hosts[-1]
        ranking = await source.rank(["cpu_busy_ratio", "memory_used_ratio"], window, 10, [host])
        assert {s.host for s in ranking.suspects} <= {host}
        assert ranking.screened_series <= 2
        with pytest.raises(InvalidRequest, match="k must be"):
            await source.rank(["cpu_busy_ratio"], window, 0)


async def test_changes_are_inside_the_window_and_in_order(settings: SourceSettings) -> None:
    async with opened(settings) as source:
        window = await last_hour(source)
        changes = await source.changes(window)
        assert [c.at_s for c in changes] == sorted(c.at_s for c in changes)
        assert all(window.start_s <= c.at_s < window.end_s for c in changes)


async def test_a_source_that_works_says_so_and_closes_twice(settings: SourceSettings) -> None:
    async with opened(settings) as source:
        await source.inventory()
        await source.latest("memory_used_ratio", await source.now_s())
        status = await source.status()
        assert status.kind == settings.kind
        assert status.state == "ok"
        assert status.breaker == "closed"
        assert status.newest_s is not None
        await source.aclose()
        await source.aclose()


@pytest.mark.parametrize("kind", ["recorded", "prometheus"])
async def test_the_fault_that_was_put_in_is_the_first_suspect(
    kind: str, request: pytest.FixtureRequest, end_s: float
) -> None:
    where = {"path": str(request.getfixturevalue("recording"))} if kind == "recorded" else {
        "url": request.getfixturevalue("engine_url")
    }  # fmt: skip
    async with opened(SourceSettings(kind=kind, **where)) as source:  # type: ignore[arg-type]
        ranking = await source.rank(["cpu_busy_ratio"], Window(end_s - 3600, end_s + 15, 15), 3)
        assert (ranking.suspects[0].host, ranking.suspects[0].metric) == (known_fleet.ODD, "cpu_busy_ratio")
        assert ranking.suspects[0].score > 10
