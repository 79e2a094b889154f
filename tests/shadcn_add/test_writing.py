"""All files of an add or none: whatever call fails, whenever the process is killed, whoever writes at the same time."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import served
from shadcn_projects import put, snapshot

from openmanager_core.errors import Conflict, FleetError, JobCancelled, NotAllowed, StorageUnavailable
from openmanager_core.job import Job, current_job
from openmanager_kit.confined.roots import Roots
from openmanager_shadcn.adding.plan import Change
from openmanager_shadcn.adding.system import System
from openmanager_shadcn.adding.writing import Writer, alone

OLD = {"a/one.css": "old one", "two.txt": "old two", "deep/er/three.txt": "old three"}
NEW = {
    "a/one.css": "new one",
    "two.txt": "new two, longer",
    "fresh/a/b.tsx": "fresh",
    "fresh/c.tsx": "fresh too",
    "a/new.ts": "",
}


def project(folder: Path) -> Path:
    return put(folder, OLD)


def changes(folder: Path) -> list[Change]:
    found = []
    for name, text in NEW.items():
        old = (folder / name).read_bytes() if (folder / name).exists() else None
        found.append(Change(str(folder / name), name, "x", "new" if old is None else "conflict", old, text.encode()))
    return found


def writer(folder: Path, home: Path, system: System | None = None) -> Writer:
    return Writer(Roots.parse([str(folder)]), str(folder), home, system or System())


def wanted(before: dict[str, bytes]) -> dict[str, bytes]:
    folders = dict.fromkeys(("fresh", "fresh/a"), b"<folder>")
    return {**before, **folders, **{name: text.encode() for name, text in NEW.items()}}


class Failing(System):
    """Fails at one call, counted from 0, with an error of the system; `forever`: at all calls from there on."""

    def __init__(self, at: int, number: int = errno.ENOSPC, *, forever: bool = False) -> None:
        self.left = at
        self.number = number
        self.forever = forever
        self.calls: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in ("open", "write", "fsync", "mkdir", "link", "rename", "unlink", "rmdir"):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            self.left -= 1
            if self.left == -1 or (self.forever and self.left < 0):
                self.fail()
            return found(*args, **kwargs)

        return call

    def fail(self) -> None:
        raise OSError(self.number, os.strerror(self.number))


def count_calls(tmp_path: Path) -> list[str]:
    system = Failing(-10)
    folder = project(tmp_path / "counted")
    writer(folder, tmp_path / "counted-home", system).write(changes(folder))
    return system.calls


def test_every_file_is_written_and_nothing_is_left_beside_them(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    before = snapshot(folder)
    writer(folder, tmp_path / "home").write(changes(folder))
    assert snapshot(folder) == wanted(before)
    assert list((tmp_path / "home" / "adds").iterdir()) == []
    assert writer(folder, tmp_path / "home").recover() == ""


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_any_call_that_fails_leaves_the_old_state_or_all_of_the_new(tmp_path: Path, number: int) -> None:
    calls = count_calls(tmp_path)
    assert {"open", "write", "fsync", "mkdir", "link", "rename", "unlink"} <= set(calls)
    for at in range(len(calls)):
        folder = project(tmp_path / f"p{at}")
        before = snapshot(folder)
        home = tmp_path / f"home{at}"
        try:
            writer(folder, home, Failing(at, number)).write(changes(folder))
        except FleetError as exc:
            assert "nothing was" in str(exc) or "permission denied" in str(exc) or "input/output" in str(exc).lower()
            assert str(home) not in str(exc)
            if snapshot(folder) != before:  # clearing away failed too: the next add does it
                writer(folder, home).recover()
            assert snapshot(folder) == before, calls[at]
        else:
            writer(folder, home).recover()
            assert snapshot(folder) == wanted(before), calls[at]
        assert list((home / "adds").iterdir()) == []


def test_a_system_that_fails_for_good_is_brought_back_by_the_next_add(tmp_path: Path) -> None:
    for at in range(len(count_calls(tmp_path))):
        folder = project(tmp_path / f"p{at}")
        before = snapshot(folder)
        home = tmp_path / f"home{at}"
        try:
            writer(folder, home, Failing(at, errno.EIO, forever=True)).write(changes(folder))
            done = True
        except FleetError:
            done = False
        writer(folder, home).recover()
        now = snapshot(folder)
        assert now == (wanted(before) if done else now)
        assert now in (before, wanted(before)), at


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = sys.argv[3].split(os.pathsep)
from test_writing import Failing, changes, writer

class Killed(Failing):
    def fail(self):
        os.kill(os.getpid(), signal.SIGKILL)

base, calls = Path(sys.argv[1]), int(sys.argv[2])
for at in range(calls):
    child = os.fork()
    if not child:
        folder = base / f"p{at}"
        writer(folder, base / f"home{at}", Killed(at)).write(changes(folder))
        os._exit(3)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL, at
"""


