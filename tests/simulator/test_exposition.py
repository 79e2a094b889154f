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


Labels = tuple[tuple[str, str], ...]
SAMPLE = re.compile(r"([a-z][a-z0-9_]*)\{(.*)\} (\S+)(?: (\d+(?:\.\d+)?))?")
LABEL = re.compile(r'([a-z][a-z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')


def _parsed(page: str, *, openmetrics: bool) -> list[tuple[str, Labels, float, float | None]]:
    """Samples of a page in order; asserts what both formats demand of lines, families and series."""
    out: list[tuple[str, Labels, float, float | None]] = []
    family, seen, helped = "", set(), ""
    lines = page.split("\n")
    assert lines.pop() == ""
    if openmetrics:
        assert lines.pop() == "# EOF"
    for line in lines:
        if line.startswith("# HELP "):
            helped = line.split(" ")[2]
            assert helped not in seen, "a family comes in one piece"
            seen.add(helped)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == helped
            assert kind in (("gauge", "info") if openmetrics else ("gauge",))
            family = f"{name}_info" if kind == "info" else name
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, inside, value, stamp = match.groups()
            assert name == family
            labels = tuple(LABEL.findall(inside))
            assert ",".join(f'{k}="{v}"' for k, v in labels) == inside
            assert np.isfinite(float(value))
            out.append((name, labels, float(value), float(stamp) if stamp else None))
    assert len({(n, v, t) for n, v, _, t in out}) == len(out), "no sample twice"
    return out


@pytest.mark.parametrize("servers", [1, 30, 240])
def test_promtool_finds_nothing_to_complain_about(servers: int) -> None:
    page = Exposition(_simulator(servers)).render(AT_S)
    done = subprocess.run([_promtool(), "check", "metrics"], input=page, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_both_formats_parse_and_hold_the_same_samples() -> None:
    exposition = Exposition(_simulator())
    text, openmetrics = (exposition.render(AT_S, openmetrics=o).decode() for o in (False, True))
    plain, strict = _parsed(text, openmetrics=False), _parsed(openmetrics, openmetrics=True)
    assert plain == strict
    assert len(plain) > 30 * 14


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
    found = _parsed(Exposition(simulator).render(AT_S, openmetrics=True).decode(), openmetrics=True)
    assert {name for name, *_ in found} >= {"openmanager_server_info", "openmanager_server_cpu_cores"}
    assert "openmanager_cpu_busy_ratio" not in {name for name, *_ in found}


def test_history_is_openmetrics_with_every_series_in_one_piece() -> None:
    simulator = _simulator(6)
    window = Window(AT_S - 600, AT_S, 60)
    file = io.BytesIO()
    samples = Exposition(simulator).write_history(file, window)
    page = file.getvalue().decode()
    found = _parsed(page, openmetrics=True)
    assert len(found) == samples
    cpu = [(dict(labels)["server"], v, t) for name, labels, v, t in found if name == "openmanager_cpu_busy_ratio"]
    panel = simulator.read("cpu_busy_ratio", window)
    assert [host for host, _, _ in cpu] == [h for h in panel.hosts for _ in range(10)]
    assert [t for _, _, t in cpu[:10]] == window.times_s().tolist()
    np.testing.assert_array_equal(np.float32([v for _, v, _ in cpu]), panel.values.ravel())


def test_instants_between_seconds_keep_their_fraction() -> None:
    file = io.BytesIO()
    Exposition(Simulator(1)).write_history(file, Window(AT_S + 0.25, AT_S + 1.25, 0.5))
    found = _parsed(file.getvalue().decode(), openmetrics=True)
    assert [t for *_, t in found[:2]] == [AT_S + 0.25, AT_S + 0.75]


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
