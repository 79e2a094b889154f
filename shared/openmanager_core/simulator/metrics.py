"""From what a server is asked to do to what its monitoring shows: every metric of the catalogue, by formula.

A block is some servers over some ticks. All arrays have shape ``(n_ticks, n_servers)``, so that the servers of one
tick lie together in memory. Signals that several metrics share are computed once per block.
"""

from __future__ import annotations

from collections.abc import Callable
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
    BYTES_IN,
    BYTES_OUT,
    CONNECTIONS,
    DISK_IO_BYTES_PER_S,
    ERROR_SHARE,
    QUEUE_DEPTH,
    REQUESTS_PER_S,
    Hosts,
)
from openmanager_core.simulator.load import DAY_S, Activity, Traits, activity

Rows = npt.NDArray[np.intp]
F = np.float32


def _clip(values: Floats, low: float, high: float) -> Floats:
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
        self._columns, self._habits, self._people = columns, habits, people
        self._rows, self._ticks, self._tick_s = rows, ticks, tick_s
        self._times_s = instants(ticks, tick_s)
        self._kind = columns.type[rows]
        clusters, self._of = np.unique(columns.cluster[rows], return_inverse=True)
        self._clusters = clusters
        self._words: dict[int, Keys] = {}
        self._faults = effects.signals(rows, self._times_s)

    def read(self, metric: str) -> Floats:
        """Values of one metric, fresh; ``nan`` while a server is down. The caller picks servers that have it."""
        out = FORMULAS[metric](self)
        down = self._faults.get("down")
        if down is not None:
            out[down > 0] = np.nan
        return out

    # ---- shared signals -------------------------------------------------------------------------------------------

    def _noise(self, word: int, field: int) -> Floats:
        if word not in self._words:
            self._words[word] = draw(self._people.noise[word][self._rows], self._ticks)
        return lane(self._words[word], field)

    def _bell(self, word: int, field: int) -> Floats:
        return bell(self._noise(word, field))

    def _of_type(self, table: Floats) -> Floats:
        return table[self._kind]

    def _factor(self, values: Floats, signal: str) -> Floats:
        found = self._faults.get(signal)
        if found is not None:
            values *= found
        return values

    def _extra(self, values: Floats, signal: str, scale: float = 1.0) -> Floats:
        found = self._faults.get(signal)
        if found is not None:
            values += F(scale) * found
        return values

    @cached_property
    def _activity(self) -> Activity:
        return activity(self._columns, self._habits, self._clusters, self._ticks, self._tick_s)

    @cached_property
    def _home(self) -> Rows:
        """Each server's cluster, as a row of the fleet's clusters."""
        return self._columns.cluster[self._rows]

    @cached_property
    def _own(self) -> Floats:
        """Each server's own mood, variance about 1: slow, and in restless clusters quick as well."""
        base = self._people.own[self._rows]
        quick = drift(derived(base, 1), self._ticks, max(1, round(200 / self._tick_s)), 17)
        quick *= F(0.9) * self._habits.restless[self._home]
        quick += drift(base, self._ticks, max(1, round(30000 / self._tick_s)), 131)
        return quick

    @cached_property
    def _demand(self) -> Floats:
        """Requests against the usual number, about 1."""
        out = self._activity.demand[:, self._of]
        mood = self._own * self._habits.own[self._home]
        mood += F(1)
        np.maximum(mood, F(0.1), out=mood)
        mood *= self._people.weight[self._rows]
        out *= mood
        return self._factor(out, "demand")

    @cached_property
    def _pressure(self) -> Floats | None:
        """0 to 1: how much a leak has eaten of the room there was."""
        leak = self._faults.get("memory")
        if leak is None:
            return None
        room = F(1) - self._people.memory[self._rows]
        return _clip((leak / room - F(0.6)) * F(1 / 0.35), 0, 1)

    @cached_property
    def _wanted(self) -> Floats:
        """CPU asked for against CPU there is; above 1 work has to wait."""
        level = self._people.cpu_level[self._rows]
        out = self._demand * level
        self._factor(out, "work")
        jobs = self._own * F(0.7)
        jobs += F(1)
        np.maximum(jobs, F(0), out=jobs)
        jobs *= self._activity.jobs[:, self._of]
        jobs *= level
        out += jobs
        noise = self._bell(0, 0)
        noise *= self._people.cpu_noise[self._rows]
        out += noise
        out += F(0.005)
        self._extra(out, "cpu")
        self._extra(out, "steal", 1.0)
        if self._pressure is not None:
            out += F(0.25) * self._pressure
        np.maximum(out, F(0.002), out=out)
        return out

    @cached_property
    def _served(self) -> Floats:
        """Requests per second that get through."""
        out = self._bell(0, 1)
        out *= F(0.04)
        out += F(1)
        out *= self._people.requests[self._rows]
        out *= self._demand
        out /= np.maximum(self._wanted, F(1))
        return out

    @cached_property
    def _full(self) -> Floats | None:
        """0 to 1: how close a filling disk is to refusing writes."""
        filling = self._faults.get("disk")
        if filling is None:
            return None
        return _clip((self._disk() - F(0.95)) * F(25), 0, 1)

    def _disk(self) -> Floats:
        people, rows = self._people, self._rows
        days = self._times_s[:, None] / DAY_S + people.disk_at[rows]
        cycle = days / people.disk_days[rows]
        cycle -= np.floor(cycle)
        out = cycle.astype(np.float32)
        out *= people.disk_swing[rows]
        out += people.disk[rows]
        out += F(0.0003) * self._own
        return self._extra(out, "disk")

    @cached_property
    def _queueing(self) -> Floats:
        """How much longer an answer takes than on an idle server: about 1 up to half load, then steeply more."""
        busy = np.minimum(self._wanted, F(1))
        square = busy * busy
        square *= square
        square *= F(0.6)
        square /= F(1.03) - busy
        square += F(1)
        over = self._wanted - F(1)
        np.maximum(over, F(0), out=over)
        over *= F(10)
        square += over
        return square

    @cached_property
    def _median(self) -> Floats:
        out = self._bell(0, 3)
        out *= F(0.07)
        out += F(1)
        out *= self._of_type(BASE_LATENCY_S)
        out *= self._queueing
        self._factor(out, "latency")
        if self._pressure is not None:
            out *= F(1) + F(3) * self._pressure
        if self._full is not None:
            out *= F(1) + F(2) * self._full
        return self._extra(out, "latency_s")

    @cached_property
    def _p95(self) -> Floats:
        tail = self._bell(1, 0)
        tail *= tail
        tail *= F(0.16)
        tail += F(2.3)
        tail *= self._median
        return tail

    # ---- metrics --------------------------------------------------------------------------------------------------

    def cpu_busy(self) -> Floats:
        """in steps of a fiftieth of a per cent: monitoring rounds."""
        out = self._wanted * F(5000)
        out += F(0.5)
        np.floor(out, out=out)
        out *= F(0.0002)
        return np.minimum(out, F(1), out=out)

    def cpu_steal(self) -> Floats:
        """Nearly nothing, unless a neighbour is noisy; then it comes and goes."""
        noise = self._bell(3, 0)
        out = F(0.0006) * (noise * noise)
        stolen = self._faults.get("steal")
        if stolen is not None:
            out += stolen * (F(1) + F(0.2) * np.minimum(noise, F(2)))
        return _clip(out, 0, 1)

    def memory_used(self) -> Floats:
        """Follows the slow mood of the cluster, hardly the load of the moment."""
        out = F(0.018) * self._activity.slow[:, self._of]
        out += F(0.02) * np.minimum(self._demand, F(3))
        out += F(0.004) * self._own
        out += F(0.0012) * self._bell(1, 3)
        out += self._people.memory[self._rows]
        self._extra(out, "memory")
        return _clip(out, 0.02, 0.995)

    def disk_used(self) -> Floats:
        """Grows until the clean-up."""
        return _clip(self._disk(), 0.01, 1)

    def disk_io(self) -> Floats:
        """Records read and written, plus the jobs' own."""
        out = self._demand * (F(1) + F(0.2) * self._bell(2, 1))
        out += F(2) * self._activity.jobs[:, self._of]
        out *= (
            self._of_type(DISK_IO_BYTES_PER_S)
            * (self._people.requests / REQUESTS_PER_S[self._columns.type])[self._rows]
        )
        self._factor(out, "io")
        if self._pressure is not None:
            out += F(4e7) * self._pressure
        return np.maximum(out, F(4096), out=out)

    def network_receive(self) -> Floats:
        """Requests, and what the jobs fetch."""
        return self._network(BYTES_IN, 2, 0)

    def network_transmit(self) -> Floats:
        """Answers, and what the jobs send."""
        return self._network(BYTES_OUT, 0, 2)

    def _network(self, size: Floats, word: int, field: int) -> Floats:
        noise = self._bell(word, field)
        noise *= F(0.08)
        noise += F(1)
        noise *= self._of_type(size)
        noise *= self._served
        self._factor(noise, "network")
        jobs = self._activity.jobs[:, self._of]
        jobs *= F(3e5)
        noise += jobs
        noise += F(2500)
        return noise

    def load_per_core(self) -> Floats:
        """Runnable work per core; queues show above one."""
        out = F(0.03) * self._bell(3, 1)
        out += F(1.04) * self._wanted
        out += F(2) * np.maximum(self._wanted - F(0.8), F(0))
        return np.maximum(out, F(0), out=out)

    def tcp_retransmit(self) -> Floats:
        """A little always, more when servers are too busy to answer, much when packets are lost."""
        out = self._bell(1, 1)
        out *= F(0.45)
        out += F(1)
        out *= out
        out *= F(0.0008)
        over = self._wanted - F(0.92)
        np.maximum(over, F(0), out=over)
        over *= F(0.01)
        out += over
        lost = self._faults.get("retransmit")
        if lost is not None:
            out += lost * (F(1) + F(0.25) * self._bell(1, 2))
        return _clip(out, 0, 1)

    def clock_offset(self) -> Floats:
        """A millisecond or so, wandering with the temperature."""
        base = derived(self._people.own[self._rows], 2)
        out = F(0.0007) * drift(base, self._ticks, max(1, round(5 * 3600 / self._tick_s)), 53)
        out += F(0.00012) * self._bell(3, 2)
        out += self._people.clock_s[self._rows]
        return self._extra(out, "clock")

    def requests(self) -> Floats:
        """What gets through."""
        return self._served.copy()

    def errors(self) -> Floats:
        """Failures are counted: whole numbers per tick."""
        share = np.broadcast_to(self._of_type(ERROR_SHARE), self._served.shape).copy()
        over = self._wanted - F(0.97)
        np.maximum(over, F(0), out=over)
        over *= F(0.15)
        share += over
        self._extra(share, "errors")
        for part in (self._pressure, self._full):
            if part is not None:
                share += F(0.03) * part
        np.minimum(share, F(0.95), out=share)
        share *= self._served
        share *= F(self._tick_s)
        dither = self._noise(1, 2)
        dither *= F(0.5)
        dither += F(0.5)
        share += dither
        np.floor(share, out=share)
        share /= F(self._tick_s)
        return share

    def latency_p50(self) -> Floats:
        """Half the answers come sooner."""
        return self._median.copy()

    def latency_p95(self) -> Floats:
        """One answer of twenty takes longer."""
        return self._p95.copy()

    def latency_p99(self) -> Floats:
        """One answer of a hundred takes longer."""
        tail = self._bell(2, 2)
        return self._p95 * (F(1.5) + F(0.15) * tail * tail)

    def connections(self) -> Floats:
        """A pool that breathes with demand, plus everybody who waits (Little's law)."""
        pool = self._of_type(CONNECTIONS) * (self._people.requests / REQUESTS_PER_S[self._columns.type])[self._rows]
        out = pool * (F(0.6) + F(0.4) * self._demand)
        out += self._served * self._median
        self._factor(out, "connections")
        out += F(1.5) * self._bell(2, 3) + F(4)
        np.floor(out, out=out)
        return np.maximum(out, F(0), out=out)

    def queue_depth(self) -> Floats:
        """Messages that wait: more than linear in demand, and as long as the consumers are slow."""
        out = self._demand * self._queueing
        self._factor(out, "latency")
        out *= F(QUEUE_DEPTH) * (F(1) + F(0.25) * self._bell(3, 3))
        out *= (self._people.requests / REQUESTS_PER_S[self._columns.type])[self._rows]
        return np.floor(np.maximum(out, F(0), out=out), out=out)

    def cache_hit(self) -> Floats:
        """High and steady, low while memory is cold."""
        out = F(0.955) + F(0.008) * self._activity.slow[:, self._of]
        out -= F(0.012) * np.maximum(self._demand - F(1), F(0))
        out += F(0.006) * self._bell(3, 3)
        self._extra(out, "hit", -1.0)
        return _clip(out, 0, 1)


FORMULAS: dict[str, Callable[[Block], Floats]] = {
    "cpu_busy_ratio": Block.cpu_busy,
    "cpu_steal_ratio": Block.cpu_steal,
    "memory_used_ratio": Block.memory_used,
    "disk_used_ratio": Block.disk_used,
    "disk_io_bytes_per_s": Block.disk_io,
    "network_receive_bytes_per_s": Block.network_receive,
    "network_transmit_bytes_per_s": Block.network_transmit,
    "load_per_core_ratio": Block.load_per_core,
    "tcp_retransmit_ratio": Block.tcp_retransmit,
    "clock_offset_s": Block.clock_offset,
    "requests_per_s": Block.requests,
    "errors_per_s": Block.errors,
    "latency_p50_s": Block.latency_p50,
    "latency_p95_s": Block.latency_p95,
    "latency_p99_s": Block.latency_p99,
    "connections_active": Block.connections,
    "queue_depth_messages": Block.queue_depth,
    "cache_hit_ratio": Block.cache_hit,
}
