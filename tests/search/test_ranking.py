"""Addresses and doubles; the pace, the rest after a refusal, and requests that are shared."""

from __future__ import annotations

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.text import visible
from openmanager_search.engines.base import Blocked, Hit, Query, RateLimited
from openmanager_search.engines.pacing import BLOCKED_REST_S, Guard, OwnLimit, Pace
from openmanager_search.finder import age, host_of
from openmanager_search.ranking import canonical, cleaned, plain, ranked, unwrapped


@pytest.mark.parametrize(
    ("url", "inner"),
    [
        ("//duckduckgo.com/l/?uddg=https%3A%2F%2Fa.example%2Fb%3Fc%3D1%26d%3D2&rut=x", "https://a.example/b?c=1&d=2"),
        ("https://www.google.com/url?q=https://a.example/&sa=U", "https://a.example/"),
        ("https://www.google.co.kr/url?sa=t&url=https%3A%2F%2Fa.example%2Fx", "https://a.example/x"),
        ("https://www.bing.com/ck/a?!&&p=1&u=a1aHR0cHM6Ly9hLmV4YW1wbGUvYg&ntb=1", "https://a.example/b"),
        (
            "https://duckduckgo.com/l/?uddg=https%3A%2F%2Fl.facebook.com%2Fl.php%3Fu%3Dhttps%253A%252F%252Fa.example",
            "https://a.example",
        ),
        (
            "https://duckduckgo.com/l/?uddg=javascript%3Aalert(1)",
            "https://duckduckgo.com/l/?uddg=javascript%3Aalert(1)",
        ),
        ("https://evil-google.com/url?q=https://a.example/", "https://evil-google.com/url?q=https://a.example/"),
        ("https://a.example/?url=https://b.example", "https://a.example/?url=https://b.example"),
    ],
)
def test_addresses_are_taken_out_of_redirects(url: str, inner: str) -> None:
    assert unwrapped(url) == inner


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://a.example",
        "mailto:a@b.example",
        "https://u:p@a.example/",
        "https://a b/",
        "https://a.example:99999/",
        "https://a.example/" + "x" * 2000,
        "https://",
        "//[",
        "",
    ],
)
def test_addresses_that_nobody_should_follow_are_dropped(url: str) -> None:
    assert cleaned(url) == ""


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a",
        "http://example.org/a",
        "https://www.example.org/a/",
        "https://EXAMPLE.org:443/a#part",
        "https://example.org/a?utm_source=x&gclid=1",
        "https://example.org/%61",
        "//duckduckgo.com/l/?uddg=https%3A%2F%2Fexample.org%2Fa",
    ],
)
def test_one_page_has_one_key(url: str) -> None:
    assert canonical(url) == "example.org/a"


def test_pages_that_differ_have_different_keys() -> None:
    urls = ["https://a.example/", "https://a.example/A", "https://a.example/a", "https://a.example/?a=1"]
    urls += ["https://a.example/?a=2", "https://a.example:8443/", "https://b.a.example/", "file://a.example/"]
    assert len({canonical(url) for url in urls}) == len(urls)


WORDS = st.text(alphabet="abAB01/%?&=#.:-_~ é한\u202e\u200b", max_size=30)


@given(st.sampled_from(["https://", "http://www.", "//", "file://x/"]), WORDS)
def test_cleaning_and_keys_are_settled_after_one_time(start: str, rest: str) -> None:
    once = cleaned(start + rest)
    assert cleaned(once) == once
    assert once.isprintable() and " " not in once
    if once:
        assert canonical(once) == canonical(canonical_url(once))


def canonical_url(url: str) -> str:
    """The same address with what never matters added."""
    return url if "#" in url else f"{url}#part"


@given(st.text(max_size=400), st.integers(5, 100))
def test_text_of_a_page_becomes_one_short_visible_line(text: str, limit: int) -> None:
    line = plain(text, limit)
    assert len(line) <= limit and visible(line) == line


def test_of_doubles_the_first_place_stays_with_the_longest_summary() -> None:
    found = ranked(
        [
            Hit("A", "https://a.example", "short"),
            Hit("B", "https://b.example"),
            Hit("A2", "http://www.a.example/", "x" * 50),
        ]
    )
    assert [(hit.title, len(hit.snippet)) for hit in found] == [("A", 50), ("B", 0)]


