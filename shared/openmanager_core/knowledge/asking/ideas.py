"""Words that stand for one thing: "dying", "limping", 뻗다 and 골골 are all `sick`; a question is read as the ideas in it."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import resources

_HANGUL = re.compile(r"[가-힣ㄱ-ㅎ]")


def ideas(words: str, squeezed: str) -> dict[str, str]:
    """The ideas in the order in which they are first said, each with the words that say it.

    `words` is folded text with single spaces, for English; `squeezed` the same without spaces, for Korean.
    """
    found: list[tuple[float, str, str]] = []
    hangul = _HANGUL.search(squeezed) is not None
    for name, english, korean in _table():
        said = english.search(words)
        if said is not None:
            found.append((said.start() / len(words), name, said.group()))
        elif hangul and korean is not None and (said := korean.search(squeezed)) is not None:
            found.append((said.start() / len(squeezed), name, said.group()))
    return {name: said for _, name, said in sorted(found)}


def spelt() -> str:
    """All words that ideas are said with: none of them is a slip of another word."""
    return (resources.files("openmanager_core.knowledge.asking") / "ideas.tsv").read_text("utf-8")


@lru_cache(maxsize=1)
def _table() -> tuple[tuple[str, re.Pattern[str], re.Pattern[str] | None], ...]:
    rows = (line.split("\t") for line in spelt().splitlines() if not line.startswith("#"))
    return tuple((name, _english(en), re.compile("|".join(ko.split(", "))) if ko else None) for name, en, ko in rows)


def _english(said: str) -> re.Pattern[str]:
    """Whole words, longest first; ``*`` is any ending, a leading ``^`` the beginning of the question."""
    forms = []
    for form in sorted(said.split(", "), key=len, reverse=True):
        anchor = "^" if form.startswith("^") else ""
        forms.append(anchor + re.escape(form.lstrip("^")).replace(r"\*", r"[\w'-]*"))
    return re.compile(rf"(?<![\w'])(?:{'|'.join(forms)})(?!\w)")
