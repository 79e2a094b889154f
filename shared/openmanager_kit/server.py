"""The MCP server class of all our servers: what the SDK leaves out, in one place.

Added to the SDK's `MCPServer`: strict arguments and readable refusals, a deadline and a share of the machine per
call, progress and cancellation that reach the threads, domain errors as text that the model can act upon,
crashes as an id, list pagination, schemas that every client takes.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
from mcp.server.caching import CacheableMethod, CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.subscriptions import ToolsListChanged
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    Completion,
    CompletionArgument,
    CompletionContext,
    GetPromptResult,
    Icon,
    InputRequiredResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    PromptReference,
    ResourceTemplateReference,
    ToolAnnotations,
)
from mcp_types import Tool as ListedTool
from pydantic.networks import AnyUrl

from openmanager_core.errors import FleetError
from openmanager_core.job import use_threads
from openmanager_kit import cursors, failures, logs, plain
from openmanager_kit import version as distribution_version
from openmanager_kit.arguments import shown
from openmanager_kit.calls import BoundTool, refuse_if_too_large, weight
from openmanager_kit.limits import Limits
from openmanager_kit.schemas import Schema
from openmanager_kit.sharing import Sharing
from openmanager_kit.tools import DEADLINE_S, Tool
from openmanager_kit.turns import Turns
from openmanager_kit.watchers import Call, Watcher, watched

if TYPE_CHECKING:
    from openmanager_kit.following import Followable

Entry = TypeVar("Entry")

PAGE_SIZE = 200
_LISTS: tuple[CacheableMethod, ...] = ("tools/list", "resources/list", "resources/templates/list", "prompts/list")
LIST_HINTS: Mapping[CacheableMethod, CacheHint] = {method: CacheHint(ttl_ms=300_000) for method in _LISTS}
"""Lists change only when a server restarts: clients may keep them for five minutes."""

Reference = PromptReference | ResourceTemplateReference
Completer = Callable[[Reference, CompletionArgument, CompletionContext | None], Awaitable[Completion | None]]
Lifespan = Callable[[MCPServer[Any]], AbstractAsyncContextManager[Any]]


class OpenManagerServer(MCPServer[Any]):
    """An MCP server made of `Tool` values around one state object.

    Parameters
    ----------
    name, title, instructions, version
        What clients show; `instructions` tell the model when to use this server. The version is the
        distribution's, unless given.
    state
        Whatever the tools work on; `tools.state_of(ctx)` gives it back. Its ``aclose()``, if it has one, is
        awaited when the server ends.
    tools
        Listed in this order. With `read_only` those that write are left out.
    limits
        See `Limits`.
    page_size
        Entries on one page of a list.
    outlines
        Whether the list sketches what each tool answers; structured content goes out either way.
    lifespan
        Replaces the closing of `state`; everything else goes to `MCPServer`.
    """

    def __init__(
        self,
        name: str,
        *,
        state: Any = None,
        tools: Sequence[Tool] = (),
        read_only: bool = False,
        limits: Limits | None = None,
        page_size: int = PAGE_SIZE,
        outlines: bool = True,
        cache_hints: Mapping[CacheableMethod, CacheHint] | None = None,
        lifespan: Lifespan | None = None,
        version: str | None = None,
        **options: Any,
    ) -> None:
        self.state = state
        self.limits = limits or Limits()
        self._read_only = read_only
        self._page_size = page_size
        self._outlines = outlines
        self._threads = anyio.CapacityLimiter(self.limits.threads)
        self._sharing: Sharing[CallToolResult | InputRequiredResult] = Sharing(weight)
        self.turns = Turns(self.limits.waiting, self._forget)
        self.followable: Followable | None = None
        """Set by `following.serve_subscriptions`: who looks at what clients follow."""
        self.watchers: list[Watcher] = []
        """See each call of a tool; the first is the outermost."""
        self.may_see: Callable[[Tool], bool] | None = None
        """Set where callers differ: which tools the one who asks finds in the list."""
        self._bound: dict[str, BoundTool] = {}
        self._aliases: dict[str, str] = {}
        with logs.left_alone():
            super().__init__(
                name,
                cache_hints=LIST_HINTS if cache_hints is None else cache_hints,
                lifespan=lifespan or failures.closing_the_state,
                version=distribution_version() if version is None else version,
                **options,
            )
        self._lowlevel_server.middleware += [plain.untouched, plain.ShapedLists().through]
        for tool in tools:
            self.add(tool)

    def seal_with(self, key: bytes) -> None:
        """Seal what a call asks its client to send back with this key of 32 bytes, which other workers have too."""
        middleware = self._lowlevel_server.middleware
        at = next(n for n, one in enumerate(middleware) if isinstance(one, RequestStateBoundary))
        middleware[at] = RequestStateBoundary(RequestStateSecurity(keys=[key]), default_audience=self.name)

    # -- the inventory ---------------------------------------------------------------------------------------

    def add(
        self,
        tool: Tool,
        *,
        annotations: ToolAnnotations | None = None,
        icons: list[Icon] | None = None,
        structured: bool = True,
    ) -> None:
        """Serve one more tool; one that writes is left out of a read-only server.

        Raises
        ------
        ValueError
            If one of its names is taken.
        """
        if self._read_only and not tool.read_only:
            return
        taken = [name for name in (tool.name, *tool.aliases) if name in self._bound or name in self._aliases]
        if taken:
            raise ValueError(f"{self.name} has a tool named {taken[0]} already")
        self._bound[tool.name] = BoundTool(
            tool, self.limits, annotations=annotations, icons=icons, structured=structured, outlined=self._outlines
        )
        self._aliases.update(dict.fromkeys(tool.aliases, tool.name))

    def add_tool(
        self,
        fn: Callable[..., Any],
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        annotations: ToolAnnotations | None = None,
        icons: list[Icon] | None = None,
        meta: dict[str, Any] | None = None,
        structured_output: bool | None = None,
        input_schema: Schema | None = None,
    ) -> None:
        """Serve a function the SDK's way (its decorator `tool` and its extensions come through here).

        A given `input_schema` is listed word for word instead of the one that every client takes.
        """
        about = annotations or ToolAnnotations()
        tool = Tool(
            fn=fn,
            name=name or fn.__name__,
            title=title or "",
            description=description or inspect.cleandoc(fn.__doc__ or ""),
            read_only=bool(about.read_only_hint),
            deadline_s=DEADLINE_S,
            meta=meta,
        )
        self.add(tool, annotations=about, icons=icons, structured=structured_output is not False)
        if input_schema is not None and tool.name in self._bound:
            self._bound[tool.name].input_schema = input_schema

    def remove_tool(self, name: str) -> None:
        """Serve a tool no longer; `announce_tools` tells the clients."""
        if self._bound.pop(name, None) is None:
            raise ToolError(f"Unknown tool: {name}")
        self._aliases = {alias: target for alias, target in self._aliases.items() if target != name}

    async def announce_tools(self) -> None:
        """Tell clients that subscribed to it that the list of tools has changed."""
        await self._subscriptions.publish(ToolsListChanged())

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools that are served."""
        return tuple(bound.tool for bound in self._bound.values())

    async def list_tools(self) -> list[ListedTool]:
        """List the tools in the order in which they were added."""
        return [bound.listed for bound in self._bound.values()]

    def _tool_input_schema(self, name: str) -> Schema | None:
        bound = self._find(name)
        return None if bound is None else bound.input_schema

    def asking_nothing(self, name: str) -> tuple[OpenManagerServer, str] | None:
        """Find a tool that asks its client nothing: whose it is, and its name there; see `Tool.asks_nothing`."""
        bound = self._find(name)
        return (self, name) if bound is not None and bound.tool.asks_nothing else None

    def _find(self, name: str) -> BoundTool | None:
        return self._bound.get(self._aliases.get(name, name))

    def _hidden(self, name: str) -> bool:
        bound = self._find(name)
        return self.may_see is not None and bound is not None and not self.may_see(bound.tool)

    # -- calls -----------------------------------------------------------------------------------------------

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool.

        Raises
        ------
        ToolError
            With text for the model: what was wrong with the call, what the domain said, or the id of a crash.
        MCPError
            If there is no such tool, or the tool raised one.
        """
        bound = self._find(name)
        if bound is None:
            near = get_close_matches(name[:100], self._bound, n=3, cutoff=0.5)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            raise MCPError(code=INVALID_PARAMS, message=f"Unknown tool: {shown(name)}{hint}")
        ctx = context or Context(mcp_server=self, subscriptions=self._subscriptions)
        with failures.ToolErrors(name):
            if not self.watchers:
                return await self._called(bound, arguments, ctx)
            async with watched(Call(self.name, bound.tool, arguments, ctx), self.watchers):
                return await self._called(bound, arguments, ctx)

    def call_at_once(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any]
    ) -> CallToolResult | plain.Ready | None:
        """Call a tool as `call_tool` does, if nothing has to be waited for; None, with nothing done, otherwise."""
        bound = self._find(name)
        if bound is None or bound.tool.at_once is None or self.watchers:
            return None
        with failures.ToolErrors(name):
            result = bound.at_once(bound.arguments.check(arguments), context, self.turns)
            if result is not None:
                refuse_if_too_large(result, self.limits)
        return result

    def _forget(self) -> None:
        """Something was changed: what was known before is for nobody who asks from now on."""
        self._sharing.forget()
        forget = getattr(self.state, "forget", None)
        if forget is not None:
            forget()

    async def _called(
        self, bound: BoundTool, arguments: dict[str, Any], ctx: Context[Any, Any]
    ) -> CallToolResult | InputRequiredResult:
        kwargs = bound.arguments.check(arguments)
        sharing = self._sharing if bound.tool.shared else None
        result = await bound.run(kwargs, ctx, self._threads, self.turns, sharing)
        if sharing is not None and self.turns.room is not None:
            await self.turns.room()
        refuse_if_too_large(result, self.limits)
        return result

    async def _handle_call_tool(
        self, ctx: ServerRequestContext[Any, Any], params: CallToolRequestParams
    ) -> CallToolResult | InputRequiredResult:
        result: CallToolResult | InputRequiredResult = plain.kept_aside(await super()._handle_call_tool(ctx, params))
        return result

    # -- resources and prompts -------------------------------------------------------------------------------

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[Any, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        """Read a resource within the usual deadline; domain errors keep their text."""
        use_threads(self._threads)
        with failures.resource_errors(str(uri)):
            reading = super().read_resource(uri, context)
            return await failures.in_time(reading, f"resource {shown(str(uri))}", DEADLINE_S)

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[Any, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        """Render a prompt; what the caller got wrong is said in a protocol error."""
        prompt = self._prompt_manager.get_prompt(name)
        if prompt is None:
            known = ", ".join(prompt.name for prompt in self._prompt_manager.list_prompts()) or "none"
            raise MCPError(code=INVALID_PARAMS, message=f"Unknown prompt: {shown(name)}; there are: {known}")
        wanted = {argument.name: argument.required for argument in prompt.arguments or []}
        given = set(arguments or {})
        missing = [argument for argument, required in wanted.items() if required and argument not in given]
        unknown = sorted(given - set(wanted))
        if missing or unknown:
            what = f"misses {', '.join(missing)}" if missing else f"does not take {', '.join(map(shown, unknown))}"
            raise MCPError(code=INVALID_PARAMS, message=f"Prompt {name} {what}; its arguments: {', '.join(wanted)}")
        use_threads(self._threads)
        try:
            rendering = super().get_prompt(name, arguments, context)
            return await failures.in_time(rendering, f"prompt {name}", DEADLINE_S)
        except MCPError:
            raise
        except Exception as exc:
            domain = failures.domain_error(exc)
            if domain is not None:
                raise MCPError(code=INVALID_PARAMS, message=str(domain)) from exc
            raise MCPError(code=INTERNAL_ERROR, message=failures.crash(exc, f"prompt {name}")) from exc

    def completion(self) -> Callable[[Completer], Completer]:
        """Serve completions, as the SDK does; domain errors keep their text and crashes get an id."""
        serve: Any = super().completion  # it has no types

        def decorator(complete: Completer) -> Completer:
            async def answer(
                ref: Reference, argument: CompletionArgument, context: CompletionContext | None
            ) -> Completion | None:
                what = f"completion of {shown(argument.name)}"
                use_threads(self._threads)
                try:
                    return await failures.in_time(complete(ref, argument, context), what, DEADLINE_S)
                except FleetError as exc:
                    raise MCPError(code=INVALID_PARAMS, message=str(exc)) from exc
                except MCPError:
                    raise
                except Exception as exc:
                    raise MCPError(code=INTERNAL_ERROR, message=failures.crash(exc, what)) from exc

            serve()(answer)
            return complete

        return decorator

    # -- lists, page by page ---------------------------------------------------------------------------------

    async def _handle_list_tools(
        self, ctx: ServerRequestContext[Any, Any], params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        seen = [tool for tool in await self.list_tools() if not self._hidden(tool.name)]
        page, after = self._page(seen, params, "tools")
        return ListToolsResult(tools=plain.ShapedLists.shape(page), next_cursor=after)

    async def _handle_list_resources(
        self, ctx: ServerRequestContext[Any, Any], params: PaginatedRequestParams | None
    ) -> ListResourcesResult:
        page, after = self._page(await self.list_resources(), params, "resources")
        return ListResourcesResult(resources=page, next_cursor=after)

    async def _handle_list_resource_templates(
        self, ctx: ServerRequestContext[Any, Any], params: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        page, after = self._page(await self.list_resource_templates(), params, "templates")
        return ListResourceTemplatesResult(resource_templates=page, next_cursor=after)

    async def _handle_list_prompts(
        self, ctx: ServerRequestContext[Any, Any], params: PaginatedRequestParams | None
    ) -> ListPromptsResult:
        page, after = self._page(await self.list_prompts(), params, "prompts")
        return ListPromptsResult(prompts=page, next_cursor=after)

    def _page(
        self, entries: list[Entry], params: PaginatedRequestParams | None, what: str
    ) -> tuple[list[Entry], str | None]:
        try:
            start = cursors.decode(params.cursor if params is not None else None, (self.name, what))
        except FleetError as exc:
            raise MCPError(code=INVALID_PARAMS, message=str(exc)) from exc
        end = start + self._page_size
        return entries[start:end], cursors.encode(end, (self.name, what)) if end < len(entries) else None
