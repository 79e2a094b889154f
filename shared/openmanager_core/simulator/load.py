"""What a cluster is asked to do: the rhythm of its region, the moods of its traffic, its own jobs.

Servers of one cluster share these signals, which is why they move together; the five clusters of one cell share a
little of their traffic. Each cluster has one of four characters, mixed so that the statistics of CPU series are those
of real servers (docs/decisions/sim-realism.md): most real series are neither very daily nor very smooth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmanager_core.simulator.hashing import (
    Floats,
    Instants,
    Keys,
    Ticks,
    derived,
    draw,
    drift,
    gauss,
    growth,
    instants,
    uniform,
)
from openmanager_core.simulator.inventory import UTC_OFFSET_S, Columns
from openmanager_core.simulator.levels import cpu_levels

DAY_S = 86400
CHARACTERS = ("idle", "wandering", "daily", "switching")
# share of each character among production, staging and development clusters, cumulated
_MIX = np.array([[0.12, 0.44, 0.80, 1.0], [0.40, 0.68, 0.86, 1.0], [0.50, 0.74, 0.85, 1.0]])
# Share of the idle clusters outside production that hardly anybody uses, and what is left of their usual CPU.
_FORGOTTEN, _FORGOTTEN_CPU = np.float32(0.62), np.float32(0.08)
# Share of the clusters that are calm, and how often bursts and jobs come in those, against restless ones.
_CALM = np.float32(0.43)
_CALM_EVENTS = np.array([1.0, 0.26, 0.41, 0.57], np.float32)
# Weight of each ingredient of the logarithm of demand, per character; a cluster's own volatility scales all of them.
_RHYTHM = np.array([0.26, 0.23, 0.32, 0.19], np.float32)
_SLOW = np.array([0.80, 0.55, 0.32, 0.42], np.float32)
_MIDDLE = np.array([0.044, 0.066, 0.039, 0.039], np.float32)
_SHARED = np.array([0.04, 0.06, 0.06, 0.05], np.float32)
_LEVELS = np.array([0.0, 0.0, 0.0, 0.32], np.float32)
# Weight of the noise of a minute or so: production smooths over more users.
_QUICK = np.array([0.33, 0.9, 0.9], np.float32)
# Chance that a burst of traffic starts in a slot, and its size against the normal demand.
_BURST_CHANCE = np.array([0.05, 0.03, 0.03, 0.03], np.float32)
_BURST_SIZE = np.array([0.41, 0.41, 0.32, 0.36], np.float32)
# The same for jobs of the cluster's own, in units of its usual CPU: long ones, and in restless clusters brief ones.
_JOB_CHANCE = np.array([0.8, 0.08, 0.18, 0.16], np.float32)
_JOB_SIZE = np.array([0.30, 0.71, 0.65, 0.4], np.float32)
_BRIEF_CHANCE = (np.float32(0.067), np.float32(0.151))
_BRIEF_SIZE = np.array([1.56, 0.62, 0.66, 0.93], np.float32)
_BRIEF_TAIL, _BRIEF_LONGEST = 3.0, 0.24
# Share of the clusters with a nightly job, and its size: of idle ones and of the others.
_NIGHTLY = np.float32(0.74)
_NIGHTLY_SIZE = (np.float32(2.0), np.float32(0.7))
# Share of the clusters whose monitoring shows CPU to a tenth of a per cent, not a fiftieth; steps from 0 to 1 of both.
_COARSE = np.float32(0.25)
_CPU_STEPS = (np.float32(1000), np.float32(5000))
# No cluster is asked for more than this of its CPU without a fault: load balancers shed, operators scale in time.
_PEAK_DEMAND = np.float32(0.74)
_PEAK_CPU = np.float32(0.80)

_OWN = np.float32(0.333)
_BURST_SLOT_S = 2400.0
_JOB_SLOT_S = 4 * 3600.0
_BRIEF_SLOT_S = 1200.0
_LEVEL_SLOT_S = 40 * 3600.0


@dataclass(frozen=True, slots=True, eq=False)
class Traits:
    """What stays the same about every cluster; arrays of shape ``(n_clusters,)``.

    Attributes
    ----------
    character
        A place in `CHARACTERS`.
    volatility
        How far demand swings, against the usual.
    restless
        0 to 1: from smooth to jumpy.
    quick, own
        Weights of the cluster's noise of a minute or so, and of each server's own mood.
    balance
        Taken from the logarithm of demand, so that swings leave its mean near 1.
    scheduled
        How often bursts and jobs come, against the usual.
    brief_chance, brief_size
        Chance in each slot that a brief job starts, and its CPU against the usual; none in calm clusters.
    nightly, nightly_at_s, nightly_for_s
        The nightly job: its CPU against the usual, its local time of day, its length.
    cpu
        Usual share of CPU in use.
    job_cpu
        Share of CPU that one unit of jobs takes; the same as `cpu`, but where hardly anybody asks for anything.
    cpu_steps
        How many values monitoring tells apart from idle to full.
    """

    character: npt.NDArray[np.intp]
    volatility: Floats
    quick: Floats
    own: Floats
    balance: Floats
    restless: Floats
    scheduled: Floats
    brief_chance: Floats
    brief_size: Floats
    nightly: Floats
    nightly_at_s: Instants
    nightly_for_s: Instants
    cpu: Floats
    job_cpu: Floats
    cpu_steps: Floats


def traits(columns: Columns) -> Traits:
    """Draw every cluster's character and habits from its key."""
    first, second = derived(columns.cluster_key, 11), derived(columns.cluster_key, 12)
    kind_of, unrest, spread = _strewn(columns)
    character = (kind_of[:, None] > _MIX[columns.cluster_environment][:, :3]).sum(axis=1)
    calm, idle = unrest < _CALM, character == 0
    has_nightly = uniform(first, 1) < _NIGHTLY
    nightly = np.where(has_nightly, np.float32(0.2) + np.float32(0.9) * uniform(first, 2), np.float32(0))
    usual = cpu_levels(columns)
    forgotten = idle & (columns.cluster_environment > 0) & (uniform(first, 0) < _FORGOTTEN)
    level = np.where(forgotten, _FORGOTTEN_CPU * usual, usual)
    # what is always busy has less room to swing
    volatility = (np.float32(0.51) + np.float32(1.47) * spread * spread) * (np.float32(1.15) - np.float32(1.3) * level)
    # most clusters are either calm or restless, few are in between
    restless = np.where(calm, np.float32(0.5) * unrest, np.float32(0.2) + np.float32(0.8) * unrest)
    square = restless * restless
    quick = _QUICK[columns.cluster_environment] * square * square * (np.float32(1) + restless)
    quick += np.float32(0.016)
    quick *= (np.float32(1) - level) * (np.float32(1.1) - level)
    weights = (_RHYTHM * np.float32(0.7), _SLOW, _MIDDLE * np.float32(1.4), _SHARED * np.float32(1.4), _LEVELS)
    together = np.sqrt(sum(w * w for w in weights))[character] * volatility
    brief = _BRIEF_CHANCE[0] + _BRIEF_CHANCE[1] * uniform(second, 2)
    brief_size = _BRIEF_SIZE[character] * (np.float32(0.6) + np.float32(0.8) * uniform(second, 3))
    return Traits(
        character=character,
        volatility=volatility,
        quick=quick,
        restless=restless,
        scheduled=np.where(has_nightly | idle, np.float32(1), np.float32(0.3))
        * np.where(calm, _CALM_EVENTS[character], np.float32(1)),
        balance=np.float32(0.5) * (together * together + np.float32(1.25) * quick * quick),
        own=_OWN * np.sqrt(together * together + np.float32(2) * quick * quick),
        brief_chance=np.where(calm, np.float32(0), brief),
        brief_size=brief_size * (np.float32(1) - level),
        nightly=nightly * np.where(idle, *_NIGHTLY_SIZE),
        nightly_at_s=np.floor(uniform(first, 3).astype(np.float64) * 20) * 1200.0,
        nightly_for_s=600.0 + np.floor(uniform(second, 0).astype(np.float64) * 10) * 300.0,
        cpu=level,
        job_cpu=usual,
        cpu_steps=np.where(uniform(derived(columns.cluster_key, 13), 0) < _COARSE, *_CPU_STEPS),
    )


