"""JSON with comments: read as the comment-stripped text would be, and changed without touching anything else."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonc_made import OBJECTS, VALUES, written

from openmanager_kit.clients import jsonc, jsonc_edit


@given(written())
def test_a_text_with_comments_reads_as_the_stripped_text(texts: tuple[str, str]) -> None:
    rich, plain = texts
    assert jsonc.root(rich).value == json.loads(plain)


@given(st.text(alphabet='{}[]",:/*\n a1\\', max_size=30))
def test_whatever_the_text_it_is_read_or_refused_with_its_place(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        expected = None
    try:
        value = jsonc.root(text).value
    except jsonc.Unreadable as exc:
        assert expected is None or "twice" in str(exc)
        assert 1 <= exc.line <= text.count("\n") + 1
        assert exc.column >= 1
        return
    if expected is not None:
        assert value == expected


@given(written(OBJECTS), st.text(min_size=1, max_size=5), VALUES)
def test_what_is_put_in_stands_there_and_all_else_keeps_its_place_and_comments(
    texts: tuple[str, str], key: str, value: Any
) -> None:
    rich, plain = texts
    new = key not in json.loads(plain)
    after = jsonc_edit.put(rich, (key,), value)
    assert jsonc.root(after).value == json.loads(plain) | {key: value}
    if new:
        assert list(jsonc.root(after).value) == [*json.loads(plain), key]
        assert jsonc.comments(after) == jsonc.comments(rich)
        squeezed = rich if json.loads(plain) else "".join(rich.split())
        assert _subsequence(squeezed, after)


@given(written(OBJECTS), st.data())
def test_what_is_taken_out_is_gone_and_all_else_keeps_its_place(texts: tuple[str, str], data: st.DataObject) -> None:
    rich, plain = texts
    value = json.loads(plain)
    if value:
        key = data.draw(st.sampled_from(sorted(value)))
        del value[key]
        after = jsonc_edit.remove(rich, (key,))
        assert jsonc.root(after).value == value
        assert list(jsonc.root(after).value) == list(value)


@given(written(OBJECTS), st.text(min_size=1, max_size=5), VALUES)
def test_what_was_put_in_and_taken_out_again_leaves_every_byte(texts: tuple[str, str], key: str, value: Any) -> None:
    rich, plain = texts
    # An object of white space or comments only comes back without the white space.
    if json.loads(plain) and key not in json.loads(plain):
        assert jsonc_edit.remove(jsonc_edit.put(rich, (key,), value), (key,)) == rich


@given(written(st.lists(VALUES, max_size=4)), VALUES)
def test_an_item_is_added_to_a_list_and_taken_out(texts: tuple[str, str], value: Any) -> None:
    rich, plain = (f'{{"inputs": {text}}}' for text in texts)
    items = json.loads(plain)["inputs"]
    after = jsonc_edit.append(rich, ("inputs",), value)
    assert jsonc.root(after).value == {"inputs": [*items, value]}
    assert jsonc.root(jsonc_edit.remove(after, ("inputs", len(items)))).value == {"inputs": items}


def _subsequence(small: str, large: str) -> bool:
    rest = iter(large)
    return all(char in rest for char in small)


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        ('{"a": 1\n "b": 2}', 2, 2, "','"),
        ("{'a': 1}", 1, 2, "double quotes"),
        ('{"a": 1} x', 1, 10, "nothing may follow"),
        ('{"a": NaN}', 1, 7, "a value"),
        ('{\n  "a": 1,\n  "a": 2}', 3, 3, "twice"),
        ('{"x": {"a": 1, "a": 2}}', 1, 16, "twice"),
        ('{"a": /* 1}', 1, 7, "never closed"),
        ('{"a": "x', 1, 7, "unterminated"),
        ('{"a": 1', 1, 8, "the text ends"),
        ('{"a": "\t"}', 1, 8, "control character"),
        ("[" * 100_000, 1, 1, "deeper"),
        ("", 1, 1, "the text ends"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_column(text: str, line: int, column: int, what: str) -> None:
    with pytest.raises(jsonc.Unreadable, match=re.escape(what)) as failed:
        jsonc.root(text)
    assert (failed.value.line, failed.value.column) == (line, column)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{}", '{\n  "n": {\n    "k": 1\n  }\n}'),
        ('{"a":1}', '{"a":1, "n": {"k": 1}}'),
        ('{\n\t"a": 1\n}\n', '{\n\t"a": 1,\n\t"n": {\n\t\t"k": 1\n\t}\n}\n'),
        ('{\n    "a": 1, // note\n}', '{\n    "a": 1, // note\n    "n": {\n        "k": 1\n    },\n}'),
        ('{\n  "a": 1 // note\n}', '{\n  "a": 1, // note\n  "n": {\n    "k": 1\n  }\n}'),
        ('{\r\n  "a": 1\r\n}', '{\r\n  "a": 1,\r\n  "n": {\r\n    "k": 1\r\n  }\r\n}'),
        ("{\n  // nothing yet\n}", '{\n  // nothing yet\n  "n": {\n    "k": 1\n  }\n}'),
    ],
)
def test_a_new_member_follows_the_style_of_the_text(before: str, after: str) -> None:
    assert jsonc_edit.put(before, ("n",), {"k": 1}) == after
    assert jsonc_edit.remove(after, ("n",)) == before


def test_megabytes_of_foreign_values_are_no_burden() -> None:
    history = {f"project{i}": {"history": ["text"] * 50, "n": i} for i in range(20_000)}
    text = "// mine\n" + json.dumps({"projects": history, "mcpServers": {}}, indent=2)
    after = jsonc_edit.put(text, ("mcpServers", "x"), {"command": "y"})
    assert len(text) > 10_000_000
    assert after.startswith(text[: len(text) - 10])
