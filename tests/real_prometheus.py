"""A real Prometheus on loopback for tests: started, filled, scraping, and ended with everything it started.

Use it as a fixture (``from real_prometheus import fleet_engine``) or through `RealPrometheus` itself.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

READY_S = 30.0
_URL = re.compile(r"http://127\.0\.0\.1:\d+\S*")


def binary(*names: str) -> str:
    """The first of these programs that is installed; without one the test is skipped, or fails in CI."""
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    text = f"{' or '.join(names)} is not installed"
    if os.environ.get("CI"):
        pytest.fail(text)
    pytest.skip(text)


def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment() -> dict[str, str]:
    """Our own environment, in which a child finds the modules that we find."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}


def wait_for(url: str, words: str = "", *, within_s: float = READY_S) -> str:
    """Ask until the address answers 200 with `words` in it; an AssertionError says what it said last."""
    ends_at = time.monotonic() + within_s
    said = "nothing"
    while time.monotonic() < ends_at:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                said = answer.read().decode("utf-8", "replace")
                if words in said:
                    return said
        except (OSError, urllib.error.URLError) as exc:
            said = str(exc)
        time.sleep(0.05)
    raise AssertionError(f"{url} did not answer with {words!r} within {within_s:g} s: {said[:500]}")


class RealPrometheus:
    """One Prometheus with its own folder, and the exporters it scrapes."""

    def __init__(self, folder: Path, *, scrape_s: float = 1.0) -> None:
        self.folder = folder
        self.scrape_s = scrape_s
        self.url = ""
        self._jobs: list[tuple[str, str]] = []
        self._running: list[subprocess.Popen[bytes]] = []
        (folder / "data").mkdir(parents=True, exist_ok=True)

    def backfill(self, openmetrics: Path) -> None:
        """Turn a file of old samples into blocks; before `start`."""
        done = subprocess.run(
            [
                binary("promtool"),
                "tsdb",
                "create-blocks-from",
                "openmetrics",
                str(openmetrics),
                str(self.folder / "data"),
            ],
            capture_output=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr.decode("utf-8", "replace")[-2000:]

    def add_node_exporter(self, job: str = "node") -> str:
        """Start a node_exporter of this machine and scrape it; its address."""
        program = binary("prometheus-node-exporter", "node_exporter")
        port = free_port()
        self._spawn([program, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"])
        wait_for(f"http://127.0.0.1:{port}/metrics", "node_cpu_seconds_total")
        return self.add_target(job, f"127.0.0.1:{port}")

    def add_simulator(self, *arguments: str, job: str = "simulator") -> str:
        """Start ``openmanager simulate --listen`` with more arguments and scrape it; its address."""
        command = [sys.executable, "-m", "openmanager_kit", "simulate", "--listen", "127.0.0.1:0", *arguments]
        process = self._spawn(command, stderr=subprocess.PIPE)
        line = _first_line(process)
        found = _URL.search(line)
        assert found, f"the simulator named no address: {line!r}"
        address = found.group().removeprefix("http://").split("/")[0]
        wait_for(f"http://{address}/metrics", "openmanager_")
        return self.add_target(job, address)

    def add_target(self, job: str, address: str) -> str:
        """Scrape an address that something else listens on; before `start`."""
        self._jobs.append((job, address))
        return address

    def start(self) -> str:
        """Start it and wait until it is ready and has scraped every target once; its URL."""
        program = binary("prometheus")
        config = self.folder / "prometheus.yml"
        seconds = f"{self.scrape_s:g}s"
        jobs = "".join(
            f"\n  - job_name: {job}\n    static_configs: [{{targets: ['{address}']}}]" for job, address in self._jobs
        )
        config.write_text(
            f"global: {{scrape_interval: {seconds}, scrape_timeout: {seconds}}}\nscrape_configs:{jobs or ' []'}\n"
        )
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._spawn(
            [
                program, f"--config.file={config}", f"--storage.tsdb.path={self.folder / 'data'}",
                "--storage.tsdb.retention.time=10y", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
            ]
        )  # fmt: skip
        wait_for(f"{self.url}/-/ready")
        for job, _ in self._jobs:
            wait_for(f"{self.url}/api/v1/query?query=up%7Bjob%3D%22{job}%22%7D%3D%3D1", f'"{job}"')
        return self.url

    def stop(self) -> None:
        """End every process group that was started here, politely and then not."""
        running, self._running = self._running[::-1], []
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in running:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=10)
            if process.stderr is not None:
                process.stderr.close()

    def _spawn(self, command: Sequence[str], *, stderr: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
            env=environment(),
        )
        self._running.append(process)
        return process


def _first_line(process: subprocess.Popen[bytes]) -> str:
    """The first line of a program's stderr, waited for with a deadline."""
    assert process.stderr is not None
    ends_at = time.monotonic() + READY_S
    text = b""
    with selectors.DefaultSelector() as chooser:
        chooser.register(process.stderr, selectors.EVENT_READ)
        while b"\n" not in text and time.monotonic() < ends_at and chooser.select(timeout=1.0) is not None:
            part = os.read(process.stderr.fileno(), 4096) if chooser.select(timeout=0) else b""
            if not part and process.poll() is not None:
                break
            text += part
    return text.split(b"\n")[0].decode("utf-8", "replace")


@contextlib.contextmanager
def running(folder: Path, *, scrape_s: float = 1.0) -> Iterator[RealPrometheus]:
    """A Prometheus that is ended at the end, whatever happens."""
    engine = RealPrometheus(folder, scrape_s=scrape_s)
    try:
        yield engine
    finally:
        engine.stop()
