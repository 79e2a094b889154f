"""Access as a profile wants it: which tokens count, what guards each tool, and whether a trail is kept."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openmanager_core.errors import ConfigError, StorageUnavailable
from openmanager_kit.access.crew import Crew
from openmanager_kit.access.entrance import Entrance
from openmanager_kit.access.gate import Gate, may_see
from openmanager_kit.access.oauth import IssuerTokens
from openmanager_kit.access.places import OwnPlaces, Places
from openmanager_kit.access.rates import Buckets, OwnBuckets, Rates
from openmanager_kit.access.tokens import TokenStore
from openmanager_kit.access.verifying import AnyOf, OwnTokens, SharedToken, Verifier
from openmanager_kit.profile import AccessSettings, HttpSettings, Profile

if TYPE_CHECKING:
    from openmanager_kit.access.trail import Trail
    from openmanager_kit.hosting.members import Member
    from openmanager_kit.server import OpenManagerServer

_SHORTEST_TOKEN = 16
_BURST_S = 10
"""So many seconds' worth of calls may come at once after a pause."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Access:
    """Who may do what over HTTP.

    Attributes
    ----------
    verifier
        Knows the tokens; None lets everybody in, who then may do everything.
    trail
        Where calls are written down; None if nowhere.
    crew
        Which of several workers this is, that count together; None if it is the only one.
    """

    verifier: Verifier | None = None
    settings: AccessSettings = field(default_factory=AccessSettings)
    trail: Trail | None = None
    crew: Crew | None = None
    _gate: Gate | None = None

    def protect(self, server: OpenManagerServer) -> None:
        """Let only those call a tool of this server who may, and write down who did; a gateway's members too."""
        if self.verifier is None:
            return
        for member in getattr(server, "members", ()):
            self._protect_member(member)
        if self._gate is None:
            said = self.settings
            self._gate = Gate(
                self._rates("principal", said.calls_per_minute), self._rates("tool", said.calls_per_tool_per_minute)
            )
        server.may_see = may_see
        watchers = [self._gate]
        if self.trail is not None:
            # Refusals are seen too, and a change is announced only after it was allowed.
            watchers = [self.trail.outcome, self._gate, self.trail.announcement]  # type: ignore[list-item]
        server.watchers.extend(watchers)

    def _protect_member(self, member: Member) -> None:
        """Protect a member, also one that is built later: before anybody can call it."""
        build = member.build

        def protected() -> OpenManagerServer:
            server = build()
            self.protect(server)
            return server

        member.build = protected
        if member.server is not None:
            self.protect(member.server)

    def entrance(self, endpoints: Collection[str], *, tls: bool) -> Entrance | None:
        """Give what checks the requests; None if nobody has to show a token."""
        if self.verifier is None:
            return None
        said = self.settings
        return Entrance(
            self.verifier, endpoints=endpoints, issuer=said.issuer, audience=said.audience, requests=said.requests,
            places=self._places(), tls=tls,
        )  # fmt: skip

    def _rates(self, name: str, per_minute: int) -> Rates:
        buckets: Buckets = OwnBuckets()
        if self.crew is not None and per_minute:
            from openmanager_kit.access.shared_buckets import SharedBuckets

            try:
                buckets = SharedBuckets(self.crew.folder / f"rates-{name}")
            except StorageUnavailable as exc:
                _log.warning("each worker counts alone: %s", exc)
        return Rates(per_minute, burst=max(1, per_minute * _BURST_S // 60), buckets=buckets)

    def _places(self) -> Places:
        if self.crew is not None:
            from openmanager_kit.access.shared_places import SharedPlaces

            try:
                return SharedPlaces(self.crew.folder / "requests", self.crew.number, self.crew.workers)
            except StorageUnavailable as exc:
                _log.warning("each worker counts alone: %s", exc)
        return OwnPlaces()

    async def aclose(self) -> None:
        """Write down what is left to write."""
        if self.trail is not None:
            await self.trail.aclose()


def access_of(profile: Profile, environ: Mapping[str, str], crew: Crew | None = None) -> Access:
    """Make what a profile wants, for one of several workers if there is a crew.

    Raises
    ------
    ConfigError
        If the settings do not go together, or the shared token cannot be had.
    """
    said, verifiers = profile.access, list[Verifier]()
    shared = shared_token(profile.http, environ)
    if shared:
        verifiers.append(SharedToken(shared))
    if said.tokens:
        verifiers.append(OwnTokens(TokenStore(profile.home)))
    if said.issuer or said.audience or said.jwks_url:
        verifiers.append(IssuerTokens(said.issuer, said.audience, said.jwks_url))
    if not verifiers:
        return Access(settings=said)
    trail = None
    if said.audit:
        from openmanager_kit.access.trail import Trail

        trail = Trail(profile.home, keep_s=said.audit_days * 86_400.0)
    return Access(AnyOf(verifiers), said, trail, crew)


def shared_token(settings: HttpSettings, environ: Mapping[str, str]) -> str:
    """Read the shared bearer token from the variable that the settings name; empty for none.

    Raises
    ------
    ConfigError
        If the variable is not set or what it holds is too short to be a secret.
    """
    if not settings.token_env:
        return ""
    token = environ.get(settings.token_env, "").strip()
    if len(token) < _SHORTEST_TOKEN:
        state = "is not set" if not token else f"holds fewer than {_SHORTEST_TOKEN} characters"
        raise ConfigError(f"http.token_env names {settings.token_env}, which {state}")
    return token
