"""What it costs to count a principal's calls and requests in one process, and together with other workers.

    PYTHONPATH=shared python benchmarks/limits.py

Prints the median and the slowest hundredth of a take in microseconds, and each median as a multiple of the first.
Asserts that hurrying processes get the burst between them and not one more.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from openmanager_kit.access.places import OwnPlaces, Places
from openmanager_kit.access.rates import Buckets, OwnBuckets, RateLimited, Rates
from openmanager_kit.access.shared_buckets import SharedBuckets
from openmanager_kit.access.shared_places import SharedPlaces

BURST = 200_000


def hurry(buckets: Buckets) -> list[int]:
    """Take until nothing is left; gives the nanoseconds of each take."""
    rates = Rates(1, BURST, clock=lambda: 100.0, buckets=buckets)
    took: list[int] = []
    try:
        while True:
            begun = time.perf_counter_ns()
            rates.take("kim openmanager-local find_anomalies", "your calls")
            took.append(time.perf_counter_ns() - begun)
    except RateLimited:
        return took


def come_and_go(places: Places) -> list[int]:
    """Take a place and give it back; gives the nanoseconds of both together."""
    took: list[int] = []
    for _ in range(BURST // 10):
        begun = time.perf_counter_ns()
        leave = places.take("kim", 64)
        assert leave is not None
        leave()
        took.append(time.perf_counter_ns() - begun)
    return took


def main() -> None:
    """Measure, or be one of the processes that are measured."""
    if sys.argv[1:]:
        buckets = SharedBuckets(Path(sys.argv[1]), patience_s=20)
        sys.stdin.read(1)
        sys.stdout.write(" ".join(map(str, hurry(buckets))))
        return
    first = told("in one process", hurry(OwnBuckets()), 0)
    with tempfile.TemporaryDirectory() as folder:
        for count in (1, 2, 4):
            words = [sys.executable, __file__, f"{folder}/{count}"]
            crew = [
                subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)
            ]
            time.sleep(1)
            for one in crew:
                assert one.stdin is not None
                one.stdin.write("g")
                one.stdin.flush()
            took = [int(word) for one in crew for word in one.communicate()[0].split()]
            assert len(took) == BURST
            told(f"in a file of {count}", took, first)
        first = told("place in process", come_and_go(OwnPlaces()), 0)
        for count in (2, 8, 64):
            told(
                f"place, {count} workers", come_and_go(SharedPlaces(Path(folder) / f"places-{count}", 0, count)), first
            )


def told(what: str, took: list[int], first: float) -> float:
    """Print one row; gives the median."""
    took.sort()
    median = took[len(took) // 2] / 1000
    times = f"{median / first:5.1f} x" if first else ""
    sys.stdout.write(f"{what:<17} median {median:6.2f} us   p99 {took[len(took) * 99 // 100] / 1000:7.2f} us {times}\n")
    return median


if __name__ == "__main__":
    main()