def test_foreign_sites_are_dropped_and_hosts_below_are_kept() -> None:
    urls = ["https://docs.a.example/", "https://a.example/", "https://xa.example/", "https://a.example.evil.test/"]
    assert [hit.url for hit in ranked([Hit("t", url) for url in urls], site="a.example")] == urls[:2]


def test_regions_are_told_to_each_engine_in_its_own_words() -> None:
    said = {region: (Query("q", region=region).country, Query("q", region=region).language) for region in REGIONS}
    assert said == REGIONS
    assert host_of("https://www.Docs.Python.org/3/") == "docs.python.org" and host_of("site:a.example") == "a.example"


REGIONS = {
    "": ("", ""),
    "us-en": ("US", "en"),
    "kr-kr": ("KR", "ko"),
    "jp-jp": ("JP", "ja"),
    "uk-en": ("GB", "en"),
    "tw-tzh": ("TW", "zh"),
    "wt-wt": ("ALL", ""),
}


class Clock:
    """A clock that moves when told."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@given(st.integers(1, 60), st.integers(1, 8), st.lists(st.floats(0, 5), min_size=1, max_size=80))
def test_the_pace_is_kept_in_every_stretch_of_time(per_minute: int, burst: int, gaps: list[float]) -> None:
    clock = Clock()
    pace = Pace(per_minute, burst, clock=clock)
    sent: list[float] = []
    for gap in gaps:
        clock.now += gap
        try:
            sent.append(clock.now + pace.reserve(3.0))
        except OwnLimit as exc:
            assert exc.wait_s > 3.0
    for number, first in enumerate(sent):
        inside = [at for at in sent[number:] if at < first + 60 - 1e-6]
        assert len(inside) <= per_minute + burst


def test_a_turn_that_is_given_back_is_there_for_the_next() -> None:
    clock = Clock()
    pace = Pace(60, 1, clock=clock)
    assert pace.reserve(3) == 0 and pace.reserve(3) == pytest.approx(1)
    pace.give_back()
    assert pace.reserve(3) == pytest.approx(1)


@pytest.mark.anyio
async def test_a_blocked_engine_rests_and_is_asked_again_afterwards() -> None:
    clock = Clock()
    guard, calls = Guard("one", None, clock=clock), []

    async def blocked() -> None:
        calls.append(clock.now)
        raise Blocked("one took us for a robot")

    for _ in range(3):
        with pytest.raises(Blocked):
            await guard.run(blocked)
    assert len(calls) == 1
    clock.now += BLOCKED_REST_S + 1
    with pytest.raises(Blocked):
        await guard.run(blocked)
    assert len(calls) == 2


@pytest.mark.anyio
async def test_a_limit_rests_as_long_as_the_engine_said() -> None:
    clock = Clock()
    guard = Guard("one", None, clock=clock)

    async def limited() -> None:
        raise RateLimited("one answered 429", wait_s=50)

    async def well() -> str:
        return "well"

    with pytest.raises(RateLimited):
        await guard.run(limited)
    clock.now += 49
    with pytest.raises(RateLimited, match=r"again in [12] s") as caught:
        await guard.run(well)
    assert caught.value.wait_s == pytest.approx(1)
    clock.now += 2
    assert await guard.run(well) == "well"


@pytest.mark.anyio
async def test_a_waiter_that_goes_neither_counts_as_failure_nor_keeps_its_turn() -> None:
    guard = Guard("one", Pace(30, 1))

    async def well() -> str:
        return "well"

    assert await guard.run(well) == "well"
    for _ in range(5):
        with anyio.move_on_after(0.01):
            await guard.run(well)
    with anyio.fail_after(10):
        assert await guard.run(well) == "well"  # two seconds after the first: the five that left took nothing


def test_ages_are_said_as_a_person_would() -> None:
    assert [age(s) for s in (3, 60, 150, 3600, 90_000, 200_000)] == [
        "3 s", "1 minute", "2 minutes", "1 hour", "1 day", "2 days",
    ]  # fmt: skip
