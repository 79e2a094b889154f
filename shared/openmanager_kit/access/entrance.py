"""Who may come in: the bearer token of a request, what is said to those without one, and a fair share for each."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.authentication import AuthCredentials

from openmanager_core.errors import FleetError
from openmanager_kit.access.oauth import METADATA, metadata
from openmanager_kit.access.places import OwnPlaces, Places
from openmanager_kit.access.roles import SCOPE, principal_of, role_in
from openmanager_kit.access.verifying import Verifier

Refusal = tuple[int, str, list[tuple[bytes, bytes]]]
"""Status, text and further headers."""

_LONGEST = 16 * 1024
_log = logging.getLogger(__name__)


class Entrance:
    """Checks the bearer token of each request.

    Parameters
    ----------
    verifier
        Knows the tokens.
    endpoints
        Paths of the protected resources.
    issuer, audience
        Of OAuth; empty without it. An audience that is an address is this service's public one.
    requests
        Requests in progress at a time for each principal.
    places
        Where they are counted (default: in this process).
    tls
        Whether this process itself serves https.
    """

    def __init__(
        self, verifier: Verifier, *, endpoints: Collection[str] = (), issuer: str = "", audience: str = "",
        requests: int = 64, places: Places | None = None, tls: bool = False,
    ) -> None:  # fmt: skip
        self._verifier = verifier
        self._endpoints = tuple(endpoints)
        self._issuer = issuer
        self._audience = audience
        public = urlsplit(audience)
        self._public = f"{public.scheme}://{public.netloc}" if public.scheme in ("http", "https") else ""
        self._requests = requests
        self._scheme = "https" if tls else "http"
        self._places = places if places is not None else OwnPlaces()

    async def refusal(self, scope: MutableMapping[str, Any], authorization: str | None, host: str) -> Refusal | None:
        """Refuse the request, or note in `scope` who asks."""
        token = bearer(authorization)
        if token is None:
            return 401, "a bearer token is required", self._challenge(scope["path"], host)
        try:
            found = await self.known(token)
        except FleetError as exc:
            _log.error("no token can be checked: %s", exc)
            return 503, "tokens cannot be checked now; the server's log says why", [(b"retry-after", b"5")]
        if found is None:
            return 401, "the bearer token is not valid", self._challenge(scope["path"], host, "invalid_token")
        if role_in(found.scopes) is None:
            needed = f"{SCOPE}viewer"
            headers = self._challenge(scope["path"], host, "insufficient_scope", needed)
            return 403, f"the token has no role here: it needs the scope {needed} or more", headers
        scope["user"] = AuthenticatedUser(found)
        scope["auth"] = AuthCredentials(found.scopes)
        return None

    async def known(self, token: str) -> AccessToken | None:
        """Give what a token stands for now; None if it is not valid, or no longer."""
        return await self._verifier.verify_token(token) if len(token) <= _LONGEST else None

    @contextmanager
    def share(self, scope: MutableMapping[str, Any]) -> Iterator[bool]:
        """Take one of the places of whoever asks; gives whether there was one."""
        leave = self._places.take(principal_of(scope["user"].access_token).id, self._requests)
        if leave is None:
            yield False
            return
        try:
            yield True
        finally:
            leave()

    def metadata(self, path: str, host: str) -> bytes | None:
        """Give the metadata of a protected resource (RFC 9728) if `path` is where they are."""
        resource = path.removeprefix(METADATA)
        if not self._issuer or path == resource or resource not in self._endpoints:
            return None
        own = f"{self._base(host)}{resource}"
        # Clients ask for a token for what stands here: if the audience is this address or one above it, that is it.
        above = self._audience.rstrip("/")
        named = self._audience if self._public and f"{own}/".startswith(f"{above}/") else own
        return json.dumps(metadata(named, self._issuer)).encode()

    def _base(self, host: str) -> str:
        return self._public or f"{self._scheme}://{host}"

    def _challenge(self, path: str, host: str, error: str = "", needed: str = "") -> list[tuple[bytes, bytes]]:
        parts = ['realm="openmanager"']
        if error:
            parts.append(f'error="{error}"')
        if needed:
            parts.append(f'scope="{needed}"')
        if self._issuer:
            resource = path if path in self._endpoints else next(iter(self._endpoints), "")
            parts.append(f'resource_metadata="{self._base(host)}{METADATA}{resource}"')
        return [(b"www-authenticate", f"Bearer {', '.join(parts)}".encode("latin-1"))]


def bearer(header: str | None) -> str | None:
    """Take the token out of an ``Authorization`` header."""
    scheme, _, token = (header or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
