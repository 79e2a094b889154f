"""What can be measured: metric names with unit, kind and bounds, and which server type has which.

Imports nothing heavy: start-up, completions and schemas read it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from openmanager_core.errors import NotFound

ServerType = Literal["web", "api", "database", "cache", "queue", "unknown"]
Environment = Literal["production", "staging", "development", "unknown"]
Architecture = Literal["x86_64", "arm64", "unknown"]
FaultKind = Literal[
    "cpu_saturation",
    "memory_leak",
    "disk_filling",
    "network_loss",
    "slow_dependency",
    "traffic_surge",
    "bad_deployment",
    "noisy_neighbour",
    "crash_restart",
    "clock_skew",
]
Kind = Literal["gauge", "rate", "quantile"]
Worse = Literal["high", "low", "both"]

SERVER_TYPES: tuple[str, ...] = get_args(ServerType)
ENVIRONMENTS: tuple[str, ...] = get_args(Environment)
ARCHITECTURES: tuple[str, ...] = get_args(Architecture)
REGIONS: tuple[str, ...] = ("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1")

_ALL = ("web", "api", "database", "cache", "queue", "unknown")
_SERVING = ("web", "api", "database", "cache", "queue")


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the catalogue.

    Attributes
    ----------
    name
        Ends in its SI unit: ``_ratio`` (0 to 1), ``_s``, ``_bytes``, ``_per_s``; a bare count has none.
    unit
        For people: ``ratio``, ``s``, ``bytes/s``, ``1/s``, ``messages``, ``connections``.
    low, high
        Physical bounds; a reading outside is an error of the source.
    worse
        The direction that hurts users.
    floor
        The smallest change worth a thought, in the metric's own unit. No scale estimate goes below
        it, so that a constant series does not turn rounding into news.
    relative
        The same as a share of the level, for metrics without a natural size.
    types
        Server types that have it.
    prometheus
        Its name in our own exposition, with Prometheus's base units spelled out.
    description
        One line.
    """

    name: str
    unit: str
    kind: Kind
    low: float
    high: float
    worse: Worse
    floor: float
    relative: float
    types: tuple[str, ...]
    prometheus: str
    description: str


def _m(
    name: str, unit: str, kind: Kind, high: float, worse: Worse, floor: float, relative: float,
    types: tuple[str, ...], description: str, *, low: float = 0.0,
) -> Metric:  # fmt: skip
    spelled = name.removesuffix("_per_s") + "_per_second" if name.endswith("_per_s") else name
    spelled = spelled.removesuffix("_s") + "_seconds" if spelled.endswith("_s") else spelled
    return Metric(name, unit, kind, low, high, worse, floor, relative, types, f"openmanager_{spelled}", description)


_INF = math.inf
METRICS: tuple[Metric, ...] = (
    _m("cpu_busy_ratio", "ratio", "gauge", 1, "high", 0.01, 0, _ALL, "Share of CPU time not idle"),
    _m("cpu_steal_ratio", "ratio", "gauge", 1, "high", 0.005, 0, _ALL, "Share of CPU time taken by other guests"),
    _m("memory_used_ratio", "ratio", "gauge", 1, "high", 0.005, 0, _ALL, "Share of memory in use"),
    _m("disk_used_ratio", "ratio", "gauge", 1, "high", 0.002, 0, _ALL, "Share of the fullest file system in use"),
    _m("disk_io_bytes_per_s", "bytes/s", "rate", _INF, "high", 1e5, 0.05, _ALL, "Bytes read and written on disks"),
    _m("network_receive_bytes_per_s", "bytes/s", "rate", _INF, "both", 1e4, 0.05, _ALL, "Bytes received"),
    _m("network_transmit_bytes_per_s", "bytes/s", "rate", _INF, "both", 1e4, 0.05, _ALL, "Bytes sent"),
    _m("load_per_core_ratio", "ratio", "gauge", _INF, "high", 0.02, 0, _ALL, "One-minute load average per core"),
    _m("tcp_retransmit_ratio", "ratio", "gauge", 1, "high", 0.001, 0, _ALL, "Share of TCP segments sent again"),
    _m("clock_offset_s", "s", "gauge", _INF, "both", 0.005, 0, _ALL, "Clock offset from its reference", low=-_INF),
    _m("requests_per_s", "1/s", "rate", _INF, "both", 0.5, 0.03, _SERVING, "Requests served (queue: messages in)"),
    _m("errors_per_s", "1/s", "rate", _INF, "high", 0.05, 0.05, _SERVING, "Requests that failed"),
    _m("latency_p50_s", "s", "quantile", _INF, "high", 0.0005, 0.03, _SERVING, "Median time to answer"),
    _m("latency_p95_s", "s", "quantile", _INF, "high", 0.001, 0.03, _SERVING, "95th percentile of the time to answer"),
    _m("latency_p99_s", "s", "quantile", _INF, "high", 0.002, 0.05, _SERVING, "99th percentile of the time to answer"),
    _m("connections_active", "connections", "gauge", _INF, "high", 2, 0.05, _SERVING, "Open client connections"),
    _m("queue_depth_messages", "messages", "gauge", _INF, "high", 5, 0.05, ("queue",), "Messages waiting"),
    _m("cache_hit_ratio", "ratio", "gauge", 1, "low", 0.01, 0, ("cache",), "Share of look-ups answered from memory"),
)  # fmt: skip

BY_NAME: dict[str, Metric] = {m.name: m for m in METRICS}

SCREENED: tuple[str, ...] = (
    "cpu_busy_ratio",
    "memory_used_ratio",
    "disk_used_ratio",
    "network_transmit_bytes_per_s",
    "tcp_retransmit_ratio",
    "requests_per_s",
    "errors_per_s",
    "latency_p95_s",
)
"""The eight metrics a first look at a whole fleet reads; the others explain what it finds."""


def metric(name: str) -> Metric:
    """The catalogue's row of that name.

    Raises
    ------
    NotFound
        If there is none; the message gives the nearest names.
    """
    try:
        return BY_NAME[name]
    except KeyError:
        raise NotFound.named("metric", name, BY_NAME, hint="list_metrics shows them all") from None


def metrics_of(server_type: str) -> tuple[str, ...]:
    """Names of the metrics a server of this type has, in catalogue order."""
    return tuple(m.name for m in METRICS if server_type in m.types)
