"""`openmanager` as a process, for tests that use it from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mcp.client.stdio import StdioServerParameters


def environment(home: Path) -> dict[str, str]:
    """A child's environment: finds the modules that we find, keeps its state in `home`, no settings of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENMANAGER_")}
    return {**kept, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "OPENMANAGER_HOME": str(home)}


def command(*words: str) -> list[str]:
    """The command line of ``openmanager words``."""
    return [sys.executable, "-m", "openmanager_kit", *words]


def over_stdio(home: Path, *words: str, server: str = "openmanager-local") -> StdioServerParameters:
    """What a client needs to start a server itself."""
    started = command("serve", server, *words)
    return StdioServerParameters(command=started[0], args=started[1:], env=environment(home))


@contextmanager
def over_http(home: Path, *words: str, server: str = "openmanager-local") -> Iterator[str]:
    """The address of a server that serves HTTP until the block ends."""
    process = subprocess.Popen(
        command("serve", server, "--http", "127.0.0.1:0", *words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(home),
        start_new_session=True,
    )
    assert process.stderr is not None
    try:
        yield process.stderr.readline().decode().split()[-1]
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def run(home: Path, words: Sequence[str], given: str = "", timeout_s: float = 50) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        command(*words), input=given, capture_output=True, text=True, timeout=timeout_s, env=environment(home)
    )
