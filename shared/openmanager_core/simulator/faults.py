"""What can go wrong on purpose: the kinds of fault, one fault, and the checks before it is believed.

Faults are ground truth. Tests and benchmarks score against them; no analysis may read them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

from openmanager_core.catalog import FaultKind, metrics_of
from openmanager_core.errors import InvalidRequest, NotFound
from openmanager_core.fleet import Change, Fleet

FAULT_KINDS: tuple[str, ...] = get_args(FaultKind)

_LATENCY = ("latency_p50_s", "latency_p95_s", "latency_p99_s")
MOVED: dict[str, tuple[str, ...]] = {
    "cpu_saturation": ("cpu_busy_ratio", "load_per_core_ratio", *_LATENCY, "errors_per_s"),
    "memory_leak": ("memory_used_ratio", "cpu_busy_ratio", "disk_io_bytes_per_s", *_LATENCY, "errors_per_s"),
    "disk_filling": ("disk_used_ratio", "disk_io_bytes_per_s", *_LATENCY, "errors_per_s"),
    "network_loss": (
        "tcp_retransmit_ratio", "network_transmit_bytes_per_s", "network_receive_bytes_per_s", *_LATENCY,
        "errors_per_s", "connections_active",
    ),
    "slow_dependency": (
        *_LATENCY, "connections_active", "disk_io_bytes_per_s", "cpu_busy_ratio", "errors_per_s",
        "queue_depth_messages",
    ),
    "traffic_surge": (
        "requests_per_s", "cpu_busy_ratio", "load_per_core_ratio", "network_transmit_bytes_per_s",
        "network_receive_bytes_per_s", *_LATENCY, "connections_active", "disk_io_bytes_per_s", "queue_depth_messages",
    ),
    "bad_deployment": ("errors_per_s", *_LATENCY, "cpu_busy_ratio", "memory_used_ratio", "cache_hit_ratio"),
    "noisy_neighbour": ("cpu_steal_ratio", "cpu_busy_ratio", "load_per_core_ratio", *_LATENCY),
    "crash_restart": (
        "requests_per_s", "cpu_busy_ratio", "memory_used_ratio", "cache_hit_ratio", *_LATENCY, "disk_io_bytes_per_s",
    ),
    "clock_skew": ("clock_offset_s", "errors_per_s", "cache_hit_ratio"),
}  # fmt: skip
"""Which metrics of its targets each kind moves, the plainest first."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes
    ----------
    id
        Empty until it is given to a simulator or a source.
    targets
        Server or cluster ids.
    start_s, end_s
        Unix seconds, half open; None: until it is cleared. A crash lasts from `start_s` to the restart at `end_s`.
    severity
        Above 0, at most 1; effects grow with it.
    note
        For people.
    """

    id: str
    kind: FaultKind
    targets: tuple[str, ...]
    start_s: float
    end_s: float | None = None
    severity: float = 0.8
    note: str = ""

    def ends_s(self) -> float:
        """When it ends, infinity if nobody knows."""
        return math.inf if self.end_s is None else self.end_s


def check(fault: Fault, fleet: Fleet) -> Fault:
    """The same fault if it can happen to this fleet.

    Raises
    ------
    NotFound
        If the kind or a target does not exist; the message gives the nearest names.
    InvalidRequest
        If there is no target, the times are reversed or not finite, or the severity is outside (0, 1].
    """
    if fault.kind not in FAULT_KINDS:
        raise NotFound.named("fault kind", str(fault.kind), FAULT_KINDS, hint=f"one of {', '.join(FAULT_KINDS)}")
    if not fault.targets:
        raise InvalidRequest("a fault needs at least one target", hint="give the id of a server or a cluster")
    for target in fault.targets:
        if target not in fleet.by_id and target not in fleet.cluster_by_id:
            raise NotFound.named(
                "server or cluster", target, [*fleet.by_id, *fleet.cluster_by_id], hint="list_servers shows them all"
            )
    if not math.isfinite(fault.start_s) or math.isnan(fault.ends_s()):
        raise InvalidRequest(f"fault times must be finite, got {fault.start_s} and {fault.end_s}")
    if fault.ends_s() <= fault.start_s:
        raise InvalidRequest(
            f"a fault must end after it starts, got start_s {fault.start_s:.0f} and end_s {fault.end_s:.0f}",
            hint="leave end_s away for a fault that goes on",
        )
    if not 0 < fault.severity <= 1:
        raise InvalidRequest(f"severity must be above 0 and at most 1, got {fault.severity}")
    return fault


def servers_of(fault: Fault, fleet: Fleet) -> tuple[str, ...]:
    """The servers it hits directly, each once, in the order of its targets."""
    out: dict[str, None] = {}
    for target in fault.targets:
        found = fleet.cluster_by_id.get(target)
        out.update(dict.fromkeys(found.members if found else (target,)))
    return tuple(out)


def change_of(fault: Fault, fleet: Fleet) -> list[Change]:
    """What an operations log would say about it: a deployment, a restart, or nothing."""
    if fault.kind == "bad_deployment":
        text = "new version rolled out"
        return [Change("deployment", fault.start_s, t, f"{text} to {t}") for t in fault.targets]
    if fault.kind == "crash_restart" and fault.end_s is not None:
        text = "started again after an unexpected exit"
        return [Change("restart", fault.end_s, s, f"{s} {text}") for s in servers_of(fault, fleet)]
    return []


def reached(fault: Fault, fleet: Fleet) -> tuple[str, ...]:
    """Clusters that feel it without being hit: callers of slow or failing ones, callees of a surge; nearest first."""
    step = fleet.callees if fault.kind == "traffic_surge" else fleet.callers
    hit = dict.fromkeys(fleet.by_id[s].cluster for s in servers_of(fault, fleet))
    out: dict[str, None] = {}
    edge = list(hit)
    while edge:
        edge = [n for c in edge for n in step(c) if n not in hit and n not in out]
        out.update(dict.fromkeys(edge))
    return tuple(out)


def ground_truth(faults: Sequence[Fault], fleet: Fleet) -> list[dict[str, Any]]:
    """What is really wrong, JSON-ready: one entry per fault, in order.

    Each holds the fault's own fields and `servers` (hit directly), `clusters` (theirs), `metrics` (moved on them, the
    plainest first), `reached` (clusters that only feel it), `root_cause` (the cluster if all of one is hit, else the
    server if it is one, else the first server's cluster), `start` and `end` (null: goes on).
    """
    out = []
    for fault in faults:
        servers = servers_of(fault, fleet)
        clusters = tuple(dict.fromkeys(fleet.by_id[s].cluster for s in servers))
        whole = len(servers) == len(fleet.cluster_by_id[clusters[0]].members)
        present = {m for s in servers for m in metrics_of(fleet.by_id[s].type)}
        root = servers[0] if len(servers) == 1 and not (whole and clusters[0] in fault.targets) else clusters[0]
        out.append(
            {
                **asdict(fault),
                "targets": list(fault.targets),
                "servers": list(servers),
                "clusters": list(clusters),
                "metrics": [m for m in MOVED[fault.kind] if m in present],
                "reached": list(reached(fault, fleet)),
                "root_cause": root,
                "start": fault.start_s,
                "end": fault.end_s,
                "changes": [asdict(c) for c in change_of(fault, fleet)],
            }
        )
    return out
