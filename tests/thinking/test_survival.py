"""What was acknowledged stays: through kill -9, beside other writers, on a full disk, with a file that is not right."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
import served
from mcp.client import Client
from thoughts import call, profile_in, refused, server_in, step, text_of, think

from openmanager_core.errors import FleetError, NotFound, StorageUnavailable
from openmanager_thinking import database, writer
from openmanager_thinking.chains import append, delete
from openmanager_thinking.limits import Section
from openmanager_thinking.lookups import need_chain
from openmanager_thinking.schema import MIGRATIONS, VERSION
from openmanager_thinking.store import FILE, Store
from openmanager_thinking.thought import Thought

CHILD = Path(__file__).parents[1] / "thinking_child.py"


def child(home: Path, name: str, count: int, in_flight: int) -> subprocess.Popen[str]:
    command = [sys.executable, str(CHILD), str(home), "shared", name, str(count), str(in_flight)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=served.environment(home), text=True
    )


def stored(home: Path) -> list[tuple[int, str]]:
    """Every thought's place and text; the file must be sound and its counts true."""
    with sqlite3.connect(home / FILE) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert (
            db.execute("SELECT chains, bytes FROM totals").fetchone()
            == db.execute("SELECT count(*), sum(bytes) FROM chains").fetchone()
        )
        db.execute("INSERT INTO thoughts_text (thoughts_text) VALUES ('integrity-check')")
        rows = db.execute("SELECT seq, text FROM thoughts ORDER BY seq").fetchall()
        assert db.execute("SELECT sum(thoughts) FROM chains").fetchone() == (len(rows),)
    db.close()
    return rows


def test_no_acknowledged_thought_is_lost_by_kill_9(tmp_path: Path) -> None:
    chance, acknowledged = random.Random(5), set[tuple[int, str]]()
    for turn in range(6):
        in_flight = 1 if turn % 2 else 8
        process = child(tmp_path, f"turn{turn}", 100_000, in_flight)
        assert process.stdout is not None
        for _ in range(chance.randint(1, 80)):
            place, _, text = process.stdout.readline().strip().partition(" ")
            acknowledged.add((int(place), text))
        os.kill(process.pid, signal.SIGKILL)
        for line in process.stdout.read().split("\n")[:-1]:  # said before the end
            place, _, text = line.partition(" ")
            acknowledged.add((int(place), text))
        process.wait()
        process.stdout.close()
        kept = stored(tmp_path)
        assert acknowledged <= set(kept)
        assert [place for place, _ in kept] == list(range(1, len(kept) + 1))
        assert len(kept) <= len(acknowledged) + 8 * (turn + 1)


