"""Candidate causes from symptoms and blame: formed per place and kind, explained away and scored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from openmanager_core.analysis._fleet_blame import SURGE_RATIO
from openmanager_core.analysis._fleet_scene import Candidate, Scene
from openmanager_core.analysis._fleet_symptoms import Symptom
from openmanager_core.analysis._fleet_words import told
from openmanager_core.facts import fact
from openmanager_core.findings import Cause
from openmanager_core.fleet import COMMITTED_BEFORE_S, Change

_WEIGHT = {
    "crash": 4.0,
    "network_loss": 3.5,
    "noisy_neighbour": 3.5,
    "clock_skew": 3.5,
    "memory_leak": 3.0,
    "disk_filling": 3.0,
    "cpu_saturation": 2.5,
    "traffic_surge": 2.5,
    "bad_deployment": 2.0,
    "slow_dependency": 1.5,
}
"""How much a symptom of full effect says about its cause: what cannot follow from anything else says most."""
_HARM_WEIGHT = 2.5
"""What users feel: full slowness or many errors at the place itself."""
_SPREAD_WEIGHT = 1.5
"""Callers that began to suffer no earlier, or callees that got the extra requests."""
_UNFELT = 0.7
_MOST_MEMBERS = 0.6
"""From this share of a cluster's members on, the cluster is meant and not each server."""
_FOLLOWS = 0.25
"""What remains of a score that something else explains."""
_OVER = 0.7
_HURTS = ("latency", "errors", "cpu_saturation")
_LEAST_HARM = 0.15
_HARMLESS = 0.6
_ENVIRONMENT = {"production": 1.0, "unknown": 1.0, "staging": 0.7, "development": 0.5}
_TEST_LOAD = 0.5
"""More requests away from production are mostly somebody's test; what they break there is named by itself."""
_LOAD_MOVES = {"network_loss": 0.03, "memory_leak": 0.08}
"""Rises up to here can follow from overload alone."""
_MOST_FORMED = 120
"""Every candidate is weighed against every other; the weakest of very many can not be the cause."""
_CHANGE_FACTOR, _COMMIT_FACTOR = 1.5, 1.1
_CHANGE_BEFORE_S = 1800.0
_CHANGE_AFTER_S = 120.0
_MIN_SCORE = dict.fromkeys(("traffic_surge", "cpu_saturation", "slow_dependency", "bad_deployment"), 1.9)
_MIN_SCORE_SURE = 1.0
"""What load does by itself has to be large to be a cause; lost packets or a filling disk need not be."""
_RESOURCE = ("crash", "network_loss", "noisy_neighbour", "clock_skew", "memory_leak", "disk_filling", "cpu_saturation")


def rank(scene: Scene, symptoms: Sequence[Symptom], top: int) -> list[Cause]:
    """Form the candidates, take off what others explain, and put the best into words."""
    formed = sorted(_places(scene, symptoms) + _surges(scene, symptoms), key=lambda c: -c.score)[:_MOST_FORMED]
    formed = [_with_spread(c, scene, symptoms) for c in formed]
    best: dict[tuple[str, str], Candidate] = {}
    for c in (_with_change(c, scene) for c in _explained(formed, scene)):
        if (c.node, c.kind) not in best or c.score > best[c.node, c.kind].score:
            best[c.node, c.kind] = c
    formed = list(best.values())
    enough = [c for c in formed if c.score >= _MIN_SCORE.get(c.kind, _MIN_SCORE_SURE)]
    formed = sorted(enough, key=lambda c: (-c.score, c.first, c.node))
    return told(formed[:top], formed, scene, symptoms)


def _places(scene: Scene, symptoms: Sequence[Symptom]) -> list[Candidate]:
    """One candidate per place and kind, at the level of the cluster where most members show it."""
    by_place: dict[str, dict[str, list[Symptom]]] = defaultdict(lambda: defaultdict(list))
    for s in symptoms:
        by_place[scene.cluster_of[s.host] or scene.hosts[s.host]][s.kind].append(s)
    out = []
    for place, kinds in by_place.items():
        in_cluster = place in scene.harm.clusters
        rows = scene.members_in_view(place) if in_cluster else []
        for kind, found in kinds.items():
            if kind not in ("latency", "errors"):
                out += _of_kind(scene, place, kind, found, rows, kinds)
        out += _soft(scene, place, kinds, rows)
    return out


def _whole(found: Sequence[Symptom], rows: Sequence[int]) -> bool:
    hit = len({s.host for s in found})
    return len(rows) >= 2 and hit >= 2 and hit >= _MOST_MEMBERS * len(rows)


