"""What each fault does to the servers it hits and to those that depend on them, as signals over time.

A fault becomes impulses: which signal, on which servers, how strongly, and how it grows and fades. The formulas of
`metrics` take the signals into account; they know nothing of faults.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from openmanager_core.fleet import Fleet
from openmanager_core.simulator.faults import Fault, servers_of
from openmanager_core.simulator.hashing import Floats, Instants
from openmanager_core.simulator.inventory import Columns
from openmanager_core.simulator.levels import BASE_LATENCY_S, MEMORY_LEVEL

Rows = npt.NDArray[np.intp]

FACTORS = frozenset({"demand", "work", "latency", "io", "network", "connections"})
"""Signals that multiply (1 where nothing is wrong); all others add (0 where nothing is wrong)."""

# How often one request of a caller calls a server of each type in `inventory.TYPES`.
_CALLS_PER_REQUEST = (1.0, 1.0, 1.5, 2.2, 0.4)
# Share of a callee's failures that its callers fail with: a page without an answer is none, but a cold cache is asked
# around and a message waits.
_FAILS_WITH = (0.85, 0.85, 0.95, 0.4, 0.55)
_LAG_S = 20.0
_DILUTION = 0.75


@dataclass(frozen=True, slots=True)
class Envelope:
    """How an effect grows and fades: 0 before `start_s`, 1 in full, 0 in the end.

    With `rate_per_h` it grows without a plateau up to `cap` and ends at once; otherwise it rises over `rise_s`, holds,
    and fades over `fall_s` after `end_s`.
    """

    start_s: float
    end_s: float
    rise_s: float = 60.0
    fall_s: float = 60.0
    rate_per_h: float = 0.0
    cap: float = 1.0

    def over(self, window_start_s: float, window_end_s: float) -> bool:
        """Whether any of it falls between these instants."""
        return window_start_s < self.end_s + self.fall_s and window_end_s >= self.start_s

    def at(self, times_s: Instants) -> Floats:
        """Its values, shape ``(n_times,)``."""
        since = times_s - self.start_s
        live = (since >= 0) & (times_s < self.end_s)
        if self.rate_per_h:
            grown = np.minimum(since * (self.rate_per_h / 3600.0), self.cap)
            return np.where(live, grown, 0.0).astype(np.float32)
        risen = np.clip(since / max(self.rise_s, 1e-9), 0.0, 1.0) if self.rise_s else np.where(since >= 0, 1.0, 0.0)
        if math.isinf(self.end_s):
            return risen.astype(np.float32)
        top = min(1.0, (self.end_s - self.start_s) / self.rise_s) if self.rise_s else 1.0
        left = 1.0 - (times_s - self.end_s) / self.fall_s if self.fall_s else np.zeros(len(times_s))
        return np.where(times_s < self.end_s, risen, top * np.clip(left, 0.0, 1.0)).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Impulse:
    """One signal of some servers: `weight` (a number, or one per row) times the envelope."""

    signal: str
    rows: Rows
    weight: float | Floats
    envelope: Envelope


class Effects:
    """All impulses of a list of faults, looked up by server and time."""

    def __init__(self, faults: Sequence[Fault], fleet: Fleet, columns: Columns) -> None:
        self.columns = columns
        self._callers: list[list[int]] = [[] for _ in columns.callees]
        for caller, callees in enumerate(columns.callees):
            for callee in callees:
                self._callers[callee].append(caller)
        self._first = np.concatenate(([0], np.cumsum(columns.cluster_size)))
        row = {s.id: i for i, s in enumerate(fleet.servers)} if faults else {}
        self._impulses: list[Impulse] = []
        for fault in faults:
            hit = np.array(sorted(row[s] for s in servers_of(fault, fleet)), np.intp)
            self._impulses.extend(_KINDS[fault.kind](self, fault, hit))

    def signals(self, rows: Rows, times_s: Instants) -> dict[str, Floats]:
        """The signals that are not neutral somewhere, each ``(n_times, len(rows))``; `rows` ascend."""
        out: dict[str, Floats] = {}
        for impulse in self._impulses:
            if not impulse.envelope.over(times_s[0], times_s[-1]):
                continue
            place = np.searchsorted(rows, impulse.rows)
            here = np.flatnonzero((place < len(rows)) & (rows[np.minimum(place, len(rows) - 1)] == impulse.rows))
            if not len(here):
                continue
            columns = place[here]
            weight = impulse.weight if isinstance(impulse.weight, float) else impulse.weight[here]
            shape = (len(times_s), len(rows))
            change = impulse.envelope.at(times_s)[:, None] * np.broadcast_to(np.float32(weight), (len(here),))
            if impulse.signal in FACTORS:
                out.setdefault(impulse.signal, np.ones(shape, np.float32))[:, columns] *= np.float32(1) + change
            else:
                out.setdefault(impulse.signal, np.zeros(shape, np.float32))[:, columns] += change
        return out

    def members(self, cluster: int) -> Rows:
        """Rows of the servers of a cluster."""
        return np.arange(self._first[cluster], self._first[cluster + 1], dtype=np.intp)

    def shares(self, hit: Rows) -> list[tuple[int, float]]:
        """Clusters that hold some of `hit`, with the share of each that is hit."""
        clusters, counts = np.unique(self.columns.cluster[hit], return_counts=True)
        return [(int(c), float(n / self.columns.cluster_size[c])) for c, n in zip(clusters, counts, strict=True)]

    def upstream(self, hit: Rows, envelope: Envelope, *, drag: float, errors: float) -> Iterator[Impulse]:
        """Callers wait for what is slow and fail with what fails, later and less at every hop.

        `drag` is the extra latency of the ones hit, in multiples of their usual median; `errors` their extra share of
        failing requests.
        """
        for cluster, share in self.shares(hit):
            delay = drag * share * float(BASE_LATENCY_S[self.columns.cluster_type[cluster]])
            fail, edge, hop, seen = errors * share, [cluster], 0, {cluster}
            while edge:
                hop += 1
                nearer, edge = edge, []
                lagged = replace(envelope, start_s=envelope.start_s + hop * _LAG_S, end_s=envelope.end_s + hop * _LAG_S)
                called = int(self.columns.cluster_type[nearer[0]])
                delay *= _CALLS_PER_REQUEST[called] * _DILUTION
                fail *= _FAILS_WITH[called]
                for caller in dict.fromkeys(c for n in nearer for c in self._callers[n]):
                    if caller in seen:
                        continue
                    seen.add(caller)
                    edge.append(caller)
                    rows = self.members(caller)
                    yield Impulse("latency_s", rows, delay, lagged)
                    yield Impulse("errors", rows, fail, lagged)

    def downstream(self, hit: Rows, envelope: Envelope, demand: float) -> Iterator[Impulse]:
        """More requests become more calls, a little later and a little less at every hop."""
        for cluster, share in self.shares(hit):
            extra, edge, hop, seen = demand * share, [cluster], 0, {cluster}
            while edge:
                hop += 1
                extra *= _DILUTION
                lagged = replace(envelope, start_s=envelope.start_s + hop * 5.0, end_s=envelope.end_s + hop * 5.0)
                edge = [c for n in edge for c in self.columns.callees[n] if c not in seen]
                for callee in edge:
                    seen.add(callee)
                    yield Impulse("demand", self.members(callee), extra, lagged)


def _plain(fault: Fault, rise_s: float = 60.0, fall_s: float = 60.0) -> Envelope:
    return Envelope(fault.start_s, fault.ends_s(), rise_s, fall_s)


def _hit(rows: Rows, envelope: Envelope, **weights: float) -> list[Impulse]:
    return [Impulse(signal, rows, weight, envelope) for signal, weight in weights.items()]


def _cpu_saturation(world: Effects, fault: Fault, hit: Rows) -> Iterator[Impulse]:
    s, env = fault.severity, _plain(fault)
    yield from _hit(hit, env, cpu=0.95 * s, errors=0.02 * s)
    yield from world.upstream(hit, env, drag=4.0 * s, errors=0.02 * s)


def _memory_leak(world: Effects, fault: Fault, hit: Rows) -> Iterator[Impulse]:
    rate = 0.15 * fault.severity
    yield from _hit(hit, Envelope(fault.start_s, fault.ends_s(), 0, 0, rate_per_h=rate, cap=0.9), memory=1.0)
    yield from _hit(hit, _plain(fault, rise_s=3600.0), cpu=0.04 * fault.severity)
    for cluster, _ in world.shares(hit):
        # callers notice once the collector runs all the time
        room = 1.0 - float(MEMORY_LEVEL[world.columns.cluster_type[cluster]])
        full_s = fault.start_s + 0.75 * room / rate * 3600.0
        if full_s < fault.ends_s():
            mine = hit[world.columns.cluster[hit] == cluster]
            late = Envelope(full_s, fault.ends_s(), 1800.0, 30.0)
            yield from world.upstream(mine, late, drag=2.0, errors=0.01)


def _disk_filling(world: Effects, fault: Fault, hit: Rows) -> Iterator[Impulse]:
    s = fault.severity
    yield from _hit(hit, Envelope(fault.start_s, fault.ends_s(), 0, 0, rate_per_h=0.12 * s, cap=0.95), disk=1.0)
    yield from _hit(hit, _plain(fault, rise_s=120.0), io=0.9 * s, latency=0.25 * s)
    yield from world.upstream(hit, _plain(fault, rise_s=120.0), drag=0.25 * s, errors=0.0)


def _network_loss(world: Effects, fault: Fault, hit: Rows) -> Iterator[Impulse]:
    s, env = fault.severity, _plain(fault, 15.0, 15.0)
    yield from _hit(
        hit, env, retransmit=0.12 * s, latency=2.5 * s, network=-0.45 * s, errors=0.04 * s, connections=0.6 * s
    )
    yield from world.upstream(hit, env, drag=2.5 * s, errors=0.04 * s)


def _slow_dependency(world: Effects, fault: Fault, hit: Rows) -> Iterator[Impulse]:
    s, env = fault.severity, _plain(fault, 120.0, 60.0)
    yield from _hit(hit, env, latency=9.0 * s, connections=2.5 * s, io=1.8 * s, cpu=0.12 * s, errors=0.02 * s)
    yield from world.upstream(hit, env, drag=9.0 * s, errors=0.03 * s)


def _traffic_surge(world: Effects, fault: Fault, hit: Rows) -> Iterator[Impulse]:
    extra, env = 2.2 * fault.severity, _plain(fault, 180.0, 300.0)
    yield from _hit(hit, env, demand=extra)
    yield from world.downstream(hit, env, extra)


def _bad_deployment(world: Effects, fault: Fault, hit: Rows) -> Iterator[Impulse]:
    s, env = fault.severity, _plain(fault, 90.0, 90.0)
    yield from _hit(hit, env, errors=0.12 * s, work=0.8 * s, latency=1.2 * s, memory=0.07 * s, hit=0.1 * s)
    yield from world.upstream(hit, env, drag=1.5 * s, errors=0.12 * s)


def _noisy_neighbour(world: Effects, fault: Fault, hit: Rows) -> Iterator[Impulse]:
    s, env = fault.severity, _plain(fault, 20.0, 20.0)
    yield from _hit(hit, env, steal=0.35 * s, latency=1.5 * s, retransmit=0.003 * s)
    yield from world.upstream(hit, env, drag=1.5 * s, errors=0.0)


def _crash_restart(world: Effects, fault: Fault, hit: Rows) -> Iterator[Impulse]:
    s, down = fault.severity, _plain(fault, 0.0, 0.0)
    yield from _hit(hit, down, down=1.0)
    for cluster, share in world.shares(hit):
        rest = np.setdiff1d(world.members(cluster), hit)
        if len(rest):
            # the others serve what the dead one did
            yield from _hit(rest, _plain(fault, 5.0, 30.0), demand=min(2.0, share / (1.0 - share)))
        mine = hit[world.columns.cluster[hit] == cluster]
        yield from world.upstream(mine, _plain(fault, 5.0, 30.0), drag=1.0, errors=0.25 * s)
    if math.isfinite(fault.ends_s()):
        back = fault.ends_s()
        warm, full = Envelope(back, back, 0.0, 600.0), Envelope(back, back, 0.0, 2400.0)
        level = MEMORY_LEVEL[world.columns.type[hit]]
        yield Impulse("memory", hit, (level * np.float32(-0.6 * s)).astype(np.float32), full)
        yield from _hit(hit, full, hit=0.55 * s)
        yield from _hit(hit, warm, cpu=0.2 * s, latency=1.0 * s, io=2.0 * s)


def _clock_skew(world: Effects, fault: Fault, hit: Rows) -> Iterator[Impulse]:
    s, env = fault.severity, _plain(fault, 240.0, 30.0)
    yield from _hit(hit, env, clock=2.5 * s, errors=0.02 * s, hit=0.08 * s)
    yield from world.upstream(hit, env, drag=0.0, errors=0.02 * s)


_KINDS = {
    "cpu_saturation": _cpu_saturation,
    "memory_leak": _memory_leak,
    "disk_filling": _disk_filling,
    "network_loss": _network_loss,
    "slow_dependency": _slow_dependency,
    "traffic_surge": _traffic_surge,
    "bad_deployment": _bad_deployment,
    "noisy_neighbour": _noisy_neighbour,
    "crash_restart": _crash_restart,
    "clock_skew": _clock_skew,
}
