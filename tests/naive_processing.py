"""The slow, obvious twins of validation and processing: loops over single readings."""

from __future__ import annotations

import math

import numpy as np


def within_bounds(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Each reading on its own: kept, moved onto a bound it misses by rounding, or dropped."""
    out = np.full(values.shape, np.nan)
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            v = float(values[i, j])
            if not math.isfinite(v):
                continue
            if low <= v <= high:
                out[i, j] = v
            elif low - 1e-6 <= v <= high + 1e-6:
                out[i, j] = min(max(v, low), high)
    return out


def newest(times: np.ndarray, values: np.ndarray, at: float, stale_s: float) -> float:
    """Walk through the readings; the last one not after `at` counts if it is young enough."""
    best = -1
    for i, t in enumerate(times):
        if t <= at:
            best = i
    if best < 0 or at - times[best] > stale_s:
        return math.nan
    return float(values[best])


def align(times: np.ndarray, row: np.ndarray, at: np.ndarray, stale_s: float) -> np.ndarray:
    """The newest reading at each instant; gaps are looked through."""
    real = np.isfinite(row)
    # A microsecond either way is rounding of the grid.
    return np.array([newest(times[real], row[real], t + 1e-6, stale_s + 2e-6) for t in at])


def rate(row: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Remember the last reading; a fall means a restart from 0."""
    out = np.full(len(row), np.nan)
    last: int | None = None
    for i, value in enumerate(row):
        if math.isnan(value):
            continue
        if last is not None:
            gained = value - row[last] if value >= row[last] else value
            out[i] = gained / (times[i] - times[last])
        last = i
    return out


def fill_gaps(row: np.ndarray, most: int) -> np.ndarray:
    """Find each run of missing readings and draw a line across it if it is short and has two ends."""
    out = row.copy()
    i = 0
    while i < len(row):
        if not math.isnan(row[i]):
            i += 1
            continue
        end = i
        while end < len(row) and math.isnan(row[end]):
            end += 1
        if i > 0 and end < len(row) and end - i <= most:
            for j in range(i, end):
                share = (j - i + 1) / (end - i + 1)
                out[j] = row[i - 1] * (1 - share) + row[end] * share
        i = end
    return out


def downsample(row: np.ndarray, factor: int) -> np.ndarray:
    """The mean of what is there in each run."""
    out = []
    for i in range(0, len(row), factor):
        real = [v for v in row[i : i + factor] if math.isfinite(v)]
        out.append(sum(real) / len(real) if real else math.nan)
    return np.array(out)


def robust_scale(row: np.ndarray, floor: float, relative: float) -> tuple[float, float]:
    """Median and MAD by sorting."""
    real = sorted(float(v) for v in row if math.isfinite(v))
    if not real:
        return math.nan, floor
    centre = float(np.median(real))
    mad = float(np.median([abs(v - centre) for v in real]))
    return centre, max(1.4826 * mad, floor, relative * abs(centre))
