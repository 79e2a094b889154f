"""When a forecast reaches a threshold: the middle, and the earliest and latest its interval allows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Crossing:
    """Unix seconds at which each edge first reaches the threshold; None: not within the horizon.

    Attributes
    ----------
    rising
        Whether the threshold lies above the present level.
    """

    rising: bool
    already: bool
    at_s: float | None
    earliest_s: float | None
    latest_s: float | None


def _first(times_s: Float, path: Float, threshold: float, start_s: float, start: float) -> float | None:
    over = np.flatnonzero(path >= threshold)
    if not len(over):
        return None
    k = int(over[0])
    t0, v0 = (start_s, start) if k == 0 else (float(times_s[k - 1]), float(path[k - 1]))
    t1, v1 = float(times_s[k]), float(path[k])
    return t1 if v1 <= v0 else t0 + (t1 - t0) * float(np.clip((threshold - v0) / (v1 - v0), 0.0, 1.0))


def find_crossing(
    times_s: Float, mean: Float, low: Float, high: Float, threshold: float, now_s: float, now: float, worse: str
) -> Crossing:
    """Where the path and both edges of its interval first reach `threshold`.

    Parameters
    ----------
    times_s, mean, low, high
        Shape ``(n,)``, the forecast.
    now_s, now
        The newest instant and the present level.
    worse
        ``high`` or ``low``: the side of the threshold that hurts; ``both``: the side away from now.
    """
    rising = worse == "high" or (worse == "both" and now < threshold)
    sign = 1.0 if rising else -1.0
    if sign * now >= sign * threshold:
        return Crossing(rising, True, now_s, now_s, now_s)
    soon, late = (high, low) if rising else (low, high)

    def reach(path: Float) -> float | None:
        return _first(times_s, sign * path, sign * threshold, now_s, sign * now)

    return Crossing(rising, False, reach(mean), reach(soon), reach(late))
