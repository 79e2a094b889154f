"""Slow, obvious twins of the fleet analysis' fast numerics."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    n = len(ordered)
    return (ordered[(n - 1) // 2] + ordered[n // 2]) / 2


def step_sigma(row: Floats, recent: int, floor: float = 0.0, relative: float = 0.0) -> float:
    """Distance of the newest stretch's mean from the past's median, in robust sigmas."""
    past = [float(v) for v in row[:-recent] if math.isfinite(v)]
    now = [float(v) for v in row[-recent:] if math.isfinite(v)]
    if not past or not now:
        return 0.0
    middle = _median(past)
    mad = _median([abs(v - middle) for v in past])
    scale = max(1.4826 * mad, floor, relative * abs(middle), 1e-12)
    return abs(sum(now) / len(now) - middle) / scale


def drift_sigma(row: Floats, recent: int, floor: float = 0.0, relative: float = 0.0) -> float:
    """Rise of the least-squares line over the past, in standard deviations of its residuals."""
    past = row[:-recent]
    at = np.linspace(-0.5, 0.5, len(past)) if len(past) > 1 else np.zeros(1)
    ok = np.isfinite(past)
    if not ok.any() or not np.isfinite(row[-recent:]).any():
        return 0.0
    x, y = at[ok], past[ok].astype(np.float64)
    middle = _median([float(v) for v in y])
    least = max(floor, relative * abs(middle), 1e-12)
    if len(y) < 3:
        return 0.0
    centred = x - x.mean()
    rise = float(centred @ (y - y.mean())) / max(float(centred @ centred), 1e-12)
    left = y - y.mean() - rise * centred
    return abs(rise) / max(math.sqrt(float(left @ left) / len(y)), least)


def peer_scores(values: Floats, *, floor: float = 0.0, relative: float = 0.0, min_hosts: int = 5) -> Floats:
    """Column by column and host by host."""
    out = np.full(values.shape, np.nan)
    for t in range(values.shape[1]):
        seen = [float(v) for v in values[:, t] if math.isfinite(v)]
        if len(seen) < min_hosts:
            continue
        middle = _median(seen)
        spread = 1.4826 * _median([abs(v - middle) for v in seen])
        if spread == 0:
            spread = math.sqrt(math.pi / 2) * sum(abs(v - middle) for v in seen) / len(seen)
        scale = max(spread, floor, relative * abs(middle))
        for h in range(len(values)):
            if math.isfinite(values[h, t]):
                out[h, t] = (values[h, t] - middle) / scale if scale > 0 else 0.0
    return out


def benjamini_hochberg(p_values: list[float], q: float) -> list[bool]:
    """The step-up procedure, literally."""
    n = len(p_values)
    order = sorted(range(n), key=lambda i: p_values[i])
    largest = 0
    for rank, i in enumerate(order, start=1):
        if p_values[i] <= q * rank / n:
            largest = rank
    kept = set(order[:largest])
    return [i in kept for i in range(n)]


def best_run(gain: list[float]) -> float:
    """Largest sum of any run, 0 for the empty one."""
    return max([0.0] + [sum(gain[a:b]) for a in range(len(gain)) for b in range(a + 1, len(gain) + 1)])
