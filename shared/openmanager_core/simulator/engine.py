"""The simulator: any metric of any servers over any window, as a function of (seed, host, metric, instant)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import numpy.typing as npt

from openmanager_core import catalog
from openmanager_core.catalog import ServerType
from openmanager_core.errors import InvalidRequest, NotFound
from openmanager_core.fleet import Change, Fleet
from openmanager_core.job import checkpoint
from openmanager_core.panel import Panel, Window
from openmanager_core.simulator.block import Block, Rows
from openmanager_core.simulator.effects import Effects
from openmanager_core.simulator.faults import Fault, change_of, check
from openmanager_core.simulator.hashing import Floats, Ticks, derived, draw, instants, uniform
from openmanager_core.simulator.inventory import TYPES, build
from openmanager_core.simulator.levels import hosts
from openmanager_core.simulator.load import traits
from openmanager_core.simulator.metrics import read

STATUSES = ("running", "degraded", "draining", "maintenance", "stopped")
"""What `StatusPanel.codes` count."""

_BLOCK = 196_608
_BLOCK_ROWS = 256
_TURNED = 32
_FURTHEST_S = 1e11
_STATUS_CELL = 100
_STATUS_SHARES = (0.6, 0.9)


@dataclass(frozen=True, slots=True, eq=False)
class StatusPanel:
    """The operational status of servers over time.

    Attributes
    ----------
    codes
        Shape ``(n_hosts, n_times)``, places in `STATUSES`.
    """

    hosts: tuple[str, ...]
    times_s: npt.NDArray[np.float64]
    codes: npt.NDArray[np.int8]

    def names(self, host: int) -> list[str]:
        """The statuses of one row, spelled out."""
        return [STATUSES[c] for c in self.codes[host]]


class Simulator:
    """A fleet that never was: its inventory, its numbers, its faults.

    Parameters
    ----------
    servers
        1 to 100,000.
    seed
        Which fleet: any integer from 0 to 2**63 - 1.
    tick_s
        Seconds between new values, above 0.
    faults
        What goes wrong, see `Fault`.

    Raises
    ------
    InvalidRequest
        For a number out of its bounds or a fault that cannot be.
    NotFound
        For a fault of an unknown kind or on an unknown target.
    """

    def __init__(self, servers: int = 30, seed: int = 7, tick_s: float = 3.0, faults: Sequence[Fault] = ()) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
            raise InvalidRequest(f"seed must be a whole number from 0 to 2**63 - 1, got {seed!r}")
        if not (math.isfinite(tick_s) and 0.001 <= tick_s <= 86400):
            raise InvalidRequest(f"tick_s must be from 0.001 to 86400, got {tick_s!r}")
        self.seed, self.tick_s = seed, float(tick_s)
        self._fleet, self._columns = build(servers, seed)
        self._habits = traits(self._columns)
        self._people = hosts(self._columns, self._habits.cpu, self._habits.job_cpu, self._habits.restless)
        self._row: dict[str, int] = {}
        self._found: dict[tuple[str, ...], tuple[Rows, tuple[str, ...]]] = {}
        self._set_faults(faults)

    def _set_faults(self, faults: Sequence[Fault]) -> None:
        taken = {f.id for f in faults}
        free = (name for i in count(1) if (name := f"fault-{i}") not in taken)
        named = [check(f if f.id else replace(f, id=next(free)), self._fleet) for f in faults]
        doubles = {f.id for f in named if sum(g.id == f.id for g in named) > 1}
        if doubles:
            raise InvalidRequest(f"fault ids must differ, got {', '.join(sorted(doubles))} more than once")
        self.faults: tuple[Fault, ...] = tuple(named)
        self._effects = Effects(self.faults, self._fleet, self._columns)

    def with_faults(self, faults: Sequence[Fault]) -> Simulator:
        """The same fleet with these faults instead of its own; cheap, the fleet is shared."""
        other = object.__new__(Simulator)
        other.__dict__.update(self.__dict__)
        other._set_faults(faults)
        return other

    def fleet(self) -> Fleet:
        """The inventory."""
        return self._fleet

    def changes(self, window: Window) -> tuple[Change, ...]:
        """Deployments and restarts inside the window, oldest first."""
        found = [c for f in self.faults for c in change_of(f, self._fleet)]
        for app in self._fleet.applications:
            for d in app.deployments:
                found += [
                    Change("deployment", d.at_s, c, f"{app.name} {d.version} rolled out to {c}") for c in d.clusters
                ]
        return tuple(sorted((c for c in found if window.start_s <= c.at_s < window.end_s), key=lambda c: c.at_s))

    def has(self, metric: str) -> tuple[str, ...]:
        """Ids of the servers that have this metric, in inventory order.

        Raises
        ------
        NotFound
            If the metric is not in the catalogue, or no server has it.
        """
        return self._owners(metric)[1]

    def _owners(self, metric: str) -> tuple[Rows, tuple[str, ...]]:
        kinds = self._kinds(metric)
        if kinds not in self._found:
            rows = np.flatnonzero(np.isin(self._columns.type, [TYPES.index(t) for t in kinds]))
            self._found[kinds] = rows, tuple(self._fleet.servers[r].id for r in rows)
        if not len(self._found[kinds][0]):
            raise NotFound(f"no server of this fleet has {metric}", hint="list_metrics shows what there is")
        return self._found[kinds]

    @staticmethod
    def _kinds(metric: str) -> tuple[ServerType, ...]:
        """The types that have the metric, of those that simulated servers can be: equal ones are read together."""
        having = catalog.metric(metric).types
        return tuple(t for t in TYPES if t in having)

    def rows_of(self, hosts: Sequence[str]) -> Rows:
        """Inventory rows of these server ids (or names, in any case).

        Raises
        ------
        NotFound
            If one is not a server of this fleet; the message gives the nearest ids.
        """
        if not self._row:
            self._row.update((s.id, i) for i, s in enumerate(self._fleet.servers))
        return np.array([self._row[h if h in self._row else self._fleet.server(h).id] for h in hosts], np.intp)

    def read(self, metric: str, window: Window, hosts: Sequence[str] | None = None) -> Panel:
        """One metric on the window's grid; a value holds for a tick.

        Rows come in the order of `hosts`, else all servers that have the metric in inventory order. A server without
        the metric, or down, reads ``nan``. Values are float32.

        Raises
        ------
        NotFound
            For an unknown metric or host, or a metric that no server has.
        """
        return self.read_many((metric,), window, hosts)[metric]

    def read_many(self, metrics: Sequence[str], window: Window, hosts: Sequence[str] | None = None) -> dict[str, Panel]:
        """Several metrics at once, each as `read` gives it; what they share is computed once."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for name in metrics:
            self._owners(name)
            groups.setdefault(self._kinds(name), []).append(name)
        asked = None if hosts is None else self.rows_of(hosts)
        times_s = window.times_s()
        ticks, where = np.unique(self.ticks(times_s), return_inverse=True)
        repeats = len(ticks) < len(times_s)
        done: dict[str, Panel] = {}
        for group in groups.values():
            rows, names = self._owners(group[0])
            if asked is not None:
                rows, names = np.intersect1d(asked, rows), tuple(self._fleet.servers[r].id for r in asked)
            values = self._values(group, rows, ticks)
            for name in group:
                found = values.pop(name)
                if repeats:
                    found = found[:, where]
                if asked is not None and not np.array_equal(asked, rows):
                    out = np.full((len(asked), len(times_s)), np.nan, np.float32)
                    place = np.searchsorted(rows, asked)
                    has = np.isin(asked, rows)
                    out[has] = found[place[has]]
                    found = out
                done[name] = Panel(name, names, times_s, found)
        return {name: done[name] for name in metrics}

    def ticks(self, times_s: npt.NDArray[np.float64]) -> Ticks:
        """Which tick each instant falls into; the small shift keeps rounding of a tick's own instant out of it.

        Raises
        ------
        InvalidRequest
            If an instant is too far from 1970 to be told from its neighbours.
        """
        if len(times_s) and max(abs(times_s[0]), abs(times_s[-1])) > _FURTHEST_S:
            raise InvalidRequest(
                f"times must lie within {_FURTHEST_S:.0f} s of 1970, got {times_s[0]:.6g} to {times_s[-1]:.6g}",
                hint="give Unix seconds, not milliseconds or nanoseconds",
            )
        return np.floor(times_s / self.tick_s + 1e-6).astype(np.int64)

    def block(self, rows: Rows, ticks: Ticks) -> Block:
        """Some servers (ascending inventory rows) over some ticks (ascending), to read several metrics from."""
        return Block(self._columns, self._habits, self._people, self._effects, rows, ticks, self.tick_s)

    def _values(self, metrics: Sequence[str], rows: Rows, ticks: Ticks) -> dict[str, Floats]:
        """Shape ``(len(rows), len(ticks))`` per metric, block by block."""
        out = {m: np.empty((len(rows), len(ticks)), np.float32) for m in metrics}
        for r, t in _pieces(len(rows), len(ticks)):
            checkpoint()
            block = self.block(rows[r], ticks[t])
            for name in metrics:
                found = read(block, name)
                # a few ticks at a time: both sides of the turning stay in the cache
                for i in range(0, len(found), _TURNED):
                    out[name][r, t.start + i : min(t.start + i + _TURNED, t.stop)] = found[i : i + _TURNED].T
        return out

    def status(self, window: Window, hosts: Sequence[str] | None = None) -> StatusPanel:
        """The operational status of each server; it changes in 2 % of updates.

        Twice in every hundred ticks: into another status for nine to thirty seconds (at 3 s a tick), and back.
        """
        rows = np.arange(len(self._fleet.servers)) if hosts is None else self.rows_of(hosts)
        times_s = window.times_s()
        ticks = self.ticks(times_s)
        codes = np.zeros((len(rows), len(times_s)), np.int8)
        order, back = np.unique(rows, return_inverse=True)
        for r, t in _pieces(len(order), len(ticks)):
            checkpoint()
            codes[r, t] = self._status(order[r], ticks[t]).T
        return StatusPanel(tuple(self._fleet.servers[i].id for i in rows), times_s, codes[back])

    def _status(self, rows: Rows, ticks: Ticks) -> npt.NDArray[np.int8]:
        cell, inside = np.divmod(ticks, _STATUS_CELL)
        cells, where = np.unique(cell, return_inverse=True)
        word = draw(derived(self._columns.key[rows], 61), cells)
        length = 3 + np.floor(uniform(word, 0) * np.float32(8)).astype(np.int64)
        begin = 1 + np.floor(uniform(word, 1) * (_STATUS_CELL - 1 - length)).astype(np.int64)
        pick = uniform(word, 2)
        other = np.where(pick < _STATUS_SHARES[0], 1, np.where(pick < _STATUS_SHARES[1], 2, 3)).astype(np.int8)
        since = inside[:, None] - begin[where]
        out: npt.NDArray[np.int8] = np.where((since >= 0) & (since < length[where]), other[where], np.int8(0))
        down = self._effects.signals(rows, instants(ticks, self.tick_s)).get("down")
        if down is not None:
            out[down > 0] = STATUSES.index("stopped")
        return out


def _pieces(rows: int, ticks: int) -> Iterator[tuple[slice, slice]]:
    """Cut a table into pieces that fit a core's cache, wide in servers before long in time."""
    high = min(rows, max(_BLOCK_ROWS, _BLOCK // max(ticks, 1)))
    wide = max(1, _BLOCK // max(high, 1))
    for r in range(0, rows, max(high, 1)):
        for t in range(0, ticks, wide):
            yield slice(r, min(r + high, rows)), slice(t, min(t + wide, ticks))
