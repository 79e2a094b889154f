"""The reference servers whose tools ours answer to, beside ours, and the same call made to both."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pypi_tools
import served
from anyio.from_thread import BlockingPortal, start_blocking_portal
from conformance import node_tools
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp_types import TextContent, Tool

GIT = "mcp-server-git==2026.10.19"
GIT_SETTINGS = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
"""Nothing of this user's Git may show in an answer."""

OUR_MODE = "auto"
Call = tuple[str, Mapping[str, Any]]
"""A tool and its arguments."""


def theirs(server: str, root: Path) -> StdioServerParameters:
    """What starts the reference server over a folder."""
    if server == "filesystem":
        command = node_tools.command("@modelcontextprotocol/server-filesystem", "dist/index.js", str(root))
    else:
        command = [str(pypi_tools.program(GIT, "mcp-server-git")), "--repository", str(root)]
    return StdioServerParameters(command=command[0], args=command[1:], env=GIT_SETTINGS)


def ours(server: str, root: Path, home: Path) -> StdioServerParameters:
    """What starts our server over a folder."""
    command = served.command("serve", server, "--root", str(root))
    return StdioServerParameters(command=command[0], args=command[1:], env={**served.environment(home), **GIT_SETTINGS})


def git(root: Path, *words: str) -> str:
    """Run git in a folder, without this user's settings, at a time that never changes."""
    when = "2026-01-02T03:04:05+0200"
    environ = os.environ | GIT_SETTINGS | {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
    done = subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True, text=True, env=environ)
    return done.stdout


async def tools_of(parameters: StdioServerParameters, mode: str = "auto") -> dict[str, Tool]:
    """List a server's tools by name."""
    async with Client(parameters, mode=mode) as client:
        return {tool.name: tool for tool in (await client.list_tools()).tools}


@dataclass(frozen=True)
class Answer:
    """What one server said; its own folder reads ``ROOT`` in it. Ours puts facts behind the `first` text."""

    text: str
    failed: bool
    root: Path
    first: str = ""

    def lines(self, start: str = "") -> set[str]:
        """The lines that begin with something."""
        return {line.strip() for line in self.text.splitlines() if line.startswith(start) and line.strip()}


def changed_lines(text: str) -> list[str]:
    """The lines that a diff adds and takes away, in its order."""
    return [line for line in text.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---") and line]


@dataclass(frozen=True)
class Running:
    """A server at work, and the folder that it serves."""

    client: Client
    portal: BlockingPortal
    root: Path

    def ask(self, calls: Sequence[Call]) -> Answer:
        """Make the calls, one after the other: what was said to the last. ``ROOT`` stands for the folder."""
        for tool, arguments in calls:
            result = self.portal.call(self.client.call_tool, tool, _placed(arguments, str(self.root)))
        texts = [
            block.text.replace(str(self.root), "ROOT") for block in result.content if isinstance(block, TextContent)
        ]
        return Answer("\n".join(texts), bool(result.is_error), self.root, texts[0] if texts else "")


@dataclass(frozen=True)
class Both:
    """The two servers, each over a copy of the same folder."""

    theirs: Running
    ours: Running

    def ask(self, *calls: Call) -> tuple[Answer, Answer]:
        """Make the same calls to both: what each said to the last of them."""
        return self.theirs.ask(calls), self.ours.ask(calls)


@contextmanager
def both_over(server: str, root: Path) -> Iterator[Both]:
    """Start both: the reference over the folder, ours over a copy beside it.

    The clients live in a thread of their own, so many tests can share them without a cancel scope between tasks.
    """
    copy, home = root.with_name("copy"), root.with_name("home")
    shutil.copytree(root, copy, symlinks=True)
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        their_client = Client(theirs(server, root), mode="legacy")
        our_client = Client(ours(server, copy, home), mode=OUR_MODE)
        yield Both(
            Running(stack.enter_context(portal.wrap_async_context_manager(their_client)), portal, root),
            Running(stack.enter_context(portal.wrap_async_context_manager(our_client)), portal, copy),
        )


def _placed(value: Any, root: str) -> Any:
    if isinstance(value, str):
        return value.replace("ROOT", root)
    if isinstance(value, Mapping):
        return {key: _placed(item, root) for key, item in value.items()}
    if isinstance(value, list):
        return [_placed(item, root) for item in value]
    return value
