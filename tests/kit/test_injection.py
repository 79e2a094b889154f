"""Parameters that the server fills in: cheaply where it can, the SDK's way where it must."""

from __future__ import annotations

import threading
from typing import Annotated, Any

import anyio
import pytest
from mcp import Client
from mcp.server.apps import Apps
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Elicit, Resolve
from mcp_types import ElicitResult
from pydantic import BaseModel

from openmanager_core.job import checkpoint, offload
from openmanager_kit.progress import Progress
from openmanager_kit.server import OpenManagerServer
from openmanager_kit.tools import Tool, reads, state_of, writes

pytestmark = pytest.mark.anyio
ERAS = ("legacy", "2026-07-28")


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Confirmation(BaseModel):
    """What the user is asked for."""

    sure: bool


def plain(ctx: Context) -> str:
    return f"{state_of(ctx)} on {threading.current_thread().name}"


def nothing() -> int:
    return 7


async def later(ctx: Context) -> str:
    await anyio.lowlevel.checkpoint()
    return f"later {state_of(ctx)}"


def by_argument(host: str, before: Annotated[str, Resolve(later)]) -> str:
    return f"{host} after {before}"


def ask(ctx: Context) -> Elicit[Confirmation]:
    return Elicit("Really?", Confirmation)


async def simple(value: Annotated[str, Resolve(plain)], number: Annotated[int, Resolve(nothing)], ctx: Context) -> str:
    """Take what plain functions give."""
    assert state_of(ctx) == "state"
    return f"{value} {number}"


async def nested(host: str, value: Annotated[str, Resolve(by_argument)]) -> str:
    """Take what depends on an argument and on another resolver."""
    return value


async def asking(answer: Annotated[Confirmation, Resolve(ask)]) -> str:
    """Take what the user says."""
    return f"sure: {answer.sure}"


def build() -> OpenManagerServer:
    tools = [reads(simple, "Simple"), reads(nested, "Nested"), reads(asking, "Asking")]
    return OpenManagerServer("injecting", state="state", tools=tools)


async def said(era: str, tool: str, **arguments: Any) -> str:
    async def yes(context: Any, params: Any) -> ElicitResult:
        return ElicitResult(action="accept", content={"sure": True})

    async with Client(build(), mode=era, elicitation_callback=yes) as client:
        result = await client.call_tool(tool, arguments)
    return str(result.content[0].text)  # type: ignore[union-attr]


async def test_a_plain_function_of_the_context_runs_inline(era: str) -> None:
    assert await said(era, "simple") == "state on MainThread 7"


async def test_resolvers_may_depend_on_arguments_and_on_each_other(era: str) -> None:
    assert await said(era, "nested", host="web-001") == "web-001 after later state"


async def test_a_resolver_may_ask_the_user(era: str) -> None:
    assert await said(era, "asking") == "sure: True"


async def test_injected_parameters_are_invisible_and_cannot_be_given(era: str) -> None:
    async with Client(build(), mode=era) as client:
        listed = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
        assert listed["simple"] == {"type": "object", "properties": {}}
        assert list(listed["nested"]["properties"]) == ["host"]
        result = await client.call_tool("simple", {"value": "mine"})
    assert result.is_error
    assert "unknown argument 'value'. Try: this tool takes no arguments." in result.content[0].text  # type: ignore[union-attr]


async def test_extensions_of_the_sdk_add_their_tools() -> None:
    apps = Apps()

    @apps.tool(resource_uri="ui://bench/view")
    async def view() -> str:
        """Show a view."""
        return "text"

    apps.add_html_resource("ui://bench/view", "<!doctype html><title>x</title>")
    server = OpenManagerServer("with-apps", extensions=[apps])
    async with Client(server, mode="auto") as client:
        [tool] = (await client.list_tools()).tools
        assert tool.meta is not None
        assert "ui://bench/view" in str(tool.meta)
        assert not (await client.call_tool("view", {})).is_error


def test_a_tool_says_what_it_may_do() -> None:
    async def change() -> str:
        """Change something.

        With care.
        """
        return ""

    tool = writes(change, "Change", destructive=True, deadline_s=5)
    assert (tool.name, tool.title, tool.description) == ("change", "Change", "Change something.\n\nWith care.")
    assert (tool.read_only, tool.destructive, tool.idempotent, tool.deadline_s) == (False, True, False, 5)
    assert reads(change, "Change").idempotent
    assert tool.formerly("alter", "modify").aliases == ("alter", "modify")
    assert tool == writes(change, "Change", destructive=True, deadline_s=5)


def test_a_tool_without_a_docstring_or_time_is_refused() -> None:
    def silent() -> None: ...

    with pytest.raises(ValueError, match="tool silent has no docstring"):
        reads(silent, "Silent")
    with pytest.raises(ValueError, match="deadline_s of tool x must be above 0, got 0"):
        Tool(fn=silent, name="x", title="X", description="x", read_only=True, deadline_s=0)


async def test_progress_is_paced_and_only_the_newest_is_sent() -> None:
    sent: list[tuple[float, float | None, str | None]] = []
    enough = anyio.Event()

    async def send(done: float, total: float | None, note: str | None) -> None:
        sent.append((done, total, note))
        if done == 1.0:
            enough.set()

    progress = Progress(send, interval_s=0.01)
    for step in range(1001):
        progress.report(step / 1000, str(step))
    with anyio.fail_after(10):
        await enough.wait()
    assert sent == [(1.0, 1.0, "1000")]
    progress.report(0.5, "back")
    progress.stop()
    progress.report(2.0, "after the end")
    await anyio.sleep(0.05)
    assert len(sent) == 1


async def test_a_deadline_inside_the_tool_is_not_taken_for_the_calls_own(era: str) -> None:
    async def impatient() -> str:
        """Give up by itself."""
        with anyio.fail_after(0.01):
            await anyio.sleep(10)
        return ""

    server = OpenManagerServer("impatient", tools=[reads(impatient, "Impatient")])
    async with Client(server, mode=era) as client:
        result = await client.call_tool("impatient", {})
    assert result.content[0].text.startswith("internal error")  # type: ignore[union-attr]


async def test_threads_that_nobody_waits_for_stop_when_the_call_is_over() -> None:
    stopped = threading.Event()

    async def hasty() -> str:
        """Leave before the thread is done."""

        def compute() -> None:
            try:
                while True:
                    checkpoint()
                    threading.Event().wait(0.005)
            finally:
                stopped.set()

        with anyio.move_on_after(0.05):
            await offload(compute)
        return "left"

    server = OpenManagerServer("hasty", tools=[reads(hasty, "Hasty")])
    async with Client(server, mode="2026-07-28") as client:
        assert not (await client.call_tool("hasty", {})).is_error
    assert await anyio.to_thread.run_sync(stopped.wait, 10)
