"""One look at the fleet that several tools share: read or screen, then findings, health and causes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from openmanager_core import catalog
from openmanager_core.errors import InsufficientData
from openmanager_core.fleet import Change, Health
from openmanager_core.job import checkpoint, listener, offload, part
from openmanager_core.wording import sentence
from openmanager_local.analyst import Analyst, Readings

if TYPE_CHECKING:
    from openmanager_core.analysis.overview import Overview
    from openmanager_core.analysis.rarity import Chance
    from openmanager_core.findings import Cause, Finding
    from openmanager_core.fleet import Fleet
    from openmanager_core.panel import Panel, Window
    from openmanager_core.storage.incident import Incident

USUAL_SIGMA = 4.0
"""What opens incidents; a call may look at less, or more."""
_EVERY_METRIC_UP_TO = 300
"""Servers for which all metrics are read at once; beyond, the screened eight come first."""
_PULL_UP_TO_SAMPLES = 40_000_000
_PULL_UP_TO_SERIES = 400
"""What travels whole from an engine across the network; beyond, the engine screens."""
_SUSPECTS = 60
_PEERS_PER_TYPE = 8
_USUAL = ("latency_p95_s",)
"""Metrics whose health is judged by their own past too."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What one look found, the incidents that it belongs to, and what chance has to do with it.

    The q-values of `chance` are in the order of `findings`.
    """

    window: Window
    readings: Readings
    findings: tuple[Finding, ...]
    chance: Chance
    causes: tuple[Cause, ...]
    servers: dict[str, Health]
    clusters: dict[str, Health]
    fleet: Health
    screened_series: int
    method: str
    changes: tuple[Change, ...]
    incidents: tuple[Incident, ...]
    problems: tuple[str, ...]
    co_movements: int | None = None

    def q_values(self) -> dict[str, float | None]:
        """Of each finding, by its id: the expected share of false ones among those at least as rare; None: a fact."""
        return {f.id: q for f, q in zip(self.findings, self.chance.q_values, strict=True)}


@dataclass(frozen=True, slots=True)
class _Nothing:
    """What an overview would say if it had nothing to look at."""

    findings: tuple[Finding, ...] = ()
    causes: tuple[Cause, ...] = ()
    servers: dict[str, Health] = field(default_factory=dict)
    clusters: dict[str, Health] = field(default_factory=dict)
    fleet: Health = field(default_factory=lambda: Health(0.0, "unknown"))
    screened_series: int = 0
    problems: tuple[str, ...] = ()
    co_movements: int | None = None


_NOTHING = _Nothing()


async def survey(
    analyst: Analyst,
    window: Window,
    *,
    hosts: Sequence[str] | None = None,
    metrics: Sequence[str] = (),
    min_sigma: float = USUAL_SIGMA,
    co_movement: bool = False,
    told: Sequence[Change] = (),
) -> Survey:
    """Look at the fleet, or at `hosts`, over the window, and keep what is found; `told` changes count with the known.

    Small enough, everything is read; else the source ranks its series and only the suspects, and a few of
    their peers, are read in full. Lost `co_movement` is looked for where that was asked, and in small fleets.
    Whoever wants the same look while it is being taken, whatever for, shares it.
    """
    from openmanager_core.analysis.overview import ALL_UP_TO_SERIES

    count = len((await analyst.fleet()).servers) if hosts is None else len(hosts)
    co_movement |= count * len(await analyst.metrics(metrics)) <= ALL_UP_TO_SERIES  # as it is looked for then
    instants = (window.start_s, window.step_s, window.n_times)
    whom = None if hosts is None else tuple(hosts)
    key = (instants, whom, tuple(metrics), min_sigma, co_movement, tuple(told), analyst.faults_version())
    look = partial(_look_at, analyst, window, hosts, metrics, min_sigma, co_movement, told)
    return await analyst.surveys.get(key, look, listener())


async def _look_at(
    analyst: Analyst,
    window: Window,
    hosts: Sequence[str] | None,
    metrics: Sequence[str],
    min_sigma: float,
    co_movement: bool,
    told: Sequence[Change],
) -> Survey:
    fleet = await analyst.fleet()
    source = await analyst.source()
    names = await analyst.metrics(metrics)
    count = len(fleet.servers) if hosts is None else len(hosts)
    if not metrics and count > _EVERY_METRIC_UP_TO:
        names = tuple(name for name in names if name in catalog.SCREENED)
    changes, unread = await analyst.changes(window)
    changes = tuple(sorted((*changes, *told), key=lambda change: change.at_s))
    checkpoint(0.02, f"screening: {len(names)} metrics of {count:,} servers, {len(changes)} changes known")
    series = count * len(names)
    whole = (
        series <= _PULL_UP_TO_SERIES if source.kind == "prometheus" else series * window.n_times <= _PULL_UP_TO_SAMPLES
    )
    ranking = None
    if not whole:
        with part(0.02, 0.45):
            ranking = await source.rank(names, window, _SUSPECTS, hosts)
    wanted = hosts
    if ranking is not None:
        suspects = list(dict.fromkeys(s.host for s in ranking.suspects))
        wanted = [*suspects, *_peers(fleet, suspects)]
    with part(0.02 if ranking is None else 0.45, 0.55):
        readings = await analyst.read_all(names, window, wanted)
    too_little: str = ""
    seen: Overview | _Nothing
    try:
        with part(0.55, 0.85):
            seen = await offload(_look, readings, fleet, window, changes, min_sigma, co_movement)
    except InsufficientData as exc:
        # How things are now can be said all the same: a source that has just begun to look has no past yet.
        too_little, seen = sentence("problem.no_past", reason=exc.message), _NOTHING
    health = (seen.servers, seen.clusters, seen.fleet)
    if ranking is not None or too_little:
        lately_s, before_s = min(60.0, max(10.0, window.duration_s / 8)), window.duration_s / 4
        latest = {name: await source.latest(name, window.end_s, lately_s) for name in names}
        usual = {
            name: await source.latest(name, window.start_s + before_s, before_s) for name in names if name in _USUAL
        }
        health = await offload(_health, latest, usual, fleet)
    checkpoint(0.85, f"recording: {len(seen.findings)} findings, {len(seen.causes)} candidate causes")
    certain = [
        f for f in seen.findings if f.score_sigma >= USUAL_SIGMA and (f.end_s is None or f.severity == "critical")
    ]
    every_metric = not metrics and count <= _EVERY_METRIC_UP_TO
    incidents, not_kept = await analyst.record(
        certain,
        window.end_s,
        hosts=hosts,
        metrics=None if every_metric else names,
        unlooked=("decoupling",) if seen.co_movements is None else (),
    )
    # Ranked anew: a verdict takes away from severity and score.
    screened = ranking.screened_series if ranking else seen.screened_series
    findings, chance = _ranked(await analyst.damped(seen.findings), screened, window)
    problems = [
        *(ranking.problems if ranking else ()),
        *readings.problems,
        *seen.problems,
        *unread,
        too_little,
        not_kept,
    ]
    return Survey(
        window=window,
        readings=readings,
        findings=findings,
        chance=chance,
        causes=seen.causes,
        servers=health[0],
        clusters=health[1],
        fleet=health[2],
        screened_series=screened,
        method=ranking.method if ranking else sentence("how.own_past"),
        changes=changes,
        incidents=tuple(incidents),
        problems=tuple(text for text in problems if text),
        co_movements=seen.co_movements,
    )


def _ranked(found: Sequence[Finding], series: int, window: Window) -> tuple[tuple[Finding, ...], Chance]:
    """What is above the line of chance first, then by what is pressing."""
    from openmanager_core.analysis.rarity import judge, line_first

    chance = judge(found, series=series, duration_s=window.duration_s)
    order = line_first(found, chance.q_values)
    q_values = tuple(chance.q_values[i] for i in order)
    return tuple(found[i] for i in order), replace(chance, q_values=q_values)


def _look(
    readings: Readings, fleet: Fleet, window: Window, changes: tuple[Change, ...], min_sigma: float, co_movement: bool
) -> Overview:
    from openmanager_core.analysis.overview import overview

    return overview(
        readings.panels, fleet, window, changes=changes, top=500, min_sigma=min_sigma, co_movement=co_movement
    )


def _health(
    latest: dict[str, Panel], usual: dict[str, Panel], fleet: Fleet
) -> tuple[dict[str, Health], dict[str, Health], Health]:
    from openmanager_core.analysis.health import roll_up, server_health

    servers = server_health(latest, fleet, usual=usual)
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
