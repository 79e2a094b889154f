"""On a fleet where nothing is wrong, false finds stay under what is promised."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from detect.series import Array, autoregressive
from fleet_analysis import fleets

from openmanager_core.analysis.outliers import peer_outliers
from openmanager_core.analysis.overview import overview
from openmanager_core.catalog import SCREENED
from openmanager_core.panel import Panel, Window
from openmanager_core.simulator import Simulator

HOSTS, N, RUNS, RATE = 64, 240, 50, 0.05
Noise = Callable[[np.random.Generator], Array]
NOISES: dict[str, Noise] = {
    "white": lambda rng: autoregressive(rng, 0.0, HOSTS, N),
    "slow": lambda rng: autoregressive(rng, 0.9, HOSTS, N),
    "slower": lambda rng: autoregressive(rng, 0.98, HOSTS, N),
    "unlike each other": lambda rng: autoregressive(rng, 0.9, HOSTS, N) + 2 * rng.normal(size=(HOSTS, 1)),
    "heavy tails": lambda rng: rng.standard_t(2, size=(HOSTS, N)),
    "a few leaders": lambda rng: autoregressive(rng, 0.9, HOSTS, N) + rng.standard_t(3, size=(HOSTS, 1)),
}


@pytest.mark.parametrize("min_sigma", [2.0, 4.0])
def test_looks_at_peers_of_which_none_is_odd_find_one_no_more_often_than_the_rate_says(min_sigma: float) -> None:
    fleet, panels, window = fleets.make(HOSTS)
    hosts = panels["cpu_busy_ratio"].hosts
    wrong = dict.fromkeys(NOISES, 0)
    for kind, make in NOISES.items():
        for seed in range(RUNS):
            values = (0.4 + 0.05 * make(np.random.default_rng(seed))).astype(np.float32)
            found = peer_outliers(Panel("cpu_busy_ratio", hosts, window.times_s(), values), fleet, min_sigma=min_sigma)
            wrong[kind] += bool(found)
    looks = RUNS * len(NOISES)
    assert sum(wrong.values()) <= RATE * looks + 2.6 * math.sqrt(RATE * (1 - RATE) * looks), wrong
    assert max(wrong.values()) <= RATE * RUNS + 3.3 * math.sqrt(RATE * (1 - RATE) * RUNS), wrong


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_noise_with_a_memory_gives_hardly_a_finding_and_no_cause(phi: float) -> None:
    fleet, panels, window = fleets.make(HOSTS)
    findings = series = 0
    for seed in range(5):
        rng = np.random.default_rng(seed)
        noisy = {}
        for name, p in panels.items():
            level = float(np.median(p.values))
            moved = level * (1 + 0.1 * autoregressive(rng, phi, *p.values.shape))
            noisy[name] = Panel(name, p.hosts, p.times_s, np.maximum(0, moved).astype(np.float32))
        seen = overview(noisy, fleet, window, top=500)
        assert not seen.causes
        findings, series = findings + len(seen.findings), series + seen.screened_series
    assert findings <= 1e-3 * series


def test_a_quiet_simulated_fleet_gets_no_blame() -> None:
    blamed = []
    for seed in range(8):
        end_s = 1_790_000_000.0 + 31_968.0 * seed
        window = Window(end_s - 3600, end_s, 15.0)
        sim = Simulator(30, seed=seed)
        seen = overview({name: sim.read(name, window) for name in SCREENED}, sim.fleet(), window)
        blamed += [(seed, cause.kind, cause.node) for cause in seen.causes]
    assert len(blamed) <= 1, blamed


def test_looks_at_the_peers_of_a_quiet_simulated_fleet_find_an_odd_one_no_more_often_than_the_rate_says() -> None:
    looks = wrong = 0
    for seed in range(6):
        end_s = 1_790_000_000.0 + 31_968.0 * seed
        sim = Simulator(120, seed=seed)
        for name in SCREENED:
            looks += 1
            wrong += bool(peer_outliers(sim.read(name, Window(end_s - 3600, end_s, 15.0)), sim.fleet()))
    assert wrong <= RATE * looks + 2.6 * math.sqrt(RATE * (1 - RATE) * looks), (wrong, looks)
