"""Many MCP clients in one process that costs little: for `http_load.py`, whose servers share its two cores.

Raw asyncio, one kept-alive connection a client, requests written beforehand but for their id. A client sends its
next call when the last one is answered, and checks each answer, its id first.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from array import array
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

VERSION = "2026-07-28"
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientInfo": {"name": "load", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
_ID = 999_999_999
_LOST_S = 90.0


@dataclass(frozen=True)
class Ask:
    """One kind of call: how it is sent and how its result is judged.

    Attributes
    ----------
    right
        Tells whether a result, as JSON text without its envelope, is right.
    """

    name: str
    method: str
    params: Mapping[str, Any]
    right: Callable[[bytes], bool]
    analytic: bool = False

    def request(self, path: str, host: str, token: str = "") -> tuple[bytes, bytes]:
        """Write it down around the place of its id, which has nine digits; with a bearer token if there is one."""
        params = {**self.params, "_meta": ENVELOPE}
        body = json.dumps({"jsonrpc": "2.0", "id": _ID, "method": self.method, "params": params}).encode()
        named = f"Mcp-Name: {self.params['name']}\r\n" if "name" in self.params else ""
        shown = f"Authorization: Bearer {token}\r\n" if token else ""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {VERSION}\r\n"
            f"Mcp-Method: {self.method}\r\n{named}{shown}Content-Length: {len(body)}\r\n\r\n"
        )
        before, after = (head.encode() + body).split(b'"id": %d' % _ID)
        return before + b'"id": ', after


def tool(name: str, right: Callable[[bytes], bool], analytic: bool = False, **arguments: Any) -> Ask:
    """Make a call of a tool."""
    return Ask(name, "tools/call", {"name": name, "arguments": arguments}, right, analytic)


@dataclass
class Times:
    """When the answers to one kind of call came, in seconds from the beginning, and how long each took, in seconds."""

    came: array[float] = field(default_factory=lambda: array("d"))
    took: array[float] = field(default_factory=lambda: array("d"))


@dataclass
class Tally:
    """What all clients saw."""

    times: dict[str, Times] = field(default_factory=lambda: defaultdict(Times))
    wrong: list[str] = field(default_factory=list)
    lost: int = 0
    """Connections that ended with a call unanswered; it is sent again."""

    def took(self, names: Sequence[str], since_s: float = 0.0, until_s: float = float("inf")) -> list[float]:
        """Give the seconds that calls of some kinds took, answered in a part of the run, shortest first."""
        kinds = [self.times[name] for name in names if name in self.times]
        return sorted(
            took for kind in kinds for came, took in zip(kind.came, kind.took, strict=True) if since_s <= came < until_s
        )

    def answered(self) -> int:
        """Count the answers."""
        return sum(len(kind.took) for kind in self.times.values())


def quantile(shortest_first: Sequence[float], q: float) -> float:
    """Give a quantile; 0 of nothing."""
    return shortest_first[min(len(shortest_first) - 1, int(q * len(shortest_first)))] if shortest_first else 0.0


class _Connection(asyncio.Protocol):
    """One exchange at a time over one connection."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._waiter: asyncio.Future[tuple[int, bytes]] | None = None
        self._need = -1
        self._chunked = False
        self._head = 0
        self._status = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectionResetError("the connection ended before the answer"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._need < 0:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._received[:end]).lower()
            self._status, self._head = int(head[9:12]), end + 4
            at = head.find(b"content-length:")
            self._chunked = at < 0
            self._need = end + 4 if at < 0 else end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])
        if self._chunked:
            if not self._received.endswith(b"0\r\n\r\n"):
                return
            body = _last_event(bytes(self._received[self._head :]))
        elif len(self._received) >= self._need:
            body = bytes(self._received[self._head : self._need])
        else:
            return
        self._received.clear()
        self._need = -1
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result((self._status, body))

    def exchange(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Send a request; the future gives its status and body."""
        self._waiter = asyncio.get_running_loop().create_future()
        if self.transport is None:
            self._waiter.set_exception(ConnectionResetError("not connected"))
        else:
            self.transport.write(request)
        return self._waiter


def _last_event(chunked: bytes) -> bytes:
    """Give the JSON of the last event in a chunked stream."""
    text, at = bytearray(), 0
    while at < len(chunked):
        line, _, _ = chunked[at:].partition(b"\r\n")
        size = int(line, 16)
        text += chunked[at + len(line) + 2 : at + len(line) + 2 + size]
        at += len(line) + 4 + size
    return bytes(text.rpartition(b"data: ")[2].strip())


class Crowd:
    """Clients of one address that call until a time comes.

    Parameters
    ----------
    mix
        Calls with their weights.
    may_break
        Whether a connection may end unasked, as it does when a worker is killed.
    tokens
        Bearer tokens that the clients share out among themselves; without any they show none.
    """

    def __init__(
        self,
        host: str,
        port: int,
        path: str,
        mix: Sequence[tuple[Ask, float]],
        *,
        seed: int,
        may_break: bool = False,
        tokens: Sequence[str] = (),
    ) -> None:
        self._host, self._port = host, port
        self._asks = [ask for ask, _ in mix]
        self._weights = [weight for _, weight in mix]
        self._requests = [
            [ask.request(path, f"{host}:{port}", token) for ask in self._asks] for token in tokens or ("",)
        ]
        self._seed = seed
        self._may_break = may_break
        self._ids = 100_000_000
        self._begun = time.perf_counter()
        self.tally = Tally()

    async def run(self, clients: int, seconds: float) -> float:
        """Let `clients` call for `seconds`, then until each has its last answer; gives the seconds it took."""
        begun = self._begun = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(clients):
                chance, requests = random.Random(self._seed * 100_003 + number), self._requests
                group.create_task(self._client(chance, requests[number % len(requests)], begun + seconds))
        return time.perf_counter() - begun

    async def _client(self, chance: random.Random, requests: Sequence[tuple[bytes, bytes]], until: float) -> None:
        loop = asyncio.get_running_loop()
        kinds = range(len(self._asks))
        connection = None
        while time.perf_counter() < until:
            [kind] = chance.choices(kinds, self._weights)
            begun = time.perf_counter()
            while True:
                try:
                    if connection is None or connection.transport is None:
                        _, connection = await loop.create_connection(_Connection, self._host, self._port)
                    await self._exchange(connection, kind, requests[kind], begun)
                    break
                except OSError as exc:
                    self.tally.lost += 1
                    if not self._may_break:
                        self.tally.wrong.append(f"{self._asks[kind].name}: {exc!r}")
                        break
                    await asyncio.sleep(0.02)

    async def _exchange(self, connection: _Connection, kind: int, request: tuple[bytes, bytes], begun: float) -> None:
        ask, (before, after) = self._asks[kind], request
        self._ids += 1
        number = b"%d" % self._ids
        waiting = connection.exchange(before + number + after)
        timer = asyncio.get_running_loop().call_later(_LOST_S, waiting.cancel)
        try:
            status, body = await waiting
        except asyncio.CancelledError:
            self.tally.wrong.append(f"{ask.name}: no reply within {_LOST_S:g} s")
            return
        finally:
            timer.cancel()
        now, times = time.perf_counter(), self.tally.times[ask.name]
        times.came.append(now - self._begun)
        times.took.append(now - begun)
        prefix = b'{"jsonrpc":"2.0","id":%s,"result":' % number
        if status != 200 or not body.startswith(prefix) or not ask.right(body[len(prefix) : -1]):
            self.tally.wrong.append(f"{ask.name}: HTTP {status} {body[:300]!r}")


async def once(host: str, port: int, path: str, ask: Ask, tokens: Sequence[str] = ()) -> bytes:
    """Make one call and give its result's text, for later answers to be compared with."""
    kept: list[bytes] = []

    def keep(result: bytes) -> bool:
        kept.append(result)
        return b'"isError":true' not in result

    asked = Ask(ask.name, ask.method, ask.params, keep)
    crowd = Crowd(host, port, path, [(asked, 1.0)], seed=0, tokens=tokens)
    _, connection = await asyncio.get_running_loop().create_connection(_Connection, host, port)
    await crowd._exchange(connection, 0, crowd._requests[0][0], time.perf_counter())
    assert connection.transport is not None
    connection.transport.close()
    assert not crowd.tally.wrong, crowd.tally.wrong
    return kept[0]
