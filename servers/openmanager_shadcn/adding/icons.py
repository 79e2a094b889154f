"""Icons of the project's library in place of the registry's stand-in, which names one icon for each library."""

from __future__ import annotations

import re
from dataclasses import dataclass

from openmanager_core.errors import Unsupported
from openmanager_core.text import quoted
from openmanager_shadcn.adding.specifiers import Lost, specifiers, tags

STAND_IN = "IconPlaceholder"
_IMPORT = re.compile(
    r"^import[ \t]*\{[ \t]*IconPlaceholder[ \t]*,?[ \t]*\}[ \t]*from[ \t]*"
    r"[\"'](?P<name>[^\"'\n]+)[\"'][ \t]*(?P<end>;?)",
    re.MULTILINE,
)
_ICON = re.compile(r"[A-Z][A-Za-z0-9]*")


@dataclass(frozen=True, slots=True)
class Library:
    """One library of icons.

    Attributes
    ----------
    module
        Where its icons are imported from.
    wrapper, wrapper_module, attributes
        A component that shows them, where it comes from, and what it is given unless the source says otherwise.
    """

    module: str
    wrapper: str = ""
    wrapper_module: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


LIBRARIES = {
    "lucide": Library("lucide-react"),
    "tabler": Library("@tabler/icons-react"),
    "hugeicons": Library(
        "@hugeicons/core-free-icons", "HugeiconsIcon", "@hugeicons/react", (("strokeWidth", "strokeWidth={2}"),)
    ),
    "phosphor": Library("@phosphor-icons/react"),
    "remixicon": Library("@remixicon/react"),
}


def with_icons(source: str, path: str, library: str) -> str:
    """Put the icons of a library into a source; one without a stand-in comes back as it is.

    Raises
    ------
    Unsupported
        If the stand-in is used in a way that is not known, or has no icon of this library.
    """
    if STAND_IN not in source:
        return source
    known = LIBRARIES.get(library)
    if known is None:
        raise _refusal(path, f"the icon library {quoted(library, 40)} of components.json is not known")
    try:
        found, modules = tags(source, STAND_IN), specifiers(source)
    except Lost as exc:
        raise _refusal(path, str(exc)) from None
    changes, icons = [], []
    for tag in found:
        icon = next((text for name, text in tag.attributes if name == library), "").partition("=")[2].strip("\"'")
        if not tag.closed or not _ICON.fullmatch(icon):
            raise _refusal(path, f"an {STAND_IN} names no icon of {library}")
        kept = [(name, text) for name, text in tag.attributes if name not in LIBRARIES]
        names = {name for name, _ in kept}
        words = [known.wrapper or icon]
        words += [f"icon={{{icon}}}"] if known.wrapper else []
        words += [text for name, text in known.attributes if name not in names] + [text for _, text in kept]
        changes.append((tag.start, tag.end, f"<{' '.join(words)} />"))
        icons.append(icon)
    match = _IMPORT.search(source)
    if match is None or not any(one.start == match.start("name") for one in modules):
        raise _refusal(path, f"{STAND_IN} is imported in a way that is not known")
    changes.append((match.start(), match.end(), _imports(known, list(dict.fromkeys(icons)), match.group("end"))))
    changes.sort()
    out, at = [], 0
    for start, end, text in changes:
        if start < at:
            raise _refusal(path, f"one {STAND_IN} lies in another")
        out += [source[at:start], text]
        at = end
    made = "".join([*out, source[at:]])
    if STAND_IN in made:
        raise _refusal(path, f"{STAND_IN} is used in a way that is not known")
    return made


def _imports(library: Library, icons: list[str], end: str) -> str:
    lines = [f'import {{ {library.wrapper} }} from "{library.wrapper_module}"{end}'] if library.wrapper else []
    lines += [f'import {{ {", ".join(icons)} }} from "{library.module}"{end}'] if icons else []
    return "\n".join(lines)


def _refusal(path: str, why: str) -> Unsupported:
    return Unsupported(
        f"{quoted(path, 120)} needs icons of the project's library, which were not put in: {why}",
        hint='get_add_command_for_items, whose command does it, or allow ["as_is"] to take the source without it',
    )