def test_killed_at_any_call_it_is_finished_or_undone_by_the_next_add(tmp_path: Path) -> None:
    calls = count_calls(tmp_path)
    for at in range(len(calls)):
        before = snapshot(project(tmp_path / f"p{at}"))
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), str(len(calls)), paths],
        env=served.environment(tmp_path / "child"),
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    states = set()
    for at in range(len(calls)):
        folder, home = tmp_path / f"p{at}", tmp_path / f"home{at}"
        said = writer(folder, home).recover()
        now = snapshot(folder)
        assert now in (before, wanted(before)), (at, calls[at], sorted(now))
        states.add((now == before, said.rpartition(" was ")[2]))
        assert writer(folder, home).recover() == ""
        writer(folder, home).write(changes(folder))
        assert snapshot(folder) == wanted(before)
    assert states == {(True, ""), (True, "undone first"), (False, "finished first")}


def test_a_full_disk_leaves_the_old_state_and_says_so(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    before = snapshot(folder)
    large = [*changes(folder), Change(str(folder / "large"), "large", "x", "new", None, b"x" * 400_000)]
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, old[1]))
    try:
        with pytest.raises(StorageUnavailable):
            writer(folder, tmp_path / "home").write(large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert snapshot(folder) == before


class Meddling(System):
    """Lets somebody else write right before a certain call."""

    def __init__(self, call: str, path: Path) -> None:
        self.call, self.path = call, path

    def mkdir(self, name: str, *, dir_fd: int) -> None:
        self._meddle("mkdir")
        super().mkdir(name, dir_fd=dir_fd)

    def link(self, source: str, name: str, *, dir_fd: int) -> None:
        self._meddle("link")
        super().link(source, name, dir_fd=dir_fd)

    def _meddle(self, call: str) -> None:
        if call == self.call:
            self.path.parent.mkdir(exist_ok=True, parents=True)
            self.path.write_text("theirs")


@pytest.mark.parametrize("name", list(NEW))
@pytest.mark.parametrize("call", ["mkdir", "link"])
def test_what_somebody_else_writes_meanwhile_is_never_lost(tmp_path: Path, name: str, call: str) -> None:
    folder = project(tmp_path / "p")
    before = snapshot(folder)
    with pytest.raises(Conflict, match="changed by somebody else"):
        writer(folder, tmp_path / "home", Meddling(call, folder / name)).write(changes(folder))
    now = snapshot(folder)
    assert now.pop(name) == b"theirs"
    before.pop(name, None)
    assert {n: d for n, d in now.items() if d != b"<folder>"} == {n: d for n, d in before.items() if d != b"<folder>"}


def test_after_a_crash_what_somebody_wrote_since_then_stays(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    calls = count_calls(tmp_path)
    first = len(calls) - 1 - calls[::-1].index("rename")  # the last file takes its name
    system = Failing(first, errno.EIO, forever=True)
    with pytest.raises(StorageUnavailable):
        writer(folder, tmp_path / "home", system).write(changes(folder))
    (folder / "two.txt").write_text("theirs")
    writer(folder, tmp_path / "home").recover()
    assert (folder / "two.txt").read_text() == "theirs"


def test_a_directory_swapped_for_a_link_leads_nowhere(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    outside = tmp_path / "outside"
    outside.mkdir()
    planned = changes(folder)
    (folder / "a").rename(folder / "b")
    (folder / "a").symlink_to(outside)
    with pytest.raises(NotAllowed, match="out of the allowed directories"):
        writer(folder, tmp_path / "home").write(planned)
    assert list(outside.iterdir()) == []


def test_a_link_into_the_repositorys_own_folder_is_not_followed(tmp_path: Path) -> None:
    folder = put(project(tmp_path / "p"), {".git/hooks/x": ""})
    (folder / "fresh").symlink_to(".git/hooks")
    before = snapshot(folder / ".git")
    with pytest.raises(NotAllowed, match="into a closed folder"):
        writer(folder, tmp_path / "home").write(changes(folder))
    assert snapshot(folder / ".git") == before
    assert (folder / "two.txt").read_text() == OLD["two.txt"]


def test_a_link_inside_is_written_through_and_modes_stay(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    (folder / "two.txt").rename(folder / "real.txt")
    (folder / "real.txt").chmod(0o604)
    (folder / "two.txt").symlink_to("real.txt")
    writer(folder, tmp_path / "home").write(changes(folder))
    assert (folder / "two.txt").is_symlink()
    assert (folder / "real.txt").read_text() == NEW["two.txt"]
    assert (folder / "real.txt").stat().st_mode & 0o777 == 0o604


def test_a_root_that_may_only_be_read_is_not_written(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    before = snapshot(folder)
    only = Writer(Roots.parse([f"{folder}:ro"]), str(folder), tmp_path / "home", System())
    with pytest.raises(NotAllowed, match="may only be read"):
        only.write(changes(folder))
    assert snapshot(folder) == before


@pytest.fixture
def roots(tmp_path: Path) -> Iterator[Roots]:
    yield Roots.parse([str(project(tmp_path / "p"))])


def test_two_adds_at_once_go_one_after_the_other(roots: Roots, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    inside, most = 0, 0
    guard = threading.Lock()

    def add(number: int) -> None:
        nonlocal inside, most
        with alone(roots, str(folder)):
            with guard:
                inside += 1
                most = max(most, inside)
            for name in ("x.ts", "y.ts"):
                path = folder / name
                old = path.read_bytes() if path.exists() else None
                one = Change(str(path), name, "x", "new", old, str(number).encode())
                writer(folder, tmp_path / "home").write([one])
            with guard:
                inside -= 1

    threads = [threading.Thread(target=add, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == 1
    assert (folder / "x.ts").read_bytes() == (folder / "y.ts").read_bytes()


def test_what_was_interrupted_is_found_under_another_name_of_the_project(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    (tmp_path / "q").symlink_to(folder)
    before = snapshot(folder)
    calls = count_calls(tmp_path)
    first = calls.index("rename") + 1  # right behind the turn to committing
    with pytest.raises(StorageUnavailable, match="could not be undone yet"):
        writer(folder, tmp_path / "home", Failing(first + 3, errno.EIO, forever=True)).write(changes(folder))
    other = writer(tmp_path / "q", tmp_path / "home")
    assert other.pending()
    assert "finished first" in other.recover()
    assert not other.pending()
    assert snapshot(folder) == wanted(before)


class Leaving(System):
    """The caller goes away while files are staged."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def mkdir(self, name: str, *, dir_fd: int) -> None:
        super().mkdir(name, dir_fd=dir_fd)
        self.job.cancel()


def test_a_call_that_is_cancelled_leaves_the_old_state(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    before = snapshot(folder)
    job = Job()
    token = current_job.set(job)
    try:
        with pytest.raises(JobCancelled):
            writer(folder, tmp_path / "home", Leaving(job)).write(changes(folder))
    finally:
        current_job.reset(token)
    assert snapshot(folder) == before
    assert list((tmp_path / "home" / "adds").iterdir()) == []
