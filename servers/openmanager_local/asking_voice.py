"""How answers to questions in words are put: short sentences in English or Korean, names never inflected."""

from __future__ import annotations

from typing import Any

from openmanager_core.errors import FleetError
from openmanager_core.knowledge import for_cause
from openmanager_core.knowledge.asking import Plan
from openmanager_core.postmortem_words import SPAN_UNITS, TERMS
from openmanager_core.text import ident, quoted, visible
from openmanager_core.timespan import iso, span
from openmanager_core.wording import Language, ko
from openmanager_local.answers.common import CauseRow, FindingRow, amount

INTENT_WORDS: dict[str, tuple[str, str]] = {
    "overview": ("the state of the fleet", "전체 상태"), "unhealthy": ("servers in bad health", "상태가 나쁜 서버"), "servers": ("which servers there are", "서버 목록"),
    "describe": ("one server", "서버 한 대의 상태"), "anomalies": ("anomalies", "이상 징후"), "patterns": ("patterns", "패턴"),
    "correlation": ("correlation", "상관관계"), "forecast": ("a forecast", "예측"), "capacity": ("capacity", "용량"), "root_cause": ("the root cause", "근본 원인"),
    "compare": ("a comparison of two windows", "두 구간 비교"), "recommend": ("what to do", "권장 조치"), "incidents": ("incidents", "장애 이력"),
    "runbook": ("a runbook", "런북"), "query": ("values of a metric", "지표 값"), "metrics": ("which metrics there are", "지표 목록"), "help": ("help", "도움말"),
    "unknown": ("not understood", "이해하지 못함"),
}  # fmt: skip


_NAMED: dict[str, tuple[str, str]] = {
    "+server": ("a server named", "서버 이름"), "+servers": ("several servers named", "서버 이름 여럿"), "+cluster": ("a cluster named", "클러스터 이름"),
    "+type": ("a type of server", "서버 종류"), "+environment": ("an environment", "환경"), "+region": ("a region", "리전"), "+metric": ("a metric", "지표"),
    "+metrics": ("several metrics", "지표 여럿"), "+past": ("a time in the past", "지난 시간"), "+stretch": ("a stretch of time", "지난 구간"),
    "+before": ("an earlier time to compare with", "비교할 지난 시간"), "+ahead": ("a time to come", "앞으로의 시간"), "+deploy": ("a deployment", "배포"),
    "+threshold": ("a level", "기준값"), "+growth": ("more load", "늘어난 부하"), "+lost": ("servers lost", "빠지는 서버"), "+count": ("a number of rows", "개수"),
    "+room": ("memory or disk", "메모리나 디스크"), "+speed": ("response times", "응답 시간"), "+errors": ("errors", "에러"),
    "+traffic": ("requests", "요청 수"), "+backlog": ("a queue's length", "큐 길이"), "+work": ("CPU or load", "CPU나 부하"),
    "+other": ("a metric", "지표"), "+literal": ("a metric's full name", "지표의 정식 이름"),
}  # fmt: skip


