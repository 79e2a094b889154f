"""Workers of a real service are killed while it writes: the trail holds every change that was answered, unbroken."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

import anyio
import httpx2
import psutil
import pytest
import served
from access_served import minted

from openmanager_kit.access.trail_file import reading, rows, verified

_HEADERS = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}


def write(path: Path, number: int) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0", "id": number, "method": "tools/call",
        "params": {"name": "write_file", "arguments": {"path": str(path), "content": f"{number}\n"}},
    }  # fmt: skip


@pytest.mark.anyio
async def test_every_change_that_was_answered_is_in_the_trail_though_workers_are_killed(tmp_path: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    work.mkdir()
    ident, token = minted(home, "operator")
    process = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs here yet
        served.command(
            "up", "--config", "development", "--port", "0", "--servers", "5", "--workers", "2", "--root", str(work),
            "--access-tokens", "--calls-per-minute", "0", "--calls-per-tool-per-minute", "0",
        ),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env=served.environment(home),
    )  # fmt: skip
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        while "listens on" not in line:
            assert line
            line = process.stderr.readline()
        base = line.split()[-1].removesuffix("/mcp")
        reader = threading.Thread(target=process.stderr.read, daemon=True)
        reader.start()
        answered = await _load(f"{base}/filesystem/mcp", token, work, process.pid)
    finally:
        process.terminate()
        process.wait(10)
        process.stderr.close()
    assert len(answered) >= 150
    assert verified(home)[0] == []
    with reading(home) as (db, sealer):
        assert sealer is not None
        links = [link.row for link in rows(db) if link.row.tool == "write_file" and link.row.principal == ident]
        ended = {one.arguments for one in links if one.outcome == "ok"}
        begun = {one.arguments for one in links if one.outcome == "started"}
        for number in answered:
            digest = sealer.arguments(write(work / f"{number}.txt", number)["params"]["arguments"])
            assert digest in ended and digest in begun
    # What was changed without an answer is at least known to have begun.
    for path in work.glob("*.txt"):
        number = int(path.stem)
        assert sealer.arguments(write(path, number)["params"]["arguments"]) in begun


def _went_well(reply: httpx2.Response) -> bool:
    """Tell whether a whole answer came, as plain JSON or in a stream, and no error."""
    data = [line.removeprefix("data: ") for line in reply.text.splitlines() if line.removeprefix("data: ")[:1] == "{"]
    try:
        return bool(data) and json.loads(data[-1])["result"].get("isError") is not True
    except (ValueError, KeyError):
        return False  # its worker was killed


async def _load(url: str, token: str, work: Path, supervisor: int) -> list[int]:
    """Write files from several clients, and kill a worker twice meanwhile; gives those that were answered."""
    answered: list[int] = []
    numbers = iter(range(100_000))
    enough = anyio.Event()
    killed: set[int] = set()  # the supervisor may not have noticed yet

    async def client() -> None:
        async with httpx2.AsyncClient(headers=_HEADERS | {"authorization": f"Bearer {token}"}, timeout=20) as http:
            while not enough.is_set():
                number = next(numbers)
                try:
                    reply = await http.post(url, json=write(work / f"{number}.txt", number))
                except httpx2.TransportError:
                    continue  # its worker was killed
                if _went_well(reply):
                    answered.append(number)

    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(client)
        with anyio.fail_after(60):
            for goal in (50, 100):
                while len(answered) < goal:  # noqa: ASYNC110 - counted by several clients
                    await anyio.sleep(0.01)
                worker = next(one for one in psutil.Process(supervisor).children() if one.pid not in killed)
                worker.kill()
                killed.add(worker.pid)
            while len(answered) < 150:  # noqa: ASYNC110
                await anyio.sleep(0.01)
        enough.set()
    return answered
