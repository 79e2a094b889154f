"""From the text of a bearer token to who asks: a single shared token, our own, or those of an OAuth issuer."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Sequence
from typing import Any, Protocol

import anyio.to_thread
from mcp.server.auth.provider import AccessToken

from openmanager_kit.access.roles import ROLES, SCOPE, Role
from openmanager_kit.access.tokens import TokenStore
from openmanager_kit.flights import Flights

_FRESH_S = 0.5
_MOST_REMEMBERED = 10_000


class Verifier(Protocol):
    """Knows some tokens."""

    async def verify_token(self, token: str) -> AccessToken | None:
        """Give what the token stands for; None if it is not valid here."""
        ...


class SharedToken:
    """One token for all, from a variable: whoever has it is admin."""

    def __init__(self, token: str) -> None:
        self._digest = hashlib.sha256(token.encode()).digest()

    async def verify_token(self, token: str) -> AccessToken | None:
        """Compare in constant time."""
        if not hmac.compare_digest(hashlib.sha256(token.encode()).digest(), self._digest):
            return None
        return _access(token, "shared", "admin")


class OwnTokens:
    """Tokens that ``openmanager token create`` made; looked up at most twice a second each, whoever waits for it."""

    def __init__(self, store: TokenStore) -> None:
        self._store = store
        self._flights: Flights[AccessToken | None] = Flights()
        self._seen: dict[bytes, tuple[float, AccessToken | None]] = {}

    async def verify_token(self, token: str) -> AccessToken | None:
        """Look the token up."""
        if not token.startswith("om_"):
            return None
        key, now = hashlib.sha256(token.encode()).digest(), time.monotonic()
        known = self._seen.get(key)
        if known is not None and now - known[0] < _FRESH_S:
            return known[1]
        return await self._flights.once(key, lambda: self._looked_up(key, token))

    async def _looked_up(self, key: bytes, token: str) -> AccessToken | None:
        now = time.monotonic()
        row = await anyio.to_thread.run_sync(self._store.verify, token)
        found = None if row is None else _access(token, row.id, row.role, int(row.expires_s))
        if len(self._seen) >= _MOST_REMEMBERED:
            self._seen.clear()
        self._seen[key] = (now, found)
        return found


class AnyOf:
    """Asks one verifier after the other."""

    def __init__(self, verifiers: Sequence[Verifier]) -> None:
        self._verifiers = tuple(verifiers)

    async def verify_token(self, token: str) -> AccessToken | None:
        """Give the first that knows it."""
        for verifier in self._verifiers:
            found = await verifier.verify_token(token)
            if found is not None and (found.expires_at is None or found.expires_at > time.time()):
                return found
        return None


def _access(token: str, client_id: str, role: Role, expires_at: int | None = None, **more: Any) -> AccessToken:
    scopes = [f"{SCOPE}{one}" for one in ROLES[: ROLES.index(role) + 1]]
    # The text is left out: whoever logs the object must not log the secret.
    return AccessToken(token="", client_id=client_id, scopes=scopes, expires_at=expires_at, **more)
