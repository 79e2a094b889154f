"""Learns how rare each kind of finding is on calm simulated fleets.

python tools/train_calm_tails.py --records FILE [--looks 1000] [--screened 200] [--data DIR]

Looks at fleets without a fault, of 10 to 60 servers, each with a seed and an hour of its own, over 1, 6 and 24 hours,
and keeps what was found in FILE, one look a line; looks that are there already are not taken again. Then writes
shared/openmanager_core/analysis/_calm_tails.py. Seeds are 100,000 and up: checks use others. Of fleets of 100 to 300
servers, of which an overview examines the suspects only, it learns how many events they show, but no tails. With
`--data`, how common bursts in series at rest are is learned from real calm series.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shared"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import accuracy_findings

from openmanager_core.analysis import _calm_tails as calm
from openmanager_core.analysis import rarity
from openmanager_core.analysis.overview import ALL_UP_TO_SERIES, overview
from openmanager_core.catalog import METRICS
from openmanager_core.findings import Evidence, Finding
from openmanager_core.panel import Window
from openmanager_core.simulator import Simulator

FILE = Path(__file__).resolve().parents[1] / "shared/openmanager_core/analysis/_calm_tails.py"
STEP_S = {1: 15.0, 6: 120.0, 24: 300.0}
FIRST_SEED = 100_000
SCREENED_SEED = 50_000
SERVERS = (10, 20, 30, 60)
"""All of them are examined whole: an overview does so up to 1,000 series."""
SCREENED_SERVERS = (100, 200, 300)
ANCHOR_S = 1_790_000_000.0
WEEKS = 8
TOP = 5
"""Rank of the highest score that is taken as it is; the few above it only say how the tail goes on."""
FEWEST_FOR_SLOPE, MOST_FOR_SLOPE = 6, 60
SLOPES = (0.5, 3.0)
UNKNOWN_SLOPE = 1.0
PARTS = 10
FEWEST_SERIES = 50
FEWEST_LOOKS = 100

Look = dict[str, Any]
Curve = tuple[tuple[float, ...], tuple[float, ...], float]
Rates = tuple[tuple[float, ...], tuple[float, ...]]


def look_at(hours: int, seed: int, sizes: Sequence[int] = SERVERS) -> Look:
    """What a calm fleet shows, as a line of the records."""
    rng = np.random.default_rng([seed, hours])
    sim = Simulator(sizes[seed % len(sizes)], seed=seed)
    end_s = ANCHOR_S + float(rng.integers(0, WEEKS * 7 * 86400))
    window = Window(end_s - 3600 * hours, end_s, STEP_S[hours])
    panels = {m.name: sim.read(m.name, window) for m in METRICS}
    seen = overview(panels, sim.fleet(), window, top=10_000, co_movement=True)
    return {
        "seed": seed,
        "hours": hours,
        "series": {name: len(panel.hosts) for name, panel in panels.items()},
        "findings": [
            (f.kind, f.host, f.metric, round(f.start_s - window.start_s), f.end_s is None, round(f.score_sigma, 3))
            for f in seen.findings
        ],
    }


def findings_of(look: Look) -> list[Finding]:
    """The findings of a line, with what tails need of them."""
    return [
        Finding(
            kind=kind, host=host, cluster="", metric=metric, start_s=start_s, end_s=None if lasts else start_s + 1.0,
            score_sigma=score, confidence=0.5, severity="info", direction="none", summary="",
            evidence=Evidence(metric, "", 0.0, 0.0, 0.0, (0.0, 0.0), (0.0, 0.0), ""),
        )
        for kind, host, metric, start_s, lasts, score in look["findings"]
    ]  # fmt: skip


def curve(scores: Sequence[float], series: int) -> Curve:
    """Scores that rise, the share of series that reach each, and the slope of the power law beyond the last.

    The slope is Hill's estimate from the highest quarter, less one standard error: a heavier tail than the likeliest.
    """
    high = np.sort(np.asarray(scores))[::-1]
    ranks = {len(high)}
    while (least := min(ranks)) > TOP:
        ranks.add(max(TOP, least // 2))
    if len(high) < TOP:
        ranks |= {1}
    points = {float(high[r - 1]): (int(np.sum(high >= high[r - 1])) + 1) / (series + 1) for r in ranks}
    slope, k = UNKNOWN_SLOPE, min(max(10, len(high) // 4), MOST_FOR_SLOPE, len(high) - 1)
    if k >= FEWEST_FOR_SLOPE:
        hill = k / max(1e-9, float(np.log(high[:k] / high[k]).sum()))
        slope = min(max(hill * (1 - 1 / math.sqrt(k)), SLOPES[0]), SLOPES[1])
    ordered = sorted(points)
    return tuple(ordered), tuple(points[s] for s in ordered), slope


def tails(looks: Iterable[Look]) -> tuple[dict[str, int], dict[str, Curve]]:
    """Series of each metric, and a curve for each family and metric that shows any."""
    series: Counter[str] = Counter()
    scores: dict[str, list[float]] = defaultdict(list)
    for look in looks:
        series.update(look["series"])
        best: dict[tuple[str, str, str], float] = {}
        for f in findings_of(look):
            if name := rarity.family(f):
                key = (name, f.metric, f.host)
                best[key] = max(best.get(key, 0.0), f.score_sigma)
        for (name, metric, _), score in best.items():
            scores[f"{name} {metric}"].append(score)
    return dict(series), {key: curve(found, series[key.split()[1]]) for key, found in scores.items()}


def events(hours: int, looks: Iterable[Look]) -> Iterator[list[float]]:
    """Of each look, the rarest tail of each event, by the tails that are set."""
    for look in looks:
        found = findings_of(look)
        together = rarity.events(found, 3600.0 * hours)
        yield [min(rarity.tail(found[i], 3600.0 * hours) for i in event) for event in together]


def set_tails(hours: int, series: dict[str, int], curves: dict[str, Curve]) -> None:
    """Make these the tails that `rarity` uses, for a window of this length."""
    at = calm.HOURS.index(hours)
    calm.SERIES = {name: tuple(n if k == at else 1 for k in range(3)) for name, n in series.items()}
    calm.TAILS = {key: tuple(c if k == at else () for k in range(3)) for key, c in curves.items()}


def apart(hours: int, looks: Sequence[Look]) -> list[list[float]]:
    """What `events` says of each look, each part of them judged by the others' tails."""
    out: list[list[float]] = [[] for _ in looks]
    for part in range(PARTS):
        set_tails(hours, *tails(look for i, look in enumerate(looks) if i % PARTS != part))
        out[part::PARTS] = events(hours, looks[part::PARTS])
    return out


