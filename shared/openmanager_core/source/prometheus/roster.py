"""The inventory as the engine's labels tell it; labels are data, never believed blindly."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from openmanager_core.fleet import Deployment, Fleet, ServerInstance, ServerSpec
from openmanager_core.job import checkpoint, offload
from openmanager_core.source import _inventory
from openmanager_core.source._together import together
from openmanager_core.source.prometheus import mapping
from openmanager_core.source.prometheus.directory import HORIZON_S, Directory, identity
from openmanager_core.source.prometheus.engine import Engine, Vector
from openmanager_core.source.prometheus.history import deployments
from openmanager_core.source.prometheus.promql import selector
from openmanager_core.wording import sentence

Labels = Mapping[str, str]

_ALIASES = {
    "zone": "region",
    "datacenter": "region",
    "dc": "region",
    "env": "environment",
    "server_type": "type",
    "machine": "architecture",
    "nodename": "name",
}
_MOST = 1e18
_ROWS = 2_000


async def inventory(engine: Engine, directory: Directory) -> Fleet:
    """Servers, clusters, calls and applications, from a handful of questions."""
    names = await directory.names()
    now = time.time()
    # The index remembers servers that died, instant queries know which labels are current: those go last, and win.
    remembered: list[Labels] = []
    current: list[Labels] = []
    own = mapping.OWN_INFO if mapping.OWN_INFO in names else _first_own(names)
    for name in (mapping.NODE_INFO if mapping.NODE_INFO in names else "", own):
        if name:
            remembered += await engine.series([selector(name)], now - HORIZON_S)
            current += [labels for labels, _ in await engine.query(selector(name), now)]
    metrics = await directory.metrics()
    groups = await together([partial(directory.groups, metric) for metric in metrics], at_once=8)
    hosts = {host for found in groups for group in found for host in group.hosts}
    sizes = await _sizes(engine, names, now)
    calls = await _calls(engine, names, now)
    fleet, unknown = await offload(
        _assembled, (*remembered, *current), hosts, sizes, calls, await deployments(engine, directory, now)
    )
    if unknown:
        engine.note(sentence("problem.calls_nowhere", file="", count=unknown))
    return fleet


def _first_own(names: frozenset[str]) -> str:
    return next((c.needs[0] for c in mapping.OWN if c.needs[0] in names), "")


def _assembled(
    said: Sequence[Labels],
    hosts: Iterable[str],
    sizes: Sequence[tuple[int, Vector]],
    calls: Sequence[tuple[str, str]],
    deployed: Sequence[Deployment],
) -> tuple[Fleet, int]:
    """Servers from everything that was said about them, the last word winning."""
    records: dict[str, dict[str, str]] = {host: {} for host in hosts}
    for i, labels in enumerate(said):
        if i % _ROWS == 0:
            checkpoint()
        who = identity(labels)
        if who is not None:
            words = {_ALIASES.get(k, k): v for k, v in labels.items() if v and not k.startswith("__")}
            records.setdefault(who[1], {}).update(words)
    named = Counter(record.get("name", "") for record in records.values())
    for record in records.values():
        if named[record.get("name", "")] > 1:
            record.pop("name", None)  # a name that two machines share names neither
    sized: dict[str, list[int]] = {}
    for column, rows in sizes:
        for labels, value in rows:
            who = identity(labels)
            if who is not None and math.isfinite(value) and value > 0:
                sized.setdefault(who[1], [0, 0, 0])[column] = int(min(value, _MOST))
    servers = [_server(name, record, sized.get(name, [0, 0, 0])) for name, record in sorted(records.items())]
    return _inventory.fleet(servers, calls=calls, deployments=deployed)


def _server(name: str, record: dict[str, str], size: list[int]) -> ServerInstance:
    """A scrape job stands in for the cluster of servers that nobody put into one."""
    record.setdefault("cluster", record.get("job", ""))
    return _inventory.server(name, record, ServerSpec(size[0], size[1], size[2]))


async def _sizes(engine: Engine, names: frozenset[str], now: float) -> list[tuple[int, Vector]]:
    """Cores, bytes of memory and bytes of disk, as (which of them, values); our own exposition last."""
    found: list[tuple[int, Vector]] = []
    for column, expression in enumerate(mapping.NODE_SPEC):
        if mapping.NODE_INFO in names:
            found.append((column, await engine.query(expression, now)))
    for column, name in enumerate(mapping.OWN_SPEC):
        if name in names:
            found.append((column, await engine.query(selector(name), now)))
    return found


async def _calls(engine: Engine, names: frozenset[str], now: float) -> list[tuple[str, str]]:
    """Who calls whom, by our exposition and by traces."""
    found: list[tuple[str, str]] = []
    for name, caller, callee in ((mapping.CALLS, "caller", "callee"), (mapping.TRACED_CALLS, "client", "server")):
        if name in names:
            rows = await engine.series([selector(name)], now - HORIZON_S)
            found += [(labels.get(caller, ""), labels.get(callee, "")) for labels in rows]
    return sorted(edge for edge in found if all(edge))
