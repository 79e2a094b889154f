"""One GET, within bounds: resolved, checked, followed, limited in bytes and time, and undone when nobody waits."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import anyio
import anyio.lowlevel
import anyio.to_thread

from openmanager_core.errors import FleetError, InvalidRequest, NotAllowed, NotFound
from openmanager_core.text import quoted
from openmanager_kit.web.failures import Blocked, Malformed, RateLimited, Refused, TimedOut, TooLarge, Unreachable
from openmanager_kit.web.policy import Target, WebLimits, WebPolicy, target_of
from openmanager_kit.web.unpacking import ACCEPTED, Unpacker, too_large

if TYPE_CHECKING:
    from openmanager_kit.web.wire import Resolver

_REDIRECTS = (301, 302, 303, 307, 308)
_FOLLOWING = ("accept", "accept-language", "user-agent")
_CONNECTIONS, _KEPT, _KEEP_S = 64, 16, 15.0
_SLICE_S = 0.005
"""After so long without a pause others get their turn."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer, whatever its status.

    Attributes
    ----------
    url
        The address that answered, after redirects.
    headers
        Names in lower case; of a repeated one the values joined by commas.
    body
        Decompressed.
    """

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def retry_after_s(self) -> float | None:
        """How long the site asks to wait, in seconds; None if it does not say."""
        return retry_after_s(self.headers.get("retry-after", ""))

    def ensure_ok(self) -> Page:
        """Give itself if the status says success.

        Raises
        ------
        NotFound, Blocked, RateLimited, Unreachable, Refused
            By status; see `failures`.
        """
        if 200 <= self.status < 300:
            return self
        wait_s = self.retry_after_s
        host = target_of(self.url).host
        said = f"{host} answered with status {self.status}"
        if self.status == 429 or (self.status == 503 and wait_s is not None):
            wait = "" if wait_s is None else f"; it asks to wait {wait_s:g} s"
            hint = "another source" if wait_s is None else f"again in {wait_s:g} s, or another source"
            raise RateLimited(said + wait, hint=hint, retry_after_s=wait_s)
        if self.status in (404, 410):
            raise NotFound(f"{said}: there is no such page", hint="check the address, or search for the page")
        if self.status in (401, 402, 403, 407, 451):
            raise Blocked(f"{said}: it does not show this page to us", hint="another source for the same")
        if self.status >= 500:
            raise Unreachable(f"{said}: it does not work at the moment", hint="again later, or another source")
        raise Refused(said, hint="another address")


def retry_after_s(value: str) -> float | None:
    """Read a ``Retry-After`` header: seconds, or a date; None for anything else."""
    value = value.strip()
    if value.isascii() and value.isdigit() and len(value) <= 9:
        return float(value)
    if not value:
        return None
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, round(parsedate_to_datetime(value).timestamp() - time.time(), 0))
    except (ValueError, TypeError, OverflowError):
        return None


class WebClient:
    """Asks servers for pages; keeps connections and the TLS context for the next page.

    Parameters
    ----------
    policy
        Whom it may speak to, and how much it takes.
    resolver
        Replaces the system's.
    """

    def __init__(self, policy: WebPolicy | None = None, *, resolver: Resolver | None = None) -> None:
        self.policy = policy or WebPolicy()
        self._resolver = resolver
        self._pools: dict[str, Any] = {}

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        limits: WebLimits | None = None,
        before: Callable[[Target], Awaitable[None]] | None = None,
    ) -> Page:
        """Get a page, through at most five redirects.

        Parameters
        ----------
        headers
            Sent as well. Those that may hold secrets stay behind when a redirect leaves the origin.
        before
            Awaited before each request, the redirected ones too; what it raises ends the call.

        Raises
        ------
        InvalidRequest, NotAllowed
            If the address, or one that it redirects to, may not be asked for.
        Unreachable, TimedOut, TooLarge, Malformed
            If no whole answer came. A status that is no success is an answer: see `Page.ensure_ok`.
        """
        limits = limits or self.policy.limits
        given = {name.lower(): value for name, value in (headers or {}).items()}
        target = first = target_of(url)
        with anyio.move_on_after(limits.total_s):
            for _ in range(limits.redirects + 1):
                self.policy.check(target)
                if target.origin != first.origin:
                    given = {name: value for name, value in given.items() if name in _FOLLOWING}
                if before is not None:
                    await before(target)
                page = await self._once(target, given, limits)
                location = page.headers.get("location", "")
                if page.status not in _REDIRECTS or not location:
                    return page
                target = _redirected(target, location)
            raise Refused(
                f"{first.host} redirects more than {limits.redirects} times", hint="the address that it should lead to"
            )
        raise TimedOut(
            f"{target.host} did not finish within {limits.total_s:g} s", hint="again later, or another source"
        )

    async def aclose(self) -> None:
        """Close the connections."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.aclose()

    async def _once(self, target: Target, given: Mapping[str, str], limits: WebLimits) -> Page:
        if "httpcore2" not in sys.modules:  # 80 ms that need not hold up anybody else
            await anyio.to_thread.run_sync(importlib.import_module, "openmanager_kit.web.wire")
        import httpcore2

        pool = await self._pool(target.scheme)
        sent = {"user-agent": self.policy.user_agent, "accept": "*/*", **given}
        sent |= {"host": target.host_header, "accept-encoding": ACCEPTED}
        request = httpcore2.Request(
            "GET",
            httpcore2.URL(
                scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
            ),
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()],
            extensions={
                "timeout": {
                    "connect": limits.connect_s, "read": limits.between_s,
                    "write": limits.between_s, "pool": limits.total_s,
                }
            },
        )  # fmt: skip
        try:
            with anyio.fail_after(limits.connect_s + limits.first_byte_s):
                response = await pool.handle_async_request(request)
            try:
                return await _page(target, response, limits)
            finally:
                with anyio.CancelScope(shield=True):
                    await response.aclose()
        except (TimeoutError, httpcore2.TimeoutException):
            raise TimedOut(f"{target.host} was silent for too long", hint="again later, or another source") from None
        except httpcore2.ProtocolError as exc:
            if "too long" in str(exc):
                raise TooLarge(f"{target.host} sends too long a header", hint="another source") from None
            raise Malformed(f"{target.host} does not answer in HTTP, or not to the end", hint="again later") from None
        except httpcore2.NetworkError as exc:
            if _is_tls(exc):
                raise Unreachable(
                    f"the TLS certificate of {target.host} can not be verified, or it speaks no TLS",
                    hint="check the address; the user can name further certificates in the profile (ca_file)",
                ) from None
            raise Unreachable(f"the connection to {target.host} broke", hint="again later") from None
        except (httpcore2.ProxyError, httpcore2.UnsupportedProtocol):
            raise Unreachable("the proxy refuses to connect", hint="check the proxy in the profile") from None

    async def _pool(self, scheme: str) -> Any:
        """Make the connections' pool of a scheme at its first use: the TLS context is only for https."""
        if scheme in self._pools:
            return self._pools[scheme]
        import httpcore2

        from openmanager_kit.web.wire import CheckedNetwork, system_resolver, tls_context

        context = await anyio.to_thread.run_sync(tls_context, self.policy.ca_file) if scheme == "https" else None
        if scheme in self._pools:  # somebody else was quicker
            return self._pools[scheme]
        proxy = self._proxy(scheme)
        authority = target_of(proxy).authority if proxy else ""
        self._pools[scheme] = httpcore2.AsyncConnectionPool(
            ssl_context=context,
            proxy=httpcore2.Proxy(proxy) if proxy else None,
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_KEPT,
            keepalive_expiry=_KEEP_S,
            network_backend=CheckedNetwork(self.policy, self._resolver or system_resolver, authority),
        )
        return self._pools[scheme]

    def _proxy(self, scheme: str) -> str:
        if self.policy.proxy != "env":
            return self.policy.proxy
        from urllib.request import getproxies

        found = getproxies().get(scheme, "")
        try:
            return found and target_of(found).url
        except InvalidRequest:
            raise Unreachable(
                f"the variable {scheme}_proxy holds no http address without credentials", hint="proxy in the profile"
            ) from None


