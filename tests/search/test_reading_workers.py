"""The parsing processes: a page that kills or stalls one costs that page, and nothing else."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import anyio
import psutil
import pytest

from openmanager_core.errors import DeadlineExceeded
from openmanager_kit.web import Malformed
from openmanager_search.reading import workers
from openmanager_search.reading.workers import ParserFailed, Workers

pytestmark = pytest.mark.anyio
PAGE: dict[str, Any] = {"do": "parse", "kind": "html", "mode": "markdown", "url": "http://a.example/"}
PAGE["content_type"] = ""


def children() -> list[psutil.Process]:
    """The parsing processes of this one."""
    found = []
    for child in psutil.Process().children():
        try:
            if any("reading.worker" in word for word in child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue
    return found


async def test_nothing_is_started_before_the_first_page_and_nothing_is_left_after_the_end() -> None:
    before = {child.pid for child in children()}
    pool = Workers(20.0)
    assert {child.pid for child in children()} == before
    _, text = await pool.run(PAGE, b"<p>words</p>")
    assert text == "words"
    assert {child.pid for child in children()} != before
    await pool.aclose()
    assert {child.pid for child in children()} == before


async def test_a_process_is_kept_however_much_memory_the_one_that_started_it_has_had() -> None:
    ballast = bytearray(500 * 1024 * 1024)
    pool = Workers(20.0)
    await pool.run(PAGE, b"<p>words</p>")
    del ballast
    first = {child.pid for child in children()}
    await pool.run(PAGE, b"<p>words</p>")
    assert first and {child.pid for child in children()} == first
    await pool.aclose()


async def test_a_process_that_dies_is_replaced() -> None:
    before = {child.pid for child in children()}
    pool = Workers(20.0)
    await pool.run(PAGE, b"<p>words</p>")
    for child in children():
        if child.pid not in before:
            os.kill(child.pid, signal.SIGKILL)
    with anyio.move_on_after(10):
        while True:
            try:
                assert (await pool.run(PAGE, b"<p>again</p>"))[1] == "again"
                break
            except ParserFailed:
                continue
    assert (await pool.run(PAGE, b"<p>and again</p>"))[1] == "and again"
    await pool.aclose()


async def test_a_page_that_takes_too_long_is_given_up_and_its_process_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Workers(0.25)
    pool.warm()
    slow = b"<p>" + b"<b>x</b> <a href='/y'>z</a> " * 300_000
    with anyio.fail_after(20), pytest.raises(DeadlineExceeded, match=r"0\.25 s"):
        await pool.run(PAGE, slow)
    await pool.aclose()


async def test_a_job_whose_caller_is_gone_ends_its_process_at_once() -> None:
    before = {child.pid for child in children()}
    pool = Workers(30.0)
    await pool.run(PAGE, b"<p>words</p>")
    with anyio.move_on_after(0.1):
        await pool.run(PAGE, b"<p>" + b"<b>x</b> <a href='/y'>z</a> " * 300_000)
    busy = [child for child in children() if child.pid not in before and child.cpu_times().user > 2]
    assert busy == []
    assert (await pool.run(PAGE, b"<p>words</p>"))[1] == "words"
    await pool.aclose()


async def test_what_has_no_text_and_what_can_not_be_done_are_failures() -> None:
    pool = Workers(20.0)
    with pytest.raises(Malformed, match="damaged"):
        await pool.run({**PAGE, "kind": "pdf"}, b"%PDF-1.4 rubbish")
    with pytest.raises(ParserFailed):
        await pool.run({"do": "nonsense"}, b"")
    assert (await pool.run(PAGE, b"<p>words</p>"))[1] == "words"
    await pool.aclose()


async def test_a_process_that_has_grown_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_MOST_PEAK_KIB", 1)
    pool = Workers(20.0)
    for _ in range(2):
        assert (await pool.run(PAGE, b"<p>words</p>"))[1] == "words"
        assert pool._idle == [] or all(worker.uses == 0 for worker in pool._idle)
    await pool.aclose()


def test_a_worker_ends_with_its_input() -> None:
    import subprocess

    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-m", "openmanager_search.reading.worker"], input=b"", capture_output=True, timeout=30, env=env
    )
    assert (done.returncode, done.stdout) == (0, b"")
