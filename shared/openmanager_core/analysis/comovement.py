"""Co-movement that breaks: servers that left the moves of their peers, metrics that left each other's."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from openmanager_core.analysis import _moves
from openmanager_core.analysis._comovement_search import Group, Look, groups_of, looks
from openmanager_core.analysis._moves import BLOCKS, FEWEST_IN_BLOCK, LATE, Array, Products
from openmanager_core.analysis._series_prepare import block_means
from openmanager_core.analysis.outliers import false_discovery
from openmanager_core.catalog import BY_NAME
from openmanager_core.errors import InvalidRequest
from openmanager_core.facts import fact
from openmanager_core.findings import CORRELATION, Evidence, Finding, summed_up
from openmanager_core.fleet import Fleet
from openmanager_core.job import checkpoint
from openmanager_core.panel import BoolArray, Panel
from openmanager_core.wording import said

LEAST_BEFORE = 0.5
"""How well a server must have followed its peers before, for anything to break."""
LEAST_BEFORE_PAIR = 0.7
"""The same for two metrics of one server: there are many pairs, and weak ones come and go."""
_LEFT = 0.5
"""It has parted only if no more than this share of the correlation that is to be expected is left, in the newest
block too."""
_FALSE_DISCOVERIES = 0.05
_MOST_INSTANTS = 240
_CONFIDENT = 2.0


@dataclass(frozen=True, slots=True)
class Partings:
    """What was found, and how many co-movements there were that could have broken.

    Attributes
    ----------
    findings
        Of kind ``decoupling``, strongest first; one for a server and metric.
    tested
        Servers with their peers, by metric, and pairs of metrics that moved together before.
    """

    findings: tuple[Finding, ...]
    tested: int


@dataclass(frozen=True, slots=True)
class _Found:
    host: str
    metric: str
    other: str
    score: float
    late: int
    now: float
    expected: float
    error: float
    group: str


def partings(
    panels: Mapping[str, Panel], fleet: Fleet, *, known: Sequence[Finding] = (), min_sigma: float = 4.0
) -> Partings:
    """Find servers that stopped moving with their peers, and metrics of a server that stopped moving together.

    Parameters
    ----------
    panels
        Metric name to panel, all over one window on one grid.
    fleet
        Says who is whose peer (`outliers.peer_groups`).
    known
        What was found already: a server and metric with a finding that reaches into the newest part is not told twice.
    min_sigma
        How far the drop of Fisher's z must lie beyond its standard error, at least 1.

    Returns
    -------
    Partings
        Empty where the window has fewer than 80 instants.

    Raises
    ------
    InvalidRequest
        If `min_sigma` is below 1.

    Notes
    -----
    The window is cut into eight blocks. The correlation of a server with the median of its standardised peers over the
    newest two to four is compared, by Fisher's z, with the one that its own gain and noise in the blocks before let
    expect for as much as the peers move now. From the drop the peers' median drop is taken off: what hits all of
    them, and hours in which nothing moves, are nobody's parting. Its standard error is the largest of three: by the
    number of independent instants [1]_, by how far the server's own earlier blocks stray, and by the spread of the
    peers' drops. Of all co-movements that existed before, those are kept that pass Benjamini-Hochberg at 5 %. Of more
    than 1,000 series, the suspects of a coarser look (`_comovement_search`) are tested this way, at most 24 a kind.

    References
    ----------
    .. [1] B. J. Pyper and R. M. Peterman, Canadian Journal of Fisheries and Aquatic Sciences 55, 1998.
       doi:10.1139/f98-104
    """
    if not min_sigma >= 1:
        raise InvalidRequest(f"min_sigma must be at least 1, got {min_sigma:g}")
    usable = {name: p for name, p in panels.items() if len(p.hosts) and name in BY_NAME}
    grid = max((len(p.times_s) for p in usable.values()), default=0)
    usable = {name: p for name, p in usable.items() if len(p.times_s) == grid}
    if grid < BLOCKS * FEWEST_IN_BLOCK:
        return Partings((), 0)
    hosts = tuple(dict.fromkeys(h for p in usable.values() for h in p.hosts))
    groups = groups_of(hosts, fleet)
    look = looks(usable, groups, LEAST_BEFORE, LEAST_BEFORE_PAIR, min_sigma)
    found: list[_Found] = []
    tested = 0
    for name, group in look.peers:
        checkpoint()
        more, count = _from_peers(usable[name], group, min_sigma)
        found, tested = found + more, tested + count
    for group, judged in look.pairs:
        checkpoint()
        more, count = _between_metrics(usable, group, judged, min_sigma)
        found, tested = found + more, tested + count
    tested = max(tested, look.tested)
    return Partings(tuple(_told(found, tested, usable, fleet, known, look)), tested)


def _exact(panel: Panel, hosts: Sequence[str]) -> tuple[Array, BoolArray]:
    """The moves of some hosts on at most 240 instants."""
    values = panel.take(hosts).values.astype(np.float64)
    values = block_means(values, max(1, values.shape[1] // _MOST_INSTANTS))
    return _moves.moves(values, least_of(panel.metric, values))


def least_of(metric: str, values: Array) -> Array:
    """The smallest change worth a thought of each row."""
    about = BY_NAME[metric]
    if about.relative <= 0:
        return np.full(len(values), about.floor)
    with np.errstate(all="ignore"):
        there = np.isfinite(values)
        level = np.where(there, values, 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return np.asarray(np.maximum(about.floor, about.relative * np.abs(level)), dtype=np.float64)


def _from_peers(panel: Panel, group: Group, min_sigma: float) -> tuple[list[_Found], int]:
    """The judged members of one group that parted from the rest of it, and how many could have."""
    rows, usable = _exact(panel, group.hosts)
    if usable.sum() < group.fewest:
        return [], 0
    others = _moves.median_of_others(rows, usable)
    held = _judge(rows, others, _moves.products(rows, others), usable, LEAST_BEFORE, min_sigma)
    mine = np.array([h in group.judged for h in group.hosts])
    found = [
        _Found(group.hosts[i], panel.metric, "", *held.row(int(i)), group.name)
        for i in np.flatnonzero(mine & held.broken(min_sigma))
    ]
    return found, int((held.able & mine).sum())


def _between_metrics(
    panels: Mapping[str, Panel], group: Group, judged: Sequence[str], min_sigma: float
) -> tuple[list[_Found], int]:
    """Pairs of metrics that parted on the judged members; where they parted on most of the group it is everybody's."""
    made = {name: _exact(panel, group.hosts) for name, panel in panels.items()}
    names = [name for name, (_, usable) in made.items() if usable.any()]
    if len(names) < 2:
        return [], 0
    mine = np.array([h in judged for h in group.hosts])
    usable = np.stack([made[name][1] for name in names])
    first, second, sums = _moves.pair_products(np.stack([made[name][0] for name in names], axis=1))
    together = np.abs(_moves.parting(sums, min(LATE)).before) >= LEAST_BEFORE_PAIR
    together &= (usable[first] & usable[second] & mine).T
    found, count = [], 0
    for k in np.flatnonzero(together.any(axis=0)):
        name, other = names[first[k]], names[second[k]]
        both = usable[first[k]] & usable[second[k]]
        held = _judge(made[name][0], made[other][0], sums.take((slice(None), k)), both, LEAST_BEFORE_PAIR, min_sigma)
        count += int((held.able & mine).sum())
        found += [
            _Found(group.hosts[i], name, other, *held.row(int(i)), group.name)
            for i in np.flatnonzero(mine & held.broken(min_sigma))
        ]
    return found, count


