"""Short sentences about windows, sources and changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openmanager_core.errors import FleetError
from openmanager_core.facts import Fact, Sentence, fact
from openmanager_core.fleet import Change
from openmanager_core.text import ident, visible
from openmanager_core.timespan import iso
from openmanager_core.wording import Language, said, said_in, sentence

if TYPE_CHECKING:
    from openmanager_core.panel import Window
    from openmanager_core.source.base import SourceStatus


_STATES_KO = {"ok": "정상", "degraded": "저하", "down": "중단"}
_BREAKERS_KO = {"closed": "", "half_open": ", 차단기 시험 중", "open": ", 차단기 열림"}


def failure_note(exc: FleetError) -> Sentence:
    """A failure among the problems of an answer that is there all the same."""
    return sentence("problem.failure", kind=exc.code, message=exc.message, hint=exc.hint)


def problem_in(text: str, language: Language) -> str:
    """A problem in a language; one that is not of our making stays as it came, and is said to."""
    return said_in(text if isinstance(text, Sentence) else sentence("problem.outside", text=text), language)


def span_text(window: Window, language: Language = "en") -> str:
    """``start to end, every N s`` in UTC."""
    if language == "ko":
        return f"{iso(window.start_s)} ~ {iso(window.end_s)}({window.step_s:g}초 간격)"
    return f"{iso(window.start_s)} to {iso(window.end_s)} every {window.step_s:g} s"


def status_text(status: SourceStatus, language: Language = "en") -> str:
    """The source, its state, the newest reading, and the breaker where it is not closed; in Korean without detail."""
    if language == "ko":
        newest = "측정값 아직 없음" if status.newest_s is None else f"최신 측정값 {iso(status.newest_s)}"
        state = _STATES_KO[status.state]
        return f"{status.kind} {state}, {newest}{_BREAKERS_KO[status.breaker]}"
    newest = "no readings yet" if status.newest_s is None else f"newest reading {iso(status.newest_s)}"
    breaker = "" if status.breaker == "closed" else f", breaker {status.breaker}"
    detail = f" ({visible(status.detail)[:200]})" if status.detail else ""
    return f"{status.kind} {status.state}, {newest}{breaker}{detail}"


def chance_text(bound: Fact | None, language: Language = "en") -> str:
    """What the line of chance promises about a list of findings; empty where there is none."""
    return "" if bound is None else f"{said(bound, language)}."


def change_text(change: Change, language: Language = "en") -> str:
    """When, what, where."""
    if language == "ko":
        seen = {"kind": change.kind, "target": change.target, "description": change.description}
        return said(fact("change", at_s=change.at_s, **seen), "ko")
    return f"{iso(change.at_s)} {change.kind} of {ident(change.target)}: {visible(change.description)[:200]}"
