"""How rare each finding is in a calm fleet, and how many of a list chance alone would have shown."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from openmanager_core.analysis import _calm_tails as calm
from openmanager_core.catalog import BY_NAME
from openmanager_core.facts import Fact, fact
from openmanager_core.findings import Finding, pressing_first

LINE = 0.05
"""Findings with a smaller or equal q-value stand above the line: of them, this share is expected to be chance."""
LEAST_SIGMA = 4.0
"""The tails were learned from findings of at least so many sigmas; of weaker ones nothing is known."""
_TOGETHER = 1 / 30
"""Share of the window within which findings of one host began together."""
FACTS = ("missing_data", "flatline")
"""That readings stopped or repeat themselves is so or is not: no matter of chance."""
_REST = 1.05
_OF_ITS_OWN = ("variance", "leak", "decoupling", "peer_outlier")


@dataclass(frozen=True, slots=True)
class Chance:
    """What chance has to do with a list of findings.

    Attributes
    ----------
    q_values
        One for each finding, in their order: the expected share of false ones among all that are at least as rare.
        Findings of one event share it. None: a fact, which is no matter of chance.
    tests
        Series that were looked at.
    events
        What the findings other than facts make: those of one host that began together are one.
    expected
        Events that a calm fleet with as many series shows in such a window.
    calm_series
        How many calm series of such a window the tails stand on.
    beyond
        Whether a finding above the line is rarer than any that those series showed: its tail is extrapolated.
    """

    q_values: tuple[float | None, ...]
    tests: int
    events: int
    expected: float
    calm_series: int
    beyond: bool

    @property
    def above(self) -> int:
        """Findings above the line."""
        return sum(q is not None and q <= LINE for q in self.q_values)


def line_first(findings: Sequence[Finding], q_values: Sequence[float | None]) -> list[int]:
    """Places of the findings as a person is shown them.

    First what is above the line and what is so now whatever calm fleets show: readings that are stopped, a value that
    is stuck, a resource at its bound. Then the rest; each part by what is pressing.
    """

    def key(i: int) -> tuple[bool, tuple[int, bool, float, str]]:
        f, q = findings[i], q_values[i]
        so_now = f.end_s is None and (q is None or (f.kind == "saturation" and f.severity == "critical"))
        return not (so_now or (q is not None and q <= LINE)), pressing_first(f)

    return sorted(range(len(findings)), key=key)


def bound(q_values: Sequence[float | None], chance: Chance) -> Fact:
    """How many of the findings that are asked for are above the line, and what that promises of all that are."""
    judged = [q for q in q_values if q is not None]
    return fact(
        "chance.bound",
        above=sum(q <= LINE for q in judged), every=chance.above, rate=LINE, of=len(judged),
        facts=len(q_values) - len(judged), series=chance.tests, expected=chance.expected,
    )  # fmt: skip


def family(finding: Finding) -> str:
    """Which tail judges it; empty for a fact.

    Steps are told apart by whether they are over, not by their shape: a spike that has not ended and a level shift are
    one and the same to whoever looks in its middle.
    """
    if finding.kind in FACTS:
        return ""
    if finding.kind in _OF_ITS_OWN:
        return finding.kind
    return "lasting" if finding.end_s is None else "over"


def burst(finding: Finding) -> bool:
    """Whether it is a step that is over in a series at rest, whose own spread is below the smallest worth a thought.

    Its score counts in that smallest spread, and real counters at rest jump by any multiple of it: it says nothing.
    """
    about, seen = BY_NAME.get(finding.metric), finding.evidence
    least = max(about.floor, about.relative * abs(seen.baseline)) if about else 0.0
    return family(finding) == "over" and seen.spread <= _REST * least


def judge(findings: Sequence[Finding], *, series: int, duration_s: float) -> Chance:
    """Give each finding of one look the expected share of false ones among those at least as rare.

    Parameters
    ----------
    findings
        All that one look found, in any order.
    series
        How many series were looked at, at least 1: as many tests were made, and those without a finding count as 1.
    duration_s
        Length of the window, seconds, above 0.

    Returns
    -------
    Chance

    Notes
    -----
    The p-value of a finding is the share of calm series of its metric that show one of its family with its score or a
    higher one in a window of that length; that of an event is the smallest of its findings, corrected for the
    families and metrics tried. Bursts of series at rest are at least as common as in the roughest set of
    real calm series. q-values are those of Benjamini and Hochberg [1]_ over all series looked at. Metrics of a server
    depend on each other positively, which the procedure withstands [2]_.

    References
    ----------
    .. [1] Y. Benjamini and Y. Hochberg, J. R. Stat. Soc. B 57(1), 1995, theorem 1.
       doi:10.1111/j.2517-6161.1995.tb02031.x
    .. [2] Y. Benjamini and D. Yekutieli, Annals of Statistics 29(4), 2001, theorem 1.2. doi:10.1214/aos/1013699998
    """
    together = events(findings, duration_s)
    rarest = [min((p_value(findings[i], series, duration_s), i) for i in event) for event in together]
    q_values: list[float | None] = [None] * len(findings)
    beyond = False
    for event, (_, at), q in zip(together, rarest, adjusted([p for p, _ in rarest], series), strict=True):
        for i in event:
            q_values[i] = q
        beyond |= q <= LINE and tail(findings[at], duration_s) < never(findings[at].metric, duration_s)
    return Chance(
        q_values=tuple(q_values),
        tests=series,
        events=len(together),
        expected=expected_events(1.0, series, duration_s),
        calm_series=calm_series(duration_s),
        beyond=beyond,
    )


def adjusted(p_values: Sequence[float], tests: int) -> list[float]:
    """The q-values of Benjamini and Hochberg where `tests` were made and the p-values not given are 1.

    Parameters
    ----------
    p_values
        0 to 1, in any order.
    tests
        At least ``len(p_values)``; fewer are taken as that many.

    Returns
    -------
    list of float
        In the order of `p_values`, 0 to 1: the smallest rate at which each is still a discovery.
    """
    tests = max(tests, len(p_values))
    out = [1.0] * len(p_values)
    least = 1.0
    order = sorted(range(len(p_values)), key=lambda i: -p_values[i])
    for rank, i in zip(range(len(order), 0, -1), order, strict=True):
        least = min(least, p_values[i] * tests / rank)
        out[i] = least
    return out


def p_value(finding: Finding, series: int, duration_s: float) -> float:
    """The share of the series of a calm fleet with an event of which a finding is as rare as this one, at most 1."""
    rare = tail(finding, duration_s)
    share = _events(rare, series, duration_s, calm.MARGINS, calm.SCREENED_MARGINS) / series
    return min(1.0, max(share, calm.BURSTS if burst(finding) else 0.0))


def tail(finding: Finding, duration_s: float) -> float:
    """The share of calm series of its metric with a finding of its family and at least its score; 0 to 1.

    Windows between those learned from are interpolated in the logarithm of their length, others are taken as the
    nearest. A score beyond all that were seen follows the power law of the highest ones.
    """
    score = finding.score_sigma
    if not score >= LEAST_SIGMA:
        return 1.0
    kind = family(finding)
    return _between(duration_s, [_tail_at(k, kind, finding.metric, score) for k in range(len(calm.HOURS))])


def _tail_at(window: int, kind: str, metric: str, score: float) -> float:
    known = calm.SERIES.get(metric)
    if known is None:  # nothing is known of it: as the metric that is worst in this respect
        return max(_tail_at(window, kind, name, score) for name in calm.SERIES)
    curve = calm.TAILS.get(f"{kind} {metric}", ((),) * len(calm.HOURS))[window]
    if not curve:
        return LEAST_SIGMA / score / (known[window] + 1)
    scores, shares, slope = curve
    if score > scores[-1]:
        return float(shares[-1] * (score / scores[-1]) ** -slope)
    return _log_interpolated(score, scores, shares)


def expected_events(rarest: float, series: int, duration_s: float) -> float:
    """Events whose rarest finding is as rare as that or rarer in a calm fleet with so many series, at least 0.

    Of a fleet with more series than an overview examines whole only the suspects are examined; such fleets were learned
    from too, and they are never taken to have fewer events than the largest that is examined whole.
    """
    level = (1.0,) * len(calm.HOURS)
    return _events(rarest, series, duration_s, level, level)


def _events(
    rarest: float, series: int, duration_s: float, margins: Sequence[float], screened_margins: Sequence[float]
) -> float:
    whole = min(series, calm.WHOLE_UP_TO_SERIES) * _rate(rarest, duration_s, calm.EVENTS, margins)
    if series <= calm.WHOLE_UP_TO_SERIES:
        return whole
    return max(whole, series * _rate(rarest, duration_s, calm.SCREENED_EVENTS, screened_margins))


def _rate(rarest: float, duration_s: float, learned: Sequence[calm.Rates], margins: Sequence[float]) -> float:
    shares = []
    for (limits, rates), margin in zip(learned, margins, strict=True):
        if rarest <= limits[0]:
            shares.append(min(1.0, margin * rates[0] * rarest / limits[0]))
        else:
            shares.append(min(1.0, margin * _log_interpolated(rarest, limits, rates)))
    return _between(duration_s, shares)


def calm_series(duration_s: float) -> int:
    """Calm series of the window learned from that is nearest to that length."""
    return sum(n[_nearest(duration_s)] for n in calm.SERIES.values())


def never(metric: str, duration_s: float) -> float:
    """What the calm series of a metric allow at best of a finding that none of them showed."""
    seen = calm.SERIES.get(metric)
    return 1.0 / (1 + (seen[_nearest(duration_s)] if seen else 0))


def _nearest(duration_s: float) -> int:
    return min(range(len(calm.HOURS)), key=lambda k: abs(math.log(duration_s / (3600.0 * calm.HOURS[k]))))


def _between(duration_s: float, shares: Sequence[float]) -> float:
    """A share for a window of this length, from those of the lengths learned from."""
    lengths = [3600.0 * h for h in calm.HOURS]
    if duration_s <= lengths[0]:
        return shares[0]
    if duration_s >= lengths[-1]:
        return shares[-1]
    return _log_interpolated(duration_s, lengths, shares)


def _log_interpolated(x: float, xs: Sequence[float], ys: Sequence[float]) -> float:
    """Straight lines through the points in both logarithms; the ends go on level. `xs` rises, all `xs` are above 0."""
    k = bisect_left(xs, x)
    if k == 0:
        return ys[0]
    if k == len(xs):
        return ys[-1]
    share = math.log(x / xs[k - 1]) / math.log(xs[k] / xs[k - 1])
    low, high = sorted((ys[k - 1], ys[k]))
    return float(min(max(ys[k - 1] ** (1 - share) * ys[k] ** share, low), high))


def events(findings: Sequence[Finding], duration_s: float) -> list[list[int]]:
    """Findings of one host that began together, as places in the list; facts belong to none."""
    by_host: dict[str, list[int]] = defaultdict(list)
    for i, f in enumerate(findings):
        if family(f):
            by_host[f.host].append(i)
    out: list[list[int]] = []
    for mine in by_host.values():
        began = -math.inf
        for i in sorted(mine, key=lambda i: findings[i].start_s):
            if findings[i].start_s > began + _TOGETHER * duration_s:
                began = findings[i].start_s
                out.append([])
            out[-1].append(i)
    return out
