"""Tokens of an OAuth issuer: this service as a resource server (RFC 9728), JWTs checked against its keys (RFC 9068).

The issuer, the audience and the time must be right, the algorithm one of those with a public key, and the role comes
from the scopes ``openmanager:viewer``, ``openmanager:operator`` or ``openmanager:admin``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

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
        local = jwks_url.startswith(("http://127.0.0.1", "http://localhost", "http://[::1]"))
        if not jwks_url.startswith("https://") and not local:
            raise ConfigError(f"access.jwks_url must be an https address, got {jwks_url!r}")
        self.issuer = issuer
        self._audience = audience
        self._jwks_url = jwks_url
        self._turn: anyio.Lock | None = None

    @cached_property
    def _keys(self) -> Any:
        import jwt

        return jwt.PyJWKClient(self._jwks_url, cache_keys=True, lifespan=300, timeout=_PATIENCE_S)

    async def verify_token(self, token: str) -> AccessToken | None:
        """Check signature, issuer, audience and time; None for whatever is wrong, and the log says what kind."""
        if token.count(".") != 2 or len(token) > _LONGEST:
            return None
        if self._turn is None:
            self._turn = anyio.Lock()
        async with self._turn:  # one read of the keys, however many ask at once
            claims = await anyio.to_thread.run_sync(self._claims, token)
        if claims is None:
            return None
        expires = claims["exp"]
        return AccessToken(
            token="",
            client_id=str(claims.get("client_id") or claims.get("azp") or claims["sub"]),
            scopes=[scope for scope in _scopes(claims) if scope.startswith(SCOPE)],
            expires_at=int(expires),
            resource=self._audience,
            subject=str(claims["sub"]),
            claims={"iss": self.issuer},
        )

    def _claims(self, token: str) -> Mapping[str, Any] | None:
        import jwt

        try:
            key = self._keys.get_signing_key_from_jwt(token)
            claims: Mapping[str, Any] = jwt.decode(
                token, key.key, algorithms=list(ALGORITHMS), issuer=self.issuer, audience=self._audience,
                leeway=_LEEWAY_S, options={"require": ["exp", "iss", "aud", "sub"]},
            )  # fmt: skip
            return claims
        except jwt.PyJWKClientConnectionError:
            _log.error("the issuer's keys cannot be read from access.jwks_url")
        except jwt.PyJWTError as exc:
            _log.info("an access token was refused: %s", type(exc).__name__)
        return None


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
