"""Are simulated CPU series like those of real servers?

    python benchmarks/realism.py [--servers 200] [--days 14] [--seed 7] [--data FOLDER]

Ten statistics of each series at 5 minutes, as quantiles over the fleet, beside those of real series. Each passes if at
least 70 % of the simulated series lie within the real 5-95 % range and the Kolmogorov-Smirnov distance is at most 0.4:
of the series below `--data` (CSV files of `timestamp,value` every 5 minutes, such as all realAWSCloudwatch files of the
Numenta Anomaly Benchmark), else of seven of these whose statistics are kept here. Faults drawn
from the seed are in, as incidents are in the real series.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

HERE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(HERE / "shared")]

from openmanager_core.panel import Window  # noqa: E402
from openmanager_core.simulator import Simulator  # noqa: E402
from openmanager_core.simulator.scenarios import random_faults  # noqa: E402

Series = npt.NDArray[np.float64]
START_S = 1_793_577_600.0
STEP_S = 300
PER_DAY = 86_400 // STEP_S

# 10, 50 and 90 % quantiles over real series, three sets: 17 series of AWS servers (NAB realAWSCloudwatch), metrics of
# 30 services (JumpStarter, second set), CPU of virtual machines over one day (PlanetLab). None: not computed there.
REAL: dict[str, tuple[str | None, str | None, str | None]] = {
    "autocorrelation, 5 min": ("-0.04 / 0.37 / 0.98", "0.10 / 0.96 / 0.99", "-0.05 / 0.05 / 0.24"),
    "autocorrelation, 1 h": (None, None, None),
    "autocorrelation, 1 day": ("0.02 / 0.11 / 0.63", "0.02 / 0.71 / 0.91", None),
    "share the mean day explains": ("0 / 0.05 / 0.30", "0.01 / 0.65 / 0.93", None),
    "coefficient of variation": ("0.12 / 0.92 / 6.3", "0.23 / 0.38 / 4.6", "0.27 / 0.76 / 1.9"),
    "p99 over median": ("1.15 / 2.6 / 605", "1.2 / 1.6 / 2.9", "1.6 / 3.3 / 15"),
    "excess kurtosis": ("0.2 / 17 / 225", "-0.7 / -0.1 / 504", "-0.3 / 5 / 54"),
    "excess kurtosis of steps": ("2 / 44 / 448", "0.8 / 6 / 418", "-0.1 / 2.7 / 29"),
    "largest step in sigmas": ("6 / 12.5 / 30", "5 / 8 / 31", "3 / 4 / 8"),
    "share of steps that are 0": (None, None, None),
}


# The same statistics of each of the seven series of NAB's realAWSCloudwatch that the simulator was developed beside, in
# the order of their names: four of EC2 CPU, requests of a load balancer, two of RDS CPU; 14 days each.
SEVEN = np.array([
    [-0.1176, 0.5934, 0.5711, 0.1391, 0.0554, 1.1722, 7.4937, 2.7059, 5.8943, 0.0169],
    [0.3034, 0.4530, 0.4132, 0.0, 0.0998, 1.2434, -0.2549, 0.5002, 5.9631, 0.0007],
    [0.9881, 0.9651, 0.3183, 0.0, 0.5348, 2.8708, 2.9675, 44.395, 17.6163, 0.0030],
    [0.7262, 0.1482, 0.0846, 0.1112, 2.0437, 24.8781, 17.0911, 24.1003, 8.8404, 0.0007],
    [0.2269, 0.1285, 0.1024, 0.2869, 0.9162, 5.2371, 5.5001, 2.1070, 6.8267, 0.0141],
    [0.9739, 0.9681, 0.6591, 0.0, 0.4502, 2.5786, -0.2169, 74.7035, 23.0772, 0.0072],
    [0.9593, 0.9290, 0.6285, 0.0, 0.2960, 1.7739, 2.9910, 726.0715, 39.1463, 0.0394],
])  # fmt: skip


def autocorrelation(x: Series, lag: int) -> float:
    """Of one series at one lag; `nan` if it is constant or too short."""
    centred = x - x.mean()
    power = float(centred @ centred)
    return float(centred[:-lag] @ centred[lag:]) / power if power > 0 and lag < len(x) else float("nan")


def kurtosis(x: Series) -> float:
    """Fourth standardised moment less 3."""
    sigma = x.std()
    return float((((x - x.mean()) / sigma) ** 4).mean() - 3.0) if sigma > 0 else float("nan")


def daily_share(x: Series) -> float:
    """Share of the variance of hourly means that the mean day explains, less what chance would; `nan` under 3 days."""
    days = len(x) // PER_DAY
    if days < 3:
        return float("nan")
    hourly = x[: days * PER_DAY].reshape(days, 24, PER_DAY // 24).mean(axis=2)
    if not hourly.var() > 0:
        return float("nan")
    raw = hourly.mean(axis=0).var() / hourly.var()
    return max(0.0, float((raw - 1 / days) / (1 - 1 / days)))


def statistics(x: Series) -> list[float]:
    """The ten, in the order of `REAL`."""
    steps = np.diff(x)
    median, high = np.quantile(x, (0.5, 0.99))
    return [
        autocorrelation(x, 1),
        autocorrelation(x, PER_DAY // 24),
        autocorrelation(x, PER_DAY) if len(x) >= 3 * PER_DAY else float("nan"),
        daily_share(x),
        float(x.std() / abs(x.mean())) if x.mean() else float("nan"),
        float(high / median) if median > 0 else float("nan"),
        kurtosis(x),
        kurtosis(steps),
        float(np.abs(steps).max() / steps.std()) if steps.std() > 0 else float("nan"),
        float((steps == 0).mean()),
    ]


def distance(a: Series, b: Series) -> float:
    """Largest gap between two empirical distribution functions (Kolmogorov-Smirnov)."""
    at = np.sort(np.concatenate((a, b)))
    below = [np.searchsorted(np.sort(x), at, side="right") / len(x) for x in (a, b)]
    return float(np.abs(below[0] - below[1]).max())


def likeness(theirs: Series, ours: Series) -> tuple[float, float]:
    """Share of ours within their 5-95 % range, and the Kolmogorov-Smirnov distance; of one statistic of many series."""
    a, b = theirs[np.isfinite(theirs)], ours[np.isfinite(ours)]
    low, high = np.quantile(a, (0.05, 0.95))
    return float(((b >= low) & (b <= high)).mean()), distance(a, b)


def passes(inside: float, apart: float) -> bool:
    """Whether a statistic counts as like the real one."""
    return inside >= 0.7 and apart <= 0.4


def simulated(servers: int, days: float, seed: int) -> tuple[Series, npt.NDArray[np.int64]]:
    """CPU in per cent of every server, and the number of its cluster."""
    simulator = Simulator(servers, seed)
    fleet = simulator.fleet()
    end_s = START_S + days * 86_400
    window = Window(START_S, end_s, STEP_S)
    simulator = simulator.with_faults(random_faults(fleet, START_S, end_s, seed))
    number = {c.id: i for i, c in enumerate(fleet.clusters)}
    values = simulator.read("cpu_busy_ratio", window).values.astype(np.float64) * 100
    return values, np.array([number[s.cluster] for s in fleet.servers])


def folder(path: Path) -> list[Series]:
    """The series of every CSV file below `path` with at least three days of numbers."""
    found = []
    for file in sorted(path.rglob("*.csv")):
        values = []
        with file.open(newline="", encoding="utf-8") as lines:
            for row in csv.reader(lines):
                try:
                    values.append(float(row[1]))
                except (IndexError, ValueError):
                    continue
        if len(values) >= 3 * PER_DAY:
            found.append(np.array(values))
    return found


def co_movement(values: Series, cluster: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Median correlation of two servers of one cluster, and of two clusters, over at most 600 servers."""
    complete = np.flatnonzero(np.isfinite(values).all(axis=1))[:600]
    r = np.corrcoef(values[complete])
    same = cluster[complete][:, None] == cluster[complete][None, :]
    upper = np.triu(np.ones_like(same), 1)
    return float(np.median(r[same & upper])), float(np.median(r[~same & upper]))


