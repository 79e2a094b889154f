"""Deadlines, retries and a circuit breaker: what keeps one sick engine from making us sick.

Retrying is stamina's; the breaker is our own (docs/decisions/sources-breaker.md).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

from openmanager_core.errors import DeadlineExceeded, SourceUnavailable

T = TypeVar("T")
Clock = Callable[[], float]
BreakerState = Literal["closed", "half_open", "open"]


class Deadline:
    """A point in time after which an answer is of no use.

    Parameters
    ----------
    seconds
        From now; at least 0.
    clock
        Seconds on a clock that never goes back.
    """

    def __init__(self, seconds: float, *, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self.seconds = seconds
        self._ends_at = clock() + seconds

    @property
    def left_s(self) -> float:
        """Seconds that are left, never below 0."""
        return max(0.0, self._ends_at - self._clock())

    def check(self, what: str) -> None:
        """Stop work whose time is over.

        Raises
        ------
        DeadlineExceeded
            If no time is left; the message says what was being done and how long it may take.
        """
        if self.left_s <= 0:
            raise DeadlineExceeded(
                f"{what} took longer than the {self.seconds:g} s it may take",
                hint="ask for fewer servers, a shorter window or a larger step_s",
            )


def wait_of_turn(paid_until_s: float, now_s: float, ahead_s: float) -> float:
    """Seconds until the next turn of a bucket that fills evenly; 0 if it is there.

    The generic cell rate algorithm (ITU-T I.371, annex A): one number a bucket, the instant until which all turns
    so far are paid for, and no timer. `ahead_s` is how far that may lie ahead of now: the burst.
    """
    return max(0.0, max(paid_until_s, now_s) - now_s - ahead_s)


class Breaker:
    """Leaves a failing partner alone for a while, then asks it with one request.

    ``closed``: everything passes, `failures` failures in a row open it. ``open``: nothing passes for
    `rest_s` seconds. ``half_open``: one request passes; its outcome closes or opens the breaker.

    Parameters
    ----------
    name
        Who is being protected, for the message.
    failures
        How many failures in a row open the breaker, at least 1.
    rest_s
        How long it stays open, seconds.
    clock
        Seconds on a clock that never goes back.
    """

    def __init__(self, name: str, *, failures: int = 5, rest_s: float = 10.0, clock: Clock = time.monotonic) -> None:
        self.name = name
        self._limit = failures
        self._rest_s = rest_s
        self._clock = clock
        self._in_a_row = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def state(self) -> BreakerState:
        """``closed``, ``half_open`` (it would let one request pass) or ``open``."""
        if self._opened_at is None:
            return "closed"
        return "half_open" if self._clock() - self._opened_at >= self._rest_s else "open"

    def admit(self) -> None:
        """Ask to send one request; every admitted request ends in `succeeded`, `failed` or `forgotten`.

        Raises
        ------
        SourceUnavailable
            While the breaker is open, or half-open with its one request on the way.
        """
        if self._opened_at is None:
            return
        if self.state == "open" or self._probing:
            wait_s = max(0.0, self._rest_s - (self._clock() - self._opened_at))
            raise SourceUnavailable(
                f"{self.name} failed {self._in_a_row} times in a row and is left alone for now",
                hint=f"again in {wait_s + 0.5:.0f} s" if wait_s > 0 else "again in a moment",
            )
        self._probing = True

    def succeeded(self) -> None:
        """The partner answered: close."""
        self._in_a_row = 0
        self._opened_at = None
        self._probing = False

    def failed(self) -> None:
        """The partner did not answer: count, and open at the limit or after a failed probe."""
        self._in_a_row += 1
        if self._probing or self._in_a_row >= self._limit:
            self._opened_at = self._clock()
        self._probing = False

    def forgotten(self) -> None:
        """The request was given up by its caller: it says nothing about the partner."""
        self._probing = False


class Retryable(Exception):
    """A failure that another try may cure.

    Attributes
    ----------
    failure
        What the caller is told when no try is left.
    wait_s
        How long the partner asked us to wait; None leaves it to the backoff.
    """

    def __init__(self, failure: SourceUnavailable, *, wait_s: float | None = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.wait_s = wait_s


async def retry(call: Callable[[], Awaitable[T]], *, deadline: Deadline, attempts: int = 3, wait_s: float = 0.1) -> T:
    """Call until it succeeds, with exponential backoff and jitter between the tries.

    Parameters
    ----------
    call
        Raises `Retryable` for failures worth another try; anything else ends the attempts at once.
    deadline
        No try starts after it; a wait that would end after it is not begun.
    attempts
        Most tries in all.
    wait_s
        First wait, seconds; doubled each time, at most 2 s. A partner's own wish comes first.

    Raises
    ------
    SourceUnavailable
        The last try's failure, when none is left.
    """
    import stamina

    def worth_it(exc: Exception) -> bool | float:
        if not isinstance(exc, Retryable):
            return False
        if exc.wait_s is None:
            return deadline.left_s > wait_s
        return exc.wait_s if exc.wait_s < deadline.left_s else False

    try:
        async for attempt in stamina.retry_context(
            on=worth_it,
            attempts=attempts,
            timeout=deadline.left_s,
            wait_initial=wait_s,
            wait_max=2.0,
            wait_jitter=wait_s,
        ):
            with attempt:
                return await call()
    except Retryable as exc:
        raise exc.failure from exc.__cause__
    raise AssertionError("stamina ends with a value or an exception")
