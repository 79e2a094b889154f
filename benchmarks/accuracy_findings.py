"""Does the line of chance hold: seldom anything above it on calm fleets, nearly always the fault where there is one?

    python benchmarks/accuracy_findings.py [--looks 40] [--seeds 10] [--first-seed 1001] [--data DIR] [--misses]

Simulated fleets of 30 and 300 servers with seeds that the tails were not learned from (those are 100,000 and up). Calm:
in how many looks over 1, 6 and 24 hours does anything stand above the line of 5 %. Faults: one of severity 0.7 to 1 in
production, 10 to 40 minutes before the end of one hour; counted where a finding of the fault's place, begun with it or
later, is there at all, and where one is above the line. A fact (readings that stopped) is counted apart.
`--data DIR` adds calm stretches of labelled real series: windows of 240 rows of one machine, service or series, without
a labelled row in or near them. Their metrics have no names: each is judged as received bytes, scaled to its median or
spread.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "shared"))
from accuracy_data import Float, all_machines, all_microsoft, all_nab
from accuracy_fleet_causes import ANCHOR_S, draw, right_nodes

from openmanager_core.analysis.examine import examine
from openmanager_core.analysis.overview import overview
from openmanager_core.analysis.rarity import LINE, Chance, judge
from openmanager_core.catalog import METRICS
from openmanager_core.findings import Finding
from openmanager_core.fleet import Fleet
from openmanager_core.panel import Panel, Window
from openmanager_core.simulator import FAULT_KINDS, Simulator

STEP_S = {1: 15.0, 6: 120.0, 24: 300.0}
"""As `find_anomalies` chooses it."""
SERVERS = (30, 300)
ROWS = 240
WINDOWS = 12
"""At most, of one real series."""
MARGIN = 50
METRIC = "network_receive_bytes_per_s"
BEFORE_S = 120.0
"""A finding may seem to begin so long before its fault."""
STEPS_S = {"smd": 60.0, "asd": 60.0, "js2": 300.0, "js3": 300.0}


def look(sim: Simulator, end_s: float, hours: int) -> tuple[Sequence[Finding], Chance]:
    """What the hours before `end_s` show."""
    window = Window(end_s - 3600 * hours, end_s, STEP_S[hours])
    panels = {m.name: sim.read(m.name, window) for m in METRICS}
    seen = overview(panels, sim.fleet(), window, top=500, co_movement=True)
    return seen.findings, judge(seen.findings, series=seen.screened_series, duration_s=window.duration_s)


def calm(servers: int, hours: int, seeds: range, misses: bool) -> None:
    """Looks at fleets without a fault."""
    above, expected, shown = 0, 0.0, 0
    for seed in seeds:
        end_s = ANCHOR_S + float(np.random.default_rng([seed, hours]).integers(0, 28 * 86400))
        findings, chance = look(Simulator(servers, seed=seed), end_s, hours)
        above, expected, shown = above + bool(chance.above), expected + chance.expected, shown + chance.events
        for f, q in zip(findings, chance.q_values, strict=True):
            if misses and q is not None and q <= LINE:
                sys.stdout.write(
                    f"  seed {seed}: {f.kind} of {f.metric} on {f.host}, {f.score_sigma:.0f} sigma, q {q:.2g}\n"
                )
    sys.stdout.write(
        f"calm, {servers:4} servers, {hours:2} h: anything above the line in {above} of {len(seeds)} looks; "
        f"{shown / len(seeds):.1f} events a look, {expected / len(seeds):.1f} told\n"
    )


def faults(servers: int, seeds: range, misses: bool) -> None:
    """Looks at fleets with one fault each."""
    there: Counter[str] = Counter()
    above: Counter[str] = Counter()
    fact: Counter[str] = Counter()
    for kind in FAULT_KINDS:
        for seed in seeds:
            rng = np.random.default_rng([seed, FAULT_KINDS.index(kind)])
            end_s = ANCHOR_S + float(rng.integers(0, 7 * 86400))
            quiet = Simulator(servers, seed=seed)
            fault = draw(quiet, kind, end_s, rng)
            sim = quiet.with_faults((fault,))
            right = right_nodes(sim)
            findings, chance = look(sim, end_s, 1)
            mine = [
                q
                for f, q in zip(findings, chance.q_values, strict=True)
                if right & {f.host, f.cluster} and f.start_s >= fault.start_s - BEFORE_S
            ]
            there[kind] += bool(mine)
            judged = min((q for q in mine if q is not None), default=1.0)
            above[kind] += judged <= LINE
            fact[kind] += judged > LINE and None in mine
            if misses and mine and judged > LINE and None not in mine:
                sys.stdout.write(f"  {kind}, seed {seed}: {len(mine)} findings, the rarest at q {judged:.2g}\n")
    for kind in FAULT_KINDS:
        sys.stdout.write(
            f"{kind:16} {servers:4} servers: above the line {above[kind]:2}, by a fact {fact[kind]:2}, "
            f"of {there[kind]:2} found in {len(seeds)}\n"
        )
    sys.stdout.write(
        f"all kinds, {servers} servers: above the line {above.total()} and by a fact {fact.total()} of {there.total()} "
        f"found, {len(FAULT_KINDS) * len(seeds)} faults\n"
    )


def stretches(root: Path, half: int) -> Iterator[tuple[str, float, Float]]:
    """Group, step and values of shape ``(series, rows)`` of each calm window of every second machine or series.

    Half 0 is what tails were learned from, half 1 what is left to check with.
    """
    count: Counter[str] = Counter()
    for m in all_machines(root):
        count[m.group] += 1
        if count[m.group] % 2 == half:
            continue
        values = np.vstack([m.train, m.test]).T.astype(np.float64)
        label = np.concatenate([np.zeros(len(m.train), bool), m.label])
        for rows in _calm_rows(label):
            yield m.group, STEPS_S.get(m.group, 60.0), values[:, rows]
    for group, corpus in (("nab", all_nab(root)), ("microsoft", all_microsoft(root))):
        for one in corpus[half::2]:
            label = np.zeros(len(one.values), bool)
            for first, last in one.windows:
                label[first : last + 1] = True
            for rows in _calm_rows(label):
                yield group, float(np.median(np.diff(one.times_s))), one.values[None, rows]


def _calm_rows(label: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Iterator[slice]:
    room = len(label) - ROWS
    for first in range(0, room + 1, max(ROWS, room // WINDOWS)):
        if not label[max(0, first - MARGIN) : first + ROWS + MARGIN].any():
            yield slice(first, first + ROWS)


def examined(step_s: float, values: Float) -> tuple[list[Finding], int]:
    """What is found in a calm window, and how many of its series move at all."""
    level = np.maximum(np.nanmedian(np.abs(values), axis=1), np.nanstd(values, axis=1))
    moving = np.nanstd(values, axis=1) > 0
    if not moving.any():
        return [], 0
    scaled = np.asarray(values[moving] / np.maximum(level[moving], 1e-12)[:, None] * 1e6, np.float64)
    hosts = tuple(f"series-{i}" for i in range(len(scaled)))
    return examine(Panel(METRIC, hosts, np.arange(ROWS, dtype=np.float64) * step_s, scaled), Fleet((), (), ())), len(
        hosts
    )


def real(root: Path) -> None:
    """Calm windows of labelled real series that the tails were not learned from."""
    looks: Counter[str] = Counter()
    above: Counter[str] = Counter()
    series: Counter[str] = Counter()
    rare: dict[str, list[float]] = defaultdict(list)
    for group, step_s, values in stretches(root, 1):
        found, moving = examined(step_s, values)
        if not moving:
            continue
        chance = judge(found, series=moving, duration_s=ROWS * step_s)
        looks[group] += 1
        series[group] += moving
        above[group] += bool(chance.above)
        rare[group] += [q for q in chance.q_values if q is not None and q <= LINE]
    for group in looks:
        sys.stdout.write(
            f"real, {group:9}: anything above the line in {above[group]} of {looks[group]} calm windows, "
            f"{len(rare[group])} findings in {series[group]} series\n"
        )
    sys.stdout.write(f"real, all: {above.total()} of {looks.total()} calm windows\n")


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--looks", type=int, default=40, help="calm looks for each size and length; 0: none")
    parser.add_argument("--seeds", type=int, default=10, help="faults of each kind and size; 0: none")
    parser.add_argument("--first-seed", type=int, default=1001)
    parser.add_argument("--servers", type=int, nargs="*", default=SERVERS)
    parser.add_argument("--data", type=Path, help="folder of labelled real series")
    parser.add_argument("--misses", action="store_true", help="print false alarms and what stayed below the line")
    args = parser.parse_args()
    for servers in args.servers:
        for hours in STEP_S:
            if args.looks:
                calm(servers, hours, range(args.first_seed, args.first_seed + args.looks), args.misses)
        if args.seeds:
            faults(servers, range(args.first_seed, args.first_seed + args.seeds), args.misses)
    if args.data:
        real(args.data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