def _of_kind(
    scene: Scene, place: str, kind: str, found: list[Symptom], rows: list[int], kinds: dict[str, list[Symptom]]
) -> list[Candidate]:
    """Candidates of one resource kind at one place; slowness and errors of the same servers add to them."""
    soft = [s for k in ("latency", "errors") for s in kinds.get(k, ())]
    if _whole(found, rows):
        groups: list[tuple[str, Literal["server", "cluster"], list[Symptom]]] = [(place, "cluster", found)]
    else:
        groups = [
            (scene.hosts[h], "server", [s for s in found if s.host == h]) for h in sorted({s.host for s in found})
        ]
    out = []
    for node, level, mine in groups:
        hosts = {s.host for s in mine}
        also = [s for s in soft if s.host in hosts]
        effect = float(np.mean([s.effect for s in mine]))
        first = int(np.median([s.first for s in mine]))
        timely = [s for s in also if s.first >= first - scene.slack]
        harm = max((s.effect for s in timely), default=0.0)
        cluster = place if place in scene.harm.clusters else ""
        score = _WEIGHT[kind] * effect + _HARM_WEIGHT * min(1.0, harm)
        out.append(Candidate(node, level, cluster, kind, (*mine, *timely), first, score))
    return out


def _soft(scene: Scene, place: str, kinds: dict[str, list[Symptom]], rows: list[int]) -> list[Candidate]:
    """Slowness and errors that a cluster does not pass on from its callees."""
    latency, errors = kinds.get("latency", []), kinds.get("errors", [])
    if not latency and not errors:
        return []
    k = scene.harm.at(place)
    own_l = float(scene.harm.own_waited[k]) if k is not None else 1.0
    own_e = float(scene.harm.own_failed[k]) if k is not None else 1.0
    slow = max((s.effect * (1.0 - s.by_load) for s in latency), default=0.0) * own_l
    failing = max((s.effect * (1.0 - s.by_load) for s in errors), default=0.0) * own_e
    kind = "bad_deployment" if failing >= 0.3 and failing >= 0.5 * slow else "slow_dependency"
    found = [*latency, *errors]
    lead = errors if kind == "bad_deployment" else latency
    lead = lead or found
    first = int(np.median([s.first for s in lead]))
    harm = min(1.2, max(slow, failing))
    score = (_WEIGHT[kind] + _HARM_WEIGHT) * harm + 0.3 * _HARM_WEIGHT * min(1.0, min(slow, failing))
    hit = {s.host for s in lead}
    cluster = place if place in scene.harm.clusters else ""
    if _whole(lead, rows) or (cluster and len(hit) > 2):
        return [Candidate(place, "cluster", cluster, kind, tuple(found), first, score)]
    return [
        Candidate(scene.hosts[h], "server", cluster, kind, tuple(s for s in found if s.host == h), first, score)
        for h in sorted(hit)
    ]


def _surges(scene: Scene, symptoms: Sequence[Symptom]) -> list[Candidate]:
    """Clusters that get more requests, blamed where no caller's surge explains it."""
    out = []
    for k, cluster in enumerate(scene.harm.clusters):
        ratio = float(scene.harm.surge[k])
        if ratio < SURGE_RATIO:
            continue
        first = int(scene.harm.surge_first[k])
        place = {cluster, *scene.below.get(cluster, ())}
        hurt = [s for s in symptoms if scene.cluster_of[s.host] in place and s.kind in _HURTS and s.last > first]
        mine = [s for s in hurt if scene.cluster_of[s.host] == cluster and s.kind in ("latency", "errors")]
        effect = float(min(1.2, np.log(ratio) / np.log(3.0)))
        row = scene.members_in_view(cluster)[0]
        sign = Symptom(row, "traffic_surge", "requests_per_s", effect, 0.0, first, first + 1, ratio, 1.0)
        score = _WEIGHT["traffic_surge"] * effect + _HARM_WEIGHT * min(1.0, max((s.effect for s in mine), default=0.0))
        onward = [
            c for j, c in enumerate(scene.harm.clusters) if scene.harm.carried[j] and c in scene.below.get(cluster, ())
        ]
        score += _SPREAD_WEIGHT * bool(onward)
        # more requests that are served as well as before hurt nobody yet
        score *= 1.0 if max((s.effect for s in hurt), default=0.0) >= _LEAST_HARM else _HARMLESS
        score *= _FOLLOWS if scene.harm.carried[k] else 1.0
        out.append(Candidate(cluster, "cluster", cluster, "traffic_surge", (sign, *mine), first, score))
    return out


def _explained(formed: list[Candidate], scene: Scene) -> list[Candidate]:
    """Lower what a stronger cause at the same place, below it in the call graph, or above it explains."""
    out = []
    for c in formed:
        earlier = [o for o in formed if o is not c and o.first <= c.first + scene.slack]
        factor = _FOLLOWS if any(_explains_away(o, c, scene) for o in earlier) else 1.0
        factor *= _importance(c, scene)
        earliest = min((o.first for o in formed if o.score >= 0.5 * c.score), default=c.first)
        late = max(0, c.first - earliest - scene.slack) / (len(scene.edges_s) - 1)
        out.append(replace(c, score=c.score * factor * (1.0 - 0.5 * min(1.0, late))))
    return out


