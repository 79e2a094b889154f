"""`make run`: the SDK's own client asks every server of the development profile something, as an assistant would.

Then a simulated incident is analysed. Everything happens in a folder that is gone afterwards.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from openmanager_kit.cli.demo_tour import PATIENCE_S, TOUR, Stop

_PROFILE = "development"
_SHOWN_LINES = 6
_SHOWN_CHARS = 160

_ASKED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("How is my fleet?", "fleet_overview", {}),
    ("What is odd?", "find_anomalies", {"limit": 5}),
    ("Why? What is the root cause?", "find_root_cause", {"limit": 3}),
    ("What should I do?", "recommend_actions", {"limit": 3}),
    ("What will run out, and when?", "capacity_outlook", {"limit": 3}),
)


@dataclass(frozen=True, slots=True)
class Look:
    """How the terminal likes to be written to."""

    colour: bool
    progress: bool

    def bold(self, text: str) -> str:
        """The text, in bold where that shows."""
        return f"\x1b[1m{text}\x1b[0m" if self.colour else text

    def dim(self, text: str) -> str:
        """The text, dimmed where that shows."""
        return f"\x1b[2m{text}\x1b[0m" if self.colour else text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The demo's few switches."""
    parser.add_argument(
        "--scenario", default="incident", help="what goes wrong: incident, quiet, black_friday, leaky_release"
    )
    parser.add_argument("--servers", type=int, default=30, help="how many servers (default 30)")


def run(args: argparse.Namespace) -> int:
    """Ask the questions and print the answers as they come; 0 if all were answered."""
    tty = sys.stdout.isatty()
    look = Look(colour=tty and "NO_COLOR" not in os.environ, progress=sys.stderr.isatty())
    with tempfile.TemporaryDirectory(prefix="openmanager-demo-") as name:
        folder = Path(name).resolve()
        for part in ("files/notes", "state"):
            (folder / part).mkdir(parents=True)
        return anyio.run(_ask_all, args.scenario, args.servers, folder, look)


async def _ask_all(scenario: str, servers: int, folder: Path, look: Look) -> int:
    from mcp.client import Client
    from mcp.client.stdio import StdioServerParameters

    started = ["-m", "openmanager_kit", "serve", "--config", _PROFILE]
    started += ["--source", "simulator", "--scenario", scenario, "--servers", str(servers)]
    started += ["--root", str(folder / "files"), "--home", str(folder / "state")]
    server = StdioServerParameters(command=sys.executable, args=started, env=dict(os.environ))
    write = sys.stdout.write
    write(look.dim(f"Starting: openmanager {' '.join(started[2:-4])}\n"))
    failed = 0
    async with Client(server) as client:
        tools = await client.list_tools()
        write(look.dim(f"Connected over stdio, {len(tools.tools)} tools, protocol {client.protocol_version}\n"))
        failed += await _visit_all(client, {tool.name: tool for tool in tools.tools}, folder / "files", look)
        for question, tool, arguments in _ASKED:
            failed += await _ask(client, question, tool, arguments, look)
        forecast = await _disk_to_watch(client)
        if forecast:
            failed += await _ask(client, "When is that disk full?", "forecast_metric", forecast, look)
    write(
        look.bold("\nNow with your own assistant\n")
        + "  Claude Code:     claude mcp add openmanager -- openmanager serve --config development --root DIR\n"
        + "  other clients:   openmanager client-config claude-desktop   (cursor, vscode, codex, ...)\n"
        + "  your Prometheus: openmanager serve openmanager-local --source prometheus "
        + "--prometheus-url http://127.0.0.1:9090\n"
        + f"  here, the command is {_command()}\n"
    )
    return 1 if failed else 0


async def _visit_all(client: Any, listed: dict[str, Any], files: Path, look: Look) -> int:
    """Ask each server of the profile something and show how the answer begins."""
    from openmanager_kit.hosting.renaming import joined_name
    from openmanager_kit.profile import load_profile
    from openmanager_kit.registry import tools_of

    failed = 0
    profile = load_profile(_PROFILE, {}, os.environ)
    for number, name in enumerate(profile.servers, 1):
        sys.stdout.write(f"\n{look.bold(f'{number} of {len(profile.servers)}: {name}')}\n")
        own = [tool.name for tool in tools_of(name) if tool.read_only]
        names = [known for tool in own for known in (tool, joined_name(name, tool)) if known in listed]
        easy = [tool for tool in names if not listed[tool].input_schema.get("required")]
        for stop in TOUR.get(name, tuple(Stop(tool, outside=True) for tool in easy[:1])):
            failed += await _visit(client, name, stop, files, look)
    return failed


async def _visit(client: Any, server: str, stop: Stop, files: Path, look: Look) -> int:
    sys.stdout.write(f"  {look.dim(stop.tool)}\n")
    sys.stdout.flush()
    lines, error = [f"no answer within {PATIENCE_S:g} s"], True
    with anyio.move_on_after(PATIENCE_S if stop.outside else None):
        result = await client.call_tool(stop.tool, stop.arguments(files))
        error = result.is_error
        lines = [line for part in result.content if part.type == "text" for line in part.text.splitlines()]
    for line in [line for line in lines if line.strip()][:_SHOWN_LINES]:
        sys.stdout.write(f"    {line[:_SHOWN_CHARS]}\n")
    if error and stop.outside:
        sys.stdout.write(f"    {look.dim('(this one needs the network)')}\n")
    sys.stdout.flush()
    return int(error and not stop.outside)


async def _ask(client: Any, question: str, tool: str, arguments: dict[str, Any], look: Look) -> int:
    async def shown(done: float, total: float | None, message: str | None) -> None:
        if look.progress:
            sys.stderr.write(f"\r\x1b[2K  {100 * done / (total or 1):3.0f} % {message or ''}")
            sys.stderr.flush()

    called = f"{tool}({', '.join(f'{k}={v!r}' for k, v in arguments.items())})"
    sys.stdout.write(f"\n{look.bold('> ' + question)}  {look.dim(called)}\n")
    sys.stdout.flush()
    result = await client.call_tool(tool, arguments, progress_callback=shown)
    if look.progress:
        sys.stderr.write("\r\x1b[2K")
        sys.stderr.flush()
    sys.stdout.write("\n".join(part.text for part in result.content if part.type == "text") + "\n")
    sys.stdout.flush()
    return int(result.is_error)


async def _disk_to_watch(client: Any) -> dict[str, Any]:
    """The disk that grows, if the anomalies name one."""
    result = await client.call_tool("find_anomalies", {"metrics": ["disk_used_ratio"], "limit": 1})
    rows = (result.structured_content or {}).get("anomalies", [])
    if not rows:
        return {}
    return {"metric": "disk_used_ratio", "server": rows[0]["server"], "horizon": "12h", "history": "24h"}


def _command() -> str:
    beside = Path(sys.executable).with_name("openmanager")
    return str(beside) if beside.exists() else "openmanager"
