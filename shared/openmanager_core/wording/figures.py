"""How figures and times are written, the same in every language."""

from __future__ import annotations

from datetime import UTC, datetime


def plain(value: float) -> str:
    """Three significant digits; large counts whole, with commas."""
    return f"{value:.3g}" if abs(value) < 1e4 else f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.3g}"


def clock(at_s: float) -> str:
    """UTC, to the second; times outside the calendar as plain seconds."""
    try:
        return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return f"{at_s:.0f} s"


def when(at_s: float) -> str:
    """UTC as ISO 8601, to the second."""
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%SZ}"


def day(at_s: float) -> str:
    """UTC, to the minute."""
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M} UTC"
