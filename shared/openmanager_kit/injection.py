"""Which parameters the server fills in itself, and how.

A parameter annotated with the SDK's `Context`, or ``Annotated[T, Resolve(get)]``, is invisible to the model.
A resolver that is a plain function of the context runs inline: the SDK's own way takes a thread for each,
from the forty that everything shares. Resolvers that ask the user something, depend on others or on
arguments go the SDK's way.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Annotated, Any, get_args, get_origin

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import (
    Elicit,
    ListRoots,
    Resolve,
    Sample,
    build_resolver_plans,
    find_resolved_parameters,
    resolve_arguments,
)
from mcp_types import InputRequiredResult, ListRootsResult


class Injection:
    """The parameters of one function that no client may give."""

    def __init__(self, fn: Callable[..., Any], parameters: Mapping[str, inspect.Parameter]) -> None:
        self._fn = fn
        self._arguments = set(parameters)
        self.context_name = ""
        self.resolved: dict[str, Resolve] = {}
        for name, parameter in parameters.items():
            if _is_context(parameter.annotation):
                self.context_name = name
            elif (marker := _marker(parameter.annotation)) is not None:
                self.resolved[name] = marker

    @property
    def names(self) -> tuple[str, ...]:
        """All parameters that are filled in here."""
        return (self.context_name, *self.resolved) if self.context_name else tuple(self.resolved)

    async def fill(self, kwargs: Mapping[str, Any], ctx: Context[Any, Any]) -> dict[str, Any] | InputRequiredResult:
        """Find the values; an `InputRequiredResult` if the user has to be asked first."""
        filled: dict[str, Any] = {self.context_name: ctx} if self.context_name else {}
        if not self.resolved:
            return filled
        values = self.at_once(ctx)
        if values is None:
            found = find_resolved_parameters(self._fn)
            plans = build_resolver_plans(found, self._arguments - set(self.names))
            resolved = await resolve_arguments(found, plans, kwargs, ctx)
            if isinstance(resolved, InputRequiredResult):
                return resolved
            values = {name: self._taken(name, value, ctx) for name, value in resolved.items()}
        return filled | values

    def _taken(self, name: str, value: Any, ctx: Context[Any, Any]) -> Any:
        """Let a resolver that asked for the client's roots make its value of them."""
        take = getattr(self.resolved[name].fn, "with_roots", None)
        return take(ctx, value) if take is not None and isinstance(value, ListRootsResult) else value

    def at_once(self, ctx: Context[Any, Any]) -> dict[str, Any] | None:
        """Find the resolved values without waiting; None if somebody has to be asked or waited for."""
        if self._inline is None:
            return None
        values = {}
        for name, fn, count in self._inline:
            value = values[name] = fn(ctx) if count else fn()
            if isinstance(value, (Elicit, Sample, ListRoots)):
                return None
        return values

    @cached_property
    def _inline(self) -> list[tuple[str, Callable[..., Any], int]] | None:
        """Name, resolver, and whether it takes the context; None if one is more than a plain function of that."""
        if not all(_is_plain(marker.fn) for marker in self.resolved.values()):
            return None
        return [
            (name, marker.fn, len(inspect.signature(marker.fn).parameters)) for name, marker in self.resolved.items()
        ]


def _is_plain(fn: Callable[..., Any]) -> bool:
    if inspect.iscoroutinefunction(fn) or not inspect.isfunction(fn):
        return False
    parameters = inspect.signature(fn, eval_str=True).parameters.values()
    return len(parameters) <= 1 and all(_is_context(parameter.annotation) for parameter in parameters)


def _is_context(annotation: Any) -> bool:
    origin = get_origin(annotation) or annotation
    return isinstance(origin, type) and issubclass(origin, Context)


def _marker(annotation: Any) -> Resolve | None:
    if get_origin(annotation) is not Annotated:
        return None
    return next((item for item in get_args(annotation)[1:] if isinstance(item, Resolve)), None)
