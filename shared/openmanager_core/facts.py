"""What an analysis has to say, before it is said: which sentence, and the facts in it. Words are in `wording`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing to say, in no language yet.

    Attributes
    ----------
    code
        Which sentence, such as ``finding.spike``; every language's table has it.
    values
        Name to value, in SI units and Unix seconds: numbers, names, other facts, or several of those.
    """

    code: str
    values: tuple[tuple[str, Any], ...]

    @property
    def of(self) -> dict[str, Any]:
        """The values by name."""
        return dict(self.values)

    def as_data(self) -> dict[str, Any]:
        """JSON-ready; `read` takes it back."""
        return {"code": self.code, "values": {name: _data(value) for name, value in self.values}}


class Sentence(str):
    """What a fact says in English, with the fact, for whoever says it again in another language.

    It is the same as the plain text, and goes wherever a text goes; what is cut or put together from it is plain.
    """

    __slots__ = ("fact",)
    fact: Fact

    def __new__(cls, text: str, what: Fact) -> Self:
        """The text as it was said, and what it says."""
        made = super().__new__(cls, text)
        made.fact = what
        return made

    def __getnewargs__(self) -> tuple[str, Fact]:  # type: ignore[override]
        """What a copy is made from."""
        return str(self), self.fact


def fact(code: str, **values: Any) -> Fact:
    """A fact with these values."""
    return Fact(code, tuple(values.items()))


def fact_of(text: str) -> Fact:
    """What a sentence says; a plain text stays as it was written."""
    return text.fact if isinstance(text, Sentence) else as_written(text)


def as_written(text: str) -> Fact:
    """A sentence that came without its facts, such as one kept by an older version: the same in every language."""
    return fact("as_written", text=text)


def paired(texts: Sequence[str], facts: Sequence[Fact]) -> tuple[Fact, ...]:
    """The facts of the sentences; sentences that came without them stay as they were written."""
    return tuple(facts) if len(facts) == len(texts) else tuple(as_written(text) for text in texts)


def read(raw: Mapping[str, Any]) -> Fact:
    """What `as_data` wrote.

    Raises
    ------
    KeyError, TypeError, AttributeError
        If it is something else.
    """
    return Fact(str(raw["code"]), tuple((str(name), _value(value)) for name, value in raw["values"].items()))


def _data(value: Any) -> Any:
    if isinstance(value, Fact):
        return value.as_data()
    if isinstance(value, tuple):
        return [_data(v) for v in value]
    return value


def _value(raw: Any) -> Any:
    if isinstance(raw, Mapping):
        return read(raw)
    if isinstance(raw, list):
        return tuple(_value(v) for v in raw)
    return raw
