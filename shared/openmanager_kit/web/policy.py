"""What may be asked for, and how much of it: the address as written is judged here, before anything is resolved."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv6Address
from urllib.parse import SplitResult, quote, urlsplit

from openmanager_core.errors import ConfigError, InvalidRequest, NotAllowed
from openmanager_core.text import quoted
from openmanager_kit.web.addresses import Network, networks

DEFAULT_PORTS = {"http": 80, "https": 443}
_MOST_URL = 8_192
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)")
_DOTTED = re.compile(r"(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}")
_FORBIDDEN = re.compile("[\x00-\x20\x7f\\\\]")
_KEPT_PATH, _KEPT_QUERY = "/%:@!$&'()*+,;=~-._|", "/%:@!$&'()*+,;=~-._?|[]{}^`"


@dataclass(frozen=True, slots=True)
class WebLimits:
    """How much one request may bring, and how long it may take.

    Attributes
    ----------
    ratio
        Most expanded bytes for each byte on the wire, beyond the first 64 KiB expanded.
    first_byte_s
        Until the whole header of an answer is there.
    """

    header_bytes: int = 64 * 1024
    wire_bytes: int = 8 * 1024 * 1024
    body_bytes: int = 16 * 1024 * 1024
    ratio: int = 200
    connect_s: float = 8.0
    first_byte_s: float = 12.0
    between_s: float = 8.0
    total_s: float = 25.0
    redirects: int = 5


@dataclass(frozen=True)
class WebPolicy:
    """Whom a client may speak to.

    Attributes
    ----------
    allow_private
        Ranges, as a user writes them, that may be connected to although they are not public.
    ports
        Allowed beside 80 and 443.
    named
        ``host:port`` of servers that the user named in the configuration: any address, any port.
    proxy
        Address of an HTTP proxy, or ``env`` for the usual variables; with one, the proxy connects and not we.
    ca_file
        Certificates to trust beside the system's.
    """

    allow_private: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    named: frozenset[str] = frozenset()
    proxy: str = ""
    ca_file: str = ""
    user_agent: str = "OpenManager-MCP/1.0"
    limits: WebLimits = field(default_factory=WebLimits)

    def __post_init__(self) -> None:
        try:
            networks(self.allow_private)
        except ValueError as exc:
            raise ConfigError(f"allow_private holds what is no range of addresses: {exc}") from exc
        if self.proxy and self.proxy != "env":
            try:
                target_of(self.proxy)
            except InvalidRequest as exc:
                raise ConfigError(f"proxy must be env or an http address without credentials: {exc.message}") from exc

    @cached_property
    def private(self) -> tuple[Network, ...]:
        """The ranges of `allow_private`."""
        return networks(self.allow_private)

    @classmethod
    def naming(cls, *urls: str, user_agent: str = "OpenManager-MCP/1.0", ca_file: str = "") -> WebPolicy:
        """Make a policy for servers that the user named: they may be anywhere; where they redirect to may not.

        Raises
        ------
        ConfigError
            If one is no address.
        """
        try:
            named = frozenset(target_of(url).authority for url in urls)
        except InvalidRequest as exc:
            raise ConfigError(f"not an address that can be used: {exc.message}") from exc
        return cls(named=named, user_agent=user_agent, ca_file=ca_file)

    def check(self, target: Target) -> None:
        """Refuse a port that nobody named.

        Raises
        ------
        NotAllowed
        """
        if target.port in (80, 443) or target.port in self.ports or target.authority in self.named:
            return
        raise NotAllowed(
            f"url names port {target.port}; allowed are {', '.join(map(str, sorted({80, 443, *self.ports})))}",
            hint="an address on the usual port; the user can allow ports in the profile",
        )


@dataclass(frozen=True, slots=True)
class Target:
    """An address in the one form that is sent: lower-case ASCII host, explicit port, quoted path."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """``host:port``."""
        return f"{self._host}:{self.port}"

    @property
    def _host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def host_header(self) -> str:
        """As sent: without the scheme's own port."""
        return self._host if self.port == DEFAULT_PORTS[self.scheme] else self.authority

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.host_header}"

    @property
    def url(self) -> str:
        """The whole address."""
        return self.origin + self.path


def target_of(url: str) -> Target:
    """Read an address.

    Raises
    ------
    InvalidRequest
        If it is none, is not http or https, or holds credentials.
    """
    text = url.strip(" \t\r\n")
    if not text or len(text) > _MOST_URL:
        raise InvalidRequest(
            f"url must have 1 to {_MOST_URL} characters, got {len(text)}", hint="a whole http or https address"
        )
    if _FORBIDDEN.search(text):
        raise InvalidRequest(
            f"url holds a space, a backslash or a control character: {quoted(text)}", hint="write it as %20 or the like"
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _no_address(text) from None
    scheme = parts.scheme.lower()
    if scheme not in DEFAULT_PORTS:
        raise InvalidRequest(
            f"url must begin with http:// or https://, got {quoted(text, 80)}", hint=f"https://{text}"[:200]
        )
    if "@" in parts.netloc:
        raise InvalidRequest("url holds a user name or password", hint="the address without them")
    if port == 0:
        raise InvalidRequest("url names port 0", hint="the address without a port")
    host = _host_of(parts, text)
    path = quote(parts.path or "/", safe=_KEPT_PATH, errors="replace")
    query = f"?{quote(parts.query, safe=_KEPT_QUERY, errors='replace')}" if parts.query else ""
    return Target(scheme, host, port or DEFAULT_PORTS[scheme], path + query)


def _no_address(text: str) -> InvalidRequest:
    return InvalidRequest(f"url is no address: {quoted(text, 80)}", hint="https://host/path")


def _host_of(parts: SplitResult, text: str) -> str:
    host = parts.hostname or ""
    if "[" in parts.netloc:
        if "%" in host:
            raise InvalidRequest("url holds an IPv6 address with a zone", hint="the address without the zone")
        try:
            return str(IPv6Address(host))
        except ValueError:
            raise _no_address(text) from None
    if not host.isascii():
        import idna

        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError:
            raise _no_address(text) from None
    host = host.lower().removesuffix(".")
    if not host or len(host) > 253 or not _HOST.fullmatch(host) or any(len(label) > 63 for label in host.split(".")):
        raise _no_address(text)
    # What ends in a number is an IPv4 address to every browser and resolver, in forms that few people can read.
    if _NUMBER.fullmatch(host.rpartition(".")[2]) and not (
        _DOTTED.fullmatch(host) and all(int(number) < 256 for number in host.split("."))
    ):
        raise InvalidRequest(
            f"url names an IPv4 address in an unusual form: {quoted(host, 80)}", hint="four decimal numbers"
        )
    return host
