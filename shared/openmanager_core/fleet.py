"""The inventory: servers, clusters, applications and who calls whom. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from openmanager_core.catalog import Architecture, Environment, ServerType
from openmanager_core.errors import InvalidRequest, NotFound
from openmanager_core.facts import Fact, paired
from openmanager_core.wording import Language, all_said

ChangeKind = Literal["deployment", "restart", "config", "scaling", "commit"]
HealthStatus = Literal["healthy", "degraded", "critical", "unknown"]


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """What the machine is; 0 where the source does not say."""

    cpu_cores: int = 0
    memory_bytes: int = 0
    disk_bytes: int = 0
    network_bytes_per_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Health:
    """How well a server, cluster or fleet is: 100 is well, 0 is down, each lost point has a reason.

    `facts` hold what the reasons say, for every language.
    """

    score: float
    status: HealthStatus
    reasons: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()

    @classmethod
    def of(cls, score: float, status: HealthStatus, facts: Sequence[Fact]) -> Health:
        """Health with its reasons, in English."""
        return cls(score, status, all_said(facts), tuple(facts))

    def reasons_in(self, language: Language) -> tuple[str, ...]:
        """The reasons in a language; what came without facts stays as it was written."""
        return all_said(paired(self.reasons, self.facts), language)


@dataclass(frozen=True, slots=True)
class ServerInstance:
    """One server. `health` is None until somebody measured it."""

    id: str
    name: str
    type: ServerType = "unknown"
    role: str = ""
    environment: Environment = "unknown"
    region: str = ""
    architecture: Architecture = "unknown"
    spec: ServerSpec = ServerSpec()
    cluster: str = ""
    health: Health | None = None
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """What stands in front of a cluster."""

    name: str
    algorithm: Literal["round_robin", "least_connections", "consistent_hash", "unknown"] = "unknown"
    port: int = 0


@dataclass(frozen=True, slots=True)
class ScalingPolicy:
    """How far a cluster may grow or shrink, and what it steers by."""

    min_servers: int
    max_servers: int
    target_cpu_ratio: float = 0.6


@dataclass(frozen=True, slots=True)
class ServerCluster:
    """Servers of one type that share one job, one region and one environment."""

    id: str
    type: ServerType = "unknown"
    environment: Environment = "unknown"
    region: str = ""
    members: tuple[str, ...] = ()
    load_balancer: LoadBalancer | None = None
    scaling_policy: ScalingPolicy | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """One version of an application in one environment since one instant."""

    application: str
    environment: Environment
    version: str
    at_s: float
    clusters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApplicationMetrics:
    """An application across its clusters, over the window it was measured in.

    Attributes
    ----------
    deployments
        Newest first, per environment.
    requests_per_s, error_ratio, latency_p95_s
        Performance; None where nothing was measured. The latency is the mean over servers of their p95.
    cpu_cores_used, memory_bytes_used
        Resources in use, summed over servers.
    """

    name: str
    deployments: tuple[Deployment, ...] = ()
    clusters: tuple[str, ...] = ()
    requests_per_s: float | None = None
    error_ratio: float | None = None
    latency_p95_s: float | None = None
    cpu_cores_used: float | None = None
    memory_bytes_used: float | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was done to the fleet and may explain what followed."""

    kind: ChangeKind
    at_s: float
    target: str
    description: str


COMMITTED_BEFORE_S = 24 * 3600.0
"""What was written may be rolled out so much later."""


@dataclass(frozen=True)
class Fleet:
    """The inventory as one value.

    Attributes
    ----------
    servers, clusters
        In a stable order; every server's `cluster` is a cluster's id, or empty.
    calls
        Who calls whom, as (caller, callee) cluster ids.
    applications
        What runs there; empty where the source does not know.
    """

    servers: tuple[ServerInstance, ...]
    clusters: tuple[ServerCluster, ...] = ()
    calls: tuple[tuple[str, str], ...] = ()
    applications: tuple[ApplicationMetrics, ...] = field(default=())

    @cached_property
    def by_id(self) -> dict[str, ServerInstance]:
        """Server id to server."""
        return {s.id: s for s in self.servers}

    @cached_property
    def cluster_by_id(self) -> dict[str, ServerCluster]:
        """Cluster id to cluster."""
        return {c.id: c for c in self.clusters}

    @cached_property
    def _by_name(self) -> dict[str, ServerInstance]:
        return {s.name.casefold(): s for s in self.servers} | {s.id.casefold(): s for s in self.servers}

    def server(self, name: str) -> ServerInstance:
        """The server with this id or name, in any case.

        Raises
        ------
        NotFound
            If there is none; the message gives the nearest ids.
        """
        found = self._by_name.get(name.casefold())
        if found is None:
            raise NotFound.named("server", name, self.by_id, hint="list_servers shows them all")
        return found

    def cluster(self, name: str) -> ServerCluster:
        """The cluster with this id.

        Raises
        ------
        NotFound
            If there is none; the message gives the nearest ids.
        """
        found = self.cluster_by_id.get(name)
        if found is None:
            raise NotFound.named("cluster", name, self.cluster_by_id, hint="list_servers shows them")
        return found

    def select(
        self,
        *,
        servers: Iterable[str] = (),
        cluster: str = "",
        type: str = "",
        region: str = "",
        environment: str = "",
    ) -> tuple[ServerInstance, ...]:
        """Servers that meet every condition given; an empty condition is none.

        Raises
        ------
        NotFound
            If a server, cluster, type, region or environment is named that no server has.
        """
        chosen = tuple(self.server(s) for s in servers) or self.servers
        for name, wanted in (
            ("cluster", cluster),
            ("type", type),
            ("region", region),
            ("environment", environment),
        ):
            if not wanted:
                continue
            known = sorted({str(getattr(s, name)) for s in self.servers} - {""})
            if wanted not in known:
                raise NotFound.named(name, wanted, known, hint=f"one of {', '.join(known[:12])}")
            chosen = tuple(s for s in chosen if getattr(s, name) == wanted)
        if not chosen:
            raise InvalidRequest("no server meets all the conditions", hint="drop one of them")
        return chosen

    def callees(self, cluster: str) -> tuple[str, ...]:
        """Clusters this one calls, in order."""
        return tuple(b for a, b in self.calls if a == cluster and b != cluster)

    def callers(self, cluster: str) -> tuple[str, ...]:
        """Clusters that call this one, in order."""
        return tuple(a for a, b in self.calls if b == cluster and a != cluster)
