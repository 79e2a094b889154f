"""Who writes, loop or thread, makes no difference to what is written; and when the disk gets it is as was chosen."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmanager_core.errors import InvalidRequest
from openmanager_thinking import database, writer
from openmanager_thinking.chains import append
from openmanager_thinking.flushing import Flusher
from openmanager_thinking.limits import Section
from openmanager_thinking.store import FILE, Store
from openmanager_thinking.thought import Thought

BOTH = pytest.mark.parametrize("flush_each", [False, True])


def work(store: Store, number: int) -> Any:
    thought = Thought(f"thought {number}", number, 1000, True)
    return partial(append, owner="me", handle="h", make=True, thought=thought, limits=store.limits, now_s=1.0)


def refuse(db: sqlite3.Connection) -> Any:
    raise InvalidRequest("no")


class Threads:
    """Notes which threads transactions run in."""

    def __init__(self, store: Store) -> None:
        self.ids: list[int] = []
        self._together = store._writer._together
        store._writer._together = self.noted  # type: ignore[method-assign]

    def noted(self, db: sqlite3.Connection, batch: list[Any]) -> Any:
        self.ids.append(threading.get_ident())
        return self._together(db, batch)


@pytest.mark.anyio
@BOTH
async def test_the_loop_writes_once_the_thread_was_quick_a_few_times(
    tmp_path: Path, flush_each: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "QUICK_FLUSH_S", 60.0)
    store = Store(tmp_path, Section(flush_each=flush_each))
    threads, here = Threads(store), threading.get_ident()
    for number in range(1, 11):
        assert (await store.write(work(store, number))).length == number
    await store.aclose()
    assert here not in threads.ids[:5] and set(threads.ids[5:]) == {here}


@pytest.mark.anyio
async def test_after_a_slow_transaction_the_thread_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "QUICK_S", 60.0)
    store = Store(tmp_path, Section())
    threads, here = Threads(store), threading.get_ident()
    for number in range(1, 8):
        await store.write(work(store, number))
    assert threads.ids[-1] == here
    monkeypatch.setattr(writer, "QUICK_S", 0.0)
    for number in range(8, 11):
        await store.write(work(store, number))
    await store.aclose()
    assert threads.ids[-3] == here and here not in threads.ids[-2:]


@pytest.mark.anyio
@BOTH
async def test_a_file_that_somebody_holds_holds_up_no_other_call(
    tmp_path: Path, flush_each: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "QUICK_FLUSH_S", 60.0)
    store = Store(tmp_path, Section(flush_each=flush_each))
    for number in range(1, 8):
        await store.write(work(store, number))
    with sqlite3.connect(tmp_path / FILE, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(store.write(work(store, 8)))
        for _ in range(20):
            await asyncio.sleep(0.005)
        assert not writing.done()
        other.execute("COMMIT")  # by this very loop: it was not held up
        with anyio.fail_after(20):
            assert (await writing).length == 8
    other.close()
    await store.aclose()


@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=12),
    in_a_row=st.integers(1, 5),
    flush_each=st.booleans(),
    refused=st.sets(st.integers(1, 60)),
)
@settings(max_examples=30, deadline=None)
def test_what_is_asked_in_turn_is_done_in_turn_and_what_is_refused_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], in_a_row: int, flush_each: bool, refused: set[int]
) -> None:
    async def ask() -> list[str]:
        store = Store(tmp_path_factory.mktemp("turn"), Section(flush_each=flush_each))
        number = 0
        for size in sizes:
            asked = range(number + 1, number + size + 1)
            number += size
            works = [refuse if n in refused else work(store, n) for n in asked]
            done = await asyncio.gather(*map(store.write, works), return_exceptions=True)
            assert [isinstance(result, InvalidRequest) for result in done] == [n in refused for n in asked]
        rows = await store.read(lambda db: db.execute("SELECT text FROM thoughts ORDER BY seq").fetchall())
        await store.aclose()
        return [text for (text,) in rows]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "QUICK_FLUSH_S", 60.0)
        patch.setattr(database, "thoughts_in_log", lambda db: in_a_row)
        patch.setattr(writer, "_QUICK_IN_A_ROW", 1)
        assert asyncio.run(ask()) == [f"thought {n}" for n in range(1, sum(sizes) + 1) if n not in refused]


@pytest.mark.anyio
@pytest.mark.parametrize(("flush_each", "synchronous"), [(False, 1), (True, 2)])
async def test_the_disk_has_it_before_the_answer_or_a_moment_later(
    tmp_path: Path, flush_each: bool, synchronous: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "QUICK_FLUSH_S", 60.0)
    store = Store(tmp_path, Section(flush_each=flush_each))
    for number in range(1, 8):
        await store.write(work(store, number))
    flusher = store._writer._flusher
    for db in (store._writer._db, store._writer._here):
        assert db is not None and db.execute("PRAGMA synchronous").fetchone() == (synchronous,)
    if not flush_each:
        with anyio.fail_after(20):
            before = flusher.flushes
            await store.write(work(store, 8))
            while flusher.flushes == before:  # noqa: ASYNC110 - a thread flushes, and tells nobody
                await asyncio.sleep(0.005)
    await store.aclose()
    assert (flusher.flushes > 0) == (not flush_each)


def test_without_a_log_there_is_nothing_to_flush_and_what_came_last_is_flushed_at_the_end(tmp_path: Path) -> None:
    flusher = Flusher(tmp_path / "some.db")
    flusher.want()
    flusher.close()
    assert flusher.flushes == 0
    (tmp_path / "some.db-wal").write_bytes(b"log")
    for _ in range(2):
        before = flusher.flushes
        flusher.want()
        flusher.close()
        assert flusher.flushes > before
    flusher.close()


async def warmed(home: Path) -> Store:
    """A store whose loop writes itself, with ten thoughts in it."""
    store = Store(home, Section())
    for number in range(1, 11):
        await store.write(work(store, number))
    return store


def fail(db: sqlite3.Connection) -> Any:
    raise sqlite3.OperationalError("disk I/O error")


@pytest.mark.anyio
async def test_what_is_gathered_is_one_transaction_and_what_is_refused_in_it_changes_nothing(tmp_path: Path) -> None:
    store = await warmed(tmp_path)
    db = store._writer._here
    assert db is not None
    said: list[str] = []
    db.set_trace_callback(said.append)
    with store.gathering() as gathered:
        assert store.write_at_once(work(store, 11)) is not None
        with pytest.raises(InvalidRequest):
            store.write_at_once(refuse)
        assert store.write_at_once(work(store, 12)) is not None
    assert gathered.kept
    assert [line for line in said if line.startswith(("BEGIN", "COMMIT", "ROLLBACK"))] == ["BEGIN IMMEDIATE", "COMMIT"]
    assert await store.read(lambda db: db.execute("SELECT count(*) FROM thoughts").fetchone()) == (12,)
    await store.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize("place", [0, 1, 2])
async def test_where_one_fails_nothing_that_was_gathered_is_kept(tmp_path: Path, place: int) -> None:
    store = await warmed(tmp_path)
    works = [work(store, 11), work(store, 12)]
    works.insert(place, fail)
    with store.gathering() as gathered:
        done = [store.write_at_once(one) for one in works]
    assert not gathered.kept and [result is not None for result in done] == [n < place for n in range(3)]
    assert await store.read(lambda db: db.execute("SELECT count(*) FROM thoughts").fetchone()) == (10,)
    assert (await store.write(work(store, 11))).length == 11  # the thread goes on
    await store.aclose()


@pytest.mark.anyio
async def test_a_file_that_is_held_by_somebody_else_keeps_nothing_and_is_not_waited_for(tmp_path: Path) -> None:
    store = await warmed(tmp_path)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with store.gathering() as gathered:
        assert store.write_at_once(work(store, 11)) is None
    assert not gathered.kept
    other.execute("ROLLBACK")
    other.close()
    with store.gathering() as gathered:
        assert store.write_at_once(work(store, 11)) is None  # the thread has to be quick again first
    assert gathered.kept and (await store.write(work(store, 11))).length == 11
    await store.aclose()
