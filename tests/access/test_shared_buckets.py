"""Buckets in a file: one count for all processes, right whatever happens to one of them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
import served
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.errors import StorageUnavailable
from openmanager_kit.access.rates import RateLimited, Rates
from openmanager_kit.access.shared_buckets import SharedBuckets

KEYS = ("kim", "lee", "park")


def taken(rates: Rates, key: str) -> bool:
    try:
        rates.take(key, "your calls")
    except RateLimited:
        return False
    return True


class Jar:
    """The obvious twin: tokens that drip into a jar, in exact arithmetic."""

    def __init__(self, per_minute: int, burst: int) -> None:
        self.per_s, self.burst = Fraction(per_minute, 60), burst
        self.held: dict[str, tuple[Fraction, Fraction]] = {}

    def take(self, key: str, now: Fraction) -> bool:
        tokens, since = self.held.get(key, (Fraction(self.burst), now))
        tokens = min(Fraction(self.burst), tokens + (now - since) * self.per_s)
        self.held[key] = (tokens - (tokens >= 1), now)
        return tokens >= 1


@given(
    # Rates and pauses that binary fractions hold, so that neither side rounds.
    per_minute=st.sampled_from([15, 30, 60, 120, 240, 480]),
    burst=st.integers(1, 6),
    calls=st.lists(
        st.tuples(st.integers(0, 300), st.integers(0, 2), st.sampled_from(KEYS)), min_size=1, max_size=60
    ),
)  # fmt: skip
def test_several_workers_allow_together_what_one_jar_would(
    per_minute: int, burst: int, calls: list[tuple[int, int, str]]
) -> None:
    now = [Fraction(1)]
    jar = Jar(per_minute, burst)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rates"
        workers = [
            Rates(per_minute, burst, clock=lambda: float(now[0]), buckets=SharedBuckets(path, sets=1, ways=4))
            for _ in range(3)
        ]
        for pause, worker, key in calls:
            now[0] += Fraction(pause, 64)
            assert taken(workers[worker], key) == jar.take(key, now[0])


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 40)), max_size=100))
def test_more_callers_than_places_never_refuse_one_who_may(calls: list[tuple[int, int]]) -> None:
    now, jar = [Fraction(1)], Jar(60, 2)
    with tempfile.TemporaryDirectory() as folder:
        rates = Rates(60, 2, clock=lambda: float(now[0]), buckets=SharedBuckets(Path(folder) / "rates", 2, 2))
        for pause, caller in calls:
            now[0] += Fraction(pause, 64)
            if jar.take(f"{caller}", now[0]):
                assert taken(rates, f"{caller}")


def test_who_is_forgotten_first_is_who_is_soonest_full_again(tmp_path: Path) -> None:
    rates = Rates(60, 3, clock=lambda: 100.0, buckets=SharedBuckets(tmp_path / "rates", sets=1, ways=2))
    assert [taken(rates, "kim") for _ in range(4)] == [True, True, True, False]
    assert taken(rates, "lee") and taken(rates, "park")  # park takes the place of lee, who had used less
    assert not taken(rates, "kim")


def test_the_file_is_of_one_size_however_many_call(tmp_path: Path) -> None:
    rates = Rates(60, 1, clock=lambda: 100.0, buckets=SharedBuckets(tmp_path / "rates"))
    before = (tmp_path / "rates").stat()
    for number in range(30_000):
        assert taken(rates, f"caller {number}")
    after = (tmp_path / "rates").stat()
    assert before.st_size == after.st_size < 500_000
    assert before.st_blocks * 512 >= before.st_size  # no hole that a full disk could not fill


CHILD = """
import os, signal, sys
from pathlib import Path
from openmanager_kit.access.rates import RateLimited, Rates
from openmanager_kit.access.shared_buckets import SharedBuckets

what, path = sys.argv[1], Path(sys.argv[2])
buckets = SharedBuckets(path, patience_s=20)
rates = Rates(1, 20_000, clock=lambda: 100.0, buckets=buckets)
if what == "hold":
    assert buckets._file.acquire()
    os.write(1, b"held")
    signal.pause()
