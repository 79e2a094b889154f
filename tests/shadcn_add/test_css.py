"""A stylesheet keeps every byte outside of a change, a registry's CSS cannot leave its place, twice changes nothing."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import shadcn_projects
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.errors import SourceInvalid
from openmanager_shadcn.adding.css_merge import Tailwind, merged
from openmanager_shadcn.adding.css_tree import CssProblem, parse
from openmanager_shadcn.items import parse_item

THEME = parse_item(shadcn_projects.items()["theme.json"], "theme")
VARS = parse_item(shadcn_projects.items()["vars.json"], "vars")

PIECES = st.sampled_from(
    [
        '@import "tailwindcss";\n',
        "@charset 'utf-8';",
        ":root {\n  --background: #fff;\n}\n",
        ":root{--a:{b:c};--background:red}",
        ".dark{}\n",
        "@layer base {\n\t:root {\n\t\t--radius: 1px\n\t}\n}\n",
        "@theme inline {\n  --color-background: var(--background);\n}\n",
        "/* } ; { */\n",
        "a:hover::before { content: '};\"'; background: url(data:image/png;base64,{}) }\n",
        "@media (min-width: 1px) { .a, .b > c { color: red !important } }\n",
        '@plugin "@tailwindcss/typography";\n',
        ".card { padding: 2rem }\n",
        "@apply x;\n",
        "\n\n\n",
    ]
)


def item(**more: Any) -> Any:
    return parse_item({"name": "x", "type": "registry:ui", **more}, "x")


@given(st.lists(PIECES, max_size=10).map("".join), st.sampled_from(["\n", "\r\n"]))
def test_a_stylesheet_comes_back_byte_for_byte(text: str, end: str) -> None:
    text = text.replace("\n", end)
    assert str(parse(text)) == text


@given(st.text(alphabet="a:;{}()\"'/*\\@-# \n", max_size=80))
def test_any_text_comes_back_or_is_refused(text: str) -> None:
    with suppress(CssProblem):
        assert str(parse(text)) == text


@given(
    st.lists(PIECES, max_size=8).map("".join),
    st.sampled_from(["v3", "v4"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\ufeff"]),
)
def test_merging_twice_changes_nothing_and_no_line_is_lost(
    text: str, version: Tailwind, themed: bool, overwrite: bool, end: str, mark: str
) -> None:
    text = mark + text.replace("\n", end)
    once = str(merged(text, [THEME, VARS], version, themed=themed, overwrite=overwrite).root)
    assert str(merged(once, [THEME, VARS], version, themed=themed, overwrite=overwrite).root) == once
    assert once.startswith(mark)
    assert once.count("\ufeff") == len(mark)
    if end == "\r\n" and "\r\n" in text:
        assert "\n" not in once.replace("\r\n", "")
    if not themed and not overwrite:
        kept = iter(once)
        assert all(char in kept for char in text), "what was there stays, in its order"


def test_what_has_another_value_is_kept_and_told() -> None:
    css = ":root {\n  --brand: red;\n}\n.card { padding: 3px }\n"
    sheet = merged(css, [THEME], "v4", themed=False, overwrite=False)
    assert (":root", "--brand", "red", "oklch(0.5 0.1 20)") in sheet.kept
    assert (".card", "padding", "3px", "1rem") in sheet.kept
    assert ":root {\n  --brand: red;" in str(sheet.root)
    assert "--brand: oklch(0.5 0.1 20);" in str(merged(css, [THEME], "v4", themed=True, overwrite=False).root)
    assert "padding: 1rem" in str(merged(css, [THEME], "v4", themed=False, overwrite=True).root)


def test_tailwind_3_gets_its_variables_in_the_base_layer() -> None:
    found = str(merged(shadcn_projects.VITE_CSS, [VARS], "v3", themed=False, overwrite=False).root)
    assert found == shadcn_projects.VITE_CSS.replace(
        "100%;\n  }\n}", "100%;\n    --brand: 0 0% 10%;\n  }\n  .dark {\n    --brand: 0 0% 90%;\n  }\n}"
    )


def test_an_indentation_by_tabs_is_taken_over() -> None:
    found = str(merged(":root {\n\t--a: b;\n}\n", [VARS], "v4", themed=False, overwrite=False).root)
    assert "\n\t--brand: hsl(0 0% 10%);\n\t--background: #eee;\n}" in found
    assert "@keyframes pulse {\n\t\t0% {\n\t\t\topacity: 1;\n\t\t}" in found


@pytest.mark.parametrize(
    "more",
    [
        {"cssVars": {"light": {"a": "red; } body { display: none"}}},
        {"cssVars": {"light": {"a": "red; --b: blue"}}},
        {"cssVars": {"light": {"a; b": "red"}}},
        {"cssVars": {"light": {"a": "'"}}},
        {"cssVars": {"light": {"a": "red /* "}}},
        {"cssVars": {"light": {"a": ""}}},
        {"css": {"a } b": {"color": "red"}}},
        {"css": {"a": {"color": "red } b { x: y"}}},
        {"css": {"a": {"color:red;b": "c"}}},
        {"css": {'@import "a"; @import "b"': {}}},
        {"css": {"@media x { a": {"b": {"c": "d"}}}},
        {"css": {"@layer base": {"a": {"@apply b; } c {": {}}}}},
        {"css": {"a": "color: red } b { x: y"}},
        {"css": {"a": 5}},
        {"css": {"a": {"b": None}}},
        {"css": {'@charset "x"': {}}},
        {"css": {"<!-- a": {"b": "c"}}},
    ],
)
def test_css_of_a_registry_cannot_be_more_than_it_says(more: dict[str, Any]) -> None:
    with pytest.raises(SourceInvalid, match="registry's CSS"):
        merged("a { b: c }", [item(**more)], "v4", themed=False, overwrite=False)


NAMES = st.text(alphabet="ab-{};:\"'/*()\\ @\n", min_size=1, max_size=12)


@given(NAMES, NAMES, NAMES)
def test_hostile_css_is_refused_or_stays_in_its_rule(selector: str, name: str, value: str) -> None:
    before = "a {\n  b: c;\n}\n"
    try:
        wanted = item(css={f".x{selector}": {name: value}})
        sheet = merged(before, [wanted], "v4", themed=False, overwrite=False)
    except SourceInvalid:
        return
    found = parse(str(sheet.root)).children
    assert str(found[0]) == before.rstrip("\n")
    assert len(found) == 2
    assert len(found[1].children) == 1


def test_rules_inside_of_rules_keep_their_parent() -> None:
    wanted = item(css={".a": {"@media (x)": {"color": "red"}, "& > b": {"c": "d"}, ".e": {"f": "g"}}})
    found = str(merged("", [wanted], "v4", themed=False, overwrite=False).root)
    assert found == (
        ".a {\n  @media (x) {\n    color: red;\n  }\n  & > b {\n    c: d;\n  }\n  .e {\n    f: g;\n  }\n}\n"
    )


@pytest.mark.parametrize("text", ["a {", "a }", "a { b: 'c\n' }", "/* x", "a { b: (c }", "x", "a{" * 200 + "}" * 200])
def test_a_stylesheet_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(CssProblem):
        merged(text, [VARS], "v4", themed=False, overwrite=False)
