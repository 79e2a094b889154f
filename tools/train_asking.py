"""Trains the votes of questions in words from the development questions, and says how they do on those left out.

python tools/train_asking.py            # writes shared/openmanager_core/knowledge/asking/votes.bin
python tools/train_asking.py --errors   # and shows the questions that are read wrong when left out

Ridge regression onto one column for each intent, solved in its dual form. The figures come from models without the
question, and without the whole batch it is of (both in closed form): only the second tells how a stranger's wordings
will do. Nothing here looks at a question that is kept aside.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shared"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import accuracy_ask

from openmanager_core.knowledge.asking import INTENTS
from openmanager_core.knowledge.asking.intents import Judged, judge
from openmanager_core.knowledge.asking.plan import Reading, reading
from openmanager_core.knowledge.asking.traits import WEIGHTS, Traits
from openmanager_core.knowledge.asking.votes import Votes, key

FILE = Path(__file__).resolve().parents[1] / "shared/openmanager_core/knowledge/asking/votes.bin"
RIDGE = 1.5
"""Chosen by leaving blocks out, among 0.6, 1 and 1.5, which differ by less than 0.001."""
RARITY = 30.0
"""Steps of rarity for each factor of e in how few questions have a trait."""
LARGE = 500
_BATCH = {"en": "first", "ko": "first"}
"""Batches that say the same in two languages."""
BIAS = 0.3
SEEN_IN_AT_LEAST = 2
"""Questions: what only one question has would be learnt by heart."""
MOST_TRAITS = 17_300
"""The strongest are kept: 23 bytes each, and the file stays below 400,000."""


def matrix(asked: list[Traits], columns: list[tuple[str, str]]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """A row for each question, a column for each trait, and how rare each trait is (1 to 255)."""
    at = {trait: i for i, trait in enumerate(columns)}
    held = np.zeros(len(columns))
    for of in asked:
        for kind, names in of.kinds.items():
            held[[at[kind, name] for name in names if (kind, name) in at]] += 1
    rarity = np.clip(np.rint(RARITY * np.log1p(len(asked) / held)), 1, 255).astype(np.uint8)
    rows = np.zeros((len(asked), len(columns)), dtype=np.float32)
    for row, of in zip(rows, asked, strict=True):
        for kind, names in of.kinds.items():
            own = [at[kind, name] for name in names if (kind, name) in at]
            if own:
                rare = rarity[own].astype(np.float32)
                row[own] = WEIGHTS[kind] * rare / np.sqrt((rare**2).sum())
    return rows, rarity


def known(asked: list[Traits]) -> list[tuple[str, str]]:
    """The traits that several questions have, in the order of the file."""
    held = Counter((kind, name) for of in asked for kind, names in of.kinds.items() for name in names)
    return sorted((trait for trait, n in held.items() if n >= SEEN_IN_AT_LEAST), key=lambda trait: key(*trait))


def solved(
    rows: NDArray[np.float32], wanted: NDArray[np.int_], blocks: NDArray[np.int_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The dual weights of each question, and its votes by the models without it alone and without its whole block."""
    goal = np.full((len(rows), len(INTENTS)), -1 / (len(INTENTS) - 1))
    goal[np.arange(len(rows)), wanted] = 1
    inverse = np.linalg.inv((rows @ rows.T).astype(float) + BIAS + RIDGE * np.eye(len(rows)))
    dual = inverse @ goal
    without = np.zeros_like(goal)
    for block in np.unique(blocks):
        of = np.flatnonzero(blocks == block)
        without[of] = goal[of] - np.linalg.solve(inverse[np.ix_(of, of)], dual[of])
    return dual, goal - dual / np.diag(inverse)[:, None], without


def blocks_of(asked: list[accuracy_ask.Question]) -> NDArray[np.int_]:
    """Which questions are left out together: a batch, or a sixth of a large one with what it says in both languages."""
    places: dict[tuple[str, str, str], int] = {}
    of = [_BATCH.get(q.batch, q.batch) for q in asked]
    size, cells = Counter(of), Counter((b, q.intent, q.language) for b, q in zip(of, asked, strict=True))
    names = []
    for batch, q in zip(of, asked, strict=True):
        cell = (batch, q.intent, q.language)
        place = places[cell] = places.get(cell, -1) + 1
        names.append(f"{batch} {place * 6 // cells[cell]}" if size[batch] > LARGE else batch)
    return np.unique(names, return_inverse=True)[1]


