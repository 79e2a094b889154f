"""Tokens of an OAuth issuer: this service as a resource server (RFC 9728), JWTs checked against its keys (RFC 9068).

The issuer, the audience and the time must be right, the algorithm one of those with a public key, and the role comes
from the scopes ``openmanager:viewer``, ``openmanager:operator`` or ``openmanager:admin``.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
from mcp.server.auth.provider import AccessToken

from openmanager_core.errors import ConfigError
from openmanager_kit.access.roles import ROLES, SCOPE

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
METADATA = "/.well-known/oauth-protected-resource"
_LONGEST = 16 * 1024
_PATIENCE_S = 5.0
_LEEWAY_S = 30
_KEYS_S = 300.0
_ASK_AGAIN_S = 10.0
_LONGEST_AWAY_S = 3600.0
_MOST_REMEMBERED = 10_000
_log = logging.getLogger(__name__)


class IssuerTokens:
    """Checks the access tokens of one issuer.

    Parameters
    ----------
    issuer, audience
        What ``iss`` and ``aud`` must say; a token for another resource is not accepted.
    jwks_url
        Where the issuer's public keys are; read when first needed and again when a key is not known.
    """

    def __init__(self, issuer: str, audience: str, jwks_url: str) -> None:
        if not issuer or not audience or not jwks_url:
            raise ConfigError("access.issuer, access.audience and access.jwks_url belong together: set all three")
        address = urlsplit(jwks_url)
        local = address.scheme == "http" and address.hostname in ("127.0.0.1", "localhost", "::1")
        if not (address.scheme == "https" and address.hostname) and not local:
            raise ConfigError(f"access.jwks_url must be an https address, got {jwks_url!r}")
        self.issuer = issuer
        self._audience = audience
        self._jwks_url = jwks_url
        self._turn: anyio.Lock | None = None
        self._seen: dict[bytes, AccessToken] = {}
        self._read_s = float("-inf")
        self._known: dict[str, Any] = {}
        self._asked_s = float("-inf")

    async def verify_token(self, token: str) -> AccessToken | None:
        """Check signature, issuer, audience and time; None for whatever is wrong, and the log says what kind."""
        if token.count(".") != 2 or len(token) > _LONGEST:
            return None
        name = hashlib.sha256(token.encode()).digest()
        seen, now = self._seen.get(name), time.time()
        if seen is not None and (seen.expires_at or 0) > now and self._fresh():
            return seen
        claims = await self._claims(token)
        if claims is None:
            self._seen.pop(name, None)
            return None
        # Who holds it, said the same way for each of the tokens that are made for them, hour after hour.
        found = AccessToken(
            token="",
            client_id=str(claims.get("client_id") or claims.get("azp") or claims["sub"]),
            scopes=[scope for scope in _scopes(claims) if scope.startswith(SCOPE)],
            expires_at=int(claims["exp"]) + _LEEWAY_S,
            resource=self._audience,
            subject=str(claims["sub"]),
            claims={"iss": self.issuer},
        )
        if len(self._seen) >= _MOST_REMEMBERED:
            self._seen.clear()
        self._seen[name] = found
        return found

    def _fresh(self) -> bool:
        return time.monotonic() - self._read_s < _KEYS_S

    async def _claims(self, token: str) -> Mapping[str, Any] | None:
        import jwt

        try:
            ident = jwt.get_unverified_header(token).get("kid")
            key = await self._key(ident if isinstance(ident, str) else "")
            if key is None:
                _log.info("an access token was refused: signed with a key that the issuer does not name")
                return None
            claims: Mapping[str, Any] = jwt.decode(
                token, key.key, algorithms=list(ALGORITHMS), issuer=self.issuer, audience=self._audience,
                leeway=_LEEWAY_S, options={"require": ["exp", "iss", "aud", "sub"]},
            )  # fmt: skip
            return claims
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as exc:
            _log.info("an access token was refused: %s", type(exc).__name__)
        return None

    async def _key(self, ident: str) -> Any:
        """Find a key; the issuer is asked when what we have is old or the key is new, but not for each forgery."""
        if self._turn is None:
            self._turn = anyio.Lock()
        if self._stale(ident):
            async with self._turn:  # one read, however many wait for it
                if self._stale(ident):
                    await anyio.to_thread.run_sync(self._read)
        if not ident and len(self._known) == 1:
            return next(iter(self._known.values()))
        return self._known.get(ident)

    def _stale(self, ident: str) -> bool:
        wanted = not self._fresh() or (bool(ident) and ident not in self._known)
        return wanted and time.monotonic() - self._asked_s > _ASK_AGAIN_S

    def _read(self) -> None:
        import jwt

        self._asked_s = time.monotonic()
        try:
            client = jwt.PyJWKClient(self._jwks_url, cache_jwk_set=False, timeout=_PATIENCE_S)
            self._known = {str(key.key_id): key for key in client.get_signing_keys()}
            self._read_s = time.monotonic()
        except (jwt.PyJWTError, OSError, ValueError) as exc:
            # What was known stays in use for a while: an issuer that is away must not end everybody's work at once.
            if time.monotonic() - self._read_s > _LONGEST_AWAY_S:
                self._known = {}
            _log.error("the issuer's keys cannot be read from access.jwks_url: %s", type(exc).__name__)


def metadata(resource: str, issuer: str) -> dict[str, Any]:
    """Describe this resource for clients that look for its authorization server (RFC 9728, section 2)."""
    return {
        "resource": resource,
        "authorization_servers": [issuer],
        "scopes_supported": [f"{SCOPE}{role}" for role in ROLES],
        "bearer_methods_supported": ["header"],
    }


def _scopes(claims: Mapping[str, Any]) -> Iterable[str]:
    said = claims.get("scope") or claims.get("scp") or ()
    return said.split() if isinstance(said, str) else [str(one) for one in said]
