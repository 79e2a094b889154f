"""Three roles, each with everything of the one before: a viewer reads, an operator writes, an admin configures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken

Role = Literal["viewer", "operator", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
SCOPE = "openmanager:"
"""A scope is this and the name of a role, in our own tokens and in those of an OAuth issuer."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    Attributes
    ----------
    id
        Unique among those who may ask: a token's id, or issuer and subject.
    """

    id: str
    role: Role | None

    def may(self, needed: Role) -> bool:
        """Tell whether this role is enough."""
        return self.role is not None and ROLES.index(self.role) >= ROLES.index(needed)


LOCAL = Principal("local", "admin")
"""Whoever started the process and holds the other end of its pipes."""


def role_in(scopes: Iterable[str]) -> Role | None:
    """Give the highest role among scopes; None if they name none."""
    named = [role for role in ROLES if f"{SCOPE}{role}" in scopes]
    return named[-1] if named else None


def principal_of(token: AccessToken) -> Principal:
    """Name who a token stands for."""
    issuer = (token.claims or {}).get("iss")
    who = token.subject or token.client_id
    return Principal(f"{issuer}#{who}" if issuer else who, role_in(token.scopes))


def asking() -> Principal:
    """Give who asks in the call under way; without a token it is `LOCAL`, as an open server binds to loopback only."""
    token = get_access_token()
    return LOCAL if token is None else principal_of(token)
