"""Use case of a question in words. How it is read and answered is imported by the first one that is asked."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from openmanager_local.answers.asking import AskAnswer
from openmanager_local.parameters import Bench, Explain
from openmanager_local.runbook_tools import Spoken


async def ask_fleet(
    analyst: Bench,
    question: Annotated[str, Field(description="English or Korean")],
    language: Annotated[Spoken, Field(description="Of the answer")] = "auto",
    explain: Explain = False,
) -> AskAnswer:
    """Answer a question in words: runs the right analyses, shows the plan and what was assumed."""
    from openmanager_local.asking_answers import answered

    return await answered(analyst, question, language, explain)
