"""What the readings themselves say: they stop, they begin, they no longer move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmanager_core.analysis._order import median
from openmanager_core.analysis._steps import Array

BoolArray = npt.NDArray[np.bool_]

_SHORTEST_GAP = 5
_SHORTEST_FLAT = 8
_RARE = 1e-6


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples ``[start, end)`` and how the longest ordinary stretch of that sort compares."""

    start: int
    end: int
    ordinary: int


def runs_of(mask: BoolArray) -> npt.NDArray[np.intp]:
    """Half-open ``(start, end)`` of every run of True, shape ``(n_runs, 2)``."""
    if not mask.any():
        return np.empty((0, 2), dtype=np.intp)
    edges = np.flatnonzero(mask[1:] != mask[:-1]) + 1
    first, last = [0] * bool(mask[0]), [len(mask)] * bool(mask[-1])
    return (np.concatenate((first, edges, last)) if first or last else edges).astype(np.intp).reshape(-1, 2)


def find_gaps(known: BoolArray, alive: BoolArray) -> list[Stretch]:
    """Stretches without readings that are out of the ordinary for this row.

    Parameters
    ----------
    known
        Shape ``(n_times,)``: there is a reading.
    alive
        Shape ``(n_times,)``: at least one host has a reading; instants where nobody has one are the
        source's gap, or the future, and not this host's.

    Returns
    -------
    list of Stretch
        Longer than several steps and than three times what is usual here; none for a row without readings.
    """
    if not known.any():
        return []
    gaps = runs_of(~known & alive)
    if not len(gaps):
        return []
    length = gaps[:, 1] - gaps[:, 0]
    usual = int(median(length)) if len(length) >= 4 else 1
    long = length >= max(_SHORTEST_GAP, 3 * usual + 2)
    return [Stretch(int(a), int(b), usual) for a, b in gaps[long]]


def find_flat(x: Array, known: BoolArray) -> Stretch | None:
    """The longest stretch of one repeated reading, if this series used to move.

    Returns
    -------
    Stretch or None
        The stretch, when it is three times as long as any other and would come up by chance less than
        once in a million; gaps end a stretch.
    """
    at = np.flatnonzero(known)
    if len(at) < 3 * _SHORTEST_FLAT:
        return None
    seen = x[at]
    same = np.diff(seen) == 0
    if not same.any() or same.all():
        return None
    flat = runs_of(same)
    length = flat[:, 1] - flat[:, 0]
    best = int(np.argmax(length))
    longest = int(length[best])
    other = int(np.max(np.delete(length, best), initial=0))
    moving = 1.0 - (same.sum() - longest) / max(1, len(same) - longest)
    by_chance = len(same) * (1.0 - moving) ** longest if moving < 1 else 0.0
    first, last = int(flat[best, 0]), int(flat[best, 1])
    if longest < _SHORTEST_FLAT or longest < 3 * (other + 1) or by_chance > _RARE or len(same) - longest < 12:
        return None
    end = int(at[last]) + 1
    return Stretch(int(at[first]), len(x) if last == len(seen) - 1 else end, other + 1)
