"""The short way over HTTP: for a request whose headers and envelope the SDK has accepted before, all but the call.

Only for requests of 2026-07-28, where each stands for itself, and only behind the guard, which has read the body.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from mcp.shared.inbound import ERROR_CODE_HTTP_STATUS
from mcp_types import ErrorData
from starlette.requests import Request

from openmanager_kit.hosting.shortcut import PlainCall, Shortcut, plain_call
from openmanager_kit.plain import as_json

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Key = tuple[Any, ...]

BODY = "openmanager.body"
"""In a request's scope: its body as decoded JSON."""

_MOST_KEYS = 512
_SAYING = (b"accept", b"content-type")
_PREFIX = b"mcp-"
_BY_ARGUMENT = b"mcp-param-"
_OK = 200


class ShortPosts:
    """Answers requests that differ from an accepted one in nothing but id and arguments."""

    def __init__(self, shortcut: Shortcut) -> None:
        self._shortcut = shortcut
        self._accepted: OrderedDict[Key, str] = OrderedDict()

    def call_of(self, scope: Scope) -> tuple[Key, PlainCall] | None:
        """Recognise a call that may go the short way, now or once its like has been accepted."""
        if scope["method"] != "POST" or scope["query_string"]:
            return None
        call = plain_call(scope.get(BODY))
        if call is None or not call.version or not self._shortcut.leads_to(call.name):
            return None
        said = []
        for pair in scope["headers"]:
            if pair[0].startswith(_PREFIX):
                if pair[0].startswith(_BY_ARGUMENT):
                    return None  # what it may be depends on the arguments
                said.append(pair)
            elif pair[0] in _SAYING:
                said.append(pair)
        return (call.name, call.envelope, *said), call

    def knows(self, key: Key) -> bool:
        """Tell whether the like of a request was accepted."""
        return key in self._accepted

    def learn(self, key: Key, call: PlainCall, status: int, body: bytes) -> None:
        """See how the SDK answered."""
        if status == _OK and "result" in json.loads(body):
            self._accepted[key] = call.version
            while len(self._accepted) > _MOST_KEYS:
                self._accepted.popitem(last=False)

    async def answer(self, key: Key, call: PlainCall, scope: Scope, send: Send) -> None:
        """Answer an accepted request."""
        version = self._accepted[key]
        result = await self._shortcut.call(call, version, Request(scope))
        status = _OK
        if isinstance(result, ErrorData):
            status = ERROR_CODE_HTTP_STATUS.get(result.code, _OK)
            error = result.model_dump(mode="json", by_alias=True, exclude_none=True)
            body = as_json({"jsonrpc": "2.0", "id": call.id, "error": error})
        else:
            written = self._shortcut.written(call, version, result)
            if written is None:
                shaped = self._shortcut.shaped(version, result)
                written = as_json({"jsonrpc": "2.0", "id": call.id, "result": shaped})
            body = written
        headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
