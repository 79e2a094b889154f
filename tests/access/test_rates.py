"""Buckets that fill evenly, on a clock of the test's own."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_kit.access.rates import RateLimited, Rates


def allowed(rates: Rates, key: str = "kim") -> bool:
    try:
        rates.take(key, "your calls")
    except RateLimited:
        return False
    return True


def test_a_burst_passes_then_one_at_a_time() -> None:
    now = [100.0]
    rates = Rates(60, burst=3, clock=lambda: now[0])
    assert [allowed(rates) for _ in range(4)] == [True, True, True, False]
    assert allowed(rates, "lee")
    now[0] += 1.0
    assert [allowed(rates) for _ in range(2)] == [True, False]


def test_who_is_refused_is_told_when_to_come_back_and_then_may() -> None:
    now = [100.0]
    rates = Rates(6, burst=1, clock=lambda: now[0])
    assert allowed(rates)
    with pytest.raises(RateLimited) as caught:
        rates.take("kim", "your calls")
    wait_s = float(re.findall(r"again in ([\d.]+) s", str(caught.value))[0])
    now[0] += wait_s
    assert allowed(rates)


@given(st.integers(1, 600), st.integers(1, 50), st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=60))
def test_no_more_than_the_burst_and_the_rate_pass_in_any_stretch(
    per_minute: int, burst: int, pauses: list[float]
) -> None:
    now = [0.0]
    rates = Rates(per_minute, burst, clock=lambda: now[0])
    taken: list[float] = []
    for pause in pauses:
        now[0] += pause
        if allowed(rates):
            taken.append(now[0])
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            most = burst + (taken[last] - taken[first]) * per_minute / 60
            assert last - first + 1 <= most + 1e-6


def test_0_allows_any_number() -> None:
    assert all(allowed(Rates(0, 1)) for _ in range(1000))
