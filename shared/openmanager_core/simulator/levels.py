"""What is usual for a server of each type, and how one server differs from the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmanager_core.simulator.hashing import Floats, Keys, derived, lane, uniform
from openmanager_core.simulator.inventory import Columns

F = np.float32


def _by_type(*values: float) -> Floats:
    return np.array(values, np.float32)


# One value per type: web, api, database, cache, queue. Usual CPU per environment follows the seed's table: web low,
# api high, database very high, cache low, queue medium; staging and development mostly wait.
CPU_LEVEL = np.array(
    [[0.16, 0.44, 0.64, 0.14, 0.33], [0.06, 0.13, 0.18, 0.05, 0.09], [0.04, 0.09, 0.12, 0.03, 0.06]], np.float32
)
REQUESTS_PER_S = _by_type(120, 220, 900, 4000, 350)
LOAD_OF_ENVIRONMENT = _by_type(1.0, 0.12, 0.05)
BYTES_OUT = _by_type(42e3, 9e3, 4e3, 1.5e3, 2.5e3)
BYTES_IN = _by_type(2.2e3, 3e3, 1.2e3, 400, 2.5e3)
DISK_IO_BYTES_PER_S = _by_type(1.2e6, 2e6, 6e7, 4e5, 1.5e7)
CONNECTIONS = _by_type(60, 90, 140, 220, 50)
DISK_LEVEL = _by_type(0.38, 0.34, 0.58, 0.26, 0.44)
DISK_SWING = _by_type(0.05, 0.05, 0.10, 0.02, 0.07)
ERROR_SHARE = _by_type(9e-4, 6e-4, 8e-5, 2e-5, 1.5e-4)
QUEUE_DEPTH = 60.0
BASE_LATENCY_S = np.array([0.045, 0.025, 0.006, 0.0006, 0.004], np.float32)
"""Median time to answer of an unloaded server, per type in `inventory.TYPES`."""
MEMORY_LEVEL = np.array([0.46, 0.66, 0.80, 0.84, 0.52], np.float32)
"""Usual share of memory in use, per type: the room that a leak has to fill."""


def cpu_levels(columns: Columns) -> Floats:
    """Usual share of CPU in use of each cluster's servers, shape ``(n_clusters,)``."""
    usual = CPU_LEVEL[columns.cluster_environment, columns.cluster_type]
    return usual * (F(0.85) + F(0.3) * uniform(derived(columns.cluster_key, 12), 1))


@dataclass(frozen=True, slots=True, eq=False)
class Hosts:
    """What stays the same about every server; arrays of shape ``(n_servers,)``."""

    weight: Floats
    cpu_level: Floats
    job_cpu: Floats
    cpu_noise: Floats
    requests: Floats
    size: Floats
    memory: Floats
    disk: Floats
    disk_swing: Floats
    disk_days: npt.NDArray[np.float64]
    disk_at: npt.NDArray[np.float64]
    clock_s: Floats
    own: Keys
    noise: tuple[Keys, ...]


def hosts(columns: Columns, cluster_level: Floats, job_cpu: Floats, restless: Floats) -> Hosts:
    """Draw every server's small differences from its key; CPU as in `load.Traits`, of each cluster."""
    a, b = derived(columns.key, 41), derived(columns.key, 42)
    shared = derived(columns.cluster_key, 43)[columns.cluster]
    kind, env = columns.type, columns.cluster_environment[columns.cluster]
    level = cluster_level[columns.cluster]
    size = LOAD_OF_ENVIRONMENT[env] * (F(1) + F(0.2) * lane(shared, 0))
    return Hosts(
        weight=F(1) + F(0.06) * lane(a, 0),
        cpu_level=level,
        job_cpu=job_cpu[columns.cluster],
        cpu_noise=(F(0.01) + F(0.08) * restless[columns.cluster]) * np.sqrt(level / columns.cores),
        requests=REQUESTS_PER_S[kind] * size,
        size=size,
        memory=MEMORY_LEVEL[kind] + F(0.03) * lane(a, 1) + F(0.04) * lane(shared, 1),
        disk=DISK_LEVEL[kind] + F(0.02) * lane(a, 2) + F(0.08) * lane(shared, 2),
        disk_swing=DISK_SWING[kind] * (F(0.8) + F(0.2) * lane(a, 3)),
        # logs and dumps pile up until the cluster's weekly or fortnightly clean-up
        disk_days=7.0 + np.floor(uniform(shared, 3).astype(np.float64) * 8),
        disk_at=np.floor(uniform(derived(shared, 1), 0).astype(np.float64) * 14) + uniform(b, 0) * 0.01,
        clock_s=F(0.0006) * lane(b, 1),
        own=derived(columns.key, 44),
        noise=tuple(derived(columns.key, 50 + i) for i in range(4)),
    )
