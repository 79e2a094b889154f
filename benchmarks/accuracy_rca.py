"""Root-cause accuracy on the PetShop data set (Hardt et al. 2024, CC BY 4.0), without pandas.

    python benchmarks/accuracy_rca.py DATASET_DIR [--no-graph] [--floor 0.83] [--issues]

DATASET_DIR is the folder with low_traffic, high_traffic and so on. Each issue's rows come after the normal ones
in time, spacing kept, because the recording dates differ. A scenario without normal data is left out and named.
Prints top-1, top-3, top-5, mean reciprocal rank, and the share of issue-free windows in which nothing is named.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "shared"))
from openmanager_core.analysis.causes import rca

SCENARIOS = ("low_traffic", "high_traffic", "temporal_traffic1", "temporal_traffic2")
FIRST = 5
Long = dict[str, Any]


class Wide:
    """A table with three header rows (node, metric, statistic) and one row per instant."""

    def __init__(self, path: Path) -> None:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        self.keys = list(zip(rows[0][1:], rows[1][1:], rows[2][1:], strict=True))
        body = [r for r in rows[3:] if len(r) > 1 and r[0] and r[0][0].isdigit()]
        self.times_s = np.array([float(r[0]) for r in body])
        self.values = np.array([[float(c) if c else np.nan for c in r[1:]] for r in body])

    def long(self, first: int, last: int, shift_s: float = 0.0) -> Long:
        """Rows `first` to `last` as five columns, gaps left out."""
        values = self.values[first:last]
        there = ~np.isnan(values)
        at, key = np.nonzero(there)
        columns = [np.array([k[j] for k in self.keys])[key] for j in range(3)]
        stamps = (self.times_s[first:last] + shift_s)[at]
        return dict(
            zip(("timestamp", "node", "metric", "stat", "value"), (stamps, *columns, values[there]), strict=True)
        )


def read_edges(path: Path) -> list[list[str]]:
    """Caller and callee of every 1 of the adjacency matrix."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    names = rows[0][1:]
    return [[r[0], names[j]] for r in rows[1:] for j, cell in enumerate(r[1:]) if cell and float(cell)]


def question(
    normal: Wide, upto: int, issue: Wide, span: tuple[int, int], target: dict[str, Any], edges: list[list[str]] | None
) -> tuple[Long, dict[str, Any]]:
    """The frame and the request of one case: normal rows before `upto`, then the issue's rows."""
    step_s = float(np.median(np.diff(normal.times_s[:upto])))
    end_s = float(normal.times_s[upto - 1])
    times_s = issue.times_s[span[0] : span[1]]
    shift_s = end_s + step_s - float(times_s.min())
    before, after = normal.long(0, upto), issue.long(*span, shift_s)
    frame = {c: np.concatenate([before[c], after[c]]) for c in before}
    trigger_s = float(target.get("timestamp", times_s[2])) + shift_s
    return frame, {
        "target": {"node": target["node"], "metric": target["metric"], "stat": target["agg"]},
        "normal": [float(normal.times_s[0]), end_s],
        "anomalous": [float(times_s.min()) + shift_s, float(times_s.max()) + shift_s],
        "trigger": trigger_s,
        "edges": edges,
        "top": FIRST,
    }


def cases(root: Path, use_graph: bool) -> Iterator[tuple[str, str, str, Long, dict[str, Any]]]:
    """Issue, metric, true node, frame and request of every issue with normal data."""
    for scenario in SCENARIOS:
        base = root / scenario
        if not (base / "noissue" / "metrics.csv").exists():
            sys.stderr.write(f"{scenario}: no normal data here, left out\n")
            continue
        normal = Wide(base / "noissue" / "metrics.csv")
        edges = read_edges(base / "graph.csv") if use_graph else None
        for folder in sorted(base.glob("t*/issue_*"), key=lambda p: (p.parent.name, int(p.name[6:]))):
            about = json.loads((folder / "target.json").read_text(encoding="utf-8"))
            issue = Wide(folder / "metrics.csv")
            span = (0, len(issue.times_s))
            frame, asked = question(normal, len(normal.times_s), issue, span, about["target"], edges)
            name = f"{scenario}/{folder.parent.name}/{folder.name}"
            yield name, about["target"]["metric"], about["root_cause"]["node"], frame, asked


