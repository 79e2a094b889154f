"""Several servers behind one connection: names, failures, and everything that is passed on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import Client
from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp_types import Completion, PromptReference

from openmanager_core.errors import ConfigError, NotFound
from openmanager_core.job import checkpoint
from openmanager_kit.hosting.gateway import Gateway
from openmanager_kit.hosting.members import Member, gathered, retrying
from openmanager_kit.profile import load_profile
from openmanager_kit.registry import build_gateway
from openmanager_kit.server import OpenManagerServer
from openmanager_kit.tools import reads, state_of


async def which(ctx: Context) -> str:
    """Say who answers."""
    return str(state_of(ctx))


async def only_here(word: str) -> str:
    """Give the word back."""
    if word == "missing":
        raise NotFound("there is no such word", hint="another one")
    return word


async def slow(ctx: Context) -> str:
    """Report and go on."""
    await ctx.report_progress(1, 2, "half")
    checkpoint()
    return "done"


def toy(name: str, *, page: bool = False) -> OpenManagerServer:
    tools = [reads(which, "Which")] + ([reads(only_here, "Only here").formerly("here")] if name == "one" else [])
    server = OpenManagerServer(name, tools=tools, state=name, instructions=f"about {name}")
    if page:
        server.add_tool(
            slow, name=f"draw_{name}", meta={"ui": {"resourceUri": "ui://view"}, "ui/resourceUri": "ui://view"}
        )

        @server.resource("ui://view", mime_type="text/html")
        async def view() -> str:
            return f"<p>{name}</p>"

    @server.resource(f"{name}://things/{{key}}")
    async def thing(key: str) -> str:
        """A thing."""
        return f"{name} {key}"

    @server.prompt()
    def guide(topic: str) -> str:
        """Guide."""
        return f"{name} on {topic}"

    async def complete(ref: Any, argument: Any, context: Any) -> Completion:
        return Completion(values=[f"{name}-{argument.value}"])

    server.completion()(complete)  # type: ignore[no-untyped-call]
    return server


def joined(*servers: Callable[[], OpenManagerServer]) -> Gateway:
    return Gateway(gathered((str(n), build) for n, build in zip(("first-one", "second"), servers, strict=False)))


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_name_gets_its_server_in_front_only_where_two_have_it(mode: Any) -> None:
    async with Client(joined(lambda: toy("one"), lambda: toy("two")), mode=mode) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert names == ["first_one_which", "only_here", "second_which", "openmanager-status"]
        for tool, answer in (("first_one_which", "one"), ("second_which", "two")):
            assert (await client.call_tool(tool, {})).content[0].text == answer  # type: ignore[union-attr]
        assert (await client.call_tool("here", {"word": "x"})).content[0].text == "x"  # type: ignore[union-attr]
        assert {p.name for p in (await client.list_prompts()).prompts} == {"first_one_guide", "second_guide"}
        told = await client.get_prompt("second_guide", {"topic": "t"})
        assert told.messages[0].content.text == "two on t"  # type: ignore[union-attr]


@pytest.mark.anyio
async def test_a_page_is_renamed_together_with_the_tools_that_point_to_it() -> None:
    async with Client(joined(lambda: toy("one", page=True), lambda: toy("two", page=True))) as client:
        drawn = {tool.name: tool.meta for tool in (await client.list_tools()).tools if tool.name.startswith("draw")}
        assert drawn["draw_two"] == {"ui": {"resourceUri": "ui://second/view"}, "ui/resourceUri": "ui://second/view"}
        listed = {resource.uri for resource in (await client.list_resources()).resources}
        assert listed == {"ui://first-one/view", "ui://second/view"}
        read = (await client.read_resource("ui://second/view")).contents[0]
        assert read.text == "<p>two</p>" and read.uri == "ui://second/view"  # type: ignore[union-attr]


@pytest.mark.anyio
async def test_what_its_servers_can_beyond_the_protocol_the_gateway_can() -> None:
    async def extensions(*pages: bool) -> Any:
        def build(page: bool) -> OpenManagerServer:
            server = toy("one" if page else "two")
            if page:
                server._lowlevel_server.extensions["io.modelcontextprotocol/ui"] = {}
            return server

        gateway = joined(*[partial(build, page) for page in pages])
        async with Client(gateway, mode="auto") as client:
            return client.server_capabilities.extensions

    assert await extensions(False, True) == {"io.modelcontextprotocol/ui": {}} and not await extensions(False)


@pytest.mark.anyio
async def test_resources_completions_progress_and_errors_come_from_the_server_that_owns_them() -> None:
    heard: list[float] = []

    async def hear(done: float, total: float | None, message: str | None) -> None:
        heard.append(done)

    async with Client(joined(lambda: toy("one", page=True), lambda: toy("two"))) as client:
        assert (await client.read_resource("two://things/7")).contents[0].text == "two 7"  # type: ignore[union-attr]
        ref = PromptReference(name="second_guide")
        found = await client.complete(ref, {"name": "topic", "value": "a"})
        assert found.completion.values == ["two-a"]
        await client.call_tool("draw_one", {}, progress_callback=hear)
        assert heard == [1]
        refused = await client.call_tool("only_here", {"word": "missing"})
        assert refused.is_error and "there is no such word" in refused.content[0].text  # type: ignore[union-attr]
        with pytest.raises(MCPError, match="only_here"):
            await client.call_tool("only_her", {})
        with pytest.raises(MCPError, match="nowhere://x"):
            await client.read_resource("nowhere://x")


def broken() -> OpenManagerServer:
    raise ConfigError("roots: there is none")


def crashing() -> OpenManagerServer:
    raise RuntimeError("secret detail")


@pytest.mark.anyio
@pytest.mark.parametrize(("build", "why"), [(broken, "roots: there is none"), (crashing, "internal error")])
async def test_a_server_that_cannot_be_built_hides_no_other_and_its_reason_is_told(
    build: Callable[[], OpenManagerServer], why: str
) -> None:
    async with Client(joined(lambda: toy("one"), build)) as client:
        assert (await client.call_tool("which", {})).content[0].text == "one"  # type: ignore[union-attr]
        status = await client.call_tool("openmanager-status", {})
        assert status.structured_content is not None
        states = {row["name"]: row for row in status.structured_content["servers"]}
        assert states["first-one"]["state"] == "serving" and states["first-one"]["tools"] == 2
        assert states["second"]["state"] == "missing" and why in states["second"]["problem"]
        assert "secret" not in status.content[0].text  # type: ignore[union-attr]
        with pytest.raises(MCPError, match="second"):
            await client.call_tool("something_of_the_second", {})


@pytest.mark.anyio
async def test_a_missing_server_is_tried_again_and_its_tools_appear() -> None:
    attempts = 0

    def late() -> OpenManagerServer:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise ConfigError("not yet")
        return toy("two")

    gateway = joined(lambda: toy("one"), late)
    back = anyio.Event()

    async def tell(member: Member) -> None:
        gateway.renew()
        back.set()

    async with anyio.create_task_group() as group:
        group.start_soon(retrying, gateway.members[1], tell, 0.01)
        with anyio.fail_after(10):
            await back.wait()
    async with Client(gateway) as client:
        assert (await client.call_tool("second_which", {})).content[0].text == "two"  # type: ignore[union-attr]
    assert attempts == 3


@pytest.mark.anyio
async def test_every_state_is_closed_at_the_end_even_if_one_fails_to() -> None:
    closed: list[str] = []

    class State:
        def __init__(self, name: str) -> None:
            self.name = name

        async def aclose(self) -> None:
            closed.append(self.name)
            if self.name == "a":
                raise RuntimeError

    gateway = joined(*(lambda n=n: OpenManagerServer(n, state=State(n)) for n in "ab"))  # type: ignore[misc]
    async with Client(gateway) as client:
        await client.list_tools()
    assert sorted(closed) == ["a", "b"]


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_shipped_development_profile_is_one_server(tmp_path: Path, mode: Any) -> None:
    (tmp_path / "hello.txt").write_text("hi")
    profile = load_profile("development", {"roots": [str(tmp_path)], "state.home": str(tmp_path / "state")}, {})
    async with Client(build_gateway(profile), mode=mode) as client:
        tools = (await client.list_tools()).tools
        assert len({tool.name for tool in tools}) == len(tools)
        assert {"fleet_overview", "read_text_file", "git_status", "openmanager-status"} <= {t.name for t in tools}
        read = await client.call_tool("read_text_file", {"path": str(tmp_path / "hello.txt")})
        assert read.content[0].text.startswith("hi")  # type: ignore[union-attr]
        assert (await client.read_resource((tmp_path / "hello.txt").as_uri())).contents[0].text == "hi"  # type: ignore[union-attr]


@pytest.mark.anyio
@pytest.mark.filterwarnings("ignore:resources/subscribe is removed")
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_file_that_is_followed_through_the_gateway_is_told_of_when_it_changes(
    tmp_path: Path, mode: Any
) -> None:
    file = tmp_path / "watched.txt"
    file.write_text("before")
    profile = load_profile("development", {"roots": [str(tmp_path)], "state.home": str(tmp_path / "state")}, {})
    heard = anyio.Event()

    async def hear(message: Any) -> None:
        if getattr(message, "method", "") == "notifications/resources/updated":
            heard.set()

    async with Client(build_gateway(profile), mode=mode, message_handler=hear) as client:
        with anyio.fail_after(20):
            if mode == "legacy":
                await client.session.subscribe_resource(file.as_uri())
                file.write_text("after, and longer")
                await heard.wait()
            else:
                async with client.listen(resource_subscriptions=[file.as_uri()]) as changes:
                    file.write_text("after, and longer")
                    async for change in changes:
                        assert change.uri == file.as_uri()  # type: ignore[union-attr]
                        break
        with pytest.raises(MCPError, match="no server here tells of changes"):
            if mode == "legacy":
                await client.session.subscribe_resource("fleet://servers")
            else:
                async with client.listen(resource_subscriptions=["fleet://servers"]):
                    pass
