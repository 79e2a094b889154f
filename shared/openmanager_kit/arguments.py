"""Arguments as a model sends them: checked strictly, refused in words that a model can act upon.

Nothing is coerced except what loses nothing: a number written as text ("5", "0.25"), a whole number written
with a point (5.0), "true" and "false", a list or object sent as JSON text, and null for an argument that
has a default (it counts as not given). Everything else that does not match is refused.
"""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import to_json

from openmanager_core.errors import InvalidRequest
from openmanager_kit.schemas import Schema, input_schema

_WHOLE = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?(\d{1,18}(\.\d{0,18})?|\.\d{1,18})([eE][+-]?\d{1,3})?")
_MOST_PROBLEMS = 5
_SHOWN = 60
_MOST_BITS = 996
_EXACT = 2**53


def shown(value: Any) -> str:
    """Show a value from outside in a message: short, in one line, control characters spelled out."""
    text = repr(value) if isinstance(value, str) else _as_json(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} characters)"


def _as_json(value: Any) -> str:
    try:
        return json.dumps(value, default=str)
    except (ValueError, RecursionError):
        return f"a {type(value).__name__}"


class Arguments:
    """The parameters of one function, without those that the server fills in."""

    def __init__(self, fn: Callable[..., Any], signature: inspect.Signature, injected: Sequence[str] = ()) -> None:
        self._fn = fn
        self._signature = signature
        self._injected = tuple(injected)

    @cached_property
    def fields(self) -> dict[str, FieldInfo]:
        """Parameter name to what pydantic knows of it."""
        written: dict[str, FieldInfo] = {}
        for name, parameter in self._signature.parameters.items():
            if name in self._injected:
                continue
            annotation = Any if parameter.annotation is parameter.empty else parameter.annotation
            if parameter.default is parameter.empty:
                written[name] = FieldInfo.from_annotation(annotation)
            else:
                written[name] = FieldInfo.from_annotated_attribute(annotation, parameter.default)
        return written

    @cached_property
    def schema(self) -> Schema:
        """The JSON schema that clients see."""
        return input_schema(self.fields, lambda: self._model.model_json_schema(by_alias=True))

    @cached_property
    def _model(self) -> Any:
        # Building the validator costs a millisecond: paid at the first call of a tool, not at start.
        from mcp.server.mcpserver.utilities.func_metadata import func_metadata

        return func_metadata(self._fn, skip_names=self._injected, structured_output=False).arg_model

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Turn what a client sent into keyword arguments.

        Raises
        ------
        InvalidRequest
            Names each argument that is unknown, missing, of the wrong type or out of bounds.
        """
        wanted = self._wanted
        if not given.keys() <= wanted.keys():
            raise self._unknown([name for name in given if name not in wanted])
        values: dict[str, Any] = {}
        for name, value in given.items():
            if not _is_simple(value, wanted[name]):
                if value is None and self._absent(name):
                    continue
                value = _unquoted(value, wanted[name])
                _refuse_what_is_not_json(name, value)
            values[name] = value
        try:
            checked = self._model.__pydantic_validator__.validate_json(to_json(values), strict=True)
        except ValidationError as exc:
            raise self._refusal(exc) from None
        fields = checked.__dict__
        return {parameter: fields[field] for field, parameter in self._parameters}

    @cached_property
    def _parameters(self) -> list[tuple[str, str]]:
        """The model's field and the function's parameter: names that pydantic keeps for itself are aliases."""
        return [(name, info.alias or name) for name, info in self._model.model_fields.items()]

    @cached_property
    def _wanted(self) -> dict[str, str | None]:
        """Parameter name to the one type that its schema names."""
        properties = self.schema.get("properties", {})
        return {name: properties.get(name, {}).get("type") for name in self.fields}

    def _absent(self, name: str) -> bool:
        """Tell whether null stands for nothing given."""
        info = self.fields[name]
        return not info.is_required() and info.default is not None

    def _unknown(self, names: list[str]) -> InvalidRequest:
        listed = ", ".join(shown(name) for name in names[:_MOST_PROBLEMS])
        allowed = list(self.fields)
        near = get_close_matches(names[0][:_SHOWN], allowed, n=1, cutoff=0.6)
        hint = f"{near[0]}; " if near else ""
        return InvalidRequest(
            f"unknown argument{'s' if len(names) > 1 else ''} {listed}",
            hint=f"{hint}the arguments are {', '.join(allowed)}" if allowed else "this tool takes no arguments",
        )

    def _refusal(self, exc: ValidationError) -> InvalidRequest:
        errors = exc.errors(include_url=False)
        sentences = [self._sentence(error) for error in errors[:_MOST_PROBLEMS]]
        if len(errors) > _MOST_PROBLEMS:
            sentences.append(f"and {len(errors) - _MOST_PROBLEMS} more")
        first = str(errors[0]["loc"][0]) if errors and errors[0]["loc"] else ""
        info = self.fields.get(first)
        hint = f"give {first} as described: {info.description}" if info is not None and info.description else ""
        return InvalidRequest("; ".join(sentences), hint=hint)

    def _sentence(self, error: Any) -> str:
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).lstrip(".")
        if error["type"] == "missing":
            return f"{path} is required"
        if error["type"] == "extra_forbidden":
            return f"{path} is not known"
        schema = self.schema.get("properties", {}).get(path, {})
        return f"{path} must be {_rule(error, schema)}, got {shown(error['input'])}"


def _is_simple(value: Any, wanted: str | None) -> bool:
    """Tell what most values are: as they should be, with nothing in them to be looked at."""
    kind = type(value)
    if kind is str:
        return wanted == "string" and value.isascii()
    return kind is bool or (kind is int and -_EXACT < value < _EXACT)


def _unquoted(value: Any, wanted: str | None) -> Any:
    """Undo the harmless liberties that clients take with types."""
    if wanted == "integer" and isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if not isinstance(value, str) or wanted in ("string", None):
        return value
    text = value.strip()
    if wanted in ("integer", "number") and _WHOLE.fullmatch(text):
        return int(text)
    if wanted == "number" and _NUMBER.fullmatch(text):
        return float(text)
    if wanted == "boolean" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if wanted in ("array", "object") and text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return value
    return value


_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "string": "text",
    "bool": "true or false",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "dict": "an object",
    "model": "an object",
}


def _rule(error: Any, schema: Mapping[str, Any]) -> str:
    """Say in words what a value has to be."""
    kind, bounds = str(error["type"]), error.get("ctx", {})
    low, high = schema.get("minimum"), schema.get("maximum")
    if kind in ("greater_than_equal", "less_than_equal") and low is not None and high is not None:
        return f"between {_number(low)} and {_number(high)}"
    match kind:
        case "greater_than_equal":
            return f"at least {_number(bounds['ge'])}"
        case "greater_than":
            return f"above {_number(bounds['gt'])}"
        case "less_than_equal":
            return f"at most {_number(bounds['le'])}"
        case "less_than":
            return f"below {_number(bounds['lt'])}"
        case "multiple_of":
            return f"a multiple of {_number(bounds['multiple_of'])}"
        case "literal_error" | "enum":
            return f"one of {bounds['expected']}"
        case "string_too_short":
            return f"at least {bounds['min_length']} characters long"
        case "string_too_long":
            return f"at most {bounds['max_length']} characters long"
        case "too_short":
            return f"at least {bounds['min_length']} items long"
        case "too_long":
            return f"at most {bounds['max_length']} items long"
        case "string_pattern_mismatch":
            return f"text that matches {bounds['pattern']}"
    named = _KINDS.get(kind.split("_", 1)[0])
    return (
        named if named is not None else str(error["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
    )


def _number(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _refuse_what_is_not_json(name: str, value: Any, depth: int = 0) -> None:
    """Refuse what JSON text can smuggle in: NaN, infinities, endless numbers, lone surrogates, bottomless nesting."""
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidRequest(f"{name} must be a finite number, got {value}")
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise InvalidRequest(f"{name} must be a number of at most 300 digits")
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidRequest(f"{name} must be text, got a lone surrogate in {shown(value)}") from None
    if isinstance(value, (list, dict)):
        if depth > 32:
            raise InvalidRequest(f"{name} is nested more than 32 levels deep")
        if isinstance(value, dict):
            for key in value:
                _refuse_what_is_not_json(name, key, depth + 1)
        for item in value.values() if isinstance(value, dict) else value:
            _refuse_what_is_not_json(name, item, depth + 1)
