"""Where to look for co-movement that broke: who is compared with whom, and a coarse look at every series of a fleet.

The coarse look takes at most 128 evenly spaced instants of each series, blocks of about 512 servers at a time, so its
memory does not grow with the fleet; it only chooses whom `comovement` tests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from openmanager_core.analysis import _moves
from openmanager_core.analysis._moves import BLOCKS, LATE, Array, Products, Rows
from openmanager_core.analysis.outliers import MIN_PEERS, peer_groups
from openmanager_core.catalog import BY_NAME
from openmanager_core.fleet import Fleet
from openmanager_core.job import checkpoint
from openmanager_core.panel import BoolArray, Panel

ALL_UP_TO_SERIES = 1_000
MOST_SUSPECTS = 24
_MOST_IN_GROUP = 64
_SERVERS_AT_ONCE = 512
_INSTANTS = 128
_LEAST_DROP = 0.5
"""A drop of Fisher's z below this is not worth a test, whatever its error."""


@dataclass(frozen=True, slots=True)
class Group:
    """Servers that are compared with each other, and which of them are judged by it.

    Attributes
    ----------
    fewest
        Least number of members that must move for the others' median to mean anything.
    """

    name: str
    hosts: tuple[str, ...]
    judged: frozenset[str]
    fewest: int = MIN_PEERS


@dataclass(frozen=True, slots=True)
class Look:
    """What is worth testing.

    Attributes
    ----------
    peers
        (metric, group) whose members are to be compared with each other.
    pairs
        (group, which of its members) whose metrics are to be compared with each other.
    tested
        Co-movements that a coarse look found to have been there before; 0 where there was no need for one.
    """

    peers: tuple[tuple[str, Group], ...]
    pairs: tuple[tuple[Group, tuple[str, ...]], ...]
    tested: int = 0

    @staticmethod
    def span_of(panel: Panel, late: int) -> tuple[float, float]:
        """Start and end of the newest `late` blocks of a panel, Unix seconds."""
        times_s = panel.times_s
        step_s = float(np.median(np.diff(times_s)))
        size = len(times_s) // BLOCKS
        return float(times_s[len(times_s) - late * size]), float(times_s[-1]) + step_s


