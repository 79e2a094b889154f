"""What growth and lost servers do to a resource, and how many servers would carry it."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]

_STATEFUL = ("database", "cache", "queue")
_RESOURCE_SHARE = {"cpu_busy_ratio": 1.0, "connections_active": 1.0, "load_per_core_ratio": 1.0, "disk_used_ratio": 0.0}
_LEAST_R = 0.5


def load_share(metric: str, server_type: str, used: Float, cpu: Float | None) -> float:
    """Share of a resource that follows the load and moves with it, 0 to 1.

    CPU, load and connections follow it entirely, a disk not at all. Memory: the slope of its relative
    changes on those of CPU, where the two move together (|r| from 0.5); else all of it where the data
    lives in memory (database, cache, queue) and none elsewhere.

    Parameters
    ----------
    used, cpu
        Shape ``(n_times,)``, means over the cluster, on one grid; ``nan`` is a gap.
    """
    if metric in _RESOURCE_SHARE:
        return _RESOURCE_SHARE[metric]
    if metric != "memory_used_ratio":
        return 1.0
    if cpu is not None and len(cpu) == len(used):
        both = np.isfinite(used) & np.isfinite(cpu)
        if both.sum() >= 12 and np.std(used[both]) > 1e-6 and np.std(cpu[both]) > 1e-6:
            r = float(np.corrcoef(used[both], cpu[both])[0, 1])
            if r >= _LEAST_R:
                slope = r * float(np.std(used[both]) / np.std(cpu[both]))
                return float(np.clip(slope * np.mean(cpu[both]) / max(float(np.mean(used[both])), 1e-9), 0.0, 1.0))
    return 1.0 if server_type in _STATEFUL else 0.0


def load_factor(servers: int, lost: int, growth: float) -> float:
    """How much more each remaining server carries; all lost counts as one that carries everything."""
    return (1 + growth) * servers / max(servers - lost, 1)


def under_load(values: Float, factor: float, share: float, fills: bool, growth: float) -> Float:
    """The series as it would have been with each server's load times `factor`.

    The part `share` scales with the load. What fills up (`fills`) keeps its present level, and grows
    faster by `growth`.
    """
    if fills:
        newest = values[np.isfinite(values)][-3:]
        return np.maximum(float(np.median(newest)) + (values - float(np.median(newest))) * (1 + growth), 0.0)
    return values * (1 - share + share * factor)


def servers_for(peak: float, limit: float, servers: int, share: float, growth: float) -> int | None:
    """Fewest servers at which the peak, shared out anew, stays at or below the limit; None if no number does.

    Parameters
    ----------
    peak
        Of one server today, before growth, with `servers` running.
    share
        Part of it that is shared out.
    """
    fixed, moving = peak * (1 - share), peak * share * (1 + growth) * servers
    if fixed >= limit:
        return None
    # A hair of tolerance: 4 servers at exactly the limit are 4, not 5.
    return max(1, math.ceil(moving / (limit - fixed) - 1e-9))
