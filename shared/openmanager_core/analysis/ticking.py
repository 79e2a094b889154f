"""Many series as they come in, one instant at a time: which of them are unusual now, at a cost that does not grow.

A look at the last hour reads the last hour again each time; this keeps eighty bytes a series instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from openmanager_core.analysis import _tick
from openmanager_core.errors import InvalidRequest
from openmanager_core.job import checkpoint

VERSION = 1
"""Of the saved state; another one is refused."""

_BLOCK = 16_384
"""Series that are worked on together: their state and all that is computed on the way stay in the cache."""
_FEWEST_INSTANTS = {"level": 30.0, "recent": 3.0, "young": 10.0, "tail": 400.0}
"""No running mean forgets faster than over so many instants, however far apart they are."""
_YOUNG_S = 600.0
"""What is younger has hardly a say in what is usual."""
_TINY = 1e-30
_TINY_SHARE = 1e-6
"""Single precision holds seven digits: what is smaller beside the level is rounding."""

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Rules:
    """How long is remembered, and what is an event.

    Attributes
    ----------
    level_s, recent_s, tail_s
        Seconds over which the level, the recent mean and the tails forget.
    threshold
        Minus the decimal logarithm of the chance, under the series' own past, from which on a reading is unusual.
    confirm
        How many readings in a row have to be, at least 1: a stray one is no event.
    warm_up
        Readings before a series is judged, at least 2.
    calm_s
        An event is over when nothing of it was seen for so long.
    accept_s
        What lasts so long is the new normal: the event is over, and the level is where the readings are.
    silent_s
        A series without a reading for so long has fallen silent.
    """

    level_s: float = 7_200.0
    recent_s: float = 180.0
    tail_s: float = 21_600.0
    threshold: float = 7.0
    confirm: int = 3
    warm_up: int = 60
    calm_s: float = 300.0
    accept_s: float = 3_600.0
    silent_s: float = 120.0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for name in ("level_s", "recent_s", "tail_s", "threshold", "calm_s", "accept_s", "silent_s"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise InvalidRequest(f"{name} must be above 0 and finite, got {value:g}")
        for name, least in (("confirm", 1), ("warm_up", 2)):
            if getattr(self, name) < least:
                raise InvalidRequest(f"{name} must be at least {least}, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True, eq=False)
class Tick:
    """What one instant brought; the indices are of series, ascending.

    Attributes
    ----------
    time_s
        The instant, Unix seconds.
    late
        Whether it was not after the one before: then nothing was judged or learned, and the rest is empty or 0.
    scores
        Shape ``(n_series,)``, float32: minus the decimal logarithm of the chance of such a reading under the
        series' own past, at least 0; 0 without a reading and in the warm-up.
    unusual
        Series whose event goes on.
    began, ended, accepted
        Whose event began now, was over now, or had lasted so long that it is the new normal.
    fell_silent, spoke_again
        Who has had no reading for too long as of now, and who has one again.
    """

    time_s: float
    late: bool
    scores: npt.NDArray[np.float32]
    unusual: Indices
    began: Indices
    ended: Indices
    accepted: Indices
    fell_silent: Indices
    spoke_again: Indices


class Ticker:
    """Running robust statistics of many series.

    Parameters
    ----------
    n_series
        How many, fixed; see `taken`.
    rules
        See `Rules`.
    floor, relative
        Scalars or shape ``(n_series,)``: no sigma goes below `floor`, in the values' unit, nor below `relative` times
        the level's size.

    Raises
    ------
    InvalidRequest
        If a number is out of its bounds or a shape does not fit.

    Notes
    -----
    Level and spread are exponentially weighted means of the readings and of their distances, of which each reading
    moves by three sigmas at most. A reading is judged before it is learned, in two views: its own distance from the
    level, and that of a faster running mean. Each becomes a chance by the tail that the series itself has shown: beyond
    two sigmas it is taken to be exponential, with a frequency and a mean excess that are running means too (peaks over
    threshold [1]_). The rarer of the two is the score. While an event goes on nothing is learned, so that it does not
    become its own yardstick; what lasts longer than `Rules.accept_s` is accepted as it is.

    Steady drifts are slower than that: they are for a look at the whole window.

    References
    ----------
    .. [1] J. Pickands, Ann. Statist. 3(1), 1975, section 2. doi:10.1214/aos/1176343003
    """

    def __init__(
        self, n_series: int, rules: Rules | None = None, *, floor: npt.ArrayLike = 0.0, relative: npt.ArrayLike = 0.0
    ) -> None:
        if n_series < 0:
            raise InvalidRequest(f"n_series must be at least 0, got {n_series}")
        self.rules = rules or Rules()
        self.time_s = -math.inf
        self._state = _tick.blank(n_series)
        self._least = np.maximum(_row(floor, n_series, "floor"), np.float32(_TINY))
        self._relative = np.maximum(_row(relative, n_series, "relative"), np.float32(_TINY_SHARE))

    @property
    def n_series(self) -> int:
        """How many series there are."""
        return int(self._state.shape[1])

    @property
    def nbytes(self) -> int:
        """Memory of all that is remembered."""
        return self._state.nbytes + self._least.nbytes + self._relative.nbytes

    @property
    def level(self) -> npt.NDArray[np.float32]:
        """Where each series is at home, shape ``(n_series,)``; ``nan`` before its first reading."""
        known = self._state[_tick.SEEN] > 0
        level: npt.NDArray[np.float32] = np.where(known, self._state[_tick.LEVEL], np.float32(np.nan))
        return level

    @property
    def event_s(self) -> npt.NDArray[np.float32]:
        """How long each series' event goes on, shape ``(n_series,)``; below 0 where there is none."""
        return np.array(self._state[_tick.EVENT_S])

    @property
    def judged(self) -> npt.NDArray[np.bool_]:
        """Which series have had enough readings to be judged, shape ``(n_series,)``."""
        return np.asarray(self._state[_tick.SEEN] >= self.rules.warm_up)

    @property
    def silent(self) -> npt.NDArray[np.bool_]:
        """Which series have had no reading for too long, shape ``(n_series,)``."""
        return np.asarray(self._state[_tick.SILENT_S] >= np.float32(self.rules.silent_s))

    def tick(self, values: npt.ArrayLike, time_s: float) -> Tick:
        """Judge one reading of every series, and learn from it.

        Parameters
        ----------
        values
            Shape ``(n_series,)``; ``nan`` and infinite values are no reading.
        time_s
            Unix seconds. An instant that is not after the one before is late: nothing is judged or learned.

        Raises
        ------
        InvalidRequest
            If the shape does not fit or the time is not finite.
        """
        row = np.asarray(values, dtype=np.float32)
        if row.shape != (self.n_series,):
            raise InvalidRequest(f"values must have shape ({self.n_series},), got {row.shape}")
        if not math.isfinite(time_s):
            raise InvalidRequest(f"time_s must be finite, got {time_s}")
        scores = np.zeros(self.n_series, np.float32)
        nobody = np.empty(0, np.intp)
        if time_s <= self.time_s:
            return Tick(time_s, True, scores, self._unusual(), nobody, nobody, nobody, nobody, nobody)
        pace = self._pace(time_s)
        flags = np.zeros((len(_tick.Marks._fields) - 1, self.n_series), np.bool_)
        for first in range(0, self.n_series, _BLOCK):
            block = slice(first, first + _BLOCK)
            marks = self._step(block, row[block], pace)
            scores[block] = marks.scores
            for kind, found in enumerate(marks[1:]):
                flags[kind, block] = found
        self.time_s = float(time_s)
        return Tick(time_s, False, scores, self._unusual(), *(np.flatnonzero(kind) for kind in flags))

    def seed(self, history: npt.ArrayLike, times_s: npt.ArrayLike) -> None:
        """Learn a past, with the same result to the bit as ticking through it.

        Parameters
        ----------
        history
            Shape ``(n_times, n_series)``, one row an instant.
        times_s
            Unix seconds, shape ``(n_times,)``; late instants count for nothing, as in `tick`.
        """
        rows, times = np.asarray(history), np.asarray(times_s, dtype=np.float64)
        if rows.ndim != 2 or rows.shape != (len(times), self.n_series):
            raise InvalidRequest(f"history must have shape ({times.size}, {self.n_series}), got {rows.shape}")
        if not np.isfinite(times).all():
            raise InvalidRequest("times_s must be finite")
        before, paces = self.time_s, []
        for at, time_s in enumerate(times.tolist()):
            if time_s > self.time_s:
                paces.append((at, self._pace(time_s)))
                self.time_s = time_s
        self.time_s, after = before, self.time_s
        for first in range(0, self.n_series, _BLOCK):
            checkpoint()
            block = slice(first, first + _BLOCK)
            some = np.ascontiguousarray(rows[:, block], dtype=np.float32)
            for at, pace in paces:
                self._step(block, some[at], pace)
        self.time_s = after

    def saved(self) -> dict[str, npt.NDArray[Any]]:
        """All that is remembered, as plain arrays for `numpy.savez`."""
        return {
            "version": np.array(VERSION),
            "fields": np.array(_tick.FIELDS),
            "time_s": np.array(self.time_s),
            "state": self._state.copy(),
        }

    def restore(self, saved: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from what `saved` gave.

        Raises
        ------
        InvalidRequest
            If it is of another version, of other series, or damaged; nothing is changed then.
        """
        try:
            version, fields = int(saved["version"]), tuple(str(name) for name in saved["fields"])
            state, time_s = np.array(saved["state"], dtype=np.float32), float(saved["time_s"])
        except (KeyError, TypeError, ValueError, OverflowError) as exc:
            raise InvalidRequest(f"this is no state of a ticker: {exc}") from exc
        if version != VERSION or fields != _tick.FIELDS:
            raise InvalidRequest(f"the state is of version {version}, only {VERSION} can be read")
        if state.shape != self._state.shape or not np.isfinite(state).all() or math.isnan(time_s) or time_s == math.inf:
            raise InvalidRequest(f"the state has shape {state.shape} or broken numbers, wanted {self._state.shape}")
        self._state, self.time_s = state, time_s

    def taken(self, where: npt.ArrayLike, *, floor: npt.ArrayLike = 0.0, relative: npt.ArrayLike = 0.0) -> Ticker:
        """A ticker of other series that goes on with what this one knows of them.

        Parameters
        ----------
        where
            Shape ``(n,)``: which series of this one each is; below 0 for one that is new.
        """
        index = np.asarray(where, dtype=np.intp)
        other = Ticker(len(index), self.rules, floor=floor, relative=relative)
        old = index >= 0
        other._state[:, old] = self._state[:, index[old]]
        other.time_s = self.time_s
        return other

    def _step(self, block: slice, values: npt.NDArray[np.float32], pace: _tick.Pace) -> _tick.Marks:
        r = self.rules
        limits = _tick.Limits(r.threshold, r.confirm, r.warm_up, r.calm_s, r.accept_s, r.silent_s)
        with np.errstate(all="ignore"):
            return _tick.step(self._state[:, block], values, self._least[block], self._relative[block], pace, limits)

    def _unusual(self) -> Indices:
        return np.flatnonzero(self._state[_tick.EVENT_S] >= 0)

    def _pace(self, time_s: float) -> _tick.Pace:
        """Weights of an instant; the first has no time before it."""
        elapsed_s = time_s - self.time_s if math.isfinite(self.time_s) else 0.0

        def weight(over_s: float, name: str) -> float:
            most = 1.0 / _FEWEST_INSTANTS[name]
            return min(most, -math.expm1(-elapsed_s / over_s)) if elapsed_s else most

        r = self.rules
        return _tick.Pace(
            elapsed_s,
            weight(r.level_s, "level"),
            weight(r.recent_s, "recent"),
            weight(_YOUNG_S, "young"),
            weight(r.tail_s, "tail"),
        )


def _row(given: npt.ArrayLike, n_series: int, name: str) -> npt.NDArray[np.float32]:
    row = np.asarray(given, dtype=np.float32)
    if row.shape not in ((), (n_series,)):
        raise InvalidRequest(f"{name} must be a number or have shape ({n_series},), got {row.shape}")
    if not (np.isfinite(row).all() and (row >= 0).all()):
        raise InvalidRequest(f"{name} must be finite and at least 0")
    return np.ascontiguousarray(np.broadcast_to(row, (n_series,)))
