"""One call through the SDK's real client, in memory, in both protocol eras."""

from __future__ import annotations

import logging
import threading
from typing import Annotated, Any, Literal

import anyio
import pytest
from mcp import Client
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Resolve
from mcp.shared.exceptions import MCPError
from pydantic import Field

from openmanager_core.errors import NotFound
from openmanager_core.job import checkpoint, offload
from openmanager_kit.answers import Answer
from openmanager_kit.limits import Limits
from openmanager_kit.server import OpenManagerServer
from openmanager_kit.tools import reads, state_of, writes

pytestmark = pytest.mark.anyio
ERAS = ("legacy", "2026-07-28")


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Bench:
    """What the tools of these tests work on."""

    def __init__(self) -> None:
        self.closed = 0
        self.started = threading.Event()
        self.stopped = threading.Event()
        self.release = threading.Event()
        self.progress_seen = threading.Event()

    async def aclose(self) -> None:
        self.closed += 1


def this_bench(ctx: Context) -> Bench:
    bench: Bench = state_of(ctx)
    return bench


TheBench = Annotated[Bench, Resolve(this_bench)]


class Hosts(Answer):
    """Some hosts."""

    hosts: list[str]
    load_ratio: float | None

    def as_text(self) -> str:
        return f"{len(self.hosts)} hosts"


async def list_hosts(
    bench: TheBench,
    kind: Annotated[Literal["web", "db"], Field(description="Which kind")] = "web",
    limit: Annotated[int, Field(ge=1, le=500, description="Most hosts, 1 to 500")] = 10,
    min_load: Annotated[float, Field(ge=0)] = 0.0,
    names: Annotated[list[str] | None, Field(description="Only these")] = None,
) -> Hosts:
    """List hosts."""
    assert isinstance(bench, Bench)
    return Hosts(hosts=(names or [f"{kind}-{i}" for i in range(limit)]), load_ratio=min_load or None)


async def say(text: str) -> str:
    """Say it again."""
    return text


def describe(host: str) -> str:
    """Describe a host that is not there."""
    raise NotFound.named("server", host, ["web-001", "web-002"])


def crash() -> str:
    """Fail in a way that nobody foresaw."""
    raise RuntimeError("the password is hunter2")


async def work(bench: TheBench) -> str:
    """Compute in a thread until somebody lets go."""

    def compute() -> None:
        bench.started.set()
        try:
            step = 0
            while not bench.release.wait(0.005):
                step += 1
                checkpoint(min(step / 1000, 0.99), f"step {step}")
        finally:
            bench.stopped.set()

    await offload(compute)
    return "done"


def spin(bench: TheBench) -> str:
    """Be busy in a thread of the server until somebody lets go."""
    bench.started.set()
    while not bench.release.wait(0.005):
        checkpoint()
    return "done"


def wipe() -> str:
    """Remove everything."""
    return "gone"


TOOLS = (
    reads(list_hosts, "List hosts").formerly("show_hosts"),
    reads(say, "Say"),
    reads(describe, "Describe"),
    reads(crash, "Crash"),
    reads(work, "Work", deadline_s=20),
    reads(spin, "Spin", deadline_s=20),
    writes(wipe, "Wipe", destructive=True),
)


def build(bench: Bench | None = None, **options: Any) -> OpenManagerServer:
    return OpenManagerServer("bench", state=bench or Bench(), tools=TOOLS, version="1", **options)


def text_of(result: Any) -> str:
    return "\n".join(block.text for block in result.content)


async def refused(era: str, tool: str, arguments: dict[str, Any]) -> str:
    async with Client(build(), mode=era) as client:
        result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert result.structured_content is None
    return text_of(result)


async def test_an_answer_goes_out_once_as_text_and_once_as_data(era: str) -> None:
    async with Client(build(), mode=era) as client:
        result = await client.call_tool("list_hosts", {"kind": "db", "limit": 2})
    assert text_of(result) == "2 hosts"
    assert result.structured_content == {"hosts": ["db-0", "db-1"], "load_ratio": None}