def test_processes_that_write_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    processes = [child(tmp_path, name, 60, in_flight) for name, in_flight in (("a", 1), ("b", 8), ("c", 3))]
    said = [process.communicate(timeout=50)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    lines = [line.partition(" ") for answer in said for line in answer.splitlines()]
    kept = stored(tmp_path)
    assert len(kept) == 180
    assert {(int(place), text) for place, _, text in lines} == set(kept)


def work(store: Store, number: int, text: str = "x") -> Any:
    thought = Thought(text, number, number, True)
    return partial(
        append, owner="local", handle="c", make=True, thought=thought, limits=store.limits, now_s=store.now_s()
    )


@pytest.mark.anyio
async def test_a_full_disk_says_so_keeps_what_there_is_and_works_again_with_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_QUICK_IN_A_ROW", 1_000_000)  # only the thread's connection has the limit
    store = Store(tmp_path, Section(expire_days=0))
    await store.write(lambda db: db.execute("PRAGMA max_page_count = 200").fetchone())
    done = 0
    with pytest.raises(StorageUnavailable, match=r"disk that holds the file of the chains .* is full"):
        while done < 1000:
            await store.write(work(store, done + 1, "y" * 3000))
            done += 1
    assert done > 5
    assert len(stored(tmp_path)) == done
    await store.write(lambda db: db.execute("PRAGMA max_page_count = 100000").fetchone())
    assert (await store.write(work(store, done + 1))).length == done + 1
    await store.aclose()


@pytest.mark.anyio
async def test_of_thoughts_written_together_one_that_does_not_fit_fails_alone(tmp_path: Path) -> None:
    store = Store(tmp_path, Section(expire_days=0))
    await store.write(lambda db: db.execute("PRAGMA max_page_count = 60").fetchone())
    outcomes: list[str] = []

    async def one(number: int, text: str) -> None:
        try:
            await store.write(work(store, number, text))
            outcomes.append("kept")
        except FleetError as exc:
            outcomes.append(exc.code)

    async with anyio.create_task_group() as tasks:
        for number, text in enumerate(["a", "b", "z" * 400_000, "c"], 1):
            tasks.start_soon(one, number, text)
    assert sorted(outcomes) == ["invalid_request", "kept", "kept", "kept"]
    await store.write(lambda db: db.execute("PRAGMA max_page_count = 61").fetchone())
    store.limits = Section(expire_days=0, thought_chars=1_000_000)
    outcomes.clear()
    async with anyio.create_task_group() as tasks:
        for number, text in enumerate(["d", "e", "z" * 400_000, "f"], 5):
            tasks.start_soon(one, number, text)
    assert sorted(outcomes) == ["kept", "kept", "kept", "storage_unavailable"]
    await store.aclose()
    assert [text for _, text in stored(tmp_path) if len(text) > 1] == []


@pytest.mark.anyio
async def test_a_heavy_chain_is_gone_at_once_and_its_thoughts_soon_without_holding_up_others(tmp_path: Path) -> None:
    store = Store(tmp_path, Section())
    for number in range(1, 61):
        await store.write(work(store, number, f"needle {number} " + "y z " * 1000))
    await store.write(partial(delete, owner="local", handle="c"))
    with pytest.raises(NotFound):
        await store.read(lambda db: need_chain(db, "local", "c"))
    assert await store.read(lambda db: db.execute("SELECT chains, bytes FROM totals").fetchone()) == (0, 0)
    with anyio.fail_after(30):
        while await store.read(lambda db: db.execute("SELECT count(*) FROM thoughts").fetchone()) != (0,):  # noqa: ASYNC110 - nothing tells
            await anyio.sleep(0.05)
    assert (await store.write(work(store, 1, "another needle"))).length == 1
    await store.aclose()
    assert stored(tmp_path) == [(1, "another needle")]


@pytest.mark.anyio
async def test_a_query_ends_when_its_caller_goes(filled: Path) -> None:
    store, ended = Store(filled, Section()), threading.Event()

    def endless(db: sqlite3.Connection) -> None:
        try:
            db.execute(
                "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
            ).fetchone()
        finally:
            ended.set()

    with anyio.move_on_after(0.1):
        await store.read(endless)
    assert await anyio.to_thread.run_sync(ended.wait, 20)
    await store.aclose()


@pytest.fixture
async def filled(tmp_path: Path) -> Path:
    """A home with one thought in it."""
    store = Store(tmp_path, Section(expire_days=0))
    await store.write(work(store, 1))
    await store.aclose()
    return tmp_path


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:8192] = b"\xff" * 4096
    path.write_bytes(data)


def spoil(sql: str) -> Any:
    def run(path: Path) -> None:
        with sqlite3.connect(path) as db:
            db.execute(sql)
        db.close()

    return run


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("spoiling", "says"),
    [
        (damage, "is damaged"),
        (lambda path: path.write_bytes(b"no database at all " * 100), "is damaged"),
        (lambda path: path.write_bytes(b"short"), "is damaged"),
        (lambda path: (path.unlink(), path.mkdir()), "is not a regular file"),
        (spoil(f"PRAGMA user_version = {VERSION + 1}"), "was written by a newer OpenManager"),
        (spoil("PRAGMA application_id = 7"), "is a database of another program"),
    ],
    ids=["damaged", "no database", "short", "a directory", "newer", "another program's"],
)
async def test_a_file_that_is_not_right_is_refused_in_words_and_left_alone(
    filled: Path, spoiling: Any, says: str
) -> None:
    path = filled / FILE
    spoiling(path)
    before = path.read_bytes() if path.is_file() else b""
    async with Client(server_in(filled)) as client:
        for said in (
            await refused(client, "sequentialthinking", **step(1)),
            await refused(client, "list_chains"),
        ):
            assert says in said
            assert str(filled) not in said
    assert (path.read_bytes() if path.is_file() else b"") == before


