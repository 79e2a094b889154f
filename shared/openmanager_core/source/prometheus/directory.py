"""What is on the engine: which metrics, which servers have them and by which label they are known."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
import numpy as np

from openmanager_core.catalog import METRICS
from openmanager_core.errors import SourceInvalid
from openmanager_core.facts import Fact, as_written, fact
from openmanager_core.resilience import Clock
from openmanager_core.source.prometheus import mapping
from openmanager_core.source.prometheus.engine import Engine
from openmanager_core.source.prometheus.mapping import Candidate
from openmanager_core.source.prometheus.promql import differs, duration, equals, one_of, selector
from openmanager_core.wording import sentence

T = TypeVar("T")

IDENTITY = ("server", "instance", "host", "node")
"""Labels that can name a server, the first that is there wins."""
HORIZON_S = 6 * 3600.0
"""A server that had no sample for this long has left the fleet."""
USUAL_INTERVAL_S = 15.0
_TTL_S = 60.0


@dataclass(frozen=True, slots=True)
class Group:
    """Servers that have a metric in the same way and are known by the same label.

    Attributes
    ----------
    shadowed
        Whether further servers have it in this way, but are asked in a better one.
    """

    candidate: Candidate
    label: str
    hosts: tuple[str, ...]
    shadowed: bool = False

    def matchers(self, hosts: Iterable[str] | None) -> list[str]:
        """Matchers for some of the hosts, or for all of them."""
        chosen = differs(self.label, "") if hosts is None else one_of(self.label, tuple(hosts))
        return [chosen] if self.label == "server" else [equals("server", ""), chosen]


def identity(labels: Mapping[str, str]) -> tuple[str, str] | None:
    """The label that names the server, and its name; None if none does."""
    return next(((name, labels[name]) for name in IDENTITY if labels.get(name)), None)


class Directory:
    """Answers from memory for a minute; an empty answer is asked for again each time."""

    def __init__(self, engine: Engine, profile: tuple[Candidate, ...], *, clock: Clock = time.monotonic) -> None:
        self._engine = engine
        self._profile = profile
        self._clock = clock
        self._kept: dict[Any, tuple[float, Any]] = {}
        self._locks: dict[Any, anyio.Lock] = {}

    async def names(self) -> frozenset[str]:
        """Which of the metric names we know exist on the engine."""
        return await self._cached("names", self._ask_names)

    async def _ask_names(self) -> frozenset[str]:
        wanted = mapping.wanted_names()
        matcher = one_of("__name__", wanted)
        found = await self._engine.label_values("__name__", [f"{{{matcher}}}"])
        return frozenset(found) & frozenset(wanted)

    async def metrics(self) -> tuple[str, ...]:
        """Catalogue names that some server has here."""
        names = await self.names()
        found: list[str] = []
        for row in METRICS:
            ways = mapping.candidates(row.name, self._profile)
            if any(c.needs and names.issuperset(c.needs) for c in ways) or (
                any(c.family == "profile" for c in ways) and await self.groups(row.name)
            ):
                found.append(row.name)
        return tuple(found)

    async def groups(self, metric: str) -> tuple[Group, ...]:
        """Who has a metric, and how. A server with two ways is asked in the first."""
        return await self._cached(("groups", metric), lambda: self._ask_groups(metric))

    async def _ask_groups(self, metric: str) -> tuple[Group, ...]:
        names = await self.names()
        seen: set[str] = set()
        found: list[Group] = []
        for candidate in mapping.candidates(metric, self._profile):
            if candidate.family == "profile":
                by_label = await self._by_trying(candidate)
            elif names.issuperset(candidate.needs):
                by_label = await self._by_labels(candidate.needs[0])
            else:
                continue
            for label, hosts in by_label.items():
                mine = tuple(h for h in hosts if h not in seen)
                seen.update(mine)
                if mine:
                    found.append(Group(candidate, label, mine, shadowed=len(mine) < len(hosts)))
        return tuple(found)

    async def _by_labels(self, name: str) -> dict[str, list[str]]:
        """Servers that have a metric of this name, from the index alone."""
        since = time.time() - HORIZON_S
        by_server = await self._engine.label_values("server", [selector(name, [differs("server", "")])], since)
        by_instance = await self._engine.label_values("instance", [selector(name, [equals("server", "")])], since)
        return {"server": sorted(by_server), "instance": sorted(by_instance)}

    async def _by_trying(self, candidate: Candidate) -> dict[str, list[str]]:
        """Servers for which a profile's expression has a value now."""
        try:
            rows = await self._engine.query(candidate.template.expand([], 4 * USUAL_INTERVAL_S), time.time())
        except SourceInvalid as exc:
            self._note(candidate, as_written(exc.message))
            return {}
        if candidate.template.name and await self._engine.kind_of(candidate.template.name) == "counter":
            self._note(candidate, fact("problem.counter", name=candidate.template.name))
        found: dict[str, dict[str, None]] = {}
        nameless = 0
        for labels, _ in rows:
            who = identity(labels)
            if who is None:
                nameless += 1
                continue
            found.setdefault(who[0], {})[who[1]] = None
        if nameless:
            self._note(candidate, fact("problem.nameless", count=nameless, labels=tuple(IDENTITY)))
        return {label: sorted(hosts) for label, hosts in found.items()}

    def _note(self, candidate: Candidate, why: Fact) -> None:
        self._engine.note(sentence("problem.mapping", metric=candidate.metric, why=why))

    async def interval_s(self, group: Group) -> float:
        """Seconds between two samples of these servers: the median of one server's newest ten minutes."""
        needs = group.candidate.needs
        if not needs:
            return USUAL_INTERVAL_S
        key = ("interval", group.candidate.family, group.label)
        return await self._cached(key, lambda: self._ask_interval(needs[0], group))

    async def _ask_interval(self, name: str, group: Group) -> float:
        steps: list[float] = []
        for host in (group.hosts[0], group.hosts[-1]):
            one = selector(name, group.matchers([host]))
            for series in (await self._engine.query_samples(f"{one}[{duration(600)}]", time.time()))[:20]:
                steps += np.diff(series.times_s).tolist()
        return max(0.001, float(np.median(steps))) if len(steps) > 2 else USUAL_INTERVAL_S

    async def cached(self, key: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Remember another answer under the same rules."""
        return await self._cached(("other", key), ask)

    def forget(self) -> None:
        """Ask for everything anew."""
        self._kept.clear()

    async def _cached(self, key: Any, ask: Callable[[], Awaitable[T]]) -> T:
        lock = self._locks.setdefault(key, anyio.Lock())
        async with lock:
            kept = self._kept.get(key)
            if kept is not None and self._clock() - kept[0] < _TTL_S:
                value: T = kept[1]
                return value
            value = await ask()
            if value:
                self._kept[key] = (self._clock(), value)
            return value
