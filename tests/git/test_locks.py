"""Locks and slow programs: a held lock is named, changes queue, nothing else waits, and a cancelled hook is gone."""

# ruff: noqa: ASYNC110, ASYNC220, ASYNC240 - processes of others are watched from outside
from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
from git_made import Home, calling

pytestmark = pytest.mark.anyio


async def _until(path: Path) -> str:
    """Wait until a file has been written."""
    with anyio.fail_after(20):
        while not path.exists() or not path.read_text().strip():
            await anyio.sleep(0.01)
    return path.read_text().strip()


def _runs(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


async def _until_gone(pid: int) -> None:
    with anyio.fail_after(10):
        while _runs(pid):
            await anyio.sleep(0.01)


async def test_a_held_index_lock_is_named_with_its_age_and_holder(home: Home) -> None:
    repo = home.repo()
    lock = repo / ".git/index.lock"
    code = f"import sys; f = open({str(lock)!r}, 'x'); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdin is not None
        holder.stdout.readline()
        async with calling(home.root) as call:
            (repo / "f.txt").write_text("x")
            for tool, arguments in (("git_add", {"files": ["f.txt"]}), ("git_reset", {})):
                text = await call.no(tool, repo_path=str(repo), **arguments)
                assert text.startswith("conflict: the lock file .git/index.lock exists, ") and "s old" in text
                assert f"process {holder.pid} (" in text
            holder.stdin.close()
            holder.wait(10)
            text = await call.no("git_add", repo_path=str(repo), files=["f.txt"])
            assert "no process was seen to hold it" in text and "left by a crash" in text
            lock.unlink()
            await call.ok("git_add", repo_path=str(repo), files=["f.txt"])


async def test_a_held_reference_lock_is_named_too(home: Home) -> None:
    repo = home.repo()
    (repo / ".git/refs/heads/main.lock").touch()
    async with calling(home.root) as call:
        text = await call.no("git_commit", repo_path=str(repo), message="x", allow_empty=True)
    assert ".git/refs/heads/main.lock" in text


async def test_twenty_commits_at_once_queue_and_are_all_kept(home: Home) -> None:
    repo = home.repo()
    async with calling(home.root) as call, anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(
                lambda n: call.ok("git_commit", repo_path=str(repo), message=n, allow_empty=True), f"c{number}"
            )
    assert sorted(home.git(repo, "log", "--format=%s").split()) == sorted(["First", *(f"c{n}" for n in range(20))])


async def test_a_slow_hook_blocks_no_other_repository(home: Home) -> None:
    slow, other = home.repo("slow"), home.repo("other")
    home.hook(slow, "pre-commit", f"echo $$ > {home.marks}/pid; sleep 30")
    async with calling(home.root, trust=(home.root,)) as call, anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: call.raw("git_commit", repo_path=str(slow), message="x", allow_empty=True))
        await _until(home.marks / "pid")
        await call.ok("git_commit", repo_path=str(other), message="x", allow_empty=True)
        assert _runs(int((home.marks / "pid").read_text()))
        await call.ok("git_stash", repo_path=str(slow), action="list")  # listing waits for nobody
        tasks.cancel_scope.cancel()


async def test_cancelling_ends_the_hook_with_its_children_and_leaves_no_lock(home: Home) -> None:
    repo = home.repo()
    (repo / "f.txt").write_text("changed")
    home.git(repo, "add", "-A")
    home.hook(
        repo, "pre-commit", f"trap '' TERM; sleep 300 & echo $! > {home.marks}/inner; echo $$ > {home.marks}/pid; wait"
    )
    async with calling(home.root, trust=(home.root,)) as call:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: call.raw("git_commit", repo_path=str(repo), message="x"))
            pids = [int(await _until(home.marks / name)) for name in ("pid", "inner")]
            tasks.cancel_scope.cancel()
        for pid in pids:
            await _until_gone(pid)
        assert not (repo / ".git/index.lock").exists()
        (repo / ".git/hooks/pre-commit").unlink()
        await call.ok("git_commit", repo_path=str(repo), message="y")


async def test_what_a_hook_leaves_in_the_background_is_not_waited_for(home: Home) -> None:
    repo = home.repo()
    home.hook(repo, "post-commit", f"sleep 300 & echo $! > {home.marks}/pid")
    begun = time.monotonic()
    async with calling(home.root, trust=(home.root,)) as call:
        await call.ok("git_commit", repo_path=str(repo), message="x", allow_empty=True)
    assert time.monotonic() - begun < 25
    await _until_gone(int((home.marks / "pid").read_text()))


async def test_a_cancelled_clone_leaves_nothing_behind(home: Home) -> None:
    hub = home.repo("hub")
    (home.config).write_text(
        home.config.read_text() + f'[filter "slow"]\n\tsmudge = "echo $$ > {home.marks}/pid; sleep 300"\n'
    )
    home.git(hub, "-c", "filter.slow.smudge=", "commit", "-q", "--allow-empty", "-m", "x")
    (hub / ".gitattributes").write_text("f.txt filter=slow\n")
    home.git(hub, "add", ".gitattributes")
    home.git(hub, "commit", "-q", "-m", "y")
    async with calling(home.root) as call, anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: call.raw("git_clone", url=str(hub), path="copy"))
        pid = int(await _until(home.marks / "pid"))
        tasks.cancel_scope.cancel()
    await _until_gone(pid)
    with anyio.fail_after(10):
        while [path.name for path in home.root.iterdir()] != ["hub"]:
            await anyio.sleep(0.01)
