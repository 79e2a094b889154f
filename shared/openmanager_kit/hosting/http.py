"""Serve over Streamable HTTP, both protocol eras, at ``/mcp``; ``/healthz`` says that the process lives.

A reply is plain JSON unless the call reports progress first: then it is an event stream, which also lets the
server notice that the client has gone. There are no sessions unless asked for (``http.sessions``), so any
process may answer any request, and a restart is noticed by nobody. Clients of older protocol versions need one to
cancel a call by a message; without, closing the reply stream does it.
"""

from __future__ import annotations

import copy
import json
import socket
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import anyio
from mcp.server.mcpserver import MCPServer
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette

from openmanager_core.errors import ConfigError
from openmanager_kit.access.assembly import Access
from openmanager_kit.hosting.binding import base_url, bound, check_tls
from openmanager_kit.hosting.fairness import loop_factory
from openmanager_kit.hosting.guard import (
    LOOPBACK,
    QUICK,
    App,
    Guard,
    Message,
    Receive,
    Scope,
    Send,
    is_modern,
    loopback_hosts,
    loopback_origins,
)
from openmanager_kit.hosting.leaving import Leaving, on_signals
from openmanager_kit.hosting.short_posts import Key, ShortPosts
from openmanager_kit.hosting.shortcut import PlainCall, Shortcut
from openmanager_kit.plain import Pieces
from openmanager_kit.profile import HttpSettings
from openmanager_kit.server import OpenManagerServer

PATH = "/mcp"
_MOST_SESSIONS = 1000
_SESSION_IDLE_S = 600.0
_ACCEPTED_AT_ONCE = 16
"""Connections taken in one turn of the loop: with as many as wait, one worker would take them all."""
_QUEUE = 2048


def http_app(server: OpenManagerServer, settings: HttpSettings, access: Access | None = None) -> App:
    """Make the ASGI application of one server.

    Parameters
    ----------
    access
        Who may do what; without it everybody may do everything.

    Raises
    ------
    ConfigError
        If the server would listen beyond this machine without authentication or without saying for which hosts.
    """
    access = access or Access()
    check_reach(settings, access)
    access.protect(server)
    return guarded(_with_health(server, endpoint(server, settings, PATH)), settings, access, [PATH])


def check_reach(settings: HttpSettings, access: Access) -> None:
    """Refuse to listen beyond this machine for everybody.

    Raises
    ------
    ConfigError
        If nobody has to show a token, or it is not said for which hosts.
    """
    if settings.host in LOOPBACK:
        return
    if access.verifier is None:
        wanted = "set http.token_env, access.tokens or access.issuer"
        raise ConfigError(f"http.host {settings.host} is reachable from outside: {wanted}")
    if not settings.allowed_hosts:
        raise ConfigError(f"http.host {settings.host} is reachable from outside: set http.allowed_hosts")


