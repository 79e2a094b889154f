"""This machine as a fleet of one, measured by psutil."""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Sequence

import anyio
import anyio.to_thread
import numpy as np

from openmanager_core import catalog
from openmanager_core.errors import NotFound
from openmanager_core.fleet import Change, Fleet, ServerInstance, ServerSpec
from openmanager_core.panel import Panel, Window
from openmanager_core.source._grid import Float64, Samples
from openmanager_core.source._inventory import architecture
from openmanager_core.source.base import Ranking, SourceStatus
from openmanager_core.source.screened import read_and_rank, require_span
from openmanager_core.source.settings import SourceSettings
from openmanager_core.wording import sentence

_HISTORY_S = 6 * 3600.0
_FASTEST_S, _SLOWEST_S = 1.0, 2.0
_PRIME_S = 0.25


class HostSource:
    """Measures this machine from the first question on, and remembers the newest six hours.

    A sampling thread starts with the first call and ends with `aclose`; the first call waits a quarter of
    a second for two samples, so that it already has an answer. What was before the first call is ``nan``.

    Parameters
    ----------
    interval_s
        Seconds between samples, above 0.
    history_s
        How much is remembered; memory is fixed from the start.
    """

    kind = "host"

    def __init__(self, *, interval_s: float = _SLOWEST_S, history_s: float = _HISTORY_S) -> None:
        from openmanager_core.source._psutil import Probe  # psutil is there for whoever watches this machine

        self._interval_s = interval_s
        self._probe = Probe()
        self._size = max(2, int(history_s / interval_s))
        self._times = np.full(self._size, np.nan)
        self._values = np.full((len(self._probe.metrics), self._size), np.nan)
        self._taken = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure = ""
        name = platform.node() or "localhost"
        self._id = name

    @classmethod
    def from_settings(cls, settings: SourceSettings) -> HostSource:
        """A source that samples every `tick_s` seconds, kept between one and two."""
        return cls(interval_s=min(max(settings.tick_s, _FASTEST_S), _SLOWEST_S))

    async def now_s(self) -> float:
        """The wall clock, not before the first sample: the first question has something to look back on."""
        await self._started()
        return time.time()

    async def inventory(self) -> Fleet:
        """One server: this machine, with its real size."""
        from openmanager_core.source._psutil import machine_spec

        cores, memory, disk, network = await anyio.to_thread.run_sync(machine_spec)
        spec = ServerSpec(cores, memory, disk, network)
        machine = ServerInstance(
            self._id, self._id, architecture=architecture(platform.machine()), role=platform.system(), spec=spec
        )
        return Fleet((machine,))

    async def metrics(self) -> tuple[str, ...]:
        """What psutil can tell on this system, in catalogue order."""
        return self._probe.metrics

    async def read(self, metric: str, window: Window, hosts: Sequence[str] | None = None) -> Panel:
        """The newest sample at each instant, not older than the larger of the step and three intervals."""
        row = self._row(metric)
        names = self._hosts(hosts)
        await self._started()
        samples = self._samples(row)
        stale_s = max(window.step_s, 3 * self._interval_s)
        at = window.times_s()
        values = samples.on_grid(np.zeros(len(names), dtype=np.int64), at, stale_s)
        return Panel(metric, names, at, values)

    async def latest(self, metric: str, at_s: float, over_s: float = 60.0) -> Panel:
        """Mean of the samples in ``(at_s - over_s, at_s]``."""
        require_span(over_s)
        row = self._row(metric)
        await self._started()
        values = self._samples(row).mean_between(np.zeros(1, dtype=np.int64), at_s - over_s, at_s)
        return Panel(metric, (self._id,), np.array([at_s]), values[:, None])

    async def rank(self, metrics: Sequence[str], window: Window, k: int, hosts: Sequence[str] | None = None) -> Ranking:
        """By reading everything: it is one machine."""
        return await read_and_rank(self, metrics, window, k, hosts)

    async def changes(self, window: Window) -> tuple[Change, ...]:
        """The start of the machine, if it was inside the window."""
        import psutil

        booted_s = float(psutil.boot_time())
        if window.start_s <= booted_s < window.end_s:
            return (Change("restart", booted_s, self._id, "the machine was started"),)
        return ()

    async def status(self) -> SourceStatus:
        """Ok while the sampler runs."""
        with self._lock:
            newest = float(self._times[(self._taken - 1) % self._size]) if self._taken else None
        if self._failure:
            return SourceStatus(self.kind, "down", newest, detail=self._failure, problems=self._probe.problems)
        hours = self._size * self._interval_s / 3600
        detail = sentence("origin.host", interval_s=self._interval_s, hours=hours)
        return SourceStatus(self.kind, "ok", newest, detail=detail, problems=self._probe.problems)

    async def aclose(self) -> None:
        """End the sampling thread; a later question starts a new one."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stop.set()
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(thread.join, 5.0)

    async def _started(self) -> None:
        """Start sampling at the first question and wait until there is something to tell."""
        if self._thread is None:
            self._stop, self._ready = threading.Event(), threading.Event()
            # A daemon, so that a process whose owner forgot `aclose` can still end.
            self._thread = threading.Thread(
                target=self._sample, args=(self._stop, self._ready), name="openmanager-host", daemon=True
            )
            self._thread.start()
        if not self._ready.is_set():
            await anyio.to_thread.run_sync(self._ready.wait, 5.0, abandon_on_cancel=True)

    def _sample(self, stop: threading.Event, ready: threading.Event) -> None:
        """The thread: prime, then one sample per interval on a fixed beat, until told to stop."""
        try:
            self._probe.sample()  # rates need a first reading to count from
            stop.wait(_PRIME_S)
            beat = time.monotonic()
            while not stop.is_set():
                self._remember(time.time(), self._probe.sample())
                ready.set()
                beat = max(beat + self._interval_s, time.monotonic())
                stop.wait(max(0.0, beat - time.monotonic()))
        except Exception as exc:
            # Nobody waits for this thread: its end must be visible in `status`, not lost on stderr.
            self._failure = sentence("origin.ended", error=type(exc).__name__)
        finally:
            ready.set()

    def _remember(self, at_s: float, values: Float64) -> None:
        with self._lock:
            newest = self._times[(self._taken - 1) % self._size]
            if self._taken and at_s <= newest:
                return  # the wall clock was set back; wait until it passes its former self
            self._times[self._taken % self._size] = at_s
            self._values[:, self._taken % self._size] = values
            self._taken += 1

    def _samples(self, row: int) -> Samples:
        with self._lock:
            kept = min(self._taken, self._size)
            order = np.arange(self._taken - kept, self._taken) % self._size
            return Samples(np.array([0, kept]), self._times[order], self._values[row][order])

    def _row(self, metric: str) -> int:
        name = catalog.metric(metric).name
        if name not in self._probe.metrics:
            raise NotFound(f"no server here has {name}", hint=f"this machine has {', '.join(self._probe.metrics[:8])}")
        return self._probe.metrics.index(name)

    def _hosts(self, hosts: Sequence[str] | None) -> tuple[str, ...]:
        for host in hosts or ():
            if host != self._id:
                raise NotFound.named("server", host, (self._id,), hint=f"the only server is {self._id}")
        return (self._id,) if hosts is None else tuple(hosts)
