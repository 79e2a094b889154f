"""Tool schemas that every client accepts: flat objects, plain types, inclusive bounds, nothing to look up.

Some clients and model providers refuse ``$ref``, ``anyOf``, ``exclusiveMinimum``, ``const`` or
``additionalProperties``; what remains after `portable` is understood by all of them.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin

from openmanager_core.errors import ConfigError

Schema = dict[str, Any]

_PRIMITIVES: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
_LISTS = (list, tuple, set, frozenset, Sequence)
_DROPPED = ("title", "additionalProperties", "$defs", "$schema", "exclusiveMinimum", "exclusiveMaximum", "const")
_BOUNDS = {
    "ge": "minimum",
    "le": "maximum",
    "multiple_of": "multipleOf",
    "min_length": ("minLength", "minItems"),
    "max_length": ("maxLength", "maxItems"),
    "pattern": "pattern",
}


def input_schema(fields: Mapping[str, Any], fallback: Callable[[], Schema]) -> Schema:
    """Write the schema of a tool's arguments.

    Parameters
    ----------
    fields
        Parameter name to pydantic `FieldInfo`, without the injected ones.
    fallback
        Gives pydantic's own schema, for annotations that are not plain types; building it costs
        a millisecond, which seventeen tools would pay at every start.
    """
    properties: dict[str, Schema] = {}
    for name, info in fields.items():
        written = None if info.json_schema_extra else _plain(info.annotation, info.metadata)
        if written is None:
            return portable(fallback())
        if info.description:
            written["description"] = info.description
        if not info.is_required() and info.default is not None and info.default_factory is None:
            written["default"] = list(info.default) if isinstance(info.default, tuple) else info.default
        properties[name] = written
    schema: Schema = {"type": "object", "properties": properties}
    required = [name for name, info in fields.items() if info.is_required()]
    if required:
        schema["required"] = required
    return schema


def brief(schema: Schema) -> Schema:
    """Give the schema of a tool's arguments without defaults that are empty or off."""
    properties = {
        name: {key: value for key, value in part.items() if key != "default" or _says_something(value)}
        for name, part in schema["properties"].items()
    }
    return {**schema, "properties": properties}


def _says_something(default: Any) -> bool:
    return default is not False and default not in ("", [], {})


