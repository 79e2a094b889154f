"""What every method makes of a series, for many series at once, whatever their metrics and whoever their peers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from openmanager_core.analysis._drift import drift_scores
from openmanager_core.analysis._levels import Level, level_scores
from openmanager_core.analysis._seasonal import DAY_S, daily_residual
from openmanager_core.analysis._steps import Array, fill_gaps, step_scores
from openmanager_core.analysis._swings import Swings, swing_scores
from openmanager_core.catalog import Metric
from openmanager_core.job import checkpoint
from openmanager_core.panel import FloatArray

LEVEL_WIDTHS = (8, 24)
_ROWS = 64
_DRIFT_READINGS = 48


@dataclass(frozen=True, slots=True)
class Series:
    """One row of a panel: readings of shape ``(n_times,)``, ``nan`` for none, and the panel's instants."""

    values: FloatArray
    times_s: Array
    metric: Metric


@dataclass(frozen=True, slots=True)
class Scores:
    """What the methods say of one series, which is row `row` of a block that was scored together.

    Attributes
    ----------
    filled, flat
        Shape ``(n_times,)``: the readings with gaps filled, and the same without their daily rhythm.
    floor
        Smallest scale worth a thought, in the metric's unit.
    widths, scores, steps
        As of `step_scores`; shapes ``(n_widths, n_times)``.
    drift, began
        As of `drift_scores`; `began` is None where the window is too short for a drift.
    levels, shifts, swings
        Of the whole block.
    """

    row: int
    filled: Array
    flat: Array
    floor: float
    widths: tuple[int, ...]
    scores: Array
    steps: Array
    drift: float
    began: int | None
    levels: Level
    shifts: Level
    swings: Swings | None


def scored(series: Iterable[Series]) -> Iterator[Scores]:
    """Score series, in their order; those on one grid are looked at 64 at a time, which takes a tenth of the calls.

    Every number is the same as if the series had been alone.
    """
    for block in _blocks(series):
        checkpoint()
        yield from _score(block)


def _blocks(series: Iterable[Series]) -> Iterator[list[Series]]:
    block: list[Series] = []
    for one in series:
        if block and (len(block) >= _ROWS or not _one_grid(block[0].times_s, one.times_s)):
            yield block
            block = []
        block.append(one)
    if block:
        yield block


def _one_grid(times_s: Array, others_s: Array) -> bool:
    return times_s is others_s or np.array_equal(times_s, others_s)


def _score(block: list[Series]) -> Iterator[Scores]:
    times_s, n = block[0].times_s, len(block[0].times_s)
    raw = fill_gaps(np.stack([one.values for one in block]))
    least, relative = np.array([(one.metric.floor, one.metric.relative) for one in block]).T
    floor = np.maximum(np.maximum(least, relative * np.abs(np.median(raw, axis=1))), 1e-12)
    flat, seasonal = daily_residual(raw, times_s)
    widths, scores, steps = step_scores(flat, floor)
    span_s = float(times_s[-1] - times_s[0]) if n > 1 else 0.0
    if seasonal.any() and span_s < 3 * DAY_S:
        # Of two days each is the other's only yardstick: an event would leave its mirror image.
        scores[:, seasonal] = np.minimum(scores[:, seasonal], step_scores(raw[seasonal], floor[seasonal])[1])
    drifts, began = drift_scores(flat, floor) if n >= _DRIFT_READINGS else (np.zeros(len(block)), None)
    levels = level_scores(flat, floor, LEVEL_WIDTHS)
    shifts = level_scores(flat, floor, LEVEL_WIDTHS, halves=True)
    swings = swing_scores(flat, floor)
    for j in range(len(block)):
        yield Scores(
            row=j,
            filled=raw[j],
            flat=flat[j],
            floor=float(floor[j]),
            widths=widths,
            scores=scores[:, j],
            steps=steps[:, j],
            drift=float(drifts[j]),
            began=None if began is None else int(began[j]),
            levels=levels,
            shifts=shifts,
            swings=swings,
        )
