"""What is done between calls, in pieces small enough that no call waits long: indexing, removing, giving back space.

A chain that is deleted or has expired is nobody's at once; its thoughts go piece by piece. A process that is killed
meanwhile leaves the rest to the next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

REMOVED = "removed"
"""Owns the chains that are gone."""

PIECE_CHARS = 15_000
"""What the index takes in about 15 ms."""

_MOST_ROWS = 500
_SPARE_PAGES, _PAGES_BACK = 2_000, 200


def behind(db: sqlite3.Connection) -> int:
    """Count the thoughts that the search index does not know yet (or a few more)."""
    newest, indexed = db.execute("SELECT (SELECT max(id) FROM thoughts), indexed FROM totals").fetchone()
    return max(int(newest or 0) - int(indexed), 0)


def index(db: sqlite3.Connection) -> bool:
    """Bring the search index a piece further; True if more is to do. Many cost little more than one."""
    (done,) = db.execute("SELECT indexed FROM totals").fetchone()
    rows = db.execute("SELECT id, length(text) FROM thoughts WHERE id > ? ORDER BY id LIMIT ?", (done, _MOST_ROWS + 1))
    last = _end_of_piece(rows.fetchall())
    if not last:
        return False
    db.execute(
        "INSERT INTO thoughts_text (rowid, text) SELECT id, text FROM thoughts WHERE id > ? AND id <= ?", (done, last)
    )
    db.execute("UPDATE totals SET indexed = ?", (last,))
    return behind(db) > 0


def take_away(db: sqlite3.Connection, chain: int) -> None:
    """Make a chain nobody's."""
    db.execute(
        "UPDATE totals SET chains = chains - 1, bytes = bytes - (SELECT bytes FROM chains WHERE id = ?)", (chain,)
    )
    db.execute("UPDATE chains SET handle = 'removed ' || id, owner = ? WHERE id = ?", (REMOVED, chain))


def expire(db: sqlite3.Connection, older_than_s: float) -> None:
    """Make every chain nobody's that has rested for too long."""
    rows = db.execute("SELECT id FROM chains WHERE updated_s < ? AND owner <> ?", (older_than_s, REMOVED)).fetchall()
    for (chain,) in rows:
        take_away(db, chain)


def tidy(db: sqlite3.Connection) -> bool:
    """Do one small piece of what is to be done; True if there may be more."""
    gone = db.execute("SELECT id FROM chains WHERE owner = ? LIMIT 1", (REMOVED,)).fetchone()
    if gone is not None:
        _remove_some(db, gone[0])
        return True
    if index(db):
        return True
    (spare,) = db.execute("PRAGMA freelist_count").fetchone()
    if spare > _SPARE_PAGES:
        db.execute(f"PRAGMA incremental_vacuum({_PAGES_BACK})").fetchall()
    return bool(spare > _SPARE_PAGES)


def _remove_some(db: sqlite3.Connection, chain: int) -> None:
    rows = db.execute("SELECT id, length(text) FROM thoughts WHERE chain = ? ORDER BY seq LIMIT ?", (chain, _MOST_ROWS))
    last = _end_of_piece(rows.fetchall())
    if not last:
        for table in ("branches", "conclusions"):
            db.execute(f"DELETE FROM {table} WHERE chain = ?", (chain,))  # noqa: S608 - the names are above
        db.execute("DELETE FROM chains WHERE id = ?", (chain,))
        return
    db.execute(
        "INSERT INTO thoughts_text (thoughts_text, rowid, text) SELECT 'delete', id, text FROM thoughts "
        "WHERE chain = ? AND id <= ? AND id <= (SELECT indexed FROM totals)",
        (chain, last),
    )
    db.execute("DELETE FROM thoughts WHERE chain = ? AND id <= ?", (chain, last))
    # The next thoughts may get the numbers of these: what the index knows must not seem to reach beyond them.
    db.execute("UPDATE totals SET indexed = min(indexed, coalesce((SELECT max(id) FROM thoughts), 0))")


def _end_of_piece(rows: list[tuple[int, int]]) -> int:
    """Find the last thought of a piece, of one thought at least; 0 if there is none."""
    last = chars = 0
    for number, length in rows:
        if last and chars + length > PIECE_CHARS:
            break
        last, chars = number, chars + length
    return last
