"""``openmanager simulate`` as a user types it."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from openmanager_core import catalog
from openmanager_core.errors import ConfigError, StorageUnavailable
from openmanager_core.files import written
from openmanager_core.panel import Window
from openmanager_core.simulator import Simulator
from openmanager_core.simulator.archive import write_archive
from openmanager_core.simulator.serving import address
from openmanager_kit.cli.main import main

COMMAND = [sys.executable, "-m", "openmanager_kit", "simulate"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}


@contextlib.contextmanager
def _serving(*options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    process = subprocess.Popen(
        [*COMMAND, "--listen", "127.0.0.1:0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    try:
        assert process.stderr is not None
        yield process.stderr.readline().strip(), process
    finally:
        process.kill()
        process.communicate(timeout=10)


def _get(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, dict(exc.headers.items()), exc.read()


def test_it_serves_metrics_in_the_format_and_encoding_asked_for() -> None:
    with _serving("--servers", "12", "--tick", "3600") as (url, _):
        assert url.startswith("http://127.0.0.1:")
        status, headers, plain = _get(url)
        assert status == 200
        assert headers["content-type"].startswith("text/plain; version=0.0.4")
        assert plain.count(b"\nopenmanager_cpu_busy_ratio{") == 12
        _, headers, packed = _get(url, **{"Accept-Encoding": "gzip"})
        assert headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed) == plain
        prometheus = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
        _, headers, strict = _get(url, Accept=prometheus)
        assert headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
        assert strict.endswith(b"# EOF\n")
        _, headers, _ = _get(url, Accept="application/openmetrics-text;q=0, text/plain")
        assert headers["content-type"].startswith("text/plain")


def test_it_answers_health_and_nothing_else() -> None:
    with _serving("--servers", "2") as (url, _):
        base = url.removesuffix("/metrics")
        assert _get(f"{base}/healthz")[::2] == (200, b"ok\n")
        assert _get(f"{base}/")[0] == 404
        assert _get(f"{base}/metrics/../secret")[0] == 404
        assert _get(f"{base}/{'x' * 70_000}")[0] == 414
        with pytest.raises(urllib.error.HTTPError, match="501"):
            urllib.request.urlopen(url, data=b"x", timeout=10)
        host, port = base.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as raw:
            raw.sendall(b"\x00\xff garbage\r\n\r\n")
            assert raw.recv(100)
        assert _get(url)[0] == 200


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_quietly(name: signal.Signals) -> None:
    with _serving("--servers", "2") as (url, process):
        assert _get(url)[0] == 200
        process.send_signal(name)
        out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (0, "", "")


def test_faults_of_the_options_are_served() -> None:
    fault = "cpu_saturation:web-us-east-1-001:-600:0:1"
    with _serving("--servers", "12", "--fault", fault) as (url, _):
        page = _get(url)[2].decode()
    found = {h: float(v) for h, v in re.findall(r'(?m)^openmanager_cpu_busy_ratio\{server="([^"]+)".*\} (\S+)$', page)}
    assert found["web-us-east-1-001"] > 0.9


def test_a_port_in_use_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["simulate", "--listen", f"127.0.0.1:{taken.getsockname()[1]}"]) == 2
    assert "cannot listen on 127.0.0.1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1:9", ("127.0.0.1", 9)),
        (":9", ("127.0.0.1", 9)),
        ("9", ("127.0.0.1", 9)),
        ("[::1]:9", ("::1", 9)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
    ],
)
def test_an_address_without_a_host_means_loopback(text: str, found: tuple[str, int]) -> None:
    assert address(text) == found


@pytest.mark.parametrize("text", ["", "host", "host:", "host:70000", "host:-1", "host:٣"])
def test_an_address_without_a_port_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="HOST:PORT"):
        address(text)


def _write(path: Path, *options: str) -> bytes:
    small = ["--servers", "8", "--hours", "2", "--step", "60"]
    assert main(["simulate", "--out", str(path), *small, *options]) == 0
    return path.read_bytes()


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    first = _write(tmp_path / "a.npz", "--seed", "5")
    assert _write(tmp_path / "b.npz", "--seed", "5") == first
    assert _write(tmp_path / "c.npz", "--seed", "6") != first
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz", "b.npz", "c.npz"]


def test_the_archive_holds_the_screened_metrics_the_clusters_and_the_truth(tmp_path: Path) -> None:
    _write(tmp_path / "a.npz", "--seed", "5")
    with np.load(tmp_path / "a.npz") as archive:
        names = ["cpu", *catalog.SCREENED[1:]]
        assert set(archive.files) == {*names, "cluster", "clusters", "servers", "times_s", "incidents"}
        for name in names:
            assert archive[name].shape == (8, 120)
            assert archive[name].dtype == np.float32
        assert 1 < np.nanmax(archive["cpu"]) <= 100
        fleet = Simulator(8, 5).fleet()
        assert archive["servers"].tolist() == [s.id for s in fleet.servers]
        assert [archive["clusters"][c] for c in archive["cluster"]] == [s.cluster for s in fleet.servers]
        incidents = json.loads(str(archive["incidents"]))
        assert len(incidents) == 1
        assert {"kind", "servers", "metrics", "start", "end", "root_cause", "severity"} <= set(incidents[0])
        assert archive["times_s"][0] <= incidents[0]["start"] < incidents[0]["end"] <= archive["times_s"][-1] + 60


def test_a_quiet_archive_has_no_incident_and_a_scenario_happens_at_its_end(tmp_path: Path) -> None:
    _write(tmp_path / "q.npz", "--scenario", "quiet")
    _write(tmp_path / "i.npz", "--scenario", "incident")
    with np.load(tmp_path / "q.npz") as quiet, np.load(tmp_path / "i.npz") as incident:
        assert json.loads(str(quiet["incidents"])) == []
        slow = json.loads(str(incident["incidents"]))[0]
        assert (slow["start"], slow["end"]) == (incident["times_s"][-1] + 60 - 1200, None)


def test_a_given_fault_counts_from_the_first_instant(tmp_path: Path) -> None:
    _write(tmp_path / "f.npz", "--fault", "memory_leak:web-us-east-1-001:600:1200:0.5")
    with np.load(tmp_path / "f.npz") as archive:
        (fault,) = json.loads(str(archive["incidents"]))
        start_s = archive["times_s"][0]
    assert (fault["start"] - start_s, fault["end"] - start_s, fault["severity"]) == (600, 1800, 0.5)


def test_the_values_of_a_large_archive_do_not_depend_on_how_it_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator, window = Simulator(5, 2), Window(0, 36_000, 60)
    write_archive(tmp_path / "together.npz", simulator, window)
    monkeypatch.setattr("openmanager_core.simulator.archive._TOGETHER", 10)
    write_archive(tmp_path / "apart.npz", simulator, window)
    assert (tmp_path / "together.npz").read_bytes() == (tmp_path / "apart.npz").read_bytes()


def test_a_file_appears_complete_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with pytest.raises(StorageUnavailable, match="cannot write out"), written(path) as file:
        file.write(b"half")
        raise OSError(28, "No space left on device")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_does_not_exist_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--out", str(tmp_path / "no" / "a.npz"), "--hours", "1"]) == 1
    assert "cannot write a.npz" in capsys.readouterr().err


def test_history_is_written_for_promtool(tmp_path: Path) -> None:
    path = tmp_path / "h.om"
    options = ["--servers", "4", "--hours", "1", "--step", "60", "--tick", "60"]
    assert main(["simulate", "--openmetrics", str(path), *options]) == 0
    text = path.read_text()
    assert text.startswith("# HELP openmanager_cpu_busy_ratio")
    assert text.endswith("\n# EOF\n")
    assert len(re.findall(r"(?m)^openmanager_cpu_busy_ratio\{", text)) == 4 * 60


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--servers", "100001"], "from 1 to 100000"),
        (["--seed", "-1"], "seed"),
        (["--tick", "0"], "tick_s"),
        (["--scenario", "blackfriday"], "black_friday"),
        (["--fault", "memory_leak"], "KIND:TARGET"),
        (["--fault", "memory_leak:web-us-east-1-001:soon"], "numbers"),
        (["--fault", "memory_leak:web-us-east-1-001:1:2:3:4"], "KIND:TARGET"),
        (["--fault", "memory_leak:web-us-east-1-01"], "web-us-east-1-001"),
        (["--fault", "memory_leak:web-us-east-1-001:0:-5"], "must end after it starts"),
        (["--fault", "memory_leak:web-us-east-1-001:0:5:2"], "severity"),
        (["--hours", "0"], "--hours 0"),
        (["--hours", "nan"], "--hours nan"),
        (["--step", "0"], "--step 0"),
        (["--hours", "1e9"], "most is 100000"),
    ],
)
def test_options_that_cannot_be_are_a_usage_error_with_the_reason(
    tmp_path: Path, options: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", "--out", str(tmp_path / "a.npz"), *options]) == 2
    assert text in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_too_large_an_archive_is_refused_before_it_is_begun(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--servers", "100000", "--hours", "24", "--step", "3"]
    assert main(["simulate", "--out", str(tmp_path / "a.npz"), *options]) == 1
    assert "the most is" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
