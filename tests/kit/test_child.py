"""Child processes: bounded, stoppable, and gone with the one who started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from openmanager_core.errors import DeadlineExceeded, StorageUnavailable
from openmanager_kit import child

SLEEPER = (
    "import subprocess, sys, time; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); time.sleep(60)"
)


def gone(pid: int, within_s: float = 5.0) -> bool:
    """Wait until a process is no more, or only waits to be reaped by somebody else."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def wait_until(happened: Callable[[], bool]) -> None:
    """Look until something has happened."""
    end = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.anyio
async def test_a_child_says_what_it_says_and_how_it_ended() -> None:
    done = await child.run(
        [sys.executable, "-c", "import sys; print(sys.stdin.read()); sys.stderr.write('e'); sys.exit(3)"], given=b"in"
    )
    assert (done.code, done.out, done.err, done.cut) == (3, b"in\n", b"e", False)


@pytest.mark.anyio
async def test_without_input_a_child_reads_nothing_and_never_ours() -> None:
    done = await child.run([sys.executable, "-c", "import sys; print(repr(sys.stdin.read()))"])
    assert done.out == b"''\n"


@pytest.mark.anyio
async def test_a_child_sees_only_the_variables_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "x")
    done = await child.run([sys.executable, "-c", "import os; print(sorted(os.environ))"])
    assert b"A_SECRET" not in done.out and b"PATH" in done.out


@pytest.mark.anyio
async def test_endless_output_is_cut_and_its_writer_ended() -> None:
    done = await child.run(["yes"], most_bytes=100_000)
    assert done.cut and len(done.out) == 100_000


@pytest.mark.anyio
async def test_much_output_on_both_pipes_blocks_neither() -> None:
    code = "import sys; [(sys.stdout.write('o' * 10000), sys.stderr.write('e' * 10000)) for _ in range(200)]"
    done = await child.run([sys.executable, "-c", code])
    assert (len(done.out), done.code) == (2_000_000, 0) and set(done.err) == {ord("e")}


@pytest.mark.anyio
async def test_a_child_that_takes_too_long_is_ended_with_its_own_children(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = (
        "import subprocess, time\n"
        "p = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(note)!r}, 'w').write(str(p.pid))\n"
        "time.sleep(60)"
    )
    with pytest.raises(DeadlineExceeded, match="did not finish within"):
        await child.run([sys.executable, "-c", code], deadline_s=1.5)
    assert gone(int(note.read_text()))


@pytest.mark.anyio
async def test_cancelling_the_call_ends_the_whole_group() -> None:
    pids: list[int] = []

    async def watch() -> None:
        async with child.child([sys.executable, "-c", SLEEPER]) as running:
            async for chunk in running.chunks():
                pids.append(int(chunk))
                scope.cancel()

    with anyio.CancelScope() as scope:
        await watch()
    assert pids and gone(pids[0])


@pytest.mark.anyio
async def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(StorageUnavailable, match="no-such-program"):
        await child.run(["no-such-program"])


def test_children_end_when_the_process_is_ended_the_hard_way(tmp_path: Path) -> None:
    note, told = tmp_path / "pid", tmp_path / "told"
    code = f"""
import asyncio, os, signal, sys
from openmanager_kit import child
from openmanager_kit.hosting.leaving import Leaving, on_signals

async def main():
    async with child.child(["sleep", "60"]) as running:
        with on_signals(Leaving(), lambda: open({str(told)!r}, "w").close()):
            open({str(note)!r}, "w").write(str(running._process.pid))
            await asyncio.sleep(60)

asyncio.run(main())
"""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", code], env=env)
    wait_until(lambda: note.exists() and note.read_text() != "")
    process.send_signal(signal.SIGTERM)
    wait_until(told.exists)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 128 + signal.SIGTERM
    assert gone(int(note.read_text()))
