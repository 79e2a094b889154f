"""Seeded synthetic series that the detection tests share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from openmanager_core.panel import Panel

Array = npt.NDArray[np.float64]
START_S = 1_700_000_000.0


def autoregressive(rng: np.random.Generator, phi: float, rows: int, n: int) -> Array:
    """Rows of unit-variance AR(1) noise."""
    noise = rng.normal(size=(rows, n + 100)) * np.sqrt(1 - phi * phi)
    out = np.zeros_like(noise)
    for t in range(1, n + 100):
        out[:, t] = phi * out[:, t - 1] + noise[:, t]
    return out[:, 100:]


def panel(values: Array, metric: str = "cpu_busy_ratio", step_s: float = 15.0) -> Panel:
    """Hosts h0, h1, ... with these rows."""
    hosts = tuple(f"h{i}" for i in range(len(values)))
    return Panel(metric, hosts, START_S + step_s * np.arange(values.shape[1]), values)
