"""One look at this machine: every metric of the catalogue that psutil can tell."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil

from openmanager_core.catalog import METRICS
from openmanager_core.source._grid import Float64
from openmanager_core.wording import sentence

T = TypeVar("T")
_SNMP = Path("/proc/net/snmp")
_BLOCK = Path("/sys/block")
VIRTUAL_LINKS = r"lo|lo\d+|veth.*|docker.*|br-.*|virbr.*|cni.*|flannel.*|cali.*"
"""Loopback, and links whose bytes a physical one carries a second time."""
VIRTUAL_DISKS = r"loop\d*|ram\d*|zram\d*|dm-\d+|md\d+|sr\d+|fd\d+"
"""Devices without a disk of their own, or whose bytes a disk below them counts a second time."""
PSEUDO_FILE_SYSTEMS = (
    "autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|efivarfs|fusectl|hugetlbfs|iso9660|mqueue|"
    "nsfs|overlay|proc|pstore|ramfs|rpc_pipefs|securityfs|squashfs|sysfs|tmpfs|tracefs"
)
"""File systems that hold no data of their own or can not fill up."""

_EVERYWHERE = ("cpu_busy_ratio", "memory_used_ratio", "disk_used_ratio", "load_per_core_ratio")


class Probe:
    """Reads the machine; rates are taken between one call of `sample` and the next."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[float, float]] = {}
        self._problems: dict[str, str] = {}
        has = set(_EVERYWHERE)
        if sys.platform == "linux":
            has |= {"cpu_steal_ratio"}
        if self._try("disk_io_bytes_per_s", _disk_bytes) is not None:
            has |= {"disk_io_bytes_per_s"}
        if self._try("network", _network_bytes) is not None:
            has |= {"network_receive_bytes_per_s", "network_transmit_bytes_per_s"}
        if self._try("tcp_retransmit_ratio", _tcp_segments) is not None:
            has |= {"tcp_retransmit_ratio"}
        self._problems.clear()
        self.metrics: tuple[str, ...] = tuple(m.name for m in METRICS if m.name in has)

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be read the last time."""
        return tuple(sentence("problem.not_read", name=n, error=kind) for n, kind in sorted(self._problems.items()))

    def sample(self) -> Float64:
        """Values in the order of `metrics`; ``nan`` for what could not be read, and for rates at the first call."""
        found = dict(self._read(time.monotonic()))
        return np.array([found.get(name, np.nan) for name in self.metrics])

    def _read(self, at_s: float) -> Iterator[tuple[str, float]]:
        cpu = self._try("cpu", _cpu_seconds)
        if cpu is not None:
            busy, steal, total = cpu
            spent = self._gained("cpu_total", at_s, total)[0]
            used, stolen = self._gained("cpu_busy", at_s, busy)[0], self._gained("cpu_steal", at_s, steal)[0]
            if spent > 0:
                yield "cpu_busy_ratio", min(1.0, max(0.0, used / spent))
                yield "cpu_steal_ratio", min(1.0, max(0.0, stolen / spent))
        memory = self._try("memory_used_ratio", lambda: 1 - psutil.virtual_memory().available / _memory_bytes())
        if memory is not None:
            yield "memory_used_ratio", memory
        disk = self._try("disk_used_ratio", _fullest)
        if disk is not None:
            yield "disk_used_ratio", disk
        moved = self._try("disk_io_bytes_per_s", _disk_bytes)
        if moved is not None:
            yield "disk_io_bytes_per_s", self._per_s("disk", at_s, moved)
        network = self._try("network", _network_bytes)
        if network is not None:
            yield "network_receive_bytes_per_s", self._per_s("received", at_s, network[0])
            yield "network_transmit_bytes_per_s", self._per_s("sent", at_s, network[1])
        load = self._try("load_per_core_ratio", lambda: psutil.getloadavg()[0] / (psutil.cpu_count() or 1))
        if load is not None:
            yield "load_per_core_ratio", load
        segments = self._try("tcp_retransmit_ratio", _tcp_segments)
        if segments is not None:
            again, sent = self._gained("again", at_s, segments[0])[0], self._gained("out", at_s, segments[1])[0]
            if np.isfinite(sent):
                yield "tcp_retransmit_ratio", min(1.0, again / sent) if sent > 0 else 0.0

    def _gained(self, name: str, at_s: float, value: float) -> tuple[float, float]:
        """What a counter gained since the call before, and over how many seconds; a fall is a reset to 0."""
        was = self._before.get(name)
        self._before[name] = (at_s, value)
        if was is None:
            return np.nan, np.nan
        return (value - was[1] if value >= was[1] else value), at_s - was[0]

    def _per_s(self, name: str, at_s: float, value: float) -> float:
        gained, over_s = self._gained(name, at_s, value)
        return gained / over_s if over_s > 0 else np.nan

    def _try(self, name: str, read: Callable[[], T]) -> T | None:
        """One reading, or None with a note: one broken sensor must not silence the others."""
        try:
            value = read()
        except (OSError, psutil.Error, NotImplementedError, ValueError) as exc:
            self._problems[name] = type(exc).__name__
            return None
        self._problems.pop(name, None)
        return value


def machine_spec() -> tuple[int, int, int, float]:
    """Cores, bytes of memory, bytes of real file systems, and bytes per second of the links that are up."""
    disk = 0
    for part in _file_systems():
        try:
            disk += psutil.disk_usage(part).total
        except OSError:
            continue
    links = psutil.net_if_stats()
    speed = sum(max(0, s.speed) for name, s in links.items() if s.isup and not re.fullmatch(VIRTUAL_LINKS, name))
    return psutil.cpu_count() or 0, _memory_bytes(), disk, speed * 1e6 / 8


def _memory_bytes() -> int:
    return int(psutil.virtual_memory().total)


def _cpu_seconds() -> tuple[float, float, float]:
    """Seconds since boot, summed over cores: busy, taken by other guests, all."""
    spent = psutil.cpu_times()._asdict()
    # Linux counts the time of our own guests in `user` and `nice` already.
    total = sum(v for name, v in spent.items() if name not in ("guest", "guest_nice"))
    return total - spent["idle"], spent.get("steal", 0.0), total


def _file_systems() -> list[str]:
    """Mount points that hold data, each device once; the root whatever it is (a container's is an overlay)."""
    seen: dict[str, str] = {}
    for part in psutil.disk_partitions(all=False):
        if not re.fullmatch(PSEUDO_FILE_SYSTEMS, part.fstype):
            seen.setdefault(part.device, part.mountpoint)
    root = Path(psutil.__file__).anchor or "/"
    return list(dict.fromkeys([root, *seen.values()]))


def _fullest() -> float:
    """Used share of the fullest file system; what only root may still use counts as used."""
    shares: list[float] = []
    for mount in _file_systems():
        try:
            usage = psutil.disk_usage(mount)
        except OSError:
            continue  # not ours to see, or gone
        if usage.total > 0:
            shares.append(1 - usage.free / usage.total)
    return max(shares)


def _disk_bytes() -> float:
    """Bytes read and written on whole disks since boot."""
    disks = psutil.disk_io_counters(perdisk=True)
    whole = {p.name.replace("!", "/") for p in _BLOCK.iterdir()} if _BLOCK.is_dir() else set(disks)
    moved = [
        c.read_bytes + c.write_bytes for n, c in disks.items() if n in whole and not re.fullmatch(VIRTUAL_DISKS, n)
    ]
    if not moved:
        raise ValueError("no disk")
    return float(sum(moved))


def _network_bytes() -> tuple[float, float]:
    """Bytes received and sent since boot."""
    links = [c for n, c in psutil.net_io_counters(pernic=True).items() if not re.fullmatch(VIRTUAL_LINKS, n)]
    if not links:
        raise ValueError("no network")
    return float(sum(c.bytes_recv for c in links)), float(sum(c.bytes_sent for c in links))


def _tcp_segments() -> tuple[float, float]:
    """TCP segments sent again, and sent, since boot."""
    names, numbers = (line.split() for line in _SNMP.read_text("ascii").splitlines() if line.startswith("Tcp:"))
    row = dict(zip(names, numbers, strict=True))
    return float(row["RetransSegs"]), float(row["OutSegs"])
