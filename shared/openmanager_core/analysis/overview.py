"""The whole fleet in one bounded call: health, what is unusual, and why.

Every series is screened, only the strongest suspects are examined, so the cost grows with the servers in the
screening alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmanager_core.analysis.comovement import partings
from openmanager_core.analysis.examine import Part, examine_each
from openmanager_core.analysis.fleet_causes import find_causes
from openmanager_core.analysis.health import roll_up, server_health
from openmanager_core.analysis.outliers import MIN_PEERS, peer_outliers
from openmanager_core.catalog import BY_NAME
from openmanager_core.errors import InsufficientData, InvalidRequest
from openmanager_core.facts import fact
from openmanager_core.findings import Cause, Finding, pressing_first
from openmanager_core.fleet import Change, Fleet, Health
from openmanager_core.job import checkpoint
from openmanager_core.panel import Panel, Window
from openmanager_core.screening import UNUSUAL_SIGMA, Survey, survey
from openmanager_core.wording import sentence

SUSPECT_SIGMA = 4.0
MOST_SUSPECTS = 48
ALL_UP_TO_SERIES = 1_000
"""Fleets with so few series are examined whole: what ended before "lately" is found too."""
_PER_CLUSTER_METRIC = 4
_PER_HOST = 4
_MOST_SILENT = 8
_MOST_PEER_GROUPS = 6
_RECENT_SHARE = 1 / 12
_FEWEST_INSTANTS = 8
_MOST_CAUSES = 5
_COMPANY = 8
"""Other hosts of the same type that say whether a suspect's move is everybody's."""
_FEWEST_COMPANY = 3


@dataclass(frozen=True, slots=True)
class Overview:
    """The state of a fleet over a window.

    Attributes
    ----------
    fleet, clusters, servers
        Health of each.
    findings
        What is unusual, worst first.
    causes
        Ranked root causes; empty where nothing is wrong.
    screened_series
        How many series were looked at.
    co_movements
        How many servers with their peers, and pairs of metrics, moved together and could have parted; None: not looked.
    problems
        What limits the answer, in sentences.
    """

    fleet: Health
    clusters: dict[str, Health]
    servers: dict[str, Health]
    findings: tuple[Finding, ...]
    causes: tuple[Cause, ...]
    screened_series: int
    problems: tuple[str, ...]
    co_movements: int | None = None


def overview(
    panels: Mapping[str, Panel],
    fleet: Fleet,
    window: Window,
    *,
    changes: Sequence[Change] = (),
    top: int = 20,
    min_sigma: float = SUSPECT_SIGMA,
    co_movement: bool = False,
) -> Overview:
    """Health, findings and causes of a fleet, from one panel per metric.

    Parameters
    ----------
    panels
        Metric name to its panel over `window`; the catalogue's ``SCREENED`` metrics are meant, more are welcome.
    fleet
        The inventory and who calls whom.
    window
        What the panels cover.
    changes
        Deployments and the like; one at the place of a cause is named with it.
    top
        Most findings to return, at least 1.
    min_sigma
        How far from normal, in robust sigmas, is worth a finding, at least 1.
    co_movement
        Look for lost co-movement in fleets of more than 1,000 series too: it costs about as much as all the rest.

    Returns
    -------
    Overview

    Raises
    ------
    InvalidRequest
        If `top` is below 1.
    InsufficientData
        If there is no panel with a reading, or fewer than 8 instants.

    Notes
    -----
    "Lately" is the newest twelfth of the window: health uses its mean, screening compares it with the rest.
    Beyond 1,000 series at most 48 are examined closely, at most 4 of one cluster and metric.
    """
    if top < 1:
        raise InvalidRequest(f"top must be at least 1, got {top}")
    if not panels or not any(p.hosts for p in panels.values()):
        raise InsufficientData("there is no panel to look at", hint="check that the source has servers and metrics")
    n_times = max(len(p.times_s) for p in panels.values())
    if n_times < _FEWEST_INSTANTS:
        raise InsufficientData(
            f"the window holds {n_times} instants, at least {_FEWEST_INSTANTS} are needed",
            hint="a longer window or a smaller step",
        )
    surveys: dict[str, Survey] = {}
    unusual = 0
    for k, (name, panel) in enumerate(panels.items()):
        checkpoint(0.5 * k / len(panels), f"screening: {k} of {len(panels)} metrics, {unusual:,} unusual series so far")
        about = BY_NAME.get(name)
        floor, relative = (about.floor, about.relative) if about else (0.0, 0.0)
        surveys[name] = survey(panel.values, recent=_recent(panel), floor=floor, relative=relative)
        unusual += int(np.count_nonzero(surveys[name].score >= UNUSUAL_SIGMA))
    if not any(np.isfinite(s.past).any() or np.isfinite(s.now).any() for s in surveys.values()):
        raise InsufficientData("no series has a reading in the window", hint="a window in which the servers reported")
    checkpoint(0.5, f"scoring health: {unusual:,} of {sum(len(p.hosts) for p in panels.values()):,} series are unusual")
    servers = _health(panels, surveys, fleet)
    clusters, whole = roll_up(servers, fleet)
    states = Counter(h.status for h in servers.values())
    checkpoint(0.6, f"health: {', '.join(f'{n:,} {state}' for state, n in states.most_common())}; now the suspects")
    findings = _findings(panels, surveys, fleet, min_sigma)
    parted = None
    if co_movement or _few(panels):
        checkpoint(0.89, f"looking for lost co-movement, {len(findings)} findings so far")
        parted = partings(panels, fleet, known=findings, min_sigma=min_sigma)
        findings = sorted([*findings, *parted.findings], key=pressing_first)
    checkpoint(0.9, f"ranking causes of {len(findings)} findings")
    causes = find_causes(findings, panels, fleet, window, changes=changes, top=_MOST_CAUSES)
    return Overview(
        fleet=whole,
        clusters=clusters,
        servers=servers,
        findings=tuple(findings[:top]),
        causes=tuple(causes),
        screened_series=sum(len(p.hosts) for p in panels.values()),
        problems=_problems(panels, surveys, fleet, len(findings), top),
        co_movements=None if parted is None else parted.tested,
    )


def _few(panels: Mapping[str, Panel]) -> bool:
    return sum(len(panel.hosts) for panel in panels.values()) <= ALL_UP_TO_SERIES


def _recent(panel: Panel) -> int:
    return max(1, min(len(panel.times_s) - 1, round(_RECENT_SHARE * len(panel.times_s))))


def _health(panels: Mapping[str, Panel], surveys: Mapping[str, Survey], fleet: Fleet) -> dict[str, Health]:
    """Health from the newest means; a server that reported earlier in the window and fell silent is critical."""
    latest = {
        name: Panel(name, panel.hosts, panel.times_s[-1:], surveys[name].now[:, None]) for name, panel in panels.items()
    }
    usual = {
        name: Panel(name, panels[name].hosts, panels[name].times_s[-1:], surveys[name].past[:, None])
        for name in ("latency_p95_s",)
        if name in panels
    }
    health = server_health(latest, fleet, usual=usual)
    lost: dict[str, float] = {}
    for name, panel in panels.items():
        seen = surveys[name]
        for row in np.flatnonzero(np.isfinite(seen.past) & ~np.isfinite(seen.now)):
            host = panel.hosts[row]
            if host in health and health[host].status == "unknown":
                last = float(panel.times_s[np.flatnonzero(np.isfinite(panel.values[row]))[-1]])
                lost[host] = max(last, lost.get(host, last))
    for host, last_s in lost.items():
        age_s = float(panels[next(iter(panels))].times_s[-1]) - last_s
        health[host] = Health.of(0.0, "critical", (fact("health.stopped", age_s=age_s),))
    return health


def _findings(
    panels: Mapping[str, Panel], surveys: Mapping[str, Survey], fleet: Fleet, min_sigma: float
) -> list[Finding]:
    """A close look at the suspects, worst first, one finding for a host, metric and kind."""
    chosen = _suspects(panels, surveys, fleet, min_sigma)
    found: dict[str, Finding] = {}
    groups: Counter[tuple[str, str]] = Counter()
    groups_of = _by_type(chosen, fleet)
    parts = (_part(panels[name], hosts, kind, fleet) for (name, kind), hosts in groups_of.items())
    looks = examine_each(parts, fleet, min_sigma=min_sigma)
    for k, ((name, _), hosts) in enumerate(groups_of.items()):
        note = (
            f"examining {name} of {len(hosts)} servers, group {k + 1} of {len(groups_of)}, {len(found)} findings so far"
        )
        checkpoint(0.6 + 0.29 * k / len(groups_of), note)
        for finding in next(looks):
            found.setdefault(finding.id, finding)
        for host in hosts:
            server = fleet.by_id.get(host)
            if server and server.cluster:
                groups[name, server.cluster] += 1
    for (name, cluster), _ in groups.most_common(_MOST_PEER_GROUPS):
        checkpoint()
        members = list(fleet.cluster_by_id[cluster].members) if cluster in fleet.cluster_by_id else []
        if len(members) < MIN_PEERS:
            members = _alike(panels[name], members, fleet)
        if len(members) < MIN_PEERS:
            continue
        known = {(f.host, f.metric) for f in found.values()}
        for finding in peer_outliers(panels[name].take(members[:200]), fleet, min_sigma=min_sigma):
            if (finding.host, finding.metric) not in known:
                found.setdefault(finding.id, finding)
    return sorted(found.values(), key=pressing_first)


def _part(panel: Panel, hosts: Sequence[str], kind: str, fleet: Fleet) -> Part:
    """What is examined of a metric's hosts of one type, and whom they are compared with."""
    company = _company(panel, hosts, kind, fleet)
    return Part(panel.take(hosts), panel.take(company) if len(company) >= _FEWEST_COMPANY else None)


