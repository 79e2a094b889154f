"""DuckDuckGo through the real ddgs, against a player of its pages on its real addresses."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import psutil
import pytest
from engines_played import DDG, DDG_TEXT, Played, Request, Response, drip, endless, hang, misbehaving, played
from mcp.client import Client
from search_served import DDG_NOTHING, DDG_PUZZLE, addresses, ask, ddg_media, ddg_page, ddg_ten_each, server

pytestmark = pytest.mark.anyio
ALONE = {"engines": ["duckduckgo"]}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    with played(tmp_path_factory.mktemp("stage")) as engines:
        yield engines


@pytest.fixture
def engines(stage: Played) -> Played:
    stage.hosts.clear()
    stage.asked.clear()
    return stage


async def until(there: Callable[[], object], most_s: float = 10.0) -> None:
    """Wait for something that other threads or processes bring about."""
    with anyio.fail_after(most_s):
        while not there():  # noqa: ASYNC110
            await anyio.sleep(0.01)


def workers() -> set[int]:
    """The processes that ask DuckDuckGo for us."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        try:
            if any(word.endswith("ddgs_worker.py") for word in process.cmdline()):
                found.add(process.pid)
        except psutil.Error:
            continue
    return found


async def test_results_are_unwrapped_cleaned_and_free_of_advertisements(tmp_path: Path, engines: Played) -> None:
    inner = "https://www.example.org/a%2Fb?q=x%26y&utm_source=ddg&z=1#part"
    rows = [
        ("Caf&eacute; <b>one</b>", inner, "Zero\u200bwidth and \u202eturned"),
        ("Twice", "http://example.org/a%2Fb/?z=1&q=x%26y", "A much longer summary of the very same page than before"),
    ]
    engines.hosts[DDG_TEXT] = lambda request: Response(ddg_page(rows))
    async with Client(server(tmp_path, engines, **ALONE)) as client:
        text, fields, failed = await ask(client, "café")
    assert not failed, text
    assert addresses(fields) == ["https://www.example.org/a%2Fb?q=x%26y&z=1#part"]
    assert fields["results"][0]["title"] == "Café one"
    assert fields["results"][0]["snippet"].startswith("A much longer")
    assert "engine: duckduckgo" in text and "\u200b" not in text and "\u202e" not in text


async def test_the_form_says_region_safe_search_time_and_site(tmp_path: Path, engines: Played) -> None:
    engines.hosts[DDG_TEXT] = ddg_ten_each
    async with Client(server(tmp_path, engines, **ALONE)) as client:
        await ask(
            client, "mcp", region="kr-kr", safe_search="strict", time_range="week", site="https://www.example.org/"
        )
    form = engines.asked[0].fields
    assert (form["q"], form["kl"], form["kp"], form["df"]) == ("mcp site:example.org", "kr-kr", "1", "w")


async def test_a_cursor_leads_to_the_end_of_the_list_without_asking_twice(tmp_path: Path, engines: Played) -> None:
    engines.hosts[DDG_TEXT] = ddg_ten_each
    seen: list[str] = []
    cursor, text = "", ""
    async with Client(server(tmp_path, engines, **ALONE)) as client:
        for _ in range(9):
            text, fields, failed = await ask(client, "mcp", max_results=7, cursor=cursor)
            assert not failed, text
            seen += addresses(fields)
            cursor = fields["next_cursor"]
            if not cursor:
                break
    assert seen == [f"https://www.example.org/page/{n}" for n in range(40)]
    assert [request.fields.get("s") for request in engines.asked] == [None, "10", "25", "40"]


async def test_a_true_zero_is_no_error_and_says_what_to_try(tmp_path: Path, engines: Played) -> None:
    engines.hosts[DDG_TEXT] = lambda request: Response(DDG_NOTHING)
    async with Client(server(tmp_path, engines, **ALONE)) as client:
        text, fields, failed = await ask(client, "qzxv")
    assert not failed and fields["results"] == []
    assert "duckduckgo answered and found nothing" in text and "Try:" in text


FAILURES = {
    "a puzzle": (lambda request: Response(DDG_PUZZLE, 202), "blocked", "robot"),
    "a puzzle that says 200": (lambda request: Response(DDG_PUZZLE, 200), "blocked", "robot"),
    "an empty 202": (lambda request: Response("", 202), "blocked", "202"),
    "a refusal": (lambda request: Response("no", 403), "blocked", "403"),
    "too many": (lambda request: Response("slow down", 429, {"Retry-After": "77"}), "rate_limited", "77 s"),
    "a sick server": (lambda request: Response("oops", 500), "source_unavailable", "500"),
    "another page": (lambda request: Response("<html><p>Hello</p></html>"), "source_invalid", "neither results"),
    "nothing at all": (lambda request: Response(""), "source_invalid", "neither results"),
    "no answer": (misbehaving(hang), "timed_out", "within 1 s"),
    "a dripping answer": (misbehaving(drip), "timed_out", "within 1 s"),
    "an endless answer": (misbehaving(endless), "timed_out|source_unavailable|source_invalid", "Try:"),
}


