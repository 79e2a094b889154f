"""HTTP/1.1 connections that must send a whole request head soon, that tell at once when their client has gone, and that
send an answer in one piece."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, NamedTuple

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

GONE = "openmanager.gone"
"""In a request's scope: a list of what to call when the client leaves before its answer."""


class Together:
    """A transport that sends two things that are written in one turn of the loop, such as head and body, at once."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send `data`: with what is written next, or in the next turn of the loop."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held + data)
        elif data:
            self._held = bytes(data)
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send what is held."""
        held, self._held = self._held, b""
        if held:
            self._transport.write(held)

    def write_eof(self) -> None:
        """Send what is held, and nothing after it."""
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Send what is held, and close."""
        self.flush()
        self._transport.close()


class _Refusal(NamedTuple):
    """What is answered to what cannot be read, before the connection is closed."""

    status: bytes
    why: bytes

    def written(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """The whole answer."""
        lines = [
            b"HTTP/1.1 " + self.status,
            *(name + b": " + value for name, value in headers),
            b"content-type: text/plain; charset=utf-8",
            b"content-length: %d" % len(self.why),
            b"connection: close",
        ]
        return b"\r\n".join([*lines, b"", self.why])


_UNREADABLE = _Refusal(b"400 Bad Request", b"This is not a request of HTTP/1.1.")
_NO_HOST = _Refusal(b"400 Bad Request", b"A request has one Host header.")
_TARGET = _Refusal(
    b"400 Bad Request", b"The target of a request is a path, or an address of the host in its Host header."
)
_CODED_1_0 = _Refusal(b"400 Bad Request", b"HTTP/1.0 has no Transfer-Encoding.")
_TOO_MUCH_AHEAD = _Refusal(b"400 Bad Request", b"Too much was sent before earlier answers were read.")
_LONG_HEAD = _Refusal(b"431 Request Header Fields Too Large", b"The head of the request is too long.")
_CODING = _Refusal(b"501 Not Implemented", b"The only Transfer-Encoding taken is chunked.")
_VERSION = _Refusal(b"505 HTTP Version Not Supported", b"HTTP/1.1 and HTTP/1.0 are spoken here.")


def _leave(cycle: RequestResponseCycle) -> None:
    """Tell a request that its client has gone, or is as good as gone."""
    cycle.disconnected = True
    cycle.message_event.set()
    for tell in list(cycle.scope[GONE]):  # type: ignore[literal-required]
        tell()


class _Refused(Exception):
    """Raised inside of the parser to stop it."""

    def __init__(self, refusal: _Refusal) -> None:
        super().__init__(refusal.status)
        self.refusal = refusal


class ImpatientProtocol(HttpToolsProtocol):
    """Closes a connection whose next request is not whole within `head_s` while it is owed no answer.

    Uvicorn waits for ever, holds a head of any length, and tells of a client that has gone only to who awaits the next
    message, which takes every request a task more. Its parser, llhttp, leaves to its user what RFC 9112 says of Host,
    of targets, of transfer codings and of versions, stops at an offered upgrade and reports trailers as headers.

    Attributes
    ----------
    head_s
        Seconds from its first byte to a request's end; a body whose request is being answered has the guard's time.
    largest_head
        Bytes of names and values of a head, and of what may be held of requests whose turn has not come.
    most_ahead
        Requests that may be sent before earlier ones are answered.
    """

    head_s = 10.0
    largest_head = 32 * 1024
    most_ahead = 32
    _head_timer: asyncio.TimerHandle | None = None
    _refusal: _Refusal | None = None
    _whole = True
    _in_head = False
    _told_on = False
    _replaying = False
    _head_size = 0
    _in_vain = 0
    _held = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start waiting for the first request."""
        self._owed: deque[RequestResponseCycle] = deque()
        super().connection_made(Together(transport, self.loop))  # type: ignore[arg-type]
        self._wait_or_not()

    def data_received(self, data: bytes) -> None:
        """Take bytes; wait on while they do not complete a request."""
        self._unset_keepalive_if_required()
        if self._refusal is not None or self.transport.is_closing():
            return
        self._told_on = False
        try:
            self._feed(data)
        except _Refused as refused:
            self._refuse(refused.refusal)
        else:
            # What neither ends a head nor brings a body is a head, trailers, or the blank lines before a head.
            self._in_vain = 0 if self._told_on else self._in_vain + len(data)
            if self._in_vain > self.largest_head:
                self._refuse(_LONG_HEAD if self._in_head else _UNREADABLE)
        self._wait_or_not()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting, and tell every request that has no answer yet."""
        self._stop_waiting()
        super().connection_lost(exc)
        self.pipeline.clear()
        for cycle in self._owed:
            _leave(cycle)

    def on_response_complete(self) -> None:
        """Take the next request's turn, or say what was wrong with it; uvicorn's own timer ends an idle connection."""
        self._owed.popleft()
        if self._owed:
            self._held -= len(self._owed[0].body)
        super().on_response_complete()
        if self._refusal is not None and not self._owed:
            self._say_refusal()
        self._wait_or_not()

    # Callbacks of the parser

    def on_message_begin(self) -> None:
        """A head begins."""
        if self._replaying:
            return
        self._whole = False
        self._in_head = True
        self._head_size = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        if self._replaying:
            return
        self._grow(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; one that comes after the body belongs to nobody."""
        if self._replaying or not self._in_head:
            return
        self._grow(len(name) + len(value) + 4)
        super().on_header(name, value.strip(b" \t"))

    def on_headers_complete(self) -> None:
        """Check what the parser does not, and begin the request."""
        if self._replaying:
            self._replaying = False
            return
        self._in_head = False
        self._told_on = True
        self._check()
        if len(self._owed) > self.most_ahead:
            raise _Refused(_TOO_MUCH_AHEAD)
        super().on_headers_complete()
        self.scope[GONE] = []  # type: ignore[literal-required]  # before its task begins
        self._owed.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        """Take a part of a body; little of one whose turn has not come."""
        self._told_on = True
        if len(self._owed) > 1:
            self._held += len(body)
            if self._held > self.largest_head:
                raise _Refused(_TOO_MUCH_AHEAD)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole, unless an upgrade that was offered hides its body from the parser."""
        if self.parser.should_upgrade():
            return
        self._whole = True
        self._told_on = True
        super().on_message_complete()

    def _feed(self, data: bytes) -> None:
        while True:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as offered:
                data = data[offered.args[0] :]
                self._decline()
            except httptools.HttpParserCallbackError as error:
                cause = error.__context__
                raise _Refused(cause.refusal if isinstance(cause, _Refused) else _UNREADABLE) from None
            except httptools.HttpParserError:
                raise _Refused(_UNREADABLE) from None

    def _decline(self) -> None:
        """Go on as if no upgrade had been offered, with a parser that knows of the head only how its body comes."""
        told = dict(self.headers)
        lines = [b"POST / HTTP/" + self.scope["http_version"].encode("ascii")]
        lines += [name + b": " + told[name] for name in (b"content-length", b"transfer-encoding") if name in told]
        if not self.cycle.keep_alive:
            lines.append(b"connection: close")
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._replaying = True
        self.parser.feed_data(b"\r\n".join([*lines, b"", b""]))

    def _grow(self, size: int) -> None:
        self._head_size += size
        if self._head_size > self.largest_head:
            raise _Refused(_LONG_HEAD)

    def _check(self) -> None:
        """Raise for what RFC 9112 asks a server to refuse: sections 2.3, 3.2, 6.1."""
        version = self.parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise _Refused(_VERSION)
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) > 1 or (not hosts and version == "1.1"):
            raise _Refused(_NO_HOST)
        codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
        if codings and version == "1.0":
            raise _Refused(_CODED_1_0)
        if codings and codings != [b"chunked"]:
            raise _Refused(_CODING)
        if b"#" in self.url or not (self.url.startswith(b"/") or self._is_ours(hosts)):
            raise _Refused(_TARGET)

    def _is_ours(self, hosts: list[bytes]) -> bool:
        """Tell whether the target is a whole address of the host that the head names, or asks about the server."""
        if self.url == b"*":
            return self.parser.get_method() == b"OPTIONS"
        scheme, _, rest = self.url.partition(b"://")
        authority = rest.partition(b"/")[0].partition(b"?")[0]
        return scheme.lower() in (b"http", b"https") and bool(hosts) and authority.lower() == hosts[0].lower()

    # What cannot be read

    def _refuse(self, refusal: _Refusal) -> None:
        """Read no more; answer what was whole before, then the refusal, and close."""
        self._refusal = refusal
        self.flow.pause_reading()
        if self._owed and self._owed[-1].more_body:  # the rest of its body will not come
            broken = self._owed.pop()
            if self._owed:
                self.pipeline.popleft()
            else:
                _leave(broken)
                if broken.response_started:
                    self.transport.close()
                    return
        if not self._owed:
            self._say_refusal()

    def _say_refusal(self) -> None:
        """Say it, and read on without keeping anything: closed at once, a client still sending would never see it."""
        if self._refusal is None or self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        self.transport.write(self._refusal.written(self.server_state.default_headers))
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.flow.resume_reading()
        else:
            self.transport.close()

    # Impatience

    def _wait_or_not(self) -> None:
        """Wait for as long as no answer is owed and no request is whole, other than at rest between two."""
        resting = self._whole and self.timeout_keep_alive_task is not None
        if self._owed or resting or self.transport.is_closing():
            self._stop_waiting()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_s, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