def endpoint(server: MCPServer[Any], settings: HttpSettings, path: str) -> Starlette:
    """Serve one server at a path, unguarded; its lifespan has to be entered."""
    # The guard checks Host and Origin on every route; the SDK would only look at its own.
    app = server.streamable_http_app(
        streamable_http_path=path,
        stateless_http=not settings.sessions,
        max_sessions=_MOST_SESSIONS,
        session_idle_timeout=_SESSION_IDLE_S,
        max_request_body_size=settings.body_bytes,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    manager = server.session_manager
    short = ShortPosts(Shortcut(server)) if isinstance(server, OpenManagerServer) else None
    manager.asgi_app = _Choice(manager, manager.asgi_app, short)  # type: ignore[assignment]
    return app


class _Choice:
    """Answers in plain JSON where nothing is told meanwhile: an event stream needs two tasks more for each call."""

    def __init__(self, manager: StreamableHTTPSessionManager, usual: App, short: ShortPosts | None) -> None:
        self._manager = manager
        self._usual = usual
        self._short = short
        self._plain: StreamableHTTPSessionManager | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not (scope.get(QUICK) and is_modern(scope)):
            await self._usual(scope, receive, send)
            return
        found = self._short.call_of(scope) if self._short is not None else None
        if found is not None and self._short is not None and self._short.knows(found[0]):
            await self._short.answer(*found, scope, send)
            return
        if self._plain is None:  # it runs by now, with everything that a request needs
            self._plain = copy.copy(self._manager)
            self._plain.json_response = True
        pieces = Pieces()
        with pieces.wanted():
            await self._plain._handle_request(scope, receive, _completing(pieces, send, self._learning(found)))

    def _learning(self, found: tuple[Key, PlainCall] | None) -> Callable[[int, bytes], None] | None:
        return None if found is None or self._short is None else partial(self._short.learn, *found)


def _completing(pieces: Pieces, send: Send, learn: Callable[[int, bytes], None] | None) -> Send:
    """Put what was written down before into a reply; it comes as one start and one body, from which is learned."""
    held: list[Message] = []

    async def complete(message: Message) -> None:
        if message["type"] == "http.response.start":
            held.append(message)
            return
        start = held.pop()
        body = message["body"]
        if pieces:
            body = pieces.put_in(body)
            headers = [pair for pair in start["headers"] if pair[0] != b"content-length"]
            start = {**start, "headers": [*headers, (b"content-length", b"%d" % len(body))]}
        if learn is not None:
            learn(start["status"], body)
        await send(start)
        await send({**message, "body": body})

    return complete


def guarded(
    app: App,
    settings: HttpSettings,
    access: Access,
    endpoints: Collection[str],
    readable: Collection[str] = (),
    share: float = 1.0,
) -> Guard:
    """Put the guard in front; `readable` are the paths that may be got without a session, `share` as in `Guard`."""
    beyond = settings.host not in LOOPBACK
    return Guard(
        app,
        hosts=[*settings.allowed_hosts, *([] if beyond else loopback_hosts())],
        origins=[*settings.allowed_origins, *([] if beyond else loopback_origins())],
        entrance=access.entrance(endpoints, tls=bool(settings.tls_cert)),
        on_close=access.aclose,
        body_bytes=settings.body_bytes,
        requests=settings.requests,
        share=share,
        post_only=not settings.sessions,
        readable=readable,
    )


def serve_http(
    server: OpenManagerServer,
    settings: HttpSettings,
    access: Access | None = None,
    *,
    announce: Callable[[str], None] | None = None,
) -> int:
    """Serve until a signal comes; the first line on stderr is the address. Gives the exit code, 128 + signal."""
    tls = check_tls(settings)
    app = http_app(server, settings, access)
    sock = bound(settings.host, settings.port)
    url = f"{base_url(sock, tls=tls)}{PATH}"

    def tell() -> None:
        (announce or _announce)(f"{server.name} listens on {url}\n")

    leaving = Leaving()
    try:
        options = {"loop_factory": loop_factory()}
        anyio.run(run_app, app, sock, leaving, tell, settings, backend_options=options)
    finally:
        leaving.done()
        sock.close()
    return leaving.code


def _announce(line: str) -> None:
    sys.stderr.write(line)
    sys.stderr.flush()


async def run_app(
    app: App, sock: socket.socket, leaving: Leaving, tell: Callable[[], None], settings: HttpSettings
) -> None:
    """Serve an application on a bound socket until a signal comes; `tell` is called when it is ready."""
    import uvicorn

    from openmanager_kit.hosting.impatience import ImpatientProtocol

    class Quiet(uvicorn.Server):
        """Leaves signals to us, and says when it is ready."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            with on_signals(leaving, lambda: setattr(self, "should_exit", True)):
                yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            for listening in sockets or ():
                listening.listen(_QUEUE)
            tell()

    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=ImpatientProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        ssl_certfile=settings.tls_cert or None,
        ssl_keyfile=settings.tls_key or None,
        backlog=_ACCEPTED_AT_ONCE,
    )
    await Quiet(config).serve(sockets=[sock])


def _with_health(server: MCPServer[Any], app: App) -> App:
    body = json.dumps({"status": "ok", "server": server.name, "version": server.version}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/healthz":
            await app(scope, receive, send)
            return
        allowed = scope["method"] in ("GET", "HEAD")
        await send({"type": "http.response.start", "status": 200 if allowed else 405, "headers": headers})
        await send({"type": "http.response.body", "body": body if scope["method"] != "HEAD" else b""})

    return answer
