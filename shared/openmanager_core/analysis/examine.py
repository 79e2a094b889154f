"""A close look at every series of a panel: what is unusual in it, since when, and how sure are we?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import tee

import numpy as np

from openmanager_core.analysis import _verdict
from openmanager_core.analysis._drift import Drift, measure_drift
from openmanager_core.analysis._events import Event, find_events, follow_level, follow_step
from openmanager_core.analysis._peers import Peers
from openmanager_core.analysis._readings import find_flat, find_gaps, runs_of
from openmanager_core.analysis._scoring import LEVEL_WIDTHS, Scores, Series, scored
from openmanager_core.analysis._steps import Array
from openmanager_core.analysis._swings import Swing, find_swing
from openmanager_core.analysis.changes import changepoints
from openmanager_core.catalog import metric as metric_named
from openmanager_core.errors import InvalidRequest
from openmanager_core.findings import Finding
from openmanager_core.fleet import Fleet
from openmanager_core.panel import BoolArray, Panel

_FEWEST_READINGS = 12
_COARSE = 80


def examine(panel: Panel, fleet: Fleet, *, min_sigma: float = 4.0, peers: Panel | None = None) -> list[Finding]:
    """Find what is unusual in each host's series, judged by its own past and, if given, by its peers.

    Parameters
    ----------
    panel
        One metric of some hosts over a window; ``nan`` means no reading. A row with fewer than 12
        readings is only looked at for readings that stopped.
    fleet
        Says which cluster a host belongs to; a host it does not know has none.
    min_sigma
        Smallest distance from normal, in robust sigmas, at least 1. The bar for a single instant is
        higher, because every instant of the window is tried.
    peers
        The same metric of hosts of the same type, the examined host among them or not. A move that at
        least half of at least three peers share loses confidence and severity, a drift that they share is dropped.

    Returns
    -------
    list of Finding
        Strongest first; one finding for a host and event, whatever the number of methods that saw it.

    Raises
    ------
    NotFound
        If the panel's metric is not in the catalogue.
    InvalidRequest
        If `min_sigma` is not a number of at least 1, or the peers' metric is another one.

    Notes
    -----
    Steps are compared at scales from one sample to a twelfth of the window, each against its own spread
    over the window, which makes smooth curves and autocorrelated noise their own yardstick. With two
    days or more the same time of other days is taken away first. Excursions are followed to where they
    began by a cumulative sum [1]_; drifts are tested on increments of block medians.

    References
    ----------
    .. [1] E. S. Page, Continuous inspection schemes, Biometrika 41(1/2), 1954, section 3.
       doi:10.1093/biomet/41.1-2.100
    """
    return next(examine_each([Part(panel, peers)], fleet, min_sigma=min_sigma))


@dataclass(frozen=True, slots=True)
class Part:
    """A panel to look at, and the same metric of its hosts' peers if there are some; both as of `examine`."""

    panel: Panel
    peers: Panel | None = None


def examine_each(parts: Iterable[Part], fleet: Fleet, *, min_sigma: float = 4.0) -> Iterator[list[Finding]]:
    """Do what `examine` does for one panel after the other; small panels on one grid are scored together.

    Raises
    ------
    NotFound, InvalidRequest
        As `examine`, when the part's turn comes.
    """
    if not (math.isfinite(min_sigma) and min_sigma >= 1):
        raise InvalidRequest(f"min_sigma must be a number of at least 1, got {min_sigma}")
    now, soon = tee(parts)
    scores = scored(series for part in soon for series in _series(part.panel))
    for part in now:
        yield _examined(part, scores, fleet, min_sigma)


def _series(panel: Panel) -> Iterator[Series]:
    """The rows that are looked at."""
    metric = metric_named(panel.metric)
    for row in np.flatnonzero(_enough(np.isfinite(panel.values))):
        yield Series(panel.values[row], panel.times_s, metric)


def _enough(known: BoolArray) -> BoolArray:
    return np.asarray(known.sum(axis=1) >= _FEWEST_READINGS)


def _examined(part: Part, scores: Iterator[Scores], fleet: Fleet, min_sigma: float) -> list[Finding]:
    """Judge one panel; takes from `scores` what is about its rows."""
    panel, peers = part.panel, part.peers
    if peers is not None and peers.metric != panel.metric:
        raise InvalidRequest(f"peers must hold {panel.metric}, got {peers.metric}")
    metric = metric_named(panel.metric)
    known = np.isfinite(panel.values)
    company = None
    if peers is not None:
        company = Peers(panel, peers, proportional=metric.relative > 0, floor=metric.floor)
    alive = np.asarray(known.any(axis=0))
    if company is not None:
        alive = alive | company.alive
    elif len(panel.hosts) < 3:
        alive = np.ones_like(alive)
    judge = _verdict.Judge(metric, fleet, panel.times_s, company, min_sigma)
    found: list[Finding] = []
    for host, enough, there in zip(panel.hosts, _enough(known), known, strict=True):
        found += [judge.gap(host, gap, there) for gap in find_gaps(there, alive)]
        if enough:
            found += _judged(host, next(scores), there, judge)
    return sorted(found, key=lambda f: (-f.score_sigma * f.confidence, f.host, f.start_s))


