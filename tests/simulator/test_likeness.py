"""Is the simulated load like a real one?"""

from __future__ import annotations

import numpy as np
import pytest

from openmanager_core.panel import Window
from openmanager_core.simulator import Simulator
from openmanager_core.simulator.inventory import TYPES

START_S = 1_793_577_600.0  # a Monday
DAY_S = 86400.0


@pytest.fixture(scope="module")
def fleet_cpu() -> tuple[Simulator, np.ndarray]:
    simulator = Simulator(400, 5)
    return simulator, simulator.read("cpu_busy_ratio", Window(START_S, START_S + 14 * DAY_S, 600)).values


def _by_type(simulator: Simulator, metric: str) -> dict[str, float]:
    panel = simulator.read(metric, Window(START_S, START_S + 7 * DAY_S, 1800))
    servers = [simulator.fleet().by_id[h] for h in panel.hosts]
    return {
        t: float(np.mean([v.mean() for s, v in zip(servers, panel.values, strict=True) if s.type == t and
                          s.environment == "production"]))
        for t in TYPES
    }  # fmt: skip


def test_each_type_carries_its_own_load() -> None:
    simulator = Simulator(400, 5)
    cpu, memory = _by_type(simulator, "cpu_busy_ratio"), _by_type(simulator, "memory_used_ratio")
    assert max(cpu["web"], cpu["cache"]) < cpu["queue"] < cpu["api"] < cpu["database"]
    assert cpu["web"] < 0.25
    assert cpu["database"] > 0.5
    assert max(memory["web"], memory["queue"]) < memory["api"] < min(memory["database"], memory["cache"])


def test_servers_of_a_cluster_move_together_and_those_of_others_do_not(
    fleet_cpu: tuple[Simulator, np.ndarray],
) -> None:
    simulator, values = fleet_cpu
    cluster = np.array([s.cluster for s in simulator.fleet().servers])
    r = np.corrcoef(values)
    same = cluster[:, None] == cluster[None, :]
    np.fill_diagonal(same, False)
    other = cluster[:, None] != cluster[None, :]
    assert 0.6 <= np.median(r[same]) <= 0.9
    assert abs(np.median(r[other])) < 0.1
    assert np.median(np.abs(r[other])) < 0.3


def test_requests_follow_the_local_day_of_their_region() -> None:
    simulator = Simulator(400, 5)
    window = Window(START_S, START_S + 28 * DAY_S, 3600)
    panel = simulator.read("requests_per_s", window)
    relative = panel.values / panel.values.mean(axis=1, keepdims=True)
    region = np.array([simulator.fleet().by_id[h].region for h in panel.hosts])
    quietest = {
        name: int(relative[region == name].reshape(-1, 28, 24).mean(axis=(0, 1)).argmin()) for name in np.unique(region)
    }
    local = {
        name: (hour + offset) % 24
        for (name, hour), offset in zip(sorted(quietest.items()), (8, 0, -5, -8), strict=True)
    }
    assert all(1 <= hour <= 6 for hour in local.values()), local


def test_week_ends_are_quieter() -> None:
    simulator = Simulator(400, 5)
    panel = simulator.read("requests_per_s", Window(START_S, START_S + 56 * DAY_S, 3600))
    relative = panel.values / panel.values.mean(axis=1, keepdims=True)
    days = relative.reshape(len(panel.hosts), 8, 7, 24).mean(axis=(0, 1, 3))
    assert days[5:].mean() < 0.97 * days[:5].mean()


def test_noise_is_autocorrelated_and_tails_are_heavy(fleet_cpu: tuple[Simulator, np.ndarray]) -> None:
    _, values = fleet_cpu
    x = values - values.mean(axis=1, keepdims=True)
    lag_one = (x[:, 1:] * x[:, :-1]).sum(axis=1) / (x * x).sum(axis=1)
    assert np.median(lag_one) > 0.5
    step = np.diff(values, axis=1)
    z = (step - step.mean(axis=1, keepdims=True)) / step.std(axis=1, keepdims=True)
    assert np.median((z**4).mean(axis=1) - 3) > 5


def test_busier_servers_answer_more_slowly_and_send_more() -> None:
    simulator = Simulator(60, 5)
    panels = simulator.read_many(
        ("requests_per_s", "network_transmit_bytes_per_s", "load_per_core_ratio", "cpu_busy_ratio", "latency_p95_s"),
        Window(START_S, START_S + 4 * DAY_S, 300),
    )
    values = {m: p.values for m, p in panels.items()}

    def together(a: str, b: str) -> float:
        return float(np.median([np.corrcoef(x, y)[0, 1] for x, y in zip(values[a], values[b], strict=True)]))

    assert together("requests_per_s", "network_transmit_bytes_per_s") > 0.8
    assert together("cpu_busy_ratio", "load_per_core_ratio") > 0.8
    database = [i for i, h in enumerate(panels["cpu_busy_ratio"].hosts) if h.startswith("database-us-east")]
    cpu, latency = values["cpu_busy_ratio"][database], values["latency_p95_s"][database]
    busy = cpu > np.quantile(cpu, 0.9, axis=1, keepdims=True)
    assert latency[busy].mean() > 1.2 * latency[~busy].mean()
