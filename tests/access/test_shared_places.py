"""Places in a file: one count of requests in progress for all workers, and none lost with one that is killed."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import served
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.errors import StorageUnavailable
from openmanager_kit.access.shared_places import SharedPlaces

KEYS = ("kim", "lee", "park")
MOST = 2
WORKERS = 3


class Service:
    """Some workers in one process; each can be ended as a killed one is, and started again."""

    def __init__(self, folder: str) -> None:
        self.path = Path(folder) / "requests"
        self.workers: list[SharedPlaces | None] = [None] * WORKERS
        self.open: list[tuple[int, str, Callable[[], None]]] = []

    def start(self, number: int) -> None:
        self.workers[number] = SharedPlaces(self.path, number, WORKERS, sets=1, ways=4)

    def take(self, number: int, key: str) -> bool:
        worker = self.workers[number]
        assert worker is not None
        leave = worker.take(key, MOST)
        if leave is not None:
            self.open.append((number, key, leave))
        return leave is not None

    def end(self, number: int) -> None:
        self.open = [one for one in self.open if one[0] != number]
        self.workers[number] = None  # its descriptors are closed, nothing else happens


DEEDS = st.one_of(
    st.tuples(st.just("take"), st.integers(0, WORKERS - 1), st.sampled_from(KEYS)),
    st.tuples(st.just("leave"), st.integers(0, 50), st.just("")),
    st.tuples(st.sampled_from(["end", "start"]), st.integers(0, WORKERS - 1), st.just("")),
)


@given(st.lists(DEEDS, max_size=80))
def test_workers_that_come_and_go_count_as_one_would_who_only_knows_what_is_open(
    deeds: list[tuple[str, int, str]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        service = Service(folder)
        for number in range(WORKERS):
            service.start(number)
        for deed, number, key in deeds:
            if deed == "leave" and service.open:
                service.open.pop(number % len(service.open))[2]()
            elif deed == "end":
                service.end(number)
            elif deed == "start" and service.workers[number] is None:
                service.start(number)
            elif deed == "take" and service.workers[number] is not None:
                twin = Counter(whose for _, whose, _ in service.open)
                assert service.take(number, key) == (twin[key] < MOST)


def test_a_row_is_another_keys_once_nobody_needs_it_and_what_finds_none_is_counted_alone(tmp_path: Path) -> None:
    first, second = (SharedPlaces(tmp_path / "requests", number, 2, sets=1, ways=2) for number in range(2))
    leaves = [first.take(key, 1) for key in ("kim", "lee")]
    assert all(leaves) and second.take("kim", 1) is None
    further = [one.take("park", 1) for one in (first, second)]  # no row is left: each has its own
    assert all(further) and first.take("park", 1) is None
    for leave in (*leaves, *further):
        assert leave is not None
        leave()
    together = [one.take("park", 1) for one in (first, second)]
    assert together[0] is not None and together[1] is None


CHILD = """
import os, signal, sys
from pathlib import Path
from openmanager_kit.access.shared_places import SharedPlaces

path, number, what = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
places = SharedPlaces(path, number, 2, patience_s=20)
if what == "hold":
    leaves = [places.take("kim", 9) for _ in range(3)]
    os.write(1, b"t")
    signal.pause()
while True:
    leave = places.take("kim", 9)
    os.write(1, b"t")
    leave()
"""


@contextlib.contextmanager
def child(path: Path, number: int, what: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), str(number), what],
        stdout=subprocess.PIPE, env=served.environment(path.parent),
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def taken(places: SharedPlaces, most: int) -> int:
    """How many places are to be had, all of them given back."""
    leaves = []
    while (leave := places.take("kim", most)) is not None:
        leaves.append(leave)
    for one in leaves:
        one()
    return len(leaves)


def test_the_places_of_a_worker_that_is_killed_are_free_at_once_and_those_of_one_that_stands_still_are_not(
    tmp_path: Path,
) -> None:
    path = tmp_path / "requests"
    mine = SharedPlaces(path, 0, 2)
    with child(path, 1, "hold") as one:
        assert one.stdout is not None and one.stdout.read(1) == b"t"
        assert taken(mine, 9) == 6
        one.send_signal(signal.SIGSTOP)
        assert taken(mine, 9) == 6
        one.send_signal(signal.SIGKILL)
        one.wait(10)
        assert taken(mine, 9) == 9
    SharedPlaces(path, 1, 2)  # who takes its number does not bring its places back to life
    assert taken(mine, 9) == 9


def test_a_worker_that_is_killed_in_the_midst_of_taking_leaves_every_place_to_be_had(tmp_path: Path) -> None:
    path = tmp_path / "requests"
    mine = SharedPlaces(path, 0, 2, patience_s=20)
    for turns in (1, 7, 50, 300, 20):
        with child(path, 1, "hurry") as one:
            assert one.stdout is not None and len(one.stdout.read(turns)) == turns
            one.kill()
            one.wait(10)
            assert taken(mine, 9) == 9


def test_a_number_is_one_workers_only(tmp_path: Path) -> None:
    mine = SharedPlaces(tmp_path / "requests", 0, 2)
    with pytest.raises(StorageUnavailable, match="worker 0 runs already"):
        SharedPlaces(tmp_path / "requests", 0, 2)
    assert taken(mine, 2) == 2
