"""Registry documents over HTTP: from memory while they are fresh, revalidated afterwards, from disk without a network.

What a source sends is parsed before it is kept, so that garbage never takes the place of the last good copy.
"""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from openmanager_core.errors import FleetError, NotFound, SourceUnavailable, StorageUnavailable
from openmanager_core.job import offload
from openmanager_kit.flights import Flights
from openmanager_kit.web import Malformed, RateLimited, Refused, TimedOut, TooLarge, WebClient, WebLimits
from openmanager_shadcn.items import DOCUMENT_BYTES
from openmanager_shadcn.sources import Ask
from openmanager_shadcn.storing import Copy, Store

T = TypeVar("T")

MEMORY_BYTES = 24 * 1024 * 1024
MEMORY_ENTRIES = 1_000
LEFT_ALONE_S = 20.0
"""After a failure a source is not asked for its index, nor for what there is a copy of, for so long."""
ABSENT_S = 30.0
"""What a source does not have is not asked for again for so long."""
_THREAD_BYTES = 16 * 1024
_MOST_ORIGINS = 500
_ACCEPT = "application/vnd.shadcn.v1+json, application/json;q=0.9"
_AWAY = (SourceUnavailable, TimedOut, RateLimited, Refused, Malformed, TooLarge)


@dataclass(frozen=True, slots=True)
class Held(Generic[T]):
    """A parsed document and how old it is.

    Attributes
    ----------
    checked_s
        Unix seconds at which its source last confirmed it; 0 for local files.
    problem
        Why an older copy stands in; empty if none does.
    """

    value: T
    checked_s: float
    problem: str = ""

    @property
    def stale(self) -> bool:
        """Whether an older copy stands in."""
        return bool(self.problem)


@dataclass(slots=True)
class _Kept:
    value: Any
    size: int
    etag: str
    last_modified: str
    checked_s: float
    fresh_until: float


