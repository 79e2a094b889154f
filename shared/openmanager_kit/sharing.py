"""One answer for equal calls: while it is being made everybody who asks the same waits for it, and it is kept briefly.

A crowd that asks how the fleet is costs one look at the fleet. An answer is kept for as long as a few makings of it
take, so making answers never takes more than a small part of the machine, and a cheap one is always fresh.

When it is too old, or the clock has moved on, the next one is made while the old one still stands in for it, for half
as long again as it was kept: else everybody who asks meanwhile would wait, and then all of them ask anew at once.
(RFC 5861 calls that stale-while-revalidate.)
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, Literal, NamedTuple, TypeVar

from openmanager_core.errors import JobCancelled
from openmanager_core.job import Job, current_job, work_for

T = TypeVar("T")
Listener = Callable[[float, str], None]

LONGEST_S = 30.0
TIMES_ITS_COST = 20.0
STANDS_IN = 0.5
"""For how much longer than it is kept an answer stands in for the next one, while that is made."""

PATIENCE = 8.0
"""What nobody waits for computes a ninth of the time: beside it a loop that answers others would get half of it."""

MOST_KEPT = 64
MOST_WEIGHT = 4_000_000


class Moment(NamedTuple):
    """When an answer was made: the clock, in steps, and all else that makes it another one."""

    clock: int
    other: Hashable

    def before(self) -> Moment:
        """Give the same one step earlier."""
        return self._replace(clock=self.clock - 1)


@dataclass(eq=False, slots=True)
class _Flight(Generic[T]):
    """An answer in the making, and who waits for it."""

    job: Job
    task: asyncio.Task[T] | None = None
    waiting: list[tuple[Listener | None, Job | None]] = field(default_factory=list)
    predecessor_s: float | None = None
    """What the answer that stands in for this one meanwhile is said to have cost."""

    def patience(self) -> float:
        """As patient as the one in the greatest hurry."""
        least = PATIENCE
        for _, job in self.waiting:
            least = min(least, 0.0 if job is None else job.patience)
            if not least:
                break
        return least


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    answer: T
    made_s: float
    cost_s: float
    until_s: float
    weight: int

    @property
    def stands_in_until_s(self) -> float:
        """When it is too old even to stand in for the next one."""
        return self.until_s + (self.until_s - self.made_s) * STANDS_IN


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is for a question: an answer so many seconds old that is given for so many more, one in the making,
    or none."""

    what: Literal["none", "making", "kept"]
    age_s: float = 0.0
    left_s: float = 0.0


