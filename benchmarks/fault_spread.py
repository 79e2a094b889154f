"""Do simulated faults spread, and last, as real ones do?

    python benchmarks/fault_spread.py [--servers 60] [--seeds 3]

Every fault is compared with the same fleet, to the same instant, without it. Printed: how much of the extra time and of
the extra failures each caller sees of its callee's, over one call; how many of its server's metrics a fault moves; how
long drawn faults last. Beside them the same of real systems: PetShop (8 incidents of its low traffic, worst row against
the normal median), and ASD (server data set, 19 metrics a server, published with InterFusion).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

HERE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(HERE / "shared")]

from openmanager_core import catalog  # noqa: E402
from openmanager_core.panel import Window  # noqa: E402
from openmanager_core.simulator import FAULT_KINDS, Fault, Simulator  # noqa: E402
from openmanager_core.simulator.scenarios import random_faults  # noqa: E402

START_S = 1_793_577_600.0 + 36_000
LASTS_S = 5400.0
TROUBLES_CALLERS = ("slow_dependency", "bad_deployment", "network_loss", "noisy_neighbour")

# Extra of a caller against that of the node it calls, over one call each, in ascending order.
REAL_LATENCY = (0.17, 0.19, 0.48, 0.99, 1.00, 1.04, 1.28, 1.33, 3.1)
REAL_FAILURES = (0.26, 0.27, 0.37, 0.91, 0.97, 1.0, 1.0)
# 10, 50 and 90 % quantiles
REAL_METRICS_MOVED = (2 / 19, 9 / 19, 15 / 19)
REAL_LASTS_S = (7 * 300.0, 18 * 300.0, 62 * 300.0)

Numbers = npt.NDArray[np.float64]


def _mean(simulator: Simulator, metric: str, hosts: tuple[str, ...]) -> Numbers:
    """Mean over the middle of the fault, per host."""
    window = Window(START_S + 1200, START_S + LASTS_S - 600, 30)
    values = simulator.read(metric, window, hosts).values.astype(np.float64)
    return values.mean(axis=1)


def over_one_call(well: Simulator, kind: str, cluster: str) -> list[tuple[float, float]]:
    """Extra latency and extra share of failures of each caller, against those of what it calls; over all hops."""
    fleet = well.fleet()
    sick = well.with_faults([Fault("", kind, (cluster,), START_S, START_S + LASTS_S, 0.8)])  # type: ignore[arg-type]

    def extra(name: str) -> tuple[float, float]:
        hosts = fleet.cluster_by_id[name].members
        slow = _mean(sick, "latency_p50_s", hosts) - _mean(well, "latency_p50_s", hosts)
        failing = [
            _mean(s, "errors_per_s", hosts).sum() / _mean(s, "requests_per_s", hosts).sum() for s in (sick, well)
        ]
        return float(slow.mean()), float(failing[0] - failing[1])

    found, edge, seen = [], [cluster], {cluster}
    while edge:
        callee = edge.pop()
        below = extra(callee)
        for caller in fleet.callers(callee):
            if caller not in seen:
                seen.add(caller)
                edge.append(caller)
                above = extra(caller)
                found.append((above[0] / below[0], above[1] / below[1] if below[1] > 1e-3 else float("nan")))
    return found


def metrics_moved(well: Simulator, kind: str, host: str) -> float:
    """Share of a server's metrics that differ by more than a standard deviation of its last day."""
    day = Window(START_S - 86_400, START_S, 300)
    sick = well.with_faults([Fault("", kind, (host,), START_S, START_S + LASTS_S, 0.8)])  # type: ignore[arg-type]
    names = catalog.metrics_of(well.fleet().by_id[host].type)
    before = well.read_many(names, day, (host,))
    moved = 0
    for name in names:
        sigma = float(np.std(before[name].values))
        change = _mean(sick, name, (host,)) - _mean(well, name, (host,))
        # a server that is down says nothing at all: everything has moved
        moved += not np.isfinite(change[0]) or abs(float(change[0])) > sigma
    return moved / len(names)


def durations(servers: int, seed: int) -> list[float]:
    """Seconds that each drawn fault of two weeks lasts."""
    faults = random_faults(Simulator(servers, seed).fleet(), START_S, START_S + 14 * 86_400, seed)
    return [f.ends_s() - f.start_s for f in faults if f.kind != "crash_restart"]


def quantiles(values: list[float] | tuple[float, ...]) -> str:
    """10, 50 and 90 %."""
    good = [v for v in values if np.isfinite(v)]
    return " / ".join(f"{q:.2f}" for q in np.quantile(good, (0.1, 0.5, 0.9)))


def main() -> None:
    """Print one line per question."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    calls: list[tuple[float, float]] = []
    moved: list[float] = []
    lasts: list[float] = []
    for seed in range(1, options.seeds + 1):
        well = Simulator(options.servers, seed)
        clusters = [c for c in well.fleet().clusters if c.environment == "production"]
        for kind in FAULT_KINDS:
            moved += [metrics_moved(well, kind, c.members[0]) for c in clusters[:5]]
            if kind in TROUBLES_CALLERS:
                for c in clusters[:5]:
                    calls += over_one_call(well, kind, c.id)
        lasts += durations(200, seed)
    latency, failures = [c[0] for c in calls], [c[1] for c in calls]
    hours = [s / 3600 for s in lasts]
    assert all(np.isfinite(latency)), "a caller's extra time is a number"
    say(f"10 / 50 / 90 % over {options.seeds} fleets of {options.servers} servers")
    say(f"  extra time of a caller against its callee's     {quantiles(latency):22} real {quantiles(REAL_LATENCY)}")
    say(f"  extra failures of a caller against its callee's {quantiles(failures):22} real {quantiles(REAL_FAILURES)}")
    real = " / ".join(f"{q:.2f}" for q in REAL_METRICS_MOVED)
    say(f"  share of its server's metrics that a fault moves {quantiles(moved):21} real {real}")
    real = " / ".join(f"{q / 3600:.2f}" for q in REAL_LASTS_S)
    say(f"  hours that a drawn fault lasts                  {quantiles(hours):22} real {real}")


def say(line: str) -> None:
    """One line of the answer."""
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
