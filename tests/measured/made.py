"""Machines and call graphs with a known truth, for figures that must not fall: seeded, no data of anybody's."""

from __future__ import annotations

import numpy as np

METRICS = 12
ROWS = 3000
STEP_S = 300.0
T0 = 1_700_000_000.0

CALLS = {
    "site": ("search", "adopt", "listing-elb_client"),
    "search": ("search-db",),
    "adopt": ("pay", "queue"),
    "pay": ("pay-db",),
    "queue": ("worker",),
    "worker": ("worker-db",),
    "listing-elb_client": (),
    "listing": ("pay-db",),
    "search-db": (),
    "pay-db": (),
    "worker-db": (),
}
"""Who calls whom. Nobody waits for the queue. The site knows the listing by its load balancer's address only."""

REQUESTS = {
    "site": 900.0, "search": 500.0, "adopt": 120.0, "listing": 280.0, "listing-elb_client": 280.0, "pay": 120.0,
    "queue": 120.0, "worker": 120.0, "search-db": 900.0, "pay-db": 400.0, "worker-db": 240.0,
}  # fmt: skip
OWN_S = {
    "site": 0.03, "search": 0.02, "adopt": 0.02, "listing": 0.03, "listing-elb_client": 0.0, "pay": 0.05,
    "queue": 0.01, "worker": 0.4, "search-db": 0.01, "pay-db": 0.008, "worker-db": 0.02,
}  # fmt: skip
WAITED_FOR = ("search", "adopt", "listing", "pay", "search-db", "pay-db")
"""Places where a fault reaches the site's visitors."""


def machine(seed: int):
    """Train, test, label and who is to blame: twelve metrics of one load, and six faults of one to four of them."""
    rng = np.random.default_rng(seed)
    n = 2 * ROWS
    load = np.zeros(n)
    for i in range(1, n):
        load[i] = 0.97 * load[i - 1] + rng.normal()
    load += 3.0 * np.sin(2 * np.pi * np.arange(n) / 288)
    gain = rng.uniform(0.3, 1.5, METRICS)
    table = np.outer(load, gain) + rng.normal(size=(n, METRICS)) * rng.uniform(0.2, 0.8, METRICS)
    # What a metric was in training it need not be for ever.
    table[ROWS + ROWS // 3 :, int(rng.integers(METRICS))] += 2.0
    train, test = table[:ROWS], table[ROWS:]
    label = np.zeros(ROWS, bool)
    blamed = []
    for k in range(6):
        first = 300 + k * 430 + int(rng.integers(100))
        last = first + int(rng.integers(15, 80))
        who = rng.choice(METRICS, int(rng.integers(1, 5)), replace=False)
        test[first : last + 1, who] += rng.choice((-1, 1), len(who)) * rng.uniform(2.0, 5.0, len(who))
        label[first : last + 1] = True
        blamed.append((first, last, frozenset(int(m) for m in who)))
    return train, test, label, tuple(blamed)


def incident(seed: int, culprit: str = ""):
    """Frame and question about the site's latency; without a culprit nothing is wrong."""
    rng = np.random.default_rng(seed)
    rows, bad = 120, 5
    load = 1 + 0.2 * np.sin(2 * np.pi * np.arange(rows + bad) / 96) + 0.05 * rng.normal(size=rows + bad)
    requests = {node: np.maximum(rng.poisson(REQUESTS[node] * load), 1).astype(float) for node in CALLS}
    own = {node: OWN_S[node] * (1 + 0.08 * rng.normal(size=rows + bad)) for node in CALLS}
    if culprit:
        own[culprit][rows:] += rng.uniform(0.1, 1.0)
    latency: dict[str, np.ndarray] = {}

    def answer(node: str) -> np.ndarray:
        if node not in latency:
            waits = ("listing",) if node == "listing-elb_client" else tuple(c for c in CALLS[node] if c != "queue")
            each = (answer(callee) * np.minimum(requests[callee] / requests[node], 1.0) for callee in waits)
            latency[node] = own[node] + sum(each, np.zeros(rows + bad))
        return latency[node]

    cells = []
    for node in CALLS:
        for k in range(rows + bad):
            cells.append((T0 + k * STEP_S, node, "latency", "Average", answer(node)[k]))
            cells.append((T0 + k * STEP_S, node, "requests", "Sum", requests[node][k]))
    names = ("timestamp", "node", "metric", "stat", "value")
    frame = {name: np.array(column) for name, column in zip(names, zip(*cells, strict=True), strict=True)}
    start = T0 + rows * STEP_S
    return frame, {
        "target": {"node": "site", "metric": "latency", "stat": "Average"},
        "normal": [T0, start - STEP_S],
        "anomalous": [start, start + (bad - 1) * STEP_S],
        "trigger": start,
        "edges": [[caller, callee] for caller, callees in CALLS.items() for callee in callees],
        "top": 5,
    }
