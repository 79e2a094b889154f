"""What a registry item asks of a project's stylesheet, put into it: variables, themes, rules, imports, plugins."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from openmanager_core.errors import SourceInvalid
from openmanager_core.text import quoted
from openmanager_shadcn.adding.css_edit import Sheet, at_rule_of, property_name, selector_of, value_of
from openmanager_shadcn.adding.css_tree import Node, parse
from openmanager_shadcn.items import Item

Tailwind = Literal["v3", "v4"]
Texts = Mapping[str, str]

_RADII = {
    "sm": "calc(var(--radius) * 0.6)",
    "md": "calc(var(--radius) * 0.8)",
    "lg": "var(--radius)",
    "xl": "calc(var(--radius) * 1.4)",
    "2xl": "calc(var(--radius) * 1.8)",
    "3xl": "calc(var(--radius) * 2.2)",
    "4xl": "calc(var(--radius) * 2.6)",
}
_COLOURS = ("hsl", "rgb", "#", "oklch")
_FLAT = re.compile(r"&([:.\[#][^&\s,>+~]*)")
_ONE = re.compile(r"[^\s,>+~:&]+")
_REQUIRE = re.compile(r"require\(\s*[\"'](.+)[\"']\s*\)")


def merged(text: str, items: Sequence[Item], tailwind: Tailwind, *, themed: bool, overwrite: bool) -> Sheet:
    """Put what all items ask for into a stylesheet.

    Parameters
    ----------
    themed
        Whether a theme was asked for by name: its variables then replace those that are there.
    overwrite
        Whether everything that has another value is replaced.

    Raises
    ------
    CssProblem
        If the stylesheet cannot be changed safely.
    SourceInvalid
        If an item's CSS is not what it says.
    """
    sheet = Sheet.read(text, overwrite=overwrite)
    scopes: dict[str, dict[str, str]] = {"theme": {}, "light": {}, "dark": {}}
    for item in items:
        for scope, found in (
            ("theme", item.css_vars.theme),
            ("light", item.css_vars.light),
            ("dark", item.css_vars.dark),
        ):
            scopes[scope].update({_variable(name): value_of(name, value) for name, value in found.items()})
    scopes = {scope: names for scope, names in scopes.items() if names}
    if scopes and tailwind == "v3":
        _variables_v3(sheet, scopes, overwrite=themed or overwrite)
    elif scopes:
        _variables_v4(sheet, scopes, overwrite=themed or overwrite)
    if tailwind == "v4":
        for item in items:
            _old_configuration(sheet, item.tailwind.get("config"))
    for item in items:
        for key, body in item.css.items():
            _top(sheet, key, body, tailwind)
    return sheet


def _variable(name: str) -> str:
    return property_name("--" + name.removeprefix("--"))


# -- variables ----------------------------------------------------------------------------------------------------


def _variables_v3(sheet: Sheet, scopes: Mapping[str, Texts], *, overwrite: bool) -> None:
    base = sheet.block(sheet.root, "@layer base")
    for scope, names in scopes.items():
        block = sheet.block(base, ".dark" if scope == "dark" else ":root")
        for name, value in names.items():
            sheet.declare(block, name, value, overwrite=overwrite)


def _variables_v4(sheet: Sheet, scopes: Mapping[str, Texts], *, overwrite: bool) -> None:
    if not any(node.kind == "at" and node.name == "custom-variant" for node in sheet.root.children):
        imports = [i for i, node in enumerate(sheet.root.children) if node.kind == "at" and node.name == "import"]
        place = imports[-1] + 1 if imports else min(1, len(sheet.root.children))
        variant = Node("at", text="@custom-variant dark (&:is(.dark *))", end=";")
        sheet.insert(sheet.root, place, variant, blank=True)
    for scope in ("light", "dark"):
        names = scopes.get(scope, {})
        if names:
            block = sheet.block(sheet.root, ".dark" if scope == "dark" else ":root")
            for name, value in names.items():
                shown = f"hsl({value})" if _triple(value) else value
                sheet.declare(block, _renamed(name), shown, overwrite=overwrite)
    theme = sheet.block(sheet.root, "@theme inline")
    for name, value in scopes.get("theme", {}).items():
        sheet.declare(theme, name, value, overwrite=overwrite)
    there = {node.name for node in theme.children if node.kind == "decl"}
    for name, value in _first_values(scopes).items():
        for key, shown in _theme_entries(name, value):
            if key not in there:
                there.add(key)
                sheet.declare(theme, key, shown)


def _first_values(scopes: Mapping[str, Texts]) -> dict[str, str]:
    found: dict[str, str] = {}
    for names in scopes.values():
        for name, value in names.items():
            found.setdefault(name, value)
    return found


def _theme_entries(name: str, value: str) -> list[tuple[str, str]]:
    """Say how Tailwind 4 learns of a variable."""
    if name == "--radius":
        return [(f"--radius-{size}", shown) for size, shown in _RADII.items()]
    coloured = _triple(value) or value.startswith(_COLOURS) or "--color-" in value
    key = _renamed(name)
    return [(f"--color-{key[2:]}" if coloured and not key.startswith("--color-") else key, f"var({key})")]


def _renamed(name: str) -> str:
    return "--sidebar" if name == "--sidebar-background" else name


def _triple(value: str) -> bool:
    """Tell whether a value is the three numbers of an ``hsl()``, as Tailwind 3 themes write them."""
    parts = value.split(" ")
    return not value.startswith(_COLOURS) and len(parts) == 3 and all("%" in part for part in parts[1:])


# -- a Tailwind 3 configuration, said in the stylesheet ------------------------------------------------------------


def _old_configuration(sheet: Sheet, config: Any) -> None:
    if not isinstance(config, dict):
        return
    for plugin in config.get("plugins") or []:
        if isinstance(plugin, str):
            match = _REQUIRE.fullmatch(plugin.strip())
            name, params = at_rule_of(f'@plugin "{match.group(1) if match is not None else plugin}"')
            sheet.state(sheet.root, name, params, after=("plugin", "import"))
    theme = config.get("theme")
    extend = theme.get("extend") if isinstance(theme, dict) else None
    if not isinstance(extend, dict):
        return
    animations, frames = extend.get("animation"), extend.get("keyframes")
    for name, value in animations.items() if isinstance(animations, dict) else ():
        sheet.declare(sheet.block(sheet.root, "@theme inline"), _variable(f"animate-{name}"), value_of(name, value))
    for name, body in frames.items() if isinstance(frames, dict) else ():
        _top(sheet, f"@keyframes {name}", body, "v4")


# -- rules --------------------------------------------------------------------------------------------------------


def _top(sheet: Sheet, key: str, body: Any, tailwind: Tailwind) -> None:
    """Put one entry of an item's ``css`` into the stylesheet."""
    if not key.startswith("@"):
        _fill(sheet, sheet.block(sheet.root, selector_of(key)), sheet.root, body)
        return
    name, params = at_rule_of(key)
    if name in ("charset", "namespace"):
        raise SourceInvalid(f"the registry's CSS has {quoted(key, 60)}, which only the project itself may set")
    if name == "import":
        sheet.state(sheet.root, name, params, after=("charset", "import"))
    elif name == "plugin":
        given = params if params.startswith(('"', "'")) else f'"{params}"'
        sheet.state(sheet.root, name, at_rule_of(f"@plugin {given}")[1], after=("plugin", "import"))
    elif body == {} or body == "":
        sheet.state(sheet.root, name, params)
    else:
        parent = sheet.root
        if name == "keyframes" and tailwind == "v4":
            parent = sheet.block(sheet.root, "@theme inline")
        _fill(sheet, sheet.block(parent, f"@{name} {params}".rstrip()), parent, body)