def groups_of(hosts: tuple[str, ...], fleet: Fleet) -> list[Group]:
    """The peers of every host: its cluster, else its type, environment and region; then hosts without peers.

    Groups are cut to 64 members, which is plenty for a median. Members of small clusters without peers are no yardstick
    for each other's moves; for their pairs of metrics they are.
    """
    found = peer_groups(hosts, fleet)
    out = []
    for name, rows, judged in found.groups:
        mine, rest = rows[judged], rows[~judged]
        pieces = np.array_split(mine, -(-len(mine) // _MOST_IN_GROUP))
        for piece in pieces:
            company = rest[:: max(1, len(rest) // _MOST_IN_GROUP)][: max(0, _MOST_IN_GROUP // 2 - len(piece))]
            members = tuple(hosts[i] for i in (*piece, *company))
            out.append(Group(name, members, frozenset(hosts[i] for i in piece)))
    alone: dict[str, list[str]] = defaultdict(list)
    for host in found.skipped:
        server = fleet.by_id.get(host)
        alone[server.cluster or host if server else host].append(host)
    out += [Group(name, tuple(some), frozenset(some), fewest=len(some) + 1) for name, some in alone.items()]
    return out


def looks(
    panels: Mapping[str, Panel], groups: Sequence[Group], least: float, least_pair: float, min_sigma: float
) -> Look:
    """All groups where the fleet is small; else the strongest suspects of a coarse look at each series."""
    if sum(len(p.hosts) for p in panels.values()) <= ALL_UP_TO_SERIES:
        return Look(
            tuple((name, g) for name in panels for g in groups), tuple((g, tuple(sorted(g.judged))) for g in groups)
        )
    peers: list[tuple[float, str, int]] = []
    pairs: list[tuple[float, str, int]] = []
    tested = 0
    for block in _blocks(panels, groups):
        checkpoint()
        tested += block.peers(least, min_sigma, peers) + block.pairs(least_pair, min_sigma, pairs)
    peers = sorted(peers, reverse=True)[:MOST_SUSPECTS]
    pairs = sorted(pairs, reverse=True)[:MOST_SUSPECTS]
    wanted: dict[int, set[str]] = {}
    for _, host, at in pairs:
        wanted.setdefault(at, set()).add(host)
    return Look(
        tuple((name, groups[at]) for name, at in dict.fromkeys((name, at) for _, name, at in peers)),
        tuple((groups[at], tuple(sorted(hosts))) for at, hosts in wanted.items()),
        tested,
    )


@dataclass(frozen=True, slots=True)
class _Block:
    """Coarse moves of some groups' members, group after group; arrays of shape ``(n, K, m)`` by metric."""

    first: int
    groups: Sequence[Group]
    starts: Rows
    moves: dict[str, tuple[Array, BoolArray]]

    def peers(self, least: float, min_sigma: float, out: list[tuple[float, str, int]]) -> int:
        """Add suspects as (score, metric, group); how many could have parted."""
        tested = 0
        sizes = np.diff(self.starts)
        group = np.repeat(np.arange(len(sizes)), sizes)
        judged = np.array([h in g.judged for g in self.groups for h in g.hosts])
        fewest = np.array([g.fewest for g in self.groups])
        for name, (rows, usable) in self.moves.items():
            count = np.add.reduceat(usable.astype(np.int64), self.starts[:-1])
            fit = usable & judged & (count >= fewest)[group]
            if not fit.any():
                continue
            total = np.add.reduceat(rows, self.starts[:-1], axis=0)
            others = total[group] - rows
            others /= np.maximum(count - 1, 1).astype(rows.dtype)[group][:, None, None]
            sums = _moves.products(rows, others)
            able = fit & (np.abs(_correlation(sums)) >= least)
            tested += int(able.sum())
            at = np.flatnonzero(able)
            score = _coarse(sums.take(at), rows.shape[2], least)
            out += [
                (float(s), name, self.first + int(group[i]))
                for s, i in zip(score, at, strict=True)
                if s >= min_sigma / 2
            ]
        return tested

    def pairs(self, least: float, min_sigma: float, out: list[tuple[float, str, int]]) -> int:
        """Add suspects as (score, host, group); how many pairs could have parted."""
        names = list(self.moves)
        if len(names) < 2:
            return 0
        hosts = [(h, k) for k, g in enumerate(self.groups) for h in g.hosts if h in g.judged]
        mine = np.flatnonzero([h in g.judged for g in self.groups for h in g.hosts])
        usable = np.stack([self.moves[name][1][mine] for name in names], axis=1)
        stacked = np.stack([self.moves[name][0][mine] for name in names], axis=1)
        first, second, sums = _moves.pair_products(stacked)
        able = (np.abs(_correlation(sums)) >= least) & usable[:, first] & usable[:, second]
        host = np.nonzero(able)[0]
        score = _coarse(sums.take(able), stacked.shape[3], least)
        for i in np.flatnonzero(score >= min_sigma / 2):
            name, k = hosts[host[i]]
            out.append((float(score[i]), name, self.first + k))
        return len(host)


def _correlation(sums: Products) -> Array:
    """Correlation over the blocks before the newest."""
    old = BLOCKS - min(LATE)
    with np.errstate(all="ignore"):
        own, other = sums.own[..., :old].sum(axis=-1), sums.other[..., :old].sum(axis=-1)
        return np.asarray(np.nan_to_num(sums.both[..., :old].sum(axis=-1) / np.sqrt(own * other)))


def _coarse(sums: Products, m: int, least: float) -> Array:
    """How far each drop lies beyond what the row's own earlier blocks stray; the best of all looks."""
    out = np.zeros(len(sums.both))
    if not len(out):
        return out
    for late in LATE:
        seen = _moves.parting(sums, late)
        wide = np.maximum(_moves.uncertainty(np.ones(1), m, late), seen.wander)
        sigma = np.where((seen.expected >= least) & (seen.drop >= _LEAST_DROP), seen.drop / wide, 0.0)
        out = np.maximum(out, sigma)
    return out


def _blocks(panels: Mapping[str, Panel], groups: Sequence[Group]) -> Iterator[_Block]:
    """Coarse moves of whole groups, about 512 servers at a time."""
    at = {name: {h: i for i, h in enumerate(p.hosts)} for name, p in panels.items()}
    grid = next(iter(panels.values())).times_s
    every = max(1, len(grid) // _INSTANTS)
    first = 0
    while first < len(groups):
        last, size = first, 0
        while last < len(groups) and (not size or size + len(groups[last].hosts) <= _SERVERS_AT_ONCE):
            size += len(groups[last].hosts)
            last += 1
        some = groups[first:last]
        hosts = [h for g in some for h in g.hosts]
        starts = np.cumsum([0, *(len(g.hosts) for g in some)])
        moves = {}
        for name, panel in panels.items():
            row = np.array([at[name].get(h, -1) for h in hosts])
            if (row < 0).all():
                continue
            values = panel.values[np.maximum(row, 0), (len(grid) - 1) % every :: every]
            if (row < 0).any():
                values[row < 0] = np.nan
            about = BY_NAME[name]
            level = np.abs(np.nan_to_num(values.mean(axis=1)))
            least = np.maximum(about.floor, about.relative * level)
            moves[name] = _moves.moves(values, least, robust=False)
        yield _Block(first, some, starts, moves)
        first = last
