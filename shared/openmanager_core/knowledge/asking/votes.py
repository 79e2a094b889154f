"""What trained weights say a question asks for, how sure such a vote is, and which words of the question moved it.

``votes.bin`` is written by ``tools/train_asking.py``: a line of JSON (the intents, their biases, the scale of the weights and
the two numbers of `confidence`), the CRC-32 of each trait as little-endian 32-bit numbers in rising order, a byte for each
trait that tells how rare it is, then one signed byte for each trait and intent.
"""

from __future__ import annotations

import json
import math
import sys
import zlib
from array import array
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from openmanager_core.knowledge.asking.traits import WEIGHTS, Traits


@dataclass(frozen=True, slots=True)
class Votes:
    """A vote for each intent, about 1 for what is meant and 0 for the rest; `moved` tells why, by trait kind and name."""

    scores: dict[str, float]
    moved: tuple[tuple[str, str, tuple[float, ...]], ...]
    """Trait kind, trait, and what it added to each intent, in the order of `scores`."""


@dataclass(frozen=True, slots=True)
class _Trained:
    intents: tuple[str, ...]
    biases: tuple[float, ...]
    scale: float
    sure: tuple[float, float]
    keys: array[int]
    rarities: bytes
    weights: array[int]


def key(kind: str, trait: str) -> int:
    """The number a trait is kept under."""
    return zlib.crc32(f"{kind}:{trait}".encode())


def votes(of: Traits) -> Votes:
    """Add up the weights of the traits that training knew."""
    trained = _trained()
    scores = list(trained.biases)
    moved = []
    many = len(trained.intents)
    for kind, names in of.kinds.items():
        known = [(name, at) for name in names if (at := _place(trained.keys, key(kind, name))) >= 0]
        length = math.sqrt(sum(trained.rarities[at] ** 2 for _, at in known))
        for name, at in known:
            each = WEIGHTS[kind] * trained.scale * trained.rarities[at] / length
            added = tuple(w * each for w in trained.weights[at * many : (at + 1) * many])
            moved.append((kind, name, added))
            for i, value in enumerate(added):
                scores[i] += value
    return Votes(dict(zip(trained.intents, scores, strict=True)), tuple(moved))


def _place(keys: array[int], wanted: int) -> int:
    at = bisect_left(keys, wanted)
    return at if at < len(keys) and keys[at] == wanted else -1


def confidence(lead: float) -> float:
    """The share of questions with such a lead that were read right when left out of training, from 0 to 1."""
    slope, offset = _trained().sure
    return 1 / (1 + math.exp(-(slope * lead + offset)))


def because(of: Traits, made: Votes, best: str, second: str, most: int = 3) -> tuple[str, ...]:
    """The words of the question that spoke most for `best` and not for `second`, the strongest first.

    A trait that is a pair counts for both of its ideas; one that was named and not said begins with ``+``.
    """
    order = list(made.scores)
    mine, theirs = order.index(best), order.index(second)
    spoke: dict[str, float] = {}
    for kind, name, added in made.moved:
        if kind in ("idea", "pair", "order"):
            parts = [of.said.get(part, "") or part for part in name.replace(">", "|").split("|")]
        elif kind == "word":
            parts = [" ".join(of.stems.get(stem, stem) for stem in name.lstrip("^").split())]
        else:
            continue
        for part in parts:
            spoke[part] = spoke.get(part, 0.0) + (added[mine] - added[theirs]) / len(parts)
    out: list[str] = []
    for said, by in sorted(spoke.items(), key=lambda row: -row[1]):
        # "in danger" says all that "danger" does; signs stand for what was named, and the flag says that
        if by > 0 and said != "+away" and not set(said) & set("?!¤@") and not any(said in o or o in said for o in out):
            out.append(said)
    return tuple(out[:most])


@lru_cache(maxsize=1)
def _trained() -> _Trained:
    raw = (resources.files("openmanager_core.knowledge.asking") / "votes.bin").read_bytes()
    head, _, body = raw.partition(b"\n")
    told = json.loads(head)
    keys = array("I")
    keys.frombytes(body[: told["traits"] * 4])
    if sys.byteorder == "big":
        keys.byteswap()
    weights = array("b")
    weights.frombytes(body[told["traits"] * 5 :])
    slope, offset = told["sure"]
    return _Trained(
        tuple(told["intents"]),
        tuple(told["biases"]),
        told["scale"],
        (slope, offset),
        keys,
        body[told["traits"] * 4 : told["traits"] * 5],
        weights,
    )
