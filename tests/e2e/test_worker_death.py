"""Workers that die or stand still while clients write: what was acknowledged is there, and service goes on."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import anyio
import httpx2
import psutil
import pytest
from served_up import Up, until, up

ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
WRITERS = 6
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")


async def call(client: httpx2.AsyncClient, url: str, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool once."""
    params = {"name": tool, "arguments": arguments, "_meta": ENVELOPE}
    headers = {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": tool,
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    reply = await client.post(url, json=body, headers=headers)
    result: dict[str, Any] = json.loads(reply.text.rpartition("data: ")[2])["result"]
    assert not result.get("isError"), result
    return result


async def insisting(client: httpx2.AsyncClient, url: str, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call until there is an answer; a connection may end before."""
    while True:
        try:
            return await call(client, url, tool, **arguments)
        except httpx2.TransportError:
            await anyio.sleep(0.02)


@pytest.mark.anyio
async def test_nothing_that_was_acknowledged_is_lost_when_workers_are_killed(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    profile = tmp_path / "profile.toml"
    profile.write_text('servers = ["filesystem", "sequential-thinking"]\n')
    written: dict[str, str] = {}
    chains: dict[str, str] = {}
    over = anyio.Event()

    async def write(running: Up, number: int) -> None:
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
            count = 0
            while not over.is_set():
                count += 1
                name, text = f"{number}-{count}.txt", f"{number} wrote {count}\n" * 50
                path = str(files / name)
                await insisting(client, running.url, "write_file", path=path, content=text)
                written[name] = text
                step = {"thought": text, "thoughtNumber": 1, "totalThoughts": 1, "nextThoughtNeeded": False}
                answer = await insisting(client, running.url, "sequentialthinking", **step)
                chains[answer["structuredContent"]["chainId"]] = text.splitlines()[0]

    with up(tmp_path / "home", "--workers", "2", "--root", str(files), config=str(profile)) as running:
        async with anyio.create_task_group() as group:
            for number in range(WRITERS):
                group.start_soon(write, running, number)
            for kills in range(1, 4):
                before = len(chains)
                await until(lambda before=before: len(chains) >= before + 2 * WRITERS)  # type: ignore[misc]
                await until(lambda: len(running.workers()) == 2)
                running.workers()[kills % 2].kill()
                await until(lambda kills=kills: sum("signal 9" in line for line in running.lines) == kills)  # type: ignore[misc]
            over.set()
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
            for chain, text in chains.items():
                assert text in json.dumps(await insisting(client, running.url, "read_chain", chainId=chain))
    assert {name: (files / name).read_text() for name in written} == written
    left = {path.name for path in files.iterdir()}
    # What a killed write was making is left under a name of ours, and swept by a later write.
    assert not [name for name in left if not name.endswith((".txt", ".tmp"))]


@pytest.mark.anyio
@pytest.mark.timeout(240)
async def test_a_worker_that_stands_still_is_replaced_and_readiness_is_told_all_along(tmp_path: Path) -> None:
    with up(tmp_path, "--workers", "2", "--patience", "3", config="minimal") as running:
        await until(lambda: len(running.workers()) == 2)
        victim = running.workers()[0]
        victim.send_signal(signal.SIGSTOP)
        # A worker that is stopped before it serves is waited for longer, as one that starts is.
        await until(lambda: any("has not moved for" in line for line in running.lines), 100)
        await until(lambda: not victim.is_running() or victim.status() == psutil.STATUS_ZOMBIE)
        begun, told = time.monotonic(), 0
        while time.monotonic() - begun < 1.5:
            told += running.get("/readyz").status_code == 200
        assert told > 0
        await until(lambda: len([w for w in running.workers() if w.pid != victim.pid]) == 2, 60)
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
            for _ in range(10):
                assert "structuredContent" in await call(client, running.url, "list_metrics")