def _suspects(
    panels: Mapping[str, Panel], surveys: Mapping[str, Survey], fleet: Fleet, min_sigma: float
) -> dict[str, list[str]]:
    """Metric to hosts, strongest series first and bounded in number; servers fallen silent come first."""
    if _few(panels):
        return {name: list(panel.hosts) for name, panel in panels.items()}
    chosen: dict[str, list[str]] = defaultdict(list)
    silent: dict[str, str] = {}
    ranked: list[tuple[float, str, int]] = []
    for name, panel in panels.items():
        seen = surveys[name]
        for row in np.flatnonzero(np.isfinite(seen.past) & ~np.isfinite(seen.now))[: 4 * _MOST_SILENT]:
            silent.setdefault(panel.hosts[row], name)
        ranked += [
            (float(seen.score[row]), name, int(row)) for row in _strongest(seen.score, MOST_SUSPECTS * 4, min_sigma)
        ]
    for host, name in list(silent.items())[:_MOST_SILENT]:
        chosen[name].append(host)
    ranked.sort(key=lambda r: -r[0])
    per_place: Counter[tuple[str, str]] = Counter()
    per_host: Counter[str] = Counter()
    taken = 0
    for _, name, row in ranked:
        host = panels[name].hosts[row]
        server = fleet.by_id.get(host)
        place = (server.cluster if server else "", name)
        if per_place[place] >= _PER_CLUSTER_METRIC or per_host[host] >= _PER_HOST or host in chosen[name]:
            continue
        per_place[place] += 1
        per_host[host] += 1
        chosen[name].append(host)
        taken += 1
        if taken >= MOST_SUSPECTS:
            break
    return {name: hosts for name, hosts in chosen.items() if hosts}


