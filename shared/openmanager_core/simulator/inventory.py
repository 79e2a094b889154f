"""Which servers a simulated fleet has: the inventory for people, and the same as columns for arithmetic.

A fleet is made of cells. A cell is one product in one region and environment; it has a cluster of each server type,
and its web servers call its api servers, which call its databases, caches and queues.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmanager_core.catalog import REGIONS, Environment, ServerType
from openmanager_core.errors import InvalidRequest
from openmanager_core.fleet import (
    ApplicationMetrics,
    Deployment,
    Fleet,
    LoadBalancer,
    ScalingPolicy,
    ServerCluster,
    ServerInstance,
    ServerSpec,
)
from openmanager_core.simulator.hashing import Keys, key, keys

MAX_SERVERS = 100_000
TYPES: tuple[ServerType, ...] = ("web", "api", "database", "cache", "queue")
ENVIRONMENTS: tuple[Environment, ...] = ("production", "staging", "development")
UTC_OFFSET_S = (-5 * 3600, -8 * 3600, 0, 8 * 3600)
"""Local standard time of `REGIONS`; daylight saving is left out."""

_TYPE_SHARES = (0.28, 0.26, 0.18, 0.16, 0.12)
# (environment, region, share of a product's servers), in the order in which a growing product opens them
_CELLS = (
    (0, 0, 0.30), (0, 2, 0.16), (1, 1, 0.08), (2, 3, 0.06), (0, 1, 0.12), (0, 3, 0.08),
    (1, 0, 0.05), (1, 2, 0.05), (2, 0, 0.03), (2, 2, 0.03), (1, 3, 0.02), (2, 1, 0.02),
)  # fmt: skip
_PRODUCTS = (
    "shop", "payments", "search", "accounts", "media", "shipping", "catalog", "billing", "reviews", "support",
    "loyalty", "pricing", "fraud", "mail", "reports", "maps", "chat", "tickets", "wallet", "events", "feeds", "ads",
    "archive", "identity",
)  # fmt: skip
_SERVERS_PER_CELL = 7
_SERVERS_PER_PRODUCT = 600
_TIERS = {"web": "web", "api": "api", "database": "data", "cache": "data", "queue": "data"}
_ROLES = {
    "web": "serves pages to visitors",
    "api": "answers the pages' calls",
    "database": "keeps the records",
    "cache": "keeps hot records in memory",
    "queue": "hands work over between services",
}
_BALANCING = {
    "web": ("round_robin", 443),
    "api": ("least_connections", 8443),
    "database": ("least_connections", 5432),
    "cache": ("consistent_hash", 6379),
    "queue": ("round_robin", 5672),
}
_GIB = 2**30
# cores, memory, disk in GiB, network in bytes/s of a production server; the others get half the cores and memory
_SPECS = {
    "web": (4, 8, 80, 6.25e8),
    "api": (8, 16, 120, 1.25e9),
    "database": (16, 128, 1000, 1.25e9),
    "cache": (8, 64, 100, 1.25e9),
    "queue": (4, 16, 250, 6.25e8),
}
_ROOT = 0x0F1EE7
_FIRST_MONDAY_S = 1_793_577_600.0
"""2026-11-02 00:00 UTC: deployments of the inventory lie in the four weeks before it."""


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The fleet as arrays: one entry per server in inventory order, or one per cluster.

    Attributes
    ----------
    cluster, type, cores
        Per server: row of its cluster, place of its type in `TYPES`, cores.
    key, cluster_key
        What every random number of a server or a cluster is hashed from; independent of the fleet's size.
    cluster_type, cluster_environment, cluster_region, cluster_size
        Per cluster.
    cell_key
        Per cluster: the key of its cell, the same for the five clusters that share their traffic.
    ordinal
        Per cluster: its place in the order in which a fleet grows; neighbours are meant to differ.
    offsets
        Three numbers in [0, 1) of the seed alone.
    callees
        Per cluster: rows of the clusters it calls.
    """

    cluster: npt.NDArray[np.intp]
    type: npt.NDArray[np.int64]
    cores: npt.NDArray[np.float32]
    key: Keys
    cluster_key: Keys
    cluster_type: npt.NDArray[np.int64]
    cluster_environment: npt.NDArray[np.int64]
    cluster_region: npt.NDArray[np.int64]
    cluster_size: npt.NDArray[np.int64]
    cell_key: Keys
    ordinal: npt.NDArray[np.int64]
    offsets: tuple[float, float, float]
    callees: tuple[tuple[int, ...], ...]


