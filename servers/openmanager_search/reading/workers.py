"""The parsing processes as the server sees them: started at the first page, ended when they are too slow or too big."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import anyio

from openmanager_core.errors import DeadlineExceeded, FleetError
from openmanager_kit.child import plain_environment
from openmanager_kit.web import Malformed

_MOST_PEAK_KIB = 400 * 1024
_STREAM_BYTES = 4 * 1024 * 1024
WORKERS = 2
"""So that a small page does not wait for a large one."""


class ParserFailed(FleetError):
    """The page could not be parsed."""

    code = "unreadable"


@dataclass
class _Worker:
    process: asyncio.subprocess.Process
    uses: int = 0

    async def ask(self, job: dict[str, Any], body: bytes) -> tuple[dict[str, Any], str]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({**job, "size": len(body)}).encode() + b"\n" + body)
        await self.process.stdin.drain()
        facts = json.loads(await self.process.stdout.readuntil(b"\n"))
        data = await self.process.stdout.readexactly(facts["size"])
        self.uses += 1
        return facts, data.decode("utf-8")

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()

    async def gone(self) -> None:
        """End it, and leave nothing of it behind."""
        self.end()
        with anyio.CancelScope(shield=True), anyio.move_on_after(1):
            await self.process.wait()
        getattr(self.process, "_transport").close()  # noqa: B009 - asyncio has no public way to close its pipes


class Workers:
    """Up to two processes that parse, one job each at a time."""

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._idle: list[_Worker] = []
        self._turn = anyio.Semaphore(WORKERS)
        self._starting: set[asyncio.Task[None]] = set()
        self._closed = False

    def warm(self) -> None:
        """Start the processes while the first page is still on its way."""
        for _ in range(WORKERS - len(self._idle) - len(self._starting)):
            task = asyncio.ensure_future(self._add())
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)

    async def run(self, job: dict[str, Any], body: bytes) -> tuple[dict[str, Any], str]:
        """Do a job: its facts and its text.

        Raises
        ------
        DeadlineExceeded
            If it takes too long; the process has been ended then.
        ParserFailed
            If it can not be done.
        """
        async with self._turn:
            worker = await self._take()
            done = False
            try:
                with anyio.move_on_after(self._deadline_s):
                    facts, text = await worker.ask({**job, "deadline_s": self._deadline_s}, body)
                    done = True
            except (OSError, EOFError, ValueError):  # it died: of this page, or of memory
                raise ParserFailed(
                    "the page could not be parsed: the parser gave up on it", hint="another page, or raw"
                ) from None
            finally:
                if done and worker.alive and not self._closed and facts["peak_kib"] < _MOST_PEAK_KIB:
                    self._idle.append(worker)
                else:
                    await worker.gone()
        if not done:
            raise DeadlineExceeded(
                f"the page could not be parsed within {self._deadline_s:g} s", hint="another page, or raw"
            )
        if "unreadable" in facts:
            raise Malformed(f"no text can be had: {facts['unreadable']}", hint="another page for the same")
        if "failed" in facts:
            raise ParserFailed(f"the page could not be parsed ({facts['failed']})", hint="another page, or raw")
        return facts, text

    async def _take(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            await worker.gone()
        for task in list(self._starting):
            await asyncio.wait([task])
            if self._idle:
                return self._idle.pop()
        return await _started()

    async def _add(self) -> None:
        worker = await _started()
        if self._closed or len(self._idle) >= WORKERS:
            await worker.gone()
        else:
            self._idle.append(worker)

    async def aclose(self) -> None:
        """End the processes."""
        self._closed = True
        for task in list(self._starting):
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        while self._idle:
            await self._idle.pop().gone()


async def _started() -> _Worker:
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "openmanager_search.reading.worker",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=plain_environment(PYTHONPATH=os.pathsep.join(path for path in sys.path if path), PYTHONUTF8="1"),
            start_new_session=True, limit=_STREAM_BYTES,
        )  # fmt: skip
    except OSError as exc:
        raise ParserFailed(f"the parser cannot be started: {exc.strerror}", hint="again later") from exc
    return _Worker(process)
