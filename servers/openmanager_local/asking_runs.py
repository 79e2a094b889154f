"""Runs what a plan asks for, by calling the server's own analyses, and says what they found in short sentences."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from openmanager_core.errors import FleetError
from openmanager_core.fleet import Fleet
from openmanager_core.job import checkpoint, part
from openmanager_core.knowledge.asking import Plan
from openmanager_core.text import ident
from openmanager_core.timespan import iso
from openmanager_local.analyst import Analyst
from openmanager_local.asking_trail import call_lines, given_back
from openmanager_local.asking_voice import Voice
from openmanager_local.words import failure_note

_MOST_ROWS = 20
_MOST_SERVERS = 500
_MOST_SHOWN = 5


@dataclass(slots=True)
class Run:
    """One question being answered: what is known, what was called, what is said."""

    analyst: Analyst
    plan: Plan
    fleet: Fleet
    now_s: float
    say: Voice
    explain: bool = False
    sentences: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    trail: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def shown(self) -> int:
        """How many rows to say."""
        return min(_MOST_ROWS, self.plan.count or _MOST_SHOWN)

    def assume(self, en: str, ko: str) -> None:
        """Note an assumption made while running."""
        self.plan = replace(self.plan, assumptions=(*self.plan.assumptions, ("said", en, ko)))

    def tell(self, en: str, ko: str) -> None:
        """Say a sentence."""
        self.sentences.append(self.say(en, ko))

    def failed(self, exc: FleetError) -> None:
        """Say why there is no answer; in Korean the kind of failure, with the original among the problems."""
        if self.say.ko:
            self.sentences.append(f"답할 수 없었습니다: {self.say.failure(exc)}.")
            self.problems.append(failure_note(exc))
        else:
            hint = f" Try: {exc.hint}" if exc.hint else ""
            self.sentences.append(f"This could not be answered: {exc.message}.{hint}")

    async def call(self, tool: Callable[..., Awaitable[Any]], **arguments: Any) -> Any:
        """Call one of the server's analyses, and note the call as a model would write it."""
        name = tool.__name__
        self.calls.append(f"{name}({', '.join(f'{k}={_short(v)}' for k, v in arguments.items())})")
        if self.explain and "explain" in inspect.signature(tool).parameters:
            arguments["explain"] = True
        # How many calls there will be is not known before they are made: each takes half of what is left.
        with part(1 - 0.5 ** (len(self.calls) - 1), 1 - 0.5 ** len(self.calls)):
            checkpoint(0.02, f"{name}: started")
            made = await tool(self.analyst, **arguments)
        self.problems += [text for text in getattr(made, "problems", []) if text not in self.problems]
        if self.explain:
            self.trail += call_lines(name, made, self.say.language)
        checkpoint(1 - 0.5 ** len(self.calls), f"{name}: {(given_back(made, 'en') or ['done'])[-1]}")
        return made

    def window(self, default: str = "now-1h") -> dict[str, str]:
        """Start and end, as tools take them."""
        start_s, end_s = self.plan.start_s, self.plan.end_s
        if start_s is None:
            return {"start": default, "end": "now"}
        if (end_s or self.now_s) - start_s < 300:
            start_s = (end_s or self.now_s) - 600
            self.assume("The window was widened to ten minutes.", "구간이 너무 짧아 10분으로 넓혔습니다.")
        return {"start": iso(start_s), "end": "now" if end_s is None or end_s >= self.now_s else iso(end_s)}

    def place(self) -> dict[str, Any]:
        """Servers or a cluster, as tools take them; types, environments and regions become their servers."""
        plan = self.plan
        if plan.servers:
            return {"servers": list(plan.servers)}
        if not (plan.type or plan.environment or plan.region):
            return {"cluster": plan.cluster} if plan.cluster else {}
        chosen = self.members()
        clusters = {s.cluster for s in chosen}
        known = self.fleet.cluster_by_id.get(next(iter(clusters)))
        if len(clusters) == 1 and known is not None and len(known.members) == len(chosen):
            return {"cluster": known.id}
        if len(chosen) > _MOST_SERVERS:
            self.assume(
                f"Only the first {_MOST_SERVERS} of {len(chosen)} servers were looked at.",
                f"서버 {len(chosen)}대 가운데 앞의 {_MOST_SERVERS}대만 보았습니다.",
            )
        return {"servers": [s.id for s in chosen[:_MOST_SERVERS]]}

    def members(self) -> tuple[Any, ...]:
        """The servers that are meant; all if none were named."""
        plan = self.plan
        try:
            return self.fleet.select(
                servers=plan.servers,
                cluster=plan.cluster,
                type=plan.type,
                region=plan.region,
                environment=plan.environment,
            )
        except FleetError:
            wanted = {s.id for s in self.fleet.servers if plan.type in ("", s.type)}
            self.assume(
                "No server meets all conditions named: the type alone was used.",
                "말한 조건을 모두 만족하는 서버가 없어 종류만 보았습니다.",
            )
            return tuple(s for s in self.fleet.servers if s.id in wanted)

    def cluster(self) -> str:
        """One cluster where a tool takes only one: the one named, the server's, or the largest production one of the type."""
        plan = self.plan
        if plan.cluster:
            return plan.cluster
        if plan.servers:
            return self.fleet.server(plan.servers[0]).cluster
        if not (plan.type or plan.environment or plan.region):
            return ""
        ids = {s.cluster for s in self.members()}
        fits = sorted(
            (c for c in self.fleet.clusters if c.id in ids),
            key=lambda c: (c.environment != "production", -len(c.members), c.id),
        )
        if not fits:
            return ""
        if len(fits) > 1:
            self.assume(
                f"{len(fits)} clusters fit; {fits[0].id} was taken.",
                f"해당하는 클러스터 {len(fits)}개 가운데 {fits[0].id} 클러스터를 보았습니다.",
            )
        return fits[0].id

    def clusters(self) -> set[str]:
        """Every cluster that is meant; empty: all."""
        plan = self.plan
        if not (plan.cluster or plan.servers or plan.type or plan.environment or plan.region):
            return set()
        return {s.cluster for s in self.members()}


def _short(value: Any) -> str:
    """An argument as it is shown in a plan; long lists are counted."""
    if isinstance(value, list) and len(value) > 3:
        return f"[{', '.join(ident(str(v)) for v in value[:3])}, and {len(value) - 3} more]"
    return repr(value)


async def run(made: Run) -> None:
    """Answer by the plan's intent; a failure that has a reason is said as the answer, with what to try."""
    from openmanager_local import asking_findings, asking_states, asking_values

    handler = {
        "overview": asking_states.overview,
        "unhealthy": asking_states.unhealthy,
        "servers": asking_states.servers,
        "describe": asking_states.describe,
        "incidents": asking_states.incidents,
        "metrics": asking_states.metrics,
        "help": asking_states.show_help,
        "anomalies": asking_findings.anomalies,
        "patterns": asking_findings.patterns,
        "correlation": asking_findings.correlation,
        "root_cause": asking_findings.root_cause,
        "compare": asking_findings.compare,
        "recommend": asking_findings.recommend,
        "forecast": asking_values.forecast,
        "capacity": asking_values.capacity,
        "query": asking_values.query,
    }.get(made.plan.intent)
    if handler is None:
        return
    try:
        await handler(made)
    except FleetError as exc:
        made.failed(exc)


def wants(pattern: str, question: str) -> bool:
    """Whether a word is in the question, in any case."""
    return re.search(pattern, question, re.IGNORECASE) is not None
