"""Every server of a profile over HTTP: each at ``/NAME/mcp``, all of them as one at ``/mcp``.

Beside them ``/healthz`` (the process), ``/readyz`` (each server, tried for real) and ``/metrics``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

import anyio

from openmanager_kit import version
from openmanager_kit.access.assembly import Access
from openmanager_kit.hosting.gateway import Gateway
from openmanager_kit.hosting.guard import App, Message, Receive, Scope, Send
from openmanager_kit.hosting.http import PATH, check_reach, endpoint, guarded
from openmanager_kit.hosting.members import Member, retrying, warmed
from openmanager_kit.hosting.metrics import Metrics
from openmanager_kit.hosting.readiness import Readiness
from openmanager_kit.profile import HttpSettings
from openmanager_kit.server import OpenManagerServer

_SHARE = 0.75
"""Of all requests in progress, what one path may take: a flood of one server leaves room for the others."""
_READABLE = ("/healthz", "/readyz", "/metrics")
_log = logging.getLogger(__name__)


class Service:
    """The ASGI application behind the guard.

    Parameters
    ----------
    gateway
        Joins the members, and is served at ``/mcp``.
    """

    def __init__(self, gateway: Gateway, settings: HttpSettings, metrics: Metrics, access: Access) -> None:
        self._gateway = gateway
        self._settings = settings
        self._metrics = metrics
        self._readiness = Readiness(gateway.members)
        self._apps: dict[str, Any] = {}
        self._members = {f"/{member.name}{PATH}": member for member in gateway.members}
        self._group: anyio.abc.TaskGroup | None = None
        access.protect(gateway)
        for member in gateway.members:
            metrics.watch(member)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        path = scope["path"]
        app = self._apps.get(path)
        if app is not None:
            await app(scope, receive, send)
        elif path in _READABLE:
            await self._tell(scope, send)
        elif path in self._members:
            member = self._members[path]
            await _json(send, 503, {"error": f"{member.name} is not served: {member.problem}"}, retry=True)
        else:
            served = [PATH, *self._members, *_READABLE]
            await _json(send, 404, {"error": "there is nothing at this path", "served": served})

    async def _tell(self, scope: Scope, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            await _json(send, 405, {"error": "only GET is served here"})
        elif scope["path"] == "/healthz":
            await _json(send, 200, {"status": "ok", "server": self._gateway.name, "version": version()})
        elif scope["path"] == "/readyz":
            report = await self._readiness.report()
            await _json(send, 200 if report["ready"] else 503, report)
        else:
            kind, text = await anyio.to_thread.run_sync(self._metrics.exposition)
            await _answer(send, 200, kind, text)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Run every endpoint's own task group between start-up and shutdown."""
        await receive()
        async with anyio.create_task_group() as group:
            self._group = group
            try:
                await group.start(self._run, PATH, self._gateway)
                for member in self._gateway.members:
                    if member.server is not None:
                        await group.start(self._run, f"/{member.name}{PATH}", member.server)
                    else:
                        group.start_soon(retrying, member, self._back)
            except Exception as exc:
                _log.exception("the service does not start")
                await send({"type": "lifespan.startup.failed", "message": type(exc).__name__})
                group.cancel_scope.cancel()
                return
            await warmed(self._gateway.members)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            group.cancel_scope.cancel()
        await send({"type": "lifespan.shutdown.complete"})

    async def _run(self, path: str, server: OpenManagerServer, *, task_status: Any = anyio.TASK_STATUS_IGNORED) -> None:
        app = endpoint(server, self._settings, path)
        try:
            async with app.router.lifespan_context(app):
                self._apps[path] = server.session_manager.asgi_app  # the path is known: no router has to find it
                task_status.started()
                await anyio.sleep_forever()
        finally:
            self._apps.pop(path, None)

    async def _back(self, member: Member) -> None:
        _log.warning("%s is served now", member.name)
        self._metrics.watch(member)
        self._gateway.renew()
        await self._gateway.announce_tools()
        assert self._group is not None
        self._group.start_soon(self._run, f"/{member.name}{PATH}", member.need())


def service_app(gateway: Gateway, settings: HttpSettings, access: Access, metrics: Metrics) -> App:
    """Make the application of a whole profile.

    Raises
    ------
    ConfigError
        If it would be open to everybody beyond this machine.
    """
    check_reach(settings, access)
    endpoints = [PATH, *(f"/{member.name}{PATH}" for member in gateway.members)]
    return guarded(Service(gateway, settings, metrics, access), settings, access, endpoints, _READABLE, _SHARE)


async def _json(send: Send, status: int, content: dict[str, Any], retry: bool = False) -> None:
    body = json.dumps(content, ensure_ascii=False).encode()
    await _answer(send, status, "application/json", body, [(b"retry-after", b"5")] if retry else [])


async def _answer(send: Send, status: int, kind: str, body: bytes, more: Sequence[tuple[bytes, bytes]] = ()) -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode()), *more]
    start: Message = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})
