"""The breaker on a clock of our own, the retries, and the deadline."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.errors import DeadlineExceeded, SourceUnavailable
from openmanager_core.resilience import Breaker, Deadline, Retryable, retry


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> Breaker:
    breaker = Breaker("the engine", failures=3, rest_s=10.0, clock=clock)
    for _ in range(3):
        breaker.admit()
        breaker.failed()
    return breaker


def test_the_breaker_opens_at_its_limit_and_says_when_to_come_back() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 4
    assert breaker.state == "open"
    with pytest.raises(SourceUnavailable, match=r"the engine failed 3 times in a row.*again in 6 s"):
        breaker.admit()


def test_after_its_rest_the_breaker_lets_exactly_one_request_pass() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 10
    assert breaker.state == "half_open"
    breaker.admit()
    with pytest.raises(SourceUnavailable):
        breaker.admit()
    breaker.succeeded()
    assert breaker.state == "closed"
    breaker.admit()


def test_a_failed_probe_opens_the_breaker_for_another_full_rest() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 10
    breaker.admit()
    breaker.failed()
    clock.now += 9
    assert breaker.state == "open"


def test_a_probe_that_its_caller_gave_up_leaves_room_for_the_next() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 10
    breaker.admit()
    breaker.forgotten()
    assert breaker.state == "half_open"
    breaker.admit()


@given(st.lists(st.sampled_from(["ok", "bad", "gone", "wait"]), max_size=60))
def test_the_breaker_never_opens_below_its_limit_of_failures_in_a_row(events: list[str]) -> None:
    clock = Clock()
    breaker = Breaker("x", failures=3, rest_s=10.0, clock=clock)
    in_a_row = 0
    for event in events:
        if event == "wait":
            clock.now += 4
            continue
        try:
            breaker.admit()
        except SourceUnavailable:
            assert in_a_row >= 3
            continue
        {"ok": breaker.succeeded, "bad": breaker.failed, "gone": breaker.forgotten}[event]()
        in_a_row = {"ok": 0, "bad": in_a_row + 1, "gone": in_a_row}[event]
        assert (breaker.state == "closed") == (in_a_row < 3)


@pytest.mark.anyio
async def test_a_call_that_recovers_is_answered_after_its_retries() -> None:
    tries = 0

    async def call() -> str:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise Retryable(SourceUnavailable("not yet"))
        return "answer"

    assert await retry(call, deadline=Deadline(30), wait_s=0.001) == "answer"
    assert tries == 3


@pytest.mark.anyio
async def test_a_call_that_never_recovers_fails_with_its_own_failure() -> None:
    tries = 0

    async def call() -> str:
        nonlocal tries
        tries += 1
        raise Retryable(SourceUnavailable(f"down {tries}"))

    with pytest.raises(SourceUnavailable, match="down 3"):
        await retry(call, deadline=Deadline(30), attempts=3, wait_s=0.001)


@pytest.mark.anyio
async def test_a_wish_to_wait_past_the_deadline_is_not_granted() -> None:
    tries = 0

    async def call() -> str:
        nonlocal tries
        tries += 1
        raise Retryable(SourceUnavailable("busy"), wait_s=3600.0)

    with pytest.raises(SourceUnavailable, match="busy"):
        await retry(call, deadline=Deadline(5))
    assert tries == 1


@pytest.mark.anyio
async def test_a_failure_that_no_retry_can_cure_is_raised_at_once() -> None:
    tries = 0

    async def call() -> str:
        nonlocal tries
        tries += 1
        raise ValueError("ours")

    with pytest.raises(ValueError, match="ours"):
        await retry(call, deadline=Deadline(5))
    assert tries == 1


def test_a_deadline_that_has_passed_says_what_was_being_done_and_the_bound() -> None:
    clock = Clock()
    deadline = Deadline(2.0, clock=clock)
    deadline.check("reading")
    clock.now += 3
    assert deadline.left_s == 0
    with pytest.raises(DeadlineExceeded, match="reading took longer than the 2 s"):
        deadline.check("reading")
