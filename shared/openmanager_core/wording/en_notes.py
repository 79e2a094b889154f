"""Sentences in English that stand beside answers: how something was found, where readings come from, what was wrong."""

from __future__ import annotations

from collections.abc import Callable

from openmanager_core.text import ident, visible
from openmanager_core.timespan import spoken_s
from openmanager_core.wording import said
from openmanager_core.wording.en import Facts


def _weighed(f: Facts) -> str:
    used = ", ".join(f"{name} {share:.0%}" for name, share in f["shares"])
    wrong = "" if f["error"] is None else f"; its median error there {f['error']:.3g}"
    return (
        f"{f['candidates']} candidates weighed by their errors at {f['origins']} origins up to {spoken_s(f['ahead_s'])}"
        f" ahead: {used}{wrong}"
    )


def _drift(f: Facts) -> str:
    return (
        f"drift over the last {spoken_s(f['seen_s'])}: {f['per_hour']:+.3g} {f['unit']} an hour,"
        f" p {f['p']:.2g}, tau {f['tau']:.2f}: "
        + (
            "steady, so it is continued and nothing is blended"
            if f["steady"]
            else "not steady or too small to be continued"
        )
    )


def _engine(f: Facts) -> str:
    version = f"{f['version']} " if f["version"] else ""
    detail = f"engine {version}at {f['shown']}, {f['metrics']} metrics of the catalogue"
    return detail + (f"; no sample in the last {f['silent_min']:.0f} minutes" if f["silent_min"] else "")


def _some(f: Facts) -> str:
    return "; ".join(f["lines"]) + (f"; and {f['more']} more" if f["more"] else "")


def _broken(f: Facts) -> str:
    rows = "; ".join(said(row, "en") for row in f["rows"])
    more = f" and {f['more']} more" if f["more"] else ""
    return f"{f['count']} rows are broken and were left out: {rows}{more}"


