"""Schemas that every client takes, and arguments checked against them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.server.mcpserver.utilities.func_metadata import func_metadata
from pydantic import BaseModel, Field

from openmanager_core.errors import ConfigError, InvalidRequest
from openmanager_kit.answers import Answer
from openmanager_kit.arguments import Arguments, shown
from openmanager_kit.schemas import brief, outline, portable

REFUSED = ("$ref", "$defs", "anyOf", "oneOf", "allOf", "title", "const", "additionalProperties", "exclusiveMinimum")


class Part(BaseModel):
    """A nested argument."""

    name: Annotated[str, Field(description="Its name")]
    size: int | None = None


class Colour(Enum):
    """A choice."""

    RED = "red"
    BLUE = "blue"


def plain(
    text: Annotated[str, Field(description="A text", min_length=1, max_length=9, pattern="^a")],
    whole: Annotated[int, Field(ge=1, le=9)] = 3,
    number: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.5,
    flag: bool = False,
    choice: Literal["a", "b"] = "a",
    names: Annotated[list[str], Field(max_length=3, description="Names")] = [],  # noqa: B006
    maybe: Annotated[list[Annotated[int, Field(ge=0)]] | None, Field(description="Numbers")] = None,
    many: tuple[str, ...] = (),
    word: str | None = None,
) -> None:
    """Take plain types."""


def nested(part: Part, parts: list[Part], colour: Colour = Colour.RED, above: Annotated[int, Field(gt=3)] = 4) -> None:
    """Take what needs references."""


def exclusive(ratio: Annotated[float, Field(gt=0, lt=1, description="A part")] = 0.5) -> None:
    """Take a number between two bounds."""


def arguments(fn: Callable[..., Any]) -> Arguments:
    return Arguments(fn, inspect.signature(fn, eval_str=True))


def keywords(schema: Any) -> set[str]:
    if isinstance(schema, dict):
        inside = [keywords(value) for key, value in schema.items() if key not in ("default", "enum")]
        return set(schema) | set().union(*inside) if inside else set(schema)
    return set().union(*map(keywords, schema)) if isinstance(schema, list) and schema else set()


def left_out(
    word: Annotated[str, Field(description="A word")] = "",
    on: Annotated[bool, Field(description="A switch")] = False,
    off: Annotated[bool, Field(description="A switch")] = True,
    names: Annotated[list[str], Field(description="Names")] = [],  # noqa: B006
    count: Annotated[int, Field(description="A number")] = 0,
) -> None:
    """Take what may be left out."""


def test_a_brief_schema_leaves_out_only_defaults_that_are_empty_or_off() -> None:
    whole = arguments(left_out).schema
    short = brief(whole)
    assert {name for name, part in short["properties"].items() if "default" in part} == {"off", "count"}
    for name, part in short["properties"].items():
        assert part | {"default": whole["properties"][name]["default"]} == whole["properties"][name]
    assert all("default" in part for part in whole["properties"].values())


def test_the_quick_way_and_pydantic_write_the_same_schema() -> None:
    slow = portable(func_metadata(plain, structured_output=False).arg_model.model_json_schema())
    assert arguments(plain).schema == slow


@pytest.mark.parametrize("fn", [plain, nested, exclusive])
def test_a_schema_holds_nothing_that_a_client_refuses(fn: Callable[..., Any]) -> None:
    schema = arguments(fn).schema
    assert not keywords(schema) & set(REFUSED)
    assert schema["type"] == "object"
    assert all("type" in entry for entry in schema["properties"].values())


def test_references_are_put_in_place() -> None:
    properties = arguments(nested).schema["properties"]
    part = {
        "type": "object",
        "description": "A nested argument.",
        "properties": {"name": {"description": "Its name", "type": "string"}, "size": {"type": "integer"}},
        "required": ["name"],
    }
    assert properties["part"] == part
    assert properties["parts"]["items"] == part
    assert properties["colour"]["enum"] == ["red", "blue"]
    assert properties["above"]["minimum"] == 4


def test_an_exclusive_bound_of_a_number_is_said_in_words() -> None:
    ratio = arguments(exclusive).schema["properties"]["ratio"]
    assert ratio["minimum"] == 0
    assert ratio["maximum"] == 1
    assert ratio["description"] == "A part (above 0) (below 1)"
    with pytest.raises(InvalidRequest, match="ratio must be above 0, got 0"):
        arguments(exclusive).check({"ratio": 0})


def test_a_choice_of_types_is_refused_when_the_schema_is_made() -> None:
    def either(value: int | str) -> None:
        """Take one of two types."""

    with pytest.raises(ConfigError, match="use one type per argument"):
        _ = arguments(either).schema


def test_an_outline_names_the_fields_and_their_types() -> None:
    class Result(Answer):
        host: str
        value: float | None
        parts: list[Part]
        names: list[str]
        by_name: dict[str, int]
        kind: Literal["a", "b"]

    assert outline(Result) == {
        "type": "object",
        "properties": {
            "host": {"type": "string"},
            "parts": {"type": "array", "items": {"type": "object"}},
            "names": {"type": "array", "items": {"type": "string"}},
            "by_name": {"type": "object"},
            "kind": {"type": "string"},
        },
    }
    assert outline(str) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["text", "whole", "number", "flag", "choice", "names", "maybe", "many", "word", "other"])


@given(st.dictionaries(NAMES, JSON, max_size=5))
def test_any_json_is_accepted_as_the_right_types_or_refused_in_one_line(given_: dict[str, Any]) -> None:
    try:
        kwargs = arguments(plain).check(given_)
    except InvalidRequest as exc:
        assert "\n" not in str(exc)
        assert "pydantic" not in str(exc)
        assert len(str(exc)) < 1500
        return
    assert isinstance(kwargs["text"], str)
    assert type(kwargs["whole"]) is int
    assert 1 <= kwargs["whole"] <= 9
    assert type(kwargs["number"]) is float
    assert kwargs["number"] >= 0
    assert type(kwargs["flag"]) is bool
    assert kwargs["choice"] in ("a", "b")


@given(st.integers(min_value=1, max_value=9))
def test_a_number_written_as_text_means_itself(number: int) -> None:
    checked = arguments(plain).check({"text": "a", "whole": f" {number} ", "number": f"{number}.25", "flag": "TRUE"})
    assert (checked["whole"], checked["number"], checked["flag"]) == (number, number + 0.25, True)


def test_a_nested_argument_may_come_as_json_text() -> None:
    checked = arguments(nested).check({"part": '{"name":"x"}', "parts": '[{"name":"y","size":2}]'})
    assert checked["part"] == Part(name="x")
    assert checked["parts"] == [Part(name="y", size=2)]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("a\ud800", "lone surrogate"),
        (json.loads("[" * 40 + "]" * 40), "nested more than 32 levels deep"),
        (float("inf"), "finite"),
    ],
)
def test_what_is_no_json_is_refused(value: Any, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        arguments(plain).check({"text": value})


@given(st.text(max_size=200) | JSON)
def test_a_value_is_shown_short_and_printable(value: Any) -> None:
    text = shown(value)
    assert len(text) < 100
    assert text.isprintable()
