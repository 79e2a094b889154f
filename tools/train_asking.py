"""Trains the votes of questions in words from the development questions, and says how they do on those left out.

python tools/train_asking.py            # writes shared/openmanager_core/knowledge/asking/votes.bin
python tools/train_asking.py --errors   # and shows the questions that are read wrong when left out

Ridge regression onto one column for each intent, solved in its dual form. Each question's own figure comes from the
model without it (the closed form of leaving one out), so nothing here looks at a question that is kept aside.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shared"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import accuracy_ask

from openmanager_core.knowledge.asking import INTENTS
from openmanager_core.knowledge.asking.intents import judge
from openmanager_core.knowledge.asking.plan import reading
from openmanager_core.knowledge.asking.traits import WEIGHTS, Traits
from openmanager_core.knowledge.asking.votes import Votes, key

FILE = Path(__file__).resolve().parents[1] / "shared/openmanager_core/knowledge/asking/votes.bin"
RIDGE = 1.0
"""Chosen by leaving one out, among 0.5, 1 and 2, which differ by less than 0.003."""
BIAS = 0.3
BATCHES = ("fresh", "apart", "registers", "more", "hard")
"""Left out as a whole too: whoever asks tomorrow is in no batch."""
SEEN_IN_AT_LEAST = 2
"""Questions: what only one question has would be learnt by heart."""


def matrix(asked: list[Traits]) -> tuple[NDArray[np.float64], list[tuple[str, str]]]:
    """A row for each question, a column for each trait that several have."""
    held = Counter((kind, name) for of in asked for kind, names in of.kinds.items() for name in names)
    columns = sorted((trait for trait, n in held.items() if n >= SEEN_IN_AT_LEAST), key=lambda trait: key(*trait))
    at = {trait: i for i, trait in enumerate(columns)}
    rows = np.zeros((len(asked), len(columns)))
    for row, of in zip(rows, asked, strict=True):
        for kind, names in of.kinds.items():
            for name in names:
                if (kind, name) in at:
                    row[at[kind, name]] = WEIGHTS[kind] / math.sqrt(len(names))
    return rows, columns


def solved(rows: NDArray[np.float64], wanted: NDArray[np.int_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The dual weights of each question, and the votes for each question by the model without it."""
    goal = np.full((len(rows), len(INTENTS)), -1 / (len(INTENTS) - 1))
    goal[np.arange(len(rows)), wanted] = 1
    inverse = np.linalg.inv(rows @ rows.T + BIAS + RIDGE * np.eye(len(rows)))
    dual = inverse @ goal
    return dual, goal - dual / np.diag(inverse)[:, None]


def votes_without(rows: NDArray[np.float64], wanted: NDArray[np.int_], out: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The votes for some questions by a model that was trained on the others."""
    dual, _ = solved(rows[~out], wanted[~out])
    return (rows[out] @ rows[~out].T + BIAS) @ dual


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
    rows: NDArray[np.float64], columns: list[tuple[str, str]], dual: NDArray[np.float64], sure: tuple[float, float]
) -> bytes:
    """The file: a head of JSON, the traits' numbers, and their weights in one byte each."""
    weights = rows.T @ dual
    scale = float(np.abs(weights).max()) / 127
    small = np.rint(weights / scale).astype(np.int8)
    kept = np.flatnonzero(np.any(small != 0, axis=1))
    head = {
        "intents": list(INTENTS),
        "biases": [round(float(b), 6) for b in BIAS * dual.sum(axis=0)],
        "scale": round(scale, 8),
        "sure": sure,
        "traits": len(kept),
    }
    keys = np.array([key(*columns[i]) for i in kept], dtype="<u4")
    return json.dumps(head).encode() + b"\n" + keys.tobytes() + small[kept].tobytes()


def main() -> int:
    """Train, print the figures of questions left out, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--errors", action="store_true", help="show the questions that are read wrong when left out")
    args = parser.parse_args()
    asked = [q for q in accuracy_ask.questions() if not q.kept_aside]
    fleet = accuracy_ask.fleet()
    readings = [reading(q.text, fleet, accuracy_ask.NOW_S) for q in asked]
    wanted = np.array([INTENTS.index(q.intent) for q in asked])
    rows, columns = matrix([r.traits for r in readings])
    dual, left_out = solved(rows, wanted)
    judged = [
        judge(r.spelt, r.seen, Votes(dict(zip(INTENTS, map(float, votes), strict=True)), ()))
        for r, votes in zip(readings, left_out, strict=True)
    ]
    right = np.array([j.best == q.intent for j, q in zip(judged, asked, strict=True)])
    alone = left_out.argmax(axis=1) == wanted
    for name in ("", *accuracy_ask.BATCHES):
        for language in ("en", "ko", "") if not name else ("",):
            part = np.array([q.batch.startswith(name) and q.language.startswith(language) for q in asked])
            if part.any():
                sys.stdout.write(
                    f"left out {name or 'all':10s} {language or 'both':4s} n={part.sum():4d} "
                    f"with the rules {right[part].mean():.3f} votes alone {alone[part].mean():.3f}\n"
                )
    if args.errors:
        for q, j in zip(asked, judged, strict=True):
            if j.best != q.intent:
                sys.stdout.write(f"  {q.intent:11s} read as {j.best:11s} lead {j.margin:.2f} | {q.text}\n")
    for batch in BATCHES:
        out = np.array([q.batch == batch for q in asked])
        guessed = votes_without(rows, wanted, out)
        best = [
            judge(r.spelt, r.seen, Votes(dict(zip(INTENTS, map(float, votes), strict=True)), ())).best
            for r, votes in zip([r for r, o in zip(readings, out, strict=True) if o], guessed, strict=True)
        ]
        part = [q for q in asked if q.batch == batch]
        right_there = np.array([b == q.intent for b, q in zip(best, part, strict=True)])
        sys.stdout.write(
            f"whole batch left out {batch:10s} n={len(part):4d} with the rules {right_there.mean():.3f} "
            f"votes alone {(guessed.argmax(axis=1) == wanted[out]).mean():.3f}\n"
        )
        if args.errors:
            for q, b in zip(part, best, strict=True):
                if b != q.intent:
                    sys.stdout.write(f"  {batch} {q.intent:11s} read as {b:11s} | {q.text}\n")
    made = packed(rows, columns, dual, calibrated(np.array([j.margin for j in judged]), right))
    sys.stdout.write(f"{len(columns)} traits of {len(asked)} questions, {len(made):,} bytes\n")
    FILE.write_bytes(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
