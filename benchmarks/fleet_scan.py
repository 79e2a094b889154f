"""How long a whole-fleet overview takes, against one np.sum pass over the same memory, and whether it is linear.

    python benchmarks/fleet_scan.py [--quick]

Lost co-movement is looked for by `find_anomalies`, not by every overview of a large fleet: its time stands beside.
Prints times and ratios; asserts only that the planted odd servers are found and named.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "shared"))
from openmanager_core.analysis.comovement import partings
from openmanager_core.analysis.overview import Overview, overview
from openmanager_core.catalog import SCREENED
from openmanager_core.fleet import Fleet, ServerCluster, ServerInstance
from openmanager_core.panel import Panel, Window
from openmanager_core.screening import screen

LEVEL = dict(zip(SCREENED, (0.4, 0.5, 0.5, 1e6, 0.001, 100.0, 0.1, 0.05), strict=True))
TYPES = ("web", "api", "database", "cache", "queue")
CLUSTER = 10
START_S = 1_800_000_000.0


def make(servers: int, n_times: int, step_s: float) -> tuple[Fleet, dict[str, Panel], Window, tuple[str, str]]:
    """A fleet with 2 % noise, one leaking server and one slow one."""
    rng = np.random.default_rng(7)
    people, members = [], {}
    for i in range(servers):
        kind = TYPES[i // CLUSTER % 5]
        cluster = f"{kind}-{i // CLUSTER:04d}"
        name = f"{cluster}-{i % CLUSTER}"
        people.append(ServerInstance(name, name, kind, "", "production", cluster=cluster))
        members.setdefault(cluster, []).append(name)
    clusters = tuple(ServerCluster(c, c.split("-")[0], "production", members=tuple(m)) for c, m in members.items())
    names = list(members)
    cells = [names[k : k + 5] for k in range(0, len(names) - 4, 5)]
    calls = [pair for web, api, *data in cells for pair in ((web, api), *((api, d) for d in data))]
    window = Window(START_S, START_S + n_times * step_s, step_s)
    hosts = tuple(s.id for s in people)
    panels = {}
    for name in SCREENED:
        values = rng.standard_normal((servers, n_times), dtype=np.float32)
        values *= np.float32(0.02 * LEVEL[name])
        values += np.float32(LEVEL[name])
        panels[name] = Panel(name, hosts, window.times_s(), values)
    leaking, slow = servers // 2, servers // 3
    panels["memory_used_ratio"].values[leaking] += np.linspace(0, 0.3, n_times, dtype=np.float32)
    panels["latency_p95_s"].values[slow, -n_times // 5 :] *= 4
    return Fleet(tuple(people), clusters, tuple(calls)), panels, window, (hosts[leaking], hosts[slow])


def timed(work: Callable[[], object]) -> float:
    """Seconds of one run."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(servers: int, n_times: int, step_s: float, runs: int) -> float:
    """Print one row; return the best time in seconds."""
    fleet, panels, window, planted = make(servers, n_times, step_s)
    seen: Overview = overview(panels, fleet, window)
    assert {f.host for f in seen.findings} >= set(planted), [f.host for f in seen.findings]
    assert {c.node for c in seen.causes} >= set(planted), [c.node for c in seen.causes]
    assert seen.screened_series == servers * len(panels)

    def one_pass() -> float:
        return sum(float(np.sum(p.values)) for p in panels.values())

    def screening() -> None:
        for panel in panels.values():
            screen(panel.values, recent=max(1, n_times // 12), floor=1e-6)

    # the pass is timed beside the work, so that a busy machine slows both
    passes, looks, scans, parted = [], [], [], []
    for _ in range(runs):
        passes.append(min(timed(one_pass) for _ in range(3)))
        looks.append(timed(screening))
        scans.append(timed(lambda: overview(panels, fleet, window)))
        parted.append(timed(lambda: partings(panels, fleet)))
    size = sum(p.values.nbytes for p in panels.values())
    base, scan = min(passes), min(scans)
    sys.stdout.write(
        f"{servers:7,} x {len(panels)} x {n_times:<5} {size / 1e6:8.1f} MB {base * 1e3:9.2f} ms "
        f"{min(looks) * 1e3:9.1f} ms {scan * 1e3:9.1f} ms  median {statistics.median(scans) * 1e3:7.1f} ms "
        f"{scan / base:7.1f} passes {scan / servers * 1e6:7.1f} us a server; lost co-movement "
        f"{min(parted) * 1e3:.0f} ms {min(parted) / base:.1f} passes\n"
    )
    return scan


def main() -> int:
    """Run all sizes; `--quick` leaves the largest out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    sys.stdout.write("servers x metrics x instants    memory      np.sum    screening     overview\n")
    one_hour = [measure(n, 240, 15.0, 7) for n in (1_000, 2_000, 4_000, 8_000)]
    sys.stdout.write(f"1 h at 15 s, 1,000 servers: {one_hour[0] * 1e3:.0f} ms (target: under 200 ms)\n")
    growth = ", ".join(f"{b / a:.2f}" for a, b in itertools.pairwise(one_hour))
    sys.stdout.write(f"time ratio per doubling of the servers: {growth} (2 is linear)\n")
    if not args.quick:
        measure(10_000, 1_200, 3.0, 5)
        sys.stdout.write("target for 10,000 x 8 x 1,200: at most 12 passes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
