"""The inventory and the history of changes, read from labels; labels are data, never believed blindly."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping
from functools import partial

import numpy as np

from openmanager_core.fleet import Change, Deployment, Fleet, ServerInstance, ServerSpec
from openmanager_core.panel import Window
from openmanager_core.source import _inventory
from openmanager_core.source._together import together
from openmanager_core.source.prometheus import mapping
from openmanager_core.source.prometheus.directory import HORIZON_S, Directory, Group, identity
from openmanager_core.source.prometheus.engine import Engine
from openmanager_core.source.prometheus.promql import duration, selector

_ALIASES = {
    "zone": "region",
    "datacenter": "region",
    "dc": "region",
    "env": "environment",
    "server_type": "type",
    "machine": "architecture",
    "nodename": "name",
}
_MOST_RESTARTS = 50
_PRESENT_RATIO = 0.98


async def inventory(engine: Engine, directory: Directory) -> Fleet:
    """Servers, clusters, calls and applications as the engine's labels tell them."""
    names = await directory.names()
    now = time.time()
    records: dict[str, dict[str, str]] = {}
    if mapping.OWN_INFO in names:
        # The index remembers servers that died; the instant query knows which labels are current.
        for labels in await engine.series([selector(mapping.OWN_INFO)], now - HORIZON_S):
            _remember(records, labels)
        for labels, _ in await engine.query(selector(mapping.OWN_INFO), now):
            _remember(records, labels, newer=True)
    own = next((c.needs[0] for c in mapping.OWN if c.needs[0] in names), "")
    if own and mapping.OWN_INFO not in names:
        for labels in await engine.series([selector(own)], now - HORIZON_S):
            _remember(records, labels)
    if mapping.NODE_INFO in names:
        for labels in await engine.series([selector(mapping.NODE_INFO)], now - HORIZON_S):
            _remember(records, labels)
        for labels, _ in await engine.query(selector(mapping.NODE_INFO), now):
            _remember(records, labels, newer=True)
    metrics = await directory.metrics()
    for groups in await together([partial(directory.groups, metric) for metric in metrics], at_once=8):
        for group in groups:
            for host in group.hosts:
                records.setdefault(host, {})
    named = Counter(record.get("name", "") for record in records.values())
    for record in records.values():
        if named[record.get("name", "")] > 1:
            record.pop("name", None)  # a name that two machines share names neither
    sizes = await _sizes(engine, names, now)
    servers = [_server(name, record, sizes.get(name, (0.0, 0.0, 0.0))) for name, record in sorted(records.items())]
    fleet, unknown = _inventory.fleet(
        servers, calls=await _calls(engine, names, now), deployments=await _deployments(engine, names, now)
    )
    if unknown:
        engine.note(f"{unknown} calls name a cluster that no server is in, and were left out")
    return fleet


def _remember(records: dict[str, dict[str, str]], labels: Mapping[str, str], *, newer: bool = False) -> None:
    """Add what one series says about its server; what is known stays unless `newer`."""
    who = identity(labels)
    if who is None:
        return
    said = {_ALIASES.get(k, k): v for k, v in labels.items() if v and not k.startswith("__")}
    known = records.setdefault(who[1], {})
    records[who[1]] = {**known, **said} if newer else {**said, **known}


def _server(name: str, record: Mapping[str, str], size: tuple[float, float, float]) -> ServerInstance:
    """A scrape job stands in for the cluster of servers that nobody put into one."""
    words = dict(record)
    words.setdefault("cluster", words.get("job", ""))
    return _inventory.server(name, words, ServerSpec(*(int(v) if math.isfinite(v) else 0 for v in size)))


async def _sizes(engine: Engine, names: frozenset[str], now: float) -> dict[str, tuple[float, float, float]]:
    """Cores, bytes of memory and bytes of disk by server."""
    found: dict[str, list[float]] = {}
    for column, own in enumerate(mapping.OWN_SPEC):
        expressions = [own] if own in names else []
        if mapping.NODE_INFO in names:
            expressions.append(mapping.NODE_SPEC[column])
        for expression in expressions:
            for labels, value in await engine.query(expression, now):
                who = identity(labels)
                if who is not None and found.setdefault(who[1], [0.0, 0.0, 0.0])[column] == 0 and value > 0:
                    found[who[1]][column] = value
    return {name: (a, b, c) for name, (a, b, c) in found.items()}