def calibrated(lead: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset of the logistic curve through how often a lead was right, by Newton's method."""
    design = np.column_stack([lead, np.ones_like(lead)])
    beta = np.zeros(2)
    for _ in range(25):
        p = 1 / (1 + np.exp(-design @ beta))
        curvature = (design * (p * (1 - p))[:, None]).T @ design + 1e-6 * np.eye(2)
        beta += np.linalg.solve(curvature, design.T @ (right - p))
    return round(float(beta[0]), 4), round(float(beta[1]), 4)


def packed(
    columns: list[tuple[str, str]],
    rarity: NDArray[np.uint8],
    weights: NDArray[np.float64],
    biases: NDArray[np.float64],
    sure: tuple[float, float],
) -> bytes:
    """The file: a head of JSON, the traits' numbers, how rare they are, and their weights in one byte each."""
    scale = float(np.abs(weights).max()) / 127
    head = {
        "intents": list(INTENTS),
        "biases": [round(float(b), 6) for b in biases],
        "scale": round(scale, 8),
        "sure": sure,
        "traits": len(columns),
    }
    keys = np.array([key(*trait) for trait in columns], dtype="<u4")
    small = np.rint(weights / scale).astype(np.int8)
    return json.dumps(head).encode() + b"\n" + keys.tobytes() + rarity.tobytes() + small.tobytes()


def judgements(readings: list[Reading], cast: NDArray[np.float64]) -> list[Judged]:
    """What votes and rules say together."""
    return [
        judge(r.spelt, r.seen, Votes(dict(zip(INTENTS, map(float, votes), strict=True)), ()))
        for r, votes in zip(readings, cast, strict=True)
    ]


def main() -> int:
    """Train, print the figures of questions left out, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--errors", action="store_true", help="show the questions that are read wrong when left out")
    args = parser.parse_args()
    asked = [q for q in accuracy_ask.questions() if not q.kept_aside]
    fleet = accuracy_ask.fleet()
    readings = [reading(q.text, fleet, accuracy_ask.NOW_S) for q in asked]
    wanted = np.array([INTENTS.index(q.intent) for q in asked])
    taken = [r.traits for r in readings]
    blocks = blocks_of(asked)
    columns = known(taken)
    rows, rarity = matrix(taken, columns)
    dual = solved(rows, wanted, blocks)[0]
    if len(columns) > MOST_TRAITS:  # the strongest are kept, and trained again without the rest
        strength = np.abs(rows.T @ dual).max(axis=1) * [WEIGHTS[kind] for kind, _ in columns] * rarity
        columns = [columns[i] for i in np.sort(np.argsort(-strength)[:MOST_TRAITS])]
        rows, rarity = matrix(taken, columns)
    dual, one_out, block_out = solved(rows, wanted, blocks)
    judged = judgements(readings, block_out)
    right = np.array([j.best == q.intent for j, q in zip(judged, asked, strict=True)])
    alone = block_out.argmax(axis=1) == wanted
    single = np.array([j.best == q.intent for j, q in zip(judgements(readings, one_out), asked, strict=True)])
    for name in ("", *accuracy_ask.BATCHES):
        for language in ("en", "ko", "") if not name else ("",):
            part = np.array([q.batch.startswith(name) and q.language.startswith(language) for q in asked])
            if part.any():
                sys.stdout.write(
                    f"{name or 'all':10s} {language or 'both':4s} n={part.sum():4d} blocks left out "
                    f"{right[part].mean():.3f} (votes alone {alone[part].mean():.3f}), one left out "
                    f"{single[part].mean():.3f}\n"
                )
    if args.errors:
        for q, j in zip(asked, judged, strict=True):
            if j.best != q.intent:
                sys.stdout.write(f"  {q.intent:11s} read as {j.best:11s} lead {j.margin:.2f} | {q.text}\n")
    sure = calibrated(np.array([j.margin for j in judged]), right)
    made = packed(columns, rarity, rows.T @ dual, BIAS * dual.sum(axis=0), sure)
    sys.stdout.write(f"{len(columns)} traits of {len(asked)} questions, {len(made):,} bytes\n")
    FILE.write_bytes(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
