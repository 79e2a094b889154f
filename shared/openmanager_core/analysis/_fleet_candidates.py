"""Candidate causes from symptoms and blame: formed per place and kind, explained away, scored and put into words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

import numpy as np

from openmanager_core.analysis._fleet_bins import Grid
from openmanager_core.analysis._fleet_blame import SURGE_RATIO, Blame
from openmanager_core.analysis._fleet_symptoms import Symptom, unit_of
from openmanager_core.findings import Cause
from openmanager_core.fleet import Change, Fleet

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
_SPREAD_WEIGHT = 1.0
"""Callers that began to suffer no earlier."""
_MOST_MEMBERS = 0.6
"""From this share of a cluster's members on, the cluster is meant and not each server."""
_FOLLOWS = 0.25
"""What remains of a score that something else explains."""
_OVER = 0.7
_HURTS = ("latency", "errors", "cpu_saturation")
_LEAST_HARM = 0.15
_HARMLESS = 0.6
_ENVIRONMENT = {"production": 1.0, "unknown": 1.0, "staging": 0.7, "development": 0.5}
_LOAD_MOVES = {"network_loss": 0.03, "memory_leak": 0.08}
"""Rises up to here can follow from overload alone."""
_CHANGE_FACTOR = 1.5
_CHANGE_BEFORE_S = 1800.0
_CHANGE_AFTER_S = 120.0
_MIN_SCORE = {"traffic_surge": 1.5, "cpu_saturation": 1.9, "slow_dependency": 1.9, "bad_deployment": 1.9}
_MIN_SCORE_SURE = 1.0
"""What load does by itself has to be large to be a cause; lost packets or a filling disk need not be."""
_MOST_EXPLAINED = 50
_RESOURCE = ("crash", "network_loss", "noisy_neighbour", "clock_skew", "memory_leak", "disk_filling", "cpu_saturation")


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything the ranking looks at besides the symptoms."""

    hosts: tuple[str, ...]
    edges_s: Grid
    cluster_of: tuple[str, ...]
    fleet: Fleet
    harm: Blame
    changes: tuple[Change, ...]

    @property
    def slack(self) -> int:
        """Bins within which two onsets count as one."""
        return max(2, (len(self.edges_s) - 1) // 12)

    def members_in_view(self, cluster: str) -> list[int]:
        """Rows of a cluster's members."""
        return [i for i, c in enumerate(self.cluster_of) if c == cluster]


@dataclass(frozen=True, slots=True)
class _Candidate:
    node: str
    level: Literal["server", "cluster"]
    cluster: str
    kind: str
    symptoms: tuple[Symptom, ...]
    first: int
    score: float
    notes: tuple[str, ...] = ()
    change: str = ""

    @property
    def lead(self) -> Symptom:
        """The symptom that says most."""
        return max(self.symptoms, key=lambda s: (s.kind not in ("latency", "errors"), s.effect))


def rank(scene: Scene, symptoms: Sequence[Symptom], top: int) -> list[Cause]:
    """Form the candidates, take off what others explain, and put the best into words."""
    formed = _places(scene, symptoms) + _surges(scene, symptoms)
    best: dict[tuple[str, str], _Candidate] = {}
    for c in (_with_change(c, scene) for c in _explained(formed, scene)):
        if (c.node, c.kind) not in best or c.score > best[c.node, c.kind].score:
            best[c.node, c.kind] = c
    formed = list(best.values())
    enough = [c for c in formed if c.score >= _MIN_SCORE.get(c.kind, _MIN_SCORE_SURE)]
    formed = sorted(enough, key=lambda c: (-c.score, c.first, c.node))
    return _told(formed[:top], formed, scene, symptoms)


def _places(scene: Scene, symptoms: Sequence[Symptom]) -> list[_Candidate]:
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
) -> list[_Candidate]:
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
        out.append(_Candidate(node, level, cluster, kind, (*mine, *timely), first, score))
    return out


def _soft(scene: Scene, place: str, kinds: dict[str, list[Symptom]], rows: list[int]) -> list[_Candidate]:
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
        return [_Candidate(place, "cluster", cluster, kind, tuple(found), first, score)]
    return [
        _Candidate(scene.hosts[h], "server", cluster, kind, tuple(s for s in found if s.host == h), first, score)
        for h in sorted(hit)
    ]