async def test_a_text_goes_out_as_text_alone(era: str) -> None:
    async with Client(build(), mode=era) as client:
        result = await client.call_tool("say", {"text": "가나다\u2028"})
    assert text_of(result) == "가나다\u2028"
    assert result.structured_content is None


async def test_a_former_name_still_works_but_is_not_listed(era: str) -> None:
    async with Client(build(), mode=era) as client:
        assert "show_hosts" not in [tool.name for tool in (await client.list_tools()).tools]
        assert not (await client.call_tool("show_hosts", {"limit": 1})).is_error


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"limt": 3}, "invalid_request: unknown argument 'limt'. Try: limit; the arguments are kind, limit, "),
        ({"limit": 0}, "limit must be between 1 and 500, got 0. Try: give limit as described: Most hosts, 1 to 500."),
        ({"limit": True}, "limit must be a whole number, got true"),
        ({"limit": 2.5}, "limit must be a whole number, got 2.5"),
        ({"limit": "ten"}, "limit must be a whole number, got 'ten'"),
        ({"kind": "x\n\u202ey"}, "kind must be one of 'web' or 'db', got 'x\\n\\u202ey'"),
        ({"min_load": "nan"}, "min_load must be a number, got 'nan'"),
        ({"min_load": "1e999"}, "min_load must be a finite number, got inf"),
        ({"min_load": -1}, "min_load must be at least 0, got -1"),
        ({"names": "web-1"}, "names must be a list, got 'web-1'"),
        ({"names": [1]}, "names[0] must be text, got 1"),
        ({"names": "z" * 5000}, "... (5002 characters)"),
    ],
)
async def test_a_wrong_argument_is_refused_in_words(era: str, arguments: dict[str, Any], said: str) -> None:
    text = await refused(era, "list_hosts", arguments)
    assert said in text
    assert "pydantic" not in text
    assert len(text) < 400


async def test_a_missing_argument_is_named(era: str) -> None:
    assert await refused(era, "say", {}) == "invalid_request: text is required."


@pytest.mark.parametrize(
    "arguments",
    [{"limit": "3"}, {"limit": 3.0}, {"limit": " 3 "}, {"names": '["a","b","c"]'}, {"names": None, "limit": 3}],
)
async def test_what_loses_nothing_is_accepted(era: str, arguments: dict[str, Any]) -> None:
    async with Client(build(), mode=era) as client:
        result = await client.call_tool("list_hosts", arguments)
    assert text_of(result) == "3 hosts"


async def test_a_domain_error_arrives_word_for_word(era: str) -> None:
    text = await refused(era, "describe", {"host": "web-01"})
    assert text == "not_found: server 'web-01' does not exist. Try: one of the nearest names: web-001, web-002."


async def test_a_crash_arrives_as_an_id_and_stays_in_the_log(era: str, caplog: pytest.LogCaptureFixture) -> None:
    text = await refused(era, "crash", {})
    assert text.startswith("internal error, id ")
    assert "hunter2" not in text
    record = next(record for record in caplog.records if record.levelno == logging.ERROR)
    assert text.split()[3].rstrip(".") in record.getMessage()
    assert record.exc_info is not None


async def test_an_unknown_tool_is_a_protocol_error_that_names_the_nearest(era: str) -> None:
    async with Client(build(), mode=era) as client:
        with pytest.raises(MCPError) as caught:
            await client.call_tool("list_host", {})
    assert caught.value.error.code == -32602
    assert "did you mean list_hosts" in caught.value.error.message


async def test_a_call_that_takes_too_long_is_stopped_with_its_thread(era: str) -> None:
    bench = Bench()
    server = OpenManagerServer("bench", state=bench, tools=[reads(work, "Work", deadline_s=0.2)])
    async with Client(server, mode=era) as client:
        result = await client.call_tool("work", {})
    assert result.is_error
    assert text_of(result).startswith("deadline_exceeded: work did not finish within 0.2 s and was stopped.")
    assert await anyio.to_thread.run_sync(bench.stopped.wait, 10)


