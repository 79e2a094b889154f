"""How many server updates a second the simulator gives, against one Python object per server.

    python benchmarks/simulator.py [--servers 10000]

One update is the eight screened metrics of one server at one tick. The loop (tests/naive_simulator.py) follows the
same formulas, keeps its noise knots between ticks and shares the signals of a cluster among its servers. That both
give the same values is asserted; speed is printed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(HERE / "shared"), str(HERE / "tests")]

import naive_simulator  # noqa: E402

from openmanager_core import catalog  # noqa: E402
from openmanager_core.panel import Window  # noqa: E402
from openmanager_core.simulator import Simulator  # noqa: E402
from openmanager_core.simulator.exposition import Exposition  # noqa: E402

START_S = 1_793_620_000.0


def best_s(work: Callable[[], object], runs: int = 5) -> float:
    """The shortest of some runs: what the machine can do when nobody disturbs it."""
    found = []
    for _ in range(runs):
        begin = time.perf_counter()
        work()
        found.append(time.perf_counter() - begin)
    return min(found)


def main() -> None:
    """Print one line per case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=10_000)
    servers = parser.parse_args().servers

    few = Simulator(min(servers, 2000))
    objects = naive_simulator.fleet(few)
    ticks = few.ticks(np.array([START_S + 3.0 * i for i in range(4)])).tolist()
    first = np.array([s.update(ticks[0]) for s in objects])
    window = Window(START_S, START_S + 3, 3)
    fast = np.stack([p.values[:, 0] for p in few.read_many(catalog.SCREENED, window).values()], axis=1)
    close = np.isclose(fast, first, rtol=3e-4, atol=1.05e-3)  # CPU is rounded to 0.001 at most
    assert close.mean() > 0.9999, f"{(~close).sum()} values differ from the twin's"

    loop_s = best_s(lambda: [s.update(t) for t in ticks[1:] for s in objects], 3)
    loop = 3 * len(objects) / loop_s
    say(f"one object per server, {len(objects)} servers: {loop / 1e6:8.3f} M server updates/s")

    for count, instants in ((servers, 240), (servers, 1200), (10 * servers, 1)):
        simulator = Simulator(min(count, 100_000))
        count = len(simulator.fleet().servers)
        window = Window(START_S, START_S + 3.0 * instants, 3)

        def read(s: Simulator = simulator, w: Window = window) -> object:
            return s.read_many(catalog.SCREENED, w)

        taken_s = best_s(read)
        rate = count * instants / taken_s
        say(
            f"vectors, {count:>6} servers x {instants:>4} ticks: {rate / 1e6:8.3f} M server updates/s"
            f" in {taken_s * 1e3:8.1f} ms, {rate / loop:5.0f} times the loop"
        )

    for count in (30, 1000, servers):
        exposition = Exposition(Simulator(count))
        size = len(exposition.render(START_S))
        taken_s = best_s(lambda e=exposition: e.render(START_S))  # type: ignore[misc]
        say(f"/metrics of {count:>6} servers, all metrics: {size / 1e6:7.2f} MB in {taken_s * 1e3:7.1f} ms")


def say(line: str) -> None:
    """One line of the answer."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
