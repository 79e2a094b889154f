"""The fleet as Prometheus reads it."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from openmanager_core import catalog
from openmanager_core.panel import Window
from openmanager_core.simulator import Fault, Simulator
from openmanager_core.simulator.exposition import Exposition
from openmanager_core.simulator.scenarios import scenario

AT_S = 1_793_620_000.0


def _promtool() -> str:
    found = shutil.which("promtool")
    if not found:
        if os.environ.get("CI"):
            pytest.fail("promtool is not installed")
        pytest.skip("promtool is not installed")
    return found


def _simulator(servers: int = 30) -> Simulator:
    simulator = Simulator(servers)
    return simulator.with_faults(scenario("incident", simulator.fleet(), AT_S))


@pytest.mark.parametrize("servers", [1, 30, 240])
def test_promtool_finds_nothing_to_complain_about(servers: int) -> None:
    for openmetrics in (False, True):
        page = Exposition(_simulator(servers)).render(AT_S, openmetrics=openmetrics)
        if openmetrics:
            page = page.replace(b"# EOF\n", b"")
            page = re.sub(
                rb"(?m)^# (HELP|TYPE) (openmanager_server|openmanager_service_calls) ", rb"# \1 \2_info ", page
            )
            page = page.replace(b"_info info\n", b"_info gauge\n")
        done = subprocess.run([_promtool(), "check", "metrics"], input=page, capture_output=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_both_formats_parse_and_hold_the_same_samples() -> None:
    exposition = Exposition(_simulator())
    text, openmetrics = (exposition.render(AT_S, openmetrics=o).decode() for o in (False, True))
    plain = {
        (s.name, *sorted(s.labels.items())): s.value
        for f in text_parser.text_string_to_metric_families(text)
        for s in f.samples
    }
    strict = {
        (s.name, *sorted(s.labels.items())): s.value
        for f in openmetrics_parser.text_string_to_metric_families(openmetrics)
        for s in f.samples
    }
    assert plain == strict
    assert openmetrics.endswith("\n# EOF\n")
    assert text.endswith("\n")
    assert "\n\n" not in text


def test_samples_are_the_simulators_values_under_the_catalogues_names() -> None:
    simulator = _simulator()
    page = Exposition(simulator).render(AT_S).decode()
    for metric in catalog.METRICS:
        panel = simulator.read(metric.name, Window(AT_S, AT_S + 1, 1))
        lines = re.findall(rf"(?m)^{metric.prometheus}{{server=\"([^\"]+)\".*}} (\S+)$", page)
        assert [h for h, _ in lines] == list(panel.hosts)
        np.testing.assert_array_equal(np.float32([v for _, v in lines]), panel.values[:, 0])


def test_the_inventory_travels_with_the_values() -> None:
    fleet = _simulator().fleet()
    page = Exposition(_simulator()).render(AT_S).decode()
    assert (
        'openmanager_cpu_busy_ratio{server="web-us-east-1-001",cluster="web-production-us-east-1",type="web",'
        'region="us-east-1",environment="production",architecture="x86_64"} ' in page
    )
    assert page.count("\nopenmanager_service_calls_info{") == len(fleet.calls)
    assert 'caller="web-production-us-east-1",callee="api-production-us-east-1"} 1.0\n' in page
    assert page.count("\nopenmanager_server_info{") == 30
    assert 'cpu_cores="4"} 1.0\n' in page
    assert page.count("\nopenmanager_server_memory_bytes{") == 30
    deployed = fleet.applications[0].deployments[0]
    wanted = (
        f'{{application="{deployed.application}",environment="{deployed.environment}",version="{deployed.version}",'
        f'cluster="{deployed.clusters[0]}"}} {deployed.at_s}'
    )
    assert f"openmanager_deployment_timestamp_seconds{wanted}\n" in page


def test_a_server_that_is_down_has_no_samples() -> None:
    simulator = Simulator(30)
    dead = "web-us-east-1-001"
    sick = simulator.with_faults([Fault("", "crash_restart", (dead,), AT_S - 60)])
    page = Exposition(sick).render(AT_S).decode()
    assert f'openmanager_cpu_busy_ratio{{server="{dead}"' not in page
    assert 'openmanager_cpu_busy_ratio{server="web-us-east-1-002"' in page
    assert f'openmanager_server_info{{server="{dead}"' in page
    assert "nan" not in page.lower()
    assert "null" not in page


def test_all_servers_down_leave_a_page_that_still_parses() -> None:
    simulator = Simulator(1).with_faults([Fault("", "crash_restart", ("web-us-east-1-001",), AT_S - 60)])
    page = Exposition(simulator).render(AT_S, openmetrics=True).decode()
    assert list(openmetrics_parser.text_string_to_metric_families(page))


def test_history_is_openmetrics_with_every_series_in_one_piece() -> None:
    simulator = _simulator(6)
    window = Window(AT_S - 600, AT_S, 60)
    file = io.BytesIO()
    samples = Exposition(simulator).write_history(file, window)
    page = file.getvalue().decode()
    families = list(openmetrics_parser.text_string_to_metric_families(page))
    assert sum(len(f.samples) for f in families) == samples
    cpu = next(f for f in families if f.name == "openmanager_cpu_busy_ratio")
    panel = simulator.read("cpu_busy_ratio", window)
    assert [s.labels["server"] for s in cpu.samples] == [h for h in panel.hosts for _ in range(10)]
    assert [float(s.timestamp) for s in cpu.samples[:10]] == window.times_s().tolist()
    np.testing.assert_array_equal(np.float32([s.value for s in cpu.samples]), panel.values.ravel())


def test_promtool_makes_blocks_of_the_history(tmp_path: Path) -> None:
    path = tmp_path / "history.om"
    with path.open("wb") as file:
        samples = Exposition(_simulator(6)).write_history(file, Window(AT_S - 3600, AT_S, 30))
    done = subprocess.run(
        [_promtool(), "tsdb", "create-blocks-from", "openmetrics", str(path), str(tmp_path / "data")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    counts = [int(line.split()[4]) for line in done.stdout.splitlines() if line.startswith("01")]
    assert sum(counts) == samples, done.stdout