class Sharing(Generic[T]):
    """Answers of one server, by what was asked.

    Parameters
    ----------
    weigh
        How much memory an answer takes, roughly, in bytes; `MOST_WEIGHT` are kept together.
    longest_s
        Longest that an answer is kept; 0 shares it with those only who ask while it is being made.
    """

    def __init__(
        self, weigh: Callable[[T], int], *, longest_s: float = LONGEST_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._weigh = weigh
        self._longest_s = longest_s
        self._clock = clock
        self._flights: dict[Hashable, _Flight[T]] = {}
        self._kept: OrderedDict[Hashable, _Kept[T]] = OrderedDict()
        self._weight = 0
        self.hits = 0

    def forget(self) -> None:
        """Something was changed: what is kept and what is being made is for nobody who asks from now on."""
        self._kept.clear()
        self._weight = 0
        self._flights.clear()

    def kept(self, key: Hashable) -> T | None:
        """Give the answer to `key` if it is kept."""
        kept = self._kept.get(key)
        if kept is None or self._clock() >= kept.until_s:
            return None
        self.hits += 1
        return kept.answer

    def standing(self, key: Hashable) -> Standing:
        """Say what there is for `key` now."""
        kept, now = self._kept.get(key), self._clock()
        if kept is not None and now < kept.until_s:
            return Standing("kept", now - kept.made_s, kept.until_s - now)
        return Standing("making" if key in self._flights else "none")

    def standing_in(self, *keys: Hashable) -> tuple[T, float] | None:
        """Give the answer to the first of the keys that may stand in for a newer one, and its age in seconds."""
        now = self._clock()
        for key in keys:
            kept = self._kept.get(key)
            if kept is not None and now < kept.stands_in_until_s:
                self.hits += 1
                return kept.answer, now - kept.made_s
        return None

    def renew(self, key: Hashable, make: Callable[[], Awaitable[T]], *instead_of: Hashable) -> None:
        """Have the answer to `key` made although nobody waits; however that ends, nothing stands in for it any more."""
        if key not in self._flights:

            async def made() -> T:
                try:
                    return await make()
                finally:
                    for old in instead_of:
                        self._drop(old)

            costs = [self._kept[old].cost_s for old in instead_of if old in self._kept]
            flight = self._begin(key, made)
            flight.predecessor_s = costs[0] if costs else None
            flight.waiting.append((None, _NOBODY))

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]], listener: Listener | None = None) -> T:
        """Give the answer to `key`: kept, in the making, or made now.

        `make` runs as a job of its own, which ends when nobody waits for it any more; `listener` hears its progress.
        """
        kept = self.kept(key)
        if kept is not None:
            return kept
        flight = self._flights.get(key)
        if flight is None:
            flight = self._begin(key, make)
        else:
            self.hits += 1
        assert flight.task is not None
        caller = (listener, current_job.get())
        flight.waiting.append(caller)
        try:
            await asyncio.wait([flight.task])
        finally:
            flight.waiting.remove(caller)
            if not flight.waiting and not flight.task.done():
                self._leave(key, flight)
                flight.job.cancel()
                flight.task.cancel()
        if flight.task.cancelled():
            raise JobCancelled
        return flight.task.result()

    def _begin(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> _Flight[T]:
        flight: _Flight[T] = _Flight(Job())

        def report(done_ratio: float, note: str) -> None:
            for listener, _ in tuple(flight.waiting):
                if listener is not None:
                    with suppress(RuntimeError):  # whoever it belonged to has just gone
                        listener(done_ratio, note)

        flight.job = Job(report, flight.patience)
        flight.task = asyncio.get_running_loop().create_task(self._fly(key, make, flight))
        flight.task.add_done_callback(_heard)
        self._flights[key] = flight
        return flight

    async def _fly(self, key: Hashable, make: Callable[[], Awaitable[T]], flight: _Flight[T]) -> T:
        work_for(flight.job)
        begun = self._clock()
        try:
            answer = await make()
            if self._flights.get(key) is flight:
                cost_s = self._clock() - begun
                if flight.predecessor_s is not None:  # who is patient takes long: it tells half of the truth
                    cost_s = (flight.predecessor_s + cost_s / (1 + PATIENCE)) / 2
                if self._longest_s:
                    self._keep(key, answer, cost_s)
            return answer
        finally:
            flight.job.cancel()  # its threads, if it was stopped
            self._leave(key, flight)

    def _leave(self, key: Hashable, flight: _Flight[T]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    def _keep(self, key: Hashable, answer: T, cost_s: float) -> None:
        self._drop(key)
        made_s = self._clock()
        until_s = made_s + min(self._longest_s, TIMES_ITS_COST * cost_s)
        kept = _Kept(answer, made_s, cost_s, until_s, self._weigh(answer))
        self._kept[key] = kept
        self._weight += kept.weight
        while self._kept and (len(self._kept) > MOST_KEPT or self._weight > MOST_WEIGHT):
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Hashable) -> None:
        old = self._kept.pop(key, None)
        if old is not None:
            self._weight -= old.weight


_NOBODY = Job(patience=lambda: PATIENCE)


def _heard(task: asyncio.Task[T]) -> None:
    """Look at how it ended, so that nobody complains that nobody did."""
    if not task.cancelled():
        task.exception()