class Voice:
    """Says things in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.ko = language == "ko"

    def __call__(self, en: str, ko: str) -> str:
        """The one of the two that is in this language."""
        return ko if self.ko else en

    def metric(self, name: str) -> str:
        """A metric as people call it."""
        return ko.METRICS.get(name, name) if self.ko else name

    def status(self, name: str) -> str:
        """A health status."""
        return ko.STATUS.get(name, name) if self.ko else name

    def term(self, name: str) -> str:
        """Severity, risk, state."""
        return TERMS["ko"].get(name, name) if self.ko else name

    def pattern(self, name: str) -> str:
        """A kind of pattern."""
        return ko.PATTERNS.get(name, name.replace("_", " ")) if self.ko else name.replace("_", " ")

    def intent(self, name: str) -> str:
        """A kind of question."""
        return INTENT_WORDS[name][self.ko]

    def length(self, seconds: float) -> str:
        """A length of time."""
        said = span(seconds)
        if self.ko:
            for unit, word in SPAN_UNITS:
                said = said.replace(unit, word)
        return said

    def amount(self, value: float | None, metric: str) -> str:
        """A value with its unit."""
        return amount(value, metric, self.language)

    def window(self, made: Any, field: str = "window") -> str:
        """The window of an answer."""
        return str(made.told(field, self.language))

    def finding(self, row: FindingRow) -> str:
        """One finding with its evidence."""
        summary = visible(row.told("summary", self.language))
        seen, usual = row.amount(row.observed, self.language), row.amount(row.expected, self.language)
        return self(
            f"{summary} (observed {seen}, expected {usual}, {row.score_sigma:g} sigma, {row.severity})",
            f"{summary} (관측값 {seen}, 평소 값 {usual}, {row.score_sigma:g}시그마, {self.term(row.severity)})",
        )

    def cause(self, row: CauseRow) -> str:
        """One cause with its evidence."""
        book = for_cause(row.kind)
        proof = "; ".join(visible(text) for text in row.told("evidence", self.language)[:2])
        told = visible(row.told("change", self.language))
        names = ", ".join(map(ident, row.explains[:4]))
        if not self.ko:
            since = f", since {row.onset}" if row.onset else ""
            explains = f"; it explains {names}" if names else ""
            change = f"; change: {told}" if told else ""
            return (
                f"{book.title} at {ident(row.node)} (confidence {row.confidence:.0%}{since}): {proof}{change}{explains}"
            )
        since = f", {row.onset}부터" if row.onset else ""
        explains = f"; 함께 설명되는 대상: {names}" if names else ""
        change = f"; 최근 변경: {told}" if told else ""
        return (
            f"{ident(row.node)}: {book.title_ko} (신뢰도 {row.confidence:.0%}{since}). 근거: {proof}{change}{explains}"
        )

    def failure(self, exc: FleetError) -> str:
        """Why something could not be answered, by its kind."""
        return ko.FAILURES.get(exc.code, "분석 도중 문제가 생겼습니다")

    def reading(self, plan: Plan) -> str:
        """As what the question was understood, and which of its words spoke for that."""
        told = [_NAMED[word][self.ko] if word in _NAMED else quoted(word, 40) for word in plan.because]
        why = ", ".join(dict.fromkeys(told))
        what = self.intent(plan.intent)
        if not why:
            return self(f"understood as {what}", f"'{what}' 질문으로 이해했습니다")
        return self(f"understood as {what}, because of {why}", f"'{what}' 질문으로 이해했습니다. 근거: {why}")

    def assumptions(self, plan: Plan) -> list[str]:
        """What had to be assumed, each in one sentence."""
        out = []
        for code, *rest in plan.assumptions:
            if code == "close":
                out.append(
                    self(
                        f"Read as {self.intent(rest[0])}; {self.intent(rest[1])} was nearly as likely.",
                        f"'{self.intent(rest[0])}' 질문으로 보았습니다. '{self.intent(rest[1])}' 질문일 수도 있습니다.",
                    )
                )
            elif code == "guess":
                out.append(
                    self(
                        f"No clear question word: read as {self.intent(rest[0])}.",
                        f"무엇을 묻는지 분명하지 않아 '{self.intent(rest[0])}' 질문으로 보았습니다.",
                    )
                )
            elif code == "name":
                others = self(f" (could also be {rest[2]})", f" (다른 후보: {rest[2]})") if rest[2] else ""
                out.append(
                    self(
                        f"{ident(rest[0])} was read as {ident(rest[1])}{others}.",
                        f"{ident(rest[0])} → {ident(rest[1])} 이름으로 보았습니다{others}.",
                    )
                )
            elif code == "moves_all":
                out.append(
                    self(
                        "No share was said: all of the load moves.",
                        "비율을 말하지 않아 부하 전체를 옮기는 것으로 보았습니다.",
                    )
                )
            elif code == "no_such_name":
                out.append(
                    self(f"No server here is called {ident(rest[0])}.", f"{ident(rest[0])} 이름의 서버는 없습니다.")
                )
            elif code == "metric":
                out.append(
                    self(
                        f"No metric was named: {rest[0]} was taken.",
                        f"지표를 말하지 않아 {self.metric(rest[0])} 지표로 보았습니다.",
                    )
                )
            elif code == "clock_yesterday":
                out.append(
                    self(
                        "That clock time is still to come today (UTC): yesterday's was taken.",
                        "말한 시각이 오늘은 아직 오지 않아(UTC) 어제로 보았습니다.",
                    )
                )
            elif code == "said":
                out.append(self(rest[0], rest[1]))
        out += [
            self(f"{ident(a)} was read as {ident(b)}.", f"'{a}' → '{b}' 오타로 보았습니다.")
            for a, b in plan.corrections
        ]
        if plan.start_s is not None:
            until = "now" if plan.end_s is None else iso(plan.end_s)
            out.append(
                self(
                    f"Window: {iso(plan.start_s)} to {until} (UTC).",
                    f"구간: {iso(plan.start_s)} ~ {'현재' if plan.end_s is None else until} (UTC).",
                )
            )
        return out
