"""The table from catalogue names to PromQL: our own exposition, node_exporter, and rows a profile adds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from openmanager_core.catalog import BY_NAME, METRICS
from openmanager_core.errors import ConfigError, NotFound
from openmanager_core.source.prometheus.promql import Template, selector

Family = Literal["profile", "own", "node"]

_DISKS = 'device!~"loop.*|ram.*|zram.*|dm-.*|md.*|sr.*|fd.*"'
_LINKS = 'device!~"lo|veth.*|docker.*|br-.*|virbr.*|cni.*|flannel.*|cali.*"'
_FILES = (
    'fstype!~"autofs|bpf|cgroup.*|debugfs|devpts|devtmpfs|iso9660|nsfs|overlay|proc|ramfs|squashfs|sysfs|tmpfs|tracefs"'
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to get one metric.

    Attributes
    ----------
    needs
        Metric names that must exist on the engine; empty for a profile's rows, which are tried instead.
    """

    metric: str
    family: Family
    template: Template
    needs: tuple[str, ...] = ()


def _node(metric: str, text: str, *needs: str) -> Candidate:
    return Candidate(metric, "node", Template.parse(text), needs)


def _last(name: str, more: str = "") -> str:
    return f"last_over_time({name}{{{more + ',' if more else ''}$selector}}[$range])"


def _rate(name: str, more: str = "") -> str:
    return f"rate({name}{{{more + ',' if more else ''}$selector}}[$range])"


_CPU = "node_cpu_seconds_total"
_IDLE, _STEAL = 'mode="idle"', 'mode="steal"'
NODE: tuple[Candidate, ...] = (
    _node("cpu_busy_ratio", f"1 - avg without (cpu, mode) ({_rate(_CPU, _IDLE)})", _CPU),
    _node("cpu_steal_ratio", f"avg without (cpu, mode) ({_rate(_CPU, _STEAL)})", _CPU),
    _node(
        "memory_used_ratio",
        f"1 - {_last('node_memory_MemAvailable_bytes')} / {_last('node_memory_MemTotal_bytes')}",
        "node_memory_MemAvailable_bytes",
        "node_memory_MemTotal_bytes",
    ),
    _node(
        "disk_used_ratio",
        "max without (device, device_error, fstype, mountpoint) (1 - "
        f"{_last('node_filesystem_avail_bytes', _FILES)} / {_last('node_filesystem_size_bytes', _FILES)})",
        "node_filesystem_avail_bytes",
        "node_filesystem_size_bytes",
    ),
    _node(
        "disk_io_bytes_per_s",
        f"sum without (device) ({_rate('node_disk_read_bytes_total', _DISKS)}"
        f" + {_rate('node_disk_written_bytes_total', _DISKS)})",
        "node_disk_read_bytes_total",
        "node_disk_written_bytes_total",
    ),
    _node(
        "network_receive_bytes_per_s",
        f"sum without (device) ({_rate('node_network_receive_bytes_total', _LINKS)})",
        "node_network_receive_bytes_total",
    ),
    _node(
        "network_transmit_bytes_per_s",
        f"sum without (device) ({_rate('node_network_transmit_bytes_total', _LINKS)})",
        "node_network_transmit_bytes_total",
    ),
    _node(
        "load_per_core_ratio",
        f"{_last('node_load1')} / count without (cpu, mode) ({_last(_CPU, _IDLE)})",
        "node_load1",
        _CPU,
    ),
    _node(
        "tcp_retransmit_ratio",
        # Where nothing was sent nothing was sent again: 0, not a division by 0.
        f"clamp_max({_rate('node_netstat_Tcp_RetransSegs')} / clamp_min({_rate('node_netstat_Tcp_OutSegs')}, 1e-9), 1)",
        "node_netstat_Tcp_RetransSegs",
        "node_netstat_Tcp_OutSegs",
    ),
    _node("clock_offset_s", _last("node_timex_offset_seconds"), "node_timex_offset_seconds"),
)

OWN: tuple[Candidate, ...] = tuple(
    Candidate(m.name, "own", Template.parse(f"{m.prometheus}{{$selector}}"), (m.prometheus,)) for m in METRICS
)

OWN_INFO = "openmanager_server_info"
OWN_SPEC = ("openmanager_server_cpu_cores", "openmanager_server_memory_bytes", "openmanager_server_disk_bytes")
NODE_INFO = "node_uname_info"
NODE_BOOT = "node_boot_time_seconds"
CALLS = "openmanager_service_calls_info"
TRACED_CALLS = "traces_service_graph_request_total"
DEPLOYMENTS = "openmanager_deployment_timestamp_seconds"

NODE_SPEC: tuple[str, ...] = (
    f"count without (cpu, mode) ({selector(_CPU, [_IDLE])})",
    "node_memory_MemTotal_bytes",
    f"sum without (device, device_error, fstype, mountpoint) (node_filesystem_size_bytes{{{_FILES}}})",
)


def wanted_names() -> tuple[str, ...]:
    """Every metric name this folder may ask for."""
    found = {name for c in (*OWN, *NODE) for name in c.needs}
    return tuple(sorted(found | {OWN_INFO, *OWN_SPEC, NODE_INFO, NODE_BOOT, CALLS, TRACED_CALLS, DEPLOYMENTS}))


def profile_rows(rows: Mapping[str, str]) -> tuple[Candidate, ...]:
    """The rows of ``[source.mapping]``.

    Raises
    ------
    ConfigError
        If a name is not in the catalogue, or its PromQL can not be filled in.
    """
    found: list[Candidate] = []
    for name, text in rows.items():
        where = f"source.mapping.{name}"
        if name not in BY_NAME:
            tip = NotFound.named("metric", name, BY_NAME).hint
            raise ConfigError(f"{where}: no such metric in the catalogue" + (f"; {tip}" if tip else ""))
        found.append(Candidate(name, "profile", Template.parse(text, where=where)))
    return tuple(found)


def candidates(metric: str, profile: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Every way to get one metric; a profile's row replaces the table's."""
    mine = tuple(c for c in profile if c.metric == metric)
    return mine or tuple(c for c in (*OWN, *NODE) if c.metric == metric)
