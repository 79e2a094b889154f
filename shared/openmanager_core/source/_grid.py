"""Irregular samples of many series onto one regular grid, without a Python loop per sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmanager_core.job import checkpoint

Float64 = npt.NDArray[np.float64]
_SERIES = 256
"""Series per block: their times, laid end to end on one axis, keep microsecond resolution in a float64."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Readings of one metric, series after series.

    Attributes
    ----------
    starts
        Series `i` owns ``[starts[i], starts[i + 1])``; shape ``(n_series + 1,)``.
    times_s, values
        Ascending and distinct within a series; ``nan`` marks a gap that was stated. Shape ``(n,)``.
    """

    starts: npt.NDArray[np.int64]
    times_s: Float64
    values: Float64

    @classmethod
    def sorted_from(
        cls, series: npt.NDArray[np.integer], times_s: Float64, values: Float64, n_series: int
    ) -> tuple[Samples, int]:
        """Sort raw readings; where a series has one instant twice the later row wins. Also says how many lost."""
        order = np.lexsort((times_s, series))  # stable: equal keys keep the order they came in
        series, times_s, values = series[order], times_s[order], values[order]
        last = np.ones(len(series), dtype=bool)
        last[:-1] = (series[1:] != series[:-1]) | (times_s[1:] != times_s[:-1])
        lost = int(len(last) - np.count_nonzero(last))
        if lost:
            series, times_s, values = series[last], times_s[last], values[last]
        starts = np.searchsorted(series, np.arange(n_series + 1))
        return cls(starts.astype(np.int64), times_s, values), lost

    def on_grid(self, rows: npt.NDArray[np.integer], at_s: Float64, stale_s: float) -> Float64:
        """The newest reading of each series at each instant.

        Parameters
        ----------
        rows
            Which series, shape ``(n_rows,)``.
        at_s
            Instants, ascending, shape ``(n_times,)``.
        stale_s
            A reading older than this is none.

        Returns
        -------
        ndarray
            Shape ``(n_rows, n_times)``; ``nan`` where there is no reading.
        """
        out = np.full((len(rows), len(at_s)), np.nan)
        if not len(self.times_s):
            return out
        for first in range(0, len(rows), _SERIES):
            checkpoint()
            block = rows[first : first + _SERIES]
            at, begin = self._newest(block, at_s)
            found = at >= begin[:, None]
            at = np.where(found, at, 0)
            with np.errstate(invalid="ignore"):
                found &= at_s[None, :] - self.times_s[at] <= stale_s
            out[first : first + _SERIES] = np.where(found, self.values[at], np.nan)
        return out

    def mean_between(self, rows: npt.NDArray[np.integer], after_s: float, until_s: float) -> Float64:
        """Mean of each series' readings in ``(after_s, until_s]``, shape ``(n_rows,)``; ``nan`` without any."""
        edges = np.array([after_s, until_s])
        out = np.full(len(rows), np.nan)
        for first in range(0, len(rows), _SERIES):
            checkpoint()
            at, begin = self._newest(rows[first : first + _SERIES], edges)
            low, high = np.maximum(at[:, 0], begin - 1) + 1, np.maximum(at[:, 1], begin - 1) + 1
            lengths = high - low
            owner = np.repeat(np.arange(len(lengths)), lengths)
            index = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + np.repeat(low, lengths)
            picked = self.values[index]
            real = np.isfinite(picked)
            n = np.bincount(owner[real], minlength=len(lengths))
            total = np.bincount(owner[real], weights=picked[real], minlength=len(lengths))
            with np.errstate(invalid="ignore", divide="ignore"):
                out[first : first + _SERIES] = np.where(n > 0, total / n, np.nan)
        return out

    def _newest(
        self, rows: npt.NDArray[np.integer], at_s: Float64
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Index of the newest reading at or before each instant (below `begin`: none), and where each series begins."""
        begin, end = self.starts[rows], self.starts[np.asarray(rows) + 1]
        lengths = end - begin
        owner = np.repeat(np.arange(len(rows)), lengths)
        offset = np.cumsum(lengths) - lengths
        index = np.arange(len(owner)) - np.repeat(offset, lengths) + np.repeat(begin, lengths)
        if not len(index):
            return np.tile((begin - 1)[:, None], (1, len(at_s))), begin
        times = self.times_s[index]
        origin, end_s = times.min(), times.max()
        span = (end_s - origin) + 2.0
        # Instants outside the recording are moved to just outside it, so that they cannot reach a neighbour.
        wanted = np.clip(at_s - origin, -1.0, end_s - origin + 0.5)
        keys = owner * span + (times - origin)
        queries = np.arange(len(rows))[:, None] * span + wanted[None, :]
        found = np.searchsorted(keys, queries.ravel(), side="right").reshape(queries.shape) - 1
        return found - offset[:, None] + begin[:, None], begin
