"""The scene of a fleet's trouble: who is where, what was lost, what was changed, and a candidate cause in it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

from openmanager_core.analysis._fleet_bins import Grid
from openmanager_core.analysis._fleet_blame import Blame
from openmanager_core.analysis._fleet_symptoms import Symptom
from openmanager_core.facts import Fact
from openmanager_core.fleet import Change, Fleet


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything the ranking looks at besides the symptoms; `below` and `above` are whom a cluster calls and serves."""

    hosts: tuple[str, ...]
    edges_s: Grid
    cluster_of: tuple[str, ...]
    fleet: Fleet
    harm: Blame
    changes: tuple[Change, ...]
    below: dict[str, set[str]]
    above: dict[str, set[str]]

    @property
    def slack(self) -> int:
        """Bins within which two onsets count as one."""
        return max(2, (len(self.edges_s) - 1) // 12)

    def members_in_view(self, cluster: str) -> list[int]:
        """Rows of a cluster's members."""
        return [i for i, c in enumerate(self.cluster_of) if c == cluster]


@dataclass(frozen=True, slots=True)
class Candidate:
    node: str
    level: Literal["server", "cluster"]
    cluster: str
    kind: str
    symptoms: tuple[Symptom, ...]
    first: int
    score: float
    notes: tuple[str, ...] = ()
    change: Fact | None = None

    @property
    def lead(self) -> Symptom:
        """The symptom that says most."""
        return max(self.symptoms, key=lambda s: (s.kind not in ("latency", "errors"), s.effect))


def scene_of(
    hosts: tuple[str, ...],
    edges_s: Grid,
    cluster_of: tuple[str, ...],
    fleet: Fleet,
    harm: Blame,
    changes: tuple[Change, ...],
) -> Scene:
    """The scene, with the call graph of the clusters in view followed to its ends."""
    down: dict[str, list[str]] = defaultdict(list)
    up: dict[str, list[str]] = defaultdict(list)
    for caller, callee in fleet.calls:
        down[caller].append(callee)
        up[callee].append(caller)
    below = {c: _reached(c, down) for c in harm.clusters}
    above = {c: _reached(c, up) for c in harm.clusters}
    return Scene(hosts, edges_s, cluster_of, fleet, harm, changes, below, above)


def _reached(start: str, step: dict[str, list[str]]) -> set[str]:
    """Every cluster that is reached from `start`, directly or not, without itself."""
    seen: set[str] = set()
    todo = [start]
    while todo:
        for following in step.get(todo.pop(), ()):
            if following not in seen:
                seen.add(following)
                todo.append(following)
    return seen - {start}
