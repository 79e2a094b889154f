"""The slow, obvious twin of the simulator: one object per server, one number at a time, no fault.

It takes what stays the same about clusters and servers (their traits) from the simulator and computes everything
that moves with plain Python numbers. Knots of its noise are kept until they are over, as any loop would do.
"""

from __future__ import annotations

import math
from functools import partial

from openmanager_core.simulator import Simulator, levels, load
from openmanager_core.simulator.inventory import UTC_OFFSET_S

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(x: int) -> int:
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def derived(base: int, stream: int) -> int:
    return mix((base + mix((stream * GOLDEN + GOLDEN) & MASK)) & MASK)


def draw(base: int, counter: int) -> int:
    return mix((base + counter * GOLDEN) & MASK)


def lane(word: int, which: int) -> float:
    return ((word >> (16 * which) & 0xFFFF) - 32767.5) / 32768.0


def uniform(word: int, which: int) -> float:
    return (lane(word, which) + 1.0) / 2.0


def bell(u: float) -> float:
    return 0.9671855 * u / (1.3 - u * u)


def gauss(word: int) -> float:
    total = (word & 0xFFFF) + (word >> 16 & 0xFFFF) + (word >> 32 & 0xFFFF) + (word >> 48)
    return (total - 131070.0) / 37837.22


def growth(x: float) -> float:
    return max(1.0 + x / 8.0, 0.0) ** 8


class Drift:
    """Smooth noise of one series; knows the two knots it is between."""

    def __init__(self, base: int, period: int, phase: int = 0) -> None:
        self.base, self.period, self.phase = base, period, phase
        self.cell: int | None = None
        self.left = self.right = 0.0

    def at(self, tick: int) -> float:
        cell, inside = divmod(tick + self.phase, self.period)
        if cell != self.cell:
            self.cell = cell
            self.left, self.right = gauss(draw(self.base, cell)), gauss(draw(self.base, cell + 1))
        f = inside / self.period
        s = f * f * (3.0 - 2.0 * f)
        return ((1.0 - s) * self.left + s * self.right) / math.sqrt(s * s + (1.0 - s) ** 2)


class Events:
    """Bursts of one series."""

    def __init__(
        self, base: int, slot: int, chance: float, size: float, most: float = 4.0, longest: float = 0.45
    ) -> None:
        self.base, self.slot, self.chance, self.size = base, slot, chance, size
        self.most, self.longest = most, longest

    def at(self, tick: int) -> float:
        cell, inside = divmod(tick, self.slot)
        word = draw(self.base, cell)
        if uniform(word, 0) >= self.chance:
            return 0.0
        more = draw(derived(self.base, 1), cell)
        height = min(1.0 / math.sqrt(max(uniform(word, 1), 1e-4)), self.most) * self.size
        length = 0.02 + (self.longest - 0.02) * uniform(more, 0) ** 2
        x = (inside / self.slot - uniform(more, 1) * (1.0 - length)) / length
        return height * (1.0 - 0.6 * x * x) if 0.0 <= x < 1.0 else 0.0


class Switching:
    """Levels of one series that hold for a while."""

    def __init__(self, base: int, slot: int) -> None:
        self.base, self.slot = base, slot

    def at(self, tick: int) -> float:
        cell, inside = divmod(tick, self.slot)
        now = draw(self.base, cell)
        switched = inside / self.slot >= uniform(derived(now, 2), 0)
        return gauss(now) if switched else gauss(draw(self.base, cell - 1))


def rhythm(time_s: float, region: int) -> float:
    local = time_s + UTC_OFFSET_S[region]
    hour = (local % 86400.0) / 3600.0
    profile, low = load._PROFILE, int(hour)
    at = float(profile[low] + (profile[low + 1] - profile[low]) * (hour - low))
    days = (local / 86400.0 + 5.0) % 7.0
    return at - 0.45 * min(max(min(days * 4.0, (2.0 - days) * 4.0), 0.0), 1.0)


