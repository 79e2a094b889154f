"""All servers of a profile in one process, beside one bare SDK server, beside each alone, and beside the peers.

Run: ``python benchmarks/gateway.py [--runs 9] [--peer "npx -y @modelcontextprotocol/server-filesystem DIR" ...]``.
From start to the first list of tools, in turn, in fresh processes: CPU and wall milliseconds and megabytes, those of
whatever a command starts included. Targets: 1.5 times the bare server for the gateway, 1.15 for a single server.
Peers are started as people start them (npx, uvx, a program), each a process of its own, and are added up.
Asserts only that each lists its tools.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from startup import BARE, COMPILING

from openmanager_kit.profile import load_profile
from openmanager_kit.registry import WITH_ROOTS

_LEGACY = (
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "benchmark", "version": "1"},
        },
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
)
"""A handshake that every peer understands."""


@dataclass(frozen=True)
class Start:
    """CPU and wall seconds to the first list, bytes resident then, processes and tools."""

    cpu_s: float
    wall_s: float
    rss_bytes: int
    processes: int
    tools: int


def start(command: Sequence[str]) -> Start:
    """Start a server, ask for its tools as a client does, and end it and what it started."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
        start_new_session=True, env=COMPILING,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    family: list[psutil.Process] = []
    try:
        process.stdin.write("".join(json.dumps(message) + "\n" for message in _LEGACY))
        process.stdin.flush()
        tools = None
        while tools is None:
            line = process.stdout.readline()
            assert line, f"{command} ended without a list"
            reply = json.loads(line)
            tools = reply["result"]["tools"] if reply.get("id") == 2 else None
        wall_s = time.perf_counter() - begun
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        cpu_s, rss = 0.0, 0
        for one in family:
            times = one.cpu_times()  # of children that are gone already too
            cpu_s += times.user + times.system + times.children_user + times.children_system
            rss += one.memory_info().rss
        assert tools
        return Start(cpu_s, wall_s, rss, len(family), len(tools))
    finally:
        for one in family:
            if one.is_running():
                one.kill()
        process.kill()
        process.communicate()


def summed(starts: Sequence[Start]) -> Start:
    """Add up servers that a client starts together; the wall time is the slowest one's."""
    return Start(
        sum(s.cpu_s for s in starts),
        max(s.wall_s for s in starts),
        sum(s.rss_bytes for s in starts),
        sum(s.processes for s in starts),
        sum(s.tools for s in starts),
    )


def median(starts: Sequence[Start]) -> Start:
    """Give the median of each figure."""
    return Start(
        statistics.median(s.cpu_s for s in starts),
        statistics.median(s.wall_s for s in starts),
        round(statistics.median(s.rss_bytes for s in starts)),
        starts[-1].processes,
        starts[-1].tools,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--config", default="development")
    parser.add_argument("--peer", action="append", default=[], metavar="COMMAND", help="a peer as people start it")
    args = parser.parse_args(argv)
    servers = load_profile(args.config, {}, os.environ).servers
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "bare.py"
        script.write_text(BARE, encoding="utf-8")
        base = [sys.executable, "-m", "openmanager_kit", "serve"]
        options = ["--config", args.config, "--home", str(Path(folder) / "home")]
        roots = ["--root", folder]
        commands = {"bare SDK server": [sys.executable, str(script)], "gateway, all servers": [*base, *options, *roots]}
        commands |= {name: [*base, name, *options, *(roots if name in WITH_ROOTS else [])] for name in servers}
        peers = {
            f"peer {number}: {' '.join(Path(word).name for word in shlex.split(text))[:32]}": shlex.split(text)
            for number, text in enumerate(args.peer, 1)
        }
        runs: dict[str, list[Start]] = {name: [] for name in (*commands, *peers)}
        for command in (*commands.values(), *peers.values()):
            start(command)  # compiles byte code, fills caches
        for _ in range(args.runs):
            for name, command in (*commands.items(), *peers.items()):
                runs[name].append(start(command))
    figures = {name: median(starts) for name, starts in runs.items()}
    figures["all servers, each alone"] = summed([figures[name] for name in servers])
    if peers:
        figures["all peers"] = summed([figures[name] for name in peers])
    bare = figures["bare SDK server"]
    sys.stdout.write(
        f"{'':<42} {'CPU ms':>7} {'ratio':>6} {'wall ms':>8} {'RSS MB':>7} {'ratio':>6}"
        f" {'processes':>10} {'tools':>6}\n"
    )
    for name, seen in figures.items():
        sys.stdout.write(
            f"{name:<42} {seen.cpu_s * 1e3:7.0f} {seen.cpu_s / bare.cpu_s:6.2f} {seen.wall_s * 1e3:8.0f}"
            f" {seen.rss_bytes / 1e6:7.1f} {seen.rss_bytes / bare.rss_bytes:6.2f}"
            f" {seen.processes:10} {seen.tools:6}\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