@pytest.mark.anyio
async def test_a_file_of_an_older_version_is_brought_to_ours(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    next_version = VERSION + 1
    step_to_it = (
        "ALTER TABLE chains ADD COLUMN mood TEXT NOT NULL DEFAULT ''",
        f"PRAGMA user_version = {next_version}",
    )
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, step_to_it))
    monkeypatch.setattr(database, "VERSION", next_version)
    async with Client(server_in(filled)) as client:
        assert (await call(client, "list_chains")).structured_content["total"] == 1
        assert (await think(client, 1))["thoughtHistoryLength"] == 1
    with sqlite3.connect(filled / FILE) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (next_version,)
        assert db.execute("SELECT count(mood) FROM chains").fetchone() == (2,)
    db.close()


@pytest.mark.anyio
async def test_a_file_that_somebody_else_holds_is_waited_for_and_then_named(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_S", 0.2)
    other = sqlite3.connect(filled / FILE, isolation_level=None)
    async with Client(server_in(filled)) as client:
        other.execute("BEGIN IMMEDIATE")
        assert "kept the file of the chains thinking.db locked for 0.2 s" in await refused(
            client, "sequentialthinking", **step(1)
        )
        assert (await call(client, "list_chains")).structured_content["total"] == 1  # reading goes on
        other.execute("ROLLBACK")
        await think(client, 1)
    other.close()


@pytest.mark.anyio
async def test_a_file_that_is_taken_away_while_open_is_missed(filled: Path) -> None:
    async with Client(server_in(filled)) as client:
        await think(client, 1)
        (filled / FILE).rename(filled / "elsewhere.db")
        assert "moved, removed or replaced" in await refused(client, "sequentialthinking", **step(2))
        assert "no chains" in text_of(await call(client, "list_chains"))


@pytest.mark.anyio
async def test_the_file_is_nobody_else_s_to_read(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    async with Client(server_in(home)) as client:
        await think(client, 1)
        assert home.stat().st_mode & 0o777 == 0o700
        for path in home.iterdir():
            assert path.stat().st_mode & 0o777 == 0o600, path.name


def test_a_server_that_is_killed_while_it_answers_over_pipes_loses_no_thought_that_it_answered(tmp_path: Path) -> None:
    words = served.command("serve", "sequential-thinking", *profile_in(tmp_path))
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=served.environment(tmp_path / "home")
    )
    assert process.stdin is not None and process.stdout is not None

    def send(method: str, number: int | None, params: dict[str, Any]) -> None:
        assert process.stdin is not None
        message = {"jsonrpc": "2.0", "method": method, "params": params} | ({} if number is None else {"id": number})
        process.stdin.write(json.dumps(message).encode() + b"\n")

    def answer() -> dict[str, Any]:
        assert process.stdout is not None
        return dict(json.loads(process.stdout.readline())["result"]["structuredContent"])

    with process:
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        send("initialize", 0, hello)
        process.stdin.flush()
        process.stdout.readline()
        send("notifications/initialized", None, {})
        for number in range(1, 21):  # one after another, until the loop itself writes
            send("tools/call", number, {"name": "sequentialthinking", "arguments": step(number)})
            process.stdin.flush()
            assert answer()["thoughtHistoryLength"] == number
        send("tools/call", 21, {"name": "conclude_chain", "arguments": {"conclusion": "so", "confidence": 1}})
        process.stdin.flush()
        concluded = answer()["chainId"]
        for number in range(22, 322):
            send("tools/call", number, {"name": "sequentialthinking", "arguments": step(number)})
        process.stdin.flush()
        answers = [answer() for _ in range(100)]
        process.kill()
    assert {one["chainId"] for one in answers}.isdisjoint({concluded})
    assert [one["thoughtHistoryLength"] for one in answers] == list(range(1, 101))
    kept = [text for _, text in stored(tmp_path / "home")]
    assert set(kept) >= {f"thought {number}" for number in range(1, 21)} | {f"thought {n}" for n in range(22, 122)}
