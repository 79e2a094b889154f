"""What a service has done, for Prometheus: calls by server and tool, how they ended, how long they took.

`prometheus_client` counts; with several workers it does so in files that each of them can read, so that whichever
worker is asked answers for all of them, those that are gone included.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache, partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS
from prometheus_client.openmetrics.exposition import generate_latest as as_openmetrics

from openmanager_kit.hosting.members import Member
from openmanager_kit.watchers import Call

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The counters of one worker.

    Parameters
    ----------
    starts
        How often the supervisor has started this worker.
    """

    def __init__(self, starts: int = 1) -> None:
        self._registry = CollectorRegistry()
        many = bool(os.environ.get(FOLDER))
        self._calls = Counter(
            "openmanager_tool_calls", "Calls of tools by how they ended", ["server", "tool", "outcome"],
            registry=self._registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "openmanager_tool_call_seconds", "How long calls of tools took", ["server", "tool"],
            buckets=_BUCKETS_S, registry=self._registry,
        )  # fmt: skip
        self._in_progress = Gauge(
            "openmanager_tool_calls_in_progress", "Calls of tools that run or wait", ["server"],
            registry=self._registry, multiprocess_mode="livesum",
        )  # fmt: skip
        self._up = Gauge(
            "openmanager_server_up", "Whether a server of the profile is served", ["server"],
            registry=self._registry, multiprocess_mode="livemin",
        )  # fmt: skip
        restarts = Counter(
            "openmanager_worker_restarts", "Workers that ended unasked and were started again",
            registry=self._registry,
        )  # fmt: skip
        restarts.inc(1 if starts > 1 else 0)
        self._source = self._registry
        if many:
            self._source = CollectorRegistry()
            MultiProcessCollector(self._source)  # type: ignore[no-untyped-call]

    def watch(self, member: Member) -> None:
        """Count the calls of a member from now on."""
        self._up.labels(member.name).set(member.server is not None)
        if member.server is not None:
            member.server.watchers.insert(0, self._watcher(member.name))

    def _watcher(self, server: str) -> Callable[[Call], AbstractAsyncContextManager[None]]:
        gauge = self._in_progress.labels(server)
        calls = cache(partial(self._calls.labels, server))  # a counter is asked for by tool and outcome: a bounded lot
        seconds = cache(partial(self._seconds.labels, server))

        @asynccontextmanager
        async def look(call: Call) -> AsyncIterator[None]:
            gauge.inc()
            try:
                yield
            finally:
                gauge.dec()
                calls(call.tool.name, call.outcome or "cancelled").inc()
                seconds(call.tool.name).observe(call.seconds)

        return look

    def exposition(self) -> tuple[str, bytes]:
        """Give the content type and the text, as OpenMetrics."""
        text: bytes = as_openmetrics(self._source)  # type: ignore[no-untyped-call]
        return OPENMETRICS, text
