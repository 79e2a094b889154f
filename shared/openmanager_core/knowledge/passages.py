"""A full-text index in SQLite: words and pairs of syllables in one table, trigrams of letters in another."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from openmanager_core.knowledge.terms import lettered, terms, words

_MOST_TERMS = 60
_WORDS_WEIGHT = 0.5
"""Of the rank by words; the rest is the rank by trigrams. Measured: docs/decisions/knowledge-search.md."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS passage (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, title TEXT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS passage_source ON passage (source);
CREATE VIRTUAL TABLE IF NOT EXISTS by_word USING fts5 (
    title, symptoms, body, tokenize = "unicode61 remove_diacritics 2"
);
CREATE VIRTUAL TABLE IF NOT EXISTS by_gram USING fts5 (title, symptoms, tokenize = "trigram");
"""


@dataclass(frozen=True, slots=True)
class Passage:
    """What is indexed. `symptoms` are the words people search with; they weigh more than the body."""

    source: str
    title: str
    symptoms: str
    body: str


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that fits; `score` from 0 to 1, `matched` the share of the question's terms that occur in it."""

    source: str
    title: str
    body: str
    score: float
    matched: float
    terms: tuple[str, ...]


class Passages:
    """An index in memory, or in a file that the owner of the folder keeps. Safe to use from several threads."""

    def __init__(self, file: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(file or ":memory:", check_same_thread=False, timeout=5.0)
        self._db.executescript(SCHEMA)

    def add(self, passages: Iterable[Passage]) -> None:
        """Index passages; those of the same source stay."""
        with self._lock, self._db as db:
            for p in passages:
                row = db.execute(
                    "INSERT INTO passage (source, title, body) VALUES (?, ?, ?)", (p.source, p.title, p.body)
                ).lastrowid
                db.execute(
                    "INSERT INTO by_word (rowid, title, symptoms, body) VALUES (?, ?, ?, ?)",
                    (row, " ".join(terms(p.title)), " ".join(terms(p.symptoms)), " ".join(terms(p.body))),
                )
                db.execute(
                    "INSERT INTO by_gram (rowid, title, symptoms) VALUES (?, ?, ?)",
                    (row, lettered(p.title), lettered(p.symptoms or p.body[:2000])),
                )

    def remove(self, source: str) -> None:
        """Forget the passages of a source."""
        with self._lock, self._db as db:
            for (row,) in db.execute("SELECT id FROM passage WHERE source = ?", (source,)).fetchall():
                db.execute("DELETE FROM by_word WHERE rowid = ?", (row,))
                db.execute("DELETE FROM by_gram WHERE rowid = ?", (row,))
            db.execute("DELETE FROM passage WHERE source = ?", (source,))

    def run(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        """Run a statement of the owner's own tables, and commit it."""
        with self._lock, self._db as db, closing(db.execute(statement, values)) as rows:
            return rows.fetchall()

    def search(self, query: str, top: int) -> list[Found]:
        """The passages that fit best, best first; none if no term of the query occurs anywhere."""
        asked = list(dict.fromkeys(terms(query)))[:_MOST_TERMS]
        if not asked:
            return []
        grams = list(dict.fromkeys(g for w in words(query)[:_MOST_TERMS] for g in _grams(w)))[: 4 * _MOST_TERMS]
        wide = max(50, top * 3)
        with self._lock:
            by_word = self._ranked("by_word", asked, "bm25(by_word, 4.0, 2.0, 1.0)", wide)
            by_gram = self._ranked("by_gram", grams, "bm25(by_gram, 2.0, 1.0)", wide) if grams else {}
            wanted = tuple(by_word | by_gram)
            marks = ",".join("?" * len(wanted))
            rows = {
                int(row): (str(source), str(title), str(body))
                for row, source, title, body in self._db.execute(
                    f"SELECT id, source, title, body FROM passage WHERE id IN ({marks})",  # noqa: S608
                    wanted,
                )
            }
            held = {row: set(" ".join(map(str, cells)).split()) for row, *cells in self._of("by_word", tuple(rows))}
        best_word, best_gram = max(by_word.values(), default=1.0), max(by_gram.values(), default=1.0)
        out = []
        for row, (source, title, body) in rows.items():
            there = tuple(t for t in asked if t in held.get(row, ()))
            matched = len(there) / len(asked)
            rank = (
                _WORDS_WEIGHT * by_word.get(row, 0.0) / best_word
                + (1 - _WORDS_WEIGHT) * by_gram.get(row, 0.0) / best_gram
            )
            out.append(Found(source, title, body, round(rank * (0.5 + 0.5 * matched), 4), round(matched, 3), there))
        return sorted(out, key=lambda f: (-f.score, f.source))[:top]

    def _ranked(self, table: str, wanted: list[str], rank: str, most: int) -> dict[int, float]:
        match = " OR ".join('"' + w.replace('"', '""') + '"' for w in wanted)
        rows = self._db.execute(
            f"SELECT rowid, -{rank} AS score FROM {table} WHERE {table} MATCH ? ORDER BY score DESC LIMIT ?",  # noqa: S608
            (match, most),
        )
        return {int(row): max(float(score), 1e-9) for row, score in rows}

    def _of(self, table: str, rows: tuple[int, ...]) -> list[tuple[int, str, str, str]]:
        marks = ",".join("?" * len(rows))
        statement = f"SELECT rowid, title, symptoms, body FROM {table} WHERE rowid IN ({marks})"  # noqa: S608
        return self._db.execute(statement, rows).fetchall()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()


def _grams(word: str) -> list[str]:
    """Trigrams of a word's letters; whole if it is no longer than one."""
    letters = lettered(word)
    return [letters[k : k + 3] for k in range(len(letters) - 2)]


def snippet(body: str, found: tuple[str, ...], most: int = 300) -> str:
    """The line of a passage in which most of the terms occur."""
    wanted = set(found)
    lines = [line.strip() for line in body.splitlines() if line.strip()]
    if not lines:
        return ""
    best = max(lines, key=lambda line: len(wanted & set(terms(line))))
    return best if len(best) <= most else best[: most - 1] + "…"
