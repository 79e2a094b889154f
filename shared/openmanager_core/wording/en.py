"""The sentences in English."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from openmanager_core.text import ident, visible
from openmanager_core.timespan import spoken_s
from openmanager_core.wording.figures import clock, day, plain, when

Facts = dict[str, Any]

QUANTITIES = {
    "clock_offset_s": "clock offset (size)",
    "error_ratio": "errors / requests",
    "latency_vs_peers": "latency_p95_s over its peers' median",
    "latency_vs_usual": "latency_p95_s over its own usual value",
    "backlog_s": "queue depth in seconds of work",
}
KINDS = {
    "spike": "spike", "level_shift": "level shift", "trend": "drift", "leak": "leak", "saturation": "saturation",
    "variance": "change of variance", "peer_outlier": "outlier among its peers", "flatline": "flat line",
    "missing_data": "missing data", "decoupling": "lost co-movement",
}  # fmt: skip


def _since(f: Facts) -> str:
    start, end = f["start_s"], f["end_s"]
    return f"since {clock(start)}" if end is None else f"from {clock(start)} to {clock(end)}"


def _of(f: Facts) -> str:
    return f"{f['metric']} of {ident(f['host'])}"


def _way(f: Facts) -> str:
    return "rose" if f["up"] else "fell"


def _change(f: Facts) -> str:
    return f"from {plain(f['was'])} to {plain(f['now'])}, {_since(f)}"


def _worst(f: Facts) -> str:
    return f" (worst of {f['count']}: {ident(f['worst'])})" if f["count"] > 1 else ""


def _inner(f: Facts, name: str) -> str:
    return SENTENCES[f[name].code](f[name].of)


def _each(f: Facts, name: str) -> list[str]:
    return [SENTENCES[part.code](part.of) for part in f[name]]


def _rule(f: Facts) -> str:
    what, word = QUANTITIES.get(f["quantity"], f["quantity"]), "above" if f["above"] else "below"
    return f"{what} {f['value']:.3g} is {word} {f['limit']:g} (-{f['points']:.1f})"


def _pattern(words: str, f: Facts) -> str:
    return f"{ident(f['host'])}: {f['metric']} {words}."


def _room(f: Facts) -> str:
    case = [f"{f['growth']:+.0%} load"] if f["growth"] else []
    case += [f"{f['lost']} of {f['members']} servers lost"] if f["lost"] else []
    case += _each(f, "moved")
    what = f" with {' and '.join(case)}" if case else ""
    whose = "fullest member" if f["fullest"] else "mean"
    return (
        f"{ident(f['cluster'])}{what}: {f['metric']} ({whose}) is {f['used']:.3g}, "
        f"95 % of the time under {f['peak']:.3g}; the limit is {f['limit']:g}."
    )


def _before(f: Facts) -> str:
    if f["in_s"] is None:
        when = "not at its limit within the horizon"
    else:
        when = f"at its limit in {spoken_s(f['in_s'])}" if f["in_s"] > 0 else "over its limit"
    return f"Before the move: {f['used']:.3g}, 95 % of the time under {f['peak']:.3g}, {when}."


def _reaches(f: Facts) -> str:
    first = "at once" if f["soon_s"] is None else f"in {spoken_s(f['soon_s'])}"
    last = f"in {spoken_s(f['late_s'])}" if f["late_s"] is not None else f"not within {spoken_s(f['horizon_s'])}"
    return f"It reaches the limit in {spoken_s(f['at_s'])} (earliest {first}, latest {last})."


def _short_of(f: Facts) -> str:
    said = _inner(f, "summary")
    if f["at_s"] is not None:
        said = f"{said.rstrip('.')}; the limit is reached on {day(f['at_s'])}"
    if f["needed"] > f["servers"]:
        said = f"{said}; {f['needed']} servers are needed, there are {f['servers']}"
    return said


def _incident(f: Facts) -> str:
    reach = f"{KINDS[f['kind']].capitalize()} of {ident(f['metric'])} on {ident(f['host'])}"
    if f["hosts"] > 1:
        reach += f", {f['hosts']} servers" + (f" in {f['clusters']} clusters" if f["clusters"] > 1 else "")
    return reach


def _bound(f: Facts) -> str:
    all_of = "these" if f["every"] == f["above"] else f"all {f['every']} above it"
    judged = (
        f"{f['above']} of {f['of']} findings {'is' if f['above'] == 1 else 'are'} above the line: of {all_of}, at most "
    )
    judged += f"{f['rate']:.0%} are expected to be false"
    if not f["above"]:
        judged = f"none of {f['of']} findings is above the line of {f['rate']:.0%} expected false ones"
    facts = f"; {f['facts']} more {'is a fact' if f['facts'] == 1 else 'are facts'}" if f["facts"] else ""
    usual = f"{f['expected']:.2g}" if f["expected"] < 10 else f"{f['expected']:.0f}"
    return f"{judged}{facts}; a calm fleet of {f['series']:,} series shows about {usual} events in such a window"


SENTENCES: dict[str, Callable[[Facts], str]] = {
    "as_written": lambda f: str(f["text"]),
    "finding.spike": lambda f: f"{_of(f)} {_way(f)} briefly {_change(f)}",
    "finding.level_shift": lambda f: f"{_of(f)} {_way(f)} {_change(f)}",
    "finding.trend": lambda f: f"{_of(f)} {'climbs' if f['up'] else 'declines'} steadily, {plain(f['was'])} to {plain(f['now'])}, {_since(f)}",
    "finding.leak": lambda f: f"{_of(f)} only grows, {plain(f['was'])} to {plain(f['now'])}, {_since(f)}",
    "finding.saturation": lambda f: f"{_of(f)} is at its limit ({plain(f['now'])}, before {plain(f['was'])}), {_since(f)}",
    "finding.variance": lambda f: f"{_of(f)} swings {'more' if f['up'] else 'less'}: {plain(f['now'])} a sample, before {plain(f['was'])}, {_since(f)}",
    "finding.flatline": lambda f: f"{_of(f)} does not move from {plain(f['now'])}, {_since(f)}",
    "finding.missing_data": lambda f: f"no readings of {f['metric']} from {ident(f['host'])}, {_since(f)}",
    "finding.peer_outlier": lambda f: f"{f['metric']} {f['now']:.4g} {f['unit']} is {f['sigma']:.1f} sigma {'above' if f['up'] else 'below'} its peers' {f['was']:.4g}",
    "finding.decoupling": lambda f: f"{_of(f)} no longer moves with {f['other'] or 'its peers'}: correlation {f['now']:.2f}, expected {f['was']:.2f}, {_since(f)}",
    "evidence.surge": lambda f: f"requests_per_s of the cluster are {f['times']:.2f} times those before, since {when(f['start_s'])}",
    "evidence.silence": lambda f: f"no readings, or no work at all, since {when(f['start_s'])}{_worst(f)}",
    "evidence.errors": lambda f: f"errors are {f['now']:.2%} of requests against {f['was']:.2%}, since {when(f['start_s'])}{_worst(f)}",
    "evidence.metric": lambda f: f"{f['metric']} {f['now']:.3g} {f['unit']} against {f['was']:.3g}, {f['sigma']:.0f} sigma, since {when(f['start_s'])}{_worst(f)}",
    "evidence.own_wait": lambda f: f"{f['own']:.0%} of the {f['waited']:.3g} s waited per second beyond normal in {ident(f['cluster'])} is its own, the rest its callees'",
    "change": lambda f: f"{f['kind']} of {ident(f['target'])} at {when(f['at_s'])}: {visible(f['description'])[:200]}",
    "health.rule": _rule,
    "health.gaps": lambda f: f"{f['missing']} of {f['expected']} metrics have no reading (-{f['points']:.1f})",
    "health.silent": lambda f: "no reading of any metric: is it running, and is it scraped?",
    "health.stopped": lambda f: f"stopped reporting: its last reading is {f['age_s']:.0f} s older than the newest of the fleet (-100)",
    "health.none_read": lambda f: f"no reading from any of {f['count']} {f['parts']}",
    "health.not_healthy": lambda f: f"{f['bad']} of {f['count']} {f['parts']} are not healthy, {f['critical']} of them critical",
    "health.part": lambda f: f"{ident(f['name'])}: {f['score']:.0f}, {_inner(f, 'why')}",
    "health.status": lambda f: str(f["status"]),
    "health.parts_silent": lambda f: f"{f['silent']} of {f['count']} {f['parts']} have no readings",
    "pattern.saturation": lambda f: _pattern(f"has stayed above {f['limit']:g} for {spoken_s(f['length_s'])}, now {f['now']:.3g}", f),
    "pattern.seasonality": lambda f: _pattern(f"repeats every {spoken_s(f['period_s'])} with a swing of {f['swing']:.3g} {f['unit']} ({f['share']:.0%} of its variance, {f['cycles']:.1f} cycles seen)", f),
    "pattern.trend": lambda f: _pattern(f"drifts by {f['per_hour']:+.3g} {f['unit']} an hour for {spoken_s(f['length_s'])}, now {f['now']:.3g}", f),
    "pattern.leak": lambda f: _pattern(f"fills up by {f['per_hour']:+.3g} {f['unit']} an hour for {spoken_s(f['length_s'])}, now {f['now']:.3g}", f),
    "pattern.regime_switch": lambda f: _pattern(f"switches between {f['low']:.3g} and {f['high']:.3g} ({f['switches']} times), at {f['now']:.3g} for {spoken_s(f['length_s'])}", f),
    "pattern.recurring_spike": lambda f: _pattern(f"spikes by {f['height']:+.3g} {f['unit']} every {spoken_s(f['period_s'])} ({f['count']} times)", f),
    "pattern.discord": lambda f: _pattern(f"has one stretch of {spoken_s(f['length_s'])} unlike all others (z {f['z']:.1f})", f),
    "capacity.room": _room,
    "capacity.moved_away": lambda f: f"{100 * f['share']:g} % of its load moved to {ident(f['target'])}",
    "capacity.moved_here": lambda f: f"{100 * f['share']:g} % of {ident(f['source'])}'s load moved here",
    "capacity.before": _before,
    "capacity.no_server": lambda f: "No server would be left.",
    "capacity.over": lambda f: "It is over the limit now.",
    "capacity.reaches": _reaches,
    "capacity.may_reach": lambda f: f"It is not expected to reach the limit within {spoken_s(f['horizon_s'])}, but may in {spoken_s(f['soon_s'])}.",
    "capacity.few_readings": lambda f: f"With {f['readings']} readings there is no forecast; {f['least']} are needed.",
    "capacity.within": lambda f: f"It does not reach the limit within {spoken_s(f['horizon_s'])}.",
    "capacity.no_help": lambda f: "More servers would not help: enlarge the resource or free some of it.",
    "capacity.needs": lambda f: f"{f['wanted']} servers would keep it under the limit, {f['there']} are there.",
    "capacity.policy": lambda f: f"The scaling policy allows {f['most']} at most.",
    "capacity.several": lambda f: " ".join(_each(f, "parts")),
    "reason.cause": lambda f: f"{'; '.join(_each(f, 'parts')) or f['kind']} (confidence {f['confidence']:.0%})",
    "reason.capacity": _short_of,
    "method.steps": lambda f: "multi-scale step statistic, onset by CUSUM (Page 1954)",
    "method.drift": lambda f: "t test on increments of block medians, onset by least squares over a hinge",
    "method.limit": lambda f: f"at or over {f['limit']:g} for {f['samples']} samples",
    "method.run": lambda f: f"run length of one repeated reading: {f['samples']} samples, {f['ordinary']} at most elsewhere",
    "method.gap": lambda f: f"{f['samples']} instants in a row without a reading; observed and baseline are shares of instants with one",
    "method.moves": lambda f: "level of the logarithm of the moves; values are mean moves",
    "method.peers": lambda f: "robust peer score (median and MAD across hosts), Benjamini-Hochberg 5 %",
    "method.comovement": lambda f: f"Fisher's z of the newest {f['late']} of {f['blocks']} blocks against the gain and noise of those before, Benjamini-Hochberg 5 %; values are correlations",
    "chance.bound": _bound,
    "incident.title": _incident,
    "incident.cause": lambda f: f"{f['level']} {ident(f['node'])}: {ident(f['kind'])}{' of ' + ident(f['metric']) if f['metric'] else ''} (confidence {f['confidence']:.2f})",
    "check.or_on_server": lambda f: f"{f['query']}  # or on the server: {f['command']}",
}  # fmt: skip
