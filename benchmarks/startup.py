"""From starting a server to its first list of tools: ours beside a bare one on the same SDK, in turn.

Run: ``python benchmarks/startup.py [--runs 15] [-- COMMAND...]``. The bare server is ten lines with one tool.
Prints milliseconds of CPU and wall, and megabytes, with their ratios; asserts only that both list their tools.
The target for CPU is 1.15.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

BARE = '''
from mcp.server import MCPServer
server = MCPServer("bare", log_level="WARNING")
@server.tool()
async def echo(text: str) -> str:
    """Say it again."""
    return text
server.run()
'''
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "benchmark", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
REQUEST = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": ENVELOPE}}) + "\n"
OURS = (sys.executable, "-m", "openmanager_kit", "serve", "openmanager-local", "--config", "minimal")


COMPILING = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""An installed server is compiled; so is this one, at its first start."""


@dataclass(frozen=True)
class Start:
    """One start: CPU and wall seconds to the first list, bytes resident then, tools and bytes in the list."""

    cpu_s: float
    wall_s: float
    rss_bytes: int
    tools: int
    list_bytes: int


def start(command: Sequence[str]) -> Start:
    """Start a server, ask for its tools, and end it."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=COMPILING,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(REQUEST)
        process.stdin.flush()
        line = process.stdout.readline()
        wall_s = time.perf_counter() - begun
        assert line, process.communicate()[1]
        seen = psutil.Process(process.pid)
        times = seen.cpu_times()
        reply = json.loads(line)
        tools = reply["result"]["tools"]
        assert tools
        return Start(times.user + times.system, wall_s, seen.memory_info().rss, len(tools), len(line))
    finally:
        process.kill()
        process.communicate()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("command", nargs="*", default=list(OURS), help="the server to compare (default: ours)")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "bare.py"
        script.write_text(BARE, encoding="utf-8")
        commands = {"bare SDK server": [sys.executable, str(script)], "ours": args.command}
        runs: dict[str, list[Start]] = {name: [] for name in commands}
        for command in commands.values():
            start(command)  # compiles byte code
        for _ in range(args.runs):
            for name, command in commands.items():
                runs[name].append(start(command))
    sys.stdout.write(f"{'':<16} {'CPU ms':>8} {'wall ms':>8} {'RSS MB':>8} {'tools':>6} {'list bytes':>11}\n")
    figures: dict[str, tuple[float, float, float]] = {}
    for name, starts in runs.items():
        cpu_s = statistics.median(one.cpu_s for one in starts)
        wall_s = statistics.median(one.wall_s for one in starts)
        rss = statistics.median(one.rss_bytes for one in starts)
        figures[name] = (cpu_s, wall_s, rss)
        last = starts[-1]
        sys.stdout.write(
            f"{name:<16} {cpu_s * 1e3:8.0f} {wall_s * 1e3:8.0f} {rss / 1e6:8.1f} {last.tools:6} {last.list_bytes:11}\n"
        )
    bare, ours = figures["bare SDK server"], figures["ours"]
    ratios = " ".join(f"{mine / theirs:8.2f}" for mine, theirs in zip(ours, bare, strict=True))
    sys.stdout.write(f"{'ratio':<16} {ratios}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
