"""A registry's source made to fit a project: modules named by its aliases, no ``"use client"`` that nothing reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from openmanager_core.errors import Unsupported
from openmanager_core.text import quoted
from openmanager_shadcn.adding.specifiers import Lost, Specifier, directives, specifiers

CODE = frozenset((".ts", ".tsx", ".js", ".jsx", ".mts", ".mjs"))
_REGISTRY = "@/registry"
_PARTS = (
    ("ui", re.compile(r"@/registry/.+/ui(?=/|$)")),
    ("utils", re.compile(r"@/registry/.+/lib/utils$")),
    ("components", re.compile(r"@/registry/.+/components(?=/|$)")),
    ("lib", re.compile(r"@/registry/.+/lib(?=/|$)")),
    ("hooks", re.compile(r"@/registry/.+/hooks(?=/|$)")),
    ("components", re.compile(r"@/registry/[^/]+")),
)
_PLAIN = (
    ("utils", re.compile(r"@/lib/utils$")),
    ("ui", re.compile(r"@/components/ui(?=/|$)")),
    ("components", re.compile(r"@/components(?=/|$)")),
    ("hooks", re.compile(r"@/hooks(?=/|$)")),
    ("lib", re.compile(r"@/lib(?=/|$)")),
)
_CANONICAL = {
    "ui": "@/components/ui",
    "components": "@/components",
    "hooks": "@/hooks",
    "lib": "@/lib",
    "utils": "@/lib/utils",
}


def full_aliases(written: Mapping[str, str]) -> dict[str, str]:
    """Complete a project's aliases: those that it leaves out follow from the others."""
    components = written.get("components") or "@/components"
    utils = written.get("utils") or "@/lib/utils"
    above = components.rpartition("/")[0]
    return {
        "components": components,
        "utils": utils,
        "ui": written.get("ui") or f"{components}/ui",
        "lib": written.get("lib") or utils.rpartition("/")[0] or utils,
        "hooks": written.get("hooks") or (f"{above}/hooks" if above else "#hooks"),
    }


def mapped(name: str, aliases: Mapping[str, str]) -> str:
    """Give the project's name of a module that a registry's source imports; others come back as they are."""
    if name == "#registry" or name.startswith("#registry/"):
        name = f"@/{name[1:]}"
    elif name.startswith("#/"):
        name = f"@/{name[2:]}"
    elif name.startswith("#"):
        for key, alias in sorted(aliases.items(), key=lambda one: -len(one[1])):
            if alias.startswith("#") and (name == alias or name.startswith(f"{alias}/")):
                name = _CANONICAL[key] + name[len(alias) :]
                break
    if not name.startswith("@/"):
        return name
    if name == _REGISTRY:
        return aliases["components"]
    inside = name.startswith(f"{_REGISTRY}/")
    for key, pattern in _PARTS if inside else _PLAIN:
        match = pattern.match(name)
        if match is not None:
            return aliases[key] + name[match.end() :]
    return f"{aliases['components'].partition('/')[0]}/{name[2:]}"


def rewritten(source: str, path: str, rename: Callable[[str], str]) -> str:
    """Rename the modules that a source imports; everything else stays byte for byte.

    Raises
    ------
    Unsupported
        If the source cannot be read with certainty.
    """
    out: list[str] = []
    at = 0
    for one in _read(source, path):
        new = rename(one.value)
        if new != one.value and not re.search(r"[\"'`\\\n\r]|\$\{", new):
            out += (source[at : one.start], new)
            at = one.end
    return "".join((*out, source[at:]))


def without_client(source: str, path: str) -> str:
    """Take a leading ``"use client"`` away with the empty lines behind it."""
    if "use client" not in source:
        return source
    try:
        found = directives(source, jsx=_jsx(path))
    except Lost as exc:
        raise _refusal(path, exc) from None
    for token in found:
        if token.text == "use client":
            start, end = token.start - 1, token.end + 1
            rest = re.compile(r"[ \t]*;?[ \t]*(?:\r?\n[ \t]*(?=\r?\n|$))*(?:\r?\n)?").match(source, end)
            assert rest is not None
            return source[:start] + source[rest.end() :]
    return source


def is_code(path: str) -> bool:
    """Tell whether a file is TypeScript or JavaScript with something to rename; declarations are left alone."""
    return PurePosixPath(path).suffix.lower() in CODE and not path.lower().endswith((".d.ts", ".d.mts"))


def _jsx(path: str) -> bool:
    return not path.lower().endswith((".ts", ".mts"))


def _read(source: str, path: str) -> list[Specifier]:
    try:
        return specifiers(source, jsx=_jsx(path))
    except Lost as exc:
        raise _refusal(path, exc) from None


def _refusal(path: str, exc: Lost) -> Unsupported:
    return Unsupported(
        f"{quoted(path, 120)} of the registry could not be read with certainty ({exc}): its imports cannot be renamed",
        hint="get_add_command_for_items, which names the command to run instead",
    )
