"""DuckDuckGo, through the ddgs package in a worker process; needs no key."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio

from openmanager_core.errors import SourceInvalid, SourceUnavailable
from openmanager_core.text import visible
from openmanager_kit import child
from openmanager_search.engines.base import Blocked, Hit, Page, Query, RateLimited, TimedOut, text_in

TIMEOUT_S = 8
_START_S = 5.0
_FULL = 8  # a page with fewer is the last: another request would bring nothing
_ANSWER_BYTES = 8 * 1024**2
_WORKER = Path(__file__).with_name("ddgs_worker.py")
_ELSEWHERE = "another engine, or a SearXNG instance of your own ([search] searxng_url in the profile)"


class _Worker:
    """The running process, and what it says line by line."""

    def __init__(self, running: child.Child, chunks: AsyncIterator[bytes], leave: AsyncExitStack) -> None:
        self.running = running
        self._chunks = chunks
        self._leave = leave
        self._rest = b""

    async def ask(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Give its answer; None if it has left."""
        try:
            await self.running.say(json.dumps(request).encode("ascii") + b"\n")
        except ConnectionError:
            return None
        while b"\n" not in self._rest:
            chunk = await anext(self._chunks, b"")
            if not chunk:
                return None
            self._rest += chunk
            if len(self._rest) > _ANSWER_BYTES:
                raise SourceInvalid("duckduckgo sent more results than anybody wants", hint=_ELSEWHERE)
        line, _, self._rest = self._rest.partition(b"\n")
        said: dict[str, Any] = json.loads(line)
        return said

    async def end(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._leave.aclose()


class DuckDuckGo:
    """The engine.

    Parameters
    ----------
    proxy, ca_file
        As ddgs takes them; empty for none and for the usual authorities.
    timeout_s
        Whole seconds for one request of ddgs; a search of news, images or videos makes two.
    """

    name = "duckduckgo"
    kinds = frozenset(("text", "news", "images", "videos"))
    kept = True

    def __init__(self, proxy: str = "", ca_file: str = "", timeout_s: int = TIMEOUT_S) -> None:
        self._proxy = proxy
        self._ca_file = ca_file
        self._timeout_s = timeout_s
        self._turn = anyio.Lock()
        self._worker: _Worker | None = None

    async def search(self, query: Query, page: int) -> Page:
        """Ask DuckDuckGo and nobody else; see `base.Engine`."""
        request = {
            "kind": query.kind,
            "text": query.words,
            "region": query.region or "wt-wt",
            "safe": query.safe_search,
            "time": query.time_range[:1],
            "page": page,
            "proxy": self._proxy,
            "ca_file": self._ca_file,
            "timeout_s": self._timeout_s,
        }
        async with self._turn:
            said = await self._ask(request)
        return _page(said, self._timeout_s)

    async def aclose(self) -> None:
        """End the worker."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.end()

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        requests = 1 if request["kind"] == "text" else 2
        try:
            with anyio.fail_after(_START_S + self._timeout_s * requests):
                while True:
                    used_before = self._worker is not None
                    worker = await self._started()
                    said = await worker.ask(request)
                    if said is not None:
                        return said
                    await self.aclose()
                    if not used_before:  # one that left while idle is replaced; one that fell over this request is not
                        break
        except TimeoutError:
            await self.aclose()
            raise TimedOut(_late(self._timeout_s), hint=f"again later, or {_ELSEWHERE}") from None
        except BaseException:
            await self.aclose()  # given up in the middle of a request: the process ends with it
            raise
        raise SourceUnavailable("the process that asks duckduckgo ended before it answered", hint=_ELSEWHERE)

    async def _started(self) -> _Worker:
        if self._worker is not None and self._worker.running.code is not None:
            await self.aclose()
        if self._worker is None:
            leave = AsyncExitStack()
            words = [sys.executable, "-I", str(_WORKER)]
            environ = child.plain_environment(MALLOC_ARENA_MAX="2")  # its memory is limited: no room set aside
            running = await leave.enter_async_context(child.child(words, given=True, env=environ))
            self._worker = _Worker(running, running.chunks(), leave)
        return self._worker


def _late(timeout_s: int) -> str:
    return f"duckduckgo gave no complete answer within {timeout_s} s"


def _page(said: dict[str, Any], timeout_s: int) -> Page:
    """Tell results, true zeros and the ways to fail apart."""
    status = said["status"]
    hits = tuple(
        Hit(**{name: text_in(value) for name, value in hit.items()}) for hit in said["hits"] if isinstance(hit, dict)
    )
    if hits:
        return Page(hits, more=len(hits) >= _FULL)
    if said.get("puzzle"):
        raise Blocked("duckduckgo took us for a robot and sent a puzzle", hint=f"in a few minutes, or {_ELSEWHERE}")
    if status == 429:
        wait_s = _seconds(said.get("retry_after", ""))
        when = f"again in {wait_s:.0f} s" if wait_s else "again in a few minutes"
        raise RateLimited("duckduckgo answered 429, too many requests", hint=f"{when}, or {_ELSEWHERE}", wait_s=wait_s)
    if said["failure"] == "timeout":
        raise TimedOut(_late(timeout_s), hint=f"again later, or {_ELSEWHERE}")
    if said.get("too_long"):
        raise SourceInvalid("duckduckgo sent a page that is too long to be one of results", hint=_ELSEWHERE)
    if status in (202, 401, 403, 418):
        if said.get("nothing"):
            return Page(())
        raise Blocked(f"duckduckgo refused the request with status {status}", hint=f"later, or {_ELSEWHERE}")
    if status == 0:
        raise SourceUnavailable(
            f"duckduckgo was not reached ({_short(said['failure'])})", hint=f"check the network, or {_ELSEWHERE}"
        )
    if status >= 300:
        raise SourceUnavailable(f"duckduckgo answered with status {status}", hint=f"again later, or {_ELSEWHERE}")
    if said.get("nothing"):
        return Page(())
    raise SourceInvalid("duckduckgo answered with a page that holds neither results nor says none", hint=_ELSEWHERE)


def _seconds(retry_after: str) -> float:
    return float(min(int(retry_after), 86_400)) if retry_after.isdigit() and len(retry_after) < 9 else 0.0


def _short(failure: str) -> str:
    """Take the kind of a failure out of ddgs's text, which may name addresses and the library's insides."""
    lowered = failure.casefold()
    for sign, words in (
        ("dns", "its name was not found"),
        ("certificate", "its certificate is not trusted"),
        ("refused", "the connection was refused"),
        ("proxy", "the proxy did not let us through"),
        ("modulenotfound", "the ddgs package is not installed"),
        ("connect", "no connection"),
    ):
        if sign in lowered:
            return words
    return visible(failure.partition(":")[0][:60]) or "no reason given"
