"""Ranked candidates as causes for people: confidence, what they explain, and sentences with values and times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import numpy as np

from openmanager_core.analysis._fleet_scene import Candidate, Scene
from openmanager_core.analysis._fleet_symptoms import Symptom, unit_of
from openmanager_core.findings import Cause
from openmanager_core.text import ident

_MOST_EXPLAINED = 50


def told(chosen: list[Candidate], formed: list[Candidate], scene: Scene, symptoms: Sequence[Symptom]) -> list[Cause]:
    out = []
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
                explains=_explains(c, scene, symptoms),
                evidence=_sentences(c, scene),
                change=c.change,
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


def _sentences(c: Candidate, scene: Scene) -> tuple[str, ...]:
    """The symptoms as sentences with values and times, then the blame."""
    out = []
    for kind in _once(s.kind for s in sorted(c.symptoms, key=lambda s: (s is not c.lead, s.first))):
        mine = [s for s in c.symptoms if s.kind == kind]
        worst = max(mine, key=lambda s: s.effect)
        since = when(float(scene.edges_s[min(s.first for s in mine)]))
        who = f" (worst of {len(mine)}: {ident(scene.hosts[worst.host])})" if len(mine) > 1 else ""
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
            f"in {ident(c.cluster)} is its own, the rest its callees'"
        )
    return tuple(out)


def when(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
