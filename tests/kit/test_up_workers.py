"""Two workers of one service answer alike: each is made to answer by holding the other still."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from mcp.client import Client
from served_up import Up, until, up


@contextlib.contextmanager
def only(running: Up, chosen: psutil.Process) -> Iterator[None]:
    """Hold the other workers still, so that this one answers."""
    others = [worker for worker in running.workers() if worker.pid != chosen.pid]
    for worker in others:
        worker.send_signal(signal.SIGSTOP)
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
