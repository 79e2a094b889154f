"""Simulated faults spread and last within the range of real ones; the range stands in benchmarks/fault_spread.py."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from openmanager_core.simulator import FAULT_KINDS, Simulator

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "fault_spread.py"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fault_spread", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_callers_wait_and_fail_with_what_they_call_as_those_of_a_real_shop(bench: ModuleType) -> None:
    well = Simulator(60, 5)
    home = [c.id for c in well.fleet().clusters if c.environment == "production"][:5]
    waits = [pair[0] for c in home for pair in bench.over_one_call(well, "slow_dependency", c)]
    failures = [pair[1] for c in home for pair in bench.over_one_call(well, "bad_deployment", c)]
    for calls, real in ((waits, bench.REAL_LATENCY), (failures, bench.REAL_FAILURES)):
        found = np.array(calls)[np.isfinite(calls)]
        assert len(found) > 4
        assert min(real) <= np.quantile(found, 0.1)
        assert np.quantile(found, 0.9) <= max(real)
        assert np.quantile(real, 0.25) <= np.median(found) <= np.quantile(real, 0.75)


def test_a_fault_moves_as_many_metrics_as_a_real_one(bench: ModuleType) -> None:
    well = Simulator(60, 5)
    hosts = [f"{t}-us-east-1-001" for t in ("web", "api", "database", "cache", "queue")]
    moved = [bench.metrics_moved(well, kind, host) for kind in FAULT_KINDS for host in hosts]
    low, middle, high = bench.REAL_METRICS_MOVED
    assert low <= np.quantile(moved, 0.25) < np.quantile(moved, 0.75) <= high
    assert abs(float(np.median(moved)) - middle) < 0.15


def test_drawn_faults_last_as_long_as_real_ones(bench: ModuleType) -> None:
    lasts = np.quantile(bench.durations(400, 5), (0.1, 0.5, 0.9))
    assert np.all(np.abs(np.log(lasts / np.array(bench.REAL_LASTS_S))) < np.log(1.5))
