"""From step scores of one series to events: when it began, whether it ended, and whether it is nothing new."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from openmanager_core.analysis._order import median, quantiles
from openmanager_core.analysis._steps import MAD_TO_SIGMA, Array

_MOST_EVENTS = 3
_MOST_TRIES = 12
_RECURS = 3
_FEW = 3
_EXPECTED_BY_CHANCE = 0.02
_NARROW = 4
_HABIT = 0.6


@dataclass(frozen=True, slots=True)
class Event:
    """An excursion in samples: ``[start, end)``, `end` equal to the length where it goes on.

    Attributes
    ----------
    before
        ``(first, last)`` of the stretch it is compared with, half-open.
    score
        Normal deviates, corrected for the search.
    growing
        Whether the series kept moving away through the event.
    """

    start: int
    end: int
    before: tuple[int, int]
    baseline: float
    observed: float
    spread: float
    score: float
    growing: bool


def find_events(
    x: Array, widths: tuple[int, ...], scores: Array, steps: Array, floor: float, bar: float
) -> list[Event]:
    """Take the strongest step, follow its excursion, blank it, and look again.

    Parameters
    ----------
    x
        Shape ``(n_times,)``, no ``nan``.
    widths, scores, steps
        This row's part of `step_scores`: shapes ``(n_widths, n_times)``.
    floor
        The smallest spread worth a thought.
    bar
        Score a step must reach.

    Returns
    -------
    list of Event
        At most three, strongest first. Steps that the series makes again and again are left out.
    """
    left = scores.copy()
    out: list[Event] = []
    for _ in range(_MOST_TRIES):
        at = int(np.argmax(left))
        scale, t = divmod(at, left.shape[1])
        score = float(left[scale, t])
        if score < bar or len(out) >= _MOST_EVENTS:
            break
        width = widths[scale]
        event = follow_step(x, t, width, float(steps[scale, t]), score, floor)
        reach_low, reach_high = max(0, event.start - 2 * width), min(len(x), max(event.end, t) + 2 * width)
        sizes, peak = np.abs(steps[scale]), abs(float(steps[scale, t]))
        if _in_the_tail(sizes, width, peak, reach_low, reach_high) or _recurs(
            sizes, width, peak, (reach_low, reach_high), 1 if event.end - event.start < _FEW else _RECURS
        ):
            # Ordinary at this scale; a wider one may still see more than an odd sample or two.
            left[scale, max(0, t - 2 * width) : t + 2 * width] = 0.0
            continue
        out.append(event)
        for i, w in enumerate(widths):
            for edge in (event.start, event.end, t):
                left[i, max(0, edge - w - width) : edge + w + width] = 0.0
            left[i, event.start : event.end] *= 0.5
    return out


def follow_level(x: Array, at: int, width: int, sign: float, middle: float, score: float, floor: float) -> Event | None:
    """The event around a deviation from the series' median: begins where the smoothed series crosses half way.

    None where the deviation is there from the first sample: then it has no beginning to report.
    """
    peak = float(np.mean(x[at : at + width])) - middle
    smooth = _smooth(x - middle, width)
    inside = sign * smooth > 0.5 * abs(peak)
    t = at + width // 2
    began = t - _end_of_stay(inside[: t + 1][::-1], 0, max(1, width // 2)) + 1
    if began <= 1:
        return None
    event = follow_step(x, began, width, peak, score, floor)
    if not (event.start <= t < max(event.end, event.start + 1) and event.before[1] <= event.start):
        return None
    away = np.abs(smooth)
    away[max(0, event.start - width) : event.end + width] = 0.0
    return None if float(away.max()) > _HABIT * abs(peak) else event


def follow_step(x: Array, t: int, width: int, step: float, score: float, floor: float) -> Event:
    """Which side of the step at `t` is the excursion, and how far does it reach?"""
    n = len(x)
    near = max(3, width)
    low, high = median(x[max(0, t - near) : t]), median(x[t : t + near])
    if width <= 2:
        low, high = float(np.mean(x[max(0, t - width) : t])), float(np.mean(x[t : t + width]))
    if (high - low) * step <= 0:
        low, high = float(np.mean(x[max(0, t - width) : t])), float(np.mean(x[t : t + width]))
    sign = 1.0 if step > 0 else -1.0
    above = _smooth(sign * (x - 0.5 * (low + high)), width) > 0
    stay = max(1, width // 2)
    # The smoothing blurs half a width on either side of the step itself.
    end = max(t + 1, _end_of_stay(above, min(t + width // 2, n), stay))
    sure = max(0, t - 1 - width // 2)
    began = min(t - 1, sure - _end_of_stay(~above[:sure][::-1], 0, stay))
    earlier_is_odd = (began > 0 and t - began < n - t) or (began == 0 and t < 0.15 * n and end - t > 3 * t)
    if earlier_is_odd:
        start, end, sign = began, t, -sign
    else:
        start = t
    before = _reference(start, end, n)
    base, spread = _level_and_spread(x[before[0] : before[1]], near_end=before[1] <= start, floor=floor)
    part = sign * (x[start:end] - base)
    size = quantiles(part, 0.75)[0]
    if before[1] <= start and start > 0:
        start = _onset(x, start, min(end, start + 2 * width + 1), width, base, sign, size, spread)
        before = (before[0], max(before[0] + 1, min(before[1], start)))
        part = sign * (x[start:end] - base)
    lasting = end - start > max(3, n // 20)
    observed = median(x[start:end]) if lasting else float(x[start + int(np.argmax(part))])
    growing = end >= n - 1 and _keeps_growing(part)
    if growing:
        observed = median(x[max(start, end - max(3, (end - start) // 6)) : end])
    return Event(start, end, before, base, observed, spread, score, growing)


def _smooth(x: Array, width: int) -> Array:
    """Centred moving mean over about half of `width`."""
    span = max(1, width // 2)
    if span == 1:
        return x
    total = np.concatenate(([0.0], np.cumsum(x)))
    i = np.arange(len(x))
    first, last = np.maximum(i - span // 2, 0), np.minimum(i + (span + 1) // 2, len(x))
    return np.asarray((total[last] - total[first]) / (last - first))


def _end_of_stay(inside: np.typing.NDArray[np.bool_], t: int, stay: int) -> int:
    """First index from `t` on where `inside` has ended for at least `stay` samples (or to the end)."""
    out = np.flatnonzero(~inside[t:])
    if not len(out):
        return len(inside)
    if stay == 1:
        return int(t + out[0])
    gone = np.concatenate(([0], np.cumsum(~inside)))
    for i in (t + out).tolist():
        last = min(i + stay, len(inside))
        if gone[last] - gone[i] == last - i:
            return int(i)
    return len(inside)


def _reference(start: int, end: int, n: int) -> tuple[int, int]:
    """The stretch to compare with: before the event, or after it where there is too little before."""
    if start >= 5 or start >= n - end:
        return max(0, start - max(n // 2, 20)), max(start, 1)
    return end, min(n, end + max(n // 2, 20))


def _level_and_spread(part: Array, *, near_end: bool, floor: float) -> tuple[float, float]:
    """Level next to the event, and robust sigma around the reference's own straight line."""
    m = len(part)
    if m == 0:
        return 0.0, max(floor, 1e-12)
    nearest = max(20, m // 4)
    local = part[-nearest:] if near_end else part[:nearest]
    base = median(local)
    rest = part
    if m >= 16:
        half = m // 2
        slope = median(part[half : 2 * half] - part[:half]) / half
        rest = part - slope * np.arange(m)
    sigma = MAD_TO_SIGMA * median(np.abs(rest - median(rest)))
    return base, max(sigma, floor, 1e-9 * abs(base), 1e-12)


def _onset(x: Array, start: int, stop: int, width: int, base: float, sign: float, size: float, spread: float) -> int:
    """Where the cumulative sum of the excess over a reference value turns up (Page's CUSUM, Biometrika 41, 1954)."""
    first = max(1, start - 4 * width - 8)
    reference = min(max(0.2 * size, spread), 0.5 * size)
    total = np.cumsum(sign * (x[first:stop] - base) - reference)
    total = np.concatenate(([0.0], total[:-1]))
    onset = first + int(np.argmin(total)) if len(total) else start
    return onset if onset < stop - 1 else start


def _keeps_growing(part: Array) -> bool:
    """Whether the excursion's thirds rise and most of its size was reached on the way."""
    m = len(part) // 3
    if m < 3:
        return False
    a, b, c = (median(part[i * m : (i + 1) * m]) for i in range(3))
    return c > 0 and b - a > 0.15 * c and c - b > 0.15 * c


def _recurs(size: Array, width: int, peak: float, reach: tuple[int, int], habit: int) -> bool:
    """Whether the series makes `habit` steps of about this size elsewhere, unless they all come in one late burst."""
    (low, high), n = reach, len(size)
    big = size >= 0.5 * peak
    big[low:high] = False
    at = np.flatnonzero(big)
    if not len(at):
        return False
    groups = at[np.concatenate(([True], np.diff(at) > 2 * width + 1))]
    if len(groups) < habit:
        return False
    return bool(min(int(groups[0]), low) < 0.6 * n)


def _in_the_tail(size: Array, width: int, peak: float, low: int, high: int) -> bool:
    """Whether a tail fitted to the series' other steps makes one this large in such a window.

    The tail is exponential; for steps of a few samples, where a single odd reading decides, it may be a
    power law as well (Hill's estimator, Ann. Statist. 3(5), 1975). doi:10.1214/aos/1176343247
    """
    rest = np.concatenate((size[width:low], size[high : len(size) - width + 1]))
    if len(rest) < 20:
        return False
    over = np.partition(rest, (9 * len(rest)) // 10)[(9 * len(rest)) // 10 :]
    beyond = float(over[0])
    needed = max(3.0, float(np.log(0.1 * max(1.0, len(size) / width) / _EXPECTED_BY_CHANCE)))
    excess = float(np.mean(over)) - beyond
    if peak - beyond < excess * needed:
        return True
    if width > _NARROW or beyond <= 0:
        return False
    hill = float(np.mean(np.log(over / beyond)))
    return float(np.log(peak / beyond)) < hill * needed
