"""The Ledger in bad weather: complete data or `StorageUnavailable` with a hint, never a hang or half a store."""

# ruff: noqa: ASYNC220, ASYNC221, ASYNC240 - nothing else runs on this loop while a test prepares its disaster

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from naive_ledger import finding

from openmanager_core.errors import StorageUnavailable
from openmanager_core.fleet import Fleet
from openmanager_core.storage.ledger import Ledger

pytestmark = pytest.mark.anyio

WRITER = Path(__file__).with_name("ledger_writer.py")
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
FLEET = Fleet(())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    if (
        sys.platform != "linux"
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True
        ).returncode
    ):
        pytest.skip("needs Linux and the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as plain:
        return (
            plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            and not plain.execute("PRAGMA foreign_key_check").fetchall()
        )


async def fill(book: Ledger) -> tuple[int, StorageUnavailable]:
    """Write until it fails; how many batches were acknowledged, and the failure."""
    for k in range(100_000):
        found = [finding(f"h{k}-{i}", 1e9, cluster=f"h{k}", summary="x" * 500) for i in range(3)]
        try:
            await book.record(found, fleet=FLEET, seen_at_s=1e9 + 60)
        except StorageUnavailable as exc:
            return k, exc
    raise AssertionError("the disk never filled")


async def test_a_full_store_says_so_and_keeps_all_that_was_acknowledged(path: Path) -> None:
    async with await Ledger.open(path) as book:
        await book._connection.execute_fetchall("PRAGMA max_page_count = 80")
        done, failure = await fill(book)
        assert done > 3
        assert "is full; nothing was half written" in str(failure)
        assert "free some space" in failure.hint
        counts = await book.counts()
        assert (counts["incidents"], counts["findings"]) == (done, 3 * done)
        await book._connection.execute_fetchall("PRAGMA max_page_count = 100000")
        await book.record([finding()], fleet=FLEET, seen_at_s=1e6)
    assert sound(path)


@pytest.mark.timeout(120)
async def test_a_full_disk_says_so_and_space_makes_it_work_again(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 300_000)
    path = small_disk / "ledger.db"
    async with await Ledger.open(path) as book:
        done, failure = await fill(book)
        assert done > 3
        assert "the disk that holds the Ledger ledger.db" in str(failure)
        assert "OPENMANAGER_HOME" in failure.hint
        counts = await book.counts()
        assert (counts["incidents"], counts["findings"]) == (done, 3 * done)
        ballast.unlink()
        await book.audit("t", "d", "ok")
        assert (await book.counts())["audit"] == 1
    assert sound(path)


async def test_a_disk_full_from_the_start_is_refused_and_leaves_nothing_broken(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space"):
        ballast.write_bytes(b"x" * 2_000_000)
    path = small_disk / "ledger.db"
    with pytest.raises(StorageUnavailable, match=r"ledger\.db"):
        await Ledger.open(path)
    ballast.unlink()
    async with await Ledger.open(path) as book:
        assert sum((await book.counts()).values()) == 0


@pytest.mark.timeout(180)
async def test_killing_the_writer_at_any_instant_loses_nothing_acknowledged(path: Path) -> None:
    rng = random.Random(20261123)
    safe: set[tuple[str, int]] = set()
    for life in range(8):
        name = f"life{life}x"
        writer = subprocess.Popen(
            [sys.executable, str(WRITER), str(path), name, "100000"], env=ENV, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        with writer.stdout:
            for _ in range(rng.randrange(1, 25)):
                safe.add((name, int(writer.stdout.readline())))
            await anyio.sleep(rng.random() * 0.004)  # anywhere within a batch
            writer.kill()
            safe |= {(name, int(line)) for line in writer.stdout.read().split("\n") if line.strip().isdigit()}
            writer.wait()
        async with await Ledger.open(path) as book:
            assert {(row.tool, int(row.arguments_digest)) for row in await book.audit_rows(limit=1000)} >= safe
            incidents = await book.incidents(limit=1000)
            assert {i.hosts[0].rsplit("-", 1)[0] for i in incidents} >= {f"{n}{k}" for n, k in safe}
            assert {len(i.finding_ids) for i in incidents} == {3}, "a batch is there whole or not at all"
            assert {tuple(e.kind for e in i.timeline) for i in incidents} == {("opened",)}
    assert sound(path)
    assert len(safe) > 20


@pytest.mark.timeout(120)
async def test_several_processes_write_at_once_and_lose_nothing(path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, str(WRITER), str(path), f"p{n}x", "25"], env=ENV, stdout=subprocess.DEVNULL)
        for n in range(4)
    ]
    with anyio.fail_after(100):
        for writer in writers:
            assert await anyio.to_thread.run_sync(writer.wait) == 0
    async with await Ledger.open(path) as book:
        counts = await book.counts()
        assert (counts["audit"], counts["incidents"], counts["findings"]) == (100, 100, 300)
        assert len({i.id for i in await book.incidents(limit=1000)}) == 100
    assert sound(path)


async def test_a_lock_held_elsewhere_ends_in_an_answer_within_the_deadline(path: Path) -> None:
    async with await Ledger.open(path, deadline_s=0.4) as book:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(StorageUnavailable, match=r"(locked for|did not answer within) 0.4 s.*Try: try again"):
                await book.audit("t", "d", "ok")
            assert (await book.counts())["audit"] == 0, "readers do not wait for the writer"
            other.execute("ROLLBACK")
        await book.audit("t", "d", "ok")
        assert (await book.counts())["audit"] == 1


async def test_a_lock_held_while_opening_ends_in_an_answer(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageUnavailable, match=r"within 0.3 s|locked"):
            await Ledger.open(path, deadline_s=0.3)
    async with await Ledger.open(path) as book:
        assert sum((await book.counts()).values()) == 0


async def test_a_cancelled_call_leaves_no_transaction_behind(path: Path) -> None:
    async with await Ledger.open(path) as book:
        for wait_s in (0.0, 0.0005, 0.001, 0.002, 0.004):
            with anyio.move_on_after(wait_s):
                await book.record([finding(f"c{wait_s}-1")], fleet=FLEET, seen_at_s=1e6)
        with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as other:
            await book.counts()
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
        counts = await book.counts()
        assert counts["findings"] == counts["incidents"] == counts["incident_events"]


@pytest.mark.parametrize("size", [1, 100, 4096, 100_000])
async def test_garbage_in_place_of_the_file_is_refused_and_left_alone(path: Path, size: int) -> None:
    garbage = random.Random(size).randbytes(size)
    path.write_bytes(garbage)
    with pytest.raises(StorageUnavailable, match=r"ledger.db is damaged. Try: stop OpenManager, move ledger.db"):
        await Ledger.open(path)
    assert path.read_bytes() == garbage


async def test_garbage_inside_the_file_is_refused_at_opening(path: Path) -> None:
    async with await Ledger.open(path) as book:
        for k in range(40):
            await book.record([finding(f"h{k}-1", cluster="")], fleet=FLEET, seen_at_s=1e6)
    whole = path.read_bytes()
    assert len(whole) > 20 * 4096
    refused = 0
    for page in range(1, len(whole) // 4096):
        path.write_bytes(whole[: page * 4096] + random.Random(page).randbytes(4096) + whole[(page + 1) * 4096 :])
        try:
            book = await Ledger.open(path)
        except StorageUnavailable:
            refused += 1
        else:
            await book.aclose()
    assert refused >= 0.8 * (len(whole) // 4096 - 1), "free pages may hold anything"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StorageUnavailable, match="damaged"):
        await Ledger.open(path)


async def test_a_file_overwritten_while_open_gives_whole_data_or_a_refusal(path: Path) -> None:
    async with await Ledger.open(path) as book:
        await book.record([finding()], fleet=FLEET, seen_at_s=1e6)
        size = path.stat().st_size
        path.write_bytes(random.Random(1).randbytes(max(size, 8192)))
        for _ in range(3):
            try:
                assert [i.hosts for i in await book.incidents()] == [("web-01",)]
                await book.audit("t", "d", "ok")
            except StorageUnavailable as failure:
                assert failure.hint


@pytest.mark.parametrize("fate", ["removed", "replaced"])
async def test_a_file_moved_away_while_open_is_noticed_before_anything_is_lost(path: Path, fate: str) -> None:
    async with await Ledger.open(path) as book:
        await book.audit("t", "d", "ok")
        path.rename(path.with_suffix(".aside"))
        if fate == "replaced":
            path.write_bytes(b"")
        with pytest.raises(StorageUnavailable, match=r"moved, removed or replaced.*Try: start OpenManager again"):
            await book.audit("t", "d", "ok")


async def test_a_read_only_folder_is_refused_at_opening(tmp_path: Path) -> None:
    folder = tmp_path / "sealed"
    folder.mkdir(mode=0o500)
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere; see the read-only file system below")
    with pytest.raises(StorageUnavailable, match=r"can not be opened.*Try: set OPENMANAGER_HOME"):
        await Ledger.open(folder / "ledger.db")


async def test_a_read_only_file_system_is_refused_at_opening_and_while_open(small_disk: Path) -> None:
    path = small_disk / "ledger.db"
    async with await Ledger.open(path) as book:
        await book.audit("t", "d", "ok")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for name in ("ledger.db", "another.db", "folder/ledger.db"):
        with pytest.raises(StorageUnavailable, match=r"can not be opened.*Try: set OPENMANAGER_HOME"):
            await Ledger.open(small_disk / name)
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    async with await Ledger.open(path) as book:
        assert (await book.counts())["audit"] == 1


async def test_a_newer_format_is_refused_and_left_alone(path: Path) -> None:
    async with await Ledger.open(path) as book:
        await book.audit("t", "d", "ok")
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 99")
    with pytest.raises(StorageUnavailable, match=r"newer OpenManager \(its format is 99, ours is 1\). Try: update"):
        await Ledger.open(path)
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT count(*) FROM audit").fetchone() == (1,)


async def test_a_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (x)")
        other.commit()
    before = path.read_bytes()
    with pytest.raises(StorageUnavailable, match="another program"):
        await Ledger.open(path)
    assert path.read_bytes() == before


async def test_tables_that_are_missing_are_damage(path: Path) -> None:
    async with await Ledger.open(path):
        pass
    with closing(sqlite3.connect(path)) as other:
        other.execute("DROP TABLE audit")
    async with await Ledger.open(path) as book:
        with pytest.raises(StorageUnavailable, match="damaged"):
            await book.audit("t", "d", "ok")


async def test_rows_that_hold_something_else_are_damage(path: Path) -> None:
    async with await Ledger.open(path) as book:
        await book.record([finding()], fleet=FLEET, seen_at_s=1e6)
        for doc in ("", "null", "[]", '{"kind": 1}', "{}", "\x00"):
            with closing(sqlite3.connect(path)) as other:
                other.execute("UPDATE findings SET doc = ?", (doc,))
                other.commit()
            with pytest.raises(StorageUnavailable, match="damaged"):
                await book.incidents()


@pytest.mark.parametrize("kind", ["directory", "fifo", "loop", "under a file", "nul", "surrogate", "long"])
async def test_a_path_that_can_not_be_a_ledger_is_refused_quickly(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "ledger.db"
    match kind:
        case "directory":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
        case "loop":
            path.symlink_to(path)
        case "under a file":
            path.write_bytes(b"")
            path = path / "ledger.db"
        case "nul":
            path = tmp_path / "led\x00ger.db"
        case "surrogate":
            path = tmp_path / "led\ud800ger.db"
        case "long":
            path = tmp_path / ("l" * 300)
    with pytest.raises(StorageUnavailable, match=r"Try: ") as refused:
        await Ledger.open(path)
    assert str(tmp_path) not in str(refused.value)


async def test_many_tasks_share_one_ledger(path: Path) -> None:
    async with await Ledger.open(path) as book, anyio.create_task_group() as tasks:
        for k in range(50):
            tasks.start_soon(book.audit, "t", str(k), "ok")
    async with await Ledger.open(path) as book:
        assert (await book.counts())["audit"] == 50


async def test_opening_a_new_ledger_many_times_at_once_makes_one(path: Path) -> None:
    async def use() -> None:
        async with await Ledger.open(path, deadline_s=20) as book:
            await book.audit("t", "d", "ok")

    async with anyio.create_task_group() as tasks:
        for _ in range(12):
            tasks.start_soon(use)
    async with await Ledger.open(path) as book:
        assert (await book.counts())["audit"] == 12


async def test_a_ledger_that_nobody_closed_does_not_keep_the_process_alive(path: Path) -> None:
    program = (
        "import anyio, sys\n"
        "from openmanager_core.storage.ledger import Ledger\n"
        "async def main():\n"
        "    global book\n"
        "    book = await Ledger.open(sys.argv[1])\n"
        "    await book.audit('t', 'd', 'ok')\n"
        "anyio.run(main)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], env=ENV, timeout=30, capture_output=True)
    assert done.returncode == 0
    async with await Ledger.open(path) as book:
        assert (await book.counts())["audit"] == 1
