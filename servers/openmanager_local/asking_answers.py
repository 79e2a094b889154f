"""A question in words from reading it to its answer: run what it asks for, say it in its language, show the plan."""

from __future__ import annotations

import re

from openmanager_core.job import checkpoint, offload
from openmanager_core.knowledge.asking import plan
from openmanager_core.knowledge.asking.cues import ENGLISH, FLEET_WORDS, KOREAN
from openmanager_core.knowledge.asking.cues_wide import ENGLISH_WIDE, KOREAN_WIDE
from openmanager_core.knowledge.asking.hangul import folded
from openmanager_core.knowledge.terms import terms
from openmanager_core.text import visible
from openmanager_kit.freshness import MADE_IN
from openmanager_local.analyst import Analyst
from openmanager_local.answers.asking import AskAnswer, PassageRow
from openmanager_local.asking_runs import Run, run
from openmanager_local.asking_trail import reading_lines
from openmanager_local.asking_voice import Voice
from openmanager_local.runbook_passages import passages
from openmanager_local.runbook_tools import Spoken
from openmanager_local.trail import engine_line, line_in
from openmanager_local.words import problem_in

_MOST_PASSAGES = 3
_MOST_TRAIL = 30
_CLOSE = 0.3
"""A passage for a question that was not understood has to fit this well to be shown."""


async def answered(analyst: Analyst, question: str, language: Spoken, explain: bool) -> AskAnswer:
    """Answer a question.

    Raises
    ------
    InvalidRequest
        If it is empty or too long.
    """
    fleet = await analyst.fleet()
    now_s = await analyst.now_s()
    read = await offload(plan, question, fleet, now_s, language)
    checkpoint(0.01, f"understood as {read.intent}")
    made = Run(analyst, read, fleet, now_s, Voice(read.language), explain)
    rows: list[PassageRow] = []
    lost: list[str] = []
    if read.stage == 3 or read.intent == "runbook":
        rows, lost = await _from_runbooks(made)
    else:
        await run(made)
    return AskAnswer(
        language=read.language,
        stage=read.stage,
        intent=read.intent,
        confidence=read.confidence,
        answer=made.sentences or [made.say("Nothing was found.", "찾은 것이 없습니다.")],
        plan=[made.say.reading(read), *made.calls] if read.stage < 3 else made.calls,
        assumptions=made.say.assumptions(made.plan),
        not_understood=lost,
        alternatives=list(read.alternatives),
        passages=rows,
        trail=await _trail(made) if explain else [],
        problems=[problem_in(text, read.language) for text in made.problems[:10]],
    )


async def _from_runbooks(made: Run) -> tuple[list[PassageRow], list[str]]:
    """The closest passages; for a question that was not understood also the words that no rule knows."""
    read = made.plan
    found: list[PassageRow] = []
    if terms(read.question):
        found, _, problems = await passages(
            made.analyst, read.question[:500], read.language == "ko", _MOST_PASSAGES * 2
        )
        made.problems += problems
        made.calls.append(f"search_runbooks(query={visible(read.question)[:200]!r})")
    if read.intent == "runbook":
        if found:
            made.tell(f"Closest runbook: {found[0].title}.", f"가장 가까운 런북: {found[0].title}.")
        else:
            made.tell("No runbook fits.", "맞는 런북이 없습니다.")
        return found[:_MOST_PASSAGES], []
    close = [row for row in found if row.score >= _CLOSE]
    made.tell(
        "The question was not understood as one about this fleet. Ask about health, causes, forecasts, capacity or remedies; 'help' shows examples.",
        "서버에 관한 질문으로 이해하지 못했습니다. 상태, 원인, 예측, 용량, 조치를 물어보세요. '도움말'이라고 하면 예를 보여 드립니다.",
    )
    return close[:_MOST_PASSAGES], _not_known(read.question)


def _not_known(question: str) -> list[str]:
    """Words of the question that no cue and no word about servers accounts for."""
    text = folded(question)
    known = "|".join(pattern for _, _, pattern in (*ENGLISH, *KOREAN, *ENGLISH_WIDE, *KOREAN_WIDE)) + "|" + FLEET_WORDS
    literal = set(re.findall(r"[a-z]{3,}|[가-힣]{2,}", known))
    return [w for w in dict.fromkeys(re.findall(r"[^\W_]+", text)) if w not in literal][:12] or (
        [visible(question)[:60]] if text.strip() else []
    )


async def _trail(made: Run) -> list[str]:
    """How the question was read, what the analyses told of themselves, and the engine, in the language of the answer."""
    language = made.say.language
    engine = line_in(await engine_line(made.analyst), language)
    return [*reading_lines(made.plan, made.say), *made.trail[:_MOST_TRAIL], engine, MADE_IN[language]]
