"""Bytes that travel when a real Prometheus screens the fleet, against pulling everything.

A thousand simulated servers with two faults are written into a real Prometheus (``prometheus`` and
``promtool`` must be on PATH). Then the source is asked for suspects, which are read at full resolution, and for
everything. Bytes and seconds are printed; asserted is only that both faults are among the suspects.

    python benchmarks/prometheus_pushdown.py --servers 1000 --hours 1 --step 15
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shared"))

from openmanager_core.catalog import BY_NAME, SCREENED
from openmanager_core.panel import Window
from openmanager_core.simulator import Fault, Simulator
from openmanager_core.source.prometheus import PrometheusSource
from openmanager_core.source.settings import SourceSettings

SUSPECTS = 40


def history(path: Path, simulator: Simulator, window: Window) -> int:
    """Write the screened metrics of every server as OpenMetrics; how many samples."""
    fleet = simulator.fleet()
    stamps = [f" {t:.3f}\n" for t in window.times_s()]
    samples = 0
    with path.open("w", encoding="utf-8") as out:
        for name in SCREENED:
            panel = simulator.read(name, window)
            exposed = BY_NAME[name].prometheus
            out.write(f"# TYPE {exposed} gauge\n")
            for host, row in zip(panel.hosts, panel.values, strict=True):
                head = f'{exposed}{{server="{host}",cluster="{fleet.by_id[host].cluster}"}} '
                real = np.flatnonzero(np.isfinite(row))
                out.writelines(f"{head}{value!r}{stamps[i]}" for i, value in zip(real, row[real].tolist(), strict=True))
                samples += len(real)
        out.write("# EOF\n")
    return samples


@contextlib.contextmanager
def engine(folder: Path, metrics: Path) -> Iterator[str]:
    """A Prometheus that holds these samples and scrapes nothing; its URL."""
    data = folder / "data"
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(metrics), str(data)],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    config = folder / "prometheus.yml"
    config.write_text("scrape_configs: []\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={data}", "--storage.tsdb.retention.time=10y",
         f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
        start_new_session=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        ends_at = time.monotonic() + 60
        while True:
            with (
                contextlib.suppress(urllib.error.URLError, OSError),
                urllib.request.urlopen(f"{url}/-/ready") as answer,
            ):
                if answer.status == 200:
                    break
            if time.monotonic() > ends_at or process.poll() is not None:
                raise RuntimeError("prometheus did not become ready")
            time.sleep(0.1)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


async def compare(url: str, window: Window, faults: dict[str, str]) -> None:
    """Ask for suspects, then for everything, and print what each moved."""
    source = PrometheusSource.from_settings(SourceSettings(kind="prometheus", url=url, timeout_s=120.0), {})
    try:
        servers = len((await source.inventory()).servers)
        for name in SCREENED:
            await source.read(name, Window(window.end_s - 60, window.end_s, 15), [next(iter(faults))])
        before, began = source.bytes_received, time.perf_counter()
        ranking = await source.rank(SCREENED, window, SUSPECTS)
        ranked, ranked_s = source.bytes_received - before, time.perf_counter() - began
        for name in SCREENED:
            hosts = [s.host for s in ranking.suspects if s.metric == name]
            if hosts:
                await source.read(name, window, hosts)
        pushed, pushed_s = source.bytes_received - before, time.perf_counter() - began
        before, began = source.bytes_received, time.perf_counter()
        cells = 0
        for name in SCREENED:
            cells += (await source.read(name, window)).values.size
        pulled, pulled_s = source.bytes_received - before, time.perf_counter() - began
    finally:
        await source.aclose()
    found = {(s.host, s.metric): i + 1 for i, s in enumerate(ranking.suspects)}
    sys.stdout.write(
        f"{servers} servers, {ranking.screened_series} series, {cells} samples\n"
        f"screen in the engine      {ranked / 1e6:9.3f} MB  {ranked_s:6.2f} s\n"
        f"  + read {len(ranking.suspects):3d} suspects     {pushed / 1e6:9.3f} MB  {pushed_s:6.2f} s\n"
        f"read everything           {pulled / 1e6:9.3f} MB  {pulled_s:6.2f} s\n"
        f"bytes, everything over suspects: {pulled / pushed:.0f} to 1\n"
    )
    for host, metric in faults.items():
        sys.stdout.write(f"fault in {metric} of {host}: suspect number {found.get((host, metric), 'none')}\n")
        assert (host, metric) in found, f"{host} {metric} is not among the suspects"


def main() -> int:
    """Run it; 0, or 2 where the programs are missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=1000)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--step", type=float, default=15.0)
    args = parser.parse_args()
    missing = [name for name in ("prometheus", "promtool") if shutil.which(name) is None]
    if missing:
        sys.stderr.write(f"needs {' and '.join(missing)} on PATH\n")
        return 2
    now = float(int(time.time() // args.step) * args.step)
    window = Window(now - args.hours * 3600 + args.step, now + args.step, args.step)
    simulator = Simulator(args.servers, 7, 3.0)
    fleet = simulator.fleet()
    api = next(s.id for s in fleet.servers if s.type == "api")
    database = next(s.id for s in fleet.servers if s.type == "database")
    simulator = simulator.with_faults(
        (
            Fault("loss", "network_loss", (api,), now - 900, None, 0.8),
            Fault("disk", "disk_filling", (database,), now - 1800, None, 0.8),
        )
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.perf_counter()
        samples = history(folder / "history.om", simulator, window)
        sys.stdout.write(f"{samples} samples written in {time.perf_counter() - began:.1f} s\n")
        with engine(folder, folder / "history.om") as url:
            faults = {api: "tcp_retransmit_ratio", database: "disk_used_ratio"}
            asyncio.run(compare(url, window, faults))
    return 0


if __name__ == "__main__":
    sys.exit(main())