def quantiles(column: Series) -> str:
    """10, 50 and 90 %."""
    good = column[np.isfinite(column)]
    return " / ".join(f"{q:.3g}" for q in np.quantile(good, (0.1, 0.5, 0.9))) if len(good) else "-"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=200)
    parser.add_argument("--days", type=float, default=14)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--data", type=Path, help="a folder of real series to compare with")
    options = parser.parse_args()

    values, cluster = simulated(options.servers, options.days, options.seed)
    complete = np.isfinite(values).all(axis=1)
    ours = np.array([statistics(x) for x in values[complete]])
    say(f"{complete.sum()} simulated CPU series, {options.days:g} days at 5 minutes, seed {options.seed}")
    say("10 / 50 / 90 % quantiles over series; real: AWS servers | services | virtual machines")
    for i, (name, real) in enumerate(REAL.items()):
        say(f"  {name:28} {quantiles(ours[:, i]):24} real {' | '.join(r or '-' for r in real)}")
    same, other = co_movement(values, cluster)
    say(f"  correlation within a cluster {same:.2f} (wanted: 0.6 to 0.9), across clusters {other:.2f} (below 0.3)")
    if options.data is None:
        compare(SEVEN, ours, "seven development series of realAWSCloudwatch, whose statistics are kept in this script")
        return
    found = folder(options.data)
    if not found:
        raise SystemExit(f"no CSV file with three days of 5-minute values under {options.data}")
    compare(np.array([statistics(x) for x in found]), ours, f"{len(found)} series of {options.data.name}")


def compare(theirs: Series, ours: Series, what: str) -> None:
    """Print each statistic against theirs, and how many pass."""
    say(f"against {what}:")
    passed = 0
    for i, name in enumerate(REAL):
        inside, apart = likeness(theirs[:, i], ours[:, i])
        ok = passes(inside, apart)
        passed += ok
        real = quantiles(theirs[:, i])
        say(f"  {name:28} real {real:24} inside {inside:4.0%}  distance {apart:.2f}  {'pass' if ok else '-'}")
    say(f"  {passed} of {len(REAL)} pass")


def say(line: str) -> None:
    """One line of the answer."""
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
