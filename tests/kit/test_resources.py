"""Resources, prompts and completions: domain errors keep their words, crashes get an id."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from mcp import Client
from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp_types import Completion, PromptReference

from openmanager_core.errors import NotFound, SourceUnavailable
from openmanager_kit.server import OpenManagerServer
from openmanager_kit.tools import state_of

pytestmark = pytest.mark.anyio
ERAS = ("legacy", "2026-07-28")


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def build(**options: Any) -> OpenManagerServer:
    server = OpenManagerServer("bench", state={"web-001": "fine"}, **options)

    @server.resource("fleet://servers", mime_type="text/plain")
    async def servers() -> str:
        return ", ".join(server.state)

    @server.resource("fleet://servers/{name}", mime_type="text/plain")
    async def one(name: str, ctx: Context) -> str:
        known = state_of(ctx)
        if name == "away":
            raise SourceUnavailable("the source is away", hint="again later")
        if name == "crash":
            raise RuntimeError("the password is hunter2")
        if name not in known:
            raise NotFound.named("server", name, known)
        return str(known[name])

    @server.resource("fleet://broken")
    async def broken() -> str:
        raise RuntimeError("the password is hunter2")

    @server.prompt()
    async def triage(host: str, depth: str = "short") -> str:
        """Look at a host."""
        if host == "crash":
            raise RuntimeError("the password is hunter2")
        if host == "gone":
            raise NotFound.named("server", host, ["web-001"])
        return f"Look at {host}, {depth}."

    @server.completion()
    async def complete(ref: Any, argument: Any, context: Any) -> Completion:
        if argument.value == "crash":
            raise RuntimeError("the password is hunter2")
        if argument.value == "away":
            raise SourceUnavailable("the source is away", hint="again later")
        return Completion(values=[name for name in server.state if name.startswith(argument.value)])

    return server


async def failure(era: str, uri: str) -> MCPError:
    async with Client(build(), mode=era) as client:
        with pytest.raises(MCPError) as caught:
            await client.read_resource(uri)
    return caught.value


async def test_resources_and_templates_are_read_with_the_state(era: str) -> None:
    async with Client(build(), mode=era) as client:
        assert (await client.read_resource("fleet://servers")).contents[0].text == "web-001"  # type: ignore[union-attr]
        assert (await client.read_resource("fleet://servers/web-001")).contents[0].text == "fine"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("uri", "code", "said"),
    [
        ("fleet://servers/web-01", -32602, "not_found: server 'web-01' does not exist. Try: one of the nearest names"),
        ("fleet://nowhere", -32602, "Unknown resource"),
        ("fleet://servers/away", -32603, "source_unavailable: the source is away. Try: again later."),
    ],
)
async def test_a_failure_to_read_says_why(era: str, uri: str, code: int, said: str) -> None:
    error = (await failure(era, uri)).error
    assert error.code == code
    assert error.message.startswith(said)
    assert error.data == {"uri": uri}


@pytest.mark.parametrize("uri", ["fleet://servers/crash", "fleet://broken"])
async def test_a_crash_while_reading_is_an_id(era: str, uri: str, caplog: pytest.LogCaptureFixture) -> None:
    error = (await failure(era, uri)).error
    assert error.message.startswith("internal error, id ")
    assert "hunter2" not in error.message
    assert any(error.message.split()[3].rstrip(".") in record.getMessage() for record in caplog.records)


async def test_a_prompt_is_rendered(era: str) -> None:
    async with Client(build(), mode=era) as client:
        result = await client.get_prompt("triage", {"host": "web-001"})
    assert result.messages[0].content.text == "Look at web-001, short."  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "arguments", "code", "said"),
    [
        ("triag", {}, -32602, "Unknown prompt: 'triag'; there are: triage"),
        ("triage", {}, -32602, "Prompt triage misses host; its arguments: host, depth"),
        (
            "triage",
            {"host": "a", "hots": "b"},
            -32602,
            "Prompt triage does not take 'hots'; its arguments: host, depth",
        ),
        ("triage", {"host": "gone"}, -32602, "not_found: server 'gone' does not exist"),
        ("triage", {"host": "crash"}, -32603, "internal error, id "),
    ],
)
async def test_a_prompt_that_cannot_be_rendered_says_why(
    era: str, name: str, arguments: dict[str, str], code: int, said: str
) -> None:
    async with Client(build(), mode=era) as client:
        with pytest.raises(MCPError) as caught:
            await client.get_prompt(name, arguments)
    assert caught.value.error.code == code
    assert caught.value.error.message.startswith(said)
    assert "hunter2" not in caught.value.error.message


async def test_completions_work(era: str) -> None:
    async with Client(build(), mode=era) as client:
        result = await client.complete(
            PromptReference(type="ref/prompt", name="triage"), {"name": "host", "value": "w"}
        )
    assert result.completion.values == ["web-001"]


@pytest.mark.parametrize(
    ("value", "code", "said"),
    [
        ("away", -32602, "source_unavailable: the source is away. Try: again later."),
        ("crash", -32603, "internal error, id "),
    ],
)
async def test_a_completion_that_fails_says_why(era: str, value: str, code: int, said: str) -> None:
    async with Client(build(), mode=era) as client:
        with pytest.raises(MCPError) as caught:
            await client.complete(PromptReference(type="ref/prompt", name="triage"), {"name": "host", "value": value})
    assert caught.value.error.code == code
    assert caught.value.error.message.startswith(said)


async def test_lists_say_how_long_they_keep(era: str) -> None:
    async with Client(build(), mode=era) as client:
        listed = await client.list_resources()
    if era != "legacy":
        assert listed.ttl_ms == 300_000
        assert listed.cache_scope == "private"


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_instructions_reach_the_client(mode: str) -> None:
    async with Client(build(instructions="Ask me."), mode=mode) as client:
        assert client.instructions == "Ask me."


async def test_every_list_comes_in_pages(era: str) -> None:
    async with Client(build(page_size=1), mode=era) as client:
        first = await client.list_resources()
        assert first.next_cursor is not None
        second = await client.list_resources(cursor=first.next_cursor)
        assert {str(first.resources[0].uri), str(second.resources[0].uri)} == {"fleet://servers", "fleet://broken"}
        assert (await client.list_prompts()).next_cursor is None
        with pytest.raises(MCPError, match="belongs to a request with other arguments"):
            await client.list_prompts(cursor=first.next_cursor)


def test_building_a_server_leaves_logging_as_it_was() -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    build()
    assert (list(root.handlers), root.level) == before