def _redirected(target: Target, location: str) -> Target:
    """Judge where a redirect leads.

    Raises
    ------
    FleetError
        If it leads nowhere, or from https to http: what was safe from being changed on its way must stay so.
    """
    try:
        following = target_of(urljoin(target.url, location.encode("latin-1").decode("utf-8", "replace")))
    except (ValueError, InvalidRequest) as exc:
        why = exc.message if isinstance(exc, FleetError) else "no address"
        raise Refused(
            f"{target.host} redirects to {quoted(location, 80)}, which can not be followed ({why})",
            hint="another address",
        ) from None
    if target.scheme == "https" and following.scheme == "http":
        raise NotAllowed(
            f"{target.host} redirects from https to http", hint=f"{quoted(following.url, 200)} if that is meant"
        )
    return following


def _is_tls(exc: BaseException | None) -> bool:
    import ssl

    while exc is not None:
        if isinstance(exc, ssl.SSLError):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


async def _page(target: Target, response: Any, limits: WebLimits) -> Page:
    raw = response.headers
    if sum(len(name) + len(value) for name, value in raw) > limits.header_bytes:
        raise TooLarge(f"{target.host} sends more than {limits.header_bytes} bytes of header", hint="another source")
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    if response.status in _REDIRECTS and "location" in headers:
        return Page(response.status, target.url, headers, b"")
    length = headers.get("content-length", "")
    if length.isdigit() and int(length[:18]) > limits.wire_bytes:
        raise too_large(limits.wire_bytes)
    unpacker = Unpacker(headers.get("content-encoding", ""), limits)
    body = bytearray()
    paused_s = time.monotonic()
    async for data in response.aiter_stream():
        for piece in unpacker.feed(data):
            body += piece
            if time.monotonic() - paused_s > _SLICE_S:
                await anyio.lowlevel.checkpoint()
                paused_s = time.monotonic()
        if time.monotonic() - paused_s > _SLICE_S:
            await anyio.lowlevel.checkpoint()
            paused_s = time.monotonic()
    unpacker.finish()
    return Page(response.status, target.url, headers, bytes(body))
