"""What a question consists of, as the trained votes see it: ideas and pairs of them, words, runs of syllables, what was named."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, pairwise

from openmanager_core.knowledge.asking.ideas import ideas

WEIGHTS = {"idea": 1.5, "pair": 1.8, "order": 0.5, "word": 1.5, "syllables": 1.0, "length": 0.3}
"""How much each kind of trait counts; rare ones more, and each kind has the length 1 before it is weighed."""
_ENDINGS = ("ing", "ies", "ed", "es", "ly", "s")
_SYLLABLES = 3
_WORD = re.compile(r"[\w¤@']+|[?!]")
_HANGUL = re.compile(r"[가-힣]")


@dataclass(frozen=True, slots=True)
class Traits:
    """The traits by their kind, each once and in order; by which words each idea was said (empty: by a name), and each stem."""

    kinds: dict[str, tuple[str, ...]]
    said: dict[str, str]
    stems: dict[str, str]


def traits(text: str, flags: Iterable[str]) -> Traits:
    """Take a question apart.

    Parameters
    ----------
    text
        Folded, names blanked out, ``¤`` for each metric, ``@`` for each time.
    flags
        What was named: ``server``, ``metric``, ``past`` and the like; they pair with ideas as ideas do.
    """
    words = [re.sub(r"\d+", "0", word) for word in _WORD.findall(text)]
    squeezed = "".join(word for word in words if word not in "?!")
    said = {f"+{flag}": "" for flag in flags} | ideas(" ".join(words), squeezed)
    stems = [_stem(word) for word in words]
    kinds = {
        "idea": set(said),
        "pair": {"|".join(sorted(pair)) for pair in combinations(said, 2)},
        "order": {f"{a}>{b}" for a, b in pairwise(name for name in said if name[0] != "+")},
        "word": {*stems, *(f"{a} {b}" for a, b in pairwise(stems)), *(f"^{stem}" for stem in stems[:1])},
        "syllables": _syllables(squeezed) if _HANGUL.search(squeezed) else set(),
        "length": {f"{min(len(words), 9) // 2}"},
    }
    return Traits(
        {kind: tuple(sorted(names)) for kind, names in kinds.items()}, said, dict(zip(stems, words, strict=True))
    )


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _syllables(squeezed: str) -> set[str]:
    """Runs of syllables over the sentence without its spaces, which Korean is typed with or without."""
    return {squeezed[at : at + size] for size in range(1, _SYLLABLES + 1) for at in range(len(squeezed) - size + 1)}
