"""Keeps the workers of ``openmanager up`` running: starts them, starts them again, and ends them all.

It loads neither the SDK nor a server, so it stays small and has little that can fail. A worker that ends unasked is
started again after a wait that doubles from one failure to the next and is forgotten after a minute of service; one
whose event loop stands still is ended first. Workers hold the other end of a pipe and leave when it closes, so that
nothing stays behind even if this process is killed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType

from openmanager_kit.hosting.orders import Orders
from openmanager_kit.wording import said

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
SUSTAINED_S = 60.0
STILL_S = 30.0
START_S = 60.0
_LEAVE_S = 3.0
_EXIT_CONFIG = 2


@dataclass(slots=True)
class _Worker:
    number: int
    process: subprocess.Popen[bytes] | None = None
    beat: int = -1
    starts: int = 0
    failures: int = 0
    started_s: float = 0.0
    heard_s: float = 0.0
    ready: bool = False
    next_s: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Runs `workers` processes that serve on `sock`.

    Attributes
    ----------
    tell
        Called with a line when the first worker is ready, and when one had to be started again.
    still_s
        A worker whose event loop has not turned for so long is ended.
    """

    sock: socket.socket
    orders: Orders
    workers: int
    url: str
    tell: Callable[[str], None]
    environ: Mapping[str, str]
    still_s: float = STILL_S
    clock: Callable[[], float] = time.monotonic
    _stopping: int = 0
    _told: bool = False
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def run(self) -> int:
        """Serve until a signal comes; gives the exit code, 128 + signal, or 2 if the settings let nobody start."""
        folder = tempfile.mkdtemp(prefix="openmanager-metrics-")
        shared = tempfile.mkdtemp(prefix="openmanager-shared-")
        wake_r, wake_w = os.pipe()
        os.set_blocking(wake_w, False)
        former = {n: signal.signal(n, self._on_signal) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        former_wake = signal.set_wakeup_fd(wake_w, warn_on_full_buffer=False)
        self._selector.register(wake_r, selectors.EVENT_READ, None)
        self.orders = replace(self.orders, state_key=secrets.token_hex(32), shared=shared)
        crew = [_Worker(n) for n in range(self.workers)]
        try:
            return self._keep(crew, folder, wake_r)
        finally:
            self._end(crew)
            signal.set_wakeup_fd(former_wake)
            for number, handler in former.items():
                signal.signal(number, handler)
            os.close(wake_r)
            os.close(wake_w)
            self._selector.close()
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(shared, ignore_errors=True)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping = self._stopping or number

    def _keep(self, crew: list[_Worker], folder: str, wake: int) -> int:
        while not self._stopping:
            now = self.clock()
            for worker in crew:
                if worker.process is None and now >= worker.next_s:
                    self._start(worker, folder)
                elif worker.process is not None:
                    code = worker.process.poll()
                    if code is None:
                        self._check(worker, now)
                    else:
                        if code == _EXIT_CONFIG and not worker.ready:
                            return _EXIT_CONFIG
                        self._ended(worker, code, folder, now)
            for key, _ in self._selector.select(timeout=0.5):
                self._hear(key.data, wake)
        return 128 + self._stopping

    def _start(self, worker: _Worker, folder: str) -> None:
        beat_r, beat_w = os.pipe()
        worker.starts += 1
        orders = replace(
            self.orders, socket=self.sock.fileno(), beat=beat_w, starts=worker.starts, number=worker.number,
            workers=self.workers,
        )  # fmt: skip
        worker.process = subprocess.Popen(
            [sys.executable, "-m", "openmanager_kit.hosting.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=(self.sock.fileno(), beat_w),
            env={**self.environ, "PROMETHEUS_MULTIPROC_DIR": folder},
            start_new_session=True,
        )
        os.close(beat_w)
        os.set_blocking(beat_r, False)
        worker.beat, worker.ready = beat_r, False
        worker.started_s = worker.heard_s = self.clock()
        self._selector.register(beat_r, selectors.EVENT_READ, worker)
        assert worker.process.stdin is not None
        try:
            worker.process.stdin.write(orders.line())
            worker.process.stdin.flush()
        except BrokenPipeError:
            pass  # it is gone already; the next round sees its exit code

    def _hear(self, worker: _Worker | None, wake: int) -> None:
        if worker is None:
            os.read(wake, 512)
            return
        try:
            heard = os.read(worker.beat, 4096)
        except BlockingIOError:
            return
        if not heard:
            self._selector.unregister(worker.beat)
            return
        worker.heard_s = self.clock()
        if b"r" in heard:
            worker.ready = True
            if not self._told:
                self._told = True
                self.tell(said("openmanager listens on {url}", url=self.url))

    def _check(self, worker: _Worker, now: float) -> None:
        """End a worker that has gone quiet; its exit is seen in the next round."""
        patience = self.still_s if worker.ready else START_S
        if now - worker.heard_s > patience:
            self.tell(
                said(
                    "worker {number} has not moved for {seconds} s and is ended",
                    number=worker.number,
                    seconds=f"{patience:g}",
                )
            )
            _kill(worker)
        elif worker.failures and worker.ready and now - worker.started_s > SUSTAINED_S:
            worker.failures = 0

    def _ended(self, worker: _Worker, code: int, folder: str, now: float) -> None:
        assert worker.process is not None
        _kill(worker)  # what it started is in its group
        for left in Path(folder).glob(f"gauge_live*_{worker.process.pid}.db"):
            left.unlink(missing_ok=True)
        self._forget(worker)
        wait_s = min(FIRST_WAIT_S * 2.0**worker.failures, LONGEST_WAIT_S)
        worker.failures += 1
        worker.next_s = now + wait_s
        how = said("signal {number}", number=-code) if code < 0 else said("exit code {code}", code=code)
        text = "worker {number} ended with {how} and is started again in {seconds} s"
        self.tell(said(text, number=worker.number, how=how, seconds=f"{wait_s:g}"))

    def _forget(self, worker: _Worker) -> None:
        assert worker.process is not None
        if worker.beat in self._selector.get_map():
            self._selector.unregister(worker.beat)
        os.close(worker.beat)
        if worker.process.stdin is not None:
            worker.process.stdin.close()
        worker.process = None

    def _end(self, crew: list[_Worker]) -> None:
        """Ask every worker to leave, wait a moment, and end what is left."""
        running = [worker for worker in crew if worker.process is not None]
        for worker in running:
            assert worker.process is not None
            worker.process.terminate()
        deadline = time.monotonic() + _LEAVE_S
        for worker in running:
            assert worker.process is not None
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.process.wait(max(0.0, deadline - time.monotonic()))
            _kill(worker)
            worker.process.wait()
            self._forget(worker)


def _kill(worker: _Worker) -> None:
    """End a worker and whatever it started."""
    assert worker.process is not None
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(worker.process.pid, signal.SIGKILL)
