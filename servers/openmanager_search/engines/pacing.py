"""Keeps us welcome at an engine: a pace for requests, rest after a refusal, a breaker for failures.

The pace is our own: a limiter that waits without saying how long (aiolimiter) can neither refuse a long wait nor
be tested without sleeping.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from openmanager_core.errors import FleetError, InvalidRequest, SourceUnavailable
from openmanager_core.resilience import Breaker, Clock, wait_of_turn
from openmanager_search.engines.base import Blocked, RateLimited

T = TypeVar("T")

LONGEST_WAIT_S = 3.0
"""A call waits so long for its turn; a longer wait is an error that says how long it would be."""

BLOCKED_REST_S = 120.0
_LIMITED_REST_S = 30.0
_LONGEST_REST_S = 3600.0


class OwnLimit(RateLimited):
    """Our own pace is used up; the engine knows nothing of it."""


class Pace:
    """At most `burst` requests at once, then `per_minute`."""

    def __init__(self, per_minute: float, burst: int, *, clock: Clock = time.monotonic) -> None:
        self._each_s = 60.0 / per_minute
        self._ahead_s = self._each_s * max(burst - 1, 0)
        self._clock = clock
        self._paid_until = 0.0

    def reserve(self, most_s: float) -> float:
        """Take a turn: seconds to wait until it comes, at most `most_s`.

        Raises
        ------
        OwnLimit
            If it would come later; no turn is taken then.
        """
        now = self._clock()
        paid_until = max(self._paid_until, now)
        wait_s = wait_of_turn(paid_until, now, self._ahead_s)
        if wait_s > most_s:
            raise OwnLimit(
                "our own limit of requests is reached, which keeps the engine from blocking us",
                hint=f"again in {wait_s + 0.5:.0f} s",
                wait_s=wait_s,
            )
        self._paid_until = paid_until + self._each_s
        return wait_s

    def give_back(self) -> None:
        """Return a turn that was not used."""
        self._paid_until -= self._each_s


class Guard:
    """Stands before one engine.

    Parameters
    ----------
    name
        The engine's, for messages.
    pace
        None for an engine that costs nobody anything.
    """

    def __init__(self, name: str, pace: Pace | None, *, clock: Clock = time.monotonic) -> None:
        self.name = name
        self._pace = pace
        self._clock = clock
        self._breaker = Breaker(name, failures=3, rest_s=30.0, clock=clock)
        self._rests_until = 0.0
        self._why: SourceUnavailable | None = None

    async def run(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make one request when it is our turn.

        Raises
        ------
        SourceUnavailable
            If the engine is being left alone, our turn is too far away, or what the call raised.
        """
        self._awake()
        self._breaker.admit()
        try:
            if self._pace is not None:
                await self._turn(self._pace)
            found = await call()
        except (OwnLimit, InvalidRequest):
            self._breaker.forgotten()
            raise
        except RateLimited as exc:
            self._breaker.forgotten()  # it is well; the rest is what keeps us away
            self._rest(exc, exc.wait_s or _LIMITED_REST_S)
            raise
        except Blocked as exc:
            self._breaker.forgotten()
            self._rest(exc, BLOCKED_REST_S)
            raise
        except FleetError:
            self._breaker.failed()
            raise
        except BaseException:
            self._breaker.forgotten()
            raise
        self._breaker.succeeded()
        return found

    async def _turn(self, pace: Pace) -> None:
        wait_s = pace.reserve(LONGEST_WAIT_S)
        if wait_s > 0:
            try:
                await anyio.sleep(wait_s)
            except BaseException:
                pace.give_back()
                raise

    @property
    def away(self) -> str:
        """Why the engine would not be asked now; empty if it would."""
        if self._rests_until > self._clock() and self._why is not None:
            return self._why.message
        return f"{self.name}: breaker open" if self._breaker.state == "open" else ""

    def _awake(self) -> None:
        left_s = self._rests_until - self._clock()
        if left_s > 0 and self._why is not None:
            again = f"again in {left_s + 0.5:.0f} s, or another engine"
            said = f"{self._why.message.removesuffix('.')} (left alone since then)"
            if isinstance(self._why, RateLimited):
                raise RateLimited(said, hint=again, wait_s=left_s)
            raise type(self._why)(said, hint=again)

    def _rest(self, why: SourceUnavailable, seconds: float) -> None:
        self._rests_until = self._clock() + min(seconds, _LONGEST_REST_S)
        self._why = why
