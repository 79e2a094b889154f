"""The network under the HTTP library: names are resolved here, addresses are checked, and a checked one is used."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import anyio
import httpcore2
from httpcore2 import AsyncNetworkBackend, AsyncNetworkStream
from httpcore2._backends.anyio import AnyIOStream

from openmanager_core.errors import NotAllowed
from openmanager_kit.web.addresses import Address, is_within, parsed, special_use
from openmanager_kit.web.failures import Malformed, TooLarge, Unreachable
from openmanager_kit.web.policy import WebPolicy

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host and a port to its addresses as text."""

_MOST_ADDRESSES = 32
_TRIED = 4
_END_OF_HEAD, _INTERIM = re.compile(rb"\r?\n\r?\n"), re.compile(rb"HTTP/1\.[01] 1(?!01)")
MOST_HEADER_BYTES = 64 * 1024
_MOST_HEADER_LINES, _MOST_INTERIM = 1_000, 20


async def system_resolver(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of a name."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class CheckedNetwork(AsyncNetworkBackend):
    """Connects only to addresses that the policy allows.

    One forbidden address among those of a name is enough to refuse the name: a public site has no reason to name a
    private address, and an attacker who mixes them wants the second try to go there.
    """

    def __init__(self, policy: WebPolicy, resolver: Resolver, proxy_authority: str = "") -> None:
        self._policy = policy
        self._resolver = resolver
        self._proxy = proxy_authority

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        """Resolve, check, and connect to what was checked."""
        with _as_timeout(), anyio.fail_after(timeout):
            addresses = await self.addresses(host, port)
            share_s = None if timeout is None else timeout / min(len(addresses), _TRIED)
            for address in addresses[: _TRIED - 1]:
                with contextlib.suppress(OSError), anyio.move_on_after(share_s):
                    return WatchedStream(await anyio.connect_tcp(str(address), port))
            try:
                return WatchedStream(await anyio.connect_tcp(str(addresses[-1]), port))
            except OSError:
                raise Unreachable(
                    f"{host} does not accept connections on port {port}", hint="check the address, or again later"
                ) from None

    async def addresses(self, host: str, port: int) -> list[Address]:
        """Give the addresses of a name, all of them allowed.

        Raises
        ------
        Unreachable
            If there are none.
        NotAllowed
            If one of them is not public, and the policy does not name its range.
        """
        bare = f"[{host}]" if ":" in host else host
        free = f"{bare}:{port}" in self._policy.named or f"{bare}:{port}" == self._proxy
        try:
            found = [parsed(text) for text in (await self._resolver(host, port))[:_MOST_ADDRESSES]]
        except (OSError, ValueError, UnicodeError):
            found = []
        if not found:
            raise Unreachable(f"{host} has no address", hint="check the name, and the network of this machine")
        for address in found:
            use = special_use(address)
            if use and not free and not is_within(address, self._policy.private):
                raise NotAllowed(
                    f"{host} is at a {use} address, which may not be read",
                    hint="a public address; the user can allow ranges in the profile (allow_private)",
                )
        # Families in turn, as RFC 8305 has it: a dead one costs one try.
        first = [address for address in found if address.version == found[0].version]
        other = [address for address in found if address.version != found[0].version]
        mixed = [address for pair in zip(first, other, strict=False) for address in pair]
        return list(dict.fromkeys([*mixed, *first, *other]))[:_TRIED]

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await anyio.sleep(seconds)


class WatchedStream(AnyIOStream):
    """A connection whose headers are judged before the HTTP library sees them.

    The library takes a header of many short lines, or thousands of interim answers, in one go, and everything else
    waits meanwhile.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._head: bytearray | None = bytearray()
        self._interim = 0

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send; what is read next begins with a header."""
        self._head, self._interim = bytearray(), 0
        await super().write(buffer, timeout)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Receive.

        Raises
        ------
        TooLarge
            If the header has too many bytes or lines.
        Malformed
            If interim answers go on and on.
        """
        data = await super().read(max_bytes, timeout)
        if self._head is not None:
            self._judge(data)
        return data

    def _judge(self, data: bytes) -> None:
        head = self._head
        assert head is not None
        head += data
        while (end := _END_OF_HEAD.search(head)) is not None:
            _judge_size(head[: end.end()])
            if not _INTERIM.match(head):
                self._head = None
                return
            self._interim += 1
            if self._interim > _MOST_INTERIM:
                raise Malformed("the server sends interim answers and no end", hint="another source")
            del head[: end.end()]
        _judge_size(head)

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> AsyncNetworkStream:
        """Go on in TLS, watched as well."""
        stream = await super().start_tls(ssl_context, server_hostname, timeout)
        assert isinstance(stream, AnyIOStream)
        return WatchedStream(stream._stream)


def _judge_size(head: bytearray) -> None:
    if len(head) > MOST_HEADER_BYTES or head.count(b"\n") > _MOST_HEADER_LINES:
        raise TooLarge(
            f"the header has more than {MOST_HEADER_BYTES} bytes or {_MOST_HEADER_LINES} lines", hint="another source"
        )


class _as_timeout:  # noqa: N801 - reads as a word
    """Turn the time-out of a scope into the library's."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, _: object) -> None:
        if isinstance(exc, TimeoutError):
            raise httpcore2.ConnectTimeout("connect") from exc


_CONTEXTS: dict[str, ssl.SSLContext] = {}


def tls_context(ca_file: str) -> ssl.SSLContext:
    """Give the process's context, which takes some 25 ms to make: certificates and names are always verified."""
    if ca_file not in _CONTEXTS:
        context = httpcore2.default_ssl_context()
        if ca_file:
            try:
                context.load_verify_locations(ca_file)
            except (OSError, ssl.SSLError):
                raise Unreachable("ca_file of the profile can not be read", hint="a file of PEM certificates") from None
        _CONTEXTS[ca_file] = context
    return _CONTEXTS[ca_file]
