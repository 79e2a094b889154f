"""What stands between the network and a server: who may ask, how much, and how slowly.

Every route is behind it. The SDK's own checks cover its endpoint only, and fall silent for ``0.0.0.0``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping
from contextlib import nullcontext
from typing import Any

import anyio
import anyio.to_thread
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from openmanager_core.errors import FleetError
from openmanager_kit.access.entrance import Entrance, Refusal, bearer
from openmanager_kit.access.oauth import METADATA
from openmanager_kit.hosting.impatience import GONE
from openmanager_kit.hosting.short_posts import BODY

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
QUICK = "openmanager.quick"
"""In a request's scope: only its answer is wanted, and the request is cancelled when its client leaves."""
_OPEN_PATHS = ("/healthz",)
_SMALL = 64 * 1024
_LOOK_AGAIN_S = 1.0


class Guard:
    """An ASGI application around another one.

    Parameters
    ----------
    hosts
        Accepted ``Host`` names, with or without a port; without one, any port is.
    origins
        Accepted ``Origin`` values, written like ``https://ops.example.com``; without a port, any port is.
        Requests without an ``Origin`` do not come from a browser and pass.
    entrance
        Checks bearer tokens; None lets everybody in.
    on_close
        Awaited when the application has ended.
    body_bytes, body_s
        Largest request body and the time it may take to arrive.
    requests, share
        Requests in progress at a time, and the part of them that one path may take; more are told to come back.
    post_only
        Refuse anything but POST, where there are no sessions to open a stream for, except for `readable` paths.
    """

    def __init__(
        self,
        app: App,
        *,
        hosts: Iterable[str],
        origins: Iterable[str],
        entrance: Entrance | None = None,
        on_close: Callable[[], Awaitable[None]] | None = None,
        body_bytes: int = 4 * 1024 * 1024,
        body_s: float = 20.0,
        requests: int = 2048,
        share: float = 1.0,
        post_only: bool = True,
        readable: Collection[str] = (),
    ) -> None:
        self._app: App = app if entrance is None else AuthContextMiddleware(app)
        self._entrance = entrance
        self._on_close = on_close
        self._open: dict[anyio.CancelScope, str] = {}
        self._hosts = {host.lower() for host in hosts}
        self._origins = {origin.lower().rstrip("/") for origin in origins}
        self._body_bytes = body_bytes
        self._body_s = body_s
        self._requests = requests
        self._post_only = post_only
        self._readable = frozenset(readable)
        self._in_progress = 0
        self._most_of_a_path = max(1, int(requests * share))
        self._paths: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no other protocol is offered; the server closes the connection
        refusal = self._refusal(scope)
        if refusal is not None:
            await _answer(send, *refusal)
            return
        if self._in_progress >= self._requests:
            await _answer(send, 503, f"{self._in_progress} requests are in progress already", [(b"retry-after", b"1")])
            return
        path = scope["path"]
        if self._paths[path] >= self._most_of_a_path:
            text = f"{self._paths[path]} requests are in progress at this path already"
            await _answer(send, 503, text, [(b"retry-after", b"1")])
            return
        self._in_progress += 1
        self._paths[path] += 1
        try:
            await self._enter(scope, receive, send)
        finally:
            self._in_progress -= 1
            self._paths[path] -= 1
            if not self._paths[path]:  # paths are the clients' to choose
                del self._paths[path]

    async def _enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask for the token where one is wanted, and keep looking whether it is still valid."""
        host, authorization = _only(scope, b"host") or "", _only(scope, b"authorization")
        entrance, path = self._entrance, scope["path"]
        if entrance is not None and path.startswith(METADATA) and scope["method"] in ("GET", "HEAD"):
            told = entrance.metadata(path, host)
            await (_answer(send, 404, "there is nothing at this path") if told is None else _send_json(send, 200, told))
            return
        asked = entrance is not None and path not in _OPEN_PATHS
        if entrance is not None and asked:
            refusal = await entrance.refusal(scope, authorization, host)
            if refusal is not None:
                await _answer(send, *refusal)
                return
        if self._post_only and scope["method"] != "POST" and path not in (*_OPEN_PATHS, *self._readable):
            await _answer(send, 405, "only POST is served here", [(b"allow", b"POST")])
            return
        with entrance.share(scope) if entrance is not None and asked else nullcontext(True) as there_is_room:
            if not there_is_room:
                said = "this token has too many requests in progress already (setting access.requests)"
                await _answer(send, 429, said, [(b"retry-after", b"1")])
                return
            if not asked:
                await self._pass(scope, receive, send)
                return
            begun = False

            async def sending(message: Message) -> None:
                nonlocal begun
                begun = True
                await send(message)

            with anyio.CancelScope() as open_for:
                self._open[open_for] = bearer(authorization) or ""
                try:
                    await self._pass(scope, receive, sending)
                finally:
                    del self._open[open_for]
            if open_for.cancelled_caught and not begun:
                await _answer(send, 401, "the bearer token is no longer valid", _CLOSE)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Live as long as the application, and end what is open for tokens that were taken back or ran out."""
        try:
            async with anyio.create_task_group() as group:
                if self._entrance is not None:
                    group.start_soon(self._look_again, self._entrance)
                await self._app(scope, receive, send)
                group.cancel_scope.cancel()
        finally:
            if self._on_close is not None:
                with anyio.CancelScope(shield=True):
                    await self._on_close()

    async def _look_again(self, entrance: Entrance) -> None:
        while True:
            await anyio.sleep(_LOOK_AGAIN_S)
            before = list(self._open.items())
            for token in {token for _, token in before}:
                try:
                    valid = await entrance.known(token) is not None
                except FleetError:
                    continue  # the next request says so in the log
                if not valid:
                    for open_for, whose in before:
                        if whose == token:
                            open_for.cancel()

    def _refusal(self, scope: Scope) -> Refusal | None:
        host = _only(scope, b"host")
        if host is None or not _listed(host, self._hosts):
            return 421, "Host is not one that this server answers to (setting http.allowed_hosts)", []
        origins = _all(scope, b"origin")
        if origins and (len(origins) > 1 or not _listed(origins[0], self._origins)):
            return 403, "Origin is not allowed (setting http.allowed_origins)", []
        return None

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        length = _only(scope, b"content-length")
        if length is not None and length.isdigit() and int(length) > self._body_bytes:
            await _answer(send, 413, f"the body is longer than {self._body_bytes} bytes")
            return
        try:
            with anyio.fail_after(self._body_s):
                body = await self._body(receive)
        except TimeoutError:
            await _answer(send, 408, f"the body did not arrive within {self._body_s:g} s", _CLOSE)
            return
        if body is None:
            return  # the client has gone
        if len(body) > self._body_bytes:
            await _answer(send, 413, f"the body is longer than {self._body_bytes} bytes", _CLOSE)
            return
        try:
            scope[BODY] = _decoded(body) if len(body) <= _SMALL else await anyio.to_thread.run_sync(_decoded, body)
        except _KeyTwice:
            await _answer(send, 400, "Parse error: an object names a key twice", code=-32700)
            return
        gone = scope.get(GONE)
        in_session = not self._post_only and not is_modern(scope)
        # Where there are sessions, who leaves has cancelled nothing: a client may hang up as soon as it has read its
        # answer, and were the request that opens a session cancelled at its very end, the session would be gone.
        if gone is None or in_session or any(word in body for word in _TOLD_MEANWHILE):
            await self._app(scope, _replay(body, receive), send)
            return
        scope[QUICK] = True
        with anyio.CancelScope() as answering:
            gone.append(answering.cancel)
            try:
                await self._app(scope, _replay(body, receive), send)
            finally:
                gone.remove(answering.cancel)

    async def _body(self, receive: Receive) -> bytes | None:
        """Collect the body, one byte more than allowed at most; None if the client leaves meanwhile."""
        collected = bytearray()
        while len(collected) <= self._body_bytes:
            message = await receive()
            if message["type"] != "http.request":
                return None
            collected += message.get("body", b"")
            if not message.get("more_body", False):
                break
        return bytes(collected)


