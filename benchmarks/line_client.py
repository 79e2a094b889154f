"""A client that speaks JSON-RPC lines with a server on its standard input and output, so a figure is the server's.

It does the handshake of 2025-11-25, or sends the envelope of 2026-07-28 with each request.
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any

import psutil

LEGACY, MODERN = "2025-11-25", "2026-07-28"
CLIENT = {"name": "benchmark", "version": "1"}
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": CLIENT,
    "io.modelcontextprotocol/clientCapabilities": {},
}
ANSWER_S = 120.0
_ID = re.compile(rb'(?<!\\)"id":\s?(\d+)')


class Server:
    """A server in a process of its own, and the least client that can talk to it."""

    def __init__(self, command: Sequence[str], *, modern: bool = False, env: Mapping[str, str] | None = None) -> None:
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the server
        self._process = subprocess.Popen(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints, env=env
        )
        self._seen = psutil.Process(self._process.pid)
        self._modern = modern
        self._last_id = 0
        self._rest = b""
        if not modern:
            self.request("initialize", {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": CLIENT})
            self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})
        self.arguments = {
            tool["name"]: frozenset(tool["inputSchema"].get("properties", {}))
            for tool in self.request("tools/list", {})["result"]["tools"]
        }

    @property
    def process(self) -> psutil.Process:
        """The server's process."""
        return self._seen

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._complaints.close()

    def send(self, method: str, params: Mapping[str, Any]) -> int:
        """Write a request and return its id."""
        self._last_id += 1
        meta = {"_meta": ENVELOPE} if self._modern else {}
        self._write({"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": {**params, **meta}})
        return self._last_id

    def send_call(self, tool: str, arguments: Mapping[str, Any]) -> int:
        """Write a call of a tool and return its id."""
        return self.send("tools/call", {"name": tool, "arguments": dict(arguments)})

    def receive(self) -> tuple[int, bytes, float]:
        """Wait for the next answer: whose it is, its line, and when its last byte was here."""
        while True:
            line, at_s = self._line()
            # The id stands at one end of the line. To parse 20 MB for it would delay the next request.
            found = _ID.search(line[:120]) or _ID.search(line[-120:])
            if found:
                return int(found[1]), line, at_s

    def request(self, method: str, params: Mapping[str, Any]) -> Any:
        """Ask, wait, and return the parsed answer."""
        asked = self.send(method, params)
        answered, line, _ = self.receive()
        assert answered == asked, line[:500]
        return json.loads(line)

    def call(self, tool: str, arguments: Mapping[str, Any]) -> tuple[bytes, float]:
        """Call a tool: the line that came back, and the seconds it took."""
        begun_s = time.perf_counter()
        asked = self.send_call(tool, arguments)
        answered, line, at_s = self.receive()
        assert answered == asked, line[:500]
        return line, at_s - begun_s

    def cpu_s(self) -> float:
        """Processor seconds of the server and of everything it has started, the ended ones too."""
        total_s = 0.0
        for process in [self._seen, *self._seen.children(recursive=True)]:
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:  # ended between the list and now: its parent counts it from the next look on
                continue
            total_s += times.user + times.system + times.children_user + times.children_system
        return total_s

    def _write(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()

    def _line(self) -> tuple[bytes, float]:
        assert self._process.stdout is not None
        out = self._process.stdout.fileno()
        parts, chunk, at_s = [], self._rest, time.perf_counter()
        while (end := chunk.find(b"\n")) < 0:
            parts.append(chunk)
            if not select.select([out], [], [], ANSWER_S)[0]:
                raise TimeoutError(f"no answer within {ANSWER_S:.0f} s")
            chunk = os.read(out, 1 << 20)
            at_s = time.perf_counter()
            if not chunk:
                self._complaints.seek(0)
                raise ConnectionError(
                    f"the server has left: {self._complaints.read()[-1000:].decode(errors='replace')}"
                )
        parts.append(chunk[:end])
        self._rest = chunk[end + 1 :]
        return b"".join(parts), at_s


def text_of(line: bytes) -> str:
    """The text of a tool's answer, which must not be a failure."""
    result = json.loads(line)["result"]
    text = "\n".join(block["text"] for block in result["content"] if block["type"] == "text")
    assert not result.get("isError"), text[:500]
    return text
