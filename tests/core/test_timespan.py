"""Times as people write them, and the refusals that repair a call."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.errors import InvalidRequest
from openmanager_core.timespan import (
    MAX_INSTANT_S,
    NICE_STEPS_S,
    ago,
    iso,
    parse_duration,
    parse_instant,
    parse_window,
    span,
)

NOW = datetime(2026, 3, 5, 12, 34, 56, tzinfo=UTC).timestamp()
MIDNIGHT = datetime(2026, 3, 5, tzinfo=UTC).timestamp()
H = 3600.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        (" NOW ", NOW),
        ("now-1h", NOW - H),
        ("now - 1h30m", NOW - 1.5 * H),
        ("now+15m", NOW + 900),
        ("-2d", NOW - 48 * H),
        ("−15m", NOW - 900),
        ("1h ago", NOW - H),
        ("2 hours ago", NOW - 2 * H),
        ("an hour ago", NOW - H),
        ("1.5h ago", NOW - 1.5 * H),
        ("1시간 전", NOW - H),
        ("30분 전", NOW - 1800),
        ("1시간 30분 전부터", NOW - 1.5 * H),
        ("2일전", NOW - 48 * H),
        ("１시간 전", NOW - H),
        ("지금", NOW),
        ("today", MIDNIGHT),
        ("오늘", MIDNIGHT),
        ("yesterday", MIDNIGHT - 24 * H),
        ("어제", MIDNIGHT - 24 * H),
        ("yesterday 14:30", MIDNIGHT - 24 * H + 14.5 * H),
        ("yesterday at noon", MIDNIGHT - 12 * H),
        ("어제 오후 3시 30분", MIDNIGHT - 24 * H + 15.5 * H),
        ("오늘 오전 12시", MIDNIGHT),
        ("오늘 9시 반", MIDNIGHT + 9.5 * H),
        ("09:15", MIDNIGHT + 9.25 * H),
        ("1772714096", 1772714096.0),
        ("1772714096.5", 1772714096.5),
        ("1772714096500", 1772714096.5),
        (1772714096, 1772714096.0),
        (1772714096500.0, 1772714096.5),
        ("1772714096500000000", 1772714096.5),
        ("2026-03-05T12:34:56Z", NOW),
        ("2026-03-05T12:34:56", NOW),
        ("2026-03-05 12:34:56 UTC", NOW),
        ("2026-03-05T21:34:56+09:00", NOW),
        ("2026-03-05", MIDNIGHT),
        ("20260305", MIDNIGHT),
        ("0", 0.0),
    ],
)
def test_an_instant_is_read_in_the_forms_people_use(text: str | float, expected: float) -> None:
    assert parse_instant(text, NOW) == pytest.approx(expected, abs=1e-3)


def test_hangul_in_pieces_is_read_like_hangul() -> None:
    assert parse_instant("어제", NOW) == MIDNIGHT - 24 * H


@pytest.mark.parametrize(
    "text",
    ["", " ", "soon", "1h", "-5", "now-", "now-1", "now-1x", "now-1h2", "25:00", "어제 25시", "오후 13시", "2026-13-01",
     "nan", "inf", "-inf", "1e400", "1e30", "-1e12", "a" * 1_000_000, "9" * 99, "\x00", "\ud800", "now\n-1h; drop",
     "P1D", math.nan, math.inf, -1.0, 1e300, 10**30, 10**400,
     "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "now+100000d"],
)  # fmt: skip
def test_what_is_no_instant_is_refused_with_examples(text: str | float) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_instant(text, NOW, name="start")
    assert refused.value.message.startswith("start ")
    assert "'now-1h'" in refused.value.hint
    assert len(str(refused.value)) < 500
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90s", 90), ("15m", 900), ("2h", 2 * H), ("7d", 7 * 24 * H), ("1w", 7 * 24 * H), ("1h30m", 1.5 * H),
     ("1.5h", 1.5 * H),
     ("2 hours 5 minutes", 2 * H + 300), ("30분", 1800), ("1시간 30분", 1.5 * H), ("2주", 14 * 24 * H), ("500ms", 0.5),
     ("3600", H), (90, 90), ("an hour", H), ("1H", H)],
)  # fmt: skip
def test_a_duration_is_read_in_the_forms_people_use(text: str | float, expected: float) -> None:
    assert parse_duration(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text", ["", "h", "1", "0", "0s", "-1h", "1h2", "1x", "1month", "nan", "1e300", "99999d", math.nan, -1.0, "1" * 200]
)
def test_what_is_no_duration_is_refused_with_examples(text: str | float) -> None:
    if text == "1":
        assert parse_duration(text) == 1.0
        return
    with pytest.raises(InvalidRequest, match=r"^invalid_request: horizon .*got .*Try: one of the forms '90s'"):
        parse_duration(text, name="horizon")


@given(st.text(max_size=40) | st.from_regex(r"(now)?[-+]?[0-9]{0,4}[smhdw분시간전 ]{0,4}(ago|전)?", fullmatch=True))
def test_any_text_is_read_within_bounds_or_refused(text: str) -> None:
    for parse in (lambda: parse_instant(text, NOW), lambda: parse_duration(text)):
        try:
            value = parse()
        except InvalidRequest as refused:
            assert "\n" not in str(refused)
        else:
            assert 0 <= value <= MAX_INSTANT_S


@given(st.floats(0, MAX_INSTANT_S))
def test_what_iso_writes_parse_instant_reads(t_s: float) -> None:
    assert parse_instant(iso(t_s), NOW) == math.floor(t_s)


@given(st.integers(1, 20 * 86_400), st.sampled_from([0.5, 1.0, 3.0, 15.0, 60.0]))
def test_an_automatic_step_is_round_and_gives_about_the_points_asked_for(length: int, min_step_s: float) -> None:
    window = parse_window(NOW - length, NOW, NOW, min_step_s=min_step_s)
    assert window.step_s in NICE_STEPS_S
    assert window.step_s >= min_step_s
    assert window.n_times <= 240 * 2
    assert window.n_times >= min(120, length // max(min_step_s, 3.0) * 0.5)
    assert window.start_s % window.step_s == 0
    assert NOW - length - window.step_s < window.start_s <= NOW - length
    assert window.end_s == NOW


@given(
    st.floats(-1e10, 1e10) | st.sampled_from(["now-1h", "", "어제", math.nan, math.inf]),
    st.floats(-1e10, 1e10) | st.sampled_from(["now", "", "1시간 전", math.nan, -math.inf]),
    st.floats(-10, 1e6) | st.sampled_from([0.0, math.nan, math.inf, 1e-300]),
)
def test_any_window_is_within_its_bounds_or_refused(start: str | float, end: str | float, step_s: float) -> None:
    try:
        window = parse_window(start, end, NOW, step_s, max_points=5000)
    except InvalidRequest:
        return
    assert 1 <= window.n_times <= 5000
    assert window.end_s <= NOW + window.step_s


def test_an_hour_gets_fifteen_seconds_and_a_week_gets_half_an_hour_or_an_hour() -> None:
    assert parse_window("now-1h", "now", NOW).step_s == 15
    assert parse_window("now-7d", "now", NOW).step_s in (1800, 3600)
    assert parse_window("", "", NOW).duration_s == pytest.approx(H, abs=15)


def test_a_reversed_window_is_refused_with_both_bounds() -> None:
    with pytest.raises(InvalidRequest, match=r"reversed.*12:34:56Z and end 2026-03-05T11:34:56Z.*Try: swap"):
        parse_window("now", "now-1h", NOW)


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="same instant"):
        parse_window("now", "now", NOW)


def test_a_window_in_the_future_is_refused_and_one_step_beyond_now_is_not() -> None:
    with pytest.raises(InvalidRequest, match=r"end must not lie in the future.*forecast_metric"):
        parse_window("now", "now+1h", NOW)
    assert parse_window("now-1h", NOW + 10, NOW, 15.0).end_s == NOW + 10


def test_an_enormous_window_is_refused_with_a_step_that_would_work() -> None:
    with pytest.raises(
        InvalidRequest, match=r"holds 120960 instants at step_s 5, the most is 20000. Try: step_s=31 or"
    ) as refused:
        parse_window("now-1w", "now", NOW, 5.0)
    step = float(refused.value.hint.split("step_s=")[1].split()[0])
    assert parse_window("now-1w", "now", NOW, step).n_times <= 20_000


def test_decades_get_a_step_that_fits_without_being_asked() -> None:
    assert parse_window(0.0, "now", NOW, max_points=50).n_times <= 50


@pytest.mark.parametrize("step_s", [-1.0, math.nan, math.inf, 0.5])
def test_a_step_that_can_not_be_is_refused_by_name(step_s: float) -> None:
    with pytest.raises(InvalidRequest, match=r"step_s must be"):
        parse_window("now-1h", "now", NOW, step_s)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.25, "250 ms"), (45, "45 s"), (60, "1 min"), (725, "12 min 5 s"), (3600, "1 h"),
     (12_000, "3 h 20 min"), (3599.9, "1 h"), (7199, "2 h"), (187_200, "2 d 4 h"), (86_399, "1 d"),
     (-90, "-1 min 30 s"), (math.nan, "unknown")],
)  # fmt: skip
def test_a_span_is_written_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_ago_tells_past_from_future() -> None:
    assert ago(NOW - 300, NOW) == "5 min ago"
    assert ago(NOW + 7200, NOW) == "in 2 h"
    assert ago(NOW, NOW) == "just now"
    assert ago(math.nan, NOW) == iso(math.nan) == iso(1e300) == iso(1e11 * 9) == "unknown"


def test_reading_times_imports_no_numpy() -> None:
    import subprocess
    import sys

    check = "import sys, openmanager_core.timespan as t; t.parse_instant('now', 1.0); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], env={"PYTHONPATH": ":".join(sys.path)}).returncode == 0
