"""Slow, obvious twins of the fast numerics in the detection part."""

from __future__ import annotations

import math

import numpy as np


def surprise(x, least, warm_up=32, quantile=0.98, beyond=8):
    """Tail surprise of each row, one row at a time, the history sorted anew."""
    out = [0.0] * min(warm_up, len(x))
    a = warm_up
    while a < len(x):
        b = min(len(x), a + max(8, a // 100))
        past = sorted(x[:a])
        at = min(int(quantile * a), a - beyond)
        edge, share = past[at], 1.0 - at / a
        excess = [v - edge for v in past[at:]]
        scale = max(sum(excess) / len(excess), 1e-3 * (past[-1] - past[0]), least[a - 1], 1e-300)
        for row in range(a, b):
            v = x[row]
            if v > edge:
                out.append(-math.log10(share) + (v - edge) / scale / math.log(10.0))
            else:
                rank = 1.0 - sum(p < v for p in past) / (a + 1.0)
                out.append(max(-math.log10(max(rank, share)), 0.0))
        a = b
    return np.array(out)


def recent_mean(x, rows):
    """Mean of the newest rows."""
    return np.array([np.mean(x[max(0, i - rows + 1) : i + 1]) for i in range(len(x))])


def same_time_before(x, times, period, back, around, slack):
    """Median of the neighbours of the same time in earlier periods."""
    out = []
    for i in range(len(x)):
        pool = []
        for k in range(1, back + 1):
            wanted = times[i] - k * period
            near = next((j for j in range(len(x)) if times[j] >= wanted), len(x))
            pool += [
                x[j]
                for j in range(near - around, near + around + 1)
                if 0 <= j < i and j < len(x) and abs(times[j] - wanted) <= slack
            ]
        out.append(np.median(pool) if pool else np.nan)
    return np.array(out)


def step_at_scale(x, width):
    """Mean of the samples from t on less the mean before."""
    out = np.zeros(len(x))
    for t in range(width, len(x) - width + 1):
        out[t] = np.mean(x[t : t + width]) - np.mean(x[t - width : t])
    return out


def best_cost(x, sigma, per_piece, per_slope, shortest=3):
    """Least price of any cutting, by trying every last piece."""
    n = len(x)
    best = [0.0] + [math.inf] * n
    for end in range(1, n + 1):
        for start in range(end - shortest + 1):
            if math.isfinite(best[start]):
                best[end] = min(best[end], best[start] + per_piece + piece_cost(x, sigma, start, end, per_slope))
    return best[n]


def piece_cost(x, sigma, start, end, per_slope):
    """Squared error of the cheaper of a constant and a line."""
    t, y = np.arange(start, end, dtype=float), x[start:end]
    flat = np.sum((y - y.mean()) ** 2)
    line = np.sum((y - np.polyval(np.polyfit(t, y, 1), t)) ** 2)
    return min(flat / sigma**2, line / sigma**2 + per_slope)


def mann_whitney_wins(a, b):
    """Pairs in which the first is larger, ties counting half."""
    return sum((u > v) + 0.5 * (u == v) for u in a for v in b)


def benjamini_hochberg(p):
    """q-value of each p-value, by the definition."""
    n = len(p)
    ordered = sorted(p)
    return np.array([min(min(1.0, ordered[k] * n / (k + 1)) for k in range(n) if ordered[k] >= value) for value in p])


def squared_distance(train, row_and_two_before, ridge=0.01):
    """Mahalanobis distance of three standardised rows side by side."""
    covariance = train.T @ train / len(train) + ridge * np.eye(train.shape[1])
    return float(row_and_two_before @ np.linalg.solve(covariance, row_and_two_before))


def distance_from_prediction(train, row_and_two_before, at, ridge=0.01):
    """Squared distance of one value from its regression on all the others, in its residual variance."""
    covariance = train.T @ train / len(train) + ridge * np.eye(train.shape[1])
    rest = np.delete(np.arange(len(covariance)), at)
    weights = np.linalg.solve(covariance[np.ix_(rest, rest)], covariance[rest, at])
    variance = covariance[at, at] - covariance[at, rest] @ weights
    return float((row_and_two_before[at] - weights @ row_and_two_before[rest]) ** 2 / variance)


def memory(x):
    """Autocovariances with the variance of the mean put back, summed to the first not above 0, in four rounds."""
    n, mean = len(x), sum(x) / len(x)
    away = [v - mean for v in x]
    cov = [sum(away[t] * away[t + j] for t in range(n - j)) / n for j in range(n)]
    of_mean = 0.0
    for _ in range(4):
        total, width = cov[0], 1.0
        for j in range(1, n):
            if cov[j] + of_mean <= 0 or j > n // 2:
                break
            total += 2 * (1 - j / n) * cov[j]
            width += 2 * (1 - j / n)
        if width >= 0.45 * n:
            return math.inf
        of_mean = max(0.0, total) / (n - width)
    return max(1.0, of_mean * n / (cov[0] + of_mean))


def student_tail(t, freedom):
    """Two-sided tail of Student's t by adding up its density."""
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)
    steps = 200_000
    angle = math.atan(t / math.sqrt(freedom))
    width = (math.pi / 2 - angle) / steps
    total = sum(math.cos(angle + (k + 0.5) * width) ** (freedom - 1) for k in range(steps)) * width
    return 2 * scale * math.sqrt(freedom) * total
