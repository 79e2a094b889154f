"""The tools that add to chains or remove them."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from pydantic import Field

from openmanager_core.text import many
from openmanager_kit.answers import Answer
from openmanager_kit.plain import Ready
from openmanager_kit.tools import writes
from openmanager_thinking.chains import Concluded, Stored, append, conclude, delete
from openmanager_thinking.desk import NEW, TheVisit, Visit
from openmanager_thinking.parameters import ChainId, GivenChainId
from openmanager_thinking.thought import BRANCH_CHARS, Thought, checked, new_handle
from openmanager_thinking.writer import Work

_HIGHEST = 1_000_000


async def sequentialthinking(
    visit: TheVisit,
    thought: Annotated[str, Field(description="This step")],
    nextThoughtNeeded: Annotated[bool, Field(description="False only when the answer is found and checked")],  # noqa: N803
    thoughtNumber: Annotated[int, Field(ge=1, le=_HIGHEST, description="Counts from 1")],  # noqa: N803
    totalThoughts: Annotated[int, Field(ge=1, le=_HIGHEST, description="Estimate; may change")],  # noqa: N803
    isRevision: Annotated[bool, Field(description="Corrects revisesThought")] = False,  # noqa: N803
    revisesThought: Annotated[int, Field(ge=0, le=_HIGHEST, description="Number of the thought revised")] = 0,  # noqa: N803
    branchFromThought: Annotated[  # noqa: N803
        int, Field(ge=0, le=_HIGHEST, description="Number of the thought a branch begins at")
    ] = 0,
    branchId: Annotated[str, Field(max_length=BRANCH_CHARS, description="Name of the branch this is on")] = "",  # noqa: N803
    needsMoreThoughts: Annotated[bool, Field(description="The end turned out not to be one")] = False,  # noqa: N803
    chainId: Annotated[  # noqa: N803
        str, Field(max_length=60, description="From the last answer, to go on with that chain; new: another chain")
    ] = "",
) -> Ready:
    """Think through a hard problem step by step, one call per thought; each is kept.

    Revise an earlier thought, or branch from one to try an alternative; form a hypothesis, check it against the
    steps, and go on until it holds. Send the chainId of the answer with the next thought.
    """
    step = _step(
        thought,
        nextThoughtNeeded,
        thoughtNumber,
        totalThoughts,
        isRevision,
        revisesThought,
        branchFromThought,
        branchId,
        needsMoreThoughts,
    )
    return _answer(step, await _store(visit, chainId, step))


def _step(
    thought: str,
    nextThoughtNeeded: bool,  # noqa: N803
    thoughtNumber: int,  # noqa: N803
    totalThoughts: int,  # noqa: N803
    isRevision: bool,  # noqa: N803
    revisesThought: int,  # noqa: N803
    branchFromThought: int,  # noqa: N803
    branchId: str,  # noqa: N803
    needsMoreThoughts: bool,  # noqa: N803
) -> Thought:
    """Make the thought of a call, whose arguments have their names on the wire."""
    return checked(
        thought,
        number=thoughtNumber,
        total=totalThoughts,
        more=nextThoughtNeeded,
        revision=isRevision,
        revises=revisesThought,
        branch_from=branchFromThought,
        branch=branchId,
        needs_more=needsMoreThoughts,
    )


def _think_at_once(visit: Visit, chainId: str, **given: Any) -> Ready | None:  # noqa: N803
    """Do what `sequentialthinking` does if the file can be written now; otherwise nothing."""
    step = _step(**given)
    try:
        stored = visit.desk.store.write_at_once(_work(visit, _handle(visit, chainId), chainId, step))
    except Concluded:
        if not _is_own(visit, chainId):
            raise
        return None  # another chain has to begin first
    return None if stored is None else _answer(step, *stored)


def _answer(step: Thought, stored: Stored) -> Ready:
    answer: dict[str, Any] = {
        "thoughtNumber": step.number,
        "totalThoughts": step.total,
        "nextThoughtNeeded": step.more,
        "branches": stored.branches,
        "thoughtHistoryLength": stored.length,
        "chainId": stored.handle,
    }
    if stored.branch_count > len(stored.branches):
        answer["branchCount"] = stored.branch_count
    if stored.note:
        answer["note"] = stored.note
    return Ready(answer)


async def _store(visit: Visit, given: str, step: Thought) -> Stored:
    while True:
        handle = _handle(visit, given)
        try:
            return await visit.desk.store.write(_work(visit, handle, given, step))
        except Concluded:
            if not _is_own(visit, given):
                raise
            visit.desk.renew(handle)  # what was concluded is over: the next thought begins something else


def _is_own(visit: Visit, given: str) -> bool:
    return not given and not visit.over_http


def _handle(visit: Visit, given: str) -> str:
    if _is_own(visit, given):
        return visit.desk.own
    return new_handle() if given in ("", NEW) else given


def _work(visit: Visit, handle: str, given: str, step: Thought) -> Work[Stored]:
    store = visit.desk.store
    return partial(
        append,
        owner=visit.owner,
        handle=handle,
        make=given in ("", NEW),
        thought=step,
        limits=store.limits,
        now_s=store.now_s(),
    )


class Concluding(Answer):
    """A chain that has come to its end."""

    chainId: str  # noqa: N815
    thoughts: int
    confidence: float
    openQuestions: int  # noqa: N815

    def as_text(self) -> str:
        """Say it in a sentence."""
        questions = f", {many(self.openQuestions, 'open question')}" if self.openQuestions else ""
        after = f"after {many(self.thoughts, 'thought')}, confidence {self.confidence:g}{questions}"
        return f"Chain {self.chainId} is concluded {after}."


async def conclude_chain(
    visit: TheVisit,
    conclusion: Annotated[str, Field(min_length=1, max_length=20_000, description="The answer, complete in itself")],
    confidence: Annotated[float, Field(ge=0, le=1, description="How sure, 0 to 1")],
    openQuestions: Annotated[  # noqa: N803
        list[Annotated[str, Field(min_length=1, max_length=1000)]],
        Field(max_length=50, description="What is still unknown"),
    ] = [],  # noqa: B006 - never changed
    chainId: ChainId = "",  # noqa: N803
) -> Concluding:
    """Write down what a chain of thoughts came to, and close it."""
    store = visit.desk.store
    chain = await store.write(
        partial(
            conclude,
            owner=visit.owner,
            handle=visit.chain(chainId),
            text=conclusion,
            confidence=confidence,
            questions=openQuestions,
            limits=store.limits,
            now_s=store.now_s(),
        )
    )
    return Concluding(
        chainId=chain.handle, thoughts=chain.thoughts, confidence=confidence, openQuestions=len(openQuestions)
    )


class Deleting(Answer):
    """A chain that is gone."""

    chainId: str  # noqa: N815
    thoughts: int

    def as_text(self) -> str:
        """Say it in a sentence."""
        return f"Deleted chain {self.chainId} with its {many(self.thoughts, 'thought')}."


async def delete_chain(visit: TheVisit, chainId: GivenChainId) -> Deleting:  # noqa: N803
    """Delete a chain of thoughts for good."""
    chain = await visit.desk.store.write(partial(delete, owner=visit.owner, handle=chainId))
    visit.desk.renew(chainId)
    return Deleting(chainId=chain.handle, thoughts=chain.thoughts)


WRITING_TOOLS = (
    writes(sequentialthinking, "Sequential thinking", asks_nothing=True, at_once=_think_at_once),
    writes(conclude_chain, "Conclude a chain", idempotent=True, asks_nothing=True),
    writes(delete_chain, "Delete a chain", destructive=True, idempotent=True),
)
