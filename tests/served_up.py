"""``openmanager up`` as a process, for tests that use it from outside."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import httpx2
import psutil
import served


@dataclass
class Up:
    """A running service."""

    url: str
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    @property
    def base(self) -> str:
        return self.url.removesuffix("/mcp")

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(f"{self.base}{path}", timeout=20, trust_env=False)


@contextlib.contextmanager
def up(home: Path, *words: str, config: str = "development") -> Iterator[Up]:
    """Run ``openmanager up`` on a free port."""
    home.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        served.command("up", "--config", config, "--port", "0", "--servers", "5", *words),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env=served.environment(home),
    )  # fmt: skip
    assert process.stderr is not None
    before: list[str] = []
    line = process.stderr.readline()
    while line and "listens on" not in line:
        before.append(line)
        line = process.stderr.readline()
    running = Up(line.split()[-1] if line else "", process)
    reader = threading.Thread(target=lambda: running.lines.extend(process.stderr or ()), daemon=True)
    reader.start()
    try:
        assert running.url.startswith(("http://127.0.0.1:", "https://127.0.0.1:")), (before, line)
        yield running
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(10)
        reader.join(10)
        process.stderr.close()


async def until(happens: Callable[[], bool], within_s: float = 20) -> None:
    """Wait until something is so."""
    with anyio.fail_after(within_s):
        while not happens():  # noqa: ASYNC110 - another process has no event of ours to set
            await anyio.sleep(0.05)
