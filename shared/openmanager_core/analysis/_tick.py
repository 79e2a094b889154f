"""One instant of many series: how far is each from its own running level, how rare is that, what is learned from it.

Everything is an operation on whole rows of one table, in single precision and in place, so that a block of series stays
in the cache while it is worked on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Row = npt.NDArray[np.float32]
Table = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

FIELDS = (
    "level",            # where the series is at home, the values' unit
    "spread",           # robust sigma around the level
    "recent",           # mean of the newest readings
    "swing",            # mean distance from that mean
    "share",            # how often a single reading lies beyond the edge
    "excess",           # how far beyond, summed over all readings
    "recent_share",     # the same two of the recent mean
    "recent_excess",
    "young_share",      # all four of the last minutes, from where they go into the long means
    "young_excess",
    "young_recent_share",
    "young_recent_excess",
    "seen",             # readings so far, up to 65,535
    "over",             # readings in a row that score at least the threshold; in an event, that are near the level
    "event_s",          # how long its event goes on; below 0: there is none
    "calm_s",           # how long nothing of its event was seen
    "silent_s",         # since the last reading
)  # fmt: skip
"""Rows of the state, shape ``(len(FIELDS), n_series)``."""
(
    LEVEL, SPREAD, RECENT, SWING, SHARE, EXCESS, RECENT_SHARE, RECENT_EXCESS,
    YOUNG_SHARE, YOUNG_EXCESS, YOUNG_RECENT_SHARE, YOUNG_RECENT_EXCESS,
    SEEN, OVER, EVENT_S, CALM_S, SILENT_S,
) = range(len(FIELDS))  # fmt: skip

EDGE = 2.0
"""Sigmas beyond which a reading belongs to the tail, which is taken to be exponential."""
USUAL_SHARE, USUAL_EXCESS = 0.05, 0.02
"""Of a normal series: what is assumed before anything was seen."""
PRIOR_SHARE, PRIOR_EXCESS = 0.005, 0.002
"""Always added, so that a tail never seen is short but not empty."""
PRIOR_READINGS = 100.0
"""How many readings the assumption is worth."""
CLIP_SIGMA = 3.0
"""No reading moves level and spread by more."""
RECENT_CLIP = 4.0
"""Nor the recent mean, in its own swings: one stray reading is no new level."""
MOST_EXCESS = 32.0
MEAN_TO_SIGMA = 1.2533
"""Makes the mean absolute deviation of a normal sample estimate its standard deviation."""
CALM_SHARE = 0.5
"""An event is calm below so much of the threshold."""
_LN_10 = math.log(10.0)
_LARGEST, _MOST_SIGMA, _MOST_SEEN = np.float32(1e30), np.float32(1e6), np.float32(65_535.0)
_SURELY_MANY = 1.01


class Pace(NamedTuple):
    """What an instant so many seconds after the one before counts for: weights of the running means, and the clock."""

    elapsed_s: float
    level: float
    recent: float
    young: float
    tail: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What `step` compares with; see `ticking.Rules`."""

    threshold: float
    confirm: int
    warm_up: int
    calm_s: float
    accept_s: float
    silent_s: float


class Marks(NamedTuple):
    """What happened at one instant; all but `scores` are flags, each of shape ``(n_series,)``."""

    scores: Row
    began: Flags
    ended: Flags
    accepted: Flags
    fell_silent: Flags
    spoke_again: Flags


def blank(n_series: int) -> Table:
    """The state of series of which nothing is known."""
    state = np.zeros((len(FIELDS), n_series), np.float32)
    state[[SHARE, RECENT_SHARE, YOUNG_SHARE, YOUNG_RECENT_SHARE]] = USUAL_SHARE
    state[[EXCESS, RECENT_EXCESS, YOUNG_EXCESS, YOUNG_RECENT_EXCESS]] = USUAL_EXCESS
    state[EVENT_S] = -1.0
    return state


