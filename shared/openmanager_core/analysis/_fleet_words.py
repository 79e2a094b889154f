"""Ranked candidates as causes for people: confidence, what they explain, and the facts that speak for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from openmanager_core.analysis._fleet_scene import Candidate, Scene
from openmanager_core.analysis._fleet_symptoms import Symptom, unit_of
from openmanager_core.facts import Fact, fact
from openmanager_core.findings import Cause
from openmanager_core.wording import all_said, said

_MOST_EXPLAINED = 50


def told(chosen: list[Candidate], formed: list[Candidate], scene: Scene, symptoms: Sequence[Symptom]) -> list[Cause]:
    out = []
    for rank_, c in enumerate(chosen):
        facts = _facts(c, scene)
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
                explains=_explains(c, scene, symptoms),
                evidence=all_said(facts),
                change="" if c.change is None else said(c.change),
                facts=facts,
                change_fact=c.change,
            )
        )
    return out


def _explains(c: Candidate, scene: Scene, symptoms: Sequence[Symptom]) -> tuple[str, ...]:
    """Members and callers, near ones first, that show symptoms no earlier than the cause."""
    callers = scene.above.get(c.cluster, set())
    late = [s for s in symptoms if s.first >= c.first - scene.slack]
    own = [scene.hosts[s.host] for s in late if scene.cluster_of[s.host] == c.cluster and c.cluster]
    up = [scene.cluster_of[s.host] for s in late if scene.cluster_of[s.host] in callers]
    near = [n for n in scene.fleet.callers(c.cluster) if n in up] if c.cluster else []
    return tuple(n for n in _once([*near, *up, *own]) if n != c.node)[:_MOST_EXPLAINED]


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _facts(c: Candidate, scene: Scene) -> tuple[Fact, ...]:
    """The symptoms with values and times, then the blame."""
    out = []
    for kind in _once(s.kind for s in sorted(c.symptoms, key=lambda s: (s is not c.lead, s.first))):
        mine = [s for s in c.symptoms if s.kind == kind]
        worst = max(mine, key=lambda s: s.effect)
        start_s = float(scene.edges_s[min(s.first for s in mine)])
        who: dict[str, Any] = {"start_s": start_s, "count": len(mine), "worst": scene.hosts[worst.host]}
        now, was = float(worst.observed), float(worst.baseline)
        if kind == "traffic_surge":
            out.append(fact("evidence.surge", times=now, start_s=start_s))
        elif kind == "crash":
            out.append(fact("evidence.silence", **who))
        elif kind == "errors":
            out.append(fact("evidence.errors", now=now, was=was, **who))
        else:
            unit, sigma = unit_of(worst.metric), float(worst.sigma)
            out.append(fact("evidence.metric", metric=worst.metric, unit=unit, now=now, was=was, sigma=sigma, **who))
    k = scene.harm.at(c.cluster) if c.cluster else None
    if k is not None and scene.harm.waited[k] > 0:
        own, waited = float(scene.harm.own_waited[k]), float(scene.harm.waited[k])
        out.append(fact("evidence.own_wait", own=own, waited=waited, cluster=c.cluster))
    return tuple(out)
