"""The calls of the Prometheus HTTP API that we make, with their answers as numbers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeVar

from openmanager_core.errors import SourceInvalid
from openmanager_core.job import offload
from openmanager_core.source.prometheus import decode
from openmanager_core.source.prometheus.decode import Series
from openmanager_core.source.prometheus.transport import EngineRefused, Transport

T = TypeVar("T")
Vector = list[tuple[dict[str, str], float]]

_OFFLOAD_BYTES = 50_000
_KEPT_PROBLEMS = 20


class Engine:
    """Asks one engine. Every call raises `SourceUnavailable` or `SourceInvalid` as `Transport.post` says."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.name = f"the engine at {transport.access.shown}"
        self._problems: OrderedDict[str, None] = OrderedDict()

    @property
    def problems(self) -> tuple[str, ...]:
        """What the engine warned of, newest last."""
        return tuple(self._problems)

    def note(self, *problems: str) -> None:
        """Keep a problem to be told with the source's status; the oldest ones make room."""
        for problem in problems:
            self._problems.pop(problem, None)
            self._problems[problem] = None
        while len(self._problems) > _KEPT_PROBLEMS:
            self._problems.popitem(last=False)

    async def query(self, expression: str, at_s: float) -> Vector:
        """An instant query whose answer is a vector."""
        body = await self._post("query", [("query", expression), ("time", _stamp(at_s))])
        found, warnings = await _decoded(decode.vector, body, self.name)
        self.note(*warnings)
        return found

    async def query_samples(self, expression: str, at_s: float) -> list[Series]:
        """An instant query of a range selector: the samples as they were scraped."""
        body = await self._post("query", [("query", expression), ("time", _stamp(at_s))])
        found, warnings = await _decoded(decode.matrix, body, self.name)
        self.note(*warnings)
        return found

    async def query_range(self, expression: str, start_s: float, end_s: float, step_s: float) -> list[Series]:
        """A range query; `end_s` is included when it is on the grid."""
        form = [("query", expression), ("start", _stamp(start_s)), ("end", _stamp(end_s)), ("step", _stamp(step_s))]
        # VictoriaMetrics moves start and end for its cache unless told not to; the others ignore the word.
        body = await self._post("query_range", [*form, ("nocache", "1")])
        found, warnings = await _decoded(decode.matrix, body, self.name)
        self.note(*warnings)
        return found

    async def label_values(self, label: str, matches: Sequence[str] = (), start_s: float | None = None) -> list[str]:
        """Values of one label among the series that match."""
        form = [("match[]", m) for m in matches] + ([("start", _stamp(start_s))] if start_s is not None else [])
        found, warnings = decode.texts(await self._get(f"label/{label}/values", form), self.name)
        self.note(*warnings)
        return found

    async def series(self, matches: Sequence[str], start_s: float) -> list[dict[str, str]]:
        """Label sets of the series that match and had a sample since `start_s`, to about a block's length."""
        form = [("match[]", m) for m in matches] + [("start", _stamp(start_s))]
        found, warnings = await _decoded(decode.label_sets, await self._post("series", form), self.name)
        self.note(*warnings)
        return found

    async def kind_of(self, name: str) -> str:
        """``counter``, ``gauge`` and so on, as the metric's exporter says; empty where the engine does not know."""
        try:
            answer = decode.envelope(await self._get("metadata", [("metric", name), ("limit", "1")]), self.name)
        except SourceInvalid:
            return ""
        rows = answer.data.get(name) if isinstance(answer.data, dict) else None
        kind = rows[0].get("type") if isinstance(rows, list) and rows and isinstance(rows[0], dict) else ""
        return kind if isinstance(kind, str) else ""

    async def version(self) -> str:
        """What the engine calls itself, one printable line; empty where it does not tell."""
        try:
            answer = decode.envelope(await self.transport.get("status/buildinfo"), self.name)
        except (EngineRefused, SourceInvalid):
            return ""
        version = answer.data.get("version") if isinstance(answer.data, dict) else None
        return "".join(c for c in str(version or "")[:60] if c.isprintable())

    async def _post(self, path: str, form: list[tuple[str, str]]) -> bytes:
        try:
            return await self.transport.post(path, form)
        except EngineRefused as exc:
            raise _too_much(exc) from exc

    async def _get(self, path: str, form: list[tuple[str, str]]) -> bytes:
        try:
            return await self.transport.get(path, form)
        except EngineRefused as exc:
            raise _too_much(exc) from exc


def _too_much(exc: EngineRefused) -> SourceInvalid:
    hint = "ask for fewer servers, a shorter window or a larger step_s; check [source.mapping]"
    return SourceInvalid(exc.message, hint=hint)


async def _decoded(how: Callable[[bytes, str], T], body: bytes, name: str) -> T:
    """Decode large answers in a thread: a megabyte takes a few milliseconds."""
    return how(body, name) if len(body) < _OFFLOAD_BYTES else await offload(how, body, name)


def _stamp(seconds: float) -> str:
    """Seconds with milliseconds, the engine's own resolution."""
    return f"{seconds:.3f}"
