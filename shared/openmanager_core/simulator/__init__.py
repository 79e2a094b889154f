"""A simulated fleet as a pure function of (seed, host, metric, instant), with faults whose truth is known."""

from __future__ import annotations

from openmanager_core.simulator.engine import STATUSES, Simulator, StatusPanel
from openmanager_core.simulator.faults import FAULT_KINDS, Fault, ground_truth

__all__ = ["FAULT_KINDS", "STATUSES", "Fault", "Simulator", "StatusPanel", "ground_truth"]
