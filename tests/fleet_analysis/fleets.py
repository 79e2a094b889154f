"""Small fleets and panels made by formula, for the tests of this folder."""

from __future__ import annotations

import numpy as np

from openmanager_core.catalog import SCREENED
from openmanager_core.fleet import Fleet, ServerCluster, ServerInstance
from openmanager_core.panel import Panel, Window

TYPES = ("web", "api", "database", "cache", "queue")
LEVEL = {
    "cpu_busy_ratio": 0.4,
    "memory_used_ratio": 0.5,
    "disk_used_ratio": 0.5,
    "network_transmit_bytes_per_s": 1e6,
    "tcp_retransmit_ratio": 0.001,
    "requests_per_s": 100.0,
    "errors_per_s": 0.1,
    "latency_p95_s": 0.05,
    "cpu_steal_ratio": 0.002,
    "clock_offset_s": 0.001,
}
START_S = 1_800_000_000.0


def make(
    servers: int = 40, *, size: int = 8, n_times: int = 240, step_s: float = 15.0, seed: int = 1,
    metrics: tuple[str, ...] = SCREENED,
) -> tuple[Fleet, dict[str, Panel], Window]:  # fmt: skip
    """Clusters of `size` in cells of web -> api -> database, cache, queue; 2 % noise around one level per metric."""
    rng = np.random.default_rng(seed)
    people, members = [], {}
    for i in range(servers):
        kind = TYPES[i // size % 5]
        cluster = f"{kind}-{i // size:03d}"
        people.append(
            ServerInstance(f"{cluster}-{i % size}", f"{cluster}-{i % size}", kind, "", "production", cluster=cluster)
        )
        members.setdefault(cluster, []).append(people[-1].id)
    clusters = tuple(ServerCluster(c, c.split("-")[0], "production", members=tuple(m)) for c, m in members.items())
    names = list(members)
    calls = []
    for k in range(0, len(names), 5):
        cell = names[k : k + 5]
        if len(cell) > 1:
            calls += [(cell[0], cell[1]), *((cell[1], c) for c in cell[2:])]
    fleet = Fleet(tuple(people), clusters, tuple(calls))
    window = Window(START_S, START_S + n_times * step_s, step_s)
    hosts = tuple(s.id for s in people)
    panels = {}
    for name in metrics:
        noise = 1 + 0.02 * rng.standard_normal((servers, n_times), dtype=np.float32)
        panels[name] = Panel(name, hosts, window.times_s(), (noise * np.float32(LEVEL[name])).astype(np.float32))
    return fleet, panels, window


def rows_of(panel: Panel, fleet: Fleet, place: str) -> list[int]:
    """Rows of a cluster's members, or of one server."""
    names = fleet.cluster_by_id[place].members if place in fleet.cluster_by_id else (place,)
    return [panel.hosts.index(n) for n in names]