def _explains_away(other: Candidate, c: Candidate, scene: Scene) -> bool:
    """Whether `c` is what one would see anyway, given `other`."""
    here = bool(c.cluster) and other.cluster == c.cluster
    if other.kind == "traffic_surge":
        k = scene.harm.at(c.cluster) if c.cluster else None
        # a cluster that is already full serves no more, so its requests need not show the surge
        felt = (k is not None and scene.harm.surge[k] > 1.0) or abs(other.first - c.first) <= scene.slack
        above = felt and (here or c.cluster in scene.below.get(other.cluster, ()))
    else:
        above = False
    strong = other.kind in _RESOURCE and other.score >= 0.5 * c.score
    match c.kind:
        case "slow_dependency" | "bad_deployment":
            callee = other.cluster in scene.below.get(c.cluster, ()) and (
                strong or (other.kind == "slow_dependency" and other.score > c.score)
            )
            return (here and strong) or callee or (above and other.score >= 0.6 * c.score)
        case "cpu_saturation":
            stolen = other.kind == "noisy_neighbour" and other.node in (c.node, c.cluster)
            moved = other.kind == "crash" and here and other.node != c.node
            return above or stolen or moved
        case "network_loss" | "memory_leak":
            # overload alone loses packets and fills memory, a little
            little = c.lead.observed - c.lead.baseline < _LOAD_MOVES[c.kind]
            return little and (above or (other.kind == "cpu_saturation" and here))
        case "traffic_surge":
            return other.kind == "crash" and here
    return False


def _with_spread(c: Candidate, scene: Scene, symptoms: Sequence[Symptom]) -> Candidate:
    """More for what callers feel too; less for load that is felt by none of those who could."""
    callers = scene.above.get(c.cluster, set()).intersection(scene.harm.clusters)
    if not callers:
        return c
    if c.kind == "traffic_surge":
        # a surge inside the call graph that no caller sent is rarer than the weather of one cluster
        sent = any(scene.harm.surge[k] > 1.0 for caller in callers if (k := scene.harm.at(caller)) is not None)
        return c if sent else replace(c, score=c.score * _UNFELT)
    last = max(s.last for s in c.symptoms)
    felt = {
        scene.cluster_of[s.host]
        for s in symptoms
        if s.kind in ("latency", "errors")
        and s.effect >= _LEAST_HARM
        and s.by_load < 0.5
        and c.first - scene.slack <= s.first < last
        and scene.cluster_of[s.host] in callers
    }
    if felt:
        return replace(c, score=c.score + _SPREAD_WEIGHT * min(1.0, len(felt) / 2))
    if c.kind not in _MIN_SCORE:
        return c
    # callers of a large cluster can hardly notice one member
    share = len({s.host for s in c.symptoms}) / max(1, len(scene.members_in_view(c.cluster)))
    return replace(c, score=c.score * (1.0 - (1.0 - _UNFELT) * min(1.0, share)))


def _importance(c: Candidate, scene: Scene) -> float:
    """Less for what is over, and for load away from production; what breaks by itself counts everywhere."""
    n_bins = len(scene.edges_s) - 1
    over = c.kind not in ("crash", "traffic_surge") and max(s.last for s in c.symptoms) < n_bins - scene.slack
    factor = _OVER if over else 1.0
    if c.kind in _MIN_SCORE and c.cluster in scene.fleet.cluster_by_id:
        environment = _ENVIRONMENT[scene.fleet.cluster_by_id[c.cluster].environment]
        factor *= environment * (_TEST_LOAD if c.kind == "traffic_surge" and environment < 1.0 else 1.0)
    return factor


def _before_s(change: Change) -> float:
    return COMMITTED_BEFORE_S if change.kind == "commit" else _CHANGE_BEFORE_S


def _with_change(c: Candidate, scene: Scene) -> Candidate:
    """Name the latest change at the same place shortly before the onset; a deployment explains errors.

    A commit is named only where nothing else was done, and from further back.
    """
    onset_s = float(scene.edges_s[c.first])
    bin_s = float(scene.edges_s[1] - scene.edges_s[0])
    near = [
        x
        for x in scene.changes
        if x.target in (c.node, c.cluster) and -_before_s(x) - bin_s <= x.at_s - onset_s <= _CHANGE_AFTER_S + 2 * bin_s
    ]
    if not near:
        return c
    latest = max(near, key=lambda x: (x.kind != "commit", x.at_s))
    said = fact("change", kind=latest.kind, target=latest.target, at_s=latest.at_s, description=latest.description)
    kind = c.kind
    if latest.kind in ("deployment", "config") and kind in ("slow_dependency", "cpu_saturation"):
        kind = "bad_deployment"
    factor = _COMMIT_FACTOR if latest.kind == "commit" else _CHANGE_FACTOR
    changed = replace(c, score=c.score * factor, change=said, kind=kind)
    if kind == "bad_deployment" and latest.target == c.cluster:
        # what was rolled out to the cluster is wrong on the cluster, whichever members show it first
        return replace(changed, node=c.cluster, level="cluster")
    return changed