def _plain(annotation: Any, constraints: Sequence[Any] = ()) -> Schema | None:
    """Write the schema of a plain type with inclusive bounds, or None if pydantic has to."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is typing.Annotated:
        return _plain(args[0], [*_flattened(args[1:]), *constraints])
    if origin in (Union, types.UnionType):
        rest = [arg for arg in args if arg is not type(None)]
        return _plain(rest[0], constraints) if len(rest) == 1 else None
    schema: Schema | None = None
    if annotation in _PRIMITIVES:
        schema = {"type": _PRIMITIVES[annotation]}
    elif origin is Literal and all(isinstance(arg, str) for arg in args):
        schema = {"type": "string", "enum": list(args)}
    elif origin in _LISTS and args and (origin is not tuple or args[1:] == (Ellipsis,)):
        items = _plain(args[0])
        if items is not None:
            schema = {"type": "array", "items": items}
            if origin in (set, frozenset):
                schema["uniqueItems"] = True
    if schema is None:
        return None
    for constraint in constraints:
        if not _bound(schema, constraint):
            return None
    return schema


def _flattened(metadata: Sequence[Any]) -> list[Any]:
    """Take the constraints out of the `Field(...)` of a nested ``Annotated``."""
    return [inner for item in metadata for inner in (getattr(item, "metadata", None) or [item])]


def _bound(schema: Schema, constraint: Any) -> bool:
    """Add one inclusive bound to a schema; False if it is of another kind."""
    slots = [name for name in _BOUNDS if getattr(constraint, name, None) is not None]
    if type(constraint).__name__ in ("AllowInfNan", "Strict") or getattr(constraint, "allow_inf_nan", None) is False:
        return True
    if not slots:
        return False
    for slot in slots:
        keyword = _BOUNDS[slot]
        if not isinstance(keyword, str):
            keyword = keyword[schema["type"] == "array"]
        schema[keyword] = getattr(constraint, slot)
    return True


def portable(schema: Schema) -> Schema:
    """Rewrite a JSON schema so that every client accepts it.

    References are put in place, titles and ``additionalProperties`` go, an optional value loses its null, an
    exclusive bound of a whole number becomes the next inclusive one (of any other number: the same bound, and
    the description says "above").

    Raises
    ------
    ConfigError
        For a schema that refers to itself, or a choice between several types: no client-proof form exists.
    """
    written: Schema = _portable(schema, schema.get("$defs", {}), ())
    written.setdefault("type", "object")
    written.setdefault("properties", {})
    return written


def _portable(node: Any, defs: Mapping[str, Any], within: tuple[str, ...]) -> Any:
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = str(node["$ref"]).rsplit("/", 1)[-1]
        if name in within:
            raise ConfigError(f"tool schema refers to itself through {name}: use a flat argument")
        beside = {key: value for key, value in node.items() if key != "$ref"}
        return _portable({**defs[name], **beside}, defs, (*within, name))
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in node:
            rest = [option for option in node[choice] if option.get("type") != "null"]
            if len(rest) != 1:
                raise ConfigError(f"tool schema offers a choice of types ({choice}): use one type per argument")
            beside = {key: value for key, value in node.items() if key != choice}
            if beside.get("default", "") is None:
                del beside["default"]
            return _portable({**rest[0], **beside}, defs, within)
    written = {key: value for key, value in node.items() if key not in _DROPPED}
    if "const" in node:
        written["enum"] = [node["const"]]
    _close_bounds(node, written)
    if isinstance(written.get("properties"), dict):
        written["properties"] = {key: _portable(value, defs, within) for key, value in node["properties"].items()}
    if "items" in written:
        written["items"] = _portable(written["items"], defs, within)
    if "prefixItems" in written:
        raise ConfigError("tool schema holds a list of mixed types: use separate arguments")
    return written


def _close_bounds(node: Schema, written: Schema) -> None:
    for exclusive, inclusive, step, word in (
        ("exclusiveMinimum", "minimum", 1, "above"),
        ("exclusiveMaximum", "maximum", -1, "below"),
    ):
        if exclusive not in node:
            continue
        bound = node[exclusive]
        if node.get("type") == "integer":
            written[inclusive] = bound + step
        else:
            written[inclusive] = bound
            written["description"] = f"{written.get('description', '')} ({word} {bound})".strip()


def outline(model: Any) -> Schema | None:
    """Sketch the schema of an answer: its fields and their types, one level deep.

    Enough for a client to check the shape and for a program to know the fields, at a tenth of the bytes of
    the full schema. A field that may be null is left out: a union would be refused by some clients.
    """
    fields = getattr(model, "model_fields", None)
    if fields is None:
        return None
    properties: dict[str, Schema] = {}
    for name, info in fields.items():
        written = _plain_outline(info.annotation)
        if written is not None:
            properties[name] = written
    return {"type": "object", "properties": properties}


def _plain_outline(annotation: Any) -> Schema | None:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is typing.Annotated:
        return _plain_outline(args[0])
    if origin in (Union, types.UnionType):
        return None
    if annotation in _PRIMITIVES:
        return {"type": _PRIMITIVES[annotation]}
    if origin is Literal:
        return {"type": "string"} if all(isinstance(arg, str) for arg in args) else None
    if origin in _LISTS and args:
        items = _plain_outline(args[0])
        return None if items is None else {"type": "array", "items": items}
    if origin in (dict, Mapping) or hasattr(annotation, "model_fields") or annotation is dict:
        return {"type": "object"}
    return None
