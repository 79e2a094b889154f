"""Lines that come together may share what each does alone: all of it counts, or each is done once in the usual way."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from short_way import LEGACY, MODERN, request, talk

from openmanager_core.errors import InvalidRequest
from openmanager_kit.plain import Ready
from openmanager_kit.server import OpenManagerServer
from openmanager_kit.tools import writes

REFUSED, UNUSUAL = 7, 5


class Held:
    """What calls that came together share."""

    kept = False


class Counter:
    """Counts; what is counted together is forgotten where `holds` says so."""

    def __init__(self, holds: Sequence[bool] = (), waits: Sequence[int] = ()) -> None:
        self.counted: list[int] = []
        self.together: list[int] = []
        self._holds = iter(holds)
        self._waits = waits
        self._open: list[int] | None = None

    async def count(self, number: int) -> Any:
        """Count a number."""
        return self._count(number)

    def count_at_once(self, number: int) -> Any:
        return None if number in self._waits else self._count(number)

    def _count(self, number: int) -> Any:
        if number % REFUSED == 0:
            raise InvalidRequest(f"not {number}")
        (self.counted if self._open is None else self._open).append(number)
        return Ready({"number": number}) if number % UNUSUAL else {"no": "text that stands for it"}

    @contextmanager
    def gathering(self) -> Iterator[Held]:
        held, self._open = Held(), []
        try:
            yield held
        finally:
            opened, self._open = self._open, None
        held.kept = next(self._holds, True)
        if held.kept:
            self.counted += opened
            self.together.append(len(opened))


def server_of(counter: Counter, *, at_once: bool = True) -> OpenManagerServer:
    async def count(number: int) -> Any:
        """Count a number."""
        return await counter.count(number)

    tool = writes(count, "Count", asks_nothing=True, at_once=counter.count_at_once if at_once else None)
    return OpenManagerServer("one", tools=(replace(tool, deadline_s=20),), state=counter)


def ask(number: int, version: str) -> dict[str, Any]:
    return request(number, version, "count", number=number)


@pytest.mark.parametrize("version", [LEGACY[-1], MODERN])
@given(
    count=st.integers(1, 60),
    holds=st.lists(st.booleans(), max_size=8),
    waits=st.lists(st.integers(1, 60), max_size=4),
    cuts=st.lists(st.floats(0, 1), max_size=5),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_each_call_is_done_and_answered_once_whatever_was_held_together(
    version: str, count: int, holds: list[bool], waits: list[int], cuts: list[float]
) -> None:
    numbers = range(1, count + 1)

    async def said(counter: Counter, *, at_once: bool) -> list[Any]:
        data = b"".join(json.dumps(ask(number, version)).encode() + b"\n" for number in numbers)
        ends = [0, *sorted(int(cut * len(data)) for cut in cuts), len(data)]
        first = {"name": "count", "number": REFUSED}
        async with talk(server_of(counter, at_once=at_once), version, **first) as client:
            if version != MODERN:
                await client.ask(ask(REFUSED, version))
            for begin, end in itertools.pairwise(ends):
                client.write(data[begin:end])
                await asyncio.sleep(0)
            return sorted([await client.line() for _ in numbers], key=lambda answer: int(answer["id"]))

    async def both() -> None:
        counter, usual = Counter(holds, waits), Counter()
        assert await said(counter, at_once=True) == await said(usual, at_once=False)
        assert sorted(counter.counted) == usual.counted == [n for n in numbers if n % REFUSED]

    anyio.run(both)


@pytest.mark.anyio
async def test_lines_that_are_there_at_the_same_time_are_done_together() -> None:
    counter = Counter()
    async with talk(server_of(counter), "2025-06-18") as client:
        await client.ask(ask(REFUSED, "2025-06-18"))  # the greeting is over
        client.send(*(ask(number, "2025-06-18") for number in (1, 2, 3, 4, 6)))
        assert [(await client.line())["id"] for _ in range(5)] == [1, 2, 3, 4, 6]
    assert counter.together == [5]
