"""One call of a tool: within its deadline, its share of the machine and its size; watched and stoppable."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Hashable
from functools import cached_property, partial
from typing import Any

import anyio
from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, ContentBlock, Icon, InputRequiredResult, TextContent, ToolAnnotations
from mcp_types import Tool as ListedTool
from pydantic import BaseModel

from openmanager_core.errors import DeadlineExceeded, FleetError, SourceUnavailable
from openmanager_core.job import Job, current_job, offload, use_threads
from openmanager_kit import freshness
from openmanager_kit.answers import Answer
from openmanager_kit.arguments import Arguments
from openmanager_kit.earlier import Earlier
from openmanager_kit.injection import Injection
from openmanager_kit.limits import Limits
from openmanager_kit.plain import PlainResult, Ready
from openmanager_kit.progress import Progress
from openmanager_kit.schemas import Schema, brief, outline
from openmanager_kit.sharing import Moment, Sharing
from openmanager_kit.tools import Tool, state_of
from openmanager_kit.turns import Turns


class AnswerTooLarge(FleetError):
    """The answer would not fit into anybody's context."""

    code = "answer_too_large"


class BoundTool:
    """A tool as one server holds it."""

    def __init__(
        self,
        tool: Tool,
        limits: Limits,
        *,
        annotations: ToolAnnotations | None = None,
        icons: list[Icon] | None = None,
        structured: bool = True,
        outlined: bool = True,
    ) -> None:
        self.tool = tool
        self.turn = anyio.Semaphore(limits.calls_per_tool, fast_acquire=True)
        self._annotations = annotations
        self._icons = icons
        self._structured = structured
        self._outlined = structured and outlined
        self._is_async = inspect.iscoroutinefunction(tool.fn) or inspect.iscoroutinefunction(
            getattr(tool.fn, "__call__", None)  # noqa: B004 - the method is wanted, not whether there is one
        )

    @cached_property
    def earlier(self) -> Earlier:
        """Its last good answers."""
        return Earlier()

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.tool.fn, eval_str=True)

    @cached_property
    def injection(self) -> Injection:
        """What the server fills in."""
        return Injection(self.tool.fn, self._signature.parameters)

    @cached_property
    def arguments(self) -> Arguments:
        """What the client gives."""
        return Arguments(self.tool.fn, self._signature, self.injection.names)

    @cached_property
    def input_schema(self) -> Schema:
        """The schema in the list."""
        return brief(self.arguments.schema) if self.tool.brief else self.arguments.schema

    @cached_property
    def listed(self) -> ListedTool:
        """The tool's entry in the list."""
        tool = self.tool
        # What means nothing for a tool that only reads is left out: every byte of the list costs the model context.
        annotations = self._annotations or ToolAnnotations(
            read_only_hint=tool.read_only,
            destructive_hint=None if tool.read_only else tool.destructive,
            idempotent_hint=None if tool.read_only else tool.idempotent,
            open_world_hint=tool.open_world,
        )
        return ListedTool(
            name=tool.name,
            title=tool.title or None,
            description=tool.description,
            input_schema=self.input_schema,
            output_schema=outline(self._signature.return_annotation) if self._outlined else None,
            annotations=annotations,
            icons=self._icons,
            _meta=tool.meta,
        )

    async def run(
        self,
        kwargs: dict[str, Any],
        ctx: Context[Any, Any],
        threads: anyio.CapacityLimiter,
        turns: Turns,
        sharing: Sharing[CallToolResult | InputRequiredResult] | None = None,
    ) -> CallToolResult | InputRequiredResult:
        """Run with checked arguments.

        With `sharing`, an equal call's answer is waited for, or taken while it is kept or the next one is being made;
        and while the source is away the last good answer is given, with its age.

        Raises
        ------
        DeadlineExceeded
            If the tool's time is over before it answers, waiting for its turn included.
        FleetError
            What the tool raised.
        """
        asked = repr(sorted(kwargs.items())) if sharing is not None else ""
        if sharing is not None and (known := getattr(state_of(ctx), "known_moment", None)) is not None:
            key = (self.tool.name, known(), asked)
            kept = sharing.kept(key)
            if kept is not None:
                return freshness.told(kept, freshness.as_kept(sharing.standing(key)))
        progress = Progress(ctx.report_progress)
        report = progress.report if _is_request(ctx) else None
        use_threads(threads)

        async def work() -> CallToolResult | InputRequiredResult:
            await turns.enter(self)
            try:
                return await self._call(kwargs, ctx)
            finally:
                turns.leave(self)

        job = Job(report)
        outer = current_job.set(job)
        try:
            with turns.deadlines.within(self.tool.deadline_s):
                if sharing is None:
                    return await work()
                moment = await _moment(ctx)
                key = (self.tool.name, moment, asked)
                if isinstance(moment, Moment) and sharing.standing(key).what != "kept":
                    olds = (key, (self.tool.name, moment.before(), asked))
                    if (old := sharing.standing_in(*olds)) is not None:
                        sharing.renew(key, partial(self._renewed, asked, work, turns), *olds)
                        return freshness.told(old[0], freshness.as_standing_in(old[1]))
                found = sharing.standing(key)
                result = await sharing.get(key, work, report)
                self.earlier.keep(asked, result)
                return freshness.told(result, freshness.as_given(found, sharing.standing(key)))
        except SourceUnavailable as exc:
            earlier = self.earlier.instead(asked, exc) if sharing is not None else None
            if earlier is None:
                raise
            return earlier
        finally:
            job.cancel()  # its threads, however the call ended
            current_job.reset(outer)
            progress.stop()
        raise self._too_late()

    async def _renewed(
        self, asked: str, work: Callable[[], Awaitable[CallToolResult | InputRequiredResult]], turns: Turns
    ) -> CallToolResult | InputRequiredResult:
        """Make an answer that nobody waits for, within the same time."""
        with turns.deadlines.within(self.tool.deadline_s):
            result = await work()
            self.earlier.keep(asked, result)
            return result
        raise self._too_late()

    def _too_late(self) -> DeadlineExceeded:
        return DeadlineExceeded(
            f"{self.tool.name} did not finish within {self.tool.deadline_s:g} s and was stopped",
            hint="ask for less at once, or again later",
        )

    def at_once(self, kwargs: dict[str, Any], ctx: Context[Any, Any], turns: Turns) -> CallToolResult | Ready | None:
        """Run with checked arguments if that takes no waiting; None, with nothing done, if it does.

        Raises
        ------
        FleetError
            What the tool raised.
        """
        attempt = self.tool.at_once
        if attempt is None or not turns.free(self) or self.injection.context_name:
            return None
        filled = self.injection.at_once(ctx)
        result = None if filled is None else attempt(**kwargs, **filled)
        if result is None:
            return None
        turns.done(self)
        if isinstance(result, Ready) and self._structured:
            return result
        whole = converted(result, structured=self._structured)
        return whole if isinstance(whole, CallToolResult) else None

    async def _call(self, kwargs: dict[str, Any], ctx: Context[Any, Any]) -> CallToolResult | InputRequiredResult:
        filled = await self.injection.fill(kwargs, ctx)
        if isinstance(filled, InputRequiredResult):
            return filled
        if self._is_async:
            result = await self.tool.fn(**kwargs, **filled)
        else:
            result = await offload(self.tool.fn, **kwargs, **filled)
        return converted(result, structured=self._structured)