def _surges(scene: Scene, symptoms: Sequence[Symptom]) -> list[_Candidate]:
    """Clusters that get more requests, blamed where no caller's surge explains it."""
    out = []
    below = _closure(scene.fleet, downwards=True)
    for k, cluster in enumerate(scene.harm.clusters):
        ratio = float(scene.harm.surge[k])
        if ratio < SURGE_RATIO:
            continue
        first = int(scene.harm.surge_first[k])
        place = {cluster, *below.get(cluster, ())}
        hurt = [s for s in symptoms if scene.cluster_of[s.host] in place and s.kind in _HURTS and s.last > first]
        mine = [s for s in hurt if scene.cluster_of[s.host] == cluster and s.kind in ("latency", "errors")]
        effect = float(min(1.2, np.log(ratio) / np.log(3.0)))
        row = scene.members_in_view(cluster)[0]
        sign = Symptom(row, "traffic_surge", "requests_per_s", effect, 0.0, first, first + 1, ratio, 1.0)
        score = _WEIGHT["traffic_surge"] * effect + _HARM_WEIGHT * min(1.0, max((s.effect for s in mine), default=0.0))
        onward = [c for j, c in enumerate(scene.harm.clusters) if scene.harm.carried[j] and c in below.get(cluster, ())]
        score += _SPREAD_WEIGHT * bool(onward)
        # more requests that are served as well as before hurt nobody yet
        score *= 1.0 if max((s.effect for s in hurt), default=0.0) >= _LEAST_HARM else _HARMLESS
        score *= _FOLLOWS if scene.harm.carried[k] else 1.0
        out.append(_Candidate(cluster, "cluster", cluster, "traffic_surge", (sign, *mine), first, score))
    return out


def _explained(formed: list[_Candidate], scene: Scene) -> list[_Candidate]:
    """Lower what a stronger cause at the same place, below it in the call graph, or above it explains."""
    below = _closure(scene.fleet, downwards=True)
    out = []
    for c in formed:
        earlier = [o for o in formed if o is not c and o.first <= c.first + scene.slack]
        factor = _FOLLOWS if any(_explains_away(o, c, scene, below) for o in earlier) else 1.0
        factor *= _importance(c, scene)
        earliest = min((o.first for o in formed if o.score >= 0.5 * c.score), default=c.first)
        late = max(0, c.first - earliest - scene.slack) / (len(scene.edges_s) - 1)
        out.append(replace(c, score=c.score * factor * (1.0 - 0.5 * min(1.0, late))))
    return out