def _strewn(columns: Columns) -> tuple[Floats, Floats, Floats]:
    """Three evenly spread numbers in (0, 1) per cluster, so that even a small fleet has its share of each character.

    References
    ----------
    .. [1] L. Kuipers and H. Niederreiter, "Uniform Distribution of Sequences", Wiley 1974, chapter 1, section 6
       (multiples of irrational numbers, modulo 1).
    """
    out = []
    for i, step in enumerate((0.8191725133961645, 0.6710436067037893, 0.5497004779019703)):
        x = columns.ordinal * step + columns.offsets[i]
        out.append((x - np.floor(x)).astype(np.float32))
    return out[0], out[1], out[2]


def _hour_profile() -> Instants:
    """Demand over the hours of a local day, mean 0, about -1 to 1: low at four, high at eleven and at twenty."""
    hours = np.array([
        -0.55, -0.8, -0.95, -1.0, -1.0, -0.9, -0.6, -0.2, 0.25, 0.6, 0.8, 0.85,
        0.7, 0.65, 0.6, 0.55, 0.5, 0.5, 0.6, 0.75, 0.85, 0.7, 0.25, -0.2,
    ])  # fmt: skip
    hours -= hours.mean()
    return np.append(hours, hours[0])


_PROFILE = _hour_profile()


