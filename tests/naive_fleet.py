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


def moves(row: Floats, least: float, blocks: int = 8, clip: float = 4.0) -> tuple[list[list[float]], bool]:
    """One row as moves within its blocks: gaps carry the last reading on, each block loses its straight line."""
    m = len(row) // blocks
    cut = [float(v) for v in row[len(row) - blocks * m :]]
    known = [math.isfinite(v) for v in cut]
    first = next((v for v in cut if math.isfinite(v)), 0.0)
    filled, last = [], first
    for v in cut:
        last = v if math.isfinite(v) else last
        filled.append(last)
    out = []
    for k in range(blocks):
        part = np.array(filled[k * m : (k + 1) * m])
        slope, middle = np.polyfit(np.arange(m), part, 1)
        left = part - (slope * np.arange(m) + middle)
        out.append([float(v) if known[k * m + i] else 0.0 for i, v in enumerate(left)])
    share = [sum(known[k * m : (k + 1) * m]) / m for k in range(blocks)]
    scale = 1.4826 * _median([abs(v) for part in out for v in part])
    early, late = sum(share[: blocks - 2]) / (blocks - 2), sum(share[blocks - 2 :]) / 2
    fit = early >= 0.75 and late >= 0.75 and scale >= 0.2 * least and scale > 1e-12
    if not fit:
        return [[0.0] * m for _ in out], False
    return [[max(-clip, min(clip, v / scale)) for v in part] for part in out], True


def median_of_others(rows: Floats, usable: list[bool]) -> Floats:
    """Row by row and instant by instant, block means taken away."""
    out = np.zeros(rows.shape)
    for i in range(len(rows)):
        others = [j for j in range(len(rows)) if usable[j] and j != i]
        for k in range(rows.shape[1]):
            middle = [_median([float(rows[j, k, t]) for j in others]) for t in range(rows.shape[2])]
            out[i, k] = np.array(middle) - sum(middle) / len(middle)
    return out


def _r(x: list[float], y: list[float]) -> float:
    top = sum(a * b for a, b in zip(x, y, strict=True))
    under = math.sqrt(sum(a * a for a in x) * sum(b * b for b in y))
    return top / under if under else 0.0


def _z(r: float) -> float:
    return math.atanh(max(-0.995, min(0.995, r)))


def parting(rows: Floats, others: Floats, late: int) -> dict[str, float]:
    """What `_moves.parting` gives for one pair of rows of shape (blocks, instants), from the definitions."""
    count = len(rows)
    old = count - late
    x = [v for part in rows[:old] for v in part.tolist()]
    y = [v for part in others[:old] for v in part.tolist()]
    before = _r(x, y)
    sign = (before > 0) - (before < 0)
    gain = sum(a * b for a, b in zip(x, y, strict=True)) / sum(b * b for b in y)
    noise = sum((a - gain * b) ** 2 for a, b in zip(x, y, strict=True)) / old

    def usual(part: Floats, blocks: int) -> float:
        carried = gain * gain * float((part * part).sum())
        return math.sqrt(carried / (carried + noise * blocks))

    each = [sign * _r(rows[k].tolist(), others[k].tolist()) for k in range(count)]
    expected = min(usual(others[old:], late), _median(each[:old]))
    pooled = sign * _r(rows[old:].ravel().tolist(), others[old:].ravel().tolist())
    now = max(pooled, sorted(each[old:])[late // 2])
    stray = [_z(usual(others[k], 1)) - _z(each[k]) for k in range(old)]
    return {
        "before": before,
        "expected": expected,
        "now": now,
        "newest": each[-1],
        "drop": _z(expected) - _z(now),
        "wander": math.sqrt(sum(s * s for s in stray) / old * (1 / late + 1 / old)),
    }


def worth(rows: Floats, others: Floats) -> float:
    """Share of independent instants, by Pyper and Peterman, for one pair of rows of shape (blocks, instants)."""
    m = rows.shape[1]

    def echo(part: Floats, lag: int) -> float:
        top = sum(float(b[t] * b[t + lag]) for b in part for t in range(m - lag))
        return top / float((part * part).sum()) * m / (m - lag)

    total = 0.0
    for lag in range(1, m // 2 + 1):
        product = echo(rows, lag) * echo(others, lag)
        if product <= 0:
            break
        total += product * (1 - lag / m)
    return 1 / (1 + 2 * total)


def slow_q_values(p_values: list[float], tests: int) -> list[float]:
    """For each p-value, the least rate at which the step-up procedure over all tests, the rest 1, rejects it."""
    every = sorted([*p_values, *[1.0] * (tests - len(p_values))])
    rates = [p * tests / (k + 1) for k, p in enumerate(every)]
    return [min([1.0, *(rate for rate, other in zip(rates, every, strict=True) if other >= p)]) for p in p_values]
