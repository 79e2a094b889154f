"""What happens to two clusters when one serves a part of the other's load."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmanager_core.errors import InsufficientData, InvalidRequest, NotFound
from openmanager_core.facts import Fact, fact
from openmanager_core.fleet import Fleet, ServerCluster
from openmanager_core.text import ident, quoted

Float = npt.NDArray[np.float64]

_WRITTEN = re.compile(r"\s*(\S.*?)\s*(?:->|→)\s*(\S.*?)\s*:\s*([0-9]{1,3}(?:\.[0-9]{1,6})?)\s*%?\s*")
_LONGEST = 300
_PER_CORE = frozenset({"cpu_busy_ratio", "load_per_core_ratio"})
_COUNTED = frozenset({"connections_active"})


@dataclass(frozen=True, slots=True)
class MovedLoad:
    """A part of one cluster's load that another would serve.

    Attributes
    ----------
    source, target
        Ids of clusters, or of servers that belong to none.
    share
        Of the source's load, above 0 to 1.
    """

    source: str
    target: str
    share: float

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise InvalidRequest(f"moved_load must be above 0 and at most 100 percent, got {100 * self.share:g}")
        if self.source == self.target:
            raise InvalidRequest(f"moved_load must be between two clusters, got {ident(self.source)} twice")


def parse_moved(text: str) -> MovedLoad:
    """Read ``web-a->web-b:30``: 30 percent of what web-a serves, served by web-b.

    Raises
    ------
    InvalidRequest
        If it is not written so, or names one cluster twice, or no percentage above 0 to 100.
    """
    found = _WRITTEN.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        raise InvalidRequest(
            f"moved_load must be from->to:percent, got {quoted(text, 80)}", hint="web-a->web-b:30, with ids of clusters"
        )
    return MovedLoad(found[1], found[2], float(found[3]) / 100)


class Move:
    """The load that moves, known from the readings of both clusters.

    Work is what the servers of a cluster do together: mean CPU times servers times cores (servers of an
    inventory without cores count as equal).

    Raises
    ------
    NotFound
        If a cluster does not exist.
    InvalidRequest
        If the clusters are of different types.
    InsufficientData
        If one of them has no CPU readings.
    """

    def __init__(
        self,
        moved: MovedLoad,
        clusters: Mapping[str, ServerCluster],
        fleet: Fleet,
        means: Mapping[str, tuple[Float | None, Float | None]],
    ) -> None:
        self.moved = moved
        for name in (moved.source, moved.target):
            if name not in clusters:
                raise NotFound.named("cluster", name, clusters, hint="list_servers shows them")
        source, target = clusters[moved.source], clusters[moved.target]
        if source.type != target.type:
            raise InvalidRequest(
                f"moved_load must be between clusters of one type, got {ident(source.id)} ({source.type}) and "
                f"{ident(target.id)} ({target.type})"
            )
        self._means = means
        self._heads = len(source.members) / len(target.members)
        cores = [[fleet.by_id[m].spec.cpu_cores for m in c.members if m in fleet.by_id] for c in (source, target)]
        known = all(side and min(side) > 0 for side in cores)
        self._machines = self._heads * (np.mean(cores[0]) / np.mean(cores[1]) if known else 1.0)
        work = means.get("cpu_busy_ratio", (None, None))
        for name, cpu in zip((moved.source, moved.target), work, strict=True):
            if cpu is None or not np.isfinite(cpu).any():
                raise InsufficientData(
                    f"moved_load needs readings of cpu_busy_ratio, {ident(name)} has none",
                    hint="a longer or a later history, or clusters with readings",
                )
        given, own = (float(np.nanmean(w)) if w is not None else math.nan for w in work)
        # A hundredth of a percent busy is idle: nothing can be learnt from what such a cluster's load costs.
        self._target_grows = moved.share * given * float(self._machines) / max(own, 1e-4)

    def touches(self, cluster: str) -> bool:
        """Whether the cluster gives or takes."""
        return cluster in (self.moved.source, self.moved.target)

    def growth(self, cluster: str) -> float:
        """Change of the cluster's work over the window: 0.3 is 30 percent more."""
        return -self.moved.share if cluster == self.moved.source else self._target_grows

    def rows(self, cluster: str, metric: str, rows: Float, share: float) -> Float:
        """The members' readings, had the load moved.

        Parameters
        ----------
        rows
            Shape ``(members, times)``.
        share
            The part of the resource that follows the load, 0 to 1.

        Returns
        -------
        Float
            The same shape. CPU, load and connections of the target get what the source had at that
            instant, spread over its servers by cores or number; ``nan`` where the source has no reading.
            Anything else follows the target's work.
        """
        if cluster == self.moved.source:
            return rows * (1 - share * self.moved.share)
        given = self._means.get(metric, (None, None))[0]
        if given is not None and metric in _PER_CORE | _COUNTED:
            spread = self._machines if metric in _PER_CORE else self._heads
            return np.asarray(rows + self.moved.share * given * spread)
        return rows * (1 + share * self._target_grows)

    def seen_from(self, cluster: str) -> Fact:
        """The move as seen from this cluster."""
        if cluster == self.moved.source:
            return fact("capacity.moved_away", share=self.moved.share, target=self.moved.target)
        return fact("capacity.moved_here", share=self.moved.share, source=self.moved.source)
