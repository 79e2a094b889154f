"""Slow, obvious twins of the fast arithmetic on series: what each formula says, one number at a time."""

from __future__ import annotations

import math

import numpy as np


def pearson(a: list[float], b: list[float]) -> float:
    """Correlation of two lists; 0 if either does not move."""
    n = len(a)
    ma, mb = sum(a) / n, sum(b) / n
    top = sum((x - ma) * (y - mb) for x, y in zip(a, b, strict=True))
    va, vb = sum((x - ma) ** 2 for x in a), sum((y - mb) ** 2 for y in b)
    return 0.0 if va * vb <= 1e-10 * n**2 else top / math.sqrt(va * vb)


def lagged_r(row: list[float], target: list[float], lag: int) -> float:
    """Correlation of what the target read with what the row read `lag` steps later."""
    pairs = [(target[t], row[t + lag]) for t in range(len(target)) if 0 <= t + lag < len(row)]
    return pearson([p[0] for p in pairs], [p[1] for p in pairs])


def autocorrelation(x: list[float], lag: int) -> float:
    """Autocovariance over variance, both divided by n."""
    n, mean = len(x), sum(x) / len(x)
    top = sum((x[t] - mean) * (x[t + lag] - mean) for t in range(n - lag))
    return top / sum((v - mean) ** 2 for v in x)


def effective_size(rho_a: list[float], rho_b: list[float], n: float) -> float:
    """Pyper and Peterman's sum up to the first product that is not above 0."""
    total = 0.0
    for j, (a, b) in enumerate(zip(rho_a, rho_b, strict=True), start=1):
        if a * b <= 0:
            break
        total += max(0.0, 1 - j / n) * a * b
    return min(max(n / (1 + 2 * total), 3.0), n)


def false_discovery(p: list[float], tests: int) -> list[float]:
    """Benjamini and Hochberg: for each p the smallest rate at which it would be found."""
    order = sorted(p)
    out = []
    for value in p:
        rates = [order[k] * tests / (k + 1) for k in range(len(order)) if order[k] >= value]
        out.append(min(1.0, min(rates)))
    return out


def theil_sen(times: list[float], values: list[float]) -> float:
    """Median of all pair slopes."""
    pairs = [
        (values[j] - values[i]) / (times[j] - times[i]) for i in range(len(times)) for j in range(i + 1, len(times))
    ]
    return float(np.median(pairs))


def matrix_profile(x: list[float], width: int) -> list[float]:
    """Distance of each z-normalised stretch to its nearest that overlaps less than half of it."""
    parts = []
    for first in range(len(x) - width + 1):
        part = x[first : first + width]
        mean = sum(part) / width
        sd = math.sqrt(sum((v - mean) ** 2 for v in part) / width)
        parts.append([(v - mean) / sd for v in part])
    zone = max(1, width // 2)
    return [min(math.dist(a, b) for j, b in enumerate(parts) if abs(i - j) >= zone) for i, a in enumerate(parts)]


def trimmed_mean(values: list[float], weights: list[float], trim: float) -> float:
    """Mean of the values in order, each as wide as its weight, between `trim` and 1 - `trim` of that line."""
    total, at, sum_ = sum(weights), 0.0, 0.0
    for v, w in sorted(zip(values, weights, strict=True)):
        sum_ += v * max(0.0, min(at + w, (1 - trim) * total) - max(at, trim * total))
        at += w
    return sum_ / ((1 - 2 * trim) * total)


def standard_ranks(x: list[float]) -> list[float]:
    """Mean ranks, less their mean, over their standard deviation; zeros if all are equal."""
    ranks = [sum(v < own for v in x) + (sum(v == own for v in x) - 1) / 2 for own in x]
    away = [r - (len(x) - 1) / 2 for r in ranks]
    spread = math.sqrt(sum(a * a for a in away) / len(x))
    return [a / spread if spread > 0 else 0.0 for a in away]
