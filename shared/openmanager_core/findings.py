"""What an analysis says: findings with evidence, causes, and the words for how bad it is."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from openmanager_core.facts import Fact, fact, paired
from openmanager_core.wording import Language, all_said, said

FindingKind = Literal[
    "spike",            # a short excursion that came back
    "level_shift",      # a new level that stays
    "trend",            # a steady drift
    "leak",             # a drift in a resource that only grows
    "saturation",       # at or near the bound of a resource
    "variance",         # it swings more, or less, than it did
    "peer_outlier",     # unlike its peers of the same type
    "flatline",         # a reading that stopped moving
    "missing_data",     # readings stopped arriving
    "decoupling",       # it no longer moves with its peers, or with another metric of its server
]  # fmt: skip
FINDING_KINDS: tuple[str, ...] = get_args(FindingKind)
Severity = Literal["info", "warning", "critical"]
CORRELATION = "r"
"""The unit of evidence that is a correlation."""
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why we say so: what was seen, against what, in which window, by which method.

    Attributes
    ----------
    observed, baseline, spread
        In the metric's unit: the value now, the value expected, and the robust sigma around it.
    window_s, baseline_window_s
        (start, end) of the two stretches compared, Unix seconds.
    method
        The field's name of the method.
    how
        The same as a fact; None in findings kept by older versions.
    other
        The metric of the same server that a ``decoupling`` parted from; empty where it parted from its peers. The
        values of such a finding are correlations.
    """

    metric: str
    unit: str
    observed: float
    baseline: float
    spread: float
    window_s: tuple[float, float]
    baseline_window_s: tuple[float, float]
    method: str
    note: str = ""
    how: Fact | None = None
    other: str = ""

    def method_in(self, language: Language) -> str:
        """The method in a language, as it was written where its fact is not known."""
        return self.method if self.how is None else said(self.how, language)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was or not as its peers are.

    Attributes
    ----------
    start_s, end_s
        When it began, and ended (None: it goes on), Unix seconds.
    score_sigma
        Distance from normal in robust sigmas, at least 0.
    confidence
        0 to 1: how sure, from the size, the length and the amount of data.
    direction
        ``up``, ``down`` or ``none``.
    """

    kind: FindingKind
    host: str
    cluster: str
    metric: str
    start_s: float
    end_s: float | None
    score_sigma: float
    confidence: float
    severity: Severity
    direction: Literal["up", "down", "none"]
    summary: str
    evidence: Evidence

    @property
    def id(self) -> str:
        """Twelve hex digits, the same for the same event however often it is found."""
        key = f"{self.kind}|{self.host}|{self.metric}|{int(self.start_s // 300)}"
        return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()

    @property
    def fact(self) -> Fact:
        """What `summary` says, for every language."""
        return fact(
            f"finding.{self.kind}", metric=self.metric, host=self.host, unit=self.evidence.unit,
            now=self.evidence.observed, was=self.evidence.baseline, sigma=self.score_sigma,
            start_s=self.start_s, end_s=self.end_s, up=self.direction == "up", other=self.evidence.other,
        )  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, with the id."""
        return {"id": self.id, **asdict(self)}


def summed_up(finding: Finding) -> Finding:
    """The finding with its summary, in English."""
    return replace(finding, summary=said(finding.fact))


def pressing_first(finding: Finding) -> tuple[int, bool, float, str]:
    """Sort key of what a person is shown: severity, then what still goes on, then how sure and how far."""
    rank = -SEVERITIES.index(finding.severity)
    return rank, finding.end_s is not None, -finding.score_sigma * finding.confidence, finding.host


@dataclass(frozen=True, slots=True)
class Cause:
    """A candidate root cause.

    Attributes
    ----------
    node
        Cluster or server id.
    level
        Which of the two `node` is.
    score
        At least 0; comparable within one answer only.
    confidence
        0 to 1, falling with the distance to the runner-up.
    onset_s
        When it began, Unix seconds; None if it cannot be told.
    explains
        Clusters and servers whose trouble it accounts for.
    evidence
        Sentences with values and windows.
    change
        A recent change at the same place, or empty.
    facts, change_fact
        What those say, for every language; empty in causes kept by older versions.
    """

    node: str
    level: Literal["server", "cluster"]
    kind: str
    metric: str
    score: float
    confidence: float
    onset_s: float | None
    explains: tuple[str, ...]
    evidence: tuple[str, ...]
    change: str = ""
    facts: tuple[Fact, ...] = ()
    change_fact: Fact | None = None

    def evidence_in(self, language: Language) -> tuple[str, ...]:
        """The evidence in a language; what came without facts stays as it was written."""
        return all_said(paired(self.evidence, self.facts), language)

    def change_in(self, language: Language) -> str:
        """The change in a language, or empty."""
        return said(self.change_fact, language) if self.change and self.change_fact is not None else self.change


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to do, why, what it should bring, what it may cost, and how to check that it worked.

    Attributes
    ----------
    step, words
        (runbook id, number of the step), and what its blanks are filled with: for other languages.
    book, because
        The runbook that was looked up, and what `reason` says after its title.
    """

    action: str
    target: str
    reason: str
    expected_effect: str
    risk: Literal["low", "medium", "high"]
    verify: str
    priority: int
    finding_ids: tuple[str, ...] = field(default=())
    step: tuple[str, int] = ("", 0)
    book: str = ""
    words: tuple[tuple[str, str], ...] = ()
    because: Fact | None = None