@pytest.mark.parametrize("what", FAILURES)
async def test_a_failure_is_an_error_that_says_why(tmp_path: Path, engines: Played, what: str) -> None:
    play, code, words = FAILURES[what]
    engines.hosts[DDG_TEXT] = play
    async with Client(server(tmp_path, engines, **ALONE, engine_timeout_s=1)) as client:
        text, _, failed = await ask(client, "mcp")
    assert failed and text.split(":")[0] in code.split("|") and words in text and "No results" not in text


async def test_after_a_block_or_a_limit_the_engine_is_left_alone(tmp_path: Path, engines: Played) -> None:
    engines.hosts[DDG_TEXT] = lambda request: Response("slow down", 429, {"Retry-After": "600"})
    async with Client(server(tmp_path, engines, **ALONE)) as client:
        for number in range(3):
            text, _, failed = await ask(client, f"mcp {number}")
            assert failed and text.startswith("rate_limited") and ("600 s" in text or "599 s" in text)
    assert len(engines.asked) == 1


async def test_without_a_network_it_says_that_it_was_not_reached(tmp_path: Path) -> None:
    section = {**ALONE, "proxy": "http://127.0.0.1:9"}
    async with Client(server(tmp_path, **section)) as client:
        text, _, failed = await ask(client, "mcp")
    assert failed and "was not reached" in text and "127.0.0.1" not in text


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path, engines: Played) -> None:
    engines.hosts[DDG_TEXT] = ddg_ten_each
    async with Client(server(tmp_path, **ALONE, proxy=engines.proxy)) as client:
        text, _, failed = await ask(client, "mcp")
    assert failed and "was not reached" in text and not engines.asked


MEDIA = {
    "news": (
        {"title": "N", "url": "https://n.example/a%20b", "excerpt": "E", "date": 1764000000, "source": "Paper"},
        {"title": "N", "url": "https://n.example/a%20b", "snippet": "E", "source": "Paper"},
    ),
    "images": (
        {"title": "I", "url": "https://i.example/page", "image": "https://i.example/a%2Fb.png", "source": "Bing"},
        {"title": "I", "url": "https://i.example/page", "image": "https://i.example/a%2Fb.png"},
    ),
    "videos": (
        {"title": "V", "content": "https://v.example/watch?v=1", "description": "D", "duration": "3:05"},
        {"title": "V", "url": "https://v.example/watch?v=1", "snippet": "D", "duration": "3:05"},
    ),
}


@pytest.mark.parametrize("kind", MEDIA)
async def test_news_images_and_videos_are_found(tmp_path: Path, engines: Played, kind: str) -> None:
    row, wanted = MEDIA[kind]
    engines.hosts[DDG] = ddg_media([row])
    async with Client(server(tmp_path, engines, **ALONE)) as client:
        text, fields, failed = await ask(client, "mcp", kind=kind, safe_search="off")
    assert not failed, text
    assert wanted.items() <= fields["results"][0].items()


async def test_garbage_and_puzzles_of_the_json_steps_are_errors(tmp_path: Path, engines: Played) -> None:
    def garbage(request: Request) -> Response:
        return Response('vqd="4-1"' if request.path in ("", "/") else '{"results": [tru')

    async with Client(server(tmp_path, engines, **ALONE)) as client:
        engines.hosts[DDG] = garbage
        assert (await ask(client, "one", kind="news"))[0].startswith("source_invalid")
        engines.hosts[DDG] = lambda request: Response(DDG_PUZZLE, 202)
        assert (await ask(client, "two", kind="images"))[0].startswith("blocked")


async def test_a_cancelled_search_ends_its_process_and_the_next_one_works(tmp_path: Path, engines: Played) -> None:
    before = workers()
    engines.hosts[DDG_TEXT] = misbehaving(hang)
    async with Client(server(tmp_path, engines, **ALONE, engine_timeout_s=20)) as client:
        async with anyio.create_task_group() as group:
            group.start_soon(ask, client, "mcp")
            await until(lambda: engines.asked)
            assert len(workers() - before) == 1
            group.cancel_scope.cancel()
        await until(lambda: not workers() - before)
        engines.hosts[DDG_TEXT] = ddg_ten_each
        assert not (await ask(client, "mcp"))[2]


async def test_a_worker_that_was_killed_is_replaced_and_none_is_left(tmp_path: Path, engines: Played) -> None:
    before = workers()
    engines.hosts[DDG_TEXT] = ddg_ten_each
    async with Client(server(tmp_path, engines, **ALONE)) as client:
        assert not (await ask(client, "one"))[2]
        (worker,) = workers() - before
        os.kill(worker, signal.SIGKILL)
        text, _, failed = await ask(client, "two")
        assert not failed, text
    await until(lambda: not workers() - before)


async def test_the_servers_own_process_never_loads_ddgs(tmp_path: Path, engines: Played) -> None:
    import sys

    engines.hosts[DDG_TEXT] = ddg_ten_each
    async with Client(server(tmp_path, engines, **ALONE)) as client:
        assert not (await ask(client, "mcp"))[2]
    assert not {"ddgs", "primp"} & set(sys.modules)