class Documents:
    """All documents of this process.

    Parameters
    ----------
    ttl_s
        So long a document is taken to be what its source has.
    """

    def __init__(
        self, client: WebClient, store: Store, *, limits: WebLimits, ttl_s: float, memory_bytes: int = MEMORY_BYTES
    ) -> None:
        self._client, self._store, self._limits = client, store, limits
        self._ttl_s, self._memory_bytes = ttl_s, memory_bytes
        self._memory: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._used = 0
        self._flights: Flights[Held[Any]] = Flights()
        self._failed: dict[str, tuple[float, FleetError]] = {}
        self._absent: dict[str, tuple[float, str]] = {}

    async def get(self, ask: Ask, kind: str, parse: Callable[[bytes], T]) -> Held[T]:
        """Give a document, parsed; equal requests at the same time are one.

        Parameters
        ----------
        kind
            Names `parse`: results of different kinds are kept apart.

        Raises
        ------
        NotFound
            If its source says that there is none.
        FleetError
            If its source does not answer or not with such a document, and there is no copy.
        """
        key = (ask.key, kind)
        kept = self._memory.get(key)
        if kept is not None and time.monotonic() < kept.fresh_until:
            self._memory.move_to_end(key)
            return Held(kept.value, kept.checked_s)
        until, message = self._absent.get(ask.key, (0.0, ""))
        if time.monotonic() < until:
            raise NotFound(message)
        return await self._flights.once(key, lambda: self._get(ask, key, parse))

    @property
    def away(self) -> list[str]:
        """Why registries are left alone for now, without secrets; the name of each is in it."""
        now = time.monotonic()
        return [failure.message for until, failure in self._failed.values() if now < until]

    async def aclose(self) -> None:
        """Close connections."""
        await self._client.aclose()

    async def _get(self, ask: Ask, key: tuple[str, str], parse: Callable[[bytes], T]) -> Held[T]:
        kept = self._memory.get(key) or await self._from_disk(ask, key, parse)
        if kept is not None and time.monotonic() < kept.fresh_until:
            return Held(kept.value, kept.checked_s)
        until, failure = self._failed.get(ask.origin, (0.0, None))
        if failure is not None and time.monotonic() < until:
            if kept is not None:
                return Held(kept.value, kept.checked_s, failure.message)
            if key[1] == "index":  # a search of several registries does not wait for the dead one each time
                raise failure.with_traceback(None)
        try:
            held = await self._ask(ask, key, kept, parse)
        except NotFound as exc:
            self._forget(key)
            await offload(self._store.drop, ask.key)
            absent = ask.blanked(exc)
            if len(self._absent) >= MEMORY_ENTRIES:
                self._absent.clear()
            self._absent[ask.key] = (time.monotonic() + min(self._ttl_s, ABSENT_S), absent.message)
            raise absent from None
        except FleetError as exc:
            clean = ask.blanked(exc)
            if not isinstance(exc, (*_AWAY, _Unusable)):
                raise clean from None
            if isinstance(exc, (SourceUnavailable, TimedOut, RateLimited)):
                self._note_failure(ask.origin, clean)
            if kept is None:
                raise (exc.cause if isinstance(exc, _Unusable) else clean) from None
            return Held(kept.value, kept.checked_s, clean.message)
        self._failed.pop(ask.origin, None)
        return held

    async def _ask(self, ask: Ask, key: tuple[str, str], kept: _Kept | None, parse: Callable[[bytes], T]) -> Held[T]:
        headers = {"accept": _ACCEPT, **ask.headers}
        if kept is not None and kept.etag:
            headers["if-none-match"] = kept.etag
        if kept is not None and kept.last_modified:
            headers["if-modified-since"] = kept.last_modified
        page = await self._client.get(ask.url, headers=headers, limits=self._limits)
        now_s = time.time()
        if page.status == 304 and kept is not None:
            kept.checked_s, kept.fresh_until = now_s, time.monotonic() + self._ttl_s
            await offload(self._store.confirm, ask.key, now_s)
            return Held(kept.value, now_s)
        page.ensure_ok()
        value = await _parsed(page.body, parse)
        copy = Copy(page.body, page.headers.get("etag", ""), page.headers.get("last-modified", ""), now_s)
        with contextlib.suppress(StorageUnavailable):  # a full disk takes the copy away, not the answer
            await offload(self._store.put, ask.key, copy)
        self._keep(key, value, copy)
        return Held(value, now_s)

    async def _from_disk(self, ask: Ask, key: tuple[str, str], parse: Callable[[bytes], T]) -> _Kept | None:
        copy = await offload(self._store.get, ask.key)
        if copy is None:
            return None
        try:
            value = await _parsed(copy.body, parse)
        except _Unusable:
            return None
        return self._keep(key, value, copy)

    def _keep(self, key: tuple[str, str], value: Any, copy: Copy) -> _Kept:
        age_s = max(0.0, time.time() - copy.checked_s)
        until = time.monotonic() + self._ttl_s - age_s
        kept = _Kept(value, len(copy.body) + 512, copy.etag, copy.last_modified, copy.checked_s, until)
        self._forget(key)
        self._memory[key] = kept
        self._used += kept.size
        while self._memory and (self._used > self._memory_bytes or len(self._memory) > MEMORY_ENTRIES):
            _, oldest = self._memory.popitem(last=False)
            self._used -= oldest.size
        return kept

    def _forget(self, key: tuple[str, str]) -> None:
        gone = self._memory.pop(key, None)
        if gone is not None:
            self._used -= gone.size

    def _note_failure(self, origin: str, failure: FleetError) -> None:
        if len(self._failed) >= _MOST_ORIGINS:
            self._failed.clear()
        self._failed[origin] = (time.monotonic() + LEFT_ALONE_S, failure)


class _Unusable(FleetError):
    """What came is not a document of the wanted kind."""

    def __init__(self, cause: FleetError) -> None:
        super().__init__(cause.message, hint=cause.hint)
        self.cause = cause


async def _parsed(body: bytes, parse: Callable[[bytes], T]) -> T:
    try:
        return parse(body) if len(body) <= _THREAD_BYTES else await offload(parse, body)
    except FleetError as exc:
        raise _Unusable(exc) from None


def web_limits(timeout_s: float) -> WebLimits:
    """Give the bounds of one request to a registry."""
    return WebLimits(
        wire_bytes=DOCUMENT_BYTES,
        body_bytes=DOCUMENT_BYTES,
        connect_s=min(5.0, timeout_s),
        first_byte_s=min(8.0, timeout_s),
        between_s=min(5.0, timeout_s),
        total_s=timeout_s,
    )