_CLOSE = [(b"connection", b"close")]
_TOLD_MEANWHILE = (b"progressToken", b"logLevel", b"subscriptions/listen")
"""A body without these words wants nothing but its answer."""


def is_modern(scope: Scope) -> bool:
    """Tell whether a request is of a protocol version without sessions."""
    return any(
        name == b"mcp-protocol-version" and value.decode("latin-1") not in HANDSHAKE_PROTOCOL_VERSIONS
        for name, value in scope["headers"]
    )


def _replay(body: bytes, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


def _all(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _only(scope: Scope, name: bytes) -> str | None:
    """Give the header's value if it was sent exactly once."""
    values = _all(scope, name)
    return values[0] if len(values) == 1 else None


def _listed(value: str, allowed: set[str]) -> bool:
    """Tell whether a host or origin is allowed as it is, or with its port left out."""
    value = value.strip().lower()
    if value in allowed:
        return True
    name, colon, port = value.rpartition(":")
    return bool(colon) and port.isdigit() and name in allowed


def _decoded(body: bytes) -> Any:
    """Decode a body; None if it is no JSON, and the protocol layer says what is wrong with it.

    Raises
    ------
    _KeyTwice
        If an object has the same key twice: two readers could then read two things.
    """

    def check(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise _KeyTwice
        return found

    try:
        return json.loads(body, object_pairs_hook=check)
    except (ValueError, RecursionError):
        return None


class _KeyTwice(Exception):
    pass


async def _answer(
    send: Send, status: int, text: str, headers: list[tuple[bytes, bytes]] | None = None, code: int = -32600
) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": text}}).encode()
    await _send_json(send, status, body, headers)


async def _send_json(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    basics = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*basics, *(headers or [])]})
    await send({"type": "http.response.body", "body": body})


def loopback_hosts() -> list[str]:
    """Give the names by which a machine calls itself, as they stand in ``Host``."""
    return [f"[{name}]" if ":" in name else name for name in LOOPBACK]


def loopback_origins() -> list[str]:
    """Give the origins of pages that this machine serves to itself."""
    return [f"{scheme}://{name}" for scheme in ("http", "https") for name in loopback_hosts()]
