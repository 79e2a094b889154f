"""A tool is a value before any server exists: what it is called, what it may do, how long it may take."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context

DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a model may call, and what its caller should know.

    Attributes
    ----------
    fn
        Plain function, sync or async; parameters annotated ``Annotated[T, Resolve(get)]`` are filled by the server.
    name, title, description
        `name` is the function's own, `description` its docstring.
    read_only, destructive, idempotent, open_world
        The protocol's annotations; `open_world` says that it speaks to systems outside of this process's reach.
    deadline_s
        After so many seconds the call is stopped and answered with ``deadline_exceeded``.
    aliases
        Former names: callable, not listed.
    configures
        Changes what everybody sees or may do; over HTTP it needs the role admin.
    meta
        The tool's ``_meta`` in the list.
    shared
        Whether equal calls may get one answer, a few seconds old at most; see `sharing`. Its answer may depend on
        nothing but its arguments, the server's state, and the ``moment()`` that the state gives.
    asks_nothing
        Whether all it needs of its client are the arguments: it asks no question, wants no roots, writes no log. Its
        calls may then take the short way of `hosting.shortcut`. What is `shared` asks nothing either.
    at_once
        Plain function with the same parameters that does all of it without waiting for anything, or does nothing and
        gives None if it would have to wait; `fn` is called then. For what takes less time than a task.
    brief
        Whether the list leaves out defaults that are empty or off, which go without saying; see `briefly`.
    """

    fn: Callable[..., Any]
    name: str
    title: str
    description: str
    read_only: bool
    destructive: bool = False
    idempotent: bool = False
    open_world: bool = False
    deadline_s: float = DEADLINE_S
    aliases: tuple[str, ...] = ()
    configures: bool = False
    meta: dict[str, Any] | None = field(default=None, hash=False, compare=False)
    shared: bool = False
    asks_nothing: bool = False
    at_once: Callable[..., Any] | None = None
    brief: bool = False

    def __post_init__(self) -> None:
        if self.deadline_s <= 0:
            raise ValueError(f"deadline_s of tool {self.name} must be above 0, got {self.deadline_s}")

    def formerly(self, *names: str) -> Tool:
        """Make the same tool answer to its former names too."""
        return replace(self, aliases=(*self.aliases, *names))

    def briefly(self) -> Tool:
        """Make the same tool take fewer bytes in the list, without defaults that are empty or off."""
        return replace(self, brief=True)

    def shown_by(self, uri: str) -> Tool:
        """Let hosts that draw pages draw this tool's answers with the page at ``uri``; see `apps.pages`.

        The page is named twice, because hosts older than the protocol of 2026 know the flat key only.
        """
        if not uri.startswith("ui://"):
            raise ValueError(f"the page of tool {self.name} must be at ui://, got {uri!r}")
        return replace(self, meta={**(self.meta or {}), "ui": {"resourceUri": uri}, "ui/resourceUri": uri})


def reads(
    fn: Callable[..., Any],
    title: str,
    *,
    deadline_s: float = DEADLINE_S,
    open_world: bool = False,
    shared: bool = False,
    asks_nothing: bool = False,
) -> Tool:
    """Declare a tool that changes nothing."""
    return Tool(
        fn=fn,
        name=fn.__name__,
        title=title,
        description=_description(fn),
        read_only=True,
        idempotent=True,
        open_world=open_world,
        deadline_s=deadline_s,
        shared=shared,
        asks_nothing=shared or asks_nothing,
    )


def writes(
    fn: Callable[..., Any],
    title: str,
    *,
    destructive: bool = False,
    idempotent: bool = False,
    deadline_s: float = DEADLINE_S,
    open_world: bool = False,
    configures: bool = False,
    asks_nothing: bool = False,
    at_once: Callable[..., Any] | None = None,
) -> Tool:
    """Declare a tool that changes something; `destructive` if what was there may be gone afterwards."""
    return Tool(
        fn=fn,
        name=fn.__name__,
        title=title,
        description=_description(fn),
        read_only=False,
        destructive=destructive,
        idempotent=idempotent,
        open_world=open_world,
        deadline_s=deadline_s,
        configures=configures,
        asks_nothing=asks_nothing,
        at_once=at_once,
    )


def _description(fn: Callable[..., Any]) -> str:
    text = inspect.cleandoc(fn.__doc__ or "")
    if not text:
        raise ValueError(f"tool {fn.__name__} has no docstring, and so no description")
    return text


def state_of(ctx: Context) -> Any:
    """Give the state object that the server behind this call was built with."""
    return ctx.mcp_server.state  # type: ignore[attr-defined]
