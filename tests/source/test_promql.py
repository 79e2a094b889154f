"""PromQL is built from parts: what goes in as a value can only ever be a value."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.errors import ConfigError, InvalidRequest
from openmanager_core.source.prometheus import mapping, promql
from openmanager_core.source.prometheus.promql import Template

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_UNESCAPED = re.compile(r'\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|([\\"nrt]))|([^"\\\n])')
_NAMED = {"\\": "\\", '"': '"', "n": "\n", "r": "\r", "t": "\t"}


def unquoted(literal: str) -> str:
    """Read a PromQL string the slow way: character by character, refusing what the language refuses."""
    assert literal[0] == literal[-1] == '"'
    inside, at, out = literal[1:-1], 0, ""
    while at < len(inside):
        found = _UNESCAPED.match(inside, at)
        assert found, (literal, at)
        code = found.group(1) or found.group(2) or found.group(3)
        out += chr(int(code, 16)) if code else _NAMED[found.group(4)] if found.group(4) else found.group(5)
        at = found.end()
    return out


@given(TEXT)
def test_a_quoted_value_reads_back_as_itself(text: str) -> None:
    assert unquoted(promql.quote(text)) == text


@given(TEXT)
def test_an_equality_matcher_is_one_label_and_one_string_whatever_the_value(text: str) -> None:
    matcher = promql.equals("server", text)
    assert matcher.startswith("server=")
    assert unquoted(matcher.removeprefix("server=")) == text


@given(st.lists(TEXT.filter(bool), min_size=2, max_size=5, unique=True), TEXT)
def test_a_matcher_for_several_values_matches_them_and_nothing_else(values: list[str], other: str) -> None:
    pattern = unquoted(promql.one_of("server", values).removeprefix("server=~"))
    for value in values:
        assert re.fullmatch(pattern, value, re.DOTALL)
    assert bool(re.fullmatch(pattern, other, re.DOTALL)) == (other in values)


def test_text_that_is_no_unicode_and_labels_that_are_no_labels_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="not valid Unicode"):
        promql.quote("\ud800")
    with pytest.raises(InvalidRequest, match="not a label name"):
        promql.equals('x"', "a")
    with pytest.raises(InvalidRequest, match="not a metric name"):
        promql.selector("up} or vector(1", [])


@pytest.mark.parametrize(
    ("template", "some", "none"),
    [
        ("m{$selector}", 'm{a="b"}', "m{}"),
        ('m{x="y",$selector}', 'm{x="y",a="b"}', 'm{x="y"}'),
        ('m{x="y" $selector}', 'm{x="y",a="b"}', 'm{x="y"}'),
        ('m{$selector,x="y"}', 'm{a="b",x="y"}', 'm{x="y"}'),
        ('m{x="1",$selector,z="2"}', 'm{x="1",a="b",z="2"}', 'm{x="1",z="2"}'),
        ("rate(m{${selector}}[$range])", 'rate(m{a="b"}[60000ms])', "rate(m{}[60000ms])"),
        ("a{$selector}/b{$selector}", 'a{a="b"}/b{a="b"}', "a{}/b{}"),
        ('m{x=~"lo|a$|$b"} + n{$selector}', 'm{x=~"lo|a$|$b"} + n{a="b"}', 'm{x=~"lo|a$|$b"} + n{}'),
    ],
)
def test_placeholders_are_filled_in_with_the_commas_the_language_needs(template: str, some: str, none: str) -> None:
    parsed = Template.parse(template)
    assert parsed.expand(['a="b"'], 60.0) == some
    assert parsed.expand([], 60.0) == none


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("m", "must hold $selector"),
        ("m{$host}", "only $selector and $range"),
        ("m{$selector}[$__rate_interval]", "only $selector and $range"),
        ("m{$selector} + $", "only $selector and $range"),
        ("m{} $selector", "must stand inside braces"),
        ("m{$selector} + $range", "must stand inside brackets"),
        ('m{a="$selector"}', "inside a string"),
        ('m{a="b$selector}', "not closed"),
        ("m{$selector", "do not match"),
        ("m{$selector} # and more", "comment"),
    ],
)
def test_a_template_that_can_not_be_filled_in_is_refused_at_the_start(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        Template.parse(text)


@given(st.text(alphabet="m{}[]\"$\\`,=selctorang#' ", max_size=40))
def test_no_template_crashes_the_parser(text: str) -> None:
    try:
        parsed = Template.parse(text)
    except ConfigError:
        return
    expanded = parsed.expand(['server="x"'], 60.0)
    assert 'server="x"' in expanded
    assert "$selector" not in expanded.replace("\\", "")


def test_a_bare_selector_is_plain_and_an_expression_is_not() -> None:
    assert Template.parse('m{x="y",$selector}').plain
    assert not Template.parse("rate(m{$selector}[$range])").plain
    assert not Template.parse("m{$selector} / n{$selector}").plain


def test_the_rows_of_a_profile_are_checked_against_the_catalogue() -> None:
    (row,) = mapping.profile_rows({"cpu_busy_ratio": "my_cpu{$selector} / 100"})
    assert mapping.candidates("cpu_busy_ratio", (row,)) == (row,)
    with pytest.raises(ConfigError, match=r"source\.mapping\.cpu_bussy_ratio.*cpu_busy_ratio"):
        mapping.profile_rows({"cpu_bussy_ratio": "m{$selector}"})
    with pytest.raises(ConfigError, match=r"source\.mapping\.cpu_busy_ratio must hold"):
        mapping.profile_rows({"cpu_busy_ratio": "m"})
