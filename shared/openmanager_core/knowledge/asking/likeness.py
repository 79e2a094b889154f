"""How like a question is to questions whose meaning is known: shared runs of letters, weighed by how rare they are.

Cues know words; this knows ways of putting things, and helps where no cue speaks.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import pairwise

from openmanager_core.knowledge.asking.hangul import folded
from openmanager_core.knowledge.asking.measures import measures
from openmanager_core.knowledge.asking.times import times

_NAME = re.compile(r"\b[a-z]+(?:-[a-z0-9]+)*-?\d{1,4}\b|\b(?:web|api|database|cache|queue)(?:-[a-z0-9]+)+\b")
_SPACED = re.compile(r"(?<=[a-z0-9%])(?=[가-힣])|(?<=[가-힣])(?=[a-z0-9])")
_SHORTEST, _LONGEST = 2, 5
_NOW_S = 1_790_000_000.0
_NEAREST = 3


@dataclass(frozen=True, slots=True)
class _Example:
    intent: str
    text: str
    grams: dict[str, float]


def alike(question: str, *, without: str = "") -> dict[str, float]:
    """Intent to likeness from 0 to 1, of those that come nearest; `without` leaves one example out, to measure."""
    examples, rarity = _examples()
    grams = _weighed(_grams(_plain(question)), rarity)
    if not grams:
        return {}
    near: dict[str, list[float]] = {}
    for example in examples:
        if example.text == without:
            continue
        small, large = (grams, example.grams) if len(grams) < len(example.grams) else (example.grams, grams)
        shared = sum(w * large[g] for g, w in small.items() if g in large)
        if shared > 0.08:
            near.setdefault(example.intent, []).append(shared)
    out = {}
    for intent, found in near.items():
        found.sort(reverse=True)
        # several like it are worth more than one
        out[intent] = min(1.0, found[0] + 0.25 * sum(found[1:_NEAREST]))
    return out


@lru_cache(maxsize=1)
def _examples() -> tuple[tuple[_Example, ...], dict[str, float]]:
    file = resources.files("openmanager_core.knowledge.asking") / "examples.tsv"
    rows = [line.split("\t", 1) for line in file.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    counted = [(intent, text, _grams(_plain(text))) for intent, text in rows]
    held = Counter(g for _, _, grams in counted for g in grams)
    rarity = {g: math.log(1 + len(counted) / n) for g, n in held.items()}
    return tuple(_Example(i, t, _weighed(g, rarity)) for i, t, g in counted), rarity


def _plain(text: str) -> str:
    """Names, metrics and times are each one sign: the way of asking is what counts."""
    plain = _SPACED.sub(" ", _NAME.sub("§", folded(text)))
    timed = times(plain, _NOW_S).text
    letters = list(timed)
    for start, end in measures(timed).spans:
        letters[start:end] = ["¤", *[""] * (end - start - 1)]
    return " ".join("".join(letters).split())


def _grams(text: str) -> Counter[str]:
    """Runs of letters within words, Hangul taken apart, and pairs of words."""
    out: Counter[str] = Counter()
    words = re.findall(r"[\w§¤@']+", text)
    for word in words:
        padded = f" {unicodedata.normalize('NFD', word)} "
        for size in range(_SHORTEST, _LONGEST + 1):
            for at in range(len(padded) - size + 1):
                out[padded[at : at + size]] += 1
    for first, second in pairwise(words):
        out[f"{first}_{second}"] += 2
    return out


def _weighed(grams: Counter[str], rarity: dict[str, float]) -> dict[str, float]:
    weighed = {g: (1 + math.log(n)) * rarity[g] for g, n in grams.items() if g in rarity}
    length = math.sqrt(sum(w * w for w in weighed.values()))
    unseen = sum(1 for g in grams if g not in rarity)
    # what no example holds counts against all of them
    length = math.sqrt(length * length + 4.0 * unseen)
    return {g: w / length for g, w in weighed.items()} if length else {}
