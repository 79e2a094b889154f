"""From what servers do to what their monitoring shows: every metric of the catalogue, by formula."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from openmanager_core.simulator.block import Block, clip
from openmanager_core.simulator.hashing import Floats, derived, drift
from openmanager_core.simulator.levels import (
    BYTES_IN,
    BYTES_OUT,
    CONNECTIONS,
    DISK_IO_BYTES_PER_S,
    ERROR_SHARE,
    QUEUE_DEPTH,
)

F = np.float32


def read(b: Block, metric: str) -> Floats:
    """Values of one metric, fresh, shape ``(n_ticks, n_servers)``; ``nan`` while a server is down.

    The caller picks servers that have the metric.
    """
    out = FORMULAS[metric](b)
    down = b.faults.get("down")
    if down is not None:
        out[down > 0] = np.nan
    return out


def cpu_busy(b: Block) -> Floats:
    """Rounded, as monitoring does."""
    steps = b.habits.cpu_steps[b.home]
    out = b.wanted * steps
    out += F(0.5)
    np.floor(out, out=out)
    out /= steps
    return clip(out, 0, 1)


def cpu_steal(b: Block) -> Floats:
    """Nearly nothing, unless a neighbour is noisy; then it comes and goes."""
    noise = b.bell(3, 0)
    out = F(0.0006) * (noise * noise)
    stolen = b.faults.get("steal")
    if stolen is not None:
        out += stolen * (F(1) + F(0.2) * np.minimum(noise, F(2)))
    return clip(out, 0, 1)


def memory_used(b: Block) -> Floats:
    """Follows the slow mood of the cluster, hardly the load of the moment."""
    out = F(0.018) * b.of_cluster(b.activity.slow)
    out += F(0.02) * np.minimum(b.demand, F(3))
    out += F(0.004) * b.own
    out += F(0.0012) * b.bell(1, 3)
    out += b.people.memory[b.rows]
    b.add_fault(out, "memory")
    return clip(out, 0.02, 0.995)


def disk_used(b: Block) -> Floats:
    """Grows until the clean-up."""
    return clip(b.disk(), 0.01, 1)


def disk_io(b: Block) -> Floats:
    """Records read and written, plus the jobs' own."""
    out = b.demand * (F(1) + F(0.2) * b.bell(2, 1))
    out += F(2) * b.of_cluster(b.activity.jobs)
    out *= b.of_type(DISK_IO_BYTES_PER_S) * b.people.size[b.rows]
    b.times_fault(out, "io")
    if b.pressure is not None:
        out += F(4e7) * b.pressure
    np.maximum(out, F(4096), out=out)
    return out


def network_receive(b: Block) -> Floats:
    """Requests, and what the jobs fetch."""
    return _network(b, BYTES_IN, 2, 0)


def network_transmit(b: Block) -> Floats:
    """Answers, and what the jobs send."""
    return _network(b, BYTES_OUT, 0, 2)


def _network(b: Block, size: Floats, word: int, field: int) -> Floats:
    noise = b.bell(word, field)
    noise *= F(0.08)
    noise += F(1)
    noise *= b.of_type(size)
    noise *= b.served
    b.times_fault(noise, "network")
    jobs = b.of_cluster(b.activity.jobs)
    jobs *= F(3e5)
    noise += jobs
    noise += F(2500)
    return noise


def load_per_core(b: Block) -> Floats:
    """Runnable work per core; queues show above one."""
    out = F(0.03) * b.bell(3, 1)
    out += F(1.04) * b.wanted
    out += F(2) * np.maximum(b.wanted - F(0.8), F(0))
    np.maximum(out, F(0), out=out)
    return out


def tcp_retransmit(b: Block) -> Floats:
    """A little always, more when servers are too busy to answer, much when packets are lost."""
    out = b.bell(1, 1)
    out *= F(0.45)
    out += F(1)
    out *= out
    out *= F(0.0008)
    over = b.wanted - F(0.92)
    np.maximum(over, F(0), out=over)
    over *= F(0.01)
    out += over
    lost = b.faults.get("retransmit")
    if lost is not None:
        out += lost * (F(1) + F(0.25) * b.bell(1, 2))
    return clip(out, 0, 1)