def _apportion(total: int, shares: tuple[float, ...], least: int = 1) -> list[int]:
    """Split `total` by `shares` in whole numbers, at least `least` each while there are enough."""
    if total <= len(shares):
        return [1] * total + [0] * (len(shares) - total)
    whole = sum(shares)
    quota = [total * s / whole for s in shares]
    out = [max(least, int(q)) for q in quota]
    while sum(out) > total:
        out[max((j for j in range(len(out)) if out[j] > least), key=lambda j: out[j] - quota[j])] -= 1
    while sum(out) < total:
        out[max(range(len(out)), key=lambda j: quota[j] - out[j])] += 1
    return out


def _check(servers: int) -> None:
    if isinstance(servers, bool) or not isinstance(servers, int) or not 1 <= servers <= MAX_SERVERS:
        raise InvalidRequest(
            f"servers must be a whole number from 1 to {MAX_SERVERS}, got {servers!r}",
            hint="a fleet beyond that is best read from a Prometheus",
        )


def build(servers: int, seed: int) -> tuple[Fleet, Columns]:
    """The fleet of that many servers, and its columns; the same for the same arguments.

    Raises
    ------
    InvalidRequest
        If `servers` is not from 1 to `MAX_SERVERS`.
    """
    _check(servers)
    root = key(_ROOT, seed)
    products = max(1, min(len(_PRODUCTS), -(-servers // _SERVERS_PER_PRODUCT)))
    per_product = [servers // products + (i < servers % products) for i in range(products)]
    people: list[ServerInstance] = []
    clusters: list[ServerCluster] = []
    calls: list[tuple[str, str]] = []
    callees: list[tuple[int, ...]] = []
    facts: list[tuple[int, ...]] = []  # product, environment, region, type, members, cell
    numbers: list[npt.NDArray[np.int64]] = []
    next_number = [[0] * len(REGIONS) for _ in TYPES]
    for product, wanted in enumerate(per_product):
        cells = _CELLS[: max(1, min(len(_CELLS), wanted // _SERVERS_PER_CELL))]
        sizes = _apportion(wanted, tuple(c[2] for c in cells), min(wanted, len(TYPES)))
        for cell, ((env, region, _), size) in enumerate(zip(cells, sizes, strict=True)):
            rows: dict[str, int] = {}
            for kind, members in enumerate(_apportion(size, _TYPE_SHARES)):
                if not members:
                    continue
                first = next_number[kind][region]
                next_number[kind][region] += members
                rows[TYPES[kind]] = len(clusters)
                facts.append((product, env, region, kind, members, cell))
                numbers.append(np.arange(first + 1, first + members + 1))
                clusters.append(_cluster(product, env, region, kind, range(first + 1, first + members + 1)))
                _add_servers(people, clusters[-1], kind, env)
            callees.extend(_edges(rows, clusters, calls))
    table = np.array(facts, np.int64)
    members_of = table[:, 4]
    of_server = np.repeat(np.arange(len(facts)), members_of)
    kind_of, region_of = table[of_server, 3], table[of_server, 2]
    columns = Columns(
        cluster=of_server,
        type=kind_of,
        cores=np.array([s.spec.cpu_cores for s in people], np.float32),
        key=keys(root, (kind_of, region_of, np.concatenate(numbers))),
        cluster_key=keys(root + 1, (table[:, 0], table[:, 1], table[:, 2], table[:, 3])),
        cluster_type=table[:, 3],
        cluster_environment=table[:, 1],
        cluster_region=table[:, 2],
        cluster_size=members_of,
        cell_key=keys(root + 2, (table[:, 0], table[:, 1], table[:, 2])),
        ordinal=(table[:, 0] * len(_CELLS) + table[:, 5]) * len(TYPES) + table[:, 3],
        offsets=(key(root, 1) / 2**64, key(root, 2) / 2**64, key(root, 3) / 2**64),
        callees=tuple(callees),
    )
    fleet = Fleet(tuple(people), tuple(clusters), tuple(calls), _applications(clusters, facts, root))
    return fleet, columns


def _cluster(product: int, env: int, region: int, kind: int, numbers: range) -> ServerCluster:
    name, suffix = TYPES[kind], f"-{_PRODUCTS[product]}" if product else ""
    members = tuple(f"{name}-{REGIONS[region]}-{n:03d}" for n in numbers)
    ident = f"{name}-{ENVIRONMENTS[env]}-{REGIONS[region]}{suffix}"
    algorithm, port = _BALANCING[name]
    balancer = LoadBalancer(f"lb-{ident}", algorithm, port)  # type: ignore[arg-type]  # literals of the table above
    n = len(members)
    policy = ScalingPolicy(max(1, n // 2), max(2, 2 * n), 0.75 if name == "database" else 0.6)
    return ServerCluster(ident, name, ENVIRONMENTS[env], REGIONS[region], members, balancer, policy)


def _spec(kind: int, env: int) -> ServerSpec:
    cores, memory, disk, network = _SPECS[TYPES[kind]]
    half = 1 if env == 0 else 2
    return ServerSpec(cores // half, memory * _GIB // half, disk * _GIB, network)


def _add_servers(people: list[ServerInstance], cluster: ServerCluster, kind: int, env: int) -> None:
    spec, role = _spec(kind, env), _ROLES[TYPES[kind]]
    for ident in cluster.members:
        # three of every ten, spread evenly, whatever the size
        i = len(people)
        arm = (i + 1) * 3 // 10 > i * 3 // 10
        people.append(
            ServerInstance(
                ident, ident, cluster.type, role, cluster.environment, cluster.region,
                "arm64" if arm else "x86_64", spec, cluster.id,
            )
        )  # fmt: skip


def _edges(rows: dict[str, int], clusters: list[ServerCluster], calls: list[tuple[str, str]]) -> list[tuple[int, ...]]:
    """Add the calls inside one cell; return the callees of each of its clusters, in the order of `rows`."""
    out: list[tuple[int, ...]] = []
    for name, row in rows.items():
        wanted = {"web": ("api",), "api": ("database", "cache", "queue")}.get(name, ())
        found = tuple(rows[w] for w in wanted if w in rows)
        calls.extend((clusters[row].id, clusters[f].id) for f in found)
        out.append(found)
    return out


def _applications(
    clusters: list[ServerCluster], facts: list[tuple[int, ...]], root: int
) -> tuple[ApplicationMetrics, ...]:
    """One application per product and tier, with the version that runs in each environment."""
    homes: dict[tuple[str, int], dict[int, list[str]]] = {}
    for cluster, (product, env, _, kind, _, _) in zip(clusters, facts, strict=True):
        place = homes.setdefault((f"{_PRODUCTS[product]}-{_TIERS[TYPES[kind]]}", product), {})
        place.setdefault(env, []).append(cluster.id)
    out = []
    for (name, product), places in homes.items():
        tier = ("web", "api", "data").index(name.rsplit("-", 1)[1])
        deployments = []
        for env, ids in places.items():
            word = key(root, product, tier, env)
            # production runs a release that the other environments have left behind
            version = f"{2 + key(root, product, tier) % 3}.{10 + 2 * env + word // 8 % 2}.{word // 64 % 9}"
            at_s = _FIRST_MONDAY_S - 86400.0 * (3 + word // 1024 % 25) + 3600.0 * (8 + word // 2**20 % 9)
            deployments.append(Deployment(name, ENVIRONMENTS[env], version, at_s, tuple(ids)))
        deployments.sort(key=lambda d: -d.at_s)
        everywhere = tuple(i for ids in places.values() for i in ids)
        out.append(ApplicationMetrics(name, tuple(deployments), everywhere))
    return tuple(out)
