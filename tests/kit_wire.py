"""Speak JSON-RPC over the pipes of a process, byte by byte where a test wants to."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kit_served

ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
PATIENCE_S = 20.0


class Wire:
    """The client's ends of the pipes of one server process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._rest = b""
        self._ids = 0

    def send(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def call(self, tool: str, /, **arguments: Any) -> int:
        """Ask for a tool; gives the request's id."""
        return self.ask("tools/call", name=tool, arguments=arguments)

    def ask(self, method: str, /, **params: Any) -> int:
        self._ids += 1
        meta = ENVELOPE | params.pop("meta", {})
        request = {"jsonrpc": "2.0", "id": self._ids, "method": method, "params": {**params, "_meta": meta}}
        self.send(json.dumps(request).encode() + b"\n")
        return self._ids

    def line(self) -> dict[str, Any]:
        """Wait for the next message."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + PATIENCE_S
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                assert selector.select(max(0.0, deadline - time.monotonic())), "no answer came"
                data = os.read(self.process.stdout.fileno(), 1 << 20)
                assert data, f"the server has gone: {self.stderr()}"
                self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        message: dict[str, Any] = json.loads(line)
        return message

    def answer(self, request_id: int) -> dict[str, Any]:
        """Wait for the answer to a request; other messages are dropped."""
        while True:
            message = self.line()
            if message.get("id") == request_id:
                return message

    def text(self, request_id: int) -> str:
        """Wait for the text that a tool answers."""
        return str(self.answer(request_id)["result"]["content"][0]["text"])

    def stderr(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def close(self) -> None:
        """Close the client's side of standard input."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def leaves(self, within_s: float = 5.0) -> int:
        """Wait until the process has gone."""
        return self.process.wait(within_s)


@contextlib.contextmanager
def served(home: Path, *words: str, config: str = "") -> Iterator[Wire]:
    """Serve the bench over stdio, and see that nothing is left of it."""
    process = kit_served.start(home, *words, config=config)
    try:
        yield Wire(process)
    finally:
        process.kill()
        process.wait(10)
        for pipe in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]


def wait_for(path: Path) -> None:
    """Wait until a file is there."""
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} never came"
        time.sleep(0.005)
