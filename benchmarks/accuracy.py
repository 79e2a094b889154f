"""Every accuracy figure of the README, repeated from the public data sets' own folders.

    python benchmarks/accuracy.py --data DIR [--failures] [--json]

DIR holds any of these, anywhere below it: NAB, Microsoft's cloud-monitoring-dataset, the machines of InterFusion or
OmniAnomaly, JumpStarter, PetShop (accuracy_data.py names the layouts). What is not there is left out and said so.
`--failures` names every series, machine and issue that was missed or paged falsely. One set of defaults answers all.
The parts can be run alone: accuracy_detect.py, accuracy_multi.py, accuracy_rca.py, accuracy_forecast.py.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import accuracy_detect
import accuracy_forecast
import accuracy_multi
import accuracy_rca
from accuracy_data import Labelled, all_machines, all_microsoft, all_nab, petshop_folder

_DAY_ROWS = 288
_LOW_SURFACE = 0.4
_LOW_HIT_RATE = 0.7
_FEW_SERVERS = ("realAWSCloudwatch", "realKnownCause")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number, on what, and what went wrong there."""

    method: str
    measure: str
    value: float
    on: str
    failures: list[str] = field(default_factory=list)


def of_series(corpus: Sequence[Labelled], on: str, *, with_score: bool) -> Iterator[Figure]:
    """Event F1 and, where it means something, the NAB score of a corpus."""
    if not corpus:
        return
    graded = accuracy_detect.grade(corpus)
    result = accuracy_detect.summary(corpus, graded)
    failures = [
        f"{name}: {missed} of {found + missed} windows missed, {false} false pages"
        for name, (found, missed, false) in graded.counts.items()
        if missed or false
    ]
    on = f"{on}, {len(corpus)} series, {result['windows']:.0f} windows"
    if with_score:
        for profile in accuracy_detect.PROFILES:
            yield Figure("detect", f"NAB score, {profile}", result[profile], on)
        servers = [s for s in corpus if s.name.split("/")[0] in _FEW_SERVERS]
        if 0 < len(servers) < len(corpus):
            score = accuracy_detect.nab_score(servers, graded.alerts, "standard")
            yield Figure("detect", "NAB score, standard, servers only", round(score, 2), f"{len(servers)} of these")
    yield Figure("detect", "event F1", result["event F1"], on, failures)
    yield Figure("detect", "false pages a day", result["false pages a day"], on)
    yield Figure("detect", "rows a second", round(graded.rows / graded.seconds), on)


def of_machines(root: Path) -> Iterator[Figure]:
    """VUS-PR and HitRate by data set."""
    for group, grades in accuracy_multi.grade_all(root).items():
        surface, hit = accuracy_multi.means(grades)
        on = f"{group}, {len(grades)} machines"
        low = [f"{g.name}: {g.vus_pr:.3f}" for g in grades if g.vus_pr < _LOW_SURFACE]
        yield Figure("detect_multi", "VUS-PR", round(surface, 4), on, low)
        if math.isfinite(hit):
            low = [
                f"{g.name}: {statistics.fmean(g.hits):.2f} of the blamed metrics"
                for g in grades
                if g.hits and statistics.fmean(g.hits) < _LOW_HIT_RATE
            ]
            events = sum(len(g.hits) for g in grades)
            yield Figure("detect_multi", "HitRate of the blamed metrics", round(hit, 4), f"{on}, {events} events", low)


def of_causes(root: Path) -> Iterator[Figure]:
    """Top-1, top-3 and specificity on PetShop, with its call graph and without."""
    folder = petshop_folder(root)
    if folder is None:
        return
    for use_graph in (True, False):
        ranks, _ = accuracy_rca.rank_all(folder, use_graph)
        right, total = accuracy_rca.quiet(folder, use_graph)
        on = f"PetShop, {len(ranks)} issues, {'with' if use_graph else 'without'} its call graph"
        wrong = [f"{r.issue} {r.metric}: {r.truth} is number {r.place or 'none'}" for r in ranks if r.place != 1]
        for place in (1, 3):
            share = statistics.fmean(0 < r.place <= place for r in ranks)
            yield Figure("rca", f"top-{place}", round(share, 4), on, wrong if place == 1 else [])
        yield Figure("rca", "specificity", round(right / total, 4), f"{total} windows without an issue")


def of_forecasts(root: Path) -> Iterator[Figure]:
    """A day ahead, on the five-minute service metrics."""
    grades: dict[str, dict[str, list[tuple[float, ...]]]] = {}
    for machine in all_machines(root):
        if machine.group.startswith("js"):
            mine = grades.setdefault(machine.group, {}).setdefault(machine.name, [])
            for column in machine.train.T:
                if column.std() >= 1e-12:
                    each = (accuracy_forecast.grade(column, _DAY_ROWS, _DAY_ROWS, c) for c in accuracy_forecast.CUTS)
                    mine += [g for g in each if g is not None]
    for group, services in grades.items():
        every = [g for mine in services.values() for g in mine]
        if not every:
            continue
        on = f"{group}, {len(services)} services, {len(every)} forecasts"
        worse = [
            f"{name}: {statistics.fmean(g[0] for g in mine):.2f} against {statistics.fmean(g[1] for g in mine):.2f}"
            for name, mine in services.items()
            if mine and statistics.fmean(g[0] for g in mine) > statistics.fmean(g[1] for g in mine)
        ]
        far = [
            f"{name}: {statistics.fmean(g[2] for g in mine):.2f}"
            for name, mine in services.items()
            if mine and not 0.7 <= statistics.fmean(g[2] for g in mine) <= 0.9
        ]
        mase, naive, cover = (round(statistics.fmean(g[k] for g in every), 4) for k in range(3))
        yield Figure("forecast", "MASE", mase, on, worse)
        yield Figure("forecast", "MASE of seasonal naive", naive, on)
        yield Figure("forecast", "80 % interval holds", cover, on, far)


def measure(root: Path) -> Iterator[Figure]:
    """Everything that the folder allows."""
    yield from of_series(all_nab(root), "NAB", with_score=True)
    yield from of_series(all_microsoft(root), "Microsoft", with_score=False)
    yield from of_machines(root)
    yield from of_causes(root)
    yield from of_forecasts(root)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the data sets somewhere below")
    parser.add_argument("--failures", action="store_true", help="name what was missed or wrong")
    parser.add_argument("--json", action="store_true", help="one JSON object for each figure and line")
    args = parser.parse_args(argv)
    methods = set()
    for figure in measure(args.data):
        methods.add(figure.method)
        if args.json:
            sys.stdout.write(json.dumps(asdict(figure)) + "\n")
            continue
        sys.stdout.write(f"{figure.method:<14}{figure.measure:<36}{figure.value:>10g}  {figure.on}\n")
        for failure in figure.failures if args.failures else []:
            sys.stdout.write(f"{'':<14}  {failure}\n")
    for method in ("detect", "detect_multi", "rca", "forecast"):
        if method not in methods:
            sys.stderr.write(f"{method}: no data set for it below {args.data}, left out\n")
    return 0 if methods else 1


if __name__ == "__main__":
    sys.exit(main())
