"""The event loop of a busy service takes few connections in a turn, each as often as the others."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections import Counter
from collections.abc import Iterator

import anyio
import pytest

from openmanager_kit.hosting.fairness import MOST_AT_ONCE, loop_factory

pytestmark = pytest.mark.skipif(loop_factory() is None, reason="there is no epoll here")
CLIENTS, ROUNDS = 50, 6


@contextlib.contextmanager
def pairs(count: int) -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    with contextlib.ExitStack() as stack:
        made = [socket.socketpair() for _ in range(count)]
        for pair in made:
            for one in pair:
                one.setblocking(False)
                stack.enter_context(one)
        yield made


def run(made: list[tuple[socket.socket, socket.socket]]) -> tuple[list[list[int]], bool]:
    """Read what all clients have sent, a byte at a time; gives who was read in each turn, and if a thread was heard."""
    turns: list[list[int]] = []
    heard = False

    async def serve() -> None:
        nonlocal heard
        loop = asyncio.get_running_loop()
        left = CLIENTS * ROUNDS

        def read(number: int) -> None:
            nonlocal left
            assert made[number][0].recv(1)
            turns[-1].append(number)
            left -= 1

        for number, (own, other) in enumerate(made):
            other.send(b"x" * ROUNDS)
            loop.add_reader(own, read, number)
        work = loop.run_in_executor(None, sum, range(10))
        while left:
            turns.append([])
            await asyncio.sleep(0)
        heard = await work == 45
        for own, _ in made:
            loop.remove_reader(own)

    anyio.run(serve, backend_options={"loop_factory": loop_factory()})
    return turns, heard


def test_a_turn_takes_a_few_connections_and_nobody_is_taken_twice_before_all_were_once() -> None:
    with pairs(CLIENTS) as made:
        turns, heard = run(made)
    assert heard
    assert max(map(len, turns)) <= MOST_AT_ONCE
    order = [number for turn in turns for number in turn]
    for first in range(0, len(order), CLIENTS):
        assert set(Counter(order[first : first + CLIENTS]).values()) == {1}


def test_timers_processes_and_writing_work_on_it_as_on_any_other() -> None:
    async def use() -> tuple[bytes, bytes]:
        async with asyncio.timeout(60):
            await asyncio.sleep(0.002)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", "import sys; sys.stdout.write(sys.stdin.read()[::-1])",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            told, _ = await process.communicate(b"abc")
            left, right = socket.socketpair()
            reader, writer = await asyncio.open_connection(sock=left)
            _, other = await asyncio.open_connection(sock=right)
            other.write(b"y" * 5_000_000)  # more than fits: written when there is room
            other.write_eof()
            got = await reader.read(-1)
            for one in (writer, other):
                one.close()
                await one.wait_closed()
            return told, got

    told, got = anyio.run(use, backend_options={"loop_factory": loop_factory()})
    assert (told, got) == (b"cba", b"y" * 5_000_000)