def quiet(root: Path, use_graph: bool) -> tuple[int, int]:
    """Of issue-free windows (five rows each, over the second half of the normal data), how many name nothing."""
    right = total = 0
    for scenario in SCENARIOS:
        path = root / scenario / "noissue" / "metrics.csv"
        if not path.exists():
            continue
        normal = Wide(path)
        edges = read_edges(root / scenario / "graph.csv") if use_graph else None
        n = len(normal.times_s)
        for metric in ("latency", "availability"):
            target = {"node": "PetSite", "metric": metric, "agg": "Average"}
            for first in range(n // 2, n - 5, max(1, n // 10)):
                frame, asked = question(normal, first, normal, (first, first + 5), target, edges)
                right += not rca(frame, asked)["ranking"]
                total += 1
    return right, total


@dataclass(frozen=True, slots=True)
class Rank:
    """Where the true node of one issue was named (0: nowhere), and how many nodes were."""

    issue: str
    metric: str
    truth: str
    place: int
    named: int

    @property
    def scenario(self) -> str:
        """Such as low_traffic."""
        return self.issue.split("/")[0]


def rank_all(root: Path, use_graph: bool) -> tuple[list[Rank], list[float]]:
    """The place of the truth in every issue, and the seconds that each answer took."""
    ranks, took = [], []
    for name, metric, truth, frame, asked in cases(root, use_graph):
        began = time.perf_counter()
        nodes = [r["node"] for r in rca(frame, asked)["ranking"]]
        took.append(time.perf_counter() - began)
        ranks.append(Rank(name, metric, truth, nodes.index(truth) + 1 if truth in nodes else 0, len(nodes)))
    return ranks, took


def main() -> int:
    """Print the figures; with `--floor`, fail if top-1 is below it or specificity below 0.9."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--no-graph", action="store_true", help="withhold the call graph")
    parser.add_argument("--issues", action="store_true", help="print every issue")
    parser.add_argument("--floor", type=float, default=0.0, help="least top-1 share")
    args = parser.parse_args()
    ranks, seconds = rank_all(args.dataset, not args.no_graph)
    for rank in ranks if args.issues else []:
        sys.stdout.write(f"{rank.issue} {rank.metric}: {rank.truth} is number {rank.place or 'none'} of {rank.named}\n")
    if not ranks:
        sys.stdout.write(f"no issue found below {args.dataset}\n")
        return 2
    groups = sorted({(r.scenario, r.metric) for r in ranks})
    sys.stdout.write("group                          issues  top-1  top-3  top-5    MRR\n")
    for group in [*groups, None]:
        mine = [r.place for r in ranks if group is None or (r.scenario, r.metric) == group]
        shares = [statistics.fmean(0 < k <= n for k in mine) for n in (1, 3, 5)]
        mrr = statistics.fmean(1 / k if k else 0.0 for k in mine)
        name = " ".join(group) if group else "all"
        sys.stdout.write(f"{name:30} {len(mine):6}  {shares[0]:.3f}  {shares[1]:.3f}  {shares[2]:.3f}  {mrr:.3f}\n")
    right, total = quiet(args.dataset, not args.no_graph)
    sys.stdout.write(f"nothing named in {right} of {total} issue-free windows: specificity {right / total:.3f}\n")
    sys.stdout.write(f"median time per issue {statistics.median(seconds) * 1e3:.0f} ms\n")
    if args.floor and (shares[0] < args.floor or right / total < 0.9):
        sys.stdout.write(f"below the floor: top-1 {args.floor}, specificity 0.9\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
