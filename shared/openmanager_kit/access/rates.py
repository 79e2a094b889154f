"""How often one principal may call: a bucket each, that fills evenly.

The libraries at hand make a caller wait in the process, which is what a flood wants; this refuses and says when to
come back.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from openmanager_core.errors import FleetError
from openmanager_core.resilience import wait_of_turn

_MOST_BUCKETS = 10_000


class RateLimited(FleetError):
    """Too many calls in too short a time."""

    code = "rate_limited"


class Rates:
    """Buckets by key.

    Parameters
    ----------
    per_minute
        Calls a minute; 0 allows any number.
    burst
        Calls that may come at once after a pause.
    """

    def __init__(self, per_minute: int, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s = 60.0 / per_minute if per_minute else 0.0
        self._room_s = self._every_s * max(burst - 1, 0)
        self._clock = clock
        self._full_s: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str, what: str) -> None:
        """Take one from a bucket.

        Raises
        ------
        RateLimited
            If it is empty; says in how many seconds it is not.
        """
        if not self._every_s:
            return
        now = self._clock()
        due = max(self._full_s.get(key, now), now)
        wait_s = wait_of_turn(due, now, self._room_s)
        if wait_s > 0:
            raise RateLimited(
                f"{what}: more than {60.0 / self._every_s:g} calls a minute", hint=f"again in {wait_s:.1f} s"
            )
        self._full_s[key] = due + self._every_s
        self._full_s.move_to_end(key)
        if len(self._full_s) > _MOST_BUCKETS:
            self._full_s.popitem(last=False)
