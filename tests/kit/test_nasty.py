"""A thousand nasty messages: each is answered or ignored, and the server serves the next one."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import kit_served
import pytest
from kit_wire import ENVELOPE, served

from openmanager_core.errors import InvalidRequest
from openmanager_kit.arguments import Arguments

HUGE = 10**5000
VALUES: tuple[Any, ...] = (
    None, True, -1, 1.5, 10**30, 1e308, "", "\0", "\u202e", "x" * 3000, [], {}, [[]], {"a": {}}, [None], "text",
    "notifications/cancelled", "tools/call", "initialize", 0, "2026-07-28", {"requestId": {}}, {"requestId": [1]},
)  # fmt: skip
MESSAGES: tuple[Any, ...] = (
    {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": ENVELOPE}},
    {
        "jsonrpc": "2.0",
        "id": "b",
        "method": "tools/call",
        "params": {"name": "echo", "arguments": {"text": "x"}, "_meta": {**ENVELOPE, "progressToken": 1}},
    },
    {"jsonrpc": "2.0", "id": 3, "method": "prompts/get", "params": {"name": "x", "_meta": ENVELOPE}},
    {"jsonrpc": "2.0", "id": 4, "method": "resources/read", "params": {"uri": "a://b", "_meta": ENVELOPE}},
    {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}},
    {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": 2}},
    {"jsonrpc": "2.0", "id": 5, "result": {}},
    {"jsonrpc": "2.0", "id": 6, "error": {"code": 1, "message": "x"}},
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Give every container and key inside a value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(pairs):
        yield value, key
        if isinstance(inner, (dict, list)):
            yield from places(inner)


def nasty(seed: int) -> bytes:
    """Make a message with a few things wrong with it."""
    chance = random.Random(seed)
    message = copy.deepcopy(chance.choice(MESSAGES))
    for _ in range(chance.randint(1, 3)):
        container, key = chance.choice(list(places(message)) or [(message, "x")])
        if chance.random() < 0.3 and isinstance(container, dict):
            container.pop(key, None)
        else:
            container[key] = copy.deepcopy(chance.choice(VALUES))
    line = json.dumps(message).encode()
    if chance.random() < 0.2:
        cut = chance.randrange(len(line))
        line = line[:cut] + bytes([chance.randrange(256)]) + line[cut + 1 :]
    if chance.random() < 0.1:
        line = line.replace(b"1", b"9" * 5000, 1)
    return line.replace(b"\n", b" ")


def test_a_thousand_nasty_lines_do_not_end_the_server(tmp_path: Path) -> None:
    with served(tmp_path) as wire:
        assert wire.text(wire.call("echo", text="before")) == "before"
        for seed in range(1000):
            wire.send(nasty(seed) + b"\n")
        wire.send(json.dumps({"jsonrpc": "2.0", "id": "last", "method": "tools/call", "params": {
            "name": "echo", "arguments": {"text": "after"}, "_meta": ENVELOPE}}).encode() + b"\n")  # fmt: skip
        while (message := wire.line()).get("id") != "last":
            pass
        assert message["result"]["content"][0]["text"] == "after"
        wire.close()
        assert wire.leaves(10) == 0
        assert "Traceback" not in wire.stderr()


def test_nasty_bodies_over_http_are_never_a_server_error(tmp_path: Path) -> None:
    process = kit_served.start(tmp_path, "--http", "127.0.0.1:0")
    assert process.stderr is not None
    try:
        url = process.stderr.readline().decode().split()[-1]
        with httpx2.Client(timeout=20) as client:
            for seed in range(300):
                chance = random.Random(seed)
                version = chance.choice(["2026-07-28", "2025-11-25", "2025-06-18", "1999-01-01", "x"])
                headers = {
                    "content-type": "application/json",
                    "accept": "application/json, text/event-stream",
                    "mcp-protocol-version": version,
                    "mcp-method": chance.choice(["tools/call", "tools/list", ""]),
                }
                reply = client.post(url, content=nasty(seed), headers=headers)
                assert reply.status_code < 500, (seed, reply.text)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("value", [HUGE, -HUGE, [HUGE], {"a": HUGE}], ids=["huge", "negative", "list", "object"])
def test_an_endless_number_is_refused(value: Any) -> None:
    import inspect

    def take(number: int) -> None:
        """Take a number."""

    with pytest.raises(InvalidRequest, match="number must be a number of at most 300 digits"):
        Arguments(take, inspect.signature(take, eval_str=True)).check({"number": value})
