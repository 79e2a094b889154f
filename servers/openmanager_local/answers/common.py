"""Rows and words that several answers share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr, SkipValidation

from openmanager_core.catalog import BY_NAME
from openmanager_core.findings import CORRELATION, Cause, Finding, Recommendation
from openmanager_core.text import ident, visible
from openmanager_core.timespan import iso
from openmanager_core.wording import Language, said

Lines = Annotated[list[str], SkipValidation]
"""Sentences of our own making: as they are, they still know what they say (`openmanager_core.facts.Sentence`)."""


class Row(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Telling(BaseModel):
    """What also knows how to say some of its fields in other languages; that knowledge is no part of the answer."""

    _told: dict[str, Callable[[Language], Any]] = PrivateAttr(default_factory=dict)

    def telling(self, **fields: Callable[[Language], Any]) -> Self:
        """The same, now knowing how to say these fields."""
        self._told.update(fields)
        return self

    def told(self, field: str, language: Language) -> Any:
        """A field in a language; as it stands in the answer where nothing else is known."""
        return self._told[field](language) if field in self._told else getattr(self, field)


class FindingRow(Telling, Row):
    """A finding, in the units of its metric; a null end: it goes on; a null q_value: a fact, not a matter of chance."""

    id: str
    kind: str
    severity: str
    server: str
    cluster: str
    metric: str
    unit: str
    direction: str
    score_sigma: float
    confidence: float
    q_value: float | None
    start: str
    end: str | None
    observed: float | None
    expected: float | None
    method: str
    summary: str
    note: str

    def amount(self, value: float | None, language: Language = "en") -> str:
        """One of its values as a person writes it; of a lost co-movement they are correlations."""
        if self.unit != CORRELATION or value is None:
            return amount(value, self.metric, language)
        return f"{CORRELATION} {value:.2f}"

    def as_text(self) -> str:
        """Two lines: what, and the evidence."""
        until = f"until {self.end}" if self.end else "still going on"
        return (
            f"- [{self.severity}] {self.summary}\n"
            f"  id {self.id}: {self.kind} of {self.metric} on {ident(self.server)} since {self.start}, {until}; "
            f"observed {self.amount(self.observed)}, expected {self.amount(self.expected)}, "
            f"{self.score_sigma:g} sigma, confidence {self.confidence:.2f}"
            + ("" if self.q_value is None else f", q {self.q_value:.2g}")
            + f" ({self.method})"
            + (f"; {self.note}" if self.note else "")
        )


def finding_row(finding: Finding, q_values: Mapping[str, float | None]) -> FindingRow:
    """The row of one finding of a look, with its q-value by its id."""
    return FindingRow(
        id=finding.id,
        kind=finding.kind,
        severity=finding.severity,
        server=visible(finding.host),
        cluster=visible(finding.cluster),
        metric=finding.metric,
        unit=finding.evidence.unit,
        direction=finding.direction,
        score_sigma=short(min(finding.score_sigma, 1e6), 3) or 0.0,
        confidence=round(finding.confidence, 2),
        q_value=short(q_values[finding.id], 3),
        start=iso(finding.start_s),
        end=None if finding.end_s is None else iso(finding.end_s),
        observed=short(finding.evidence.observed),
        expected=short(finding.evidence.baseline),
        method=finding.evidence.method,
        summary=finding.summary,
        note=finding.evidence.note,
    ).telling(summary=lambda language: said(finding.fact, language))


class CauseRow(Telling, Row):
    """A candidate root cause; scores compare within one answer only."""

    node: str
    level: str
    kind: str
    metric: str
    score: float
    confidence: float
    onset: str | None
    explains: list[str]
    evidence: list[str]
    change: str

    def as_text(self) -> str:
        """The cause with its evidence below it."""
        onset = f", since {self.onset}" if self.onset else ""
        lines = [
            f"- {self.kind} on {self.level} {ident(self.node)} ({self.metric}){onset}; "
            f"score {self.score:g}, confidence {self.confidence:.2f}"
        ]
        lines += [f"  evidence: {text}" for text in self.evidence]
        if self.change:
            lines.append(f"  change: {self.change}")
        if self.explains:
            lines.append(f"  explains: {', '.join(ident(name) for name in self.explains)}")
        return "\n".join(lines)


def cause_row(cause: Cause) -> CauseRow:
    """The row of one cause."""
    return CauseRow(
        node=visible(cause.node),
        level=cause.level,
        kind=cause.kind,
        metric=cause.metric,
        score=short(cause.score) or 0.0,
        confidence=round(cause.confidence, 2),
        onset=None if cause.onset_s is None else iso(cause.onset_s),
        explains=[visible(name) for name in cause.explains[:20]],
        evidence=list(cause.evidence[:6]),
        change=cause.change,
    ).telling(evidence=lambda language: list(cause.evidence_in(language)[:6]), change=cause.change_in)


class ActionRow(Telling, Row):
    """What to do, why, what it brings, what it risks, and how to check."""

    priority: int
    action: str
    target: str
    reason: str
    expected_effect: str
    risk: str
    verify: str
    finding_ids: list[str]

    def as_text(self) -> str:
        """The action with its reason and its check."""
        return (
            f"{self.priority}. {self.action} [{ident(self.target)}], risk {self.risk}\n"
            f"   why: {self.reason}\n   effect: {self.expected_effect}\n   verify: {self.verify}"
        )


def action_row(item: Recommendation) -> ActionRow:
    """The row of one recommendation."""
    return ActionRow(
        priority=item.priority,
        action=item.action,
        target=visible(item.target),
        reason=item.reason,
        expected_effect=item.expected_effect,
        risk=item.risk,
        verify=item.verify,
        finding_ids=list(item.finding_ids[:10]),
    ).telling(**{name: partial(_of_action, item, name) for name in ("action", "reason", "expected_effect", "verify")})


def _of_action(item: Recommendation, name: str, language: Language) -> str:
    from openmanager_core.analysis.recommend_words import told_in  # it brings the runbooks

    told: str = getattr(told_in(item, language), name)
    return told


def short(value: float | None, digits: int = 4) -> float | None:
    """The value to `digits` significant digits; None where there is no finite value."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")


