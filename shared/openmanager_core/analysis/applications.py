"""How each application does across its clusters: performance and resources, from the newest readings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from openmanager_core.fleet import ApplicationMetrics, Fleet
from openmanager_core.panel import FloatArray, Panel


def measure_applications(latest: Mapping[str, Panel], fleet: Fleet) -> tuple[ApplicationMetrics, ...]:
    """Fill in what the inventory leaves open about its applications.

    Parameters
    ----------
    latest
        Metric name to a panel whose last column is the newest reading of each server; ``nan`` is no reading.
    fleet
        Says which applications there are and where they run.

    Returns
    -------
    tuple of ApplicationMetrics
        In the inventory's order. Requests and resources are sums over servers with a reading, the error ratio
        is errors over requests, the latency the mean of the servers' 95th percentiles weighted by their
        requests; None where no server has the readings.
    """
    newest = {
        name: {host: float(v) for host, v in zip(panel.hosts, panel.values[:, -1], strict=True) if math.isfinite(v)}
        for name, panel in latest.items()
        if len(panel.times_s)
    }

    def of(name: str, host: str) -> float:
        return newest.get(name, {}).get(host, math.nan)

    out = []
    for app in fleet.applications:
        hosts = [h for c in app.clusters if c in fleet.cluster_by_id for h in fleet.cluster_by_id[c].members]
        requests = np.array([of("requests_per_s", h) for h in hosts])
        errors = np.array([of("errors_per_s", h) for h in hosts])
        latency = np.array([of("latency_p95_s", h) for h in hosts])
        specs = [fleet.by_id[h].spec for h in hosts]
        cores = np.array([of("cpu_busy_ratio", h) for h in hosts]) * np.array([s.cpu_cores or math.nan for s in specs])
        memory = np.array([of("memory_used_ratio", h) for h in hosts]) * np.array(
            [float(s.memory_bytes or math.nan) for s in specs]
        )
        total, failed = _total(requests), _total(errors)
        both = np.isfinite(requests) & np.isfinite(latency)
        weight = float(requests[both].sum()) if both.any() else 0.0
        out.append(
            replace(
                app,
                requests_per_s=total,
                error_ratio=None if not total or failed is None else min(1.0, failed / total),
                latency_p95_s=float(requests[both] @ latency[both]) / weight if weight > 0 else None,
                cpu_cores_used=_total(cores),
                memory_bytes_used=_total(memory),
            )
        )
    return tuple(out)


def _total(values: FloatArray) -> float | None:
    return float(np.nansum(values)) if len(values) and np.isfinite(values).any() else None