async def _moment(ctx: Context[Any, Any]) -> Hashable:
    """What else the answer depends on, as the server's state says."""
    tell = getattr(state_of(ctx), "moment", None)
    return None if tell is None else await tell()


def _is_request(ctx: Context[Any, Any]) -> bool:
    try:
        return ctx.request_context is not None
    except ValueError:  # called from Python
        return False


def converted(result: Any, *, structured: bool = True) -> CallToolResult | InputRequiredResult:
    """Make a tool's return value a result: text and structured content, each once and each complete."""
    match result:
        case CallToolResult() | InputRequiredResult():
            return result
        case str():
            return _texts(result)
        case Ready():
            return result.result() if structured else _texts(result.json.decode())
        case Answer():
            text = result.as_text()
            return (
                PlainResult(content=_text(text), structured_content=result.structured()) if structured else _texts(text)
            )
        case BaseModel():
            dumped = result.model_dump(mode="json", by_alias=True)
            return _texts(_compact(dumped), dumped if structured else None)
        case dict():
            return _texts(_compact(result), result if structured else None)
    from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata

    return FuncMetadata(arg_model=ArgModelBase).convert_result(result)


def _texts(text: str, structured: dict[str, Any] | None = None) -> CallToolResult:
    return CallToolResult(content=_text(text), structured_content=structured)


def _text(text: str) -> list[ContentBlock]:
    return [TextContent(type="text", text=text)]


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)


def weight(result: CallToolResult | InputRequiredResult) -> int:
    """Say how large a result is, roughly, in bytes: its structured content takes several times its text."""
    if not isinstance(result, CallToolResult):
        return 1000
    texts = sum(len(block.text) for block in result.content if isinstance(block, TextContent))
    return 1000 + texts * (8 if result.structured_content else 1)


def refuse_if_too_large(result: CallToolResult | InputRequiredResult | Ready, limits: Limits) -> None:
    """Refuse an answer that no client could take.

    Raises
    ------
    AnswerTooLarge
        If its texts are longer than `Limits.answer_chars` together.
    """
    size = 0
    if isinstance(result, Ready):
        size = len(result.json)
    elif isinstance(result, CallToolResult):
        size = sum(len(block.text) for block in result.content if isinstance(block, TextContent))
    if size > limits.answer_chars:
        raise AnswerTooLarge(
            f"the answer has {size} characters, the most is {limits.answer_chars}",
            hint="ask for less at once: a smaller limit or a narrower selection",
        )
