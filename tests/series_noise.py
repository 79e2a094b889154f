"""Seeded series for the tests: independent noise with a given memory, on a grid."""

from __future__ import annotations

import numpy as np

from openmanager_core.fleet import Fleet, ServerCluster, ServerInstance
from openmanager_core.panel import FloatArray, Panel


def ar1(phi: float, rows: int, times: int, seed: int) -> FloatArray:
    """Independent AR(1) series of variance 1; with `phi` 1, random walks."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(rows, times))
    out = np.empty_like(steps)
    scale = np.sqrt(1 - phi**2) if phi < 1 else 0.05
    out[:, 0] = steps[:, 0]
    for t in range(1, times):
        out[:, t] = phi * out[:, t - 1] + scale * steps[:, t]
    return out


def panel(values: FloatArray, metric: str = "cpu_busy_ratio", step_s: float = 60.0, start_s: float = 0.0) -> Panel:
    """Hosts h0, h1 and so on."""
    values = np.atleast_2d(values)
    times = start_s + step_s * np.arange(values.shape[1])
    return Panel(metric, tuple(f"h{i}" for i in range(len(values))), times, values)


def fleet_of(**clusters: ServerCluster) -> Fleet:
    """A fleet with the members of the clusters given."""
    servers = tuple(ServerInstance(m, m, c.type, cluster=c.id) for c in clusters.values() for m in c.members)
    return Fleet(servers, tuple(clusters.values()))