async def _calls(engine: Engine, names: frozenset[str], now: float) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, caller, callee in ((mapping.CALLS, "caller", "callee"), (mapping.TRACED_CALLS, "client", "server")):
        if name in names:
            rows = await engine.series([selector(name)], now - HORIZON_S)
            found += [(labels.get(caller, ""), labels.get(callee, "")) for labels in rows]
    return sorted(edge for edge in found if all(edge))


async def _deployments(engine: Engine, names: frozenset[str], at_s: float) -> list[Deployment]:
    """Every version that the engine still knows, with the clusters it went to."""
    if mapping.DEPLOYMENTS not in names:
        return []
    found: dict[tuple[str, str, str, float], list[str]] = {}
    for labels, value in await engine.query(
        f"last_over_time({selector(mapping.DEPLOYMENTS)}[{duration(HORIZON_S)}])", at_s
    ):
        if math.isfinite(value) and labels.get("application"):
            key = (labels["application"], labels.get("environment", ""), labels.get("version", ""), value)
            found.setdefault(key, []).append(labels.get("cluster", ""))
    return [
        Deployment(app, _inventory.environment(where), version, at, tuple(sorted(set(clusters) - {""})))
        for (app, where, version, at), clusters in found.items()
    ]


async def changes(engine: Engine, directory: Directory, window: Window) -> tuple[Change, ...]:
    """Deployments and restarts inside the window, oldest first."""
    names = await directory.names()
    found: list[Change] = []
    for one in await _deployments(engine, names, window.end_s):
        if window.start_s <= one.at_s < window.end_s:
            text = f"{one.application} {one.version} went to {one.environment}".replace("  ", " ")
            found += [Change("deployment", one.at_s, c, text) for c in one.clusters or (one.application,)]
    if mapping.NODE_BOOT in names:
        expression = f"last_over_time({selector(mapping.NODE_BOOT)}[{duration(window.duration_s)}])"
        for labels, value in await engine.query(expression, window.end_s):
            who = identity(labels)
            if who is not None and window.start_s <= value < window.end_s:
                found.append(Change("restart", value, who[1], "the machine was started"))
    found += await _returns(engine, directory, window, {c.target for c in found if c.kind == "restart"})
    return tuple(sorted(found, key=lambda c: (c.at_s, c.target, c.kind)))


async def _returns(engine: Engine, directory: Directory, window: Window, known: set[str]) -> list[Change]:
    """Servers that fell silent and came back: the engine names those with missing samples, only they are read."""
    found: list[Change] = []
    for group in await _ours(directory):
        interval_s = await directory.interval_s(group)
        silent_s = max(60.0, 4 * interval_s)
        if window.duration_s <= silent_s:
            continue
        for host in await _thin(engine, group, window):
            if host in known:
                continue
            samples = f"{selector(group.candidate.needs[0], group.matchers([host]))}[{duration(window.duration_s)}]"
            for series in await engine.query_samples(samples, window.end_s):
                gaps = np.diff(series.times_s)
                found += [
                    Change(
                        "restart",
                        float(series.times_s[i + 1]),
                        host,
                        f"it was silent for {gaps[i]:.0f} s and came back",
                    )
                    for i in np.flatnonzero(gaps > silent_s)
                ]
    return found


async def _ours(directory: Directory) -> list[Group]:
    """Servers known by our own exposition, in terms of the first metric of it that is there."""
    for metric in await directory.metrics():
        groups = [g for g in await directory.groups(metric) if g.candidate.family == "own"]
        if groups:
            return groups
    return []


async def _thin(engine: Engine, group: Group, window: Window) -> list[str]:
    """The servers with the fewest samples, if they have markedly fewer than the one with the most."""
    counted = (
        f"count_over_time({selector(group.candidate.needs[0], group.matchers(None))}[{duration(window.duration_s)}])"
    )
    rows = await engine.query(
        f"bottomk({_MOST_RESTARTS}, {counted} < {_PRESENT_RATIO} * scalar(max({counted})))", window.end_s
    )
    return sorted({who[1] for labels, _ in rows if (who := identity(labels)) is not None})