def rates(rarest: Sequence[Sequence[float]], series: int) -> Rates:
    """Tails that rise, and how many events of these looks, for each series, are as rare as each."""
    low = np.sort([p for events in rarest for p in events])
    ranks = {len(low)}
    while (least := min(ranks)) > TOP:
        ranks.add(max(TOP, least // 2))
    points = {float(low[r - 1]): (int(np.sum(low <= low[r - 1])) + 1) / series for r in ranks}
    points[1.0] = (len(low) + 1) / series
    limits = sorted(points)
    return tuple(limits), tuple(points[p] for p in limits)


def margin(rarest: Sequence[Sequence[float]], looks: Sequence[Look], learned: Rates) -> float:
    """By how much p-values have to be raised for anything to be above the line in 5 % of calm looks, at least 1.

    Events of several hosts have one reason at times, and then come together. Fleets of some sizes are restless beyond
    the average: those that need the most decide.
    """
    least: dict[int, list[float]] = defaultdict(list)
    for events, look in zip(rarest, looks, strict=True):
        q_values = rarity.adjusted([_rate(p, learned) for p in events], size_of(look))
        least[max(look["series"].values())].append(min(q_values, default=1.0))
    known = (of_size for of_size in least.values() if len(of_size) >= FEWEST_LOOKS)
    return max([1.0, *(rarity.LINE / float(np.quantile(of_size, rarity.LINE)) for of_size in known)])


def _rate(rare: float, learned: Rates) -> float:
    limits, shares = learned
    return float(np.exp(np.interp(math.log(rare), np.log(limits), np.log(shares))) * min(1.0, rare / limits[0]))


def bursts(root: Path) -> float:
    """Share of calm series with a burst in the roughest real set, of every second machine, service or series of it."""
    series: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for group, step_s, values in accuracy_findings.stretches(root, 0):
        findings, moving = accuracy_findings.examined(step_s, values)
        series[group] += moving
        found[group] += len({f.host for f in findings if rarity.burst(f)})
    return max((found[g] + 1) / (n + 1) for g, n in series.items() if n >= FEWEST_SERIES)


def size_of(look: Look) -> int:
    """Series that were looked at."""
    return sum(look["series"].values())


def written(records: dict[int, list[Look]], common: float) -> str:
    """The module."""
    by_hours = {h: [look for look in looks if size_of(look) <= ALL_UP_TO_SERIES] for h, looks in records.items()}
    screened = {h: [look for look in looks if size_of(look) > ALL_UP_TO_SERIES] for h, looks in records.items()}
    fitted = {hours: tails(looks) for hours, looks in by_hours.items()}
    names = [m.name for m in METRICS]
    lines = ['"""How rare findings are on calm simulated fleets: written by tools/train_calm_tails.py, not by hand."""']
    lines += ["", "from __future__ import annotations", "", "# fmt: off", "# ruff: noqa: E501", ""]
    lines += [
        "Curve = tuple[tuple[float, ...], tuple[float, ...], float] | tuple[()]",
        '"""Scores that rise, the share of series that reach each, the slope beyond; () if none was seen."""',
        f"HOURS = {tuple(by_hours)}",
        '"""Lengths of the windows learned from."""',
        f"LOOKS = {tuple(len(looks) for looks in by_hours.values())}",
        f"SCREENED_LOOKS = {tuple(len(looks) for looks in screened.values())}",
        f"WHOLE_UP_TO_SERIES = {ALL_UP_TO_SERIES}",
        "Rates = tuple[tuple[float, ...], tuple[float, ...]]",
        '"""Tails that rise, and events for each series whose rarest finding is as rare."""',
        "SERIES: dict[str, tuple[int, ...]] = {",
        *(f"    {name!r}: {tuple(fitted[h][0].get(name, 0) for h in by_hours)}," for name in names),
        "}",
        '"""Calm series of each metric, for each length."""',
        "TAILS: dict[str, tuple[Curve, ...]] = {",
    ]
    for key in sorted({key for _, curves in fitted.values() for key in curves}):
        lines.append(f"    {key!r}: ({', '.join(_curve(fitted[h][1].get(key)) for h in by_hours)}),")
    lines += ["}", '"""Family and metric to a curve for each length."""']
    lines += _events("", [(apart(h, looks), looks) for h, looks in by_hours.items()])
    large = []
    for hours, looks in screened.items():
        set_tails(hours, *fitted[hours])
        large.append((list(events(hours, looks)), looks))
    lines += _events("SCREENED_", large)
    lines.append('"""For each length; those of fleets with more series than are examined whole apart."""')
    lines.append(f"BURSTS = {common:.3g}")
    lines.append('"""Share of series with a burst in the roughest set of real calm series."""')
    return "\n".join(lines).replace("'", '"') + "\n"


def _events(name: str, learned: Iterable[tuple[Sequence[Sequence[float]], Sequence[Look]]]) -> list[str]:
    made, margins = [], []
    for rarest, looks in learned:
        made.append(rates(rarest, sum(size_of(look) for look in looks)))
        margins.append(margin(rarest, looks, made[-1]))
    lines = [f"{name}EVENTS: tuple[Rates, ...] = ("]
    lines += [*(f"    ({_numbers(limits)}, {_numbers(shares)})," for limits, shares in made), ")"]
    return [*lines, f"{name}MARGINS = {_numbers(margins)}"]


def _curve(one: Curve | None) -> str:
    return "()" if one is None else f"({_numbers(one[0])}, {_numbers(one[1])}, {one[2]:.2f})"


def _numbers(values: Sequence[float]) -> str:
    return f"({', '.join(f'{v:.3g}' for v in values)},)"


def main() -> int:
    """Look, keep, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, required=True, help="what was found, one look a line")
    parser.add_argument("--looks", type=int, default=1000, help="of each length")
    parser.add_argument("--screened", type=int, default=200, help="the same of larger fleets")
    parser.add_argument("--data", type=Path, help="folder of labelled real series; without it what was learned is kept")
    args = parser.parse_args()
    by_hours: dict[int, list[Look]] = {hours: [] for hours in STEP_S}
    if args.records.exists():
        for line in args.records.read_text("utf-8").splitlines():
            look = json.loads(line)
            by_hours[look["hours"]].append(look)
    with args.records.open("a", encoding="utf-8") as stream:
        for k, (hours, looks) in enumerate(by_hours.items()):
            known = {look["seed"] for look in looks}
            first = FIRST_SEED * (k + 1)
            wanted: list[tuple[int, Sequence[int]]] = [(first + i, SERVERS) for i in range(args.looks)]
            wanted += [(first + SCREENED_SEED + i, SCREENED_SERVERS) for i in range(args.screened)]
            for seed, sizes in wanted:
                if seed not in known:
                    looks.append(look_at(hours, seed, sizes))
                    stream.write(json.dumps(looks[-1]) + "\n")
                    stream.flush()
    FILE.write_text(written(by_hours, bursts(args.data) if args.data else calm.BURSTS), "utf-8")
    sys.stdout.write(f"{ {h: len(looks) for h, looks in by_hours.items()} } looks; {FILE.stat().st_size:,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
