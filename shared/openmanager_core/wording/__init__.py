"""Facts into sentences: one module a language, the same figures in each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from openmanager_core.facts import Fact
from openmanager_core.wording import en, ko

Language = Literal["en", "ko"]
_TABLES = {"en": en.SENTENCES, "ko": ko.SENTENCES}


def said(what: Fact, language: Language = "en") -> str:
    """The sentence of a fact, without a full stop where it may stand inside another.

    Raises
    ------
    KeyError
        If there is no such sentence, or a value is missing: a bug of ours.
    """
    return _TABLES[language][what.code](what.of)


def all_said(facts: Sequence[Fact], language: Language = "en") -> tuple[str, ...]:
    """The sentences of several facts."""
    return tuple(said(what, language) for what in facts)
