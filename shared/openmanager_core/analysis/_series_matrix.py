"""Many panels as one matrix of series on one grid, ready for products of whole blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmanager_core.analysis._series_prepare import fill_gaps
from openmanager_core.catalog import BY_NAME
from openmanager_core.errors import InvalidRequest
from openmanager_core.job import checkpoint
from openmanager_core.panel import BoolArray, Panel

Float = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]

_ROWS = 512
_LEAST_KNOWN = 0.5


@dataclass(frozen=True, slots=True)
class SeriesMatrix:
    """Series that can be correlated.

    Attributes
    ----------
    names
        (host, metric) per row.
    values
        Shape ``(n_series, n_times)``, float32, each row with mean 0 and variance 1, gaps filled by a line.
    known
        Share of each row that was read.
    step_s
        Seconds between columns.
    constant, sparse
        How many series were left out because they do not move, or are read in less than half the instants.
    """

    names: tuple[tuple[str, str], ...]
    values: Single
    known: Float
    step_s: float
    constant: int
    sparse: int


def _common_times(panels: Sequence[Panel]) -> Float:
    start = max(float(p.times_s[0]) for p in panels)
    end = min(float(p.times_s[-1]) for p in panels)
    coarse = max(panels, key=lambda p: float(np.median(np.diff(p.times_s))))
    return coarse.times_s[(coarse.times_s >= start - 1e-6) & (coarse.times_s <= end + 1e-6)]


def standardise(panels: Sequence[Panel], least: int) -> SeriesMatrix:
    """Put all series of all panels on their common grid, with mean 0 and variance 1.

    The coarsest grid is kept; finer panels are averaged over its steps.

    Raises
    ------
    InvalidRequest
        If fewer than `least` instants are common to all panels.
    """
    usable = [p for p in panels if len(p.hosts)]
    if not usable or any(len(p.times_s) < least for p in usable):
        n = min((len(p.times_s) for p in usable), default=0)
        raise InvalidRequest(
            f"correlation needs panels of at least {least} instants, got {n}", hint="use a longer window"
        )
    times = _common_times(usable)
    if len(times) < least:
        raise InvalidRequest(
            f"the panels share {len(times)} instants, at least {least} are needed",
            hint="read all metrics over the same window",
        )
    step = float(np.median(np.diff(times)))
    names: list[tuple[str, str]] = []
    parts: list[Single] = []
    shares: list[Float] = []
    constant = sparse = 0
    for panel in usable:
        same = len(panel.times_s) == len(times) and np.allclose(panel.times_s, times, rtol=0, atol=1e-3 * step)
        meta = BY_NAME.get(panel.metric)
        for first in range(0, len(panel.hosts), _ROWS):
            checkpoint()
            block = np.asarray(panel.values[first : first + _ROWS], dtype=np.float64)
            block = block if same else _regrid(panel.times_s, block, times, step)
            hosts = panel.hosts[first : first + _ROWS]
            known = np.isfinite(block)
            share = known.mean(axis=1)
            enough = (share >= _LEAST_KNOWN) & (known.sum(axis=1) >= least)
            sparse += int((~enough).sum())
            for row in np.flatnonzero(enough & (share < 1)):
                block[row], _ = fill_gaps(block[row])
            block = np.where(enough[:, None], block, 0.0)
            mean = block.mean(axis=1, keepdims=True)
            block = block - mean
            sd = np.sqrt(np.mean(block**2, axis=1))
            # Below a hundredth of the smallest change worth a thought, a series does not move.
            still = np.maximum(1e-9 * (np.abs(mean[:, 0]) + 1e-300), 0.01 * meta.floor if meta else 0.0)
            moves = enough & (sd > still)
            constant += int((enough & ~moves).sum())
            parts.append((block[moves] / sd[moves, None]).astype(np.float32))
            shares.append(share[moves])
            names.extend((hosts[k], panel.metric) for k in np.flatnonzero(moves))
    return SeriesMatrix(tuple(names), np.concatenate(parts), np.concatenate(shares), step, constant, sparse)


def _regrid(times_s: Float, block: Float, grid: Float, step: float) -> Float:
    """Means of the readings within half a step of each instant of `grid`."""
    slot = np.round((times_s - grid[0]) / step).astype(np.int64)
    use = (slot >= 0) & (slot < len(grid)) & (np.abs(times_s - grid[0] - slot * step) <= 0.5 * step + 1e-6)
    known: BoolArray = np.isfinite(block[:, use])
    total = np.zeros((len(block), len(grid)))
    count = np.zeros_like(total)
    rows = np.arange(len(block))[:, None]
    np.add.at(total, (rows, slot[use][None, :]), np.where(known, block[:, use], 0.0))
    np.add.at(count, (rows, slot[use][None, :]), known.astype(np.float64))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
