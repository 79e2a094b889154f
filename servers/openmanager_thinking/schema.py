"""The tables of the chains, as steps from one version to the next; a step once released is never edited."""

from __future__ import annotations

APPLICATION_ID = 0x4F4D5448
"""Marks the file as ours ("OMTH"), so that nobody else's database is ever touched."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        f"PRAGMA application_id = {APPLICATION_ID}",
        # `last_seq` and `last_number` are those of the main line; a branch has its own.
        """CREATE TABLE chains (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            handle TEXT NOT NULL UNIQUE,
            owner TEXT NOT NULL,
            title TEXT NOT NULL,
            created_s REAL NOT NULL,
            updated_s REAL NOT NULL,
            thoughts INTEGER NOT NULL DEFAULT 0,
            bytes INTEGER NOT NULL DEFAULT 0,
            branches INTEGER NOT NULL DEFAULT 0,
            last_seq INTEGER NOT NULL DEFAULT 0,
            last_number INTEGER NOT NULL DEFAULT 0,
            conclusions INTEGER NOT NULL DEFAULT 0,
            open INTEGER NOT NULL DEFAULT 1
        )""",
        # Nothing that changes with each thought is in an index: a page that is not written is not flushed either.
        "CREATE INDEX chains_by_owner ON chains (owner)",
        """CREATE TABLE branches (
            chain INTEGER NOT NULL REFERENCES chains (id),
            rank INTEGER NOT NULL,
            name TEXT NOT NULL,
            origin_seq INTEGER NOT NULL,
            origin_number INTEGER NOT NULL,
            thoughts INTEGER NOT NULL,
            first_seq INTEGER NOT NULL,
            last_seq INTEGER NOT NULL,
            last_number INTEGER NOT NULL,
            PRIMARY KEY (chain, rank),
            UNIQUE (chain, name)
        ) WITHOUT ROWID""",
        # `branch` is a rank, 0 for the main line; `parent_seq` the thought that this one follows, 0 for none.
        """CREATE TABLE thoughts (
            id INTEGER PRIMARY KEY,
            chain INTEGER NOT NULL REFERENCES chains (id),
            seq INTEGER NOT NULL,
            branch INTEGER NOT NULL,
            number INTEGER NOT NULL,
            total INTEGER NOT NULL,
            more INTEGER NOT NULL,
            needs_more INTEGER NOT NULL,
            parent_seq INTEGER NOT NULL,
            revises_seq INTEGER NOT NULL,
            revises_number INTEGER NOT NULL,
            at_s REAL NOT NULL,
            text TEXT NOT NULL,
            UNIQUE (chain, seq)
        )""",
        "CREATE INDEX thoughts_by_number ON thoughts (chain, number)",
        "CREATE VIRTUAL TABLE thoughts_text USING fts5 (text, content='thoughts', content_rowid='id', "
        "tokenize='trigram')",
        """CREATE TABLE conclusions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            chain INTEGER NOT NULL REFERENCES chains (id),
            at_s REAL NOT NULL,
            text TEXT NOT NULL,
            confidence REAL NOT NULL,
            questions TEXT NOT NULL
        )""",
        "CREATE INDEX conclusions_by_chain ON conclusions (chain)",
        # `indexed` is the id of the last thought that `thoughts_text` knows.
        "CREATE TABLE totals (chains INTEGER NOT NULL, bytes INTEGER NOT NULL, indexed INTEGER NOT NULL)",
        "INSERT INTO totals VALUES (0, 0, 0)",
        "PRAGMA user_version = 1",
    ),
    (
        # Mostly the number is the place too, and no page of the index is written.
        "DROP INDEX thoughts_by_number",
        "CREATE INDEX thoughts_by_number ON thoughts (chain, number) WHERE number <> seq",
        "PRAGMA user_version = 2",
    ),
)

VERSION = len(MIGRATIONS)
