"""Some servers over some ticks: demand, work, waiting and failing, which all metrics are made of.

A block is some servers over some ticks. All arrays have shape ``(n_ticks, n_servers)``, so that the servers of one
tick lie together in memory. Signals that several metrics share are computed once per block.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from openmanager_core.simulator.effects import Effects
from openmanager_core.simulator.hashing import (
    Floats,
    Keys,
    Ticks,
    bell,
    derived,
    draw,
    drift,
    instants,
    lane,
)
from openmanager_core.simulator.inventory import Columns
from openmanager_core.simulator.levels import (
    BASE_LATENCY_S,
    Hosts,
)
from openmanager_core.simulator.load import DAY_S, Activity, Traits, activity

Rows = npt.NDArray[np.intp]
F = np.float32
MOST_DEMAND = F(0.78)
"""Share of a server's CPU that requests take at most without a fault: balancers shed, operators scale in time."""
YIELDED = F(0.9)
"""Share of its CPU that batch work gives up to requests."""


def clip(values: Floats, low: float, high: float) -> Floats:
    """Keep `values` within bounds, in place."""
    np.maximum(values, F(low), out=values)
    return np.minimum(values, F(high), out=values)


class Block:
    """Some servers over some ticks.

    Parameters
    ----------
    rows
        Inventory rows, ascending, without repeats.
    ticks
        Ascending.
    """

    def __init__(
        self, columns: Columns, habits: Traits, people: Hosts, effects: Effects, rows: Rows, ticks: Ticks, tick_s: float
    ) -> None:
        self.columns, self.habits, self.people = columns, habits, people
        self.rows, self.ticks, self.tick_s = rows, ticks, tick_s
        self.times_s = instants(ticks, tick_s)
        self.kind = columns.type[rows]
        home = columns.cluster[rows]  # ascends with the rows
        first = np.flatnonzero(np.diff(home, prepend=-1))
        self.clusters: Rows = home[first]
        self._members = np.diff(first, append=len(home))
        self._words: dict[int, Keys] = {}
        self.faults = effects.signals(rows, self.times_s)

    def noise(self, word: int, field: int) -> Floats:
        """Uniform numbers in (-1, 1), new every tick: field 0 to 3 of noise word 0 to 3, one metric's own."""
        if word not in self._words:
            self._words[word] = draw(self.people.noise[word][self.rows], self.ticks)
        return lane(self._words[word], field)

    def bell(self, word: int, field: int) -> Floats:
        """The same with the shape of measuring noise, variance 1."""
        return bell(self.noise(word, field))

    def of_type(self, table: Floats) -> Floats:
        """Each server's entry in a table by type."""
        return table[self.kind]

    def of_cluster(self, signal: Floats) -> Floats:
        """A signal of the clusters, ``(n_ticks, n_clusters)``, for each of their servers."""
        return np.repeat(signal, self._members, axis=1)

    def times_fault(self, values: Floats, signal: str) -> Floats:
        """Multiply `values`, in place, by what faults make of that signal."""
        found = self.faults.get(signal)
        if found is not None:
            values *= found
        return values

    def add_fault(self, values: Floats, signal: str, scale: float = 1.0) -> Floats:
        """Add to `values`, in place, what faults make of that signal."""
        found = self.faults.get(signal)
        if found is not None:
            values += F(scale) * found
        return values

    @cached_property
    def activity(self) -> Activity:
        """What the clusters are asked to do; its columns are `clusters`."""
        return activity(self.columns, self.habits, self.clusters, self.ticks, self.tick_s)

    @cached_property
    def home(self) -> Rows:
        """Each server's cluster, as a row of the fleet's clusters."""
        return self.columns.cluster[self.rows]

    @cached_property
    def own(self) -> Floats:
        """Each server's own mood, variance about 1: slow, and in restless clusters quick as well."""
        base = self.people.own[self.rows]
        quick = drift(derived(base, 1), self.ticks, max(1, round(200 / self.tick_s)), 17)
        quick *= F(0.9) * self.habits.restless[self.home]
        quick += drift(base, self.ticks, max(1, round(30000 / self.tick_s)), 131)
        return quick

    @cached_property
    def natural(self) -> Floats:
        """Requests against the usual number, about 1, before any fault."""
        out = self.of_cluster(self.activity.demand)
        mood = self.own * self.habits.own[self.home]
        mood += F(1)
        np.maximum(mood, F(0.1), out=mood)
        mood *= self.people.weight[self.rows]
        out *= mood
        np.minimum(out, MOST_DEMAND / self.people.cpu_level[self.rows], out=out)
        return out

    @cached_property
    def demand(self) -> Floats:
        """Requests against the usual number."""
        return self.times_fault(self.natural.copy(), "demand") if "demand" in self.faults else self.natural

    @cached_property
    def pressure(self) -> Floats | None:
        """0 to 1: how much a leak has eaten of the room there was."""
        leak = self.faults.get("memory")
        if leak is None:
            return None
        room = F(1) - self.people.memory[self.rows]
        return clip((leak / room - F(0.6)) * F(1 / 0.35), 0, 1)

    @property
    def wanted(self) -> Floats:
        """CPU asked for against CPU there is; above 1 work has to wait."""
        return self._cpu[0]

    @cached_property
    def contended(self) -> Floats:
        """What requests compete for: batch work runs at a low priority, it fills the CPU and yields it."""
        return self._cpu[0] - self._cpu[1]

    @cached_property
    def _cpu(self) -> tuple[Floats, Floats]:
        """CPU asked for, and the part of it that yields."""
        level = self.people.cpu_level[self.rows]
        out = self.natural * level
        jobs = self.own * F(0.7)
        jobs += F(1)
        np.maximum(jobs, F(0), out=jobs)
        jobs *= self.of_cluster(self.activity.jobs)
        jobs *= self.people.job_cpu[self.rows]
        out += jobs
        noise = self.bell(0, 0)
        noise *= self.people.cpu_noise[self.rows]
        out += noise
        out += F(0.005)
        # without a fault nobody lets a server run full: what would go beyond 0.8 is held back
        beyond = out - F(0.8)
        np.maximum(beyond, F(0), out=beyond)
        yields = jobs * YIELDED
        yields -= beyond
        out -= beyond
        beyond /= F(5) * beyond + F(1)
        out += beyond
        yields += beyond
        np.maximum(yields, F(0), out=yields)
        if "demand" in self.faults or "work" in self.faults:
            more = self.times_fault(self.demand.copy(), "work")
            more -= self.natural
            more *= level
            out += more
        self.add_fault(out, "cpu")
        self.add_fault(out, "steal", 1.0)
        if self.pressure is not None:
            out += F(0.25) * self.pressure
        np.maximum(out, F(0.002), out=out)
        return out, yields

    @cached_property
    def served(self) -> Floats:
        """Requests per second that get through."""
        out = self.bell(0, 1)
        out *= F(0.04)
        out += F(1)
        out *= self.people.requests[self.rows]
        out *= self.demand
        out /= np.maximum(self.contended, F(1))
        return out

    @cached_property
    def full(self) -> Floats | None:
        """0 to 1: how close a filling disk is to refusing writes."""
        filling = self.faults.get("disk")
        if filling is None:
            return None
        return clip((self.disk() - F(0.95)) * F(25), 0, 1)

    def disk(self) -> Floats:
        """Share of the disk in use: grows until the clean-up, and faster with a fault."""
        people, rows = self.people, self.rows
        days = self.times_s[:, None] / DAY_S + people.disk_at[rows]
        cycle = days / people.disk_days[rows]
        cycle -= np.floor(cycle)
        out = cycle.astype(np.float32)
        out *= people.disk_swing[rows]
        out += people.disk[rows]
        out += F(0.0003) * self.own
        return self.add_fault(out, "disk")

    @cached_property
    def queueing(self) -> Floats:
        """How much longer an answer takes than on an idle server: about 1 up to half load, then steeply more."""
        busy = np.minimum(self.contended, F(1))
        square = busy * busy
        square *= square
        square *= F(0.6)
        square /= F(1.03) - busy
        square += F(1)
        over = self.contended - F(1)
        np.maximum(over, F(0), out=over)
        over *= F(10)
        square += over
        return square

    @cached_property
    def median(self) -> Floats:
        """Median time to answer, seconds."""
        out = self.bell(0, 3)
        out *= F(0.07)
        out += F(1)
        out *= self.of_type(BASE_LATENCY_S)
        out *= self.queueing
        self.times_fault(out, "latency")
        if self.pressure is not None:
            out *= F(1) + F(3) * self.pressure
        if self.full is not None:
            out *= F(1) + F(2) * self.full
        return self.add_fault(out, "latency_s")

    @cached_property
    def p95(self) -> Floats:
        """95th percentile of the time to answer, seconds."""
        tail = self.bell(1, 0)
        tail *= tail
        tail *= F(0.16)
        tail += F(2.3)
        tail *= self.median
        return tail
