"""A question in words as a plan: which analysis, over which servers, metrics and times, and what was assumed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from openmanager_core.errors import InvalidRequest
from openmanager_core.knowledge.asking.hangul import folded, language_of
from openmanager_core.knowledge.asking.intents import Judged, Seen, about_servers, judge
from openmanager_core.knowledge.asking.measures import Measures, measures
from openmanager_core.knowledge.asking.moves import moved
from openmanager_core.knowledge.asking.places import Places, places
from openmanager_core.knowledge.asking.spelling import corrected
from openmanager_core.knowledge.asking.times import Times, times
from openmanager_core.knowledge.asking.traits import Traits, traits
from openmanager_core.knowledge.asking.votes import Votes, because, confidence, votes

if TYPE_CHECKING:
    from openmanager_core.analysis.moved_load import MovedLoad
    from openmanager_core.fleet import Fleet

Intent = Literal[
    "overview", "unhealthy", "servers", "describe", "anomalies", "patterns", "correlation", "forecast", "capacity",
    "root_cause", "compare", "recommend", "incidents", "runbook", "query", "metrics", "help", "unknown",
]  # fmt: skip
INTENTS: tuple[str, ...] = get_args(Intent)
MOST_CHARS = 1000
_LATIN_THEN_HANGUL = re.compile(r"(?<=[a-z0-9%])(?=[가-힣])|(?<=[가-힣])(?=[a-z0-9])")
_USUAL_METRIC = {
    "patterns": "cpu_busy_ratio", "correlation": "latency_p95_s", "forecast": "disk_used_ratio", "query": "cpu_busy_ratio",
}  # fmt: skip
_LOADS = ("load_per_core_ratio", "requests_per_s")
_SORTS = {
    "disk_used_ratio": "room", "memory_used_ratio": "room", "latency_p50_s": "speed", "latency_p95_s": "speed",
    "latency_p99_s": "speed", "errors_per_s": "errors", "requests_per_s": "traffic", "queue_depth_messages": "backlog",
    "cpu_busy_ratio": "work", "load_per_core_ratio": "work",
}  # fmt: skip
"""What sort of metric it is: room runs out, traffic has hours, errors have causes."""
_DAY_S = 86_400.0
_SURE = 0.8
"""From here on a reading is taken without naming the next best one."""
_NAMES = {"server", "servertype"}
"""Ideas that name something and ask nothing."""
_HARDLY = 0.1
"""A lead of "not about servers" that something of the fleet in the question outweighs."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be asked of the analyses.

    Attributes
    ----------
    stage
        1: understood; 2: part of it was assumed; 3: not understood, the nearest runbooks are shown.
    confidence
        From 0 to 1: the share of questions with such a lead over the next best intent that were read right.
    alternatives
        Other readings, best first.
    because
        The words of the question that spoke most for the intent and not for the next best one; ``+metric`` and the like
        where it was something named.
    start_s, end_s, before_start_s, before_end_s
        Unix seconds; None: the analysis's own default.
    assumptions
        Codes with their words, for `asking.words` to say in either language.
    corrections
        Misspelt words, as (as typed, as read).
    """

    question: str
    language: Literal["en", "ko"]
    intent: Intent
    stage: Literal[1, 2, 3]
    confidence: float
    alternatives: tuple[str, ...] = ()
    because: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    cluster: str = ""
    type: str = ""
    environment: str = ""
    region: str = ""
    metrics: tuple[str, ...] = ()
    start_s: float | None = None
    end_s: float | None = None
    before_start_s: float | None = None
    before_end_s: float | None = None
    since_deploy: bool = False
    horizon_s: float | None = None
    threshold: float | None = None
    growth_ratio: float | None = None
    lost_servers: int | None = None
    moved_load: MovedLoad | None = None
    count: int | None = None
    state: str = ""
    assumptions: tuple[tuple[str, ...], ...] = ()
    corrections: tuple[tuple[str, str], ...] = ()
    unknown_names: tuple[str, ...] = ()


def plan(question: str, fleet: Fleet, now_s: float, language: Literal["auto", "en", "ko"] = "auto") -> Plan:
    """Read a question.

    Parameters
    ----------
    question
        English, Korean or both, at most `MOST_CHARS` characters.
    now_s
        What "now" means, Unix seconds; days are UTC days.
    language
        Of the answer; ``auto``: Korean if any Hangul is in the question.

    Raises
    ------
    InvalidRequest
        If the question is empty or too long.
    """
    if not question.strip():
        raise InvalidRequest(
            "question must hold at least one word, got an empty text", hint="'which servers are in danger?'"
        )
    if len(question) > MOST_CHARS:
        raise InvalidRequest(
            f"question must be at most {MOST_CHARS} characters, got {len(question)}", hint="one question at a time"
        )
    spoken = language_of(question) if language == "auto" else language
    read = reading(question, fleet, now_s)
    where, when, what, move = read.where, read.when, read.what, read.move
    cast = votes(read.traits)
    judged = judge(read.spelt, read.seen, cast)
    intent, stage, sure, assumed = _decide(
        judged, bare=all(name[0] == "+" or name in _NAMES for name in read.traits.said)
    )
    assumed += _place_assumptions(where)
    if move is not None and not move[1] and intent == "capacity":
        assumed.append(("moves_all",))
    if "clock_yesterday" in when.assumed:
        assumed.append(("clock_yesterday",))
    metrics = what.metrics
    if what.growth is not None:  # "twice the load" is how much comes, not the load average
        metrics = tuple(m for m in metrics if m not in _LOADS)
    if not metrics and intent in _USUAL_METRIC:
        metrics = (_USUAL_METRIC[intent],)
        assumed.append(("metric", metrics[0]))
    start_s, end_s, before = _windows(intent, when, now_s)
    return Plan(
        question=question,
        language="ko" if spoken == "ko" else "en",
        intent=intent,
        stage=stage,
        confidence=sure,
        alternatives=tuple(name for name, _ in judged.scores if name not in (intent, "unknown"))[:3],
        because=_because(read.traits, cast, judged, intent),
        servers=tuple(where.servers),
        cluster=where.cluster,
        type=where.type if not where.servers else "",
        environment=where.environment if not where.servers else "",
        region=where.region if not where.servers else "",
        metrics=metrics,
        start_s=start_s,
        end_s=end_s,
        before_start_s=before[0],
        before_end_s=before[1],
        since_deploy=when.since_deploy,
        horizon_s=when.horizon_s,
        threshold=what.threshold,
        growth_ratio=what.growth,
        lost_servers=what.lost,
        moved_load=move[0] if move is not None else None,
        count=what.count,
        state=_state(read.spelt) if intent == "incidents" else "",
        assumptions=tuple(assumed),
        corrections=tuple(read.corrections),
        unknown_names=tuple(where.unknown),
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """What was named in a question, before anything is known of what it asks, and what the votes see of it."""

    where: Places
    when: Times
    what: Measures
    move: tuple[MovedLoad, bool] | None
    seen: Seen
    spelt: str
    corrections: list[tuple[str, str]]
    traits: Traits


def reading(question: str, fleet: Fleet, now_s: float) -> Reading:
    """Find the names, times and measures of a question; `now_s` is what "now" means, Unix seconds."""
    where = places(folded(question), fleet)
    spelt, corrections = corrected(_LATIN_THEN_HANGUL.sub(" ", where.text))
    # a misspelt type or environment is found once it is spelt right
    again = places(spelt, fleet) if corrections else where
    if corrections:
        where.type, where.environment = where.type or again.type, where.environment or again.environment
    when = times(spelt, now_s)
    what = measures(when.text)
    move = moved(folded(question), fleet)
    if move is not None:  # the percentage is the move's, and "load" and "traffic" are what moves
        others = tuple(m for m in what.metrics if m not in _LOADS)
        what, where.cluster = replace(what, metrics=others, threshold=None, growth=None), ""
    seen = _seen(where, when, what)
    if move is not None:  # two clusters, a verb and no past: hardly anything else can be meant
        seen = replace(seen, growth=True, lost=True)
    return Reading(where, when, what, move, seen, spelt, corrections, _traits(where, when, what, seen, spelt))


def _traits(where: Places, when: Times, what: Measures, seen: Seen, spelt: str) -> Traits:
    letters = list(when.text)
    for start, end in what.spans:
        letters[start:end] = ["¤", *[""] * (end - start - 1)]
    flags = {
        "server": bool(where.servers), "servers": len(where.servers) > 1, "cluster": bool(where.cluster),
        "type": bool(where.type), "environment": bool(where.environment), "region": bool(where.region),
        "metric": bool(what.metrics), "metrics": len(what.metrics) > 1, "past": when.start_s is not None,
        "stretch": when.end_s is not None, "before": when.before_start_s is not None, "ahead": when.horizon_s is not None,
        "deploy": when.since_deploy, "threshold": what.threshold is not None, "growth": seen.growth,
        "lost": seen.lost, "count": what.count is not None,
        "away": not about_servers(" ".join(spelt.split()), seen),
    }  # fmt: skip
    sorts = dict.fromkeys(_SORTS.get(name, "other") for name in what.metrics)
    if any(name in when.text for name in what.metrics):  # typed as in the catalogue
        sorts["literal"] = None
    return traits("".join(letters), [*(name for name, said in flags.items() if said), *sorts])


def _seen(where: Places, when: Times, what: Measures) -> Seen:
    return Seen(
        server=bool(where.servers),
        place=bool(where.cluster or where.type or where.environment or where.region),
        metrics=len(what.metrics),
        window=when.start_s is not None,
        before=when.before_start_s is not None,
        horizon=when.horizon_s is not None,
        deploy=when.since_deploy,
        threshold=what.threshold is not None,
        growth=what.growth is not None,
        lost=what.lost is not None,
    )


def _decide(judged: Judged, *, bare: bool) -> tuple[Intent, Literal[1, 2, 3], float, list[tuple[str, ...]]]:
    """The intent, how far it is understood, and what was assumed for it; `bare`: nothing but names was said."""
    best, lead = _intent(judged.best), judged.margin
    sure = round(confidence(lead), 2)
    if best == "unknown":
        second = _intent(judged.scores[1][0])
        if not judged.at_home or lead >= _HARDLY:
            return "unknown", 3, 0.0, []
        return second, 2, round(1 - sure, 2), [("guess", second)]
    if bare:
        return best, 2, min(sure, 0.5), [("guess", best)]
    if sure >= _SURE:
        return best, 1, sure, []
    others = [name for name, _ in judged.scores[1:2] if name != "unknown"]
    return best, 2, sure, [("close", best, others[0]) if others else ("guess", best)]


def _because(of: Traits, cast: Votes, judged: Judged, intent: str) -> tuple[str, ...]:
    second = next(name for name, _ in judged.scores if name != intent)
    return because(of, cast, intent, second)


def _intent(name: str) -> Intent:
    return next(i for i in get_args(Intent) if i == name)


def _place_assumptions(where: Places) -> list[tuple[str, ...]]:
    said: list[tuple[str, ...]] = [("name", typed, read, ", ".join(others)) for typed, read, others in where.guesses]
    return said + [("no_such_name", name) for name in where.unknown]


def _windows(
    intent: str, when: Times, now_s: float
) -> tuple[float | None, float | None, tuple[float | None, float | None]]:
    """The window, and the one to compare with; a comparison with yesterday alone means the same hour of yesterday."""
    start_s, end_s = when.start_s, when.end_s
    before = (when.before_start_s, when.before_end_s)
    if intent != "compare":
        return start_s, end_s, (None, None)
    if start_s is not None and before[0] is not None and before[0] > start_s:
        (start_s, end_s), before = (before[0], before[1]), (start_s, end_s)
    if before[0] is None and start_s is not None and end_s is not None and end_s < now_s:
        if end_s - start_s >= _DAY_S * 0.9 and end_s - start_s <= _DAY_S * 1.1:
            before = (now_s - _DAY_S - 3600, now_s - _DAY_S)
            start_s, end_s = now_s - 3600, None
        else:
            before, start_s, end_s = (start_s, end_s), now_s - (end_s - start_s), None
    elif before[0] is None and start_s is not None:
        before = (2 * start_s - (end_s or now_s), start_s)
    if before[1] is None and before[0] is not None:
        before = (before[0], start_s if start_s is not None and start_s > before[0] else now_s)
    return start_s, end_s, before


def _state(text: str) -> str:
    """Which incidents: open, acknowledged, resolved or all."""
    if re.search(r"unresolved|미해결|안\s?끝난|안\s?풀린", text):
        return "open"
    if re.search(r"resolved|closed|해결된|끝난|종료", text):
        return "resolved"
    if re.search(r"acknowledged|확인된|인지", text):
        return "acknowledged"
    return "open" if re.search(r"\bopen\b|ongoing|current|active|진행|열린", text) else ""