class Cluster:
    """What one cluster is asked to do; the signals are those of the newest tick."""

    def __init__(self, simulator: Simulator, row: int) -> None:
        columns, habits = simulator._columns, simulator._habits
        base, cell = int(columns.cluster_key[row]), int(columns.cell_key[row])
        self.tick_s, self.region = simulator.tick_s, int(columns.cluster_region[row])
        every = partial(self._every, simulator.tick_s)
        kind = int(habits.character[row])
        self.w = {
            name: float(getattr(load, name)[kind])
            for name in ("_RHYTHM", "_SLOW", "_MIDDLE", "_SHARED", "_LEVELS", "_BURST_CHANCE", "_BURST_SIZE")
        }
        for name in (
            "volatility",
            "quick",
            "own",
            "balance",
            "restless",
            "scheduled",
            "nightly",
            "cpu",
            "job_cpu",
            "cpu_steps",
        ):
            setattr(self, name, float(getattr(habits, name)[row]))
        self.nightly_at_s, self.nightly_for_s = float(habits.nightly_at_s[row]), float(habits.nightly_for_s[row])
        self.slow_parts = (
            Drift(derived(base, 21), every(4.3 * 86400)),
            Drift(derived(base, 22), every(13.3 * 3600), 977),
        )
        self.middle = Drift(derived(base, 23), every(2.1 * 3600), 311), Drift(derived(base, 24), every(1500), 97)
        self.quick_parts = Drift(derived(base, 25), every(330), 41), Drift(derived(base, 26), every(48), 7)
        self.shared = Drift(derived(cell, 27), every(5.3 * 3600), 631), Drift(derived(cell, 28), every(900), 59)
        self.levels = Switching(derived(base, 29), every(40 * 3600))
        size = self.w["_BURST_SIZE"] * (1.0 + 2.5 * self.restless**2)
        self.bursts = Events(derived(base, 30), every(2400), self.w["_BURST_CHANCE"] * self.scheduled, size)
        chance = float(load._JOB_CHANCE[kind]) * self.scheduled * (1.0 - self.cpu)
        self.own_jobs = Events(derived(base, 31), every(4 * 3600), chance, float(load._JOB_SIZE[kind]))
        often, size = float(habits.brief_chance[row]), float(habits.brief_size[row])
        self.brief_jobs = Events(derived(base, 32), every(1200), often, size, load._BRIEF_TAIL, load._BRIEF_LONGEST)
        self.tick: int | None = None

    @staticmethod
    def _every(tick_s: float, seconds: float) -> int:
        return max(1, round(seconds / tick_s))

    def at(self, tick: int) -> Cluster:
        if tick == self.tick:
            return self
        self.tick = tick
        w, time_s = self.w, tick * self.tick_s
        slow = 0.92 * self.slow_parts[0].at(tick) + 0.3 * self.slow_parts[1].at(tick)
        quick = 0.5 * self.quick_parts[0].at(tick) + self.quick_parts[1].at(tick)
        log = w["_RHYTHM"] * rhythm(time_s, self.region)
        log += w["_SLOW"] * (slow + 0.25 * slow * slow - 0.25)
        log += w["_MIDDLE"] * self.restless * (self.middle[0].at(tick) + self.middle[1].at(tick))
        log += w["_SHARED"] * (0.2 + self.restless) * (self.shared[0].at(tick) + self.shared[1].at(tick))
        log += w["_LEVELS"] * self.levels.at(tick)
        log = log * self.volatility + self.quick * quick * (0.6 + 0.12 * quick * quick) - self.balance
        self.slow = slow
        self.demand = min(growth(log) * (1.0 + self.bursts.at(tick)), 0.74 / self.cpu)
        jobs = self.own_jobs.at(tick) + self.brief_jobs.at(tick)
        if (time_s + UTC_OFFSET_S[self.region] - self.nightly_at_s) % 86400.0 < self.nightly_for_s:
            jobs += self.nightly
        self.jobs = min(jobs, max(0.8 - self.demand * self.cpu, 0.0) / self.job_cpu)
        return self