os.write(1, b"r")
sys.stdin.buffer.read(1)
try:
    while True:
        rates.take("kim", "x")
        os.write(1, b".")
except RateLimited:
    pass
"""


@contextlib.contextmanager
def child(what: str, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, what, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=served.environment(path.parent),
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


BURST = 20_000


def go(one: subprocess.Popen[bytes]) -> int:
    """Let a child begin once it is ready; gives its pipe."""
    assert one.stdin is not None and one.stdout is not None
    one.stdin.write(b"g")
    one.stdin.flush()
    return one.stdout.fileno()


def test_processes_that_hurry_get_the_burst_between_them_and_not_one_more(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(child("hurry", tmp_path / "rates")) for _ in range(4)]
        for one in children:
            assert one.stdout is not None and os.read(one.stdout.fileno(), 1) == b"r"
        for one in children:
            go(one)
        counts = [len(one.communicate(timeout=50)[0]) for one in children]
    assert sum(counts) == BURST and sum(map(bool, counts)) >= 2
    rates = Rates(1, BURST, clock=lambda: 100.0, buckets=SharedBuckets(tmp_path / "rates"))
    assert not taken(rates, "kim") and taken(rates, "lee")


def test_processes_that_are_killed_meanwhile_lose_at_most_the_turn_in_hand(tmp_path: Path) -> None:
    seen, killed = 0, 0
    for turns in (1, 5, 20, 60, 3, 40, 200):
        with child("hurry", tmp_path / "rates") as one:
            pipe = go(one)
            assert one.stdout is not None and os.read(pipe, 1) == b"r"
            for _ in range(turns):
                seen += len(os.read(pipe, 1))
            one.kill()
            seen += len(one.stdout.read())
            killed += 1
    assert seen < BURST
    rates = Rates(1, BURST, clock=lambda: 100.0, buckets=SharedBuckets(tmp_path / "rates", patience_s=20))
    while taken(rates, "kim"):
        seen += 1
    assert BURST - killed <= seen <= BURST


def test_a_worker_that_is_killed_with_the_lock_in_hand_keeps_nobody_out(tmp_path: Path) -> None:
    path = tmp_path / "rates"
    mine = Rates(60, 2, clock=lambda: 100.0, buckets=SharedBuckets(path, patience_s=20))
    assert taken(mine, "kim")
    with child("hold", path) as one:
        assert one.stdout is not None and one.stdout.read(4) == b"held"
        one.send_signal(signal.SIGKILL)
        one.wait(10)
        assert [taken(mine, "kim") for _ in range(2)] == [True, False]  # still the one count


def test_while_a_worker_stands_still_with_the_lock_the_others_count_alone_and_later_together(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "rates"
    now = [100.0]
    buckets = SharedBuckets(path, patience_s=0.01)
    mine = Rates(60, 2, clock=lambda: now[0], buckets=buckets)
    assert [taken(mine, "kim") for _ in range(3)] == [True, True, False]
    with child("hold", path) as one:
        assert one.stdout is not None and one.stdout.read(4) == b"held"
        one.send_signal(signal.SIGSTOP)
        assert [taken(mine, "kim") for _ in range(4)] == [True, True, False, False]
    assert caplog.text.count("stands still") == 1
    buckets._file._rested_s = 0.0  # it looks again after a second
    assert not taken(mine, "kim")
    now[0] += 1.0
    assert taken(mine, "kim")


def test_a_file_that_cannot_be_had_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match="cannot be kept in rates"):
        SharedBuckets(tmp_path / "gone" / "rates")
    (tmp_path / "rates").mkdir()
    with pytest.raises(StorageUnavailable, match="cannot be kept in rates: Is a directory"):
        SharedBuckets(tmp_path / "rates")


def test_no_child_of_a_worker_gets_the_file(tmp_path: Path) -> None:
    buckets = SharedBuckets(tmp_path / "rates")
    assert fcntl.fcntl(buckets._file._fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