def _judged(host: str, seen: Scores, known: BoolArray, judge: _verdict.Judge) -> list[Finding]:
    """What is unusual in one row: events, else a drift, else a slow rise, else a change of level between its halves."""
    x, floor, row, n = seen.flat, seen.floor, seen.row, len(seen.flat)
    bar = math.sqrt(judge.min_sigma**2 + 2.0 * math.log(max(n, 2)))
    peak = float(seen.scores.max()) if len(seen.widths) else 0.0
    events = find_events(x, seen.widths, seen.scores, seen.steps, floor, bar) if peak >= bar else []
    drift = None
    if seen.began is not None and abs(seen.drift) >= math.sqrt(judge.min_sigma**2 + 2.0 * math.log(10.0)):
        drift = measure_drift(x, seen.began, seen.drift, floor)
    level = seen.levels
    if not events and drift is None and level.score[row] >= bar:
        slow = follow_level(
            x, int(level.at[row]), int(level.width[row]), level.sign[row], level.middle[row], level.score[row], floor
        )
        events = [slow] if slow is not None else []
    if not events and drift is None and seen.shifts.score[row] >= bar:
        slow = _cut(x, floor, bar)
        events = [slow] if slow is not None else []
    events = [e for e in events if abs(e.observed - e.baseline) >= judge.min_sigma * e.spread]
    swing = find_swing(x, seen.swings, row, floor, judge.min_sigma)
    return _one_row(host, seen.filled, known, events, drift, swing, judge)


def _cut(x: Array, floor: float, bar: float) -> Event | None:
    """The strongest change of level in a cutting of the coarse series into straight pieces.

    Costs milliseconds, so only for rows whose halves differ: smooth curves differ too, and this tells them apart.
    """
    span = max(1, len(x) // _COARSE)
    coarse = x[len(x) % span :].reshape(-1, span).mean(axis=1)
    found = [c for c in changepoints(np.arange(len(coarse)), coarse) if c.kind == "level" and c.score_sigma >= bar]
    if not found:
        return None
    best = max(found, key=lambda c: c.score_sigma)
    at = len(x) % span + best.index * span
    return follow_step(x, at, max(LEVEL_WIDTHS[0], 2 * span), best.after - best.before, best.score_sigma, floor)


def _one_row(
    host: str, x: Array, known: BoolArray, events: Sequence[Event], drift: Drift | None, swing: Swing | None,
    judge: _verdict.Judge,
) -> list[Finding]:  # fmt: skip
    """Turn what the methods saw in one row into findings, one for each event."""
    n = len(x)
    found: list[Finding] = []
    taken = np.zeros(n, dtype=np.bool_)

    def free(start: int, end: int) -> bool:
        return not taken[start:end].any()

    def take(start: int, end: int) -> None:
        margin = max(2, n // 50)
        taken[max(0, start - margin) : end + margin] = True

    for stretch in runs_of(~known):
        if stretch[1] - stretch[0] >= 5:
            taken[stretch[0] : stretch[1]] = True
    full = _saturated(x, judge)
    for event in events:
        hit = next((s for s in full if event.observed > event.baseline and _fills(s, event)), None)
        found += judge.event(host, event, saturated=hit is not None)
        take(event.start, event.end)
        if hit is not None:
            take(*hit)
    if drift is not None and free(drift.start + (n - drift.start) // 2, n):
        wanted = judge.drift(host, drift, n)
        found += wanted
        if wanted:
            take(drift.start, n)
    for start, end in full:
        if free(start, end):
            found += judge.saturated(host, x, start, end)
            take(start, end)
    flat = find_flat(x, known)
    if flat is not None and free(flat.start + 1, flat.end - 1):
        found += judge.flat(host, x, flat)
        take(flat.start, flat.end)
    if swing is not None and free(swing.start, swing.end):
        found += judge.swing(host, swing, n)
    return found


def _fills(stretch: tuple[int, int], event: Event) -> bool:
    """Whether a stretch at the bound is what the event is about: a good part of it, or where its growth has led."""
    overlap = min(stretch[1], event.end) - max(stretch[0], event.start)
    return overlap >= 0.3 * (event.end - event.start) or (event.growing and overlap > 0 and stretch[1] == event.end)


def _saturated(x: Array, judge: _verdict.Judge) -> list[tuple[int, int]]:
    """Stretches at the bound of a resource; none if it touches the bound again and again."""
    limit = judge.limit
    if limit is None:
        return []
    least = max(3, len(x) // 100)
    # A dip of one or two samples does not end a saturation.
    high = x >= limit
    for a, b in runs_of(~high):
        if a > 0 and b < len(x) and b - a <= 2:
            high[a:b] = True
    long = [(int(a), int(b)) for a, b in runs_of(high) if b - a >= least]
    return long if len(long) <= 3 else [r for r in long if r[1] == len(x) and r[1] - r[0] >= len(x) // 10]
