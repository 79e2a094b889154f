"""While the source is away the last good answer is given, with its age and the reason; never as if it were new."""

from __future__ import annotations

from typing import Any

import pytest
from mcp.client import Client
from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, TextContent

from openmanager_core.errors import InvalidRequest, SourceUnavailable
from openmanager_kit.answers import Answer
from openmanager_kit.earlier import LONGEST_S, MOST_KEPT, Earlier
from openmanager_kit.server import OpenManagerServer
from openmanager_kit.tools import reads, state_of


class Said(Answer):
    """An answer."""

    word: str
    count: int

    def as_text(self) -> str:
        return f"{self.word} {self.count}"


class State:
    """A source that can be away, and a clock that is moved on with each call so that nothing is kept as new."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.calls = 0

    async def moment(self) -> int:
        self.calls += 1
        return self.calls


async def say(word: str, ctx: Context) -> Said:
    """Say a word."""
    state = state_of(ctx)
    if state.error is not None:
        raise state.error
    return Said(word=word, count=state.calls)


def text_of(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def server(state: State) -> OpenManagerServer:
    return OpenManagerServer("bench", state=state, tools=[reads(say, "Say", shared=True)])


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_last_good_answer_stands_in_with_its_age_and_the_reason(mode: Any) -> None:
    state = State()
    async with Client(server(state), mode=mode) as client:
        first = await client.call_tool("say", {"word": "a"})
        assert first.structured_content == {"word": "a", "count": 1}
        state.error = SourceUnavailable("the engine is left alone by its breaker", hint="again in 9 s")
        old = await client.call_tool("say", {"word": "a"})
        assert not old.is_error and old.structured_content is not None
        assert (old.structured_content["word"], old.structured_content["count"]) == ("a", 1)
        assert old.structured_content["stale"]["age_s"] >= 0
        assert "left alone by its breaker" in old.structured_content["stale"]["reason"]
        assert "left alone by its breaker" in text_of(old) and "ago" in text_of(old) and text_of(old).endswith("a 1")
        other = await client.call_tool("say", {"word": "b"})
        assert other.is_error and "left alone" in text_of(other)
        state.error = None
        assert "stale" not in ((await client.call_tool("say", {"word": "a"})).structured_content or {})


@pytest.mark.anyio
async def test_a_wrong_question_is_refused_and_no_earlier_answer_hides_it() -> None:
    state = State()
    async with Client(server(state)) as client:
        await client.call_tool("say", {"word": "a"})
        state.error = InvalidRequest("word must be another")
        assert (await client.call_tool("say", {"word": "a"})).is_error


def result(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)])


def test_what_is_kept_is_bounded_in_number_size_and_age() -> None:
    now = 0.0
    earlier = Earlier(lambda: now)
    reason = SourceUnavailable("away")
    for number in range(MOST_KEPT + 3):
        earlier.keep(str(number), result("x"))
    assert earlier.instead("2", reason) is None and earlier.instead("3", reason) is not None
    earlier.keep("huge", result("x" * 300_000))
    assert earlier.instead("huge", reason) is None
    earlier.keep("failed", CallToolResult(content=[], is_error=True))
    assert earlier.instead("failed", reason) is None
    earlier.keep("old", result("x"))
    now = LONGEST_S + 1
    assert earlier.instead("old", reason) is None
