"""The whole profile over HTTP as processes: served, measured, kept running, and gone without a trace."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
import served
from mcp.client import Client
from served_up import until, up

ERAS = ("legacy", "2026-07-28")


@pytest.mark.anyio
async def test_each_server_has_its_path_and_all_of_them_share_one_in_both_eras(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    with up(tmp_path / "home", "--root", str(tmp_path)) as running:
        for era in ERAS:
            async with Client(running.url, mode=era) as client:
                names = {tool.name for tool in (await client.list_tools()).tools}
                assert {"fleet_overview", "git_status", "openmanager-status"} <= names
                assert (await client.call_tool("fleet_overview", {})).is_error is False
            async with Client(f"{running.base}/filesystem/mcp", mode=era) as client:
                names = {tool.name for tool in (await client.list_tools()).tools}
                assert "read_text_file" in names and "git_status" not in names
                read = await client.call_tool("read_text_file", {"path": str(tmp_path / "a.txt")})
                assert read.content[0].text.startswith("hello")  # type: ignore[union-attr]
        text = running.get("/metrics").text
        assert 'openmanager_tool_calls_total{outcome="ok",server="filesystem",tool="read_text_file"} 2.0' in text
        assert (
            'openmanager_tool_call_seconds_bucket{le="+Inf",server="openmanager-local",tool="fleet_overview"} 2' in text
        )
        assert running.get("/healthz").json()["status"] == "ok"
        assert running.get("/readyz").status_code == 200
        nothing = running.get("/readyz/nothing")
        assert nothing.status_code in (404, 405)


@pytest.mark.anyio
async def test_a_server_that_cannot_be_built_is_told_of_and_the_others_serve(tmp_path: Path) -> None:
    with up(tmp_path) as running:
        report = running.get("/readyz")
        assert report.status_code == 503
        servers = report.json()["servers"]
        assert servers["openmanager-local"]["ready"] and servers["openmanager-local"]["tools"] > 0
        assert servers["openmanager-local"]["data_age_s"] < 60
        assert not servers["git"]["ready"] and "no root" in servers["git"]["detail"]
        refused = httpx2.post(f"{running.base}/git/mcp", json={}, timeout=20, trust_env=False)
        assert refused.status_code == 503 and "no root" in refused.json()["error"] and refused.headers["retry-after"]
        asked = served.run(tmp_path, ["status", "--url", running.base])
        assert asked.returncode == 1 and "NOT READY" in asked.stdout
        async with Client(running.url) as client:
            assert (await client.call_tool("list_servers", {})).is_error is False


@pytest.mark.anyio
async def test_a_killed_worker_is_started_again_and_calls_go_on(tmp_path: Path) -> None:
    with up(tmp_path, "--workers", "2", config="minimal") as running:
        await until(lambda: len(running.workers()) == 2)
        before = {worker.pid for worker in running.workers()}
        victim = running.workers()[0]
        victim.kill()
        await until(lambda: len({w.pid for w in running.workers()} - before) == 1)
        await until(lambda: any("signal 9" in line for line in running.lines))
        async with Client(running.url) as client:
            assert (await client.call_tool("list_servers", {})).is_error is False
        await until(lambda: "openmanager_worker_restarts_total 1.0" in running.get("/metrics").text)


def test_what_one_worker_counts_every_worker_tells(tmp_path: Path) -> None:
    async def call(url: str) -> None:
        async with Client(url) as client:
            await client.call_tool("list_metrics", {})

    with up(tmp_path, "--workers", "2", config="minimal") as running:
        for _ in range(6):
            asyncio.run(call(running.url))
        wanted = 'openmanager_tool_calls_total{outcome="ok",server="openmanager-local",tool="list_metrics"} 6.0'
        assert all(wanted in running.get("/metrics").text for _ in range(4))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_every_worker(tmp_path: Path, number: signal.Signals) -> None:
    with up(tmp_path, "--workers", "2", config="minimal") as running:
        workers = running.workers()
        running.process.send_signal(number)
        assert running.process.wait(10) == 128 + number
        assert not [worker for worker in workers if worker.is_running()]


@pytest.mark.anyio
async def test_nothing_stays_behind_when_it_is_killed(tmp_path: Path) -> None:
    with up(tmp_path, "--workers", "2", config="minimal") as running:
        workers = running.workers()
        running.process.kill()
        running.process.wait(10)
        await until(lambda: not [w for w in workers if w.is_running() and w.status() != psutil.STATUS_ZOMBIE])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--workers", "0"], "--workers must be from 1 to 64, got 0"),
        (["--workers", "2", "--http-sessions"], "http.sessions needs --workers 1"),
        (["--patience", "0.5"], "--patience must be from 2 to 3600 seconds, got 0.5"),
        (["--port", "70000"], "http.port"),
        (["--host", "0.0.0.0"], "http.token_env"),
        (["--config", "nowhere"], "there is no profile 'nowhere'"),
    ],
)
def test_settings_that_cannot_be_end_it_with_2_and_the_reason(tmp_path: Path, words: list[str], why: str) -> None:
    ended = served.run(tmp_path, ["up", "--config", "minimal", "--port", "0", *words])
    assert ended.returncode == 2 and why in ended.stderr


def test_status_says_what_it_cannot_reach(tmp_path: Path) -> None:
    ended = served.run(tmp_path, ["status", "--url", "http://127.0.0.1:9"])
    assert ended.returncode == 1 and "does not answer" in ended.stderr


def test_status_prints_what_the_service_said(tmp_path: Path) -> None:
    with up(tmp_path, config="minimal") as running:
        asked = served.run(tmp_path, ["status", "--url", running.url, "--json"])
    report: dict[str, Any] = json.loads(asked.stdout)
    assert asked.returncode == 0 and report["servers"]["openmanager-local"]["tools"] > 0
