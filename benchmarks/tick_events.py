"""When faults are seen: by ticking through the readings, and by a look at the whole last hour every minute.

    python benchmarks/tick_events.py [--first-seed 101] [--fleets 2]

Simulated fleets with faults of every kind, whose beginning is known, and the same fleets without any. Prints for each
kind after how many seconds each of the two tells of a series that the fault changed, and how many events of a quiet
day each of them makes up for a series. Asserts that a fault that takes hold at once is seen by the ticks within two
minutes. The rules of ticking were chosen on fleets 7 and 11: those seeds prove nothing.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "shared"))
from openmanager_core import catalog
from openmanager_core.analysis.overview import overview
from openmanager_core.analysis.ticking import Ticker
from openmanager_core.catalog import SCREENED, FaultKind
from openmanager_core.panel import Panel, Window
from openmanager_core.simulator import Fault, Simulator

STEP_S = 15.0
HOUR = 240
PAST = 3 * HOUR
QUIET = 12 * HOUR
MINUTE = 4
LASTS = 40 * MINUTE
START_S = 1_790_000_000.0
WHOLE_CLUSTER = ("slow_dependency", "traffic_surge", "bad_deployment", "network_loss")
AT_ONCE = ("cpu_saturation", "noisy_neighbour")
Series = tuple[str, str]


class Fleet:
    """One simulated fleet and the readings of it."""

    def __init__(self, servers: int, seed: int) -> None:
        self.simulator = Simulator(servers, seed, 3.0)
        self.series: list[Series] = [(name, host) for name in SCREENED for host in self.simulator.has(name)]

    def panels(self, simulator: Simulator, first: int, n_times: int) -> dict[str, Panel]:
        """Readings of `n_times` instants from the `first` on, counted from the beginning of the fault."""
        start_s = START_S + first * STEP_S
        window = Window(start_s, start_s + (n_times - 0.5) * STEP_S, STEP_S)
        return {name: simulator.read(name, window, simulator.has(name)) for name in SCREENED}

    def ticker(self) -> Ticker:
        """A ticker of all series that knows nothing."""
        about = [catalog.metric(name) for name, _ in self.series]
        return Ticker(len(about), floor=[m.floor for m in about], relative=[m.relative for m in about])


def rows(panels: dict[str, Panel]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """All series side by side, one row an instant, and the instants."""
    values = np.concatenate([panel.values.T for panel in panels.values()], axis=1).astype(np.float32)
    return values, next(iter(panels.values())).times_s


def last_hour(panels: dict[str, Panel], to: int) -> tuple[dict[str, Panel], Window]:
    """What a look at the last hour up to an instant reads."""
    cut = {
        name: Panel(name, p.hosts, p.times_s[to - HOUR + 1 : to + 1], p.values[:, to - HOUR + 1 : to + 1])
        for name, p in panels.items()
    }
    times = next(iter(cut.values())).times_s
    return cut, Window(float(times[0]), float(times[-1]) + STEP_S / 2, STEP_S)


def found(fleet: Fleet, panels: dict[str, Panel], to: int) -> set[Series]:
    """What a look tells of: findings that would open an incident."""
    cut, window = last_hour(panels, to)
    seen = overview(cut, fleet.simulator.fleet(), window, top=500)
    return {
        (f.metric, f.host)
        for f in seen.findings
        if f.score_sigma >= 4 and (f.end_s is None or f.severity == "critical")
    }


def faults(fleet: Fleet, seed: int) -> Iterator[tuple[str, Simulator]]:
    """The fleet with one fault of each kind, somewhere."""
    rng = np.random.default_rng(seed)
    clusters = fleet.simulator.fleet().clusters
    for kind in get_args(FaultKind):
        cluster = clusters[int(rng.integers(len(clusters)))]
        target = cluster.id if kind in WHOLE_CLUSTER else cluster.members[0]
        severity = float(rng.uniform(0.5, 1.0))
        yield kind, fleet.simulator.with_faults([Fault("", kind, (target,), START_S, START_S + 3_600, severity)])


def seconds_to_see(fleet: Fleet, faulty: Simulator, quiet: dict[str, Panel]) -> tuple[float, float]:
    """After how many seconds the ticks, and the looks, tell of a series that the fault changed."""
    panels = fleet.panels(faulty, -PAST, PAST + LASTS)
    values, times = rows(panels)
    without, _ = rows(quiet)
    changed = np.zeros(len(fleet.series), np.bool_)
    ticker = fleet.ticker()
    ticker.seed(values[:PAST], times[:PAST])
    known = found(fleet, panels, PAST - 1)
    ticked = looked = np.inf
    for k in range(PAST, PAST + LASTS):
        changed |= ~np.isclose(values[k], without[k], rtol=1e-3, atol=0, equal_nan=True)
        tick = ticker.tick(values[k], times[k])
        after_s = float(times[k] - START_S)
        if np.isinf(ticked) and changed[np.concatenate((tick.began, tick.fell_silent))].any():
            ticked = after_s
        if np.isinf(looked) and (k - PAST) % MINUTE == MINUTE - 1:
            fresh = found(fleet, panels, k) - known
            if any(changed[at] for at, series in enumerate(fleet.series) if series in fresh):
                looked = after_s
        if np.isfinite(ticked + looked):
            break
    return ticked, looked


def a_quiet_day(fleet: Fleet) -> tuple[float, float]:
    """Events a day and series that the ticks, and looks every five minutes, make of a fleet without faults."""
    panels = fleet.panels(fleet.simulator, -PAST, PAST + QUIET)
    values, times = rows(panels)
    ticker = fleet.ticker()
    ticker.seed(values[:PAST], times[:PAST])
    began = sum(len(ticker.tick(values[k], times[k]).began) for k in range(PAST, PAST + QUIET))
    last_seen: dict[Series, int] = dict.fromkeys(found(fleet, panels, PAST - 1), PAST)
    told = 0
    for k in range(PAST, PAST + QUIET, 5 * MINUTE):
        for series in found(fleet, panels, k):
            told += k - last_seen.get(series, -PAST) > HOUR // 4  # an incident is over after a quarter of an hour
            last_seen[series] = k
    days = len(fleet.series) * QUIET * STEP_S / 86_400
    return began / days, told / days


def main() -> int:
    """Look at `--fleets` fleets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first-seed", type=int, default=101)
    parser.add_argument("--fleets", type=int, default=2)
    parser.add_argument("--servers", type=int, default=30)
    args = parser.parse_args()
    seen: dict[str, list[tuple[float, float]]] = {}
    quiet_days = []
    for seed in range(args.first_seed, args.first_seed + args.fleets):
        fleet = Fleet(args.servers, seed)
        quiet = fleet.panels(fleet.simulator, -PAST, PAST + LASTS)
        for kind, faulty in faults(fleet, seed):
            seen.setdefault(kind, []).append(seconds_to_see(fleet, faulty, quiet))
        quiet_days.append(a_quiet_day(fleet))
    sys.stdout.write(f"{'seconds until seen, by fleet':<30}{'ticks':>24}{'looks every minute':>24}\n")
    for kind, times in seen.items():
        ticks, looks = (
            ", ".join("-" if np.isinf(t) else f"{t:.0f}" for t in some) for some in zip(*times, strict=True)
        )
        sys.stdout.write(f"{kind:<30}{ticks:>24}{looks:>24}\n")
    both = [pair for times in seen.values() for pair in times]
    sooner = sum(tick <= look for tick, look in both if np.isfinite(look))
    sys.stdout.write(
        f"of {len(both)} faults: {sum(np.isfinite(t) for t, _ in both)} seen by the ticks, "
        f"{sum(np.isfinite(t) for _, t in both)} by the looks, {sooner} of these no later by the ticks\n"
    )
    ticks, looks = (statistics.mean(some) for some in zip(*quiet_days, strict=True))
    sys.stdout.write(f"events of a quiet day and series: ticks {ticks:.2f}, looks every five minutes {looks:.2f}\n")
    for kind in AT_ONCE:
        assert all(tick <= 120 or np.isinf(look) for tick, look in seen[kind]), seen[kind]
    return 0


if __name__ == "__main__":
    sys.exit(main())
