"""The source of one registry file as the project would get it, or why it cannot be made right here."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping
from functools import partial

from openmanager_core.errors import Unsupported
from openmanager_core.text import quoted
from openmanager_shadcn.adding.icons import with_icons
from openmanager_shadcn.adding.imports import is_code, mapped, rewritten, without_client
from openmanager_shadcn.adding.places import KEYS, Layout
from openmanager_shadcn.items import ItemFile

AS_WRITTEN = frozenset(("registry:file", "registry:item"))
_ENDINGS = ("", ".tsx", ".ts", ".jsx", ".js", ".css", ".json", "/index.tsx", "/index.ts", "/index.js", "/index.jsx")
_WRITTEN = re.compile(r"\.(tsx?|jsx?|mts|mjs)$")
_HIDDEN = re.compile("[\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\ufeff]")
_MARKERS = re.compile(r"\bcn-(?:menu-[a-z]+|font-heading|[a-z-]+)\b")
_COMMAND = 'get_add_command_for_items, whose command does it, or allow ["as_is"] to take the source without it'


def check_support(layout: Layout, file: ItemFile, *, typescript: bool, as_is: bool) -> list[str]:
    """Refuse what would come out wrong; gives notes on what is merely not done.

    Raises
    ------
    Unsupported
        If the project needs a change of the source that is not made here.
    """
    content, project, name = file.content or "", layout.project, quoted(file.path, 120)
    if file.type in AS_WRITTEN or not is_code(file.path):
        return []
    if not project.tsx and not typescript and file.path.endswith((".ts", ".tsx")):
        raise Unsupported(
            f"{name} is TypeScript and the project is JavaScript (tsx is false in components.json); "
            "types are not taken out here",
            hint='allow ["typescript"] to get the TypeScript file, or get_add_command_for_items',
        )
    notes: list[str] = []
    missing: list[str] = []
    if hidden := len(_HIDDEN.findall(content)):
        notes.append(f"its source holds {hidden} characters that are invisible or turn the reading direction")
    if project.tailwind.prefix:
        missing.append(f"the prefix {quoted(project.tailwind.prefix, 20)} of its classes (tailwind.prefix)")
    if not project.tailwind.css_variables:
        missing.append("colours in place of CSS variables (tailwind.cssVariables is false)")
    if project.style.startswith("base-") and re.search(r"\basChild\b", content):
        missing.append(f"render in place of asChild, which the style {quoted(project.style, 40)} uses")
    if missing and not as_is:
        raise Unsupported(f"{name} needs {' and '.join(missing)}, which is not made here", hint=_COMMAND)
    notes += [f"not done: {one}" for one in missing]
    if project.rtl and re.search(r"\b(?:m|p)[lr]-|\b(?:left|right)-|text-(?:left|right)\b", content):
        notes.append("its classes were not turned for right-to-left text (rtl is true)")
    if _MARKERS.search(content):
        notes.append("class names that begin with cn- are marks for the shadcn command and were left in")
    return notes


def adapted(layout: Layout, file: ItemFile, target: str, planned: Collection[str], *, as_is: bool = False) -> str:
    """Make a registry's source fit the project that gets it.

    Parameters
    ----------
    target
        Where it goes, absolute.
    planned
        Where every file of this add goes.

    Raises
    ------
    Unsupported
        If its imports cannot be found with certainty, or its icons have no place in the project.
    """
    content = file.content or ""
    if file.type in AS_WRITTEN or not is_code(file.path):
        return content
    if not as_is:
        content = with_icons(content, file.path, layout.project.icon_library)
    source = rewritten(content, file.path, partial(mapped, aliases=layout.aliases))
    if not layout.project.rsc:
        source = without_client(source, file.path)
    return rewritten(source, file.path, partial(_found, layout=layout, planned=planned, target=target))


def _found(name: str, layout: Layout, planned: Collection[str], target: str) -> str:
    """Rename a module of the project that is not where its name says, if one of this add's files is meant."""
    starts = (*layout.modules.prefixes(), *layout.aliases.values())
    if not any(name == start or name.startswith(f"{start}/") for start in starts):
        return name
    where = layout.modules.resolve(name)
    if where is None or any(where + ending in planned or layout.disk.exists(where + ending) for ending in _ENDINGS):
        return name
    last = posixpath.basename(where)
    meant = [one for one in planned if _WRITTEN.sub("", posixpath.basename(one)) == last and one != target]
    return (_name_of(meant[0], layout) or name) if len(meant) == 1 else name


def _name_of(path: str, layout: Layout) -> str | None:
    """Name a module by the alias whose directory is nearest to it."""
    nearest: Mapping[str, str] = {key: layout.directory(key) for key in KEYS}
    holding = [(where, key) for key, where in nearest.items() if path.startswith(f"{where}/")]
    if not holding:
        return None
    where, key = max(holding, key=lambda one: len(one[0]))
    return f"{layout.aliases[key]}/{_WRITTEN.sub('', path[len(where) + 1 :]).removesuffix('/index')}"