def rhythm(times_s: Instants) -> Floats:
    """How busy each region's people are, shape ``(n_times, n_regions)``: -1 to 1 over a day, less at week-ends."""
    local = times_s[:, None] + np.array(UTC_OFFSET_S, np.float64)
    hour = (local % DAY_S) / 3600.0
    low = np.floor(hour).astype(np.intp)
    at = _PROFILE[low] + (_PROFILE[low + 1] - _PROFILE[low]) * (hour - low)
    # 1970-01-01 was a Thursday: Saturday begins on day 2 of that count; six-hour slopes around midnight
    days = (local / DAY_S + 5.0) % 7.0
    rest = np.clip(np.minimum(days * 4.0, (2.0 - days) * 4.0), 0.0, 1.0)
    out: Floats = (at - 0.45 * rest).astype(np.float32)
    return out


def events(
    base: Keys, ticks: Ticks, slot: int, chance: Floats, size: Floats, most: float = 4.0, longest: float = 0.45
) -> Floats:
    """Bursts that start suddenly and fade, at most one per slot; shape ``(n_ticks, n_series)``.

    Sizes have a Pareto tail (exponent 2, cut at `most` times `size`), lengths are from 2 % of a slot to `longest`.
    """
    cell, inside = np.divmod(ticks, slot)
    slots, where = np.unique(cell, return_inverse=True)
    word, more = draw(base, slots), draw(derived(base, 1), slots)
    happens = uniform(word, 0) < chance
    tail = np.minimum(np.float32(1) / np.sqrt(np.maximum(uniform(word, 1), np.float32(1e-4))), np.float32(most))
    height = np.where(happens, tail * size, np.float32(0)).astype(np.float32)
    stretch = uniform(more, 0)
    length = np.float32(0.02) + np.float32(longest - 0.02) * stretch * stretch
    begin = uniform(more, 1) * (np.float32(1) - length)
    x = ((inside / slot).astype(np.float32)[:, None] - begin[where]) / length[where]
    on = (x >= 0) & (x < 1)
    return np.where(on, height[where] * (np.float32(1) - np.float32(0.6) * x * x), np.float32(0)).astype(np.float32)


def switching(base: Keys, ticks: Ticks, slot: int) -> Floats:
    """Levels of variance about 1 that hold for about `slot` ticks each and then jump; ``(n_ticks, n_series)``."""
    cell, inside = np.divmod(ticks, slot)
    slots, where = np.unique(np.concatenate((cell - 1, cell)), return_inverse=True)
    word = draw(base, slots)
    level, moment = gauss(word), uniform(derived(word.ravel(), 2).reshape(word.shape), 0)
    before, after = where[: len(ticks)], where[len(ticks) :]
    switched = (inside / slot).astype(np.float32)[:, None] >= moment[after]
    return np.where(switched, level[after], level[before])


