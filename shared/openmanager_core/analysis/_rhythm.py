"""What the same time of earlier days, or of the same weekday, lets one expect: causal, by the clock."""

from __future__ import annotations

import numpy as np

from openmanager_core.analysis._steps import Array
from openmanager_core.job import checkpoint

_BLOCK = 8192


def clock(timestamps: Array) -> Array:
    """Times that never run backwards: a row without a usable time has its predecessor's. Shape ``(n,)``."""
    known = np.where(np.isfinite(timestamps), timestamps, -np.inf)
    forward = np.maximum.accumulate(known) if len(known) else known
    return np.where(np.isfinite(forward), forward, 0.0)


def same_time_before(x: Array, times_s: Array, period_s: float, back: int, around: int, slack_s: float) -> Array:
    """Median of the values around the same time one to `back` periods ago.

    Parameters
    ----------
    x, times_s
        Shape ``(n,)``; times never fall.
    period_s
        Length of the rhythm, such as a day or a week.
    back
        How many periods to look back.
    around
        Rows on each side of the same time that are taken along.
    slack_s
        A row farther than this from the time looked for does not count: there was a gap.

    Returns
    -------
    ndarray
        Shape ``(n,)``; ``nan`` where no earlier period has a reading.
    """
    n = len(x)
    out = np.full(n, np.nan)
    offsets = np.arange(-around, around + 1)
    margin_s = 2 * slack_s + 1e-6 * period_s
    begin = int(np.searchsorted(times_s, times_s[0] + period_s - margin_s)) if n else 0  # none before has a past
    for first in range(begin, n, _BLOCK):
        checkpoint()
        last = min(n, first + _BLOCK)
        rows = np.arange(first, last)
        reached = min(back, int((times_s[last - 1] - times_s[0] + margin_s) / period_s))
        if reached < 1:
            continue
        wanted = times_s[first:last, None] - period_s * np.arange(1, reached + 1)[None, :]
        at = np.searchsorted(times_s, wanted.ravel(), side="left").reshape(wanted.shape)
        near = at[:, :, None] + offsets
        inside = (near >= 0) & (near < rows[:, None, None])
        safe = np.clip(near, 0, n - 1)
        close = np.abs(times_s[safe] - wanted[:, :, None]) <= slack_s
        values = np.where(inside & close, x[safe], np.nan).reshape(len(rows), -1)
        out[first:last] = _median(values)
    return out


def _median(values: Array) -> Array:
    """Median of the readings of each row, ``nan`` where there is none."""
    ordered = np.sort(values, axis=1)
    count = np.isfinite(ordered).sum(axis=1)
    rows = np.arange(len(values))
    middle = 0.5 * (ordered[rows, np.maximum((count - 1) // 2, 0)] + ordered[rows, count // 2])
    return np.where(count > 0, middle, np.nan)