def _explains_away(other: _Candidate, c: _Candidate, scene: Scene, below: dict[str, set[str]]) -> bool:
    """Whether `c` is what one would see anyway, given `other`."""
    here = bool(c.cluster) and other.cluster == c.cluster
    if other.kind == "traffic_surge":
        k = scene.harm.at(c.cluster) if c.cluster else None
        # a cluster that is already full serves no more, so its requests need not show the surge
        felt = (k is not None and scene.harm.surge[k] > 1.0) or abs(other.first - c.first) <= scene.slack
        above = felt and (here or c.cluster in below.get(other.cluster, ()))
    else:
        above = False
    strong = other.kind in _RESOURCE and other.score >= 0.5 * c.score
    match c.kind:
        case "slow_dependency" | "bad_deployment":
            callee = other.cluster in below.get(c.cluster, ()) and (
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


def _importance(c: _Candidate, scene: Scene) -> float:
    """Less for what is over, and for load away from production; what breaks by itself counts everywhere."""
    n_bins = len(scene.edges_s) - 1
    over = c.kind not in ("crash", "traffic_surge") and max(s.last for s in c.symptoms) < n_bins - scene.slack
    factor = _OVER if over else 1.0
    if c.kind in _MIN_SCORE and c.cluster in scene.fleet.cluster_by_id:
        factor *= _ENVIRONMENT[scene.fleet.cluster_by_id[c.cluster].environment]
    return factor


def _closure(fleet: Fleet, *, downwards: bool) -> dict[str, set[str]]:
    """Every cluster a cluster calls, or is called by, directly or not."""
    step: dict[str, list[str]] = defaultdict(list)
    for caller, callee in fleet.calls:
        step[caller if downwards else callee].append(callee if downwards else caller)
    out: dict[str, set[str]] = {}
    for start in step:
        seen: set[str] = set()
        todo = [start]
        while todo:
            for following in step.get(todo.pop(), ()):
                if following not in seen:
                    seen.add(following)
                    todo.append(following)
        out[start] = seen - {start}
    return out


def _with_change(c: _Candidate, scene: Scene) -> _Candidate:
    """Name the latest change at the same place shortly before the onset; a deployment explains errors."""
    onset_s = float(scene.edges_s[c.first])
    bin_s = float(scene.edges_s[1] - scene.edges_s[0])
    near = [
        x
        for x in scene.changes
        if x.target in (c.node, c.cluster)
        and -_CHANGE_BEFORE_S - bin_s <= x.at_s - onset_s <= _CHANGE_AFTER_S + 2 * bin_s
    ]
    if not near:
        return c
    latest = max(near, key=lambda x: x.at_s)
    said = f"{latest.kind} of {latest.target} at {_when(latest.at_s)}: {latest.description}"
    kind = c.kind
    if latest.kind in ("deployment", "config") and kind in ("slow_dependency", "cpu_saturation"):
        kind = "bad_deployment"
    changed = replace(c, score=c.score * _CHANGE_FACTOR, change=said, kind=kind)
    if kind == "bad_deployment" and latest.target == c.cluster:
        # what was rolled out to the cluster is wrong on the cluster, whichever members show it first
        return replace(changed, node=c.cluster, level="cluster")
    return changed


def _told(chosen: list[_Candidate], formed: list[_Candidate], scene: Scene, symptoms: Sequence[Symptom]) -> list[Cause]:
    out = []
    above = _closure(scene.fleet, downwards=False)
    for rank_, c in enumerate(chosen):
        rival = max((o.score for o in formed if o.node != c.node), default=0.0)
        ahead = c.score / (c.score + rival) if rank_ == 0 else c.score / (c.score + chosen[0].score) * 0.9
        sure = 1.0 - np.exp(-c.score / 2.5)
        out.append(
            Cause(
                node=c.node,
                level=c.level,
                kind=c.kind,
                metric="" if c.lead.metric == "coverage" else c.lead.metric,
                score=round(float(c.score), 4),
                confidence=round(float(np.clip(ahead * sure, 0.01, 0.99)), 3),
                onset_s=float(scene.edges_s[c.first]),
                explains=_explains(c, scene, symptoms, above),
                evidence=_sentences(c, scene),
                change=c.change,
            )
        )
    return out


def _explains(c: _Candidate, scene: Scene, symptoms: Sequence[Symptom], above: dict[str, set[str]]) -> tuple[str, ...]:
    """Members and callers, near ones first, that show symptoms no earlier than the cause."""
    callers = above.get(c.cluster, set())
    late = [s for s in symptoms if s.first >= c.first - scene.slack]
    own = [scene.hosts[s.host] for s in late if scene.cluster_of[s.host] == c.cluster and c.cluster]
    up = [scene.cluster_of[s.host] for s in late if scene.cluster_of[s.host] in callers]
    near = [n for n in scene.fleet.callers(c.cluster) if n in up] if c.cluster else []
    return tuple(n for n in _once([*near, *up, *own]) if n != c.node)[:_MOST_EXPLAINED]


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _sentences(c: _Candidate, scene: Scene) -> tuple[str, ...]:
    """The symptoms as sentences with values and times, then the blame."""
    out = []
    for kind in _once(s.kind for s in sorted(c.symptoms, key=lambda s: (s is not c.lead, s.first))):
        mine = [s for s in c.symptoms if s.kind == kind]
        worst = max(mine, key=lambda s: s.effect)
        since = _when(float(scene.edges_s[min(s.first for s in mine)]))
        who = f" (worst of {len(mine)}: {scene.hosts[worst.host]})" if len(mine) > 1 else ""
        if kind == "traffic_surge":
            out.append(f"requests_per_s of the cluster are {worst.observed:.2f} times those before, since {since}")
        elif kind == "crash":
            out.append(f"no readings, or no work at all, since {since}{who}")
        elif kind == "errors":
            out.append(f"errors are {worst.observed:.2%} of requests against {worst.baseline:.2%}, since {since}{who}")
        else:
            unit = unit_of(worst.metric)
            out.append(
                f"{worst.metric} {worst.observed:.3g} {unit} against {worst.baseline:.3g}, "
                f"{worst.sigma:.0f} sigma, since {since}{who}"
            )
    k = scene.harm.at(c.cluster) if c.cluster else None
    if k is not None and scene.harm.waited[k] > 0:
        out.append(
            f"{scene.harm.own_waited[k]:.0%} of the {scene.harm.waited[k]:.3g} s waited per second beyond normal "
            f"in {c.cluster} is its own, the rest its callees'"
        )
    return tuple(out)


def _when(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
