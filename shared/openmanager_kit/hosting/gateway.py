"""All servers of a profile behind one connection: one process for a client to start instead of six.

A call goes to the server that owns the tool, with its own limits and state, and a name gets the server's name in
front only where two servers have it. A server that cannot be built hides no other: its tools are missing from the
list, `openmanager-status` says why, and it is tried again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import anyio
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import MCPServer
from mcp.server.subscriptions import InMemorySubscriptionBus, ServerEvent
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    GetPromptRequestParams,
    GetPromptResult,
    InputRequiredResult,
    Prompt,
    PromptReference,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
)
from mcp_types import Tool as ListedTool

from openmanager_core.errors import NotFound
from openmanager_kit import failures
from openmanager_kit.arguments import shown
from openmanager_kit.following import Followable, Tell, serve_subscriptions
from openmanager_kit.hosting.members import Member, retrying
from openmanager_kit.hosting.renaming import joined_name, with_ui_addresses
from openmanager_kit.hosting.status_tool import STATUS
from openmanager_kit.limits import Limits
from openmanager_kit.schemas import Schema
from openmanager_kit.server import OpenManagerServer

_CLOSE_S = 0.5
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Route:
    """Where a name that clients see leads."""

    server: OpenManagerServer
    name: str


class _JoinedBus(InMemorySubscriptionBus):
    """Hears what every member publishes, those too that come later."""

    def __init__(self, members: Sequence[Member]) -> None:
        super().__init__()
        self._members = members

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        own = super().subscribe(listener)
        others = [m.server._subscriptions.subscribe(listener) for m in self._members if m.server is not None]

        def unsubscribe() -> None:
            for stop in (own, *others):
                stop()

        return unsubscribe


class _Routed:
    """Lets the owner of an address look at it."""

    def __init__(self, owner: Callable[[str], _Route | None]) -> None:
        self._owner = owner
        self._held: dict[object, Followable] = {}

    async def look(self, uri: str, ctx: ServerRequestContext[Any, Any], tell: Tell) -> tuple[Followable, Any]:
        route = self._owner(uri)
        followable = None if route is None else route.server.followable
        if route is None or followable is None:
            raise NotFound(f"no server here tells of changes of {shown(uri)}", hint="resources/templates/list")
        return followable, await followable.look(route.name, ctx, tell)

    def hold(self, key: object, followed: tuple[Followable, Any]) -> None:
        self._held[key] = followed[0]
        followed[0].hold(key, followed[1])

    def release(self, key: object) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            held.release(key)


class Gateway(OpenManagerServer):
    """The servers of a profile as one.

    Parameters
    ----------
    members
        In the order in which their tools are listed; one without a server is missing, with its reason.
    """

    def __init__(self, members: Sequence[Member], *, name: str = "openmanager", limits: Limits | None = None) -> None:
        self.members = tuple(members)
        self._tools: dict[str, _Route] = {}
        self._listed_tools: list[ListedTool] = []
        self._prompts: dict[str, _Route] = {}
        self._addresses: dict[str, _Route] = {}
        super().__init__(
            name,
            title="OpenManager",
            instructions=_instructions(self.members),
            tools=(STATUS,),
            state=self,
            limits=limits,
            outlines=False,
            lifespan=_life,
            subscriptions=_JoinedBus(self.members),
        )
        low = self._lowlevel_server
        low.add_request_handler("completion/complete", CompleteRequestParams, self._handle_complete)
        serve_subscriptions(self, _Routed(self.owner))
        self.renew()

    # -- what there is ---------------------------------------------------------------------------------------

    def renew(self) -> None:
        """Make the lists anew, after a member has come or gone."""
        serving = [member for member in self.members if member.server is not None]
        taken = Counter(tool for member in serving for tool in member.tool_names())
        prompts = Counter(prompt for member in serving for prompt in member.prompt_names())
        uis = Counter(address for member in serving for address in member.ui_addresses())
        self._tools, self._prompts, self._addresses, self._listed_tools = {}, {}, {}, []
        for member in serving:
            server = member.need()
            for extension, said in server._lowlevel_server.extensions.items():
                self._lowlevel_server.extensions.setdefault(extension, said)
            for address in member.ui_addresses():
                renamed = joined_name(member.name, address) if uis[address] > 1 else address
                self._addresses[renamed] = _Route(server, address)
            own = {route.name: renamed for renamed, route in self._addresses.items() if route.server is server}
            for tool in member.listed_tools():
                name = joined_name(member.name, tool.name) if taken[tool.name] > 1 else tool.name
                self._tools[name] = _Route(server, tool.name)
                self._listed_tools.append(with_ui_addresses(tool.model_copy(update={"name": name}), own))
            for prompt in member.prompt_names():
                name = joined_name(member.name, prompt) if prompts[prompt] > 1 else prompt
                self._prompts[name] = _Route(server, prompt)
        for member in serving:
            for alias in member.aliases():
                self._tools.setdefault(alias, _Route(member.need(), alias))

    async def list_tools(self) -> list[ListedTool]:
        """List the tools of every member, then our own."""
        return [*self._listed_tools, *await super().list_tools()]

    async def list_prompts(self) -> list[Prompt]:
        """List the prompts of every member under the names by which they are asked for here."""
        found: list[Prompt] = []
        for server, wanted in self._by_server(self._prompts):
            named = {prompt.name: prompt for prompt in await server.list_prompts()}
            found += [named[route.name].model_copy(update={"name": name}) for name, route in wanted]
        return found

    async def list_resources(self) -> list[Resource]:
        """List the resources of every member; of two with one address the first member's."""
        renamed = {(id(route.server), route.name): name for name, route in self._addresses.items()}
        found: dict[str, Resource] = {}
        for server in self._servers():
            for resource in await server.list_resources():
                address = renamed.get((id(server), resource.uri), resource.uri)
                found.setdefault(address, resource.model_copy(update={"uri": address}))
        return list(found.values())

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        """List the templates of every member; of two with one address the first member's."""
        found: dict[str, ResourceTemplate] = {}
        for server in self._servers():
            for template in await server.list_resource_templates():
                found.setdefault(template.uri_template, template)
        return list(found.values())

    def _servers(self) -> list[OpenManagerServer]:
        return [member.server for member in self.members if member.server is not None]

    def _by_server(self, routes: dict[str, _Route]) -> Iterable[tuple[OpenManagerServer, list[tuple[str, _Route]]]]:
        for server in self._servers():
            yield server, [(name, route) for name, route in routes.items() if route.server is server]

    def _tool_input_schema(self, name: str) -> Schema | None:
        route = self._tools.get(name)
        return super()._tool_input_schema(name) if route is None else route.server._tool_input_schema(route.name)

    def _hidden(self, name: str) -> bool:
        route = self._tools.get(name)
        return super()._hidden(name) if route is None else route.server._hidden(route.name)

    def asking_nothing(self, name: str) -> tuple[OpenManagerServer, str] | None:
        """Find a member's tool too."""
        route = self._tools.get(name)
        if route is None:
            return super().asking_nothing(name)
        route.server.turns.room = self.turns.room
        return route.server.asking_nothing(route.name)

    # -- passing on ------------------------------------------------------------------------------------------

    async def _handle_call_tool(
        self, ctx: ServerRequestContext[Any, Any], params: CallToolRequestParams
    ) -> CallToolResult | InputRequiredResult:
        route = self._tools.get(params.name)
        if route is None and self._find(params.name) is None:
            near = get_close_matches(params.name[:100], self._tools, n=3, cutoff=0.5)
            missing = ", ".join(member.name for member in self.members if member.server is None)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            hint += f"; not running: {missing} (openmanager-status says why)" if missing else ""
            raise MCPError(code=INVALID_PARAMS, message=f"Unknown tool: {shown(params.name)}{hint}")
        if route is None:
            return await super()._handle_call_tool(ctx, params)
        route.server.turns.room = self.turns.room
        return await route.server._handle_call_tool(ctx, _named(params, route))

    async def _handle_get_prompt(
        self, ctx: ServerRequestContext[Any, Any], params: GetPromptRequestParams
    ) -> GetPromptResult | InputRequiredResult:
        route = self._prompts.get(params.name)
        if route is None:
            known = ", ".join(self._prompts) or "none"
            raise MCPError(code=INVALID_PARAMS, message=f"Unknown prompt: {shown(params.name)}; there are: {known}")
        return await route.server._handle_get_prompt(ctx, _named(params, route))

    async def _handle_read_resource(
        self, ctx: ServerRequestContext[Any, Any], params: ReadResourceRequestParams
    ) -> ReadResourceResult | InputRequiredResult:
        route = self.owner(params.uri)
        if route is None:
            return await super()._handle_read_resource(ctx, params)
        result = await route.server._handle_read_resource(ctx, params.model_copy(update={"uri": route.name}))
        if isinstance(result, ReadResourceResult) and route.name != params.uri:
            contents = [part.model_copy(update={"uri": params.uri}) for part in result.contents]
            return result.model_copy(update={"contents": contents})
        return result

    async def _handle_complete(
        self, ctx: ServerRequestContext[Any, Any], params: CompleteRequestParams
    ) -> CompleteResult:
        nothing = CompleteResult(completion=Completion(values=[]))
        ref = params.ref
        if isinstance(ref, PromptReference):
            route = self._prompts.get(ref.name)
            if route is None:
                return nothing
            params = params.model_copy(update={"ref": ref.model_copy(update={"name": route.name})})
            server: OpenManagerServer | None = route.server
        else:
            server = next((s for s in self._servers() if ref.uri in s._resource_manager._templates), None)
        if server is None or (entry := server._lowlevel_server.get_request_handler("completion/complete")) is None:
            return nothing
        result: Any = await entry.handler(ctx, params)
        return CompleteResult.model_validate(result)

    def owner(self, uri: str) -> _Route | None:
        """Find whose resource this is."""
        if uri in self._addresses:
            return self._addresses[uri]
        for server in self._servers():
            manager = server._resource_manager
            if uri in manager._resources or any(t.parsed_template.match(uri) for t in manager._templates.values()):
                return _Route(server, uri)
        return None

    async def aclose(self) -> None:
        """Close every member's state, whatever becomes of another's."""
        async with anyio.create_task_group() as group:
            for server in self._servers():
                group.start_soon(failures.aclose, server.state, _CLOSE_S)


def _named(params: Any, route: _Route) -> Any:
    return params if params.name == route.name else params.model_copy(update={"name": route.name})


@asynccontextmanager
async def _life(server: MCPServer[Any]) -> AsyncIterator[Any]:
    """Try again what could not be built, and close every state at the end."""
    assert isinstance(server, Gateway)

    async def back(member: Member) -> None:
        _log.warning("%s is served now", member.name)
        server.renew()
        await server.announce_tools()

    async with anyio.create_task_group() as group:
        for member in server.members:
            if member.server is None:
                group.start_soon(retrying, member, back)
        try:
            yield server
        finally:
            group.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await server.aclose()


def _instructions(members: Sequence[Member]) -> str:
    """Join what each server says of itself; clients that load tools late read this first."""
    parts = [f"{m.name}: {m.server.instructions}" for m in members if m.server is not None and m.server.instructions]
    missing = [m.name for m in members if m.server is None]
    if missing:
        parts.append(f"Not running: {', '.join(missing)}; the tool openmanager-status says why.")
    return "\n".join(parts)
