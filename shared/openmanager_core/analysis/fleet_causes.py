"""Root causes for a fleet: symptoms of servers, combined over clusters, the call graph and the order of onsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from openmanager_core.analysis import _fleet_candidates as candidates
from openmanager_core.analysis._fleet_bins import bin_panels
from openmanager_core.analysis._fleet_blame import blame
from openmanager_core.analysis._fleet_scene import scene_of
from openmanager_core.analysis._fleet_symptoms import Symptom, find_symptoms, symptoms_from_findings
from openmanager_core.errors import InvalidRequest
from openmanager_core.findings import Cause, Finding
from openmanager_core.fleet import Change, Fleet
from openmanager_core.job import checkpoint
from openmanager_core.panel import Panel, Window

MOST_HOSTS = 1024
_PER_CLUSTER = 16
_HOPS = 2


def find_causes(
    findings: Sequence[Finding],
    panels: Mapping[str, Panel],
    fleet: Fleet,
    window: Window,
    *,
    changes: Sequence[Change] = (),
    top: int = 5,
) -> list[Cause]:
    """Rank what may have caused the fleet's trouble; empty where nothing is wrong.

    Parameters
    ----------
    findings
        What is unusual; they add symptoms of metrics that `panels` does not hold, and say where to look first.
    panels
        Metric name to panel over the window. The more metrics, the more kinds of causes can be told apart.
    fleet
        Who belongs to which cluster and who calls whom.
    window
        The span asked about; onsets lie inside.
    changes
        Deployments, restarts and the like; one at the same place shortly before the onset is named and counts.
    top
        Most causes to return, at least 1.

    Returns
    -------
    list of Cause
        Best first; scores are comparable within the list only.

    Raises
    ------
    InvalidRequest
        If `top` is below 1.

    Notes
    -----
    1. Each server's metrics are averaged into 48 bins; a symptom is the run of bins furthest above the level
       of the first 40 % of the window, if it is also large enough to matter to an operator.
    2. Symptoms of most members make a cluster's symptom, else a server's.
    3. Seconds waited and requests failed beyond normal are added up per cluster, and the callees' share is
       taken off: callers are explained, not blamed. Requests that rise are blamed on the highest caller.
    4. What has an explanation of its own (a full CPU, lost packets, silence) ranks before what only shows
       slowness; earlier onsets and changes at the same place raise the score.

    With more than 1,024 servers only clusters with findings or changes and those two calls around them are
    looked at, at most 16 members each.
    """
    if top < 1:
        raise InvalidRequest(f"top must be at least 1, got {top}")
    hosts = _hosts_in_view(findings, panels, fleet, changes)
    grids = bin_panels(panels, hosts)
    if grids is None:
        return _without_panels(findings, fleet, window, changes, top)
    checkpoint()
    symptoms = find_symptoms(grids)
    told = {(s.host, s.kind) for s in symptoms}
    extra = symptoms_from_findings(findings, grids.hosts, grids.edges_s)
    unseen = [s for s in extra if (s.host, s.kind) not in told and s.metric not in grids.by_metric]
    symptoms += unseen
    cluster_of = [fleet.by_id[h].cluster if h in fleet.by_id else "" for h in grids.hosts]
    checkpoint()
    harm = blame(grids, symptoms, fleet, cluster_of)
    scene = scene_of(grids.hosts, grids.edges_s, tuple(cluster_of), fleet, harm, tuple(changes))
    return candidates.rank(scene, symptoms, top)


def _hosts_in_view(
    findings: Sequence[Finding], panels: Mapping[str, Panel], fleet: Fleet, changes: Sequence[Change]
) -> list[str]:
    """All hosts with readings where they are few; else the neighbourhood of what is unusual."""
    known = list(dict.fromkeys(h for p in panels.values() for h in p.hosts))
    if len(known) <= MOST_HOSTS:
        return known
    done = [c.target for c in changes if c.kind != "commit"]  # of code written nothing can be seen yet
    marked = [f.host for f in findings] + [place for place in done if place in fleet.by_id]
    near = [f.cluster for f in findings if f.cluster] + [place for place in done if place in fleet.cluster_by_id]
    chosen = dict.fromkeys(near)
    edge = list(chosen)
    for _ in range(_HOPS):
        edge = [n for c in edge for n in (*fleet.callers(c), *fleet.callees(c)) if n not in chosen]
        chosen.update(dict.fromkeys(edge))
    out = dict.fromkeys(h for h in marked if h in fleet.by_id)
    for cluster in chosen:
        if cluster in fleet.cluster_by_id:
            members = fleet.cluster_by_id[cluster].members
            out.update(dict.fromkeys(members[:: max(1, len(members) // _PER_CLUSTER)][:_PER_CLUSTER]))
        if len(out) >= MOST_HOSTS:
            break
    readable = set(known)
    return [h for h in out if h in readable][:MOST_HOSTS]


def _without_panels(
    findings: Sequence[Finding], fleet: Fleet, window: Window, changes: Sequence[Change], top: int
) -> list[Cause]:
    """Causes from findings alone, on a grid of the window."""
    import numpy as np

    from openmanager_core.analysis._fleet_bins import BINS, Grids

    hosts = tuple(dict.fromkeys(f.host for f in findings))
    if not hosts:
        return []
    edges = np.linspace(window.start_s, window.end_s, BINS + 1)
    grids = Grids(hosts, edges, {}, np.ones((len(hosts), BINS)))
    symptoms: list[Symptom] = symptoms_from_findings(findings, hosts, edges)
    cluster_of = tuple(fleet.by_id[h].cluster if h in fleet.by_id else "" for h in hosts)
    harm = blame(grids, symptoms, fleet, cluster_of)
    return candidates.rank(scene_of(hosts, edges, cluster_of, fleet, harm, tuple(changes)), symptoms, top)