@dataclass(frozen=True, slots=True)
class _Held:
    """The best of the three looks at each row; arrays of shape ``(n,)``."""

    able: BoolArray
    score: Array
    late: Array
    now: Array
    expected: Array
    error: Array

    def row(self, i: int) -> tuple[float, int, float, float, float]:
        return (
            float(self.score[i]), int(self.late[i]), float(self.now[i]), float(self.expected[i]), float(self.error[i])
        )  # fmt: skip

    def broken(self, min_sigma: float) -> BoolArray:
        return self.score >= min_sigma


def _judge(rows: Array, others: Array, sums: Products, usable: BoolArray, least: float, min_sigma: float) -> _Held:
    """Score the drop of each row against its standard error and against the drops of the others."""
    m = rows.shape[2]
    held = _scored(sums, np.ones(len(rows)), m, usable, least)
    if not held.broken(min_sigma).any():
        return held  # nor would it be with fewer independent instants
    return _scored(sums, _moves.worth(rows, others), m, usable, least)


def _scored(sums: Products, share: Array, m: int, usable: BoolArray, least: float) -> _Held:
    n = len(usable)
    able = np.zeros(n, bool)
    score, now, expected, error = np.zeros(n), np.zeros(n), np.zeros(n), np.ones(n)
    chosen = np.full(n, LATE[0])
    for late in LATE:
        seen = _moves.parting(sums, late)
        counts = usable & (np.abs(seen.before) >= least)
        could = counts & (seen.expected >= least)
        shared = spread = 0.0
        if counts.sum() >= 2:
            drops = np.sort(seen.drop[counts])
            shared = float(drops[(len(drops) - 1) // 2])  # of two the smaller: one of them may have parted
            spread = 1.4826 * float(np.median(np.abs(drops - shared)))
        wide = np.maximum(np.maximum(_moves.uncertainty(share, m, late), seen.wander), spread)
        gone = (seen.now <= _LEFT * seen.expected) & (seen.newest <= _LEFT * seen.expected)
        sigma = np.where(could & gone, (seen.drop - max(shared, 0.0)) / wide, 0.0)
        able |= could
        better = sigma > score
        for kept, fresh in ((score, sigma), (now, seen.now), (expected, seen.expected), (error, wide)):
            kept[better] = fresh[better]
        chosen[better] = late
    return _Held(able, score, chosen, now, expected, error)


def tail(score: float) -> float:
    """The chance that a co-movement which holds drops so far in any of the looks; at most 1."""
    return min(1.0, len(LATE) * 0.5 * math.erfc(score / math.sqrt(2)))


def _told(
    found: Sequence[_Found],
    tested: int,
    panels: Mapping[str, Panel],
    fleet: Fleet,
    known: Sequence[Finding],
    look: Look,
) -> list[Finding]:
    """One finding for a server and metric: what parted from the peers first, and the metric that most others left."""
    p = np.array([tail(f.score) for f in found] + [1.0] * max(0, tested - len(found)))
    passing = false_discovery(p, _FALSE_DISCOVERIES)[: len(found)]
    kept = [f for f, passed in zip(found, passing, strict=True) if passed]
    broken: dict[tuple[str, str], float] = defaultdict(float)
    for f in kept:
        broken[f.host, f.metric] += f.score if not f.other else 0.5 * f.score
        if f.other:
            broken[f.host, f.other] += 0.5 * f.score
    out: list[Finding] = []
    taken: set[tuple[str, str]] = set()
    for f in sorted(kept, key=lambda f: (bool(f.other), -f.score, f.host, f.metric)):
        first, second = f.metric, f.other
        if second and broken[f.host, second] > broken[f.host, first]:
            first, second = second, first
        start_s, end_s = look.span_of(panels[first], f.late)
        if {(f.host, first), (f.host, second)} & taken:
            continue
        if any(
            k.host == f.host and k.metric in (first, second) and (k.end_s is None or k.end_s > start_s) for k in known
        ):
            continue
        taken |= {(f.host, first), (f.host, second)} if second else {(f.host, first)}
        out.append(_finding(f, first, second, panels[first], fleet, start_s, end_s))
    return sorted(out, key=lambda f: -f.score_sigma)


def _finding(f: _Found, metric: str, other: str, panel: Panel, fleet: Fleet, start_s: float, end_s: float) -> Finding:
    server = fleet.by_id.get(f.host)
    how = fact("method.comovement", late=f.late, blocks=BLOCKS)
    return summed_up(
        Finding(
            kind="decoupling",
            host=f.host,
            cluster=server.cluster if server else "",
            metric=metric,
            start_s=start_s,
            end_s=None,
            score_sigma=f.score,
            confidence=float(np.clip(1 - _CONFIDENT / (f.score + 1), 0.05, 0.99)),
            severity="info" if other else "warning",
            direction="none",
            summary="",
            evidence=Evidence(
                metric=metric,
                unit=CORRELATION,
                observed=f.now,
                baseline=f.expected,
                spread=f.error,
                window_s=(start_s, end_s),
                baseline_window_s=(float(panel.times_s[0]), start_s),
                method=said(how),
                note=f"peers: {f.group}" if not other else "",
                how=how,
                other=other,
            ),
        )
    )
