"""Bearer tokens of our own: minted once, kept as hashes, with a role and an end, and taken back at any time.

A token is ``om_ID_SECRET``; the secret has 256 random bits, so a plain SHA-256 of it cannot be turned round.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from openmanager_core.errors import InvalidRequest, NotFound, StorageUnavailable
from openmanager_kit.access.roles import ROLES, Role

FILE = "access.sqlite3"
LONGEST_S = 10 * 365 * 86_400.0
_FORM = re.compile(r"om_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NAME = re.compile(r"[\w .@-]{1,64}")
_BUSY_S = 5.0


@dataclass(frozen=True, slots=True)
class TokenRow:
    """What is known of a token; never its secret."""

    id: str
    name: str
    role: Role
    created_s: float
    expires_s: float
    revoked: bool

    def state(self, now_s: float) -> str:
        """Give ``valid``, ``expired`` or ``revoked``."""
        return "revoked" if self.revoked else "expired" if self.expires_s <= now_s else "valid"


class TokenStore:
    """The tokens of one state folder; processes may share it.

    Raises
    ------
    StorageUnavailable
        From every method, if the file cannot be used.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / FILE

    def mint(self, name: str, role: str, lasts_s: float) -> tuple[TokenRow, str]:
        """Make a token; its text is given here and never again.

        Raises
        ------
        InvalidRequest
            If the name, the role or the time cannot be.
        """
        if not _NAME.fullmatch(name):
            raise InvalidRequest(f"name must be 1 to 64 letters, digits, spaces or .@-_, got {name[:80]!r}")
        if role not in ROLES:
            raise InvalidRequest(f"role must be one of {', '.join(ROLES)}, got {role!r}")
        if not 0 < lasts_s <= LONGEST_S:
            raise InvalidRequest(
                f"expires must be within ten years from now, got {lasts_s:g} s", hint="for example 90d"
            )
        ident, secret, now = secrets.token_hex(6), secrets.token_urlsafe(32), time.time()
        row = TokenRow(ident, name, role, now, now + lasts_s, False)
        with self._open(write=True) as db:
            db.execute(
                "INSERT INTO tokens (id, digest, name, role, created_s, expires_s) VALUES (?, ?, ?, ?, ?, ?)",
                (ident, _digest(secret), name, role, row.created_s, row.expires_s),
            )
        return row, f"om_{ident}_{secret}"

    def list(self) -> list[TokenRow]:
        """Give every token, the newest first."""
        with self._open() as db:
            return [_row(found) for found in db.execute(_EVERY)]

    def revoke(self, ident: str) -> TokenRow:
        """Take a token back.

        Raises
        ------
        NotFound
            If there is none with this id.
        """
        with self._open(write=True) as db:
            db.execute("UPDATE tokens SET revoked = 1 WHERE id = ?", (ident,))
            found = db.execute(_ONE, (ident,)).fetchone()
        if found is None:
            raise NotFound(f"there is no token {ident[:40]!r}", hint="openmanager token list")
        return _row(found)

    def verify(self, text: str) -> TokenRow | None:
        """Give the token's row if it is one of ours, neither expired nor revoked."""
        taken = _FORM.fullmatch(text)
        if taken is None:
            return None
        with self._open() as db:
            found = db.execute(_ONE, (taken[1],)).fetchone()
        # Compared even if there is no such id, so that time tells nothing.
        same = hmac.compare_digest(_digest(taken[2]), found[-1] if found else b"\0" * 32)
        if found is None or not same:
            return None
        row = _row(found)
        return row if row.state(time.time()) == "valid" else None

    @contextmanager
    def _open(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            if not self._path.exists():
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            db = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
            try:
                db.execute("PRAGMA synchronous = FULL")
                db.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                try:
                    _bring_up(db)
                    yield db
                except BaseException:
                    db.execute("ROLLBACK")
                    raise
                db.execute("COMMIT")
            finally:
                db.close()
        except (sqlite3.Error, OSError) as exc:
            raise StorageUnavailable(
                f"the tokens in {FILE} cannot be used: {type(exc).__name__}",
                hint="look at the state folder and its disk",
            ) from exc


_EVERY = "SELECT id, name, role, created_s, expires_s, revoked, digest FROM tokens ORDER BY created_s DESC, id"
_ONE = "SELECT id, name, role, created_s, expires_s, revoked, digest FROM tokens WHERE id = ?"
VERSION = 1
APPLICATION_ID = 0x4F4D4143
_SCHEMA = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    "CREATE TABLE tokens (id TEXT PRIMARY KEY, digest BLOB NOT NULL, name TEXT NOT NULL,"
    " role TEXT NOT NULL, created_s REAL NOT NULL, expires_s REAL NOT NULL, revoked INTEGER NOT NULL DEFAULT 0) STRICT",
    f"PRAGMA user_version = {VERSION}",
)


def _bring_up(db: sqlite3.Connection) -> None:
    """Bring the file to our version; another program's, or a newer one's, is left as it is."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise StorageUnavailable(
            f"the tokens in {FILE} were written by a newer OpenManager (format {version}, ours is {VERSION})",
            hint="update OpenManager, or set OPENMANAGER_HOME to another folder",
        )
    if not version:
        if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise StorageUnavailable(f"{FILE} is a database of another program", hint="move it aside")
        for statement in _SCHEMA:
            db.execute(statement)


def _row(found: tuple[str, str, Role, float, float, int, bytes]) -> TokenRow:
    return TokenRow(*found[:5], bool(found[5]))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
