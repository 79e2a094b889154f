"""The sequential-thinking server beside the npm reference: thoughts a second, ours safe from kill -9, theirs in memory.

Run: ``python benchmarks/thinking.py [--thoughts 500] [--rounds 7] [--in-flight 8] [--chars N] [--branching]
[--peer COMMAND] [--modern]``. Both over standard input and output with the same client, blocks in turn; beside them a
bare server on the SDK that keeps nothing, and the disk's own speed. Prints thoughts a second and ratios; asserts only
that every thought that was acknowledged is there after kill -9. The target for the ratio is 1.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import peer_servers
from line_client import Server, text_of
from side_by_side import in_turn

PACKAGE, VERSION = "@modelcontextprotocol/server-sequential-thinking", "2026.8.31"
BARE = '''
from mcp.server import MCPServer
from mcp_types import CallToolResult, TextContent
server = MCPServer("bare", log_level="WARNING")
answer = CallToolResult(content=[TextContent(type="text", text="x" * 150)])
@server.tool()
async def sequentialthinking(
    thought: str, thoughtNumber: int, totalThoughts: int, nextThoughtNeeded: bool
) -> CallToolResult:
    """Forget a thought."""
    return answer
server.run()
'''
TEXT = (
    "Suppose that the cache is the cause, as step {} says: then misses would rise with the latency, and they do not. "
)
OURS, PEER, SDK = "ours", "reference", "bare SDK"


def thought(number: int, total: int, chars: int = 0, *, branching: bool = False) -> Mapping[str, object]:
    """The arguments of one thought of about `chars` characters; with `branching` it begins a branch of its own."""
    text = TEXT.format(number)
    begins = {"branchFromThought": 1, "branchId": f"b{number}"} if branching and number > 1 else {}
    return {
        "thought": text * max(1, chars // len(text)),
        "thoughtNumber": number,
        "totalThoughts": total,
        "nextThoughtNeeded": True,
        **begins,
    }


def block(
    server: Server, count: int, in_flight: int, chars: int = 0, *, branching: bool = False
) -> tuple[float, float]:
    """Think so many thoughts, so many at once: seconds of the wall and of the processor."""
    before_s, begun_s = server.cpu_s(), time.perf_counter()
    sent = done = 0
    while done < count:
        while sent < count and sent - done < in_flight:
            sent += 1
            server.send_call("sequentialthinking", thought(sent, count, chars, branching=branching))
        _, line, _ = server.receive()
        text_of(line)  # no failure
        done += 1
    return time.perf_counter() - begun_s, server.cpu_s() - before_s


def disk_per_s(folder: Path, seconds: float = 1.0) -> float:
    """How often a second the disk takes 4 kB and says that they are safe."""
    with (folder / "probe").open("wb", buffering=0) as file:
        begun_s, count = time.perf_counter(), 0
        while time.perf_counter() - begun_s < seconds:
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            count += 1
    return count / (time.perf_counter() - begun_s)


def compare(commands: Mapping[str, Sequence[str]], args: argparse.Namespace, home: Path) -> None:
    """Run the blocks and print a line for each contestant."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("OPENMANAGER_")}
    env["OPENMANAGER_HOME"] = str(home)
    sys.stdout.write(f"{'':<22}{'server':<12}{'p50 /s':>9}{'best /s':>9}{'CPU ms':>9}{'ratio':>8}{'CPU ratio':>11}\n")
    for in_flight in dict.fromkeys((1, args.in_flight)):
        with ExitStack() as stack:
            servers = {
                name: stack.enter_context(Server(command, modern=args.modern and name != PEER, env=env))
                for name, command in commands.items()
            }
            walls: dict[str, list[float]] = {name: [] for name in servers}
            cpus: dict[str, list[float]] = {name: [] for name in servers}
            for server in servers.values():
                block(
                    server, args.thoughts, in_flight, args.chars, branching=args.branching
                )  # what is paid once is paid
            for name in in_turn(list(servers), args.rounds):
                wall_s, cpu_s = block(servers[name], args.thoughts, in_flight, args.chars, branching=args.branching)
                walls[name].append(wall_s / args.thoughts)
                cpus[name].append(cpu_s / args.thoughts)
        label = "one after another" if in_flight == 1 else f"{in_flight} in flight"
        for name in servers:
            pairs = zip(walls.get(PEER, []), walls[name], strict=False)
            ratios = [theirs / mine for theirs, mine in pairs]
            ratio = f"{statistics.median(ratios):.2f}" if ratios and name != PEER else "-"
            cpu = f"{sum(cpus[PEER]) / sum(cpus[name]):.2f}" if PEER in cpus and name != PEER else "-"
            sys.stdout.write(
                f"{label:<22}{name:<12}{1 / statistics.median(walls[name]):9.0f}{1 / min(walls[name]):9.0f}"
                f"{statistics.median(cpus[name]) * 1e3:9.2f}{ratio:>8}{cpu:>11}\n"
            )
            sys.stdout.flush()


def survives(command: Sequence[str], home: Path, kills: int) -> None:
    """Kill our server in the middle of its work, again and again; nothing that it acknowledged may be missing."""
    env = os.environ | {"OPENMANAGER_HOME": str(home)}
    known: dict[str, int] = {}
    for turn in range(kills):
        with Server(command, env=env) as server:
            for number in range(1, 400):
                server.send_call("sequentialthinking", thought(number, 400))
            for _ in range(30 + 40 * turn):
                answer = json.loads(text_of(server.receive()[1]))
                known[answer["chainId"]] = max(known.get(answer["chainId"], 0), answer["thoughtHistoryLength"])
            os.kill(server._process.pid, signal.SIGKILL)
    with sqlite3.connect(home / "thinking.db") as db:
        kept = dict(db.execute("SELECT handle, thoughts FROM chains"))
        sound = db.execute("PRAGMA integrity_check").fetchone()[0]
    db.close()
    assert sound == "ok", sound
    assert all(kept.get(chain, 0) >= length for chain, length in known.items()), (known, kept)
    sys.stdout.write(f"killed {kills} times with -9: {sum(known.values())} thoughts acknowledged, all there\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--thoughts", type=int, default=500, help="in one block")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--in-flight", type=int, default=8)
    parser.add_argument("--chars", type=int, default=0, help="of each thought, about (default: 110)")
    parser.add_argument("--branching", action="store_true", help="each thought begins a branch")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--peer", help="the peer's command")
    parser.add_argument("--modern", action="store_true", help="speak 2026-07-28 with our server")
    args = parser.parse_args(argv)
    peer = shlex.split(args.peer) if args.peer else peer_servers.from_npm(PACKAGE, VERSION, "dist/index.js")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        profile, bare = folder / "profile.toml", folder / "bare.py"
        profile.write_text(
            'servers = ["sequential-thinking"]\n[sequential-thinking]\nchain_thoughts = 1000000\n', "utf-8"
        )
        bare.write_text(BARE, "utf-8")
        ours = [sys.executable, "-m", "openmanager_kit", "serve", "sequential-thinking", "--config", str(profile)]
        commands: dict[str, Sequence[str]] = {OURS: ours, SDK: [sys.executable, str(bare)]}
        if peer is not None:
            commands[PEER] = peer
        sys.stdout.write(f"the disk takes {disk_per_s(folder):.0f} safe writes of 4 kB a second, one after another\n")
        compare(commands, args, folder / "home")
        survives(ours, folder / "killed", args.kills)
    return 0


if __name__ == "__main__":
    sys.exit(main())
