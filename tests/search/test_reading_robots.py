"""robots.txt: the rules of RFC 9309, and what happens when nobody knows them."""

from __future__ import annotations

import pytest
from hostile_web import answer, pages, redirect, site
from hypothesis import given
from hypothesis import strategies as st
from reading_served import section

from openmanager_core.errors import NotAllowed
from openmanager_kit.web import Unreachable
from openmanager_search.reading.keeping import Kept
from openmanager_search.reading.reader import Reader
from openmanager_search.reading.robots import matches, parsed

ROBOT = "OpenManager-MCP"


@pytest.mark.parametrize(
    ("rules", "path", "allowed"),
    [
        ("User-agent: *\nDisallow: /a", "/a/b", False),
        ("User-agent: *\nDisallow: /a", "/b", True),
        ("User-agent: *\nDisallow:", "/a", True),
        ("", "/a", True),
        ("User-agent: *\nDisallow: /", "/robots.txt", True),
        ("User-agent: *\nDisallow: /\nAllow: /a", "/a", True),
        ("User-agent: *\nAllow: /a\nDisallow: /a", "/a", True),
        ("User-agent: *\nDisallow: /*.pdf$", "/x/y.pdf", False),
        ("User-agent: *\nDisallow: /*.pdf$", "/y.pdf?q", True),
        ("User-agent: *\nDisallow: /a*b*c", "/a1b2c3", False),
        ("User-agent: *\nDisallow: /a*b*c", "/acb", True),
        ("User-agent: other\nDisallow: /", "/a", True),
        ("User-agent: openmanager-mcp\nDisallow: /", "/a", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: OpenManager-MCP\nAllow: /", "/a", True),
        ("User-agent: OpenManager-MCP\nUser-agent: x\nDisallow: /a\nUser-agent: y\nDisallow: /", "/b", True),
        ("User-agent: *\nDisallow: /%ea%b0%80", "/%EA%B0%80", False),
        ("User-agent: *\nDisallow: /가", "/%EA%B0%80", False),
        ("User-agent: *\nDisallow: /a%7eb", "/a~b", False),
        ("user-agent : * # all\n disallow : /a # no", "/a", False),
        ("\ufeffUser-agent: *\r\nDisallow: /a\r\n", "/a", False),
        ("Disallow: /a", "/a", True),
        ("User-agent: *\nCrawl-delay: 5\nDisallow: /a", "/a", False),
        ("User-agent: *\nDisallow: /a$", "/ab", True),
        ("User-agent: *\nDisallow: /?", "/?q=1", False),
        ("<html>not found</html>", "/a", True),
        ("User-agent: OpenManager-MCP/1.0\nDisallow: /a", "/a", False),
    ],
)
def test_the_longest_rule_for_this_robot_decides(rules: str, path: str, allowed: bool) -> None:
    assert parsed(rules, ROBOT).allow(path) is allowed


@given(st.text(max_size=400), st.text(max_size=50))
def test_any_text_is_a_robots_txt(text: str, path: str) -> None:
    assert parsed(f"User-agent: *\nDisallow: {text}\n{text}", ROBOT).allow("/" + path) in (True, False)


@given(st.text("ab*$", max_size=12), st.text("ab", max_size=12))
def test_patterns_match_as_the_definition_says(pattern: str, path: str) -> None:
    import re

    anchored = pattern.endswith("$")
    body = pattern[:-1] if anchored else pattern
    defined = re.match(".*".join(re.escape(part) for part in body.split("*")) + ("$" if anchored else ""), path)
    assert matches(pattern, path) == bool(defined)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("robots", "kind"),
    [
        (answer(b"", 404), None),
        (answer(b"", 410), None),
        (answer(b"", 401), NotAllowed),
        (answer(b"", 403), NotAllowed),
        (answer(b"", 500), Unreachable),
        (answer(b"", 503), Unreachable),
        (answer(b"", 429), Unreachable),
        (redirect("/elsewhere"), NotAllowed),
        (answer(b"\xff\xfe\x00 rubbish"), None),
        (b"rubbish\r\n\r\n", Unreachable),
        (answer(b"#" * 900_000), Unreachable),
    ],
)
async def test_a_site_whose_rules_are_not_known_is_left_alone(robots: bytes, kind: type[Exception] | None) -> None:
    rules = answer(b"User-agent: *\nDisallow: /")
    async with site(pages({"/robots.txt": robots, "/elsewhere": rules, "/": answer(b"<p>words</p>")})) as running:
        reader = Reader(section(running))
        if kind is None:
            assert (await reader.read(running.url())).text == "words"
        else:
            for _ in range(2):
                with pytest.raises(kind, match=r"robots\.txt"):
                    await reader.read(running.url())
            assert running.asked.count("/robots.txt") == 1
            assert "/" not in running.asked
        assert (await reader.read(running.url(), by_user=True)).text == "words"
        await reader.aclose()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 60)), max_size=40))
def test_what_is_kept_stays_within_its_bound(puts: list[tuple[int, int]]) -> None:
    kept: Kept[bytes] = Kept(100, 60.0, len)
    for key, size in puts:
        kept.put(key, bytes(size))
        found = kept.find(key)
        assert found is not None and len(found) == size
        assert kept.bytes <= 100


def test_what_is_too_old_is_forgotten() -> None:
    kept: Kept[str] = Kept(100, -1.0, len)
    kept.put("a", "b")
    assert kept.find("a") is None
    assert kept.bytes == 0
