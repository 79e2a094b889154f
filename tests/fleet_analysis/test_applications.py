"""Applications are measured from their servers' newest readings, and only from those."""

from __future__ import annotations

import math

import numpy as np
import pytest

from openmanager_core.analysis.applications import measure_applications
from openmanager_core.fleet import ApplicationMetrics, Fleet, ServerCluster, ServerInstance, ServerSpec
from openmanager_core.panel import Panel

SPEC = ServerSpec(cpu_cores=4, memory_bytes=8_000)
FLEET = Fleet(
    servers=tuple(ServerInstance(id=f"s{i}", name=f"s{i}", type="api", cluster="c", spec=SPEC) for i in range(3)),
    clusters=(ServerCluster("c", type="api", members=("s0", "s1", "s2")),),
    applications=(ApplicationMetrics("shop", clusters=("c",)), ApplicationMetrics("empty", clusters=("gone",))),
)


def newest(**values: tuple[float, float, float]) -> dict[str, Panel]:
    return {name: Panel(name, ("s0", "s1", "s2"), np.array([0.0]), np.array(v)[:, None]) for name, v in values.items()}


def test_sums_ratios_and_weighted_latency_are_those_of_the_servers_with_readings() -> None:
    shop, empty = measure_applications(
        newest(
            requests_per_s=(100.0, 300.0, math.nan),
            errors_per_s=(1.0, 3.0, math.nan),
            latency_p95_s=(0.1, 0.2, 9.0),
            cpu_busy_ratio=(0.5, 0.25, math.nan),
            memory_used_ratio=(0.5, 0.5, 0.5),
        ),
        FLEET,
    )
    assert shop.requests_per_s == 400
    assert shop.error_ratio == pytest.approx(0.01)
    assert shop.latency_p95_s == pytest.approx((100 * 0.1 + 300 * 0.2) / 400)
    assert shop.cpu_cores_used == pytest.approx(3.0)
    assert shop.memory_bytes_used == pytest.approx(12_000)
    assert empty.requests_per_s is None and empty.cpu_cores_used is None


def test_without_readings_nothing_is_made_up() -> None:
    shop = measure_applications({}, FLEET)[0]
    assert (shop.requests_per_s, shop.error_ratio, shop.latency_p95_s, shop.memory_bytes_used) == (None,) * 4
