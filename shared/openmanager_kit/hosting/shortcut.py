"""Answer calls of tools that ask their client nothing without the SDK's way from message to handler and back.

That way takes several times as long as a quick tool does. A call may go without it if nothing on it could make a
difference: the tool asks its client nothing (`Tool.asks_nothing`), the request has no member but the usual ones, and
the SDK has accepted the very same envelope of the same client before. What a reply looks like is not known here but
learned from the SDK, once for each protocol version. Everything else of a call stays: the tool's checks, deadline
and turn, and whoever watches.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, cast

from mcp.server._otel import OpenTelemetryMiddleware
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.request_state import RequestStateBoundary
from mcp.server.runner import ServerRunner, modern_error_data
from mcp.server.session import ServerSession
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    INTERNAL_ERROR,
    PROTOCOL_VERSION_META_KEY,
    CallToolResult,
    ErrorData,
    TextContent,
)
from opentelemetry import trace
from pydantic_core import PydanticSerializationError, to_json

from openmanager_kit import plain
from openmanager_kit.plain import PlainResult, Ready
from openmanager_kit.server import OpenManagerServer

METHOD = "tools/call"
_log = logging.getLogger(__name__)
_MEMBERS = {"jsonrpc", "id", "method", "params"}
_PARAMS = ({"name", "arguments"}, {"name", "arguments", "_meta"}, {"name"}, {"name", "_meta"})
_ENVELOPE = {PROTOCOL_VERSION_META_KEY, CLIENT_INFO_META_KEY, CLIENT_CAPABILITIES_META_KEY}
_HIGHEST_ID = 2**53
_LONG_TEXT = 64 * 1024

RequestId = int | str


class Gathering(Protocol):
    """What calls share that come together."""

    @property
    def kept(self) -> bool:
        """Whether what they did is there."""
        ...


@dataclass(frozen=True, slots=True)
class PlainCall:
    """A call with nothing unusual about it.

    Attributes
    ----------
    envelope
        What the client said of itself, as text; two that are equal are equal in every type too. Empty for none.
    version
        The protocol version that the envelope names; empty for none.
    """

    id: RequestId
    name: str
    arguments: dict[str, Any]
    envelope: str
    version: str


def plain_call(message: Any) -> PlainCall | None:
    """Recognise a call with nothing unusual about it in decoded JSON."""
    if not isinstance(message, dict) or message.keys() != _MEMBERS:
        return None
    if message["method"] != METHOD or message["jsonrpc"] != "2.0":
        return None
    number, params = message["id"], message["params"]
    if type(number) not in (int, str) or (type(number) is int and abs(number) >= _HIGHEST_ID):
        return None
    if not isinstance(params, dict) or params.keys() not in _PARAMS:
        return None
    name, arguments = params["name"], params.get("arguments", {})
    if not isinstance(name, str) or not isinstance(arguments, dict):
        return None
    if "_meta" not in params:
        return PlainCall(number, name, arguments, "", "")
    meta = params["_meta"]
    if not isinstance(meta, dict) or PROTOCOL_VERSION_META_KEY not in meta or not meta.keys() <= _ENVELOPE:
        return None  # progress, a log level or a trace is wanted
    return PlainCall(number, name, arguments, repr(meta), str(meta[PROTOCOL_VERSION_META_KEY]))


class Shortcut:
    """The short way to the tools of one server, or of a gateway's members."""

    def __init__(self, server: OpenManagerServer) -> None:
        self._server = server
        low = server._lowlevel_server
        entry = low.get_request_handler(METHOD)
        usual = entry is not None and entry.handler == server._handle_call_tool
        self._open = usual and _nobody_else_listens(low.middleware)
        self._shapes = Shapes(ServerRunner(low, cast("Any", None), None))

    def leads_to(self, name: str) -> bool:
        """Tell whether a tool may be called this way."""
        return self._open and self._server.asking_nothing(name) is not None

    async def call(self, call: PlainCall, version: str, request: Any = None) -> CallToolResult | ErrorData:
        """Call the tool; gives what the SDK would put into the reply.

        Parameters
        ----------
        version
            The protocol version that is spoken.
        request
            The HTTP request, as tools see it.
        """
        server, name, ctx = self._found(call, version, request)
        try:
            result = await server.call_tool(name, call.arguments, ctx)
        except Exception as exc:
            return _failed(exc, name)
        if not isinstance(result, CallToolResult):
            _log.error("tool %r asked its client something, though it was said to ask nothing", name)
            return ErrorData(code=INTERNAL_ERROR, message="Internal server error")
        return result

    def gathering(self, call: PlainCall) -> Callable[[], AbstractContextManager[Gathering]] | None:
        """Find what the calls of the same server that come together with this one may share.

        A server's state may have `gathering()`: what its tools do at once inside of that block counts only when the
        block has ended, and only if it says that it was kept; else nothing was done.
        """
        found = self._server.asking_nothing(call.name)
        return None if found is None else getattr(found[0].state, "gathering", None)

    def call_at_once(self, call: PlainCall, version: str) -> CallToolResult | ErrorData | Ready | None:
        """Call the tool if nothing has to be waited for; None, with nothing done, otherwise."""
        server, name, ctx = self._found(call, version, None)
        try:
            return server.call_at_once(name, call.arguments, ctx)
        except Exception as exc:
            return _failed(exc, name)

    def _found(self, call: PlainCall, version: str, request: Any) -> tuple[OpenManagerServer, str, Context[Any, Any]]:
        found = self._server.asking_nothing(call.name)
        assert found is not None
        server, name = found
        request_context: ServerRequestContext[Any, Any] = ServerRequestContext(
            session=_NOBODY,
            lifespan_context=None,
            protocol_version=version,
            method=METHOD,
            request_id=call.id,
            request=request,
        )
        return server, name, cast("Context[Any, Any]", _Context(server, request_context))

    def written(self, call: PlainCall, version: str, result: CallToolResult | Ready) -> bytes | None:
        """Write the usual reply; None for a long or an unusual one."""
        return self._shapes.written(call.id, version, result)

    def shaped(self, version: str, result: CallToolResult) -> dict[str, Any]:
        """Give a result as the SDK shapes it for a protocol version."""
        return self._shapes.shaped(version, result)


