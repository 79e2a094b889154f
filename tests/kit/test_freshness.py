"""An answer that shows its trail says where it came from, whoever it is given to; other answers pass untouched."""

from __future__ import annotations

import pytest
from mcp_types import CallToolResult, TextContent

from openmanager_core.facts import as_written
from openmanager_core.wording import said
from openmanager_kit.freshness import GROWS, MADE, MADE_IN, as_given, as_kept, as_standing_in, last_good, told
from openmanager_kit.plain import PlainResult
from openmanager_kit.sharing import Standing


def result(text: str, structured: dict[str, object] | None) -> CallToolResult:
    return PlainResult(content=[TextContent(type="text", text=text)], structured_content=structured)


def text_of(answer: CallToolResult) -> str:
    block = answer.content[0]
    assert isinstance(block, TextContent)
    return block.text


def test_the_line_is_replaced_in_text_and_structure_and_what_is_kept_stays_as_it_was() -> None:
    kept = result(f"All is well.\n\nTrail\n- data: 3\n- {MADE}\n\nMore", {"n": 3, "trail": ["data: 3", MADE]})
    given = told(kept, as_written("cache: another"))
    assert text_of(given) == "All is well.\n\nTrail\n- data: 3\n- cache: another\n\nMore"
    assert given.structured_content == {"n": 3, "trail": ["data: 3", "cache: another"]}
    assert kept.structured_content == {"n": 3, "trail": ["data: 3", MADE]} and MADE in text_of(kept)


def test_a_text_alone_is_told_too_and_words_of_others_are_left_alone() -> None:
    assert (
        text_of(told(result(f"## Trail\n\n- {MADE}\n", None), as_written(r"cache: \1 kept")))
        == "## Trail\n\n- cache: \\1 kept\n"
    )
    for text in (f"- said: {MADE}", f"x {MADE}", f"- {MADE} and more"):
        assert text_of(told(result(text, None), as_written("cache: another"))) == text


def test_a_korean_trail_is_told_in_korean() -> None:
    made = MADE_IN["ko"]
    line = as_kept(Standing("kept", 1.26, 7.0))
    given = told(result(f"분석 과정\n- {made}", {"trail": ["데이터", made, 3]}), line)
    assert text_of(given) == f"분석 과정\n- {said(line, 'ko')}"
    assert given.structured_content == {"trail": ["데이터", said(line, "ko"), 3]}
    assert "1.3초" in said(line, "ko") and "7.0초" in said(line, "ko")


@pytest.mark.parametrize("structured", [{"trail": []}, {"trail": ["data"]}, {"trail": "words"}, {"rows": [1]}])
def test_an_answer_without_a_trail_is_given_as_it_is(structured: dict[str, object]) -> None:
    answer = result(f"- {MADE}", structured)
    assert told(answer, as_written("cache: another")) is answer


def test_each_way_an_answer_is_come_by_has_its_words() -> None:
    nothing, making, kept = Standing("none"), Standing("making"), Standing("kept", 1.26, 7.0)
    assert said(as_given(nothing, nothing)) == f"{MADE}, not kept"
    assert said(as_given(nothing, Standing("kept", 0.0, 12.0))) == f"{MADE}, kept 12.0 s for equal ones"
    assert said(as_given(making, kept)).startswith("cache: made for several equal calls at once, kept 7.0 s")
    assert as_given(kept, kept) == as_kept(kept)
    assert said(as_kept(kept)) == "cache: kept, made 1.3 s ago, given to equal calls for 7.0 s more at most"
    old = said(last_good(61, "away"))
    assert old.startswith("cache: the last good answer, 61 s old") and old.endswith("away")
    # every line fits into the room that pages leave for it, in the languages there are
    for line in (as_given(nothing, kept), as_given(making, nothing), as_kept(kept), as_standing_in(3.0)):
        for language, made in MADE_IN.items():
            assert len(said(line, language)) < len(made) + GROWS
    assert all(said(as_given(nothing, kept), language).startswith(made) for language, made in MADE_IN.items())
