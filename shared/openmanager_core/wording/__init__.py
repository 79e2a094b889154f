"""Facts into sentences: the same figures in each language. A table is imported when one of its sentences is first said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Literal

from openmanager_core.facts import Fact, Sentence, fact, fact_of

Language = Literal["en", "ko"]
Table = dict[str, Callable[[dict[str, Any]], str]]
GROUPS = {"trail": "_trail", "cache": "_trail", "problem": "_notes", "origin": "_notes", "how": "_notes"}
"""First part of a code to the ending of the modules that have its sentences; all others are in the language's own."""


def said(what: Fact, language: Language = "en") -> str:
    """The sentence of a fact, without a full stop where it may stand inside another.

    Raises
    ------
    KeyError
        If there is no such sentence, or a value is missing: a bug of ours.
    """
    return table(language, GROUPS.get(what.code.partition(".")[0], ""))[what.code](what.of)


def all_said(facts: Sequence[Fact], language: Language = "en") -> tuple[str, ...]:
    """The sentences of several facts."""
    return tuple(said(what, language) for what in facts)


def sentence(code: str, **values: Any) -> Sentence:
    """A fact with these values, said in English, that can be said in other languages too."""
    return noted(fact(code, **values))


def noted(what: Fact) -> Sentence:
    """The same of a fact that is there already."""
    return Sentence(said(what), what)


def said_in(text: str, language: Language) -> str:
    """A text in a language; as it was written where it is not known what it says."""
    return str(text) if language == "en" else said(fact_of(text), language)


@cache
def table(language: Language, group: str = "") -> Table:
    """The sentences of one language, by their codes."""
    found: Table = import_module(f"{__name__}.{language}{group}").SENTENCES
    return found
