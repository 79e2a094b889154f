"""The loop closes: what the simulator was told to do is read back through a real Prometheus and found.

The Prometheus holds two hours that ``openmanager simulate --openmetrics`` wrote, and scrapes a running
``openmanager simulate --listen`` and a node_exporter of this machine.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import real_prometheus

from openmanager_core.catalog import SCREENED, metrics_of
from openmanager_core.panel import Window
from openmanager_core.simulator import Fault, Simulator, ground_truth
from openmanager_core.simulator.scenarios import scenario
from openmanager_core.source.prometheus import PrometheusSource
from openmanager_core.source.settings import SourceSettings

pytestmark = [pytest.mark.anyio, pytest.mark.prometheus]

STEP_S = 15.0


@dataclass(frozen=True)
class Loop:
    """Where the engine is, and what is true."""

    url: str
    end_s: float
    simulator: Simulator
    faults: tuple[Fault, ...]
    machine: str


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    """Thirty servers with an incident: their past in blocks, their present scraped."""
    folder = tmp_path_factory.mktemp("loop")
    end_s = float(int(time.time() // STEP_S) * STEP_S)
    told = ["--servers", "30", "--seed", "7", "--scenario", "incident"]
    when = ["--start", f"{end_s - 7200:.0f}", "--hours", "2", "--step", f"{STEP_S:g}"]
    done = subprocess.run(
        [sys.executable, "-m", "openmanager_kit", "simulate", "--openmetrics", str(folder / "past.om"), *told, *when],
        capture_output=True, env=real_prometheus.environment(), timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    simulator = Simulator(30, 7)
    faults = scenario("incident", simulator.fleet(), end_s)
    with real_prometheus.running(folder / "engine") as engine:
        engine.backfill(folder / "past.om")
        machine = engine.add_node_exporter()
        engine.add_simulator(*told)
        yield Loop(engine.start(), end_s, simulator.with_faults(faults), faults, machine)


@pytest.fixture
async def source(loop: Loop) -> AsyncIterator[PrometheusSource]:
    found = PrometheusSource.from_settings(SourceSettings(kind="prometheus", url=loop.url), {})
    yield found
    await found.aclose()


async def test_the_inventory_comes_back_as_the_simulator_has_it(loop: Loop, source: PrometheusSource) -> None:
    fleet, true = await source.inventory(), loop.simulator.fleet()
    assert {s.id for s in fleet.servers} == {s.id for s in true.servers} | {loop.machine}
    for server in true.servers:
        seen = fleet.by_id[server.id]
        for name in ("name", "type", "role", "environment", "region", "architecture", "cluster"):
            assert getattr(seen, name) == getattr(server, name), (server.id, name)
        assert seen.spec.cpu_cores == server.spec.cpu_cores
        assert seen.spec.memory_bytes == server.spec.memory_bytes
        assert seen.spec.disk_bytes == server.spec.disk_bytes
    assert set(fleet.calls) == set(true.calls)
    assert {c.id for c in true.clusters} <= set(fleet.cluster_by_id)
    assert {a.name for a in fleet.applications} == {a.name for a in true.applications}


async def test_every_reading_of_the_past_comes_back_as_it_was_simulated(loop: Loop, source: PrometheusSource) -> None:
    window = Window(loop.end_s - 3600, loop.end_s - 300, STEP_S)
    own = {m for s in loop.simulator.fleet().servers for m in metrics_of(s.type)}
    for name in await source.metrics():
        panel = await source.read(name, window)
        if name not in own:
            continue  # only the real machine has it
        true = loop.simulator.read(name, window)
        seen = panel.take(true.hosts).values
        both = np.isfinite(seen) & np.isfinite(true.values)
        assert both.mean() > 0.95, name
        np.testing.assert_allclose(seen[both], true.values[both], rtol=1e-6, err_msg=name)


async def test_the_present_is_scraped_and_fresh(source: PrometheusSource, loop: Loop) -> None:
    status = await source.status()
    assert status.state == "ok"
    assert status.newest_s is not None
    assert time.time() - status.newest_s < 30
    latest = await source.latest("memory_used_ratio", await source.now_s())
    assert loop.machine in latest.hosts
    live = np.isfinite(latest.values[:, 0])
    assert live.mean() > 0.8


async def test_what_was_done_to_the_fleet_is_found_among_the_first_suspects(
    loop: Loop, source: PrometheusSource
) -> None:
    window = Window(loop.end_s - 3600, loop.end_s + STEP_S, STEP_S)
    ranking = await source.rank(SCREENED, window, 20)
    suspects = {(s.host, s.metric) for s in ranking.suspects}
    for truth in ground_truth(loop.faults, loop.simulator.fleet()):
        found = {host for host, metric in suspects if metric in truth["metrics"]}
        assert found & set(truth["servers"]), (truth["kind"], truth["servers"], ranking.suspects)


async def test_screening_the_fleet_moves_fewer_bytes_than_reading_it(loop: Loop, source: PrometheusSource) -> None:
    window = Window(loop.end_s - 3600, loop.end_s, STEP_S)
    await source.rank(SCREENED, window, 10)  # fills the directory
    before = source.bytes_received
    await source.rank(SCREENED, window, 10)
    ranked = source.bytes_received - before
    for name in SCREENED:
        await source.read(name, window)
    assert 0 < 20 * ranked < source.bytes_received - before


async def test_a_profile_that_takes_a_counter_for_a_gauge_is_told(loop: Loop) -> None:
    rows = {"requests_per_s": "node_context_switches_total{$selector}"}
    source = PrometheusSource.from_settings(SourceSettings(kind="prometheus", url=loop.url, mapping=rows), {})
    metrics = await source.metrics()
    problems = " ".join((await source.status()).problems)
    await source.aclose()
    assert "requests_per_s" in metrics
    assert "node_context_switches_total is a counter: say rate(" in problems
