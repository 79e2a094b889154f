"""Accuracy of `detect_multi` on labelled machines: is the strange time found, and is the right metric blamed?

    python benchmarks/accuracy_multi.py --data DIR [--machines]

VUS-PR is the volume under the range-based precision-recall surface (J. Paparrizos et al., "Volume Under the Surface",
PVLDB 15(11), 2022, sections 3 and 4; doi:10.14778/3551793.3551830), with buffers up to the first period of the
machine's first metric. HitRate is the share of the metrics that experts blame for an event among as many of the
largest contributions to it (Y. Su et al., KDD 2019, section 4.4; doi:10.1145/3292500.3330672).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "shared"))
from accuracy_data import Flags, Float, Machine, all_machines, runs

from openmanager_core.analysis import detect_multi

_LEVELS = 250
_USUAL_PERIOD = 125
_LONGEST_PERIOD = 300


@dataclass(frozen=True, slots=True)
class Grade:
    """One machine: its surface, the hit rate of each of its events, and what it took."""

    group: str
    name: str
    vus_pr: float
    hits: tuple[float, ...]
    rows: int
    seconds: float


def period_of(x: Float) -> int:
    """Lag of the highest peak of the autocorrelation between 3 and 400; 125 where there is none up to 300."""
    x = x[:20_000] - x[:20_000].mean()
    spectrum = np.fft.rfft(x, 2 * len(x))
    shared = np.fft.irfft(spectrum * np.conj(spectrum))[:401]
    if shared[0] <= 0:
        return _USUAL_PERIOD
    near = shared[3:] / shared[0]
    inner = near[1:-1]
    peaks = np.flatnonzero((inner > near[:-2]) & (inner > near[2:])) + 1
    if not len(peaks):
        return _USUAL_PERIOD
    best = int(peaks[np.argmax(near[peaks])])
    return best + 3 if 3 <= best <= _LONGEST_PERIOD else _USUAL_PERIOD


def vus_pr(label: Flags, score: Float, widest: int) -> float:
    """Volume under the precision-recall surface over buffers of 0 to `widest` rows; ``nan`` without an event.

    A buffer gives rows near an event a label that fades with the square root of the distance. Recall counts
    the labels met, against the mean of the event rows and of those plus the buffer rows met, times
    the share of events touched at all.
    """
    events = runs(label)
    if not events:
        return float("nan")
    n = len(label)
    falling = np.sort(score)[::-1]
    levels = falling[np.linspace(0, n - 1, _LEVELS).astype(int)]
    # The first level at which a row is met.
    met_at = np.minimum(np.searchsorted(-levels, -score, side="left"), _LEVELS)

    def met(at: Float, weight: Float | None = None) -> Float:
        return np.cumsum(np.bincount(at, weights=weight, minlength=_LEVELS + 1)[:_LEVELS])

    chosen = np.maximum(met(met_at), 1)
    inside = float(label.sum())
    distance = np.full(n, np.inf)
    rows = np.arange(n)
    for first, last in events:
        near = slice(max(0, first - widest), min(n, last + widest + 1))
        distance[near] = np.minimum(distance[near], np.maximum(np.maximum(first - rows[near], rows[near] - last), 0))
    total = 0.0
    for width in range(widest + 1):
        soft = label.astype(float)
        for first, last in events:
            for a, b in ((max(first - width // 2, 0), first), (last + 1, min(last + width // 2 + 1, n))):
                away = np.abs(rows[a:b] - (first if b <= first else last))
                soft[a:b] += np.sqrt(1.0 - away / max(width, 1))
        soft = np.minimum(soft, 1.0)
        zone = distance <= width // 2
        touched = met(np.array([met_at[a : b + 1].min() for a, b in runs(zone)]))
        found = met(met_at[zone], soft[zone])
        beside = met(met_at[zone], np.where(label[zone], 0.0, soft[zone]))
        recall = np.minimum(found / (inside + beside / 2.0), 1.0) * touched / len(runs(zone))
        total += float(np.diff(recall, prepend=0.0) @ (found / chosen))
    return total / (widest + 1)


def hit_rates(contributions: Float, machine: Machine) -> tuple[float, ...]:
    """Per event, the share of the blamed metrics among as many of the largest mean contributions."""
    out = []
    for first, last, who in machine.blamed:
        if who:
            order = np.argsort(-contributions[first : last + 1].mean(axis=0))
            out.append(len(who & set(order[: len(who)].tolist())) / len(who))
    return tuple(out)


def grade(machine: Machine) -> Grade:
    """Ask once and measure."""
    began = time.perf_counter()
    answer = detect_multi(machine.train, machine.test)
    took = time.perf_counter() - began
    surface = vus_pr(machine.label, np.asarray(answer["scores"]), period_of(machine.test[:, 0]))
    hits = hit_rates(np.asarray(answer["contributions"]), machine)
    return Grade(machine.group, machine.name, surface, hits, len(machine.test), took)


def grade_all(root: Path) -> dict[str, list[Grade]]:
    """Grades of every machine below `root`, by data set."""
    found: dict[str, list[Grade]] = defaultdict(list)
    for machine in all_machines(root):
        found[machine.group].append(grade(machine))
    return dict(found)


def means(grades: list[Grade]) -> tuple[float, float]:
    """Mean VUS-PR over machines and mean HitRate over events; ``nan`` where nothing was to be graded."""
    surfaces = [g.vus_pr for g in grades if np.isfinite(g.vus_pr)]
    hits = [h for g in grades for h in g.hits]
    return (statistics.fmean(surfaces) if surfaces else np.nan, statistics.fmean(hits) if hits else np.nan)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the data sets somewhere below")
    parser.add_argument("--machines", action="store_true", help="print every machine")
    args = parser.parse_args()
    found = grade_all(args.data)
    if not found:
        sys.stderr.write(f"no machine with train, test and labels under {args.data}\n")
        return 1
    sys.stdout.write(f"{'set':<24}{'machines':>9}{'VUS-PR':>9}{'HitRate':>9}{'rows/s':>10}\n")
    for group, grades in found.items():
        for g in grades if args.machines else []:
            hit = statistics.fmean(g.hits) if g.hits else np.nan
            sys.stdout.write(f"  {g.name:<22}{'':>9}{g.vus_pr:>9.3f}{hit:>9.3f}{g.rows / g.seconds:>10.0f}\n")
        surface, hit = means(grades)
        speed = sum(g.rows for g in grades) / sum(g.seconds for g in grades)
        sys.stdout.write(f"{group:<24}{len(grades):>9}{surface:>9.3f}{hit:>9.3f}{speed:>10.0f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
