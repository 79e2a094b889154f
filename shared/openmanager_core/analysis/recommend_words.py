"""A recommendation in words: a runbook's step with its blanks filled, and the reason, in English or Korean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from openmanager_core.facts import Fact, fact
from openmanager_core.findings import Recommendation
from openmanager_core.knowledge import Runbook, Step, filled, runbook
from openmanager_core.wording import Language, said


@dataclass(frozen=True, slots=True)
class Told:
    """The sentences of one recommendation."""

    action: str
    reason: str
    expected_effect: str
    verify: str


def tell(book: Runbook, step: Step, words: Mapping[str, str], reason: Fact, language: Language) -> Told:
    """The step, filled in, with its reason below the title of the runbook that was looked up."""
    ko = language == "ko"
    verify = filled((step.verify_ko if ko else "") or step.verify, words)
    if step.command:
        verify = said(fact("check.or_on_server", query=verify, command=step.command), language)
    return Told(
        action=filled(step.action_ko if ko else step.action, words),
        reason=f"{book.title_ko if ko else book.title}: {said(reason, language)}",
        expected_effect=filled(step.expected_effect_ko if ko else step.expected_effect, words),
        verify=verify,
    )


def told_in(item: Recommendation, language: Language) -> Told:
    """The recommendation in a language; one that was made by hand stays as it was written."""
    if language == "en" or item.because is None:
        return Told(item.action, item.reason, item.expected_effect, item.verify)
    home, number = item.step
    return tell(runbook(item.book), runbook(home).steps[number], dict(item.words), item.because, language)
