"""Accuracy of `detect` on labelled series: the Numenta Anomaly Benchmark or Microsoft's cloud-monitoring-dataset.

    python benchmarks/accuracy_detect.py --nab path/to/NAB [--files some/list.txt] [--json]
    python benchmarks/accuracy_detect.py --microsoft path/to/cloud-monitoring-dataset [--json]

The folders are those of the public repositories. Nothing is tuned here: alerts are taken as shipped. The NAB score
follows A. Lavin and S. Ahmad, "Evaluating real-time anomaly detection algorithms - the Numenta Anomaly Benchmark",
2015, arXiv:1510.03336, section II; events are counted as described at `count_events`. Quality is printed; that
answers are causal is asserted.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "shared"))
from accuracy_data import Labelled, all_microsoft, read_nab

from openmanager_core.analysis import detect

PROFILES = {"standard": (1.0, 0.11, 1.0), "low FP": (1.0, 0.22, 1.0), "low FN": (1.0, 0.11, 2.0)}
"""Weights of a window found, a false alert and a window missed."""

_FAR = 3.0


@dataclass(frozen=True, slots=True)
class Graded:
    """What `detect` did with a corpus: alerts and (found, missed, false pages) by series, and how long it took."""

    alerts: dict[str, list[int]]
    counts: dict[str, tuple[int, int, int]]
    seconds: float
    rows: int


def _sigmoid(x: float) -> float:
    return 2.0 / (1.0 + math.exp(5.0 * x)) - 1.0


def raw_score(series: Labelled, alerts: Iterable[int], weights: tuple[float, float, float]) -> float:
    """NAB's score of one file: each window earns for its earliest alert, each alert outside costs.

    An alert inside a window is worth more the earlier it comes; one outside costs less close behind a window.
    """
    found_weight, false_weight, missed_weight = weights
    counted = sorted(row for row in set(alerts) if row >= series.probation)
    best: dict[int, float] = {}
    score = 0.0
    for row in counted:
        inside = next((k for k, (a, b) in enumerate(series.windows) if a <= row <= b), None)
        if inside is not None:
            a, b = series.windows[inside]
            worth = _sigmoid(-(b - row + 1) / (b - a + 1)) / _sigmoid(-1.0)
            best[inside] = max(best.get(inside, -math.inf), worth * found_weight)
            continue
        behind = [(a, b) for a, b in series.windows if b < row]
        worth = -1.0
        if behind:
            a, b = behind[-1]
            away = (row - b) / max(b - a, 1)
            worth = -1.0 if away > _FAR else _sigmoid(away)
        score += worth * false_weight
    scored = [k for k, (_, b) in enumerate(series.windows) if b >= series.probation]
    return score + sum(best.get(k, -missed_weight) for k in scored)


def nab_score(corpus: Sequence[Labelled], alerts: dict[str, list[int]], profile: str) -> float:
    """0 is a silent detector, 100 one that finds every window at its first row without a false alert."""
    weights = PROFILES[profile]
    total = sum(raw_score(series, alerts[series.name], weights) for series in corpus)
    count = sum(len(series.windows) for series in corpus)
    if count == 0:
        return math.nan
    silent = -weights[2] * count
    return 100.0 * (total - silent) / (weights[0] * count - silent)


def count_events(series: Labelled, alerts: Iterable[int]) -> tuple[int, int, int]:
    """Windows found, windows missed, false pages.

    A window is found by any alert in it. Alerts outside make a page, and one more each time a hundredth of the file
    (at least ten rows) has passed since the last one counted. Rows in probation do not count.
    """
    counted = sorted(row for row in set(alerts) if row >= series.probation)
    scored = [w for w in series.windows if w[1] >= series.probation]
    found = sum(any(a <= row <= b for row in counted) for a, b in scored)
    pages, last, apart = 0, -math.inf, max(10, len(series.values) // 100)
    for row in counted:
        if not any(a <= row <= b for a, b in series.windows) and row - last >= apart:
            pages, last = pages + 1, row
    return found, len(scored) - found, pages


def assert_causal(series: Labelled, scores: Sequence[float], alerts: Sequence[int]) -> None:
    """The rows after a cut must not matter."""
    for cut in (len(scores) // 3, len(scores) // 2, len(scores) - 1):
        part = detect(series.times_s[:cut], series.values[:cut])
        if part["scores"] != list(scores[:cut]) or part["alerts"] != [row for row in alerts if row < cut]:
            raise AssertionError(f"{series.name}: the answer for the first {cut} rows depends on later ones")


def grade(corpus: Sequence[Labelled]) -> Graded:
    """Ask for every series once; every eighth one is asked again, cut short, to see that nothing looks ahead."""
    alerts: dict[str, list[int]] = {}
    counts: dict[str, tuple[int, int, int]] = {}
    took = 0.0
    for i, series in enumerate(corpus):
        began = time.perf_counter()
        answer = detect(series.times_s, series.values)
        took += time.perf_counter() - began
        alerts[series.name] = answer["alerts"]
        counts[series.name] = count_events(series, answer["alerts"])
        if i % 8 == 0:
            assert_causal(series, answer["scores"], answer["alerts"])
    return Graded(alerts, counts, took, sum(len(s.values) for s in corpus))


def summary(corpus: Sequence[Labelled], graded: Graded) -> dict[str, float]:
    """The corpus in a few numbers."""
    found, missed, false = (sum(c[k] for c in graded.counts.values()) for k in range(3))
    days = sum(s.times_s[-1] - s.times_s[0] for s in corpus) / 86_400.0
    return {profile: round(nab_score(corpus, graded.alerts, profile), 2) for profile in PROFILES} | {
        "windows": found + missed,
        "found": found,
        "false pages": false,
        "event F1": round(2 * found / max(2 * found + missed + false, 1), 4),
        "false pages a day": round(false / days, 4),
        "files": len(corpus),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Grade every file and print the table."""
    parser = argparse.ArgumentParser(description="Accuracy of detect on labelled series.")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--nab", type=Path, help="folder of the public repository")
    which.add_argument("--microsoft", type=Path, help="folder of the public repository")
    parser.add_argument("--files", type=Path, help="with --nab: grade only the files this text names, one a line")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    args = parser.parse_args(argv)
    names = args.files.read_text(encoding="utf-8").split() if args.files else None
    corpus = read_nab(args.nab, names) if args.nab else all_microsoft(args.microsoft)
    if not corpus:
        sys.stderr.write(f"no labelled series under {args.nab or args.microsoft}\n")
        return 1
    graded = grade(corpus)
    result = summary(corpus, graded)
    if args.json:
        sys.stdout.write(json.dumps(result) + "\n")
        return 0
    sys.stdout.write(f"{'file':<58}{'found':>8}{'missed':>8}{'false':>8}\n")
    for name, (hit, miss, page) in graded.counts.items():
        sys.stdout.write(f"{name:<58}{hit:>8}{miss:>8}{page:>8}\n")
    for key, value in result.items():
        sys.stdout.write(f"{key:<58}{value:>8}\n")
    sys.stdout.write(f"{'rows a second':<58}{graded.rows / graded.seconds:>8.0f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
