"""Sentences in English that answers and trails take up in passing: how something was found, and where readings come from."""

from __future__ import annotations

from collections.abc import Callable

from openmanager_core.timespan import spoken_s
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
    "source.simulated": lambda f: f"{f['servers']} simulated servers, seed {f['seed']}, a value every {f['tick_s']:g} s",
    "source.host": lambda f: f"samples this machine every {f['interval_s']:g} s, keeps {f['hours']:g} h",
    "source.recorded": lambda f: f"{f['rows']} rows of {f['servers']} servers in {f['files']} file{'s' if f['files'] > 1 else ''}",
    "source.engine": _engine,
}  # fmt: skip