def step(state: Table, values: Row, least: Row, relative: Row, pace: Pace, limits: Limits) -> Marks:
    """Judge one reading of every series by the state, and take it into the state.

    Parameters
    ----------
    state
        Shape ``(len(FIELDS), n)``; changed in place.
    values
        Shape ``(n,)``; what is not finite is no reading.
    least, relative
        Shape ``(n,)``: no sigma goes below `least`, nor below `relative` times the level's size.
    pace, limits
        Weights of this instant, and what counts as an event.
    """
    known = np.isfinite(values)
    level, seen = state[LEVEL], state[SEEN]
    x = np.clip(values if known.all() else np.where(known, values, level), -_LARGEST, _LARGEST)
    if not seen.all():
        first = known & (seen == 0)
        np.copyto(level, x, where=first)
        np.copyto(state[RECENT], x, where=first)
    there = known.astype(np.float32)
    scale = np.maximum(np.maximum(state[SPREAD], least), relative * np.abs(level))
    away = x - level
    sigmas = np.minimum(np.abs(away) / scale, _MOST_SIGMA)
    _follow(state, x, there, scale, pace.recent)
    white = np.float32(math.sqrt(pace.recent / (2.0 - pace.recent)))
    recent_sigmas = np.minimum(np.abs(state[RECENT] - level) / (scale * white), _MOST_SIGMA)
    scores = np.maximum(
        _rarity(sigmas, state[SHARE], state[EXCESS]),
        _rarity(recent_sigmas, state[RECENT_SHARE], state[RECENT_EXCESS]),
    )
    scores *= there
    scores *= seen >= limits.warm_up
    free = state[EVENT_S] < 0
    marks = _events(state, scores, sigmas, known, free, pace.elapsed_s, limits)
    learns = there if free.all() else there * free
    _learn_tails(state, sigmas, recent_sigmas, learns, pace, limits.warm_up // 2)
    _learn_level(state, away, scale, learns, pace.level, limits.warm_up // 2)
    seen += there
    np.minimum(seen, _MOST_SEEN, out=seen)
    return marks


def _gain(weight: float, readings: Row, learns: Row) -> Row:
    """How far the newest reading moves a running mean: the weight, or more while there are few readings."""
    least = np.float32(weight)
    if float(readings.min(initial=math.inf)) * weight > _SURELY_MANY:
        return least * learns
    gain: Row = np.maximum(least, 1.0 / np.maximum(readings, np.float32(1.0)))
    gain *= learns
    return gain


def _follow(state: Table, x: Row, there: Row, scale: Row, weight: float) -> None:
    """Move the recent mean and its swing; what lies far outside of the swing moves them by a bounded amount."""
    recent, swing = state[RECENT], state[SWING]
    gain = _gain(weight, state[SEEN] + 1.0, there)
    move = x - recent
    bound = np.maximum(scale, swing)
    bound *= np.float32(RECENT_CLIP)
    size = np.minimum(np.abs(move), 2.0 * bound)
    size -= swing
    size *= gain
    swing += size
    np.clip(move, -bound, bound, out=move)
    move *= gain
    recent += move


def _rarity(sigmas: Row, share: Row, excess: Row) -> Row:
    """Minus the decimal logarithm of the chance of so many sigmas under the tail; at least 0."""
    beyond = share + np.float32(PRIOR_SHARE)
    rate = excess + np.float32(PRIOR_EXCESS)
    rate *= np.float32(_LN_10)
    np.divide(beyond, rate, out=rate)
    out: Row = sigmas - np.float32(EDGE)
    out *= rate
    out -= np.log10(beyond, out=beyond)
    return np.maximum(out, np.float32(0.0), out=out)


def _events(
    state: Table, scores: Row, sigmas: Row, known: Flags, free: Flags, elapsed_s: float, limits: Limits
) -> Marks:
    """Begin, hold and end events, and notice who fell silent."""
    over, event_s, calm_s, silent_s = state[OVER], state[EVENT_S], state[CALM_S], state[SILENT_S]
    elapsed = np.float32(elapsed_s)
    nobody = np.zeros(len(scores), np.bool_)
    fell_silent = spoke_again = ended = accepted = began = nobody
    if not known.all() or silent_s.any():
        was_silent = silent_s >= np.float32(limits.silent_s)
        silent_s += elapsed
        silent_s *= ~known
        missed = state[SEEN] >= limits.warm_up
        fell_silent = missed & ~was_silent & (silent_s >= np.float32(limits.silent_s))
        spoke_again = missed & was_silent & known
    held = ~free
    high = scores >= np.float32(limits.threshold)
    if not (high.any() or held.any() or over.any()):
        return Marks(scores, began, ended, accepted, fell_silent, spoke_again)
    over += known
    over *= (high & free) | (held & (sigmas < np.float32(EDGE))) | ~known
    often = over >= limits.confirm
    began = free & high & often
    _come_home(state, held & often)
    event_s += elapsed * held
    calm = scores < np.float32(CALM_SHARE * limits.threshold)
    calm_s += elapsed * (held & known & calm)
    calm_s *= calm | ~known
    ended = held & (calm_s >= np.float32(limits.calm_s))
    accepted = held & ~ended & (event_s >= np.float32(limits.accept_s))
    np.copyto(state[LEVEL], state[RECENT], where=accepted)
    usual = np.maximum(state[SPREAD], np.float32(MEAN_TO_SIGMA) * state[SWING])
    np.copyto(state[SPREAD], usual, where=accepted)
    gone = ended | accepted
    changed = gone | began
    np.copyto(event_s, np.float32(-1.0), where=gone)
    np.copyto(event_s, np.float32(0.0), where=began)
    np.copyto(over, np.float32(0.0), where=changed)
    np.copyto(calm_s, np.float32(0.0), where=changed)
    return Marks(scores, began, ended, accepted, fell_silent, spoke_again)


def _come_home(state: Table, back: Flags) -> None:
    """Where several readings in a row are near the level again, the recent mean need not find its way back to it."""
    if back.any():
        np.copyto(state[RECENT], state[LEVEL], where=back)
        np.copyto(state[SWING], state[SPREAD] * np.float32(1.0 / MEAN_TO_SIGMA), where=back)


def _learn_tails(state: Table, sigmas: Row, recent_sigmas: Row, learns: Row, pace: Pace, since: int) -> None:
    """Take this reading into the two tails, from `since` readings on.

    It goes into the mean of the last minutes, and that into the long one: else what begins slowly would be known
    before it is noticed.
    """
    seen = state[SEEN]
    if float(seen.min(initial=math.inf)) < since:
        learns = learns * (seen >= since)
    soon = _gain(pace.young, seen + np.float32(1 - since), learns)
    late = _gain(pace.tail, seen + np.float32(PRIOR_READINGS - since), learns)
    for size, at, young in (
        (sigmas, SHARE, YOUNG_SHARE),
        (recent_sigmas, RECENT_SHARE, YOUNG_RECENT_SHARE),
    ):
        beyond = np.clip(size - np.float32(EDGE), np.float32(0.0), np.float32(MOST_EXCESS))
        for new, to in (((beyond > 0).astype(np.float32), 0), (beyond, 1)):
            new -= state[young + to]
            new *= soon
            state[young + to] += new
            np.subtract(state[young + to], state[at + to], out=new)
            new *= late
            state[at + to] += new


def _learn_level(state: Table, away: Row, scale: Row, learns: Row, weight: float, since: int) -> None:
    """Move level and spread, from `since` readings on by no more than a few sigmas."""
    level, spread, seen = state[LEVEL], state[SPREAD], state[SEEN]
    bound = scale * np.float32(CLIP_SIGMA)
    if float(seen.min(initial=math.inf)) < since:
        bound[seen < since] = _LARGEST
    move = np.clip(away, -bound, bound)
    size = np.abs(move)
    size *= np.float32(MEAN_TO_SIGMA)
    size -= spread
    size *= _gain(weight, seen, learns)
    spread += size
    move *= _gain(weight, seen + 1.0, learns)
    level += move
