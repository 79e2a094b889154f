"""Who looks on when a tool is called: for measuring, for access, for the audit trail."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openmanager_core.errors import FleetError, JobCancelled

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context

    from openmanager_kit.tools import Tool


@dataclass(slots=True)
class Call:
    """One call of a tool as a watcher sees it.

    Attributes
    ----------
    outcome
        After the call: ``ok``, ``cancelled``, ``crash`` or the code of the domain error.
    seconds
        After the call: how long it took.
    """

    server: str
    tool: Tool
    arguments: Mapping[str, Any]
    ctx: Context[Any, Any]
    outcome: str = ""
    seconds: float = 0.0


Watcher = Callable[[Call], AbstractAsyncContextManager[None]]
"""Entered before a call and left after it; a `FleetError` raised on entering refuses the call."""


@asynccontextmanager
async def watched(call: Call, watchers: Sequence[Watcher]) -> AsyncIterator[None]:
    """Let every watcher see the call; the first is the outermost."""
    begun = time.perf_counter()
    async with AsyncExitStack() as stack:
        try:
            for watcher in watchers:
                await stack.enter_async_context(watcher(call))
            yield
        except FleetError as exc:
            call.outcome = exc.code
            raise
        except Exception as exc:
            call.outcome = "cancelled" if isinstance(exc, JobCancelled) else "crash"
            raise
        except BaseException:
            call.outcome = "cancelled"
            raise
        else:
            call.outcome = "ok"
        finally:
            call.seconds = time.perf_counter() - begun
