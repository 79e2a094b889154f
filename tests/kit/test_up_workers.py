"""Two workers of one service answer alike: each is made to answer by holding the other still."""

from __future__ import annotations

import contextlib
import math
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
from access_served import minted
from mcp.client import Client
from served_up import Up, until, up


@contextlib.contextmanager
def only(running: Up, chosen: psutil.Process) -> Iterator[None]:
    """Hold the other workers still, so that this one answers."""
    others = [worker for worker in running.workers() if worker.pid != chosen.pid]
    for worker in others:
        worker.send_signal(signal.SIGSTOP)
        while worker.status() != psutil.STATUS_STOPPED:  # until then it may still take a connection, and keep it
            time.sleep(0.001)
    try:
        yield
    finally:
        for worker in others:
            worker.send_signal(signal.SIGCONT)


async def ask(running: Up, chosen: psutil.Process, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    with only(running, chosen):
        async with Client(f"{running.base}/openmanager-local/mcp") as client:
            result = await client.call_tool(tool, arguments)
    assert result.is_error is False, result.content
    assert result.structured_content is not None
    return result.structured_content


@pytest.mark.anyio
async def test_a_fault_that_one_worker_injects_or_ends_holds_for_every_worker_and_for_one_started_later(
    tmp_path: Path,
) -> None:
    with up(tmp_path, "--workers", "2") as running:
        await until(lambda: len(running.workers()) == 2)
        first, second = running.workers()
        for worker in (first, second):  # both have opened the fleet, and keep an answer about it
            await ask(running, worker, "fleet_overview", {})
        host = (await ask(running, first, "list_servers", {}))["servers"][0]["id"]
        made = await ask(running, first, "inject_fault", {"kind": "cpu_saturation", "target": host, "severity": 1})
        again = await ask(running, second, "inject_fault", {"kind": "memory_leak", "target": host})
        both = {fault["id"] for fault in again["faults"]}
        assert len(both) == 2 and {fault["id"] for fault in made["faults"]} < both
        seen = [await ask(running, worker, "fleet_overview", {}) for worker in (first, second)]
        assert all(host in str(one) for one in seen)
        second.kill()
        late: list[psutil.Process] = []
        await until(
            lambda: bool(late.extend(w for w in running.workers() if w.pid not in (first.pid, second.pid)) or late)
        )
        third = late[0]
        left = await ask(running, third, "clear_faults", {"fault_id": made["faults"][0]["id"]})
        assert {fault["id"] for fault in left["faults"]} == both - {made["faults"][0]["id"]}
        assert (await ask(running, first, "clear_faults", {}))["message"].startswith("Ended 1 fault.")


CALLS_PER_MINUTE, BURST = 12, 2


class Caller:
    """Calls a cheap tool of one worker with a token, without a handshake."""

    def __init__(self, running: Up, token: str) -> None:
        self._running, self._begun_s = running, time.monotonic()
        self._http = httpx2.Client(
            timeout=20, trust_env=False,
            headers={"authorization": f"Bearer {token}", "accept": "application/json, text/event-stream"},
        )  # fmt: skip

    def ask(self) -> httpx2.Response:
        """Call whoever answers."""
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_metrics", "arguments": {}}}
        self._http.headers["connection"] = "close"  # the next call is for another worker
        return self._http.post(f"{self._running.base}/openmanager-local/mcp", json=call)

    def reply(self, chosen: psutil.Process) -> httpx2.Response:
        with only(self._running, chosen):
            return self.ask()

    def text(self, chosen: psutil.Process) -> str:
        reply = self.reply(chosen)
        assert reply.status_code == 200, reply.text
        return reply.text

    def passed(self, *workers: psutil.Process) -> int:
        """How many calls of one each in turn are let through; the others are told why not."""
        texts = [self.text(worker) for worker in workers]
        refused = [text for text in texts if "rate_limited" in text]
        assert all("your calls: more than 12 calls a minute. Try: again in" in text for text in refused)
        return len(texts) - len(refused)

    def most(self) -> int:
        """How many calls the one limit allows until now."""
        return BURST + math.ceil((time.monotonic() - self._begun_s) * CALLS_PER_MINUTE / 60)


def team(folder: Path, access: str) -> tuple[Path, str]:
    """A folder of state and a profile with access settings."""
    profile = folder / "team.toml"
    profile.write_text(f'servers = ["openmanager-local"]\n[access]\ntokens = true\n{access}\n')
    (folder / "home").mkdir()
    return folder / "home", str(profile)


async def both(running: Up) -> list[psutil.Process]:
    """Wait until two workers answer."""
    await until(lambda: len(running.workers()) == 2)
    for worker in running.workers():
        with only(running, worker):
            await until(lambda: running.get("/healthz").status_code == 200)
    return running.workers()


@pytest.mark.anyio
async def test_the_calls_of_a_principal_are_counted_together_over_all_workers_and_a_killed_one(tmp_path: Path) -> None:
    home, profile = team(tmp_path, f"calls_per_minute = {CALLS_PER_MINUTE}")
    kim, lee = (minted(home, "viewer", name)[1] for name in ("Kim", "Lee"))
    with up(home, "--workers", "2", config=profile) as running:
        first, second = await both(running)
        calls = Caller(running, kim)
        passed = calls.passed(*[first, second] * 8)
        assert BURST <= passed <= calls.most() < 16
        assert Caller(running, lee).passed(first, second) == 2
        second.kill()
        late: list[psutil.Process] = []
        await until(
            lambda: bool(late.extend(w for w in running.workers() if w.pid not in (first.pid, second.pid)) or late)
        )
        passed += calls.passed(*[late[0], first] * 8)
        assert passed <= calls.most()


def half_asked(running: Up, token: str) -> socket.socket:
    """A request whose body does not come: it is in progress until its connection ends."""
    host, _, port = running.base.removeprefix("http://").rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    head = f"POST /openmanager-local/mcp HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
    connection.sendall(f"{head}Content-Length: 99\r\n\r\n{{".encode())
    return connection


@pytest.mark.anyio
async def test_requests_in_progress_are_counted_together_and_those_of_a_killed_worker_no_longer(tmp_path: Path) -> None:
    home, profile = team(tmp_path, "requests = 2")
    kim, lee = (minted(home, "viewer", name)[1] for name in ("Kim", "Lee"))
    with up(home, "--workers", "2", config=profile) as running, contextlib.ExitStack() as stack:
        first, second = await both(running)
        calls = Caller(running, kim)
        assert [calls.reply(worker).status_code for worker in (first, second)] == [200, 200]

        # A call's place is given back only after its answer: what comes right behind it may be refused.
        def full() -> bool:
            with only(running, first):
                stack.enter_context(half_asked(running, kim))
                calls.ask()  # answered later than the one before it was taken up
            return all(calls.reply(second).status_code == 429 for _ in range(3))

        await until(full)
        assert Caller(running, lee).reply(second).status_code == 200
        first.kill()
        first.wait(10)
        assert calls.reply(second).status_code == 200
