"""Finding items by words: exact names first, then beginnings, then whole words; near spellings only where nothing holds
the word itself. An item that holds none of the words is never a hit.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from openmanager_core.errors import InvalidRequest
from openmanager_core.job import checkpoint
from openmanager_core.text import quoted
from openmanager_shadcn.items import TYPES, Item, RegistryIndex

LONGEST_QUERY = 200
_MOST_WORDS = 12
_WORD = re.compile(r"[^\W_]+")
_MOST_VOCABULARY = 30_000
_BLOCK = 500

How = Literal["all words", "near spelling", "some words"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One item, prepared for searching: all text normalised and case-folded.

    Attributes
    ----------
    text
        Name, title, description and categories.
    order
        Position in the index.
    """

    item: Item
    name: str
    title: str
    name_words: frozenset[str]
    text: str
    order: int


@dataclass(frozen=True)
class Searchable:
    """A registry's index, ready to search.

    Attributes
    ----------
    shown
        How entries look in answers, by the registry's name and their order: kept by whoever shows them.
    """

    index: RegistryIndex
    entries: tuple[Entry, ...]
    shown: dict[tuple[str, int], Any] = field(default_factory=dict)
    _vocabulary: list[frozenset[str]] = field(default_factory=list)

    @classmethod
    def of(cls, index: RegistryIndex) -> Searchable:
        """Prepare an index; milliseconds for a thousand items."""
        entries = []
        for order, item in enumerate(index.items):
            if not order % _BLOCK:
                checkpoint()
            name, title = plain(item.name), plain(item.title)
            words = frozenset((*_WORD.findall(name), *_WORD.findall(title)))
            text = "\n".join((name, title, plain(item.description), *map(plain, item.categories)))
            entries.append(Entry(item, name, title, words, text, order))
        return cls(index, tuple(entries))

    def vocabulary(self) -> frozenset[str]:
        """All words of the index, made at the first use."""
        if not self._vocabulary:
            words: set[str] = set()
            for entry in self.entries:
                words.update(_WORD.findall(entry.text))
                if len(words) > _MOST_VOCABULARY:
                    break
            self._vocabulary.append(frozenset(words))
        return self._vocabulary[0]


@dataclass(frozen=True, slots=True)
class Hit:
    """A found item: the lower the rank, the better."""

    registry: str
    entry: Entry
    index: Searchable
    rank: tuple[int, ...] = ()

    @property
    def item(self) -> Item:
        """The item, without its sources."""
        return self.entry.item


@dataclass(frozen=True, slots=True)
class Found:
    """All hits, the best first, and what they have in common."""

    hits: tuple[Hit, ...]
    how: How = "all words"
    meant: tuple[str, ...] = ()


