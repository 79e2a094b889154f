"""Asks the engines in their order until one answers, and says who did, how old it is, and who failed and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from openmanager_core.errors import FleetError, InvalidRequest, NotFound, SourceUnavailable, Unsupported
from openmanager_core.job import offload
from openmanager_kit.flights import Flights
from openmanager_search.cache import KEPT_S, Cache, key_of
from openmanager_search.engines.base import Engine, Hit, Kind, Page, Query, Safe, Span, parts_of_region
from openmanager_search.engines.pacing import Guard
from openmanager_search.ranking import ranked

LONGEST_QUERY = 500
_MOST_PAGES = 10
_EMPTY_KEPT_S = 60.0
_ADVICE = "what each engine's reason asks for, engine=local for an index of yours, or again later"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one engine did not answer."""

    engine: str
    code: str
    reason: str
    hint: str = ""

    @classmethod
    def of(cls, engine: str, exc: FleetError) -> Failure:
        """Take it from an error."""
        return cls(engine, exc.code, exc.message, exc.hint)

    def __str__(self) -> str:
        """The reason alone if it names the engine, else with its name."""
        return self.reason if self.engine in self.reason else f"{self.engine}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes
    ----------
    hits
        All that is known of this engine's list so far, cleaned and without doubles, best first.
    engine
        Who answered; several names if each of them found nothing.
    age_s
        How long ago the oldest part of it was asked for; 0 for now.
    more
        Whether the engine may have more.
    stale
        Whether it is older than it may usually be, and only given because no engine answered now.
    failures
        Why engines, or parts of the one that answered, did not.
    lost
        The errors of those parts.
    """

    hits: Sequence[Hit]
    engine: str
    age_s: float = 0.0
    more: bool = False
    stale: bool = False
    failures: tuple[Failure, ...] = field(default=())
    lost: tuple[FleetError, ...] = field(default=())

    @property
    def notes(self) -> str:
        """Age and failures in words; empty if there is nothing to say."""
        parts = []
        if self.stale:
            parts.append(f"no engine answered now: this is kept from {age(self.age_s)} ago")
        elif self.age_s >= 1:
            parts.append(f"kept from {age(self.age_s)} ago")
        parts += [str(failure) for failure in self.failures]
        return "; ".join(parts)


@runtime_checkable
class Indexed(Protocol):
    """An engine that holds the texts that it finds."""

    async def text_of(self, url: str) -> tuple[str, str]:
        """Give title and text by the address that a result gave."""


class Finder:
    """The engines of one server.

    Parameters
    ----------
    engines
        In the order in which they are asked.
    guards
        One for each engine, by its name.
    missing
        Engines that are not set up: name to what setting one up takes.
    kept_s
        Kind to the seconds for which an answer is as good as a new one.
    """

    def __init__(
        self,
        engines: Sequence[Engine],
        guards: Mapping[str, Guard],
        cache: Cache,
        *,
        kept_s: Mapping[str, float],
        missing: Mapping[str, str] | None = None,
        region: str = "",
        safe_search: Safe = "moderate",
    ) -> None:
        self._engines = {engine.name: engine for engine in engines}
        self._guards = guards
        self._cache = cache
        self._kept_s = kept_s
        self._missing = missing or {}
        self._region = region
        self._safe_search = safe_search
        self._flights: Flights[tuple[Page, float]] = Flights()

    @property
    def names(self) -> list[str]:
        """The engines that are set up, in their order."""
        return list(self._engines)

    @property
    def away(self) -> dict[str, str]:
        """The engines that are being left alone now, with the reason."""
        return {name: guard.away for name, guard in self._guards.items() if guard.away}

    async def search(
        self,
        query: str,
        *,
        max_results: int = 10,
        region: str = "",
        safe_search: str = "",
        time_range: str = "",
        kind: str = "text",
        site: str = "",
    ) -> Found:
        """Find pages, for the tool that reads them."""
        asked = self.query(query, kind, region, safe_search, time_range, site)  # type: ignore[arg-type]
        found = await self.find(asked, wanted=max_results)
        return Found(found.hits[:max_results], found.engine, found.age_s, found.more, found.stale, found.failures)

    def query(
        self,
        text: str,
        kind: Kind = "text",
        region: str = "",
        safe_search: Safe | str = "",
        time_range: Span = "",
        site: str = "",
    ) -> Query:
        """Check what a caller wants and fill in what the profile says.

        Raises
        ------
        InvalidRequest
            If a part is not of its form.
        """
        words = " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
        if not words or "\0" in words:
            raise InvalidRequest("query must hold at least one word", hint="words that the page should contain")
        if len(words) > LONGEST_QUERY:
            raise InvalidRequest(f"query may have at most {LONGEST_QUERY} characters, got {len(words)}")
        region = (region or self._region).strip().lower()
        parts_of_region(region)
        chosen: Safe = safe_search or self._safe_search  # type: ignore[assignment]
        return Query(words, kind, region, chosen, time_range, host_of(site))

    async def find(self, query: Query, *, wanted: int, engine: str = "") -> Found:
        """Find at least `wanted` results, if there are so many; `engine` asks only that one.

        Raises
        ------
        SourceUnavailable
            If no engine answered and nothing is kept from earlier; says each one's reason.
        Unsupported
            If no engine can search for this kind.
        InvalidRequest
            If the engine asked for is not set up.
        """
        chosen = self._chosen(query, engine)
        failures: list[Failure] = []
        empty: list[Found] = []
        errors: list[FleetError] = []
        for one in chosen:
            try:
                found = await self._gathered(one, query, wanted)
            except FleetError as exc:
                failures.append(Failure.of(one.name, exc))
                errors.append(exc)
                continue
            if found.hits:
                return _with(found, (*failures, *found.failures))
            if found.failures:  # nothing in what could be searched is not nothing at all
                failures += found.failures
                errors += found.lost
            else:
                empty.append(found)
        if not failures:
            names = ", ".join(found.engine for found in empty)
            return Found((), names, max(found.age_s for found in empty))
        old = await self._from_earlier(chosen, query, wanted)
        if old is not None:
            return _with(old, tuple(failures))
        raise _nobody(failures, errors, [found.engine for found in empty])

    def _chosen(self, query: Query, engine: str) -> list[Engine]:
        if engine:
            if engine not in self._engines:
                how = self._missing.get(engine, "it is not among [search] engines of the profile")
                raise InvalidRequest(
                    f"engine {engine} is not set up: {how}", hint=f"one of {', '.join(self._engines) or 'none yet'}"
                )
            able = [self._engines[engine]]
        else:
            able = list(self._engines.values())
        able = [one for one in able if query.kind in one.kinds]
        if not able:
            who = engine or ", ".join(self._engines) or "no engine"
            raise Unsupported(f"kind {query.kind} is not something that {who} can search for", hint="kind=text")
        return able

    async def indexed(self, url: str) -> tuple[str, str]:
        """Give title and text of a file in a local index, by the address that a result gave.

        Raises
        ------
        NotFound
            If no index has it.
        """
        local = self._engines.get("local")
        if not isinstance(local, Indexed):
            raise NotFound("url is that of an indexed file, but no local index is searched here")
        return await local.text_of(url)

    async def _gathered(self, engine: Engine, query: Query, wanted: int) -> Found:
        """Take pages of one engine until there is enough; a failure after the first page only ends the taking."""
        hits: list[Hit] = []
        oldest_s, more = 0.0, True
        failures: tuple[Failure, ...] = ()
        lost: tuple[FleetError, ...] = ()
        for number in range(1, _MOST_PAGES + 1):
            try:
                page, age_s = await self._page(engine, query, number)
            except FleetError as exc:
                if number == 1:
                    raise
                failures = (Failure.of(engine.name, exc),)
                break
            if number == 1:
                lost = page.lost
            before = len(hits)
            hits = ranked((*hits, *page.hits), site=query.site if engine.kept else "")
            oldest_s, more = max(oldest_s, age_s), page.more
            # An engine that gives the same page again and again has no more.
            if not more or (number > 1 and len(hits) == before):
                more = False
                break
            if len(hits) >= wanted:
                break
        else:
            more = False
        failures += tuple(Failure.of(engine.name, exc) for exc in lost)
        return Found(hits, engine.name, oldest_s, more, failures=failures, lost=lost)

    async def _page(self, engine: Engine, query: Query, number: int) -> tuple[Page, float]:
        """Give one page of one engine and its age; asks only if none is kept, and once for equal requests."""
        key = key_of(engine.name, query, number)
        if engine.kept:
            kept = await offload(self._cache.get, key, self._kept_s[query.kind])
            if kept is not None and (kept[0].hits or kept[1] <= _EMPTY_KEPT_S):
                return kept
        return await self._flights.once(key, lambda: self._asked(engine, query, number, key))

    async def _asked(self, engine: Engine, query: Query, number: int, key: bytes) -> tuple[Page, float]:
        page = await self._guards[engine.name].run(lambda: engine.search(query, number))
        if engine.kept:
            await offload(self._cache.put, key, page)
        return page, 0.0

    async def _from_earlier(self, engines: Sequence[Engine], query: Query, wanted: int) -> Found | None:
        """Look for an answer that is too old by the clock, but better than none."""
        for engine in engines:
            hits: list[Hit] = []
            oldest_s = 0.0
            for number in range(1, _MOST_PAGES + 1):
                kept = await offload(self._cache.get, key_of(engine.name, query, number), KEPT_S)
                if kept is None or len(hits) >= wanted:
                    break
                hits = ranked((*hits, *kept[0].hits), site=query.site)
                oldest_s = max(oldest_s, kept[1])
            if hits:
                return Found(hits, engine.name, oldest_s, stale=True)
        return None

    async def aclose(self) -> None:
        """Close every engine and the cache."""
        for engine in self._engines.values():
            await engine.aclose()
        self._cache.close()


def _with(found: Found, failures: tuple[Failure, ...]) -> Found:
    return Found(found.hits, found.engine, found.age_s, found.more, found.stale, failures)


def _nobody(failures: Sequence[Failure], errors: Sequence[FleetError], empty: Sequence[str]) -> FleetError:
    """Make one error of all reasons; of a single reason, that one."""
    if len(errors) == 1 and not empty:
        return errors[0]
    reasons = "; ".join(str(failure) for failure in failures)
    nothing = f"; {', '.join(empty)} has nothing on it" if empty else ""
    hints = [failure.hint for failure in failures if failure.hint]
    return SourceUnavailable(
        f"no web engine answered, so nothing is known about this query: {reasons}{nothing}",
        hint=hints[0]
        if len(set(hints)) == 1
        else "; ".join(f"{f.engine}: {f.hint}" for f in failures if f.hint) or _ADVICE,
    )


def host_of(site: str) -> str:
    """Take the host name out of what a caller wrote as a site.

    Raises
    ------
    InvalidRequest
        If there is none in it.
    """
    if not site.strip():
        return ""
    from urllib.parse import urlsplit

    written = site.strip().removeprefix("site:")
    try:
        host = (urlsplit(written if "//" in written else f"//{written}").hostname or "").lower().removeprefix("www.")
    except ValueError:
        host = ""
    if not host or len(host) > 253 or not all(part.isalnum() or part in "-._" for part in host):
        raise InvalidRequest(f"site must be a host name, got {site[:60]!r}", hint="docs.python.org")
    return host


def age(seconds: float) -> str:
    """Say an age as a person would."""
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {name}{'s' if count > 1 else ''}"
    return f"{seconds:.0f} s"
