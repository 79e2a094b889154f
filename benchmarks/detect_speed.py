"""How many rows a second `detect` scores, by the length of the series, against one z-score of the whole series.

    python benchmarks/detect_speed.py

Prints times, rates and ratios; asserts only that the planted event is paged for, and that a prefix scores the same.
The target is 100,000 rows a second, at 1,000 rows as well as at many.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "shared"))
from openmanager_core.analysis import detect

LENGTHS = (200, 500, 1_000, 2_000, 4_032, 10_000, 40_000)
STEP_S = 300.0
START_S = 1_800_000_000.0
RUNS = 15


def best_s(work: Callable[[], object], runs: int = RUNS) -> float:
    """The fastest of several runs: the machine may be shared."""
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)


def main() -> int:
    """Print one line a length."""
    sys.stdout.write(f"{'rows':>8}{'ms':>10}{'rows a second':>16}{'z-score, us':>14}{'times as long':>16}\n")
    for n in LENGTHS:
        rng = np.random.default_rng(3)
        stamps = START_S + STEP_S * np.arange(n)
        values = 10 + 3 * np.sin(2 * np.pi * stamps / 86_400) + rng.normal(size=n)
        event = 9 * n // 10
        values[event : event + 12] += 15
        answer = detect(stamps, values)
        assert event in answer["alerts"], (n, event, answer["alerts"])
        assert detect(stamps[: event + 1], values[: event + 1])["scores"] == answer["scores"][: event + 1]
        ours = best_s(lambda stamps=stamps, values=values: detect(stamps, values))  # type: ignore[misc]
        bare = best_s(lambda values=values: np.abs(values - values.mean()) / values.std())  # type: ignore[misc]
        sys.stdout.write(f"{n:>8,}{ours * 1e3:>10.2f}{n / ours:>16,.0f}{bare * 1e6:>14.1f}{ours / bare:>16,.0f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