async def test_progress_from_a_thread_reaches_the_client_in_rising_order(era: str) -> None:
    bench, seen = Bench(), []

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total, message))
        if len(seen) >= 3:
            bench.release.set()

    async with Client(build(bench), mode=era) as client:
        result = await client.call_tool("work", {}, progress_callback=heard)
    assert text_of(result) == "done"
    assert [entry[0] for entry in seen] == sorted({entry[0] for entry in seen})
    assert all(total == 1.0 and str(message).startswith("step ") for _, total, message in seen)


async def test_cancelling_a_call_stops_its_thread(era: str) -> None:
    bench = Bench()
    async with Client(build(bench), mode=era) as client, anyio.create_task_group() as group:
        group.start_soon(client.call_tool, "work", {})
        assert await anyio.to_thread.run_sync(bench.started.wait, 10)
        group.cancel_scope.cancel()
    assert await anyio.to_thread.run_sync(bench.stopped.wait, 10)
    assert not bench.release.is_set()


@pytest.mark.parametrize("tool", ["work", "spin"])
async def test_sixty_busy_calls_do_not_freeze_another_tool(era: str, tool: str) -> None:
    bench = Bench()
    async with Client(build(bench), mode=era) as client, anyio.create_task_group() as group:
        for _ in range(60):
            group.start_soon(client.call_tool, tool, {})
        assert await anyio.to_thread.run_sync(bench.started.wait, 10)
        for _ in range(5):
            assert text_of(await client.call_tool("say", {"text": "here"})) == "here"
        sync = await client.call_tool("describe", {"host": "x"})
        assert text_of(sync).startswith("not_found")
        assert not bench.release.is_set()
        bench.release.set()


async def test_more_waiting_calls_than_allowed_are_told_to_come_back(era: str) -> None:
    bench, answers = Bench(), []

    async def call(client: Client) -> None:
        answers.append(await client.call_tool("work", {}))
        if len(answers) == 1:
            bench.release.set()

    server = build(bench, limits=Limits(calls_per_tool=1, waiting=1))
    async with Client(server, mode=era) as client, anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(call, client)
    assert text_of(answers[0]) == "busy: 1 calls are waiting already. Try: again in a few seconds."
    assert [text_of(answer) for answer in answers[1:]] == ["done", "done"]


async def test_where_nothing_may_wait_a_free_tool_is_served(era: str) -> None:
    async with Client(build(limits=Limits(waiting=0)), mode=era) as client:
        assert text_of(await client.call_tool("say", {"text": "here"})) == "here"


async def test_lists_come_in_pages_with_a_cursor(era: str) -> None:
    async with Client(build(page_size=3), mode=era) as client:
        names, cursor = [], None
        while True:
            page = await client.list_tools(cursor=cursor)
            assert len(page.tools) <= 3
            names += [tool.name for tool in page.tools]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert names == [tool.name for tool in TOOLS]
        with pytest.raises(MCPError, match="cursor is not one that this server gave out"):
            await client.list_tools(cursor="nonsense")


async def test_a_read_only_server_has_no_tool_that_writes(era: str) -> None:
    async with Client(build(read_only=True), mode=era) as client:
        assert "wipe" not in [tool.name for tool in (await client.list_tools()).tools]
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("wipe", {})


async def test_the_state_is_closed_when_the_server_ends(era: str) -> None:
    bench = Bench()
    async with Client(build(bench), mode=era) as client:
        await client.list_tools()
        assert bench.closed == 0
    assert bench.closed == 1


async def test_a_tool_can_be_called_from_python_without_a_client() -> None:
    result = await build().call_tool("list_hosts", {"limit": 1})
    assert result.structured_content == {"hosts": ["web-0"], "load_ratio": None}  # type: ignore[union-attr]


async def test_an_answer_that_is_far_too_large_is_refused(era: str) -> None:
    async with Client(build(limits=Limits(answer_chars=100)), mode=era) as client:
        result = await client.call_tool("say", {"text": "x" * 101})
    assert text_of(result).startswith("answer_too_large: the answer has 101 characters, the most is 100.")


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="has a tool named say already"):
        OpenManagerServer("twice", tools=[reads(say, "Say"), reads(say, "Say")])