def _strongest(score: npt.NDArray[np.float64], most: int, min_sigma: float) -> npt.NDArray[np.intp]:
    over = np.flatnonzero(score >= min_sigma)
    if len(over) > most:
        over = over[np.argpartition(-score[over], most)[:most]]
    return over


def _by_type(chosen: Mapping[str, Sequence[str]], fleet: Fleet) -> dict[tuple[str, str], list[str]]:
    """The suspects of each metric and server type together: they have the same peers."""
    out: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, hosts in chosen.items():
        for host in hosts:
            out[name, fleet.by_id[host].type if host in fleet.by_id else ""].append(host)
    return out


def _alike(panel: Panel, members: Sequence[str], fleet: Fleet) -> list[str]:
    """The servers that a small cluster's are compared with: of the same type, environment and region."""
    places = {(s.type, s.environment, s.region) for s in map(fleet.by_id.get, members) if s is not None}
    known = ((host, fleet.by_id.get(host)) for host in panel.hosts)
    return [h for h, s in known if s is not None and (s.type, s.environment, s.region) in places]


def _company(panel: Panel, suspects: Sequence[str], kind: str, fleet: Fleet) -> list[str]:
    """Hosts of the same type, others if there are some, evenly chosen: a move that they share is everybody's."""
    alike = [h for h in panel.hosts if h in fleet.by_id and fleet.by_id[h].type == kind]
    out = set(suspects)
    members = [h for h in alike if h not in out]
    if len(members) < _FEWEST_COMPANY:
        return alike[: 2 * MOST_SUSPECTS]
    return members[:: max(1, len(members) // _COMPANY)][:_COMPANY]


def _problems(
    panels: Mapping[str, Panel], surveys: Mapping[str, Survey], fleet: Fleet, found: int, top: int
) -> tuple[str, ...]:
    said = []
    for name, panel in panels.items():
        empty = int((~np.isfinite(surveys[name].past) & ~np.isfinite(surveys[name].now)).sum())
        if empty == len(panel.hosts):
            said.append(sentence("problem.no_reading", metric=name))
        elif empty:
            said.append(sentence("problem.few_have", metric=name, empty=empty, servers=len(panel.hosts)))
    strange = sorted({h for p in panels.values() for h in p.hosts if h not in fleet.by_id})
    if strange:
        said.append(sentence("problem.strangers", count=len(strange), host=strange[0]))
    if found > top:
        said.append(sentence("problem.weaker", count=found - top))
    return tuple(said)
