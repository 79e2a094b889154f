"""What every search engine is asked, what it answers, and how it fails.

* SourceUnavailable (core)
  x Blocked       the engine took us for a robot and sent a puzzle or a refusal
  x RateLimited   too many requests, by the engine's count or by ours
  x TimedOut      no complete answer in time
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, Protocol

from openmanager_core.errors import FleetError, InvalidRequest, SourceUnavailable

Kind = Literal["text", "news", "images", "videos"]
Safe = Literal["strict", "moderate", "off"]
Span = Literal["", "day", "week", "month", "year"]

_REGION = re.compile(r"([a-z]{2})-([a-z]{2,4})")
# DuckDuckGo's codes name some countries and languages in its own way.
_COUNTRIES = {"uk": "GB", "xl": "ALL", "xa": "ALL", "wt": "ALL", "ct": "ES"}
_LANGUAGES = {"kr": "ko", "jp": "ja", "cn": "zh", "tzh": "zh", "wt": "", "gr": "el", "ua": "uk"}


class Blocked(SourceUnavailable):
    """The engine took us for a robot."""

    code = "blocked"


class RateLimited(SourceUnavailable):
    """Too many requests in too short a time.

    Attributes
    ----------
    wait_s
        Seconds until another request makes sense; 0 if nobody said.
    """

    code = "rate_limited"

    def __init__(self, message: str, *, hint: str = "", wait_s: float = 0.0) -> None:
        super().__init__(message, hint=hint)
        self.wait_s = wait_s


class TimedOut(SourceUnavailable):
    """No complete answer in time."""

    code = "timed_out"


@dataclass(frozen=True, slots=True)
class Query:
    """One search, in terms that every engine can be told.

    Attributes
    ----------
    region
        DuckDuckGo's form, country and language: ``kr-kr``; empty for none.
    site
        Host name that results must come from; empty for any.
    """

    text: str
    kind: Kind = "text"
    region: str = ""
    safe_search: Safe = "moderate"
    time_range: Span = ""
    site: str = ""

    @property
    def words(self) -> str:
        """The words with the site as the operator that web engines understand."""
        return f"{self.text} site:{self.site}" if self.site else self.text

    @property
    def country(self) -> str:
        """ISO 3166 code of the region, ``ALL`` for the world, empty for none."""
        country, _ = parts_of_region(self.region)
        return _COUNTRIES.get(country, country.upper())

    @property
    def language(self) -> str:
        """ISO 639 code of the region's language, empty for none."""
        _, language = parts_of_region(self.region)
        return _LANGUAGES.get(language, language)


@dataclass(frozen=True, slots=True)
class Hit:
    """One result, as the engine gave it: nothing of it is trusted or cleaned yet."""

    title: str
    url: str
    snippet: str = ""
    date: str = ""
    source: str = ""
    image: str = ""
    duration: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of results; `more` if the engine may have another, `lost` for what of it could not be searched."""

    hits: tuple[Hit, ...]
    more: bool = False
    lost: tuple[FleetError, ...] = ()


class Engine(Protocol):
    """A search engine.

    Attributes
    ----------
    name
        As in the profile and in answers.
    kinds
        What it can search for.
    kept
        Whether its answers may be kept and given again.
    """

    name: str
    kinds: frozenset[str]
    kept: bool

    async def search(self, query: Query, page: int) -> Page:
        """Give one page of results, the first is 1; no results at all is an empty page.

        Raises
        ------
        SourceUnavailable
            If it does not answer, or refuses; `Blocked`, `RateLimited` and `TimedOut` where that is known.
        SourceInvalid
            If its answer is not what it documents.
        """

    async def aclose(self) -> None:
        """Give back what it holds."""


def parts_of_region(region: str) -> tuple[str, str]:
    """Take a region apart; two empty strings for none.

    Raises
    ------
    InvalidRequest
        If it is not of DuckDuckGo's form.
    """
    if not region:
        return "", ""
    found = _REGION.fullmatch(region.lower())
    if found is None:
        raise InvalidRequest(f"region must be country-language, got {region[:40]!r}", hint="us-en, kr-kr, or wt-wt")
    return found[1], found[2]


def text_in(value: object) -> str:
    """Take text out of an engine's JSON: anything that is neither text nor a number is none."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""
