"""Long work that can be watched and stopped.

Numerical code calls `checkpoint()` between blocks of work (each well under 100 ms). Whoever started the
job hears the progress and can cancel it; without a job, a checkpoint costs one look-up. A note names the step and what
was found so far: ``screening: 4,096 of 10,000 servers, 3 unusual so far``.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import ParamSpec, TypeVar

import anyio
import anyio.to_thread

from openmanager_core.errors import JobCancelled

P = ParamSpec("P")
T = TypeVar("T")


class Job:
    """One piece of work that somebody waits for.

    Parameters
    ----------
    report
        Hears the progress.
    patience
        Says how many times as long as its threads take to compute they rest at their checkpoints, so that others get
        on meanwhile; 0 while somebody waits. On a busy machine they take longer, and rest longer.
    """

    def __init__(
        self,
        report: Callable[[float, str], None] | None = None,
        patience: Callable[[], float] | None = None,
    ) -> None:
        self._cancelled = threading.Event()
        self._report = report
        self._patience = patience

    def cancel(self) -> None:
        """Let the next checkpoint raise `JobCancelled`."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the work any more."""
        return self._cancelled.is_set()

    @property
    def patience(self) -> float:
        """How patient it is now; 0 for in a hurry."""
        return 0.0 if self._patience is None else self._patience()

    def checkpoint(self, done_ratio: float, note: str) -> None:
        """Stop here if cancelled, else pass the progress on (`done_ratio` below 0: nothing to say)."""
        if self._cancelled.is_set():
            raise JobCancelled
        if self._patience is not None and (patience := self._patience()):
            _rest(patience)
        self.tell(done_ratio, note)

    def tell(self, done_ratio: float, note: str) -> None:
        """Pass the progress on, cancelled or not."""
        if self._report is not None and done_ratio >= 0:
            self._report(min(done_ratio, 1.0), note)


_LEAST_S, _LONGEST_REST_S = 0.002, 0.1
_thread = threading.local()


def _rest(patience: float) -> None:
    """Let a thread that has computed for a while rest; an event loop never does."""
    if asyncio._get_running_loop() is not None:
        return
    now_s = time.perf_counter()
    since_s = getattr(_thread, "since_s", None)
    if since_s is not None and now_s - since_s < _LEAST_S:
        return
    if since_s is not None:
        time.sleep(min((now_s - since_s) * patience, _LONGEST_REST_S))
    _thread.since_s = time.perf_counter()


current_job: ContextVar[Job | None] = ContextVar("openmanager_job", default=None)
_part: ContextVar[tuple[float, float]] = ContextVar("openmanager_part", default=(0.0, 1.0))
_limiter: ContextVar[anyio.CapacityLimiter | None] = ContextVar("openmanager_threads", default=None)


def checkpoint(done_ratio: float = -1.0, note: str = "") -> None:
    """Tell the current job how far the work is, and stop if nobody waits any more.

    Raises
    ------
    JobCancelled
        If the job was cancelled.
    """
    job = current_job.get()
    if job is not None:
        first, last = _part.get()
        job.checkpoint(first + (last - first) * min(done_ratio, 1.0) if done_ratio >= 0 else done_ratio, note)


@contextmanager
def part(first: float, last: float) -> Iterator[None]:
    """Let what is done inside of the block, counted from 0 to 1, be this part of what is done around it.

    A step that other code runs too counts its own work only; without this its progress would fall back.
    """
    low, high = _part.get()
    token = _part.set((low + first * (high - low), low + last * (high - low)))
    try:
        yield
    finally:
        _part.reset(token)


def listener() -> Callable[[float, str], None] | None:
    """Give what tells the current job, from anywhere, how far a part of it is that others do; None without a job.

    They count from 0 to 1; to this job it is the part that is under way here and now.
    """
    job, (first, last) = current_job.get(), _part.get()
    if job is None:
        return None

    def tell(done_ratio: float, note: str) -> None:
        job.tell(first + (last - first) * min(done_ratio, 1.0) if done_ratio >= 0 else done_ratio, note)

    return tell


def work_for(job: Job) -> None:
    """Let what this context does from now on be this job, all of it, and nobody else's."""
    current_job.set(job)
    _part.set((0.0, 1.0))


def use_threads(limiter: anyio.CapacityLimiter) -> None:
    """Let `offload` in this context take its threads from `limiter`, apart from anyio's own 40."""
    _limiter.set(limiter)


async def offload(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work` in a thread; when the caller is cancelled, stop it at its next checkpoint.

    The thread inherits the context, so the current job's progress reporting reaches it. A call
    without a job gets one of its own, so that cancelling always works.
    """
    job = current_job.get() or Job()
    token = current_job.set(job)
    try:
        return await anyio.to_thread.run_sync(
            partial(work, *args, **kwargs), abandon_on_cancel=True, limiter=_limiter.get()
        )
    except anyio.get_cancelled_exc_class():
        job.cancel()
        raise
    finally:
        current_job.reset(token)