SENTENCES: dict[str, Callable[[Facts], str]] = {
    "how.own_past": lambda f: "robust distance from the own past and from peers",
    "how.newest_mean": lambda f: f"mean of the newest {f['seconds']:g} s against median and MAD of the window before",
    "how.newest_instants": lambda f: f"distance of the mean of the last {f['instants']} instants from the median before, in robust sigmas",
    "how.in_engine": lambda f: "inside the engine: recent mean against mean and standard deviation of the window's older half, and slope",
    "how.drift_line": lambda f: "Theil-Sen drift" + (" on seasonal medians" if f["seasonal"] else ""),
    "how.blend": lambda f: ("seasonal" if f["seasonal"] else "level") + " blend weighted by backtest",
    "how.weighed": _weighed,
    "how.short_past": lambda f: f"too short a past for a backtest: {f['name']} is all there is",
    "how.does_not_fill": lambda f: f"no drift is continued: {f['metric']} does not fill up",
    "how.few_after_bend": lambda f: "no drift is continued: too few readings after the last bend",
    "how.drift": _drift,
    "origin.simulated": lambda f: f"{f['servers']} simulated servers, seed {f['seed']}, a value every {f['tick_s']:g} s",
    "origin.host": lambda f: f"samples this machine every {f['interval_s']:g} s, keeps {f['hours']:g} h",
    "origin.ended": lambda f: f"sampling ended: {f['error']}",
    "origin.recorded": lambda f: f"{f['rows']} rows of {f['servers']} servers in {f['files']} file{'s' if f['files'] > 1 else ''}",
    "origin.engine": _engine,
    "problem.outside": lambda f: str(f["text"]),
    "problem.failure": lambda f: f"{f['kind']}: {f['message'].rstrip('.')}." + (f" Try: {f['hint'].rstrip('.')}." if f["hint"] else ""),
    "problem.failure_of": lambda f: f"{ident(f['name'])}: {said(f['failure'], 'en')}",
    "problem.future": lambda f: f"{f['metric']}: {f['count']} readings come from the future and were dropped; check the clocks",
    "problem.no_instants": lambda f: f"{f['metric']}: {f['count']} instants are not finite and were dropped",
    "problem.backwards": lambda f: f"{f['metric']}: {f['count']} instants ran backwards and were sorted",
    "problem.twice": lambda f: f"{f['metric']}: {f['count']} instants came twice; the last reading of each was kept",
    "problem.same_host": lambda f: f"{f['metric']}: {f['count']} rows repeat a host; the last of each was kept",
    "problem.infinite": lambda f: f"{f['metric']}: {f['count']} readings are infinite and were dropped",
    "problem.out_of_bounds": lambda f: f"{f['metric']}: {f['count']} readings lie outside {f['low']:g} to {f['high']:g} {f['unit']} and were dropped",
    "problem.no_server_has": lambda f: f"no server here has {', '.join(f['metrics'])}",
    "problem.no_reading": lambda f: f"{f['metric']} has no reading in the window",
    "problem.few_have": lambda f: f"{f['metric']} has no reading of {f['empty']} of {f['servers']} servers",
    "problem.strangers": lambda f: f"{f['count']} servers with readings are not in the inventory, {ident(f['host'])} for one",
    "problem.weaker": lambda f: f"{f['count']} weaker findings are left out",
    "problem.quieted": lambda f: f"{f['count']} findings are left out: false alarms put them under {f['sigma']:g} sigma",
    "problem.no_past": lambda f: f"no past to compare with yet: {f['reason']}",
    "problem.no_home": lambda f: "nothing is kept: no state folder is set",
    "problem.not_kept": lambda f: f"incidents are not being kept: {f['reason']}",
    "problem.changes_unread": lambda f: f"the file of changes cannot be read: {f['reason']}",
    "problem.changes_nowhere": lambda f: f"in the file of changes: {_some(f)}",
    "problem.changes_wrong": lambda f: f"in the file of changes, not understood: {_some(f)}",
    "problem.changes_cut": lambda f: f"of the file of changes only the last {f['most']:,} lines are read",
    "problem.not_read": lambda f: f"{f['name']}: can not be read ({f['error']})",
    "problem.rows_broken": _broken,
    "problem.row": lambda f: f"{f['file']} line {f['line']}: {said(f['why'], 'en')}",
    "problem.quotes": lambda f: "unbalanced quotes",
    "problem.long_line": lambda f: "line longer than 1 MiB",
    "problem.fields": lambda f: f"{f['count']} fields where the header has {f['width']}",
    "problem.bad_time": lambda f: f"time {f['value']!r} is neither an epoch nor ISO 8601",
    "problem.no_time": lambda f: "no usable time",
    "problem.bad_value": lambda f: f"value {f['value']!r} is not a number",
    "problem.no_name": lambda f: "the server has no name",
    "problem.unknown_metrics": lambda f: f"{f['rows']} rows or columns name a metric the catalogue does not have: {', '.join(map(repr, f['names']))}",
    "problem.infinite_gaps": lambda f: f"{f['count']} readings are infinite and count as gaps",
    "problem.repeated": lambda f: f"{f['count']} readings repeat an instant of the same series; the last of each was kept",
    "problem.left_out": lambda f: f"left out: {f['reason']}",
    "problem.no_list": lambda f: f"fleet.json: {f['part']} is not a list and was left out",
    "problem.entries": lambda f: f"fleet.json: {f['bad']} of {f['count']} {f['part']} can not be used and were left out",
    "problem.calls_nowhere": lambda f: (f"{f['file']}: " if f["file"] else "") + f"{f['count']} calls name a cluster that no server is in" + ("" if f["file"] else ", and were left out"),
    "problem.engine_warns": lambda f: str(f["text"]),
    "problem.partial": lambda f: "the engine says that its answer is partial",
    "problem.mapping": lambda f: f"source.mapping.{f['metric']}: {said(f['why'], 'en')}",
    "problem.counter": lambda f: f"{f['name']} is a counter: say rate({f['name']}{{$selector}}[$range])",
    "problem.nameless": lambda f: f"{f['count']} series have none of the labels {', '.join(f['labels'])} and were left out",
    "problem.unencrypted": lambda f: "credentials travel unencrypted: use https",
    "problem.unverified": lambda f: "the engine's certificate is not verified: set source.ca_file instead of tls_verify = false",
    "problem.first_files": lambda f: f"only the first {f['count']} files are searched",
    "problem.large_file": lambda f: f"{visible(f['name'])} has more than {f['most']} bytes and is left out",
    "problem.link": lambda f: f"{visible(f['name'])} is a link or can not be read, and is left out",
}  # fmt: skip
