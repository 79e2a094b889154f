"""The Ledger's tables, as steps from one version to the next; a step once released is never edited."""

from __future__ import annotations

APPLICATION_ID = 0x4F4D4C47
"""Marks the file as a Ledger ("OMLG"), so that nobody else's database is ever touched."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        f"PRAGMA application_id = {APPLICATION_ID}",
        """CREATE TABLE incidents (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            state TEXT NOT NULL CHECK (state IN ('open', 'acknowledged', 'resolved')),
            severity INTEGER NOT NULL,
            opened_s REAL NOT NULL,
            updated_s REAL NOT NULL,
            active_s REAL NOT NULL,
            resolved_s REAL,
            title TEXT NOT NULL,
            causes TEXT NOT NULL DEFAULT '[]'
        )""",
        "CREATE INDEX incidents_by_state ON incidents (state, severity, opened_s)",
        """CREATE TABLE findings (
            id TEXT PRIMARY KEY,
            incident INTEGER REFERENCES incidents (seq) ON DELETE SET NULL,
            host TEXT NOT NULL,
            cluster TEXT NOT NULL,
            metric TEXT NOT NULL,
            kind TEXT NOT NULL,
            severity INTEGER NOT NULL,
            score REAL NOT NULL,
            start_s REAL NOT NULL,
            end_s REAL,
            first_seen_s REAL NOT NULL,
            last_seen_s REAL NOT NULL,
            times_seen INTEGER NOT NULL DEFAULT 1,
            doc TEXT NOT NULL
        )""",
        "CREATE INDEX findings_by_incident ON findings (incident)",
        "CREATE INDEX findings_by_time ON findings (last_seen_s)",
        "CREATE INDEX findings_by_host ON findings (host, metric, start_s)",
        """CREATE TABLE incident_events (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            incident INTEGER NOT NULL REFERENCES incidents (seq) ON DELETE CASCADE,
            at_s REAL NOT NULL,
            doc TEXT NOT NULL
        )""",
        "CREATE INDEX incident_events_by_incident ON incident_events (incident, id)",
        """CREATE TABLE feedback (
            finding_id TEXT PRIMARY KEY,
            host TEXT NOT NULL,
            metric TEXT NOT NULL,
            kind TEXT NOT NULL,
            verdict TEXT NOT NULL CHECK (verdict IN ('false_alarm', 'confirmed')),
            at_s REAL NOT NULL,
            note TEXT NOT NULL DEFAULT ''
        )""",
        "CREATE INDEX feedback_by_pattern ON feedback (host, metric, kind)",
        """CREATE TABLE baselines (
            host TEXT NOT NULL,
            metric TEXT NOT NULL,
            saved_s REAL NOT NULL,
            doc TEXT NOT NULL,
            PRIMARY KEY (host, metric)
        )""",
        """CREATE TABLE audit (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at_s REAL NOT NULL,
            tool TEXT NOT NULL,
            arguments_digest TEXT NOT NULL,
            outcome TEXT NOT NULL,
            duration_s REAL NOT NULL,
            principal TEXT NOT NULL
        )""",
        "CREATE INDEX audit_by_time ON audit (at_s)",
        "PRAGMA user_version = 1",
    ),
)

VERSION = len(MIGRATIONS)
TABLES: tuple[str, ...] = ("findings", "incidents", "incident_events", "baselines", "feedback", "audit")
