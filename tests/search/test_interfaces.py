"""SearXNG and Brave by their documented interfaces, played on loopback: what is asked, what is read, how they fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engines_played import BRAVE, SEARXNG, Played, Response, drip, endless, hang, json_of, misbehaving, played
from mcp.client import Client
from search_served import addresses, ask, brave_rows, searx_rows, server

from openmanager_search.engines.asking import wait_of

pytestmark = pytest.mark.anyio
SEARX = {"engines": ["searxng"], "searxng_url": f"http://{SEARXNG}/base/"}
BY_KEY = {"engines": ["brave"]}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    with played(tmp_path_factory.mktemp("stage")) as engines:
        yield engines


@pytest.fixture
def engines(stage: Played, monkeypatch: pytest.MonkeyPatch) -> Played:
    monkeypatch.setenv("BRAVE_API_KEY", "key-of-the-test")
    stage.hosts.clear()
    stage.asked.clear()
    return stage


async def test_searxng_is_asked_for_json_with_everything_that_was_wanted(tmp_path: Path, engines: Played) -> None:
    engines.hosts[SEARXNG] = lambda request: json_of(searx_rows(3))
    async with Client(server(tmp_path, engines, **SEARX)) as client:
        text, fields, failed = await ask(
            client, "mcp", kind="news", region="kr-kr", safe_search="off", time_range="month", site="a.example"
        )
    assert not failed, text
    asked = engines.asked[0]
    assert asked.path == "/base/search"
    assert asked.fields == {
        "q": "mcp site:a.example",
        "format": "json",
        "categories": "news",
        "safesearch": "0",
        "pageno": "1",
        "time_range": "month",
        "language": "ko-KR",
    }
    assert fields["results"] == []  # none of them is on that site


async def test_searxng_gives_title_address_summary_and_its_source(tmp_path: Path, engines: Played) -> None:
    engines.hosts[SEARXNG] = lambda request: json_of(searx_rows(2))
    async with Client(server(tmp_path, engines, **SEARX)) as client:
        _, fields, _ = await ask(client, "mcp")
    assert fields["results"][0] == {
        "title": "Found 0",
        "url": "https://searched.example/0",
        "snippet": "Summary 0",
        "source": "wiki",
    }


async def test_brave_is_asked_with_key_country_language_and_freshness(tmp_path: Path, engines: Played) -> None:
    engines.hosts[BRAVE] = lambda request: json_of(brave_rows(3, more=False))
    async with Client(server(tmp_path, engines, **BY_KEY)) as client:
        text, fields, failed = await ask(client, "mcp", region="jp-jp", safe_search="strict", time_range="day")
    assert not failed, text
    asked = engines.asked[0]
    assert (asked.path, asked.headers["x-subscription-token"]) == ("/res/v1/web/search", "key-of-the-test")
    assert asked.fields == {
        "q": "mcp",
        "count": "20",
        "offset": "0",
        "safesearch": "strict",
        "freshness": "pd",
        "country": "JP",
        "search_lang": "jp",
    }
    assert fields["results"][1] == {
        "title": "Brave 1",
        "url": "https://brave-found.example/1",
        "snippet": "About it & 1",
        "date": "2026-11-01T10:00:00",
        "source": "Found Example",
    }
    assert "key-of-the-test" not in text and fields["next_cursor"] is None


BRAVE_MEDIA: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "news": (
        {"title": "N", "url": "https://n.example/", "age": "2 hours ago", "meta_url": {"hostname": "n.example"}},
        {"date": "2 hours ago", "source": "n.example"},
    ),
    "images": (
        {
            "title": "I",
            "url": "https://i.example/",
            "source": "i.example",
            "properties": {"url": "https://i.example/p"},
        },
        {"image": "https://i.example/p"},
    ),
    "videos": (
        {"title": "V", "url": "https://v.example/", "video": {"duration": "01:02"}, "description": "D"},
        {"duration": "01:02", "snippet": "D"},
    ),
}


@pytest.mark.parametrize("kind", BRAVE_MEDIA)
async def test_brave_finds_news_images_and_videos(tmp_path: Path, engines: Played, kind: str) -> None:
    row, wanted = BRAVE_MEDIA[kind]
    engines.hosts[BRAVE] = lambda request: json_of({"type": kind, "results": [row]})
    async with Client(server(tmp_path, engines, **BY_KEY)) as client:
        text, fields, failed = await ask(client, "mcp", kind=kind)
    assert not failed, text
    assert wanted.items() <= fields["results"][0].items()
    assert engines.asked[0].path == f"/res/v1/{kind}/search"
    assert engines.asked[0].fields["safesearch"] == ("strict" if kind == "images" else "moderate")


FAILURES: dict[str, tuple[str, Any, str, str]] = {
    "json is off": ("searxng", lambda r: Response("Forbidden", 403), "source_unavailable", "search.formats"),
    "its engines are blocked": (
        "searxng",
        lambda r: json_of(searx_rows(0, unresponsive_engines=[["google", "CAPTCHA"], ["bing", "timeout"]])),
        "blocked",
        "google CAPTCHA, bing timeout",
    ),
    "a page instead": ("searxng", lambda r: Response("<html>"), "source_invalid", "no JSON"),
    "another shape": ("searxng", lambda r: json_of({"results": "none"}), "source_invalid", "no list"),
    "too deep": ("searxng", lambda r: Response("[" * 200_000), "source_invalid", "no JSON"),
    "a redirect": ("searxng", lambda r: Response("", 302, {"Location": "/"}), "source_invalid", "302"),
    "never": ("searxng", misbehaving(hang), "timed_out", "within 1 s"),
    "a drip": ("searxng", misbehaving(drip), "timed_out", "within 1 s"),
    "no end": ("searxng", misbehaving(endless), "source_invalid", "more than"),
    "many": ("searxng", lambda r: json_of({}, 429, Retry_After="40"), "rate_limited", "40 s"),
    "a wrong key": (
        "brave",
        lambda r: json_of({"code": "SUBSCRIPTION_TOKEN_INVALID"}, 422),
        "source_unavailable",
        "key",
    ),
    "a wrong request": ("brave", lambda r: json_of({"code": "VALIDATION"}, 422), "source_unavailable", "422"),
    "a used-up month": (
        "brave",
        lambda r: json_of({}, 429, X_RateLimit_Remaining="0, 0", X_RateLimit_Reset="1, 86000"),
        "rate_limited",
        "86000 s",
    ),
    "a sick server": ("brave", lambda r: Response("", 503), "source_unavailable", "503"),
}


@pytest.mark.parametrize("what", FAILURES)
async def test_a_failure_is_an_error_that_says_why(tmp_path: Path, engines: Played, what: str) -> None:
    who, play, code, words = FAILURES[what]
    engines.hosts[{"searxng": SEARXNG, "brave": BRAVE}[who]] = play
    section = {**(SEARX if who == "searxng" else BY_KEY), "engine_timeout_s": 1}
    async with Client(server(tmp_path, engines, **section)) as client:
        text, _, failed = await ask(client, "mcp")
    assert failed and text.startswith(f"{code}:") and words in text, text
    assert "key-of-the-test" not in text


async def test_an_engine_that_is_not_set_up_says_what_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BRAVE_API_KEY", raising=False)
    async with Client(server(tmp_path)) as client:
        assert "searxng_url" in (await ask(client, "mcp", engine="searxng"))[0]
        assert "BRAVE_API_KEY" in (await ask(client, "mcp", engine="brave"))[0]


async def test_queries_that_brave_does_not_take_are_not_sent(tmp_path: Path, engines: Played) -> None:
    async with Client(server(tmp_path, engines, **BY_KEY)) as client:
        text, _, failed = await ask(client, "word " * 60)
    assert failed and "50 words" in text and not engines.asked


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": "soon"}, 0.0),
        ({"x-ratelimit-reset": "1, 1419704", "x-ratelimit-remaining": "0, 9000"}, 1.0),
        ({"x-ratelimit-reset": "1, 1419704", "x-ratelimit-remaining": "0, 0"}, 1419704.0),
        ({"x-ratelimit-reset": "9" * 400}, 0.0),
        ({}, 0.0),
    ],
)
def test_the_time_to_wait_is_read_from_either_header(headers: dict[str, str], wait_s: float) -> None:
    assert wait_of(headers) == wait_s


async def test_pages_go_on_until_an_engine_has_no_more(tmp_path: Path, engines: Played) -> None:
    def play(request: Any) -> Response:
        number = int(request.fields["pageno"])
        rows = searx_rows(6 if number < 3 else 2)
        for row in rows["results"]:
            row["url"] = row["url"].replace(".example/", f".example/{number}/")
        return json_of(rows)

    engines.hosts[SEARXNG] = play
    async with Client(server(tmp_path, engines, **SEARX)) as client:
        _, fields, _ = await ask(client, "mcp", max_results=100)
    assert len(addresses(fields)) == 14 and fields["next_cursor"] is None
