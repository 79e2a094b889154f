"""The servers behind a gateway or an HTTP service: built one by one, so that none that fails takes another along."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import anyio
import anyio.to_thread
from mcp_types import Tool as ListedTool

from openmanager_core.errors import ConfigError, FleetError
from openmanager_kit.failures import crash
from openmanager_kit.hosting.renaming import UI
from openmanager_kit.server import OpenManagerServer

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
_WARM_S = 5.0
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Member:
    """One server of a profile, or why it is not there.

    Attributes
    ----------
    build
        Makes the server; called again while it fails.
    problem
        What its last attempt failed with; empty while it serves.
    tries
        Attempts so far.
    """

    name: str
    build: Callable[[], OpenManagerServer]
    server: OpenManagerServer | None = None
    problem: str = ""
    tries: int = 0
    since_s: float = field(default_factory=time.monotonic)

    def attempt(self) -> bool:
        """Build it, unless it is there; tell whether it is there now."""
        if self.server is None:
            self.tries += 1
            try:
                self.server = self.build()
            except (FleetError, ConfigError) as exc:
                self.problem = str(exc)
            except Exception as exc:
                self.problem = crash(exc, f"building {self.name}")
            else:
                self.problem, self.since_s = "", time.monotonic()
        return self.server is not None

    def need(self) -> OpenManagerServer:
        """Give the server, which must be there."""
        assert self.server is not None
        return self.server

    def listed_tools(self) -> list[ListedTool]:
        """Give the entries of the list of tools."""
        return [bound.listed for bound in self.need()._bound.values()]

    def tool_names(self) -> list[str]:
        """Name the tools, without former names."""
        return list(self.need()._bound)

    def aliases(self) -> list[str]:
        """Name what the tools were called formerly."""
        return list(self.need()._aliases)

    def prompt_names(self) -> list[str]:
        """Name the prompts."""
        return [prompt.name for prompt in self.need()._prompt_manager.list_prompts()]

    def ui_addresses(self) -> list[str]:
        """Give the addresses of pages that clients draw."""
        return [uri for uri in self.need()._resource_manager._resources if uri.startswith(UI)]


def gathered(servers: Iterable[tuple[str, Callable[[], OpenManagerServer]]], *, quietly: bool = False) -> list[Member]:
    """Build each server once; one that fails stays in the list, with its reason, which is logged unless `quietly`."""
    members = [Member(name, build) for name, build in servers]
    for member in members:
        if not member.attempt() and not quietly:
            _log.error("%s is not served: %s", member.name, member.problem)
    return members


async def warmed(members: Iterable[Member], within_s: float = _WARM_S) -> None:
    """Let each server that has something to load do so before the first call comes: else all of a crowd waits for it.

    A state's `warm()` does it. One that fails, or takes long, will be heard of by who calls its tools.
    """

    async def one(name: str, warm: Callable[[], Awaitable[None]]) -> None:
        try:
            with anyio.fail_after(within_s):
                await warm()
        except Exception as exc:
            _log.info("%s could not be warmed: %r", name, exc)

    async with anyio.create_task_group() as group:
        for member in members:
            warm = getattr(member.server.state, "warm", None) if member.server is not None else None
            if warm is not None:
                group.start_soon(one, member.name, warm)


async def retrying(member: Member, back: Callable[[Member], Awaitable[None]], first_s: float = FIRST_WAIT_S) -> None:
    """Build a missing member again and again, each time waiting twice as long; call `back` when it is there."""
    wait_s = first_s
    while True:
        await anyio.sleep(wait_s)
        if await anyio.to_thread.run_sync(member.attempt):
            await back(member)
            return
        wait_s = min(2.0 * wait_s, LONGEST_WAIT_S)
