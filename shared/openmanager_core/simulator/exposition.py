"""The fleet as Prometheus reads it: text format 0.0.4 and OpenMetrics, now or over a stretch of the past.

Everything but the numbers is put into bytes once; a scrape formats whole metrics at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
import orjson

from openmanager_core import catalog
from openmanager_core.fleet import ServerInstance
from openmanager_core.job import checkpoint
from openmanager_core.panel import FloatArray, Window
from openmanager_core.simulator.engine import Simulator

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_AT_ONCE = 4_000_000


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _labels(**labels: str) -> str:
    return "{" + ",".join(f'{k}="{_escaped(v)}"' for k, v in labels.items()) + "}"


def _of(server: ServerInstance) -> dict[str, str]:
    return {
        "server": server.id,
        "cluster": server.cluster,
        "type": server.type,
        "region": server.region,
        "environment": server.environment,
        "architecture": server.architecture,
    }


def _numbers(values: FloatArray) -> list[bytes]:
    """Finite values as the shortest text that reads back the same."""
    return orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")


class Exposition:
    """One simulator's `/metrics`."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        fleet = simulator.fleet()
        inside = {s.id: _labels(**_of(s)) for s in fleet.servers}
        types = {s.type for s in fleet.servers}
        self._metrics = [m for m in catalog.METRICS if types & set(m.types)]
        self._prefixes = {
            m.name: [f"\n{m.prometheus}{inside[h]} ".encode() for h in simulator.has(m.name)] for m in self._metrics
        }
        # name, help, type in OpenMetrics, samples; what never changes
        self._facts: list[tuple[str, str, str, list[bytes], list[bytes]]] = []

        def fact(name: str, text: str, kind: str, rows: Sequence[tuple[str, float]]) -> None:
            prefixes = [f"\n{name}{labels} ".encode() for labels, _ in rows]
            values = _numbers(np.array([v for _, v in rows], np.float64)) if rows else []
            self._facts.append((name, text, kind, prefixes, values))

        people = fleet.servers
        fact(
            "openmanager_server_info",
            "What a server is.",
            "info",
            [(_labels(**_of(s), name=s.name, role=s.role, cpu_cores=str(s.spec.cpu_cores)), 1.0) for s in people],
        )
        fact(
            "openmanager_server_cpu_cores", "Cores.", "gauge", [(inside[s.id], float(s.spec.cpu_cores)) for s in people]
        )
        fact(
            "openmanager_server_memory_bytes",
            "Memory installed.",
            "gauge",
            [(inside[s.id], float(s.spec.memory_bytes)) for s in people],
        )
        fact(
            "openmanager_server_disk_bytes",
            "Size of the fullest file system.",
            "gauge",
            [(inside[s.id], float(s.spec.disk_bytes)) for s in people],
        )
        fact(
            "openmanager_service_calls_info",
            "Which cluster calls which.",
            "info",
            [(_labels(caller=a, callee=b), 1.0) for a, b in fleet.calls],
        )
        fact(
            "openmanager_deployment_timestamp_seconds",
            "When this version of the application was rolled out to the cluster.",
            "gauge",
            [
                (
                    _labels(application=d.application, environment=d.environment, version=d.version, cluster=c),
                    d.at_s,
                )
                for app in fleet.applications
                for d in app.deployments
                for c in d.clusters
            ],
        )

    def render(self, at_s: float, *, openmetrics: bool = False) -> bytes:
        """Every series at one instant; servers that are down are left out."""
        window = Window(at_s, at_s + 1.0, 1.0)
        panels = self._simulator.read_many([m.name for m in self._metrics], window)
        out: list[bytes] = []
        for metric in self._metrics:
            column = np.ascontiguousarray(panels[metric.name].values[:, 0])
            prefixes = self._prefixes[metric.name]
            live = np.isfinite(column)
            if not live.all():
                prefixes = [p for p, ok in zip(prefixes, live, strict=True) if ok]
                column = column[live]
            _add_family(out, metric.prometheus, metric.description, "gauge", openmetrics)
            _interleave(out, prefixes, _numbers(column) if len(column) else [])
        for name, text, kind, prefixes, values in self._facts:
            if prefixes:
                _add_family(out, name, text, kind, openmetrics)
                _interleave(out, prefixes, values)
        out.append(b"\n# EOF\n" if openmetrics else b"\n")
        return b"".join(out)[1:]

    def write_history(self, file: BinaryIO, window: Window) -> int:
        """Every series over a window in OpenMetrics with timestamps, as `promtool tsdb create-blocks-from` wants it.

        The samples of one series follow each other, so do the series of one metric. Returns how many samples.
        """
        times_s = window.times_s()
        stamps = [b" %d" % t if t == int(t) else f" {t:.3f}".encode() for t in times_s.tolist()]
        samples = 0
        first = b""
        for done, metric in enumerate(self._metrics):
            checkpoint(done / len(self._metrics), f"writing {metric.name}")
            head: list[bytes] = []
            _add_family(head, metric.prometheus, metric.description, "gauge", True)
            file.write(first + b"".join(head)[1:])
            first = b"\n"
            for prefix, row in self._rows(metric.name, window):
                live = np.isfinite(row)
                some = stamps if live.all() else [s for s, ok in zip(stamps, live, strict=True) if ok]
                if some:
                    samples += _write_series(file, prefix, _numbers(row[live]), some)
        for name, text, kind, prefixes, values in self._facts:
            if not prefixes:
                continue
            head = []
            _add_family(head, name, text, kind, True)
            file.write(b"".join(head))
            for prefix, value in zip(prefixes, values, strict=True):
                samples += _write_series(file, prefix, [value] * len(stamps), stamps)
        file.write(b"\n# EOF\n")
        return samples

    def _rows(self, metric: str, window: Window) -> Iterator[tuple[bytes, FloatArray]]:
        hosts, prefixes = self._simulator.has(metric), self._prefixes[metric]
        stride = max(1, _AT_ONCE // window.n_times)
        for first in range(0, len(hosts), stride):
            panel = self._simulator.read(metric, window, hosts[first : first + stride])
            yield from zip(prefixes[first : first + stride], panel.values, strict=True)


def _add_family(out: list[bytes], name: str, text: str, kind: str, openmetrics: bool) -> None:
    """HELP and TYPE; each starts a line. Info metrics exist in OpenMetrics only and go by the name before ``_info``."""
    if kind == "info":
        name, kind = (name.removesuffix("_info"), "info") if openmetrics else (name, "gauge")
    out.append(f"\n# HELP {name} {text}\n# TYPE {name} {kind}".encode())


def _interleave(out: list[bytes], prefixes: list[bytes], values: list[bytes]) -> None:
    lines: list[bytes] = [b""] * (2 * len(prefixes))
    lines[0::2] = prefixes
    lines[1::2] = values
    out.extend(lines)


def _write_series(file: BinaryIO, prefix: bytes, values: list[bytes], stamps: list[bytes]) -> int:
    lines: list[bytes] = [prefix] * (3 * len(values))
    lines[1::3] = values
    lines[2::3] = stamps
    file.write(b"".join(lines))
    return len(values)
