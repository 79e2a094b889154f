"""Serve one client over standard input and output.

Standard output carries protocol only: while serving, whatever else writes to it lands on stderr, and children
read nothing from standard input. The end of input lets open requests finish for a moment; SIGINT, SIGTERM and
SIGHUP do not. Either way the state is closed and the process is gone within two seconds, threads or not.

Exit codes: 0 after the end of input, 128 + N after signal N (130 for SIGINT, 143 for SIGTERM).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
from mcp.server.mcpserver import MCPServer
from mcp_types import CONNECTION_CLOSED

from openmanager_kit.hosting.leaving import Leaving, on_signals
from openmanager_kit.hosting.pipes import PipeReader, PipeWriter
from openmanager_kit.hosting.short_lines import ShortLines
from openmanager_kit.hosting.shortcut import RequestId, Shortcut
from openmanager_kit.hosting.wire import LONGEST_LINE, Incoming, Outgoing
from openmanager_kit.server import OpenManagerServer

_DRAIN_S = 0.3


def serve_stdio(server: MCPServer[Any], *, longest_line: int = LONGEST_LINE) -> int:
    """Serve until the client leaves or a signal comes; gives the exit code."""
    leaving = Leaving()
    try:
        with _claimed_streams() as (fd_in, fd_out):
            anyio.run(_serve, server, fd_in, fd_out, leaving, longest_line)
    finally:
        leaving.done()
    return leaving.code


async def _serve(server: MCPServer[Any], fd_in: int, fd_out: int, leaving: Leaving, longest_line: int) -> None:
    reader = PipeReader(fd_in)
    writer = PipeWriter(fd_out, reader.end)
    outgoing = Outgoing(writer)
    short = None
    if isinstance(server, OpenManagerServer):
        server.turns.room = outgoing.room
        short = ShortLines(Shortcut(server), outgoing)
        outgoing.witness = short.learns
    incoming = Incoming(reader, outgoing, leaving.begin, longest_line, short)
    lowlevel = server._lowlevel_server

    def leave() -> None:
        left.extend(short.stop() if short is not None else ())
        scope.cancel()

    left: list[RequestId] = []
    with anyio.CancelScope() as scope, on_signals(leaving, leave):
        await lowlevel.run(incoming, outgoing, lowlevel.create_initialization_options())
    with anyio.move_on_after(_DRAIN_S):
        for request_id in left:
            await outgoing.refuse(CONNECTION_CLOSED, "Connection closed", request_id)
        await writer.drain()
    writer.close()
    reader.end()


@contextmanager
def _claimed_streams() -> Iterator[tuple[int, int]]:
    """Take standard input and output away from everybody else; gives private descriptors of the wire."""
    sys.stdout.flush()
    fd_in, fd_out = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    try:
        yield fd_in, fd_out
    finally:
        sys.stdout.flush()
        os.dup2(fd_in, 0)
        os.dup2(fd_out, 1)
        os.close(fd_in)
        os.close(fd_out)
