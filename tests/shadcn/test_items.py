"""Registry documents: read strictly where it matters, leniently where registries differ, and within bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.errors import SourceInvalid
from openmanager_shadcn import items

FULL: dict[str, Any] = {
    "$schema": "https://ui.shadcn.com/schema/registry-item.json",
    "name": "login-form",
    "type": "registry:block",
    "title": "Login",
    "description": "로그인 양식",
    "author": "Ann <ann@example.org>",
    "dependencies": ["zod@^3", "@radix-ui/react-slot"],
    "devDependencies": ["@types/node"],
    "registryDependencies": ["button", "@acme/input", "https://example.org/r/card.json"],
    "files": [
        {"path": "blocks/login.tsx", "type": "registry:page", "target": "app/login/page.tsx", "content": "export {}\n"},
        {"path": "lib/x.ts", "type": "registry:lib"},
    ],
    "tailwind": {"config": {"theme": {"extend": {}}}},
    "cssVars": {"theme": {"font": "x"}, "light": {"brand": "1 2% 3%"}, "dark": {"brand": "4 5% 6%"}},
    "css": {"@layer base": {"h1": {"font-size": "2rem"}}},
    "envVars": {"API_KEY": ""},
    "docs": "Set API_KEY.",
    "categories": ["auth"],
    "meta": {"any": [1, 2]},
    "extends": "none",
    "somethingNew": {"is": "ignored"},
}


def parse(document: Any) -> items.Item:
    return items.parse_item(items.load(json.dumps(document).encode(), "x.json"), "x.json")


def test_every_documented_field_is_read_and_unknown_ones_are_not_minded() -> None:
    item = parse(FULL)
    assert (item.name, item.type, item.description) == ("login-form", "registry:block", "로그인 양식")
    assert item.dependencies == ("zod@^3", "@radix-ui/react-slot") and item.dev_dependencies == ("@types/node",)
    assert item.registry_dependencies == ("button", "@acme/input", "https://example.org/r/card.json")
    assert item.files[0].target == "app/login/page.tsx" and item.files[0].content == "export {}\n"
    assert item.files[1].content is None
    assert item.css_vars.dark == {"brand": "4 5% 6%"} and item.env_vars == {"API_KEY": ""}
    assert item.css["@layer base"] == {"h1": {"font-size": "2rem"}} and item.extends == "none"


def test_null_counts_as_absent() -> None:
    assert parse({"name": "a", "type": "registry:ui", "files": None, "title": None, "cssVars": None}).files == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": None}, "name is missing"),
        ({"type": ""}, "type is missing"),
        ({"dependencies": "zod"}, "dependencies must be a list"),
        ({"dependencies": [1]}, "dependencies must hold texts"),
        ({"files": [{"type": "registry:ui"}]}, "files[0]: path is missing"),
        ({"files": [{"path": "a", "content": 5}]}, "content must be text"),
        ({"cssVars": {"light": {"a": 1}}}, "light"),
        ({"cssVars": []}, "cssVars must be an object"),
        ({"title": "x" * 3000}, "title may have"),
        ({"files": [{"path": "a"}] * 501}, "500 entries"),
    ],
)
def test_a_field_of_the_wrong_shape_is_refused_by_its_name(change: dict[str, Any], said: str) -> None:
    with pytest.raises(SourceInvalid) as refused:
        parse({**FULL, **change})
    assert said in refused.value.message and "x.json" in refused.value.message


def test_one_bad_entry_of_an_index_is_skipped_and_counted() -> None:
    index = items.parse_index({"name": "r", "items": [FULL, {"name": "no type"}, 5, {**FULL, "files": 1}]}, "r.json")
    assert [item.name for item in index.items] == ["login-form"] and index.skipped == 3
    assert index.items[0].files[0].content is None, "an index is kept without sources"


@pytest.mark.parametrize("document", [{}, 5, "x", None, {"items": 5}, {"homepage": "x"}])
def test_what_is_no_index_is_refused(document: Any) -> None:
    with pytest.raises(SourceInvalid):
        items.parse_index(document, "r.json")


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>no</html>", b"\xff\xfe", b'{"name": "\\ud800"}', b"[" * 200_000, b"[" * 2000 + b"]" * 2000],
)
def test_garbage_is_a_clear_failure(body: bytes) -> None:
    with pytest.raises(SourceInvalid):
        items.parse_item(items.load(body, "x.json"), "x.json")


def test_megabytes_of_brackets_are_refused_before_they_become_objects() -> None:
    with pytest.raises(SourceInvalid, match="values"):
        items.load(b"[" + b"[]," * 400_000 + b"[]]", "x.json")
    with pytest.raises(SourceInvalid, match="bytes"):
        items.load(b" " * (items.DOCUMENT_BYTES + 1), "x.json")


def test_rules_nested_without_end_are_refused() -> None:
    css: dict[str, Any] = {}
    for _ in range(100):
        css = {"a": css}
    with pytest.raises(SourceInvalid, match="levels"):
        parse({**FULL, "css": css})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*FULL, "path", "light"]), inner, max_size=6)
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_document_is_read_or_refused(document: Any) -> None:
    for read in (items.parse_item, items.parse_index):
        try:
            read(document, "x.json")
        except SourceInvalid as refused:
            assert refused.message
