"""Answers to questions in words, and to searches for runbooks."""

from __future__ import annotations

from openmanager_core.postmortem_words import TERMS
from openmanager_core.text import quoted
from openmanager_core.wording import Language
from openmanager_kit.answers import Answer
from openmanager_local.answers.common import Lines, Row, block, joined, more, notes

_PASSAGE = {
    "en": {
        "shipped": "shipped", "own": "from {}", "cause": "cause", "diagnose": "diagnose", "remedy": "remedy",
        "verify": "verify", "risk": "risk",
    },
    "ko": {
        "shipped": "기본 런북", "own": "{} 파일", "cause": "원인", "diagnose": "진단", "remedy": "조치",
        "verify": "확인", "risk": "위험",
    },
}  # fmt: skip


class PassageRow(Row):
    """A runbook, or a passage of one of the user's own files; `source` is "shipped" or the file's name."""

    source: str
    id: str
    title: str
    score: float
    snippet: str
    risk: str
    causes: list[str]
    diagnose: list[str]
    remedies: list[str]
    verify: str

    def as_text(self, language: Language = "en") -> str:
        """The passage; words from the user's files are quoted."""
        words = _PASSAGE[language]
        origin = words["shipped"] if self.source == "shipped" else words["own"].format(quoted(self.source))
        lines = [f"- {self.title} [{self.id}], {origin}"]
        if self.snippet:
            lines.append(f"  {self.snippet if self.source == 'shipped' else quoted(self.snippet, 600)}")
        risk = self.risk if language == "en" else TERMS["ko"].get(self.risk, self.risk)
        parts = {"cause": self.causes, "diagnose": self.diagnose, "remedy": self.remedies}
        parts |= {"verify": [self.verify] if self.verify else [], "risk": [risk] if risk else []}
        lines += [f"  {words[name]}: {text}" for name, texts in parts.items() for text in texts]
        return "\n".join(lines)


class RunbooksAnswer(Answer):
    """A page of runbooks that fit, best first, or why there are none."""

    query: str
    searched: str
    total: int
    runbooks: list[PassageRow]
    explanation: str
    problems: Lines
    next_cursor: str | None

    def as_text(self) -> str:
        """One paragraph a runbook."""
        head = f"{len(self.runbooks)} of {self.total} runbooks for {quoted(self.query)} ({self.searched})"
        return joined(
            block(head, [row.as_text() for row in self.runbooks], self.explanation),
            notes(self.problems),
            more(self.next_cursor),
        )


class AskAnswer(Answer):
    """What was understood, what was run for it, and the answer. stage 1: understood; 2: partly assumed; 3: not understood."""

    language: str
    stage: int
    intent: str
    confidence: float
    answer: list[str]
    plan: list[str]
    assumptions: list[str]
    not_understood: list[str]
    alternatives: list[str]
    passages: list[PassageRow]
    trail: list[str]
    problems: list[str]

    def as_text(self) -> str:
        """The answer first, then how it came about."""
        ko = self.language == "ko"
        return joined(
            "\n".join(self.answer),
            block("이해하지 못한 말" if ko else "Not understood", [", ".join(quoted(word, 80) for word in self.not_understood)] if self.not_understood else []),
            block("가까운 런북" if ko else "Closest runbooks", [row.as_text("ko" if ko else "en") for row in self.passages]),
            block(
                ("계획" if ko else "Plan") + f" ({self.intent}, {'단계' if ko else 'stage'} {self.stage}, {'신뢰도' if ko else 'confidence'} {self.confidence:.2f})",
                [f"- {text}" for text in self.plan], "-",
            ),
            block("가정" if ko else "Assumed", [f"- {text}" for text in self.assumptions]),
            block("분석 과정" if ko else "Trail", [f"- {text}" for text in self.trail]),
            notes(self.problems, language="ko" if ko else "en"),
        )  # fmt: skip