def amount(value: float | None, metric: str, language: Language = "en") -> str:
    """The value with its unit, as a person writes it: 83 %, 1.2 MB/s, 45 ms."""
    if value is None or not math.isfinite(value):
        return "no reading" if language == "en" else "값 없음"
    unit = BY_NAME[metric].unit if metric in BY_NAME else ""
    if unit == "ratio":
        return f"{100 * value:.3g} %"
    if unit == "s":
        return f"{value:.3g} s" if abs(value) >= 1 else f"{1000 * value:.3g} ms"
    if unit.startswith("bytes"):
        size, prefixes = abs(value), ("", "k", "M", "G", "T")
        step = min(len(prefixes) - 1, max(0, math.floor(math.log10(size) / 3))) if size >= 1 else 0
        return f"{value / 1000**step:.3g} {prefixes[step]}B{unit.removeprefix('bytes')}"
    if language == "ko" and unit in ("messages", "connections"):
        from openmanager_core.wording import ko

        return f"{value:.4g}{ko.UNITS[unit]}"
    return f"{value:.4g} {unit}".rstrip()


def block(title: str, lines: list[str], empty: str = "") -> str:
    """A titled paragraph, or the sentence for an empty one, or nothing."""
    if lines:
        return f"{title}\n" + "\n".join(lines)
    return f"{title}\n{empty}" if empty else ""


def joined(*parts: str) -> str:
    """The paragraphs that say something, apart by an empty line."""
    return "\n\n".join(part for part in parts if part)


def notes(problems: list[str], most: int = 5, language: Language = "en") -> str:
    """What was wrong with the data, bounded."""
    lines = [f"- {visible(text)[:300]}" for text in problems[:most]]
    if len(problems) > most:
        left = len(problems) - most
        lines.append(f"- and {left} more" if language == "en" else f"- 그 밖에 {left}건")
    return block("Data problems" if language == "en" else "데이터 문제", lines)


def trail_block(trail: list[str]) -> str:
    """How the answer was found, if that was asked for."""
    return block("Trail", [f"- {text}" for text in trail])


def more(next_cursor: str | None) -> str:
    """How to go on, if there is more."""
    return f"More: call again with the same arguments and cursor={next_cursor}" if next_cursor else ""
