"""The lines of a trail in English: what was read, weighed and found, and whether the answer was made for the call."""

from __future__ import annotations

from collections.abc import Callable

from openmanager_core.facts import Fact
from openmanager_core.text import ident, visible
from openmanager_core.timespan import iso
from openmanager_core.wording import said
from openmanager_core.wording.en import Facts

_LONGEST_DETAIL = 120


def _span(f: Facts) -> str:
    return f"{iso(f['start_s'])} to {iso(f['end_s'])} every {f['step_s']:g} s"


def _counts(pairs: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(f"{n} {word}" for word, n in pairs) or "none"


def _named(what: Fact) -> str:
    return said(what, "en")


def _engine(f: Facts) -> str:
    inventory = "" if f["servers"] is None else f"; inventory of {f['servers']} servers, {f['age_s']:.0f} s old"
    newest = "no readings yet" if f["newest_s"] is None else f"newest reading {iso(f['newest_s'])}"
    detail = "" if f["detail"] is None else f" ({visible(_named(f['detail']))[:_LONGEST_DETAIL]})"
    return f"engine: {f['kind']} {f['state']}, breaker {f['breaker']}, {newest}{detail}{inventory}"


def _data(f: Facts) -> str:
    named = ", ".join(f["metrics"]) + (f" and {f['more']} more metrics" if f["more"] else "")
    return f"data: {named}; {f['series']} series read over {_span(f)}"


def _coverage(f: Facts) -> str:
    line = f"coverage: {f['share']:.1%} of {f['readings']} readings are there"
    if f["worst"]:
        line += f", of {f['worst']} {f['worst_share']:.1%}"
    return line + (f"; {f['bridged']} in short gaps were bridged by a straight line" if f["bridged"] else "")


def _found(f: Facts) -> str:
    strongest = "" if f["confidence"] is None else f", the strongest with confidence {f['confidence']:.2f}"
    return f"found: {f['findings']} findings ({_counts(f['kinds'])}){strongest}"


def _chance(f: Facts) -> str:
    return (
        f"chance: {f['events']} events in {f['tests']} series tested, tails of {f['calm_series']:,} calm "
        f"simulated series, Benjamini-Hochberg; {f['above']} findings at q 5 % or less, smallest q {f['least']:.2g}; a "
        f"calm fleet shows about {f['expected']:.2g} events"
        + ("; beyond what calm series showed the tail is extrapolated" if f["beyond"] else "")
    )


def _causes(f: Facts) -> str:
    shown = "; ".join(_named(one) for one in f["parts"])
    return f"causes considered: {shown or 'none points at one place'}" + (
        f"; and {f['more']} more" if f["more"] else ""
    )


def _threshold(f: Facts) -> str:
    level = "none" if f["level"] is None else f"{f['level']:g}"
    return f"threshold: {level}{', the usual one of the metric' if f['usual'] else ''}; 80 % interval"


def _range(f: Facts) -> str:
    return "none" if f["low"] is None else f"{f['low']:.2f} to {f['high']:.2f}"


def _ways(f: Facts) -> str:
    methods = ", ".join(f"{n} by {_named(way)}" for way, n in f["ways"]) or "none"
    return f"method: {methods}; {f['far']} not forecast, as they are far from their limit or have too few readings"


def _correlation(f: Facts) -> str:
    return (
        f"method: Pearson's r at {f['lags']} lags of {f['pairs']} pairs of {f['series']} series over "
        f"{f['instants']} common instants; effective readings, Bonferroni over lags, Benjamini-Hochberg over pairs"
    )


def _pairs(f: Facts) -> str:
    return (
        f"considered: {f['reached']} pairs reach |r| {f['least']:g}, the median one worth "
        f"{f['median']:.0f} independent readings; {f['significant']} are significant"
    )


def _difference(f: Facts) -> str:
    return (
        f"method: Hodges-Lehmann shift, Mann-Whitney test corrected for autocorrelation, Benjamini-Hochberg over "
        f"{f['tested']} series tested; {f['left_out']} left out for too few readings"
    )


def _nearest(f: Facts) -> str:
    where = f"{f['metric']} on {ident(f['host'])}"
    return f"considered: the nearest not called changed is {where}, {f['sigma']:.1f} sigma at q {f['q']:.2g}"


def _actions(f: Facts) -> str:
    risks = _counts(tuple((f"{risk} risk", n) for risk, n in f["risks"]))
    return (
        f"recommended: from the causes above, {f['findings']} findings and {f['sick']} critical or silent servers; "
        f"{f['actions']} actions ({risks}), {f['shown']} concern what was asked"
    )


def _rules(f: Facts) -> str:
    named = ", ".join(f["metrics"]) + (" and more" if f["more"] else "")
    return f"method: 100 less the points of {f['rules']} rules ({named})"


def _record(f: Facts) -> str:
    return (
        f"data: the Ledger's record of {f['id']}: {f['findings']} findings, {f['causes']} causes, "
        f"opened {iso(f['opened_s'])}, last changed {iso(f['updated_s'])}"
    )


def _methods(f: Facts) -> str:
    return f"method: findings by {_counts(tuple((_named(how), n) for how, n in f['ways']))}"


def _kept_for(f: Facts) -> str:
    made = "for several equal calls at once" if f["together"] else "for this call"
    kept = "not kept" if f["left_s"] is None else f"kept {f['left_s']:.1f} s for equal ones"
    return f"cache: made {made}, {kept}"


SENTENCES: dict[str, Callable[[Facts], str]] = {
    "trail.engine": _engine,
    "trail.no_data": lambda f: f"data: no series over {_span(f)}",
    "trail.data": _data,
    "trail.coverage": _coverage,
    "trail.screened": lambda f: f"screened: {f['series']} series by {_named(f['how'])}",
    "trail.thresholds": lambda f: f"thresholds: a finding needs {f['least']:g} sigma, an incident {f['incident']:g}",
    "trail.co_movement": lambda f: f"co-movement: {f['count']} servers with their peers and pairs of metrics moved together before; Fisher's z of the newest quarter to half of the window against the rest",
    "trail.found": _found,
    "trail.chance": _chance,
    "trail.causes": _causes,
    "trail.cause": lambda f: f"{f['kind']} at {f['level']} {f['node']!r} score {f['score']:.2f} confidence {f['confidence']:.2f}",
    "trail.changes": lambda f: f"changes considered: {f['changes']}; incidents they belong to: {f['incidents']}",
    "trail.peers": lambda f: f"peers: {f['servers']} servers of type {f['type']}",
    "trail.as_read": lambda f: "method: each series as it was read",
    "trail.over_servers": lambda f: f"method: {f['aggregate']} over the servers that have a reading at each instant",
    "trail.forecast": lambda f: f"method: {_named(f['how'])}; {'season ' + format(f['season_s'], 'g') + ' s' if f['season_s'] else 'no season found'}",
    "trail.considered": lambda f: f"considered: {_named(f['what'])}",
    "trail.threshold": _threshold,
    "trail.confidence": lambda f: f"confidence: {f['value']:.2f}",
    "trail.range": _range,
    "trail.confidences": lambda f: f"confidence: {_range(f)}",
    "trail.resources": lambda f: f"considered: {f['resources']} resources of {f['clusters']} clusters ({_counts(f['metrics'])})",
    "trail.ways": _ways,
    "trail.limits": lambda f: f"thresholds: {', '.join(f'{name} {limit:g}' for name, limit in f['limits'])}",
    "trail.exhaustion": lambda f: f"found: {f['ending']} reach their limit within the horizon, {f['may']} more at the edge of the 80 % interval",
    "trail.pattern_kinds": lambda f: f"method: {', '.join(f['kinds'])} looked for in {f['looked']} of {f['series']} series",
    "trail.pattern_bounds": lambda f: f"thresholds: {f['readings']} readings and half of the window at least ({f['short']} series have less); a drift needs p {f['p']:g}",
    "trail.patterns": lambda f: f"found: {_counts(f['kinds'])} in {f['series']} series",
    "trail.correlation": _correlation,
    "trail.correlation_bounds": lambda f: f"thresholds: |r| {f['least']:g}, false-discovery rate {f['rate']:g}",
    "trail.pairs": _pairs,
    "trail.pair_q": lambda f: f"confidence: q from {f['low']:.2g} to {f['high']:.2g}",
    "trail.no_pair": lambda f: "confidence: no pair is significant",
    "trail.difference": _difference,
    "trail.difference_bounds": lambda f: f"thresholds: false-discovery rate {f['rate']:g}, and a change worth a thought for the metric",
    "trail.changed": lambda f: f"found: {f['changed']} changed ({_counts(f['metrics'])})",
    "trail.all_changed": lambda f: "considered: every series tested changed",
    "trail.nearest": _nearest,
    "trail.changed_q": lambda f: f"confidence: q up to {f['high']:.2g}",
    "trail.none_changed": lambda f: "confidence: nothing to be sure of",
    "trail.actions": _actions,
    "trail.newest_minute": lambda f: f"data: the newest minute of {f['metrics']} metrics, to {iso(f['at_s'])}",
    "trail.judged": lambda f: f"coverage: {f['known']} of {f['servers']} servers have a reading that health is judged by",
    "trail.rules": _rules,
    "trail.statuses": lambda f: f"found: {_counts(f['statuses'])}",
    "trail.record": _record,
    "trail.record_methods": _methods,
    "trail.record_confidences": lambda f: f"confidence: findings {_named(f['findings'])}, causes {_named(f['causes'])}",
    "trail.record_actions": lambda f: f"recommended: {f['actions']} actions from the recorded findings and causes",
    "cache.made": _kept_for,
    "cache.kept": lambda f: f"cache: kept, made {f['age_s']:.1f} s ago, given to equal calls for {f['left_s']:.1f} s more at most",
    "cache.standing_in": lambda f: f"cache: kept, made {f['age_s']:.1f} s ago, given to equal calls while the next one is being made",
    "cache.last_good": lambda f: f"cache: the last good answer, {f['age_s']:.0f} s old, as all of this trail; now: {f['reason']}",
}  # fmt: skip
