"""From loose records (a sidecar file, labels of series) to a `Fleet`; what is unknown stays "unknown"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from openmanager_core.catalog import (
    ARCHITECTURES,
    ENVIRONMENTS,
    SERVER_TYPES,
    Architecture,
    Environment,
    ServerType,
)
from openmanager_core.fleet import ApplicationMetrics, Deployment, Fleet, ServerCluster, ServerInstance, ServerSpec

_ARCHITECTURE = {"amd64": "x86_64", "x64": "x86_64", "aarch64": "arm64"}
_ENVIRONMENT = {"prod": "production", "stage": "staging", "dev": "development"}
_TYPE = {"db": "database"}
T = TypeVar("T")
_LABELS = ("server", "instance", "name", "type", "role", "environment", "region", "architecture", "cluster")


def server_type(text: str) -> ServerType:
    """A type of the catalogue, "unknown" for anything else."""
    word = _TYPE.get(text.casefold(), text.casefold())
    return cast("ServerType", word if word in SERVER_TYPES else "unknown")


def environment(text: str) -> Environment:
    """An environment of the catalogue, "unknown" for anything else."""
    word = _ENVIRONMENT.get(text.casefold(), text.casefold())
    return cast("Environment", word if word in ENVIRONMENTS else "unknown")


def architecture(text: str) -> Architecture:
    """An architecture of the catalogue, "unknown" for anything else."""
    word = _ARCHITECTURE.get(text.casefold(), text.casefold())
    return cast("Architecture", word if word in ARCHITECTURES else "unknown")


@dataclass(frozen=True, slots=True)
class Edges:
    """Calls whose both ends are known clusters, and how many were not."""

    calls: tuple[tuple[str, str], ...]
    unknown: int


def server(server_id: str, record: Mapping[str, str], spec: ServerSpec | None = None) -> ServerInstance:
    """One server from its labels; labels that we have no field for are kept as labels."""
    return ServerInstance(
        id=server_id,
        name=record.get("name") or server_id,
        type=server_type(record.get("type", "")),
        role=record.get("role", ""),
        environment=environment(record.get("environment", "")),
        region=record.get("region", ""),
        architecture=architecture(record.get("architecture", "")),
        spec=spec or ServerSpec(),
        cluster=record.get("cluster", ""),
        labels=tuple(sorted((k, v) for k, v in record.items() if k not in _LABELS and not k.startswith("__"))),
    )


def fleet(
    servers: Sequence[ServerInstance],
    *,
    calls: Iterable[tuple[str, str]] = (),
    deployments: Sequence[Deployment] = (),
    clusters: Sequence[ServerCluster] = (),
) -> tuple[Fleet, int]:
    """Servers with the clusters they name, calls between those, and applications; also how many calls led nowhere."""
    members: dict[str, list[ServerInstance]] = {c.id: [] for c in clusters}
    for one in servers:
        if one.cluster:
            members.setdefault(one.cluster, []).append(one)
    stated = {c.id: c for c in clusters}
    built = tuple(_cluster(name, of, stated.get(name)) for name, of in members.items())
    edges = known_edges(calls, members)
    return Fleet(tuple(servers), built, edges.calls, _applications(deployments)), edges.unknown


def known_edges(calls: Iterable[tuple[str, str]], clusters: Iterable[str]) -> Edges:
    """Distinct calls between known clusters, in the order they came."""
    known = set(clusters)
    distinct = dict.fromkeys((a, b) for a, b in calls if a != b)
    kept = tuple(edge for edge in distinct if edge[0] in known and edge[1] in known)
    return Edges(kept, len(distinct) - len(kept))


def _cluster(name: str, members: Sequence[ServerInstance], stated: ServerCluster | None) -> ServerCluster:
    """What all members agree on is the cluster's; a stated value goes first."""
    kinds = {m.type for m in members}
    environments = {m.environment for m in members}
    regions = {m.region for m in members}
    kind: ServerType = stated.type if stated and stated.type != "unknown" else _only(kinds, "unknown")
    where: Environment = (
        stated.environment if stated and stated.environment != "unknown" else _only(environments, "unknown")
    )
    region = stated.region if stated and stated.region else _only(regions, "")
    return ServerCluster(name, kind, where, region, tuple(m.id for m in members))


def _only(values: set[T], otherwise: T) -> T:
    return next(iter(values)) if len(values) == 1 else otherwise


def _applications(deployments: Sequence[Deployment]) -> tuple[ApplicationMetrics, ...]:
    """Deployments grouped by application, newest first."""
    by_name: dict[str, list[Deployment]] = {}
    for one in sorted(deployments, key=lambda d: (-d.at_s, d.application, d.environment)):
        by_name.setdefault(one.application, []).append(one)
    return tuple(
        ApplicationMetrics(name, tuple(of), tuple(dict.fromkeys(c for d in of for c in d.clusters)))
        for name, of in sorted(by_name.items())
    )
