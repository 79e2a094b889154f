"""JSON-RPC lines as the SDK's streams; what is not a message is answered, never fatal."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol, Self

import anyio
import mcp_types as types
from mcp.shared.message import SessionMessage
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

from openmanager_kit.hosting.lines import LineSplitter, TooLong
from openmanager_kit.hosting.pipes import PipeReader, PipeWriter

_log = logging.getLogger(__name__)

LONGEST_LINE = 64 * 1024 * 1024
GRACE_S = 0.8
_LONG_TEXT = 256 * 1024
_MANY = 1000
_TURN = 16
_FULL = 32 * 1024 * 1024
_ENDLESS = ("subscriptions/listen",)


class _Stream:
    """What both directions share: entering and leaving close nothing that the transport still needs."""

    async def aclose(self) -> None:
        """Nothing to let go of: the transport owns the pipes."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        await self.aclose()


class Outgoing(_Stream):
    """Writes messages; knows which requests are still unanswered."""

    def __init__(self, writer: PipeWriter) -> None:
        self._writer = writer
        self._open: set[tuple[type, int | str]] = set()
        self._settled = anyio.Event()
        self._line = anyio.Lock(fast_acquire=True)
        self.witness: Callable[[types.JSONRPCMessage], None] | None = None
        """Sees every message that is sent."""
        self._promised = 0  # characters of long texts whose turn has not come
        self._fewer = anyio.Event()

    async def send(self, item: SessionMessage, /) -> None:
        """Write one message."""
        message = item.message
        if self.witness is not None:
            self.witness(message)
        pieces = _pieces(message)
        promised = sum(map(len, _long_texts(message)))
        self._promised += promised
        try:
            await self._write(pieces)
        finally:
            self._promised -= promised
            self._fewer.set()
        if isinstance(message, (types.JSONRPCResponse, types.JSONRPCError)) and message.id is not None:
            self.settle(message.id)

    async def _write(self, pieces: Iterator[bytes]) -> None:
        ready: list[bytes] = []
        for piece in pieces:
            ready.append(piece)
            if len(piece) >= _LONG_TEXT:
                await asyncio.sleep(0)  # others have their turn, and may write, until all of the line is there
        async with self._line:
            ready.reverse()
            try:
                while ready:
                    self._writer.put(ready.pop())
                    await self._writer.keep_up()
            finally:
                while ready:  # who is cancelled here must not leave half a line
                    self._writer.put(ready.pop())

    async def line(self, data: bytes, *, more: bool = False) -> None:
        """Write a whole line that is ready; if `more` are about to come, together with those."""
        if self._line.locked():
            async with self._line:
                self._writer.put(data)
        else:
            self._writer.put(data, more=more)
        await self._writer.keep_up()

    @property
    def idle(self) -> bool:
        """Whether a line can be written without waiting: nobody is writing one, and the client keeps up."""
        return not self._line.locked() and self._writer.keeps_up

    def line_at_once(self, data: bytes, *, more: bool = False) -> None:
        """Write a whole line while `idle`; if `more` are about to come, together with those."""
        self._writer.put(data, more=more)

    async def room(self) -> None:
        """Wait while so much is unwritten that more answers would only pile up in memory."""
        while self._promised > _FULL and not self._writer.broken:
            if self._fewer.is_set():
                self._fewer = anyio.Event()
            await self._fewer.wait()
        await self._writer.room()

    async def refuse(self, code: int, text: str, request_id: int | str | None = None) -> None:
        """Answer something that is not a message."""
        reply = {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": text}}
        await self.line(json.dumps(reply, separators=(",", ":")).encode() + b"\n")

    @property
    def unanswered(self) -> int:
        """How many requests want an answer."""
        return len(self._open)

    def expect(self, request_id: int | str) -> None:
        """Remember that this request wants an answer."""
        self._open.add((type(request_id), request_id))

    def settle(self, request_id: Any) -> None:
        """Forget a request that was answered or cancelled."""
        if isinstance(request_id, (int, str)):  # a cancellation may name anything
            self._open.discard((type(request_id), request_id))
        if not self._open:
            self._settled.set()

    async def settled(self, within_s: float) -> None:
        """Wait until nothing is unanswered, but not for long."""
        self._settled = anyio.Event()
        if self._open:
            with anyio.move_on_after(within_s):
                await self._settled.wait()


class Short(Protocol):
    """Who may answer a line before it becomes a message of the SDK; see `short_lines`."""

    def take(self, line: bytes, *, more: bool = False) -> bool:
        """Answer a line, or leave it; `more` if the next one is there already."""
        ...

    def take_at_once(self, line: bytes, *, more: bool = False) -> bool:
        """Answer a line without waiting, or leave it."""
        ...

    def take_together(self, lines: Sequence[bytes], *, more: bool = False) -> int:
        """Answer the first lines that can be without waiting, and give how many; `more` if others are there already."""
        ...

    def hears(self, request: types.JSONRPCRequest) -> None:
        """See a request that was left."""
        ...

    def cancel(self, request_id: object) -> None:
        """See that an answer is not wanted any more."""
        ...

    async def end(self) -> None:
        """Stop whatever is not answered yet."""
        ...


class Incoming(_Stream):
    """Reads messages; answers what is none. After the end of input it waits briefly for open requests."""

    def __init__(
        self,
        reader: PipeReader,
        outgoing: Outgoing,
        on_end: Any,
        longest_line: int = LONGEST_LINE,
        short: Short | None = None,
    ) -> None:
        self._short = short
        self._reader = reader
        self._outgoing = outgoing
        self._on_end = on_end
        self._splitter = LineSplitter(longest_line)
        self._longest_line = longest_line
        self._ready: deque[SessionMessage | Exception] = deque()
        self._ended = False
        self._cutting = False
        if short is not None:
            reader.before = self._at_once

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def receive(self) -> SessionMessage | Exception:
        """Wait for the next message.

        Raises
        ------
        EndOfStream
            When the client has closed its side.
        """
        while not self._ready:
            if self._ended:
                await self._outgoing.settled(GRACE_S)
                if self._short is not None:
                    await self._short.end()  # while what they work on is still there
                raise anyio.EndOfStream
            data = await self._reader.read()
            if data:
                lines = self._splitter.feed(data)
            else:
                self._ended = True
                self._on_end()
                lines = self._splitter.finish()
            self._cutting = True
            try:
                for count, line in enumerate(lines, 1):
                    await self._take(line)
                    if count % _TURN == 0:
                        await asyncio.sleep(0)  # lines that are answered at once would keep everybody else waiting
            finally:
                self._cutting = False
        return self._ready.popleft()

    def _at_once(self, data: bytes) -> bytes:
        """Answer what lines can be without waiting, the moment they are here; gives what is left of the bytes."""
        if self._short is None or self._ended or self._cutting or self._ready or not self._splitter.empty:
            return data
        end = data.find(b"\n")
        if end < 0:
            return data
        if end + 1 == len(data):
            return b"" if self._short.take_at_once(data[:end]) else data
        *lines, rest = data.split(b"\n", _TURN)
        taken = self._short.take_together(lines, more=bool(rest))
        return b"\n".join((*lines[taken:], rest))

    async def _take(self, line: bytes | TooLong) -> None:
        if isinstance(line, TooLong):
            await self._outgoing.refuse(
                types.INVALID_REQUEST, f"message longer than {self._longest_line} bytes was thrown away"
            )
            return
        if not line.strip() or (self._short is not None and self._short.take(line)):
            return
        try:
            message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValidationError as exc:
            await self._refuse(line, exc)
            return
        match message:
            case types.JSONRPCRequest():
                if message.method not in _ENDLESS:
                    self._outgoing.expect(message.id)
                if self._short is not None:
                    self._short.hears(message)
            case types.JSONRPCNotification():
                # An id that is neither text nor a whole number makes a request look like a notification.
                if b'"id"' in line and "id" in from_json(line):
                    await self._outgoing.refuse(types.INVALID_REQUEST, "Invalid request: id must be text or an integer")
                    return
                if message.method == "notifications/cancelled":
                    unwanted = (message.params or {}).get("requestId")
                    self._outgoing.settle(unwanted)
                    if self._short is not None:
                        self._short.cancel(unwanted)
        self._ready.append(SessionMessage(message))

    async def _refuse(self, line: bytes, exc: ValidationError) -> None:
        if any(error["type"] == "json_invalid" for error in exc.errors(include_url=False, include_input=False)):
            await self._outgoing.refuse(types.PARSE_ERROR, "Parse error: a line must be one JSON-RPC message in UTF-8")
            return
        decoded = from_json(line)
        if isinstance(decoded, list):
            await self._outgoing.refuse(types.INVALID_REQUEST, "Invalid request: batches are not served")
            return
        known = decoded if isinstance(decoded, dict) else {}
        if "method" not in known and ("result" in known or "error" in known):
            _log.warning("dropped a malformed response")
            return
        given = known.get("id")
        valid = isinstance(given, (str, int)) and not isinstance(given, bool)
        await self._outgoing.refuse(
            types.INVALID_REQUEST, "Invalid request: not a JSON-RPC 2.0 message", given if valid else None
        )


def _encoded(message: types.JSONRPCMessage) -> bytes:
    if isinstance(message, types.JSONRPCResponse) and _is_large(message.result.get("structuredContent")):
        import orjson

        with suppress(TypeError):  # a lone surrogate, or an integer beyond 64 bits
            return orjson.dumps({"jsonrpc": message.jsonrpc, "id": message.id, "result": message.result})
    try:
        return message.model_dump_json(by_alias=True, exclude_unset=True).encode()
    except PydanticSerializationError:
        # A lone surrogate in somebody's data: it is no character, so a question mark takes its place.
        dumped = message.model_dump(by_alias=True, exclude_unset=True)
        return json.dumps(dumped, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _pieces(message: types.JSONRPCMessage) -> Iterator[bytes]:
    """Give a message as bytes; one with a long text piece by piece, so that nobody waits for all of it."""
    long = _long_texts(message)
    if not long:
        yield _encoded(message) + b"\n"
        return
    assert isinstance(message, types.JSONRPCResponse)
    mark = secrets.token_hex(16)
    marked = [{**block, "text": mark} if _is_long(block) else block for block in message.result["content"]]
    around = _encoded(message.model_copy(update={"result": {**message.result, "content": marked}}))
    before, *behind = around.split(mark.encode())
    yield before
    for text, rest in zip(long, behind, strict=True):
        for at in range(0, len(text), _LONG_TEXT):
            yield _quoted(text[at : at + _LONG_TEXT])
        yield rest
    yield b"\n"


def _long_texts(message: types.JSONRPCMessage) -> list[str]:
    content = message.result.get("content") if isinstance(message, types.JSONRPCResponse) else None
    return [block["text"] for block in content if _is_long(block)] if isinstance(content, list) else []


def _is_large(structured: Any) -> bool:
    """Tell whether orjson, three times as fast, is worth its import."""
    return isinstance(structured, dict) and any(
        isinstance(value, list) and len(value) > _MANY for value in structured.values()
    )


def _is_long(block: Any) -> bool:
    text = block.get("text") if isinstance(block, dict) else None
    return isinstance(text, str) and len(text) > _LONG_TEXT


def _quoted(text: str) -> bytes:
    try:
        return to_json(text)[1:-1]
    except PydanticSerializationError:
        return to_json(text.encode("utf-8", "replace").decode())[1:-1]
