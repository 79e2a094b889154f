"""One series against 10,000, and each with each: time, and the ratio to a loop over numpy.corrcoef.

    python benchmarks/correlation.py [--series 10000] [--times 1200]

The planted pair must be found with its lag, and hardly anything else; speed and memory are printed, not asserted.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shared"))

from openmanager_core.analysis.correlation import CorrelationResult, correlate
from openmanager_core.panel import FloatArray, Panel

STEP_S = 15.0
LAG = 8
TOOL_TIMES = 361
"""Instants that `correlate_metrics` reads."""


def fleet(series: int, times: int) -> Panel:
    """Independent AR(1) series; the second follows the first `LAG` steps later."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(series, times)).astype(np.float32)
    for t in range(1, times):
        x[:, t] += 0.7 * x[:, t - 1]
    x[1] = 0.9 * np.roll(x[0], LAG) + 0.3 * x[1]
    return Panel("cpu_busy_ratio", tuple(f"h{k}" for k in range(series)), STEP_S * np.arange(times), x)


def naive(values: FloatArray) -> FloatArray:
    """The obvious way: one call a pair, no lags, no significance."""
    return np.array([np.corrcoef(values[0], row)[0, 1] for row in values])


def timed(work: Callable[[], object], runs: int = 3) -> float:
    """Fewest seconds of some runs."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def check(found: CorrelationResult) -> None:
    """The planted pair, its lag, and hardly anything else."""
    assert (found.pairs[0].host_a, found.pairs[0].host_b, found.pairs[0].lag_s) == ("h0", "h1", LAG * STEP_S)
    assert len(found.pairs) <= 3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=1_200)
    args = parser.parse_args()
    panel = fleet(args.series, args.times)
    target = (panel.hosts[0], panel.metric)
    loop = statistics.median([timed(lambda: naive(panel.values), 1) for _ in range(3)])
    sys.stdout.write(f"{args.series} series of {args.times} readings; numpy.corrcoef in a loop {loop:8.3f} s\n")
    for lags in (0, 20):
        found = correlate([panel], target=target, max_lag_s=lags * STEP_S, min_abs_r=0.3)
        if lags:
            check(found)
        took = timed(lambda lags=lags: correlate([panel], target=target, max_lag_s=lags * STEP_S, min_abs_r=0.3))
        sys.stdout.write(
            f"one against all, {2 * lags + 1:>2} lags          {took:8.3f} s, {loop / took:.1f} times as fast as the"
            f" loop{f', {loop * (2 * lags + 1) / took:.0f} times per lag' if lags else ''}\n"
        )
    some = Panel(panel.metric, panel.hosts[:2_000], panel.times_s, panel.values[:2_000])
    for lags in (0, 10):
        took = timed(lambda lags=lags: correlate([some], max_lag_s=lags * STEP_S), 1)
        pairs = len(some.hosts) * (len(some.hosts) - 1) // 2
        sys.stdout.write(
            f"each of {len(some.hosts)} with each, {2 * lags + 1:>2} lags  {took:8.3f} s,"
            f" {pairs * (2 * lags + 1) / took / 1e6:.1f} million correlations a second\n"
        )
    check(correlate([some], max_lag_s=10 * STEP_S))
    window = Panel(panel.metric, panel.hosts, panel.times_s[:TOOL_TIMES], panel.values[:, :TOOL_TIMES])
    start, cpu = time.perf_counter(), time.process_time()
    found = correlate([window], max_lag_s=10 * STEP_S)
    check(found)
    sys.stdout.write(
        f"each of {len(window.hosts)} with each over {TOOL_TIMES} readings, up to 10 steps of lag: "
        f"{time.perf_counter() - start:.1f} s, {time.process_time() - cpu:.1f} s of CPU; {found.explanation}\n"
        f"most memory, data included: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB\n"
    )


if __name__ == "__main__":
    main()