def _failed(exc: Exception, name: str) -> CallToolResult | ErrorData:
    if isinstance(exc, MCPError):
        return exc.error
    if not isinstance(exc, ToolError):
        return modern_error_data(exc)
    _log.info("tool %r failed: %r", name, str(exc))
    return CallToolResult(content=[TextContent(type="text", text=str(exc))], is_error=True)


_NOBODY = cast("ServerSession", None)


class _Context:
    """What tools and watchers need of the SDK's context, which is a validated model and takes its time."""

    __slots__ = ("mcp_server", "request_context")

    def __init__(self, server: OpenManagerServer, request_context: ServerRequestContext[Any, Any]) -> None:
        self.mcp_server = server
        self.request_context = request_context

    async def report_progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Nobody wanted to know: the call had no progress token."""


class _Shape(NamedTuple):
    """A reply around its text and its structured content."""

    before: bytes
    between: bytes
    after: bytes
    structured: bool


class Shapes:
    """What results of tools look like on the wire, by protocol version; learned from the SDK's own."""

    def __init__(self, runner: ServerRunner[Any]) -> None:
        self._runner = runner
        self._known: dict[tuple[str, bool, bool], _Shape] = {}

    def shaped(self, version: str, result: CallToolResult) -> dict[str, Any]:
        """Let the SDK shape a result; structured content that is plain is put in as it is."""
        kept, empty = plain.emptied(result)
        shaped = self._runner._serialize(METHOD, version, empty)
        if kept is not None and shaped.get(plain.FIELD) == {}:
            shaped[plain.FIELD] = kept.value
        return shaped

    def written(self, number: RequestId, version: str, result: CallToolResult | Ready) -> bytes | None:
        """Write a reply with one text, and structured content that is plain; None if this is another one."""
        if isinstance(result, Ready):
            return (
                None
                if len(result.json) > _LONG_TEXT
                else self._around(number, (version, True, False), result.json.decode(), result.json)
            )
        structured = result.structured_content
        if len(result.content) != 1 or result.meta is not None or (structured is not None and not structured):
            return None
        block = result.content[0]
        if type(block) is not TextContent or block.annotations is not None or block.meta is not None:
            return None
        if len(block.text) > _LONG_TEXT or not (structured is None or isinstance(result, PlainResult)):
            return None
        inner = result.written().text if isinstance(result, PlainResult) and structured is not None else b""
        return self._around(number, (version, structured is not None, result.is_error), block.text, inner)

    def _around(self, number: RequestId, key: tuple[str, bool, bool], text: str, structured: bytes) -> bytes | None:
        shape = self._known.get(key) or self._learn(key)
        try:
            head, said = to_json(number), to_json(text)
        except PydanticSerializationError:  # a lone surrogate
            return None
        return b"".join(
            (
                b'{"jsonrpc":"2.0","id":',
                head,
                b',"result":',
                shape.before,
                said,
                shape.between,
                structured if shape.structured else b"",
                shape.after,
                b"}",
            )
        )

    def _learn(self, key: tuple[str, bool, bool]) -> _Shape:
        version, structured, failed = key
        text, value = secrets.token_hex(16), secrets.token_hex(16)
        sample = PlainResult(
            content=[TextContent(type="text", text=text)],
            structured_content={"value": value} if structured else None,
            is_error=failed,
        )
        whole = to_json(self.shaped(version, sample))
        before, rest = whole.split(b'"%s"' % text.encode())
        between, found, after = rest.partition(b'{"value":"%s"}' % value.encode())
        shape = self._known[key] = _Shape(before, between, after, bool(found))
        return shape


def _nobody_else_listens(middleware: Iterable[Any]) -> bool:
    """Tell whether nothing but what this way stands for would see the message."""
    for one in middleware:
        if isinstance(one, OpenTelemetryMiddleware):
            if not isinstance(trace.get_tracer_provider(), (trace.ProxyTracerProvider, trace.NoOpTracerProvider)):
                return False  # somebody collects spans
        elif not isinstance(one, RequestStateBoundary) and not plain.is_ours(one):
            return False
    return True


def names_version(result: Mapping[str, Any]) -> str:
    """Give the protocol version that an answer to ``initialize`` names; empty for none."""
    version = result.get("protocolVersion")
    return version if isinstance(version, str) else ""
