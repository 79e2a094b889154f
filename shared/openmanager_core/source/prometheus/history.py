"""What was done to the fleet: deployments and restarts, as the engine's series tell of them."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from openmanager_core.fleet import Change, Deployment
from openmanager_core.panel import Window
from openmanager_core.source import _inventory
from openmanager_core.source._together import together
from openmanager_core.source.prometheus import mapping
from openmanager_core.source.prometheus.directory import HORIZON_S, Directory, Group, identity
from openmanager_core.source.prometheus.engine import Engine
from openmanager_core.source.prometheus.promql import duration, selector

_MOST_RESTARTS = 50
_PRESENT_RATIO = 0.98


async def deployments(engine: Engine, directory: Directory, at_s: float) -> list[Deployment]:
    """Every version that the engine still knew at that instant, with the clusters it went to."""
    if mapping.DEPLOYMENTS not in await directory.names():
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
    for one in await deployments(engine, directory, window.end_s):
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
        silent = [host for host in await _thin(engine, group, window) if host not in known]
        asked = [partial(_silences, engine, group, host, window, silent_s) for host in silent]
        found += [change for changes in await together(asked) for change in changes]
    return found


async def _silences(engine: Engine, group: Group, host: str, window: Window, silent_s: float) -> list[Change]:
    """The ends of one server's long gaps."""
    name = selector(group.candidate.needs[0], group.matchers([host]))
    found: list[Change] = []
    for series in await engine.query_samples(f"{name}[{duration(window.duration_s)}]", window.end_s):
        gaps = np.diff(series.times_s)
        found += [
            Change("restart", float(series.times_s[i + 1]), host, f"it was silent for {gaps[i]:.0f} s and came back")
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
