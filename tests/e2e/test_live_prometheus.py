"""The loop closes through MCP: a fault told to a live simulator, scraped by a real Prometheus, found by the analyst.

Nothing is backfilled here: the Prometheus knows only what it scraped, once a second, from the running simulator.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import real_prometheus
import served
from fleet_client import ask
from mcp.client import Client

pytestmark = [pytest.mark.prometheus, pytest.mark.timeout(300)]

CLUSTER = "database-production-us-east-1"
MACHINE_JOB = "node"
CALM_S, FAULTY_S = 60.0, 105.0


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that has seen a calm minute and then a slow database."""
    with real_prometheus.running(tmp_path_factory.mktemp("engine"), scrape_s=1.0) as running:
        fault = f"slow_dependency:{CLUSTER}:{CALM_S + 10:.0f}:0:1.0"
        running.add_simulator("--servers", "30", "--seed", "7", "--tick", "1", "--fault", fault)
        began_s = time.time()
        running.add_node_exporter()
        url = running.start()
        until_s = began_s + 10 + CALM_S + FAULTY_S
        newest = f"max(timestamp(openmanager_cpu_busy_ratio))%3E{until_s:.0f}"
        real_prometheus.wait_for(f"{url}/api/v1/query?query={newest}", '"value":', within_s=240)
        yield url


@pytest.mark.anyio
async def test_the_fault_is_found_where_the_simulator_was_told_to_make_it(engine: str, tmp_path: Path) -> None:
    parameters = served.over_stdio(tmp_path, "--source", "prometheus", "--prometheus-url", engine)
    async with Client(parameters) as client:
        machine = (await ask(client, "list_servers", type="unknown"))["servers"][0]["id"]
        window = {"start": "now-165s", "end": "now"}
        # This machine, seen through its node_exporter, works hard while tests run: that is true, and not the fault.
        named = (await ask(client, "find_root_cause", **window))["causes"]
        causes = [c for c in named if c["node"] not in (MACHINE_JOB, machine)]
        assert causes[0]["node"] == CLUSTER
        assert causes[0]["kind"] == "slow_dependency"
        assert {"api-production-us-east-1", "web-production-us-east-1"} & set(causes[0]["explains"])
        anomalies = (await ask(client, "find_anomalies", **window))["anomalies"]
        places = [a["cluster"] for a in anomalies if a["server"] != machine]
        # A minute of calm knows a machine's habits badly: another one may be a little stranger than those that suffer.
        assert {CLUSTER, "api-production-us-east-1", "web-production-us-east-1"} & set(places[:3])
        overview = await ask(client, "fleet_overview", **window)
        assert overview["servers"] == 31 and overview["status"] != "healthy"


@pytest.mark.anyio
async def test_this_machine_is_seen_through_its_node_exporter(engine: str, tmp_path: Path) -> None:
    async with Client(served.over_stdio(tmp_path, "--prometheus-url", engine)) as client:
        machine = (await ask(client, "list_servers", type="unknown"))["servers"]
        assert len(machine) == 1
        described = await ask(client, "describe_server", server=machine[0]["id"], start="now-60s")
        assert described["cpu_cores"] >= 1 and described["memory_bytes"] > 1e8
        readings = {row["metric"]: row["value"] for row in described["readings"]}
        assert 0 < readings["memory_used_ratio"] < 1
