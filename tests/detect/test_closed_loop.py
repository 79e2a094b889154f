"""What the simulator breaks, examine finds: the right kind, at the right time, on the right server."""

from __future__ import annotations

import pytest

from openmanager_core.analysis.examine import examine
from openmanager_core.panel import Window
from openmanager_core.simulator import Fault, Simulator

START_S, STEP_S = 1_790_000_000.0, 15.0
AT_S = START_S + 2400.0


@pytest.mark.parametrize(
    ("fault", "metric", "kinds"),
    [
        ("network_loss", "tcp_retransmit_ratio", {"level_shift"}),
        ("noisy_neighbour", "cpu_steal_ratio", {"level_shift"}),
        ("bad_deployment", "errors_per_s", {"level_shift"}),
        ("clock_skew", "clock_offset_s", {"level_shift", "trend"}),
        ("crash_restart", "cpu_busy_ratio", {"missing_data"}),
        ("disk_filling", "disk_used_ratio", {"leak"}),
    ],
)
def test_a_simulated_fault_is_found_where_and_when_it_began(fault: str, metric: str, kinds: set[str]) -> None:
    hits = 0
    for seed in range(4):
        healthy = Simulator(servers=40, seed=seed)
        fleet = healthy.fleet()
        victim = next(s for s in fleet.servers if s.type in ("web", "api"))
        company = [s.id for s in fleet.servers if s.type == victim.type]
        broken = healthy.with_faults([Fault("", fault, (victim.id,), AT_S, None, 0.8)])  # type: ignore[arg-type]
        peers = broken.read(metric, Window(START_S, START_S + 3600.0, STEP_S), company)
        found = [f for f in examine(peers.take([victim.id]), fleet, peers=peers) if abs(f.start_s - AT_S) <= 8 * STEP_S]
        hits += any(f.kind in kinds and f.end_s is None for f in found)
    assert hits >= 3
