"""Does the whole-fleet overview name the fault that the simulator was told to make, and nothing where there is none?

    python benchmarks/accuracy_fleet_causes.py [--servers 30] [--seeds 10] [--first-seed 1] [--misses] [--screened]

Each case is one fault of severity 0.7 to 1 in a production cluster, 10 to 40 minutes before the end of one hour at
15 s. Right is the true server or its cluster. Prints top-1 and top-3 per kind, whether the kind is right, and the
share of faultless hours in which nothing is named. A simulated fleet saturates now and then without any fault, as
real ones do; "paired" leaves out the places that the same overview names in the same hour without the fault.
`--screened` reads the eight screened metrics only.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "shared"))
from openmanager_core.analysis.overview import Overview, overview
from openmanager_core.catalog import METRICS, SCREENED
from openmanager_core.panel import Window
from openmanager_core.simulator import FAULT_KINDS, Fault, Simulator, ground_truth

ANCHOR_S = 1_795_000_000.0
HOUR_S = 3600.0
STEP_S = 15.0
WHOLE_CLUSTER = ("slow_dependency", "traffic_surge", "bad_deployment")
SAME_KIND = {"crash_restart": "crash"}


def ask(sim: Simulator, end_s: float, names: tuple[str, ...]) -> Overview:
    """The overview of the hour before `end_s`."""
    window = Window(end_s - HOUR_S, end_s, STEP_S)
    panels = {n: sim.read(n, window) for n in names}
    return overview(panels, sim.fleet(), window, changes=sim.changes(window))


def draw(sim: Simulator, kind: str, end_s: float, rng: np.random.Generator) -> Fault:
    """One fault of that kind at a random place of production."""
    homes = [c for c in sim.fleet().clusters if c.environment == "production"]
    if kind == "slow_dependency":
        homes = [c for c in homes if c.type in ("database", "cache", "queue", "api")]
    home = homes[rng.integers(len(homes))]
    targets = (home.id,) if kind in WHOLE_CLUSTER else (home.members[rng.integers(len(home.members))],)
    slow = kind in ("memory_leak", "disk_filling")
    start_s = end_s - 60 * (rng.uniform(20, 40) if slow else rng.uniform(10, 30))
    until_s = None
    if kind == "crash_restart" and rng.random() < 0.5:
        until_s = min(end_s - 60, start_s + 60 * rng.uniform(3, 10))
    return Fault("", kind, targets, start_s, until_s, float(rng.uniform(0.7, 1.0)))


def right_nodes(sim: Simulator) -> set[str]:
    """The true place, and its cluster or only member."""
    fleet = sim.fleet()
    root = ground_truth(sim.faults, fleet)[0]["root_cause"]
    if root in fleet.by_id:
        return {root, fleet.by_id[root].cluster}
    members = fleet.cluster_by_id[root].members
    return {root, *members} if len(members) == 1 else {root}


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=1, help="another fleet and other hours than those tuned on")
    parser.add_argument("--misses", action="store_true", help="print what was named instead")
    parser.add_argument("--screened", action="store_true", help="read the eight screened metrics only")
    args = parser.parse_args()
    names = SCREENED if args.screened else tuple(m.name for m in METRICS)
    ranks: dict[str, list[int]] = defaultdict(list)
    kinds: dict[str, int] = defaultdict(int)
    paired: dict[str, int] = defaultdict(int)
    for kind in FAULT_KINDS:
        for seed in range(args.first_seed, args.first_seed + args.seeds):
            rng = np.random.default_rng([seed, FAULT_KINDS.index(kind)])
            end_s = ANCHOR_S + float(rng.integers(0, 7 * 86400))
            calm = Simulator(args.servers, seed=seed)
            sim = calm.with_faults((draw(calm, kind, end_s, rng),))
            causes = ask(sim, end_s, names).causes
            right = right_nodes(sim)
            hit = [c.node in right for c in causes]
            ranks[kind].append(hit.index(True) + 1 if True in hit else 0)
            natural = {c.node for c in ask(calm, end_s, names).causes} - right
            added = [c.node in right for c in causes if c.node not in natural]
            paired[kind] += bool(added) and added[0]
            kinds[kind] += bool(causes) and hit[0] and causes[0].kind == SAME_KIND.get(kind, kind)
            if args.misses and ranks[kind][-1] != 1:
                said = ", ".join(f"{c.node} {c.kind} {c.score:.2f}" for c in causes) or "nothing"
                sys.stdout.write(f"{kind} seed {seed}: {sorted(right)} is number {ranks[kind][-1]}; named: {said}\n")
    sys.stdout.write("kind                top-1  top-3  paired top-1  kind right  cases\n")
    for kind, found in ranks.items():
        one, three = (sum(0 < r <= k for r in found) for k in (1, 3))
        sys.stdout.write(f"{kind:18} {one:6} {three:6} {paired[kind]:13} {kinds[kind]:11} {len(found):6}\n")
    every = [r for found in ranks.values() for r in found]
    shares = [float(np.mean([0 < r <= k for r in every])) for k in (1, 3)]
    sys.stdout.write(
        f"all kinds: top-1 {shares[0]:.3f}, top-3 {shares[1]:.3f}, paired top-1 "
        f"{sum(paired.values()) / len(every):.3f} of {len(every)} cases\n"
    )
    quiet = 0
    hours = 3 * args.seeds
    for seed in range(args.first_seed, args.first_seed + hours):
        causes = ask(Simulator(args.servers, seed=seed), ANCHOR_S + seed * 55_433.0, names).causes
        quiet += not causes
        if args.misses and causes:
            sys.stdout.write(
                f"quiet seed {seed}: {causes[0].node} {causes[0].kind} {'; '.join(causes[0].evidence[:2])}\n"
            )
    sys.stdout.write(f"nothing named in {quiet} of {hours} faultless hours: specificity {quiet / hours:.3f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
