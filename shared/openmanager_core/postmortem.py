"""An incident as a post-mortem in Markdown, in English or Korean, and as one line.

Written from records only: the same input gives the same text. Whatever a source or a person said stands
in code spans or as plain words, so that no link, image or heading can come of it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence

from openmanager_core.analysis.recommend_words import told_in
from openmanager_core.findings import Cause, Finding, Recommendation
from openmanager_core.postmortem_words import SPAN_UNITS, TERMS, WORDS
from openmanager_core.storage.incident import Incident, worst_first
from openmanager_core.text import code, prose
from openmanager_core.timespan import iso, span
from openmanager_core.wording import Language, en, ko

_SURE = 0.6
_LATE_S = 600.0
_SIZES = (40, 20, 10, 5, 2, 1)


def incident_line(incident: Incident, *, now_s: float | None = None) -> str:
    """The incident in one line: id, severity, state, since when, for how long, what, and the likeliest cause."""
    lasted = incident.duration_s(incident.updated_s if now_s is None else now_s)
    line = f"{incident.id} [{incident.severity}, {incident.state}] since {iso(incident.opened_s)} ({span(lasted)})"
    line += f": {incident.title}"
    return line + (f"; likely cause: {incident.root_cause}" if incident.root_cause else "")


def incident_markdown(
    incident: Incident,
    findings: Sequence[Finding],
    causes: Sequence[Cause],
    recommendations: Sequence[Recommendation],
    *,
    language: Language = "en",
    max_chars: int = 10_000,
) -> str:
    """Write the post-mortem.

    Parameters
    ----------
    findings, causes, recommendations
        Those of this incident; causes best first.
    language
        ``en`` or ``ko``. What came without its facts stays in the language that it was written in.
    max_chars
        Longest answer, at least 1000. Tables are shortened first; what is left out is counted where it
        is missing.

    Returns
    -------
    str
        Markdown with the sections summary, impact, timeline, evidence, root cause, actions, open questions.
    """
    text = ""
    for rows in _SIZES:
        text = _Report(incident, findings, causes, recommendations, language, rows).text()
        if len(text) <= max_chars:
            return text
    note = "\n\n" + WORDS[language]["cut"].format(count=max_chars) + "\n"
    kept = text[: max(max_chars, 1000) - len(note)]
    return kept[: kept.rfind("\n")] + note


class _Report:
    """One post-mortem with at most `rows` rows in each of its lists."""

    def __init__(
        self,
        incident: Incident,
        findings: Sequence[Finding],
        causes: Sequence[Cause],
        recommendations: Sequence[Recommendation],
        language: Language,
        rows: int,
    ) -> None:
        self._incident = incident
        self._findings = sorted(findings, key=worst_first)
        self._causes = list(causes)
        self._actions = sorted(recommendations, key=lambda r: (r.priority, r.target, r.action))
        self._language = language
        self._rows = rows

    def text(self) -> str:
        incident = self._incident
        parts = [
            f"# {self._say('title', id=incident.id)}",
            self._say("status", severity=self._term(incident.severity), state=self._term(incident.state)),
        ]
        sections: tuple[tuple[str, Callable[[], list[str]]], ...] = (
            ("summary", self._summary),
            ("impact", self._impact),
            ("timeline", self._timeline),
            ("evidence", self._evidence),
            ("cause", self._cause),
            ("actions", self._action_list),
            ("questions", self._questions),
        )
        for name, lines in sections:
            parts += [f"## {self._say(name)}", "\n".join(lines())]
        return "\n\n".join(parts) + "\n"

    def _say(self, sentence: str, **values: object) -> str:
        return WORDS[self._language][sentence].format(**values)

    def _term(self, word: str) -> str:
        return TERMS.get(self._language, {}).get(word) or prose(word)

    def _kind(self, kind: str) -> str:
        known = {**ko.CAUSES, **ko.KINDS} if self._language == "ko" else en.KINDS
        return known.get(kind) or prose(kind)

    def _span(self, seconds: float) -> str:
        text = span(seconds)
        if self._language == "ko":
            for short, long in SPAN_UNITS:
                text = text.replace(short, long)
        return text

    def _value(self, value: float, unit: str) -> str:
        """A value with its unit, short."""
        if not math.isfinite(value):
            return self._say("nothing")
        if unit == "ratio":
            return f"{value * 100:.3g} %"
        if unit == "s":
            return f"{value * 1000:.3g} ms" if abs(value) < 1 else f"{value:.3g} s"
        if unit.startswith("bytes"):
            scale, prefix = next(((s, p) for s, p in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if abs(value) >= s), (1, ""))
            return f"{value / scale:.3g} {prefix}B{unit.removeprefix('bytes')}"
        return f"{value:.4g} {prose(unit)}"

    def _more(self, all_of: Sequence[object], limit: int) -> list[str]:
        return [self._say("more", count=len(all_of) - limit)] if len(all_of) > limit else []

    def _names(self, names: Sequence[str]) -> str:
        shown = ", ".join(code(name) for name in names[: self._rows])
        return " ".join([shown, *self._more(names, self._rows)])

    def _summary(self) -> list[str]:
        incident = self._incident
        end_s = incident.resolved_s if incident.resolved_s is not None else incident.updated_s
        lasted = self._span(max(0.0, end_s - incident.opened_s))
        form = "ongoing" if incident.resolved_s is None else "ended"
        said = [self._say(form, span=lasted, start=iso(incident.opened_s), end=iso(end_s))]
        if self._findings:
            worst, first = self._findings[0], min(self._findings, key=lambda f: (f.start_s, f.id))
            if first is not worst:
                said.append(
                    self._say("first", kind=self._kind(first.kind), metric=code(first.metric), host=code(first.host))
                )
            seen = worst.evidence
            said.append(
                self._say(
                    "worst",
                    kind=self._kind(worst.kind),
                    metric=code(worst.metric),
                    host=code(worst.host),
                    observed=self._value(seen.observed, seen.unit),
                    baseline=self._value(seen.baseline, seen.unit),
                )
            )
        if self._causes:
            top = self._causes[0]
            level, sure = self._term(top.level), f"{top.confidence:.2f}"
            said.append(self._say("likely", level=level, node=code(top.node), confidence=sure))
        else:
            said.append(self._say("no_cause"))
        return [" ".join(said)]

    def _impact(self) -> list[str]:
        incident = self._incident
        hosts: dict[str, dict[str, None]] = defaultdict(dict)
        metrics: dict[str, dict[str, None]] = defaultdict(dict)
        for f in self._findings:
            hosts[f.cluster][f.host] = None
            metrics[f.cluster][f.metric] = None
        reach = self._say(
            "reach", hosts=len(incident.hosts), clusters=len(incident.clusters), findings=len(incident.finding_ids)
        )
        noticed = self._noticed_after()
        lines = [reach if noticed is None else f"{reach} {self._say('noticed', span=self._span(noticed))}", ""]
        for cluster in list(hosts)[: self._rows]:
            sentence = self._say(
                "cluster",
                cluster=code(cluster) if cluster else self._say("no_cluster"),
                hosts=len(hosts[cluster]),
                names=self._names(list(hosts[cluster])),
                metrics=self._names(list(metrics[cluster])),
            )
            lines.append(f"- {sentence}")
        return [*lines, *self._more(list(hosts), self._rows)]

    def _noticed_after(self) -> float | None:
        opened = [e.at_s for e in self._incident.timeline if e.kind == "opened"]
        return max(0.0, opened[0] - self._incident.opened_s) if opened else None

    def _timeline(self) -> list[str]:
        rows: list[tuple[float, int, str]] = []
        for f in self._findings:
            words = {"kind": self._kind(f.kind), "metric": code(f.metric), "host": code(f.host)}
            rows.append((f.start_s, 0, self._say("began", severity=self._term(f.severity), **words)))
            if f.end_s is not None:
                rows.append((f.end_s, 1, self._say("over", **words)))
        for event in self._incident.timeline:
            what = self._say(
                "causes_set" if event.kind == "cause" else event.kind,
                count=len(event.finding_ids),
                severity=self._term(event.severity) if event.severity else "",
            )
            if event.kind in ("acknowledged", "resolved", "reopened"):
                what += f" ({self._say('automatic' if event.automatic else 'by_hand')})"
            rows.append((event.at_s, 2, f"**{what}**" + (f": {code(event.note)}" if event.note else "")))
        rows.sort()
        # The beginning and what people did say most; the middle is what gives way.
        kept = rows
        if len(rows) > self._rows:
            told = [row for row in rows if row[1] == 2][-self._rows :]
            kept = sorted([*[row for row in rows if row[1] != 2][: self._rows], *told])
        lines = [f"| {self._say('time')} | {self._say('event')} |", "| --- | --- |"]
        lines += [f"| {iso(at_s)} | {what} |" for at_s, _, what in kept]
        return [*lines, *(["", *self._more(rows, len(kept))] if len(rows) > len(kept) else [])]

    def _evidence(self) -> list[str]:
        if not self._findings:
            return [self._say("none")]
        heads = ("server", "metric", "what", "observed", "normal", "distance", "since", "method")
        lines = ["| " + " | ".join(self._say(head) for head in heads) + " |", "|" + " --- |" * len(heads)]
        for f in self._findings[: self._rows]:
            seen = f.evidence
            cells = (
                code(f.host),
                code(f.metric),
                self._kind(f.kind),
                self._value(seen.observed, seen.unit),
                self._value(seen.baseline, seen.unit),
                f"{f.score_sigma:.1f} σ",
                iso(f.start_s),
                prose(seen.method_in(self._language)[:120]),
            )
            lines.append("| " + " | ".join(cells) + " |")
        more = self._more(self._findings, self._rows)
        return [*lines, "", *more] if more else lines

    def _cause(self) -> list[str]:
        lines = [] if self._causes else [self._say("no_cause")]
        for number, cause in enumerate(self._causes[: min(self._rows, 5)], start=1):
            what = f"{number}. {self._term(cause.level)} {code(cause.node)}: {self._kind(cause.kind)}"
            if cause.metric:
                what += f" ({code(cause.metric)})"
            what += f", {cause.confidence:.2f}"
            if cause.onset_s is not None:
                what += f", {self._say('since_when', onset=iso(cause.onset_s))}"
            lines.append(what)
            if cause.explains:
                lines.append(f"   - {self._say('explains', names=self._names(cause.explains))}")
            if cause.change:
                lines.append(f"   - {self._say('change', change=code(cause.change_in(self._language)))}")
            said = cause.evidence_in(self._language)
            lines += [f"   - {prose(sentence[:500])}" for sentence in said[: min(self._rows, 6)]]
        return [*lines, *self._more(self._causes, min(self._rows, 5))]

    def _action_list(self) -> list[str]:
        if not self._actions:
            return [self._say("no_actions")]
        lines = []
        for action in self._actions[: self._rows]:
            told = told_in(action, self._language)
            lines.append(f"- [ ] {prose(told.action[:500])} ({code(action.target)})")
            lines += [
                f"  - {self._say('reason', text=prose(told.reason[:500]))}",
                f"  - {self._say('expected', text=prose(told.expected_effect[:500]))}",
                f"  - {self._say('risk', risk=self._term(action.risk))}",
                f"  - {self._say('check', text=code(told.verify, 300))}",
            ]
        return [*lines, *self._more(self._actions, self._rows)]

    def _questions(self) -> list[str]:
        incident, asked = self._incident, []
        kinds = [e.kind for e in incident.timeline]
        if not self._causes:
            asked.append(self._say("q_cause"))
        else:
            top = self._causes[0]
            node, sure = code(top.node), f"{top.confidence:.2f}"
            if top.confidence < _SURE and len(self._causes) > 1:
                asked.append(self._say("q_sure", node=node, confidence=sure, other=code(self._causes[1].node)))
            elif top.confidence < _SURE:
                asked.append(self._say("q_sure_alone", node=node, confidence=sure))
            if not top.change:
                asked.append(self._say("q_change", node=node))
        if incident.resolved_s is None:
            asked.append(self._say("q_open"))
        elif any(e.kind == "resolved" and e.automatic for e in incident.timeline[-1:]):
            asked.append(self._say("q_auto"))
        if "acknowledged" not in kinds:
            asked.append(self._say("q_ack"))
        noticed = self._noticed_after()
        if noticed is not None and noticed >= _LATE_S:
            asked.append(self._say("q_late", span=self._span(noticed)))
        if "reopened" in kinds:
            asked.append(self._say("q_again", count=kinds.count("reopened")))
        blind = list(dict.fromkeys(f.host for f in self._findings if f.kind == "missing_data"))
        if blind:
            asked.append(self._say("q_blind", names=self._names(blind)))
        return [f"- {question}" for question in asked] or [self._say("none")]