def clock_offset(b: Block) -> Floats:
    """A millisecond or so, wandering with the temperature."""
    base = derived(b.people.own[b.rows], 2)
    out = F(0.0007) * drift(base, b.ticks, max(1, round(5 * 3600 / b.tick_s)), 53)
    out += F(0.00012) * b.bell(3, 2)
    out += b.people.clock_s[b.rows]
    return b.add_fault(out, "clock")


def requests(b: Block) -> Floats:
    """What gets through."""
    return b.served.copy()


def errors(b: Block) -> Floats:
    """Failures are counted: whole numbers per tick."""
    share = np.broadcast_to(b.of_type(ERROR_SHARE), b.served.shape).copy()
    over = b.contended - F(0.97)
    np.maximum(over, F(0), out=over)
    over *= F(0.15)
    share += over
    b.add_fault(share, "errors")
    for part in (b.pressure, b.full):
        if part is not None:
            share += F(0.03) * part
    np.minimum(share, F(0.95), out=share)
    share *= b.served
    share *= F(b.tick_s)
    dither = b.noise(1, 2)
    dither *= F(0.5)
    dither += F(0.5)
    share += dither
    np.floor(share, out=share)
    share /= F(b.tick_s)
    return share


def latency_p50(b: Block) -> Floats:
    """Half the answers come sooner."""
    return b.median.copy()


def latency_p95(b: Block) -> Floats:
    """One answer of twenty takes longer."""
    return b.p95.copy()


def latency_p99(b: Block) -> Floats:
    """One answer of a hundred takes longer."""
    tail = b.bell(2, 2)
    return b.p95 * (F(1.5) + F(0.15) * tail * tail)


def connections(b: Block) -> Floats:
    """A pool that breathes with demand, plus everybody who waits (Little's law)."""
    pool = b.of_type(CONNECTIONS) * b.people.size[b.rows]
    out = pool * (F(0.6) + F(0.4) * b.demand)
    out += b.served * b.median
    b.times_fault(out, "connections")
    out += F(1.5) * b.bell(2, 3) + F(4)
    np.floor(out, out=out)
    np.maximum(out, F(0), out=out)
    return out


def queue_depth(b: Block) -> Floats:
    """Messages that wait: more than linear in demand, and as long as the consumers are slow."""
    out = b.demand * b.queueing
    b.times_fault(out, "latency")
    out *= F(QUEUE_DEPTH) * (F(1) + F(0.25) * b.bell(3, 3))
    out *= b.people.size[b.rows]
    np.maximum(out, F(0), out=out)
    np.floor(out, out=out)
    return out


def cache_hit(b: Block) -> Floats:
    """High and steady, low while memory is cold."""
    out = F(0.955) + F(0.008) * b.of_cluster(b.activity.slow)
    out -= F(0.012) * np.maximum(b.demand - F(1), F(0))
    out += F(0.006) * b.bell(3, 3)
    b.add_fault(out, "hit", -1.0)
    return clip(out, 0, 1)


FORMULAS: dict[str, Callable[[Block], Floats]] = {
    "cpu_busy_ratio": cpu_busy,
    "cpu_steal_ratio": cpu_steal,
    "memory_used_ratio": memory_used,
    "disk_used_ratio": disk_used,
    "disk_io_bytes_per_s": disk_io,
    "network_receive_bytes_per_s": network_receive,
    "network_transmit_bytes_per_s": network_transmit,
    "load_per_core_ratio": load_per_core,
    "tcp_retransmit_ratio": tcp_retransmit,
    "clock_offset_s": clock_offset,
    "requests_per_s": requests,
    "errors_per_s": errors,
    "latency_p50_s": latency_p50,
    "latency_p95_s": latency_p95,
    "latency_p99_s": latency_p99,
    "connections_active": connections,
    "queue_depth_messages": queue_depth,
    "cache_hit_ratio": cache_hit,
}
