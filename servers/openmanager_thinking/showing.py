"""A chain as its page draws it: what came after a thought, with what follows what; alone, where the chain stands."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from mcp_types import CallToolResult, TextContent
from pydantic import Field

from openmanager_core.job import checkpoint
from openmanager_core.text import many, quoted
from openmanager_kit.answers import MAX_CHARS
from openmanager_kit.apps.pages import Page
from openmanager_thinking.desk import TheVisit
from openmanager_thinking.limits import LONGEST_THOUGHT
from openmanager_thinking.lookups import Chain, Conclusion, Kept, conclusion_of, need_chain, thoughts_of
from openmanager_thinking.parameters import ChainId, MaxChars
from openmanager_thinking.rendering import entry_of

if TYPE_CHECKING:
    import sqlite3

THE_LAST = -1
_FACTS_CHARS = 340
_TITLE_CHARS = 60
_QUESTION_CHARS, _QUESTIONS = 200, 20

TREE = Page(
    uri="ui://thinking/tree",
    title="Chain of thoughts",
    description="A chain of thoughts as a tree that grows while its thoughts come",
    parts=Path(__file__).parent / "pages",
    name="tree",
)


async def show_chain(
    visit: TheVisit,
    chainId: ChainId = "",  # noqa: N803
    after: Annotated[int, Field(ge=-1, description="Only thoughts after this seq; -1: the last ones")] = THE_LAST,
    limit: Annotated[int, Field(ge=1, le=1000, description="Most thoughts")] = 5,
    thought_chars: Annotated[int, Field(ge=20, le=LONGEST_THOUGHT, description="Cut each thought to this")] = 300,
    max_chars: MaxChars = MAX_CHARS,
) -> CallToolResult:
    """Show the user a chain as a live tree, where the client draws pages; answers with its state and last thoughts."""
    handle = visit.chain(chainId)

    def read(db: sqlite3.Connection) -> _Shown:
        chain = need_chain(db, visit.owner, handle)
        begin = max(chain.thoughts - limit, 0) if after == THE_LAST else after
        shown = _Shown(chain, begin, max_chars, thought_chars)
        shown.conclude(conclusion_of(db, chain))
        shown.take(thoughts_of(db, chain, begin + 1, None), limit)
        return shown

    return (await visit.desk.store.read(read)).result()


@dataclass
class _Shown:
    """Rows that fit, as text and as JSON; the state of the chain always does."""

    chain: Chain
    begin: int
    max_chars: int
    thought_chars: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    conclusion: dict[str, Any] | None = None
    said_of_it: str = ""
    used: int = _FACTS_CHARS + 6 * _TITLE_CHARS

    def conclude(self, conclusion: Conclusion | None) -> None:
        """Add what the chain came to; the least room for thoughts is kept."""
        if conclusion is None:
            return
        chars = self.thought_chars
        while True:
            self.conclusion, self.said_of_it = _conclusion(self.chain, conclusion, chars)
            size = max(len(_json(self.conclusion)), len(self.said_of_it))
            if size <= (self.max_chars - self.used) // 2 or not chars:
                break
            chars //= 2
        self.used += size

    def take(self, thoughts: Iterable[Kept], limit: int) -> None:
        """Add thoughts until there is no room; one that is too long alone is cut further."""
        for kept in thoughts:
            checkpoint()
            if len(self.rows) == limit:
                return
            chars = self.thought_chars
            while True:
                row, line = _row(kept, chars)
                size = max(len(_json(row)), len(line)) + 1
                if self.used + size <= self.max_chars or self.rows or not chars:
                    break
                chars //= 2
            if self.used + size > self.max_chars and self.rows:
                return
            self.rows.append(row)
            self.lines.append(line)
            self.used += size

    def result(self) -> CallToolResult:
        """Say it twice: in words, and for the page."""
        chain = self.chain
        last = self.rows[-1]["seq"] if self.rows else min(self.begin, chain.thoughts)
        more = last < chain.thoughts
        answer: dict[str, Any] = {
            "chainId": chain.handle,
            "title": chain.title[:_TITLE_CHARS],
            "open": bool(chain.open),
            "thoughtHistoryLength": chain.thoughts,
            "branchCount": chain.branches,
            "thoughts": self.rows,
            "conclusion": self.conclusion,
            "lastSeq": last,
            "more": more,
        }
        state = "open" if chain.open else "concluded"
        head = (
            f"Chain {chain.handle} {quoted(chain.title, _TITLE_CHARS)}: {state}, {many(chain.thoughts, 'thought')}, "
            f"{many(chain.branches, 'branch')}."
        )
        facts = f"[after={last} " + ("goes on]" if more else "shows what comes next]")
        parts = [head, *self.lines, self.said_of_it, facts]
        text = "\n".join(part for part in parts if part)
        return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=answer)


def _row(kept: Kept, chars: int) -> tuple[dict[str, Any], str]:
    entry = entry_of(kept)
    row: dict[str, Any] = {"seq": kept.seq, "parentSeq": kept.parent_seq}
    line = f"- #{kept.seq}" + (f" after #{kept.parent_seq}" if kept.parent_seq else "")
    if kept.revises_seq:
        row["revisesSeq"] = kept.revises_seq
    row |= {**entry.fields, "thought": kept.text[:chars]}
    line += f", {entry.heading}" + (f" (#{kept.revises_seq})" if kept.revises_seq else "")
    if len(kept.text) > chars:
        row["chars"] = len(kept.text)
    return row, f"{line}: {quoted(kept.text, chars)}"


def _conclusion(chain: Chain, conclusion: Conclusion, chars: int) -> tuple[dict[str, Any], str]:
    questions = conclusion.questions[: _QUESTIONS if chars else 0]
    made: dict[str, Any] = {
        "text": conclusion.text[:chars],
        "confidence": conclusion.confidence,
        "openQuestions": [question[: min(chars, _QUESTION_CHARS)] for question in questions],
        "openQuestionCount": len(conclusion.questions),
    }
    said = "Earlier conclusion, before more thoughts came" if chain.open else "Conclusion"
    said += f", confidence {conclusion.confidence:g}, {many(len(conclusion.questions), 'open question')}"
    said += f": {quoted(conclusion.text, chars)}"
    if len(conclusion.text) > chars:
        made["chars"] = len(conclusion.text)
    asked = "".join(f"\n- open: {quoted(question, _QUESTION_CHARS)}" for question in made["openQuestions"])
    return made, said + asked


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