def plain(text: str) -> str:
    """Fold case and compatibility forms, so that equal words look equal in any script."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def check_types(types: Sequence[str]) -> frozenset[str]:
    """Read a filter by type, with or without ``registry:``.

    Raises
    ------
    InvalidRequest
        If one is no type; names those there are.
    """
    wanted = {name.lower().removeprefix("registry:") for name in types}
    known = {name.removeprefix("registry:") for name in TYPES}
    if unknown := sorted(wanted - known):
        raise InvalidRequest(f"types: {quoted(unknown[0], 60)} is no type", hint=f"of {', '.join(sorted(known))}")
    return frozenset(f"registry:{name}" for name in wanted)


def words_of(query: str) -> list[str]:
    """Take a query apart.

    Raises
    ------
    InvalidRequest
        If it holds no word, or too many.
    """
    if len(query) > LONGEST_QUERY:
        raise InvalidRequest(f"query may have {LONGEST_QUERY} characters, got {len(query)}")
    words = list(dict.fromkeys(_WORD.findall(plain(query))))
    if not words:
        raise InvalidRequest(
            f"query must hold a word to search for, got {quoted(query, 60)}",
            hint="list_items_in_registries for everything there is",
        )
    if len(words) > _MOST_WORDS:
        raise InvalidRequest(f"query may have {_MOST_WORDS} words, got {len(words)}", hint="the words that matter most")
    return words


def search(registries: Sequence[tuple[str, Searchable]], query: str, types: frozenset[str] = frozenset()) -> Found:
    """Find the items that hold the words of the query.

    Parameters
    ----------
    registries
        Name and index; equal ranks keep their order.

    Raises
    ------
    InvalidRequest
        If the query holds no word.
    """
    words = words_of(query)
    whole = plain(query).strip()
    hits = list(_holding(registries, whole, [[word] for word in words], types))
    if hits:
        return Found(tuple(sorted(hits, key=lambda hit: hit.rank)))
    choices = [_spellings(word, registries) for word in words]
    if all(choices) and any(choice != [word] for choice, word in zip(choices, words, strict=True)):
        hits = list(_holding(registries, whole, choices, types))
        if hits:
            meant = [choice[0] for choice, word in zip(choices, words, strict=True) if choice != [word]]
            return Found(tuple(sorted(hits, key=lambda hit: hit.rank)), "near spelling", tuple(meant))
    if len(words) > 1:
        some = _holding_some(registries, words, types)
        if some:
            return Found(tuple(sorted(some, key=lambda hit: hit.rank)), "some words")
    return Found(())


def everything(registries: Sequence[tuple[str, Searchable]], types: frozenset[str] = frozenset()) -> tuple[Hit, ...]:
    """Give all items, registry by registry, in the order of their index."""
    return tuple(
        Hit(registry, entry, index)
        for registry, index in registries
        for entry in index.entries
        if not types or entry.item.type in types
    )


def _holding(
    registries: Sequence[tuple[str, Searchable]], whole: str, choices: list[list[str]], types: frozenset[str]
) -> Iterator[Hit]:
    single = [choice[0] for choice in choices if len(choice) == 1]
    joined = "-".join(choice[0] for choice in choices)
    for place, (registry, index) in enumerate(registries):
        for entry in index.entries:
            if not entry.order % _BLOCK:
                checkpoint()
            text = entry.text
            if not all(word in text for word in single) or (types and entry.item.type not in types):
                continue
            rank = _rank(entry, whole, joined, choices)
            if rank is not None:
                yield Hit(registry, entry, index, (rank, len(entry.name), place, entry.order))


def _rank(entry: Entry, whole: str, joined: str, choices: list[list[str]]) -> int | None:
    name = entry.name
    if name in (whole, joined) or entry.title == whole:
        return 0
    if name.startswith((whole, joined)) or entry.title.startswith(whole):
        return 1
    if all(any(word in entry.name_words for word in choice) for choice in choices):
        return 2
    if all(any(own.startswith(word) for own in entry.name_words for word in choice) for choice in choices):
        return 3
    words = _WORD.findall(entry.text)
    if all(any(word in words for word in choice) for choice in choices):
        return 4
    if all(any(own.startswith(word) for own in words for word in choice) for choice in choices):
        return 5
    if all(any(len(word) > 2 and word in entry.text for word in choice) for choice in choices):
        return 6
    return None


def _holding_some(registries: Sequence[tuple[str, Searchable]], words: list[str], types: frozenset[str]) -> list[Hit]:
    """Hits that hold some of the words, those with most of them and with rare ones first."""
    found: list[tuple[int, Entry, list[str], tuple[str, Searchable]]] = []
    counts = dict.fromkeys(words, 0)
    for place, (registry, index) in enumerate(registries):
        for entry in index.entries:
            if types and entry.item.type not in types:
                continue
            held = [word for word in words if _begins_a_word(word, entry.text)]
            for word in held:
                counts[word] += 1
            if held:
                found.append((place, entry, held, (registry, index)))
    return [
        Hit(
            registry,
            entry,
            index,
            (-len(held), min(counts[word] for word in held), *_in_name(entry, held), place, entry.order),
        )
        for place, entry, held, (registry, index) in found
    ]


def _begins_a_word(word: str, text: str) -> bool:
    return word in text and any(own.startswith(word) for own in _WORD.findall(text))


def _in_name(entry: Entry, held: list[str]) -> tuple[int, int]:
    return -sum(word in entry.name_words for word in held), len(entry.name)


def _spellings(word: str, registries: Sequence[tuple[str, Searchable]]) -> list[str]:
    """The word itself if any item holds it, else the words next to it in spelling; the nearest first."""
    if any(word in entry.text for _, index in registries for entry in index.entries):
        return [word]
    most = 0 if len(word) < 4 else 1 if len(word) < 8 else 2
    if not most:
        return []
    near: dict[str, int] = {}
    for _, index in registries:
        for number, other in enumerate(index.vocabulary()):
            if not number % _BLOCK:
                checkpoint()
            if abs(len(other) - len(word)) <= most and len(set(word) ^ set(other)) <= 2 * most:
                apart = distance(word, other, most)
                if apart <= most:
                    near[other] = apart
    return sorted(near, key=lambda other: (near[other], other))[:8]


def distance(left: str, right: str, most: int) -> int:
    """Count insertions, deletions, changes and swaps of neighbours between two words; stops above `most`."""
    if left == right:
        return 0
    before: list[int] = []
    row = list(range(len(right) + 1))
    for number, char in enumerate(left, 1):
        older, before = before, row
        row = [number]
        for column, other in enumerate(right, 1):
            cost = min(before[column] + 1, row[-1] + 1, before[column - 1] + (char != other))
            if number > 1 and column > 1 and char == right[column - 2] and left[number - 2] == other:
                cost = min(cost, older[column - 2] + 1)
            row.append(cost)
        if min(row) > most and (not before or min(before) > most):
            return most + 1
    return row[-1]


def size_of(registries: Iterable[tuple[str, Searchable]]) -> int:
    """Count the items."""
    return sum(len(index.entries) for _, index in registries)
