"""The short way over standard input and output: beside the SDK's loop, on the same pipes.

It is open only while the SDK has no request of its own in work, so that no call overtakes an earlier one.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

import mcp_types as types
from mcp.shared.dispatcher import coerce_request_id
from mcp.shared.message import SessionMessage
from pydantic_core import from_json

from openmanager_kit.hosting.shortcut import METHOD, PlainCall, RequestId, Shortcut, names_version, plain_call
from openmanager_kit.hosting.wire import Outgoing
from openmanager_kit.plain import Ready

_log = logging.getLogger(__name__)
_LONGEST_LINE = 256 * 1024
_MOST_ENVELOPES = 16
_HINT = b'"tools/call"'
_HANDSHAKE = "initialize"

Result = types.CallToolResult | types.ErrorData | Ready


class ShortLines:
    """Takes calls off the wire before the SDK sees them, once it has seen what is common to them.

    Parameters
    ----------
    shortcut
        The short way to the tools.
    outgoing
        Where replies go, of the SDK too.
    """

    def __init__(self, shortcut: Shortcut, outgoing: Outgoing) -> None:
        self._shortcut = shortcut
        self._outgoing = outgoing
        self._versions: OrderedDict[str, str] = OrderedDict()
        self._asked: dict[RequestId, str | None] = {}
        self._running: dict[RequestId, tuple[RequestId, asyncio.Task[None]]] = {}

    def take(self, line: bytes, *, more: bool = False) -> bool:
        """Answer a line if it may go the short way; otherwise it is the SDK's.

        Parameters
        ----------
        more
            Whether another line is there already: answers to both are written together.
        """
        taken = self._plain(line)
        if taken is None:
            return False
        call, version = taken
        if not self._at_once(call, version, more):
            self._begin(call.id, self._answer(call, version))
        return True

    def take_at_once(self, line: bytes, *, more: bool = False) -> bool:
        """Answer a line if that takes no waiting at all; otherwise nothing has been done."""
        taken = self._plain(line)
        return taken is not None and self._at_once(*taken, more)

    def take_together(self, lines: Sequence[bytes], *, more: bool = False) -> int:
        """Answer the first lines that can be without waiting, together; gives how many.

        Calls of one server that can share what each does alone do so; their answers are written when that is done.
        """
        taken = self._plain(lines[0])
        gathering = None if taken is None else self._shortcut.gathering(taken[0])
        if gathering is None:
            for count, line in enumerate(lines, 1):
                if not self.take_at_once(line, more=more or count < len(lines)):
                    return count - 1
            return len(lines)
        answers: list[bytes] = []
        unusual = None
        with gathering() as gathered:
            for line in lines:
                if answers:
                    taken = self._plain(line)
                if taken is None or not self._free or self._shortcut.gathering(taken[0]) != gathering:
                    break
                result = self._shortcut.call_at_once(*taken)
                if result is None:
                    break
                written = self._written(*taken, result)
                if written is None:
                    unusual = (*taken, result)
                    break
                answers.append(written)
        if not gathered.kept:
            return 0
        if answers:
            self._outgoing.line_at_once(b"".join(answers), more=more)
        if unusual is not None:
            self._begin(unusual[0].id, self._reply(*unusual))
        return len(answers) + (unusual is not None)

    def _plain(self, line: bytes) -> tuple[PlainCall, str] | None:
        if not self._versions or _HINT not in line or len(line) > _LONGEST_LINE:
            return None
        if self._outgoing.unanswered > len(self._running):
            return None
        try:
            call = plain_call(from_json(line))
        except ValueError:
            return None
        if call is None or not self._shortcut.leads_to(call.name):
            return None
        version = self._versions.get(call.envelope)
        if version is None or coerce_request_id(call.id) in self._running:
            return None
        return call, version

    def _at_once(self, call: PlainCall, version: str, more: bool) -> bool:
        if not self._free:
            return False
        result = self._shortcut.call_at_once(call, version)
        if result is None:
            return False
        line = self._written(call, version, result)
        if line is None:
            self._begin(call.id, self._reply(call, version, result))
        else:
            self._outgoing.line_at_once(line, more=more)
        return True

    @property
    def _free(self) -> bool:
        return not self._running and self._outgoing.idle

    def _written(self, call: PlainCall, version: str, result: Result) -> bytes | None:
        line = None if isinstance(result, types.ErrorData) else self._shortcut.written(call, version, result)
        return None if line is None else line + b"\n"

    def _begin(self, request_id: RequestId, answering: Coroutine[Any, Any, None]) -> None:
        key = coerce_request_id(request_id)
        self._outgoing.expect(request_id)
        task = asyncio.get_running_loop().create_task(answering)
        self._running[key] = request_id, task
        task.add_done_callback(partial(self._done, key))

    def hears(self, request: types.JSONRPCRequest) -> None:
        """Note what the SDK is asked, to learn from how it answers."""
        if request.method == _HANDSHAKE:
            self._asked[request.id] = None
        elif request.method == METHOD and isinstance(request.params, Mapping):
            call = plain_call({"jsonrpc": "2.0", "id": request.id, "method": METHOD, "params": request.params})
            if call is not None and call.envelope and call.envelope not in self._versions:
                self._asked[request.id] = f"{call.version} {call.envelope}"

    def learns(self, message: types.JSONRPCMessage) -> None:
        """See how the SDK answers; an envelope that it took once is taken for good."""
        if not isinstance(message, (types.JSONRPCResponse, types.JSONRPCError)) or message.id not in self._asked:
            return
        asked = self._asked.pop(message.id)
        if isinstance(message, types.JSONRPCError):
            return
        if asked is None:
            version, envelope = names_version(message.result), ""
        else:
            version, _, envelope = asked.partition(" ")
        if version:
            self._versions[envelope] = version
            while len(self._versions) > _MOST_ENVELOPES:
                self._versions.popitem(last=False)

    def cancel(self, request_id: object) -> None:
        """Stop a call whose client does not want it any more; it gets no answer."""
        if isinstance(request_id, (int, str)):
            self._asked.pop(request_id, None)
            _, task = self._running.pop(coerce_request_id(request_id), (None, None))
            if task is not None:
                task.cancel()

    def stop(self) -> list[RequestId]:
        """Stop every call; gives the requests that wait for an answer."""
        running, self._running = self._running, {}
        for _, task in running.values():
            task.cancel()
        return [request_id for request_id, _ in running.values()]

    async def end(self) -> None:
        """Stop every call; who still waits is told."""
        for request_id in self.stop():
            await self._outgoing.refuse(types.CONNECTION_CLOSED, "Connection closed", request_id)
            self._outgoing.settle(request_id)

    def _done(self, key: RequestId, task: asyncio.Task[None]) -> None:
        if key in self._running and self._running[key][1] is task:
            del self._running[key]
        if not task.cancelled() and (failure := task.exception()) is not None:
            _log.error("a call was not answered", exc_info=failure)

    async def _answer(self, call: PlainCall, version: str) -> None:
        try:
            result = await self._shortcut.call(call, version)
        except BaseException:
            self._outgoing.settle(call.id)
            raise
        await self._reply(call, version, result)

    async def _reply(self, call: PlainCall, version: str, result: Result) -> None:
        try:
            if isinstance(result, Ready):
                result = result.result()
            if isinstance(result, types.ErrorData):
                error = types.JSONRPCError(jsonrpc="2.0", id=call.id, error=result)
                await self._outgoing.send(SessionMessage(error))
                return
            line = self._shortcut.written(call, version, result)
            if line is not None:
                await self._outgoing.line(line + b"\n", more=len(self._running) > 1)
                return
            shaped = self._shortcut.shaped(version, result)
            await self._outgoing.send(SessionMessage(types.JSONRPCResponse(jsonrpc="2.0", id=call.id, result=shaped)))
        finally:
            self._outgoing.settle(call.id)
