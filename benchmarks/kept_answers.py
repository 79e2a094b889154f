"""What an equal call costs while its answer is kept, and whether fifty equal calls at once are one piece of work.

    python benchmarks/kept_answers.py [--servers 1000]

One process, the simulated fleet, the calls as they come in over a pipe: a line of JSON, decoded, checked, answered and
written. Beside the first call stand the second one (within half a second, and later: then the source's clock and
breaker are looked at again), the second one by the SDK's own way and client in memory (both ends counted), and a tool
that does nothing. Prints milliseconds of CPU and ratios; asserts that the second answer is the first one, and that
fifty equal calls at once read the source as often as one. The target is under 1 ms for a kept answer.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
from mcp.client import Client
from mcp_types import CallToolResult

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "shared"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "servers"))
from openmanager_core.panel import Panel
from openmanager_core.source.settings import SourceSettings
from openmanager_core.source.simulated import SimulatedSource
from openmanager_kit.hosting.shortcut import Shortcut, plain_call
from openmanager_kit.registry import ServerSettings
from openmanager_kit.server import OpenManagerServer
from openmanager_kit.tools import reads
from openmanager_local.server import build

AT_S = 1_790_000_000.0
VERSION = "2025-11-25"
ASKED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("fleet_overview", {}),
    ("fleet_overview", {"explain": True}),
    ("find_anomalies", {"limit": 20}),
    ("find_root_cause", {}),
)
AGAIN = 200
AT_ONCE = 50
LATER_S = 0.55


class CountedSource(SimulatedSource):
    """The simulated fleet, which counts how often it is read."""

    reads = 0

    async def read(self, metric: str, window: Any, hosts: Any = None) -> Panel:
        """Count, then read."""
        self.reads += 1
        return await super().read(metric, window, hosts)


async def nothing() -> str:
    """Do nothing."""
    return "nothing"


class Line:
    """One server as a pipe reaches it: a line in, a line out."""

    def __init__(self, server: OpenManagerServer) -> None:
        self._short = Shortcut(server)

    async def ask(self, line: bytes) -> bytes:
        """Answer one line."""
        call = plain_call(json.loads(line))
        assert call is not None
        assert self._short.leads_to(call.name)
        result = await self._short.call(call, VERSION)
        assert isinstance(result, CallToolResult)
        assert not result.is_error, result.content
        written = self._short.written(call, VERSION, result)
        return written or json.dumps(self._short.shaped(VERSION, result)).encode()


def request(name: str, arguments: dict[str, Any]) -> bytes:
    """The line of one call."""
    params = {"name": name, "arguments": arguments}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()


async def cpu_ms(line: Line, asked: bytes) -> tuple[float, bytes]:
    """CPU of this process, all threads, for one call; and its answer."""
    begun = time.process_time()
    answer = await line.ask(asked)
    return 1e3 * (time.process_time() - begun), answer


def without_age(answer: bytes) -> bytes:
    """The answer without the one line of its trail that says how old it is."""
    shown = json.loads(answer)
    trail = shown["result"].get("structuredContent", {}).get("trail", [])
    content = shown["result"]["content"][0]
    content["text"] = "\n".join(part for part in content["text"].split("\n") if not part.startswith("- cache: "))
    trail[:] = [part for part in trail if not part.startswith("cache: ")]
    return json.dumps(shown).encode()


async def compare(make: Callable[[], tuple[OpenManagerServer, list[CountedSource]]]) -> None:
    """First and later calls of each tool, then many at once."""
    idle = Line(OpenManagerServer("idle", tools=(reads(nothing, "Nothing", asks_nothing=True),)))
    for _ in range(20):
        await idle.ask(request("nothing", {}))
    bare = statistics.median([(await cpu_ms(idle, request("nothing", {})))[0] for _ in range(AGAIN)])
    sys.stdout.write(f"a tool that does nothing: {bare:.3f} ms of CPU\n")
    sys.stdout.write(f"{'call':<34}{'bytes':>8}{'first':>10}{'again':>9}{'later':>9}{'SDK':>9}{'first / again':>15}\n")
    server, _ = make()
    line = Line(server)
    for name, arguments in ASKED:
        asked = request(name, arguments)
        server._sharing.forget()
        first, answer = await cpu_ms(line, asked)
        again = []
        for _ in range(AGAIN):
            cost, same = await cpu_ms(line, asked)
            assert without_age(same) == without_age(answer)
            again.append(cost)
        later = []
        for _ in range(3):
            await anyio.sleep(LATER_S)
            later.append((await cpu_ms(line, asked))[0])
        whole = []
        async with Client(server) as client:
            for _ in range(AGAIN // 4):
                begun = time.process_time()
                await client.call_tool(name, arguments)
                whole.append(1e3 * (time.process_time() - begun))
        called = name + (" " + json.dumps(arguments) if arguments else "")
        middle = statistics.median(again)
        sys.stdout.write(
            f"{called:<34}{len(answer):>8,}{first:>10.1f}{middle:>9.3f}{min(later):>9.3f}"
            f"{statistics.median(whole):>9.3f}{first / middle:>15,.0f}\n"
        )
    for name, arguments in ASKED:
        costs, counts = [], []
        for number in (1, AT_ONCE):
            server, sources = make()
            line = Line(server)
            begun = time.process_time()
            async with anyio.create_task_group() as group:
                for _ in range(number):
                    group.start_soon(line.ask, request(name, arguments))
            costs.append(1e3 * (time.process_time() - begun))
            counts.append(sum(source.reads for source in sources))
            await server.state.aclose()
        assert counts[0] == counts[1] > 0, counts
        sys.stdout.write(
            f"{name}: {AT_ONCE} equal calls at once read the source {counts[1]} times, as one call does; "
            f"{costs[1]:.0f} ms of CPU, one {costs[0]:.0f} ms\n"
        )


def main() -> int:
    """Measure over a fleet of `--servers`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=1_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:

        def make() -> tuple[OpenManagerServer, list[CountedSource]]:
            sources: list[CountedSource] = []

            def opener(wanted: SourceSettings) -> CountedSource:
                made = CountedSource.from_settings(wanted, clock=lambda: AT_S)
                assert isinstance(made, CountedSource)
                sources.append(made)
                return made

            source = SourceSettings(servers=args.servers, scenario="incident")
            settings = ServerSettings(name="openmanager-local", profile="minimal", source=source, home=Path(home))
            return build(settings, opener), sources

        anyio.run(compare, make)
    return 0


if __name__ == "__main__":
    sys.exit(main())
