"""One look at the fleet that several tools share: read or screen, then findings, health and causes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openmanager_core import catalog
from openmanager_core.fleet import Change, Health
from openmanager_core.job import checkpoint, offload
from openmanager_local.analyst import Analyst, Readings

if TYPE_CHECKING:
    from openmanager_core.analysis.overview import Overview
    from openmanager_core.findings import Cause, Finding
    from openmanager_core.fleet import Fleet
    from openmanager_core.panel import Panel, Window

_EVERY_METRIC_UP_TO = 300
"""Servers for which all metrics are read at once; beyond, the screened eight come first."""
_PULL_UP_TO_SAMPLES = 40_000_000
_PULL_UP_TO_SERIES = 400
"""What travels whole from an engine across the network; beyond, the engine screens."""
_SUSPECTS = 60
_PEERS_PER_TYPE = 8


@dataclass(frozen=True, slots=True)
class Survey:
    """What one look found."""

    window: Window
    panels: dict[str, Panel]
    findings: tuple[Finding, ...]
    causes: tuple[Cause, ...]
    servers: dict[str, Health]
    clusters: dict[str, Health]
    fleet: Health
    screened_series: int
    method: str
    changes: tuple[Change, ...]
    problems: list[str]


async def survey(
    analyst: Analyst, window: Window, *, hosts: Sequence[str] | None = None, metrics: Sequence[str] = (), min_sigma: float = 4.0
) -> Survey:
    """Look at the fleet, or at `hosts`, over the window.

    Small enough, everything is read; else the source ranks its series and only the suspects, and a few of
    their peers, are read in full.
    """
    fleet = await analyst.fleet()
    source = await analyst.source()
    names = await analyst.metrics(metrics)
    count = len(fleet.servers) if hosts is None else len(hosts)
    if not metrics and count > _EVERY_METRIC_UP_TO:
        names = tuple(name for name in names if name in catalog.SCREENED)
    changes = await source.changes(window)
    checkpoint(0.05, "screening")
    series = count * len(names)
    remote = source.kind == "prometheus"
    if series <= _PULL_UP_TO_SERIES if remote else series * window.n_times <= _PULL_UP_TO_SAMPLES:
        readings = await analyst.read_all(names, window, hosts)
        seen = await offload(_look, readings, fleet, window, changes, min_sigma)
        return _as_survey(window, readings, seen, changes, "robust distance from the own past and from peers")
    ranking = await source.rank(names, window, _SUSPECTS, hosts)
    suspects = list(dict.fromkeys(s.host for s in ranking.suspects))
    readings = await analyst.read_all(names, window, [*suspects, *_peers(fleet, suspects)])
    seen = await offload(_look, readings, fleet, window, changes, min_sigma)
    latest = {name: await source.latest(name, window.end_s) for name in names}
    servers, clusters, whole = await offload(_health, latest, fleet)
    found = _as_survey(window, readings, seen, changes, ranking.method)
    return Survey(
        window, found.panels, found.findings, found.causes, servers, clusters, whole,
        ranking.screened_series, ranking.method, changes, [*ranking.problems, *found.problems],
    )  # fmt: skip


def _look(readings: Readings, fleet: Fleet, window: Window, changes: tuple[Change, ...], min_sigma: float) -> Overview:
    from openmanager_core.analysis.overview import overview

    checkpoint(0.65, "analysing")
    return overview(readings.panels, fleet, window, changes=changes, top=500, min_sigma=min_sigma)


def _health(latest: dict[str, Panel], fleet: Fleet) -> tuple[dict[str, Health], dict[str, Health], Health]:
    from openmanager_core.analysis.health import roll_up, server_health

    servers = server_health(latest, fleet)
    clusters, whole = roll_up(servers, fleet)
    return servers, clusters, whole


def _peers(fleet: Fleet, suspects: Sequence[str]) -> list[str]:
    """A few servers of each suspect's type, so that a suspect can be told from its peers."""
    chosen = set(suspects)
    wanted = {fleet.by_id[host].type for host in suspects if host in fleet.by_id}
    peers: dict[str, list[str]] = {name: [] for name in wanted}
    for server in fleet.servers:
        room = peers.get(server.type)
        if room is not None and len(room) < _PEERS_PER_TYPE and server.id not in chosen:
            room.append(server.id)
    return [host for group in peers.values() for host in group]


def _as_survey(window: Window, readings: Readings, seen: Overview, changes: tuple[Change, ...], method: str) -> Survey:
    return Survey(
        window, readings.panels, seen.findings, seen.causes, seen.servers, seen.clusters, seen.fleet,
        seen.screened_series, method, changes, [*readings.problems, *seen.problems],
    )  # fmt: skip
