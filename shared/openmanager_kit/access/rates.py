"""How often one principal may call: a bucket each, that fills evenly.

The libraries at hand make a caller wait in the process, which is what a flood wants; this refuses and says when to
come back.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from openmanager_core.errors import FleetError
from openmanager_core.resilience import wait_of_turn

_MOST_BUCKETS = 10_000


class RateLimited(FleetError):
    """Too many calls in too short a time."""

    code = "rate_limited"


class Buckets(Protocol):
    """Where the buckets stand."""

    def take(self, key: str, now_s: float, every_s: float, room_s: float) -> float:
        """Take one turn; gives 0, or the seconds until there is one.

        Parameters
        ----------
        every_s, room_s
            Seconds from one turn to the next, and how far ahead turns may be paid for.
        """
        ...


class OwnBuckets:
    """Buckets of this process; of too many, those that were used longest ago are forgotten."""

    def __init__(self) -> None:
        self._paid_s: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str, now_s: float, every_s: float, room_s: float) -> float:
        """Take one turn; gives 0, or the seconds until there is one."""
        paid_s = self._paid_s.get(key, now_s)
        wait_s = wait_of_turn(paid_s, now_s, room_s)
        if wait_s <= 0:
            self._paid_s[key] = max(paid_s, now_s) + every_s
            self._paid_s.move_to_end(key)
            if len(self._paid_s) > _MOST_BUCKETS:
                self._paid_s.popitem(last=False)
        return wait_s


class Rates:
    """A rate for each key.

    Parameters
    ----------
    per_minute
        Calls a minute; 0 allows any number.
    burst
        Calls that may come at once after a pause.
    buckets
        Where they are counted (default: in this process).
    """

    def __init__(
        self, per_minute: int, burst: int, clock: Callable[[], float] = time.monotonic, buckets: Buckets | None = None
    ) -> None:
        self._every_s = 60.0 / per_minute if per_minute else 0.0
        self._room_s = self._every_s * max(burst - 1, 0)
        self._clock = clock
        self._buckets = buckets if buckets is not None else OwnBuckets()

    def take(self, key: str, what: str) -> None:
        """Take one from a bucket.

        Raises
        ------
        RateLimited
            If it is empty; says in how many seconds it is not.
        """
        if not self._every_s:
            return
        wait_s = self._buckets.take(key, self._clock(), self._every_s, self._room_s)
        if wait_s > 0:
            raise RateLimited(
                f"{what}: more than {60.0 / self._every_s:g} calls a minute", hint=f"again in {wait_s:.1f} s"
            )
