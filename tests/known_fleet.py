"""A small fleet whose every sample is known, as OpenMetrics text for `promtool tsdb create-blocks-from`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

STEP_S = 15.0
HOURS = 2.0
WEIRD = 'we"ird\\|.*{x}\u00e9'
"""A server whose name is everything a query must not be pasted from."""
ODD, LEAKY = "api-1", "web-2"
NODES = ("10.0.0.1:9100", "10.0.0.2:9100")
CLUSTERS = {"web": 6, "api": 6, "database": 4}


def servers() -> list[tuple[str, str]]:
    """Server and cluster."""
    named = [(f"{cluster}-{i}", cluster) for cluster, n in CLUSTERS.items() for i in range(n)]
    return [*named, (WEIRD, "web")]


def times(end_s: float) -> np.ndarray:
    """When samples were taken: every 15 s for two hours, the last one at `end_s`."""
    return end_s - STEP_S * np.arange(int(HOURS * 3600 / STEP_S))[::-1]


def cpu(name: str, at: np.ndarray, end_s: float) -> np.ndarray:
    """0.3 with a little noise; the odd server jumps by 0.4 for the last twenty minutes."""
    seed = sum(map(ord, name))
    noise = np.random.default_rng(seed).normal(0, 0.01, len(at))
    return np.round(0.3 + noise + 0.4 * ((name == ODD) & (at > end_s - 1200)), 6)


def memory(name: str, at: np.ndarray, end_s: float) -> np.ndarray:
    """0.5 with a little noise; the leaky server grows by 0.1 an hour."""
    noise = np.random.default_rng(sum(map(ord, name)) + 1).normal(0, 0.003, len(at))
    grown = np.where(name == LEAKY, 0.1 * (at - end_s + 7200) / 3600, 0.0)
    return np.round(0.5 + noise + grown, 6)


def write(path: Path, end_s: float) -> None:
    """The whole fleet's two hours: our exposition, and two machines as node_exporter shows them."""
    at = times(end_s)
    lines: list[str] = []

    def gauge(name: str, rows: list[tuple[dict[str, str], np.ndarray]], kind: str = "gauge") -> None:
        lines.append(f"# TYPE {name} {kind}")
        suffix = "_total" if kind == "counter" else ""
        for labels, values in rows:
            inside = ",".join(f'{k}="{_escaped(v)}"' for k, v in labels.items())
            lines.extend(f"{name}{suffix}{{{inside}}} {v!r} {t:.3f}" for t, v in zip(at, values.tolist(), strict=True))

    named = [({"server": s, "cluster": c}, s) for s, c in servers()]
    flat = np.ones(len(at))
    gauge("openmanager_cpu_busy_ratio", [(labels, cpu(s, at, end_s)) for labels, s in named])
    gauge("openmanager_memory_used_ratio", [(labels, memory(s, at, end_s)) for labels, s in named])
    gauge(
        "openmanager_requests_per_second",
        [(labels, _restarted(100 * flat, s)) for labels, s in named if labels["cluster"] != "database"],
    )
    info = [
        (
            {
                **labels,
                "type": labels["cluster"],
                "region": "eu-west-1",
                "environment": "prod",
                "architecture": "arm64",
            },
            flat,
        )
        for labels, _ in named
    ]
    info[0][0]["type"] = "mainframe"
    gauge("openmanager_server_info", info)
    gauge("openmanager_server_cpu_cores", [({"server": s}, 8 * flat) for s, _ in servers()])
    gauge("openmanager_server_memory_bytes", [({"server": s}, 2.0**34 * flat) for s, _ in servers()])
    gauge(
        "openmanager_service_calls_info",
        [({"caller": a, "callee": b}, flat) for a, b in (("web", "api"), ("api", "database"), ("api", "nowhere"))],
    )
    deployed = {"application": "shop", "environment": "production", "version": "v2", "cluster": "api"}
    gauge(
        "openmanager_deployment_timestamp_seconds", [(deployed, np.where(at >= end_s - 600, end_s - 600, end_s - 9e6))]
    )
    _nodes(gauge, at, end_s)
    lines.append("# EOF\n")
    path.write_text("\n".join(lines), "utf-8")


def _nodes(gauge, at: np.ndarray, end_s: float) -> None:  # type: ignore[no-untyped-def]
    """Two machines of two cores: 25 % busy, half the memory used, 1 MB/s received, started an hour ago."""
    seconds = at - at[0]
    both = [{"instance": n, "job": "node"} for n in NODES]
    cpus = [({**n, "cpu": c, "mode": m}, seconds * share) for n in both for c in "01" for m, share in _MODES]
    gauge("node_cpu_seconds", cpus, "counter")
    flat = np.ones(len(at))
    gauge("node_memory_MemTotal_bytes", [(n, 2.0**33 * flat) for n in both])
    gauge("node_memory_MemAvailable_bytes", [(n, 2.0**32 * flat) for n in both])
    links = [({**n, "device": d}, seconds * 1e6) for n in both for d in ("eth0", "lo")]
    gauge("node_network_receive_bytes", links, "counter")
    gauge("node_load1", [(n, 1.0 * flat) for n in both])
    gauge("node_boot_time_seconds", [(n, np.round(end_s - 3600) * flat) for n in both])
    gauge("node_uname_info", [({**n, "machine": "aarch64", "nodename": "box"}, flat) for n in both])


_MODES = (("idle", 0.75), ("user", 0.2), ("steal", 0.05))


def _restarted(values: np.ndarray, name: str) -> np.ndarray:
    return values + sum(map(ord, name)) % 7


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
