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


def squared_distance(train, point, ridge=0.01):
    """Mahalanobis distance of standardised values side by side."""
    covariance = train.T @ train / len(train) + ridge * np.eye(train.shape[1])
    return float(point @ np.linalg.solve(covariance, point))


def distance_from_prediction(train, point, at, ridge=0.01):
    """Squared distance of one value from its regression on all the others, in its residual variance."""
    covariance = train.T @ train / len(train) + ridge * np.eye(train.shape[1])
    rest = np.delete(np.arange(len(covariance)), at)
    weights = np.linalg.solve(covariance[np.ix_(rest, rest)], covariance[rest, at])
    variance = covariance[at, at] - covariance[at, rest] @ weights
    return float((point[at] - weights @ point[rest]) ** 2 / variance)


def together(train, test):
    """Scores and contributions of `detect_multi`, one row at a time; no reading may be missing."""
    metrics = train.shape[1]
    level, scale = train.mean(axis=0), train.std(axis=0)
    known, fresh = (train - level) / scale, np.clip((test - level) / scale, -50.0, 50.0)

    def two_rows(table, t):
        return np.concatenate((table[t], table[max(t - 1, 0)]))

    def departures(table, t):
        if t == 0:
            return np.zeros(3 * metrics)
        return np.concatenate([table[t] - table[max(t - count, 0) : t].mean(axis=0) for count in (2, 10, 50)])

    def strange(reference, point):
        each = np.zeros(metrics)
        for at in range(len(point)):
            each[at % metrics] += distance_from_prediction(reference, point, at)
        covariance = reference.T @ reference / len(reference) + 0.01 * np.eye(len(point))
        part = (point * np.linalg.solve(covariance, point)).reshape(-1, metrics).sum(axis=0)
        return math.log1p(squared_distance(reference, point)) + 2.0 * np.log1p(each).mean(), np.abs(part)

    pairs = np.array([two_rows(known, t) for t in range(len(known))])
    left = np.array([departures(known, t) for t in range(len(known))])
    spread = np.sqrt((left**2).mean(axis=0))
    above = np.array([row - sum(fresh[max(t - 1300, 0) : max(t - 300, 0)]) / 1000 for t, row in enumerate(fresh)])
    scores, contributions = [], []
    for t in range(len(fresh)):
        far, blame = strange(pairs, two_rows(above, t))
        point = np.clip(departures(fresh, t) / spread, -50.0, 50.0)
        farther, more = strange(left / spread, point)
        alone = (point**2).reshape(3, metrics).mean(axis=0)
        scores.append(2.0 * far + farther + math.log1p(alone.sum()) + 2.0 * np.log1p(alone).mean())
        contributions.append(alone + 0.01 * (blame + more))
    smooth = [np.mean([np.mean(scores[max(t + 1 - k, 0) : t + 1]) for k in (1, 3, 10, 30)]) for t in range(len(scores))]
    usual = [
        (sum(contributions[max(t - 1300, 0) : max(t - 300, 0)]) + 1000 - min(max(t - 300, 0), 1000)) / 1000
        for t in range(len(fresh))
    ]
    return smooth, [row / (1.0 + mean) for row, mean in zip(contributions, usual, strict=True)]


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