@dataclass(frozen=True, slots=True, eq=False)
class Activity:
    """Signals of some clusters, each of shape ``(n_ticks, n_clusters)``.

    Attributes
    ----------
    demand
        Requests against the cluster's usual number; about 1.
    jobs
        CPU of the cluster's own batch work against its usual CPU; mostly 0.
    slow
        The slowest mood alone, variance 1: memory follows it.
    """

    demand: Floats
    jobs: Floats
    slow: Floats


def activity(columns: Columns, habits: Traits, rows: npt.NDArray[np.intp], ticks: Ticks, tick_s: float) -> Activity:
    """What the clusters `rows` are doing at `ticks`."""
    base, cell = columns.cluster_key[rows], columns.cell_key[rows]
    kind = habits.character[rows]
    times_s = instants(ticks, tick_s)

    def every(seconds: float) -> int:
        return max(1, round(seconds / tick_s))

    slow = drift(derived(base, 21), ticks, every(4.3 * DAY_S))
    slow *= np.float32(0.92)
    slow += np.float32(0.3) * drift(derived(base, 22), ticks, every(13.3 * 3600), 977)
    middle = drift(derived(base, 23), ticks, every(2.1 * 3600), 311)
    middle += drift(derived(base, 24), ticks, every(1500), 97)
    quick = drift(derived(base, 25), ticks, every(330), 41)
    quick *= np.float32(0.5)
    quick += drift(derived(base, 26), ticks, every(48), 7)
    shared = drift(derived(cell, 27), ticks, every(5.3 * 3600), 631)
    shared += drift(derived(cell, 28), ticks, every(900), 59)
    log = np.take(rhythm(times_s), columns.cluster_region[rows], axis=1)
    log *= _RHYTHM[kind]
    # good weeks are further from the middle than bad ones
    log += _SLOW[kind] * (slow + np.float32(0.25) * slow * slow - np.float32(0.25))
    restless = habits.restless[rows]
    log += _MIDDLE[kind] * restless * middle
    log += _SHARED[kind] * (np.float32(0.2) + restless) * shared
    log += _LEVELS[kind] * switching(derived(base, 29), ticks, every(_LEVEL_SLOT_S))
    log *= habits.volatility[rows]
    # heavy tails: a calm minute is calmer, a hectic one more hectic than a bell curve has it
    log += habits.quick[rows] * quick * (np.float32(0.6) + np.float32(0.12) * quick * quick)
    log -= habits.balance[rows]
    demand = growth(log)
    often = habits.scheduled[rows]
    size = _BURST_SIZE[kind] * (np.float32(1) + np.float32(2.5) * restless * restless)
    bursts = events(derived(base, 30), ticks, every(_BURST_SLOT_S), _BURST_CHANCE[kind] * often, size)
    demand *= np.float32(1) + bursts
    np.minimum(demand, _PEAK_DEMAND / habits.cpu[rows], out=demand)
    chance = _JOB_CHANCE[kind] * often * (np.float32(1) - habits.cpu[rows])
    jobs = events(derived(base, 31), ticks, every(_JOB_SLOT_S), chance, _JOB_SIZE[kind])
    brief = derived(base, 32), ticks, every(_BRIEF_SLOT_S), habits.brief_chance[rows], habits.brief_size[rows]
    jobs += events(*brief, most=_BRIEF_TAIL, longest=_BRIEF_LONGEST)
    jobs += _nightly(columns, habits, rows, times_s)
    room = np.maximum(_PEAK_CPU - demand * habits.cpu[rows], np.float32(0))
    np.minimum(jobs, room / habits.job_cpu[rows], out=jobs)
    return Activity(demand, jobs, slow)


def _nightly(columns: Columns, habits: Traits, rows: npt.NDArray[np.intp], times_s: Instants) -> Floats:
    """The backup or report that runs at the same local time every night."""
    offsets = np.array(UTC_OFFSET_S, np.float64)[columns.cluster_region[rows]]
    since = (times_s[:, None] + offsets - habits.nightly_at_s[rows]) % DAY_S
    return np.where(since < habits.nightly_for_s[rows], habits.nightly[rows], np.float32(0)).astype(np.float32)
