"""HTML to Markdown: what a page says stays, what surrounds it and what it hides goes, whatever the page is like."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_search.reading.charset import decoded
from openmanager_search.reading.extract import extracted
from openmanager_search.reading.hidden import hides, without_invisible

PAGES = sorted((Path(__file__).parents[2] / "benchmarks/pages").glob("*.html"))
URL = "https://site.example/dir/page.html"


def squeezed(text: str) -> str:
    return re.sub(r"[ \t]+", " ", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_saved_page_keeps_what_it_says_and_loses_the_rest(page: Path) -> None:
    html, _ = decoded(page.read_bytes())
    said = json.loads(page.with_suffix(".json").read_text("utf-8"))
    text = squeezed(extracted(html, URL)["text"])
    assert [want for want in said["wants"] if squeezed(want) not in text] == []
    assert [one for one in said["unwanted"] if one in text] == []


def body(html: str, mode: str = "markdown") -> str:
    return str(extracted(f"<html><body><p>{'Words that are seen. ' * 20}</p>{html}</body></html>", URL, mode)["text"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "style",
    [
        "display:none",
        "DISPLAY : NONE",
        "color:red;display:none!important",
        "visibility:hidden",
        "visibility: collapse",
        "opacity:0",
        "opacity: 0.0",
        "opacity:.01",
        "opacity:0%",
        "font-size:0",
        "font-size:0px",
        "font-size:1px",
        "font-size: 0.1em",
        "font-size:2pt",
        "text-indent:-9999px",
        "position:absolute;left:-10000px",
        "position:fixed;top:-999px",
        "margin-left:-5000px",
        "clip:rect(0 0 0 0)",
        "clip: rect(1px, 1px, 1px, 1px)",
        "clip-path: inset(50%)",
        "clip-path:inset(100%)",
        "height:0;overflow:hidden",
        "width:1px;overflow:hidden",
        "max-height:0;overflow-y:hidden",
        "color:transparent",
        "color:white;background:white",
        "color:#fff",
        "color:#fefefe;background-color:#ffffff",
        "color:rgb(255,255,255)",
        "color:#123;background:#123",
        "transform:scale(0)",
        "transform: translateX(-10000px)",
        "content-visibility:hidden",
        "color:rgba(0,0,0,0)",
    ],
)
def test_text_that_a_style_hides_is_not_read(style: str) -> None:
    for mode in ("markdown", "main", "text"):
        assert "SECRET" not in body(f'<div style="{style}"><p>SECRET</p></div><p>after</p>', mode)


@pytest.mark.parametrize(
    "style",
    [
        "display:block",
        "opacity:0.9",
        "opacity:1",
        "opacity:.5",
        "font-size:12px",
        "font-size:1.2em",
        "font-size:20px",
        "left:-10px",
        "height:0",
        "overflow:hidden",
        "color:white;background:#003366",
        "color:#333",
        "background:none;display:inline",
        "visibility:visible",
        "text-indent:2em",
        "font-size:100%",
        "font-size:0.9rem",
    ],
)
def test_text_that_a_style_shows_is_read(style: str) -> None:
    assert "SEEN" in body(f'<div style="{style}">SEEN</div>')


@pytest.mark.parametrize(
    "html",
    [
        "<style>.x{display:none}</style><p class='a x'>SECRET</p>",
        "<style>/* c */ p.x, #y { visibility : hidden }</style><p id='y'>SECRET</p>",
        "<style>@media screen{.z{color:red}} .x.y{font-size:0}</style><p class='y x'>SECRET</p>",
        "<p hidden>SECRET</p>",
        "<template>SECRET</template>",
        "<!-- SECRET -->",
        "<script>SECRET</script>",
        "<noscript>SECRET</noscript>",
        "<input type='hidden' value='SECRET'>",
        "<svg><text>SECRET</text></svg>",
        "<iframe srcdoc='SECRET'>SECRET</iframe>",
        "<textarea>SECRET</textarea>",
        "<dialog>SECRET</dialog>",
        "<font color='white'>SECRET</font>",
        "<a href='javascript:SECRET'>go</a>",
        "<a href='data:text/html,SECRET'>go</a>",
        "<img src='data:image/png;base64,SECRET' alt='x'>",
        "<p title='SECRET' data-x='SECRET'>y</p>",
        "<object data='x'>SECRET</object>",
        "<p style='display:none'><b>SECRET</b> SECRET</p>",
    ],
)
def test_what_a_reader_would_not_see_is_not_read(html: str) -> None:
    assert "SECRET" not in body(html)


@pytest.mark.parametrize(
    "html",
    [
        "<style>@media print{.x{display:none}}</style><p class=x>SEEN</p>",
        "<details><summary>a</summary>SEEN</details>",
        "<style>.other{display:none}</style><p class=x>SEEN</p>",
        "<p aria-hidden=true>SEEN</p>",
        "<div style='background:#036'><p style='color:white'>SEEN</p></div>",
    ],
)
def test_what_a_reader_would_see_is_read(html: str) -> None:
    assert "SEEN" in body(html)


def test_it_is_said_that_something_was_hidden() -> None:
    made = extracted('<p>Seen.</p><p style="display:none">a</p><p hidden>b</p>', URL)
    assert made["notes"] == ["2 hidden pieces of text removed"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("pass\u200bword", "password"),
        ("a\u202eb\u2066c", "abc"),
        ("x\U000e0041\U000e0042y", "xy"),
        ("soft\u00adhyphen", "softhyphen"),
        ("a\u200db", "ab"),
        ("\ufeffstart", "start"),
        ("a\x1b[31mred", "a[31mred"),
        ("a\ufe01b\ufe02", "ab"),
        ("❤\ufe0f", "❤\ufe0f"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("a\u00a0b", "a b"),
        ("가\u3164나", "가나"),
        ("x\U000e0101\U000e01efy", "xy"),
        ("a\x00b", "ab"),
        ("a\ud800b", "ab"),
        ("line\nand\ttab", "line\nand\ttab"),
        ("❤\ufe0f\ufe0f\ufe0f", "❤\ufe0f"),
    ],
)
def test_characters_that_nobody_sees_are_taken_out(given: str, shown: str) -> None:
    assert without_invisible(given) == shown


@given(st.text())
def test_taking_them_out_twice_changes_nothing_and_leaves_what_can_be_sent(text: str) -> None:
    once = without_invisible(text)
    once.encode("utf-8")
    assert without_invisible(without_invisible(once)) == without_invisible(once)
    assert not set(once) & set("\u200b\u202e\u2066\ufeff\x00\x1b\U000e0041")


@given(st.text(max_size=300))
def test_any_text_is_a_page(text: str) -> None:
    for html in (text, f"<p>{text}", f"<div style='{text}'><a href='{text}'>x"):
        made = extracted(html, URL)
        assert isinstance(made["text"], str)
        made["text"].encode("utf-8")


@given(st.text(max_size=100))
def test_any_text_is_a_style(text: str) -> None:
    assert hides(text) in (True, False)


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 50_000 + "deep",
        "<b><i>" * 30_000,
        "<table><tr><td>" * 5_000 + "x",
        "<a href=x>" * 50_000,
        "<p " + "a=b " * 50_000 + ">x",
        "<style>" + ".a{display:none}" * 20_000 + "</style>x",
        "&amp;" * 200_000,
        "<p style='" + "opacity:0.0000000000000000" * 2_000 + "'>x",
        "<" * 300_000,
        "<ul><li>" * 5_000 + "x",
        "<!--" * 100_000,
        "<div style='" + "-" * 200_000 + "'>x</div>",
        "<blockquote>" * 10_000 + "x",
        "<style>" + "@media{" * 60_000 + "</style>x",
        "<pre>" + "`" * 100_000 + "</pre>",
    ],
    ids=range(15),
)
def test_a_page_made_to_be_slow_is_parsed_in_seconds(html: str) -> None:
    begun_s = time.monotonic()
    extracted(html, URL)
    assert time.monotonic() - begun_s < 15


def test_code_is_kept_to_the_letter() -> None:
    text = body("<pre><code>if a &lt; b:\n    x = '*_#`'\n\n\n    y  =  2</code></pre>")
    assert "if a < b:\n    x = '*_#`'\n" in text
    assert "    y  =  2" in text


def test_a_page_of_nothing_but_a_menu_is_given_as_it_is() -> None:
    html = "<html><body><nav><ul>" + "".join(f"<li><a href='/p{n}'>Page {n}</a></li>" for n in range(9)) + "</ul></nav>"
    assert "[Page 8](https://site.example/p8)" in extracted(html, URL)["text"]


def test_links_are_absolute_by_the_page_and_its_base() -> None:
    assert "[a](https://site.example/dir/x?y=1)" in body("<a href='x?y=1'>a</a>")
    based = extracted("<html><head><base href='/other/'></head><body><a href='x'>a</a></body></html>", URL)
    assert "[a](https://site.example/other/x)" in based["text"]
