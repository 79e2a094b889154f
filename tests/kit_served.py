"""A server for the tests of the kit, and the command that knows it: ``python kit_served.py serve bench``."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import anyio
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Resolve
from pydantic import BaseModel, ConfigDict, Field

from openmanager_core.job import checkpoint, offload
from openmanager_kit.registry import SERVERS, ServerSettings
from openmanager_kit.server import OpenManagerServer
from openmanager_kit.tools import reads, state_of


class Section(BaseModel):
    """The server's own section in a profile."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    greeting: str = "hello"
    volume: int = Field(default=3, ge=0, le=11)


class Bench:
    """Leaves marks in a folder, so that another process can see what happened."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.home = settings.home

    def mark(self, name: str) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / name).write_text("")

    async def aclose(self) -> None:
        self.mark("closed")


def this_bench(ctx: Context) -> Bench:
    bench: Bench = state_of(ctx)
    return bench


TheBench = Annotated[Bench, Resolve(this_bench)]


async def echo(text: str) -> str:
    """Say it again."""
    return text


async def greet(bench: TheBench) -> str:
    """Say what the profile says."""
    return f"{bench.settings.section.greeting} from {bench.settings.source.kind}"


async def work(bench: TheBench) -> str:
    """Compute in a thread, with progress, until the file `release` is there."""

    def compute() -> None:
        bench.mark("started")
        step = 0
        try:
            while not (bench.home / "release").exists():
                step += 1
                checkpoint(min(step / 1000, 0.99), f"step {step}")
                time.sleep(0.005)
        finally:
            bench.mark("stopped")

    await offload(compute)
    return "done"


def stubborn(bench: TheBench) -> str:
    """Be busy in a thread that never looks whether anybody still waits."""
    bench.mark("started")
    end = time.monotonic() + 50
    while time.monotonic() < end:
        time.sleep(0.01)
    return "done"


async def slow(seconds: Annotated[float, Field(ge=0, le=50)]) -> str:
    """Answer later."""
    await anyio.sleep(seconds)
    return "done"


async def noisy() -> str:
    """Write to standard output in every way there is, and read from standard input."""
    sys.stdout.write("python says\n")
    sys.stdout.flush()
    os.write(1, b"descriptor says\n")
    child = await anyio.run_process(
        [sys.executable, "-c", "print('child says'); print(repr(input()))"], stdout=None, check=False
    )
    return f"child left with {child.returncode}"


async def big(chars: Annotated[int, Field(ge=0, le=5_000_000)]) -> str:
    """Answer at length."""
    return "x" * chars


TOOLS = (
    reads(echo, "Echo"),
    reads(greet, "Greet"),
    reads(work, "Work"),
    reads(stubborn, "Be stubborn"),
    reads(slow, "Be slow"),
    reads(noisy, "Be noisy"),
    reads(big, "Be long"),
)


def build(settings: ServerSettings) -> OpenManagerServer:
    """Build the server."""
    return OpenManagerServer(
        "bench", state=Bench(settings), tools=TOOLS, limits=settings.limits, read_only=settings.read_only
    )


def command(*words: str) -> list[str]:
    """Give the words that start this file as a command."""
    return [sys.executable, str(Path(__file__).absolute()), *words]


def environment(home: Path) -> dict[str, str]:
    """Give an environment in which the command works and leaves its marks in `home`."""
    here = Path(__file__).absolute().parents[1]
    keep = {name: value for name, value in os.environ.items() if not name.startswith("OPENMANAGER_")}
    paths = os.pathsep.join(str(here / part) for part in ("shared", "servers", "tests"))
    return keep | {"PYTHONPATH": paths, "OPENMANAGER_HOME": str(home)}


def profile(folder: Path, text: str = "") -> Path:
    """Write a profile that lists this server."""
    path = folder / "bench.toml"
    path.write_text(f'servers = ["bench"]\n{text}')
    return path


def start(home: Path, *words: str, config: str = "", **options: object) -> subprocess.Popen[bytes]:
    """Start ``serve bench`` as a process with pipes."""
    home.mkdir(parents=True, exist_ok=True)
    path = profile(home, config)
    return subprocess.Popen(
        command("serve", "bench", "--config", str(path), *words),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(home),
        **options,  # type: ignore[call-overload]
    )


if __name__ == "__main__":
    from openmanager_kit.cli.main import main

    SERVERS["bench"] = "kit_served"
    sys.exit(main())