def _fill(sheet: Sheet, block: Node, parent: Node, body: Any) -> None:
    if isinstance(body, str):
        body = _declarations(body)
    if not isinstance(body, Mapping):
        raise SourceInvalid(f"the registry's CSS: {quoted(block.text.strip(), 60)} has neither rules nor text")
    for key, value in body.items():
        if key.startswith("@"):
            _fill_at(sheet, block, key, value)
        elif not isinstance(value, Mapping):
            sheet.declare(block, property_name(key), value_of(key, value))
        else:
            flat, own = _FLAT.fullmatch(key), block.text.strip()
            if flat is not None and block.kind == "rule" and _ONE.fullmatch(own):
                inner = sheet.block(parent, selector_of(own + flat.group(1)))
                _fill(sheet, inner, parent, value)
            else:
                _fill(sheet, sheet.block(block, selector_of(key)), block, value)


def _fill_at(sheet: Sheet, block: Node, key: str, value: Any) -> None:
    if isinstance(value, str):
        key, value = f"{key} {value}", {}
    name, params = at_rule_of(key)
    if value:
        _fill(sheet, sheet.block(block, f"@{name} {params}".rstrip()), block, value)
        return
    if name != "apply":
        sheet.state(block, name, params)
        return
    there = {word for node in block.children if node.name == "apply" for word in node.value.split()}
    missing = [word for word in params.split() if word not in there]
    if missing:
        sheet.state(block, name, " ".join(missing))


def _declarations(text: str) -> dict[str, str]:
    """Take apart declarations that a registry wrote as one text."""
    try:
        nodes = parse(text).children
    except ValueError as exc:
        raise SourceInvalid(f"the registry's CSS {quoted(text, 60)} cannot be used: {exc}") from None
    if any(node.kind != "decl" for node in nodes):
        raise SourceInvalid(f"the registry's CSS {quoted(text, 60)} holds more than declarations")
    return {node.name: node.value for node in nodes}