class Server:
    """One server; `update` gives its eight screened metrics at one tick."""

    def __init__(self, simulator: Simulator, row: int, cluster: Cluster) -> None:
        people, kind = simulator._people, int(simulator._columns.type[row])
        self.cluster, self.tick_s = cluster, simulator.tick_s
        for name in ("weight", "cpu_level", "job_cpu", "cpu_noise", "requests", "memory", "disk", "disk_swing"):
            setattr(self, name, float(getattr(people, name)[row]))
        self.disk_days, self.disk_at = float(people.disk_days[row]), float(people.disk_at[row])
        own = int(people.own[row])
        every = partial(Cluster._every, simulator.tick_s)
        self.moods = Drift(own, every(30000), 131), Drift(derived(own, 1), every(200), 17)
        self.words = int(people.noise[0][row]), int(people.noise[1][row])
        self.latency = float(levels.BASE_LATENCY_S[kind])
        self.bytes_out = float(levels.BYTES_OUT[kind])
        self.error_share = float(levels.ERROR_SHARE[kind])

    def update(self, tick: int) -> tuple[float, ...]:
        c = self.cluster.at(tick)
        first, second = draw(self.words[0], tick), draw(self.words[1], tick)
        own = self.moods[0].at(tick) + 0.9 * c.restless * self.moods[1].at(tick)
        demand = c.demand * max(1.0 + own * c.own, 0.1) * self.weight
        demand = min(demand, 0.78 / self.cpu_level)
        jobs = self.job_cpu * c.jobs * max(1.0 + 0.7 * own, 0.0)
        wanted = self.cpu_level * demand + jobs
        wanted += bell(lane(first, 0)) * self.cpu_noise + 0.005
        beyond = max(wanted - 0.8, 0.0)
        held = beyond - beyond / (1.0 + 5.0 * beyond)
        wanted = max(wanted - held, 0.002)
        contended = wanted - max(0.9 * jobs - held, 0.0)
        busy = min(contended, 1.0)
        queueing = 1.0 + 0.6 * busy**4 / (1.03 - busy) + 10.0 * max(contended - 1.0, 0.0)
        served = (1.0 + 0.04 * bell(lane(first, 1))) * self.requests * demand / max(contended, 1.0)
        p95 = (2.3 + 0.16 * bell(lane(second, 0)) ** 2) * (1.0 + 0.07 * bell(lane(first, 3))) * self.latency * queueing
        cpu = min(math.floor(wanted * c.cpu_steps + 0.5) / c.cpu_steps, 1.0)
        memory = 0.018 * c.slow + 0.02 * min(demand, 3.0) + 0.004 * own + 0.0012 * bell(lane(second, 3)) + self.memory
        cycle = (tick * self.tick_s / 86400.0 + self.disk_at) / self.disk_days
        disk = (cycle - math.floor(cycle)) * self.disk_swing + self.disk + 0.0003 * own
        sent = (1.0 + 0.08 * bell(lane(first, 2))) * self.bytes_out * served + 3e5 * c.jobs + 2500.0
        lost = 0.0008 * (1.0 + 0.45 * bell(lane(second, 1))) ** 2 + 0.01 * max(wanted - 0.92, 0.0)
        share = min(self.error_share + 0.15 * max(contended - 0.97, 0.0), 0.95)
        failed = math.floor(share * served * self.tick_s + uniform(second, 2)) / self.tick_s
        return (
            cpu, min(max(memory, 0.02), 0.995), min(max(disk, 0.01), 1.0), sent,
            min(max(lost, 0.0), 1.0), served, failed, p95,
        )  # fmt: skip


def fleet(simulator: Simulator) -> list[Server]:
    """An object for every server, those of one cluster sharing theirs."""
    of = simulator._columns.cluster
    clusters = [Cluster(simulator, row) for row in range(len(simulator.fleet().clusters))]
    return [Server(simulator, row, clusters[of[row]]) for row in range(len(of))]
