"""One instant of many series, judged and learned, beside a bare running mean and variance of the same series.

    python benchmarks/tick.py [--series 80000]

Quiet series, then with gaps and with one series in a hundred in an event; beside them the look at the whole last hour
that a tick takes the place of, and how fast a past is learned. Prints times and ratios; asserts only that exactly the
planted series are unusual. The target is 5 ms for 80,000 series.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "shared"))
from openmanager_core.analysis.ticking import Ticker
from openmanager_core.screening import screen

STEP_S = 15.0
HOUR = 240
RUNS = 60
FLOOR = 0.01


class Bare:
    """Exponentially weighted mean and variance, and the distance in sigmas: the least that could be done."""

    def __init__(self, n_series: int) -> None:
        self._mean = np.zeros(n_series, np.float32)
        self._variance = np.ones(n_series, np.float32)

    def tick(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Judge, then learn."""
        weight = np.float32(0.01)
        away = values - self._mean
        sigmas = away / np.sqrt(self._variance)
        self._mean += weight * away
        self._variance += weight * (away * away - self._variance)
        return sigmas


def milliseconds(work: Callable[[int], object], runs: int) -> list[float]:
    """How long each of several runs takes; they get their number."""
    out = []
    for k in range(runs):
        begun = time.process_time()
        work(k)
        out.append(1e3 * (time.process_time() - begun))
    return out


def main() -> int:
    """Measure `--series` series."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=80_000)
    n = parser.parse_args().series
    rng = np.random.default_rng(7)
    past = rng.normal(10, 1, (HOUR, n)).astype(np.float32)
    ticker, bare = Ticker(n, floor=FLOOR), Bare(n)
    (seeding,) = milliseconds(lambda k: ticker.seed(past, STEP_S * np.arange(HOUR)), 1)
    sys.stdout.write(
        f"{n:,} series, {ticker.nbytes / n:.0f} bytes each; an hour of {HOUR} instants learned in {seeding:,.0f} ms, "
        f"{past.size / seeding / 1e3:,.0f} million readings a second\n"
    )
    hour = past.T.copy()
    rescan = min(milliseconds(lambda k: screen(hour, recent=20, floor=FLOOR), 3))
    odd = rng.choice(n, n // 100, replace=False)
    sys.stdout.write(f"{'':<34}{'best':>8}{'median':>9} ms{'bare':>8} ms{'ratio':>7}\n")
    at = HOUR
    for name, gaps, lift in (
        ("quiet", 0.0, 0.0),
        ("2 in 100 readings missing", 0.02, 0.0),
        ("1 in 100 series in an event", 0.0, 30.0),
        ("both", 0.02, 30.0),
    ):
        rows = rng.normal(10, 1, (RUNS, n)).astype(np.float32)
        rows[rng.random(rows.shape) < gaps] = np.nan
        rows[:, odd] += np.float32(lift)
        ours, theirs = [], []
        for first in range(0, RUNS, 10):  # in turn, so that a busy machine slows both
            some = rows[first : first + 10]
            ours += milliseconds(lambda k, some=some, at=at: ticker.tick(some[k], STEP_S * (at + k)), 10)  # type: ignore[misc]
            theirs += milliseconds(lambda k, some=some: bare.tick(some[k]), 10)  # type: ignore[misc]
            at += 10
        found = ticker.tick(rows[-1], STEP_S * at)
        at += 1
        assert found.unusual.tolist() == (sorted(odd.tolist()) if lift else []), len(found.unusual)
        for _ in range(25 if lift else 0):  # until it is over
            ticker.tick(rng.normal(10, 1, n), STEP_S * at)
            at += 1
        best, least = min(ours), min(theirs)
        sys.stdout.write(
            f"{name:<34}{best:>8.2f}{statistics.median(ours):>9.2f}   {least:>8.2f}   {best / least:>7.1f}\n"
        )
    sys.stdout.write(f"a look at the whole last hour instead: {rescan:,.0f} ms\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
