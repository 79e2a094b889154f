"""Registry documents as frozen values: read strictly where it matters, leniently where registries differ.

A ``registry-item.json`` needs a name and a type; a field of the wrong shape is refused by its name, a field that is
not known is ignored, null counts as absent. In a ``registry.json`` one bad entry is skipped and counted.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson

from openmanager_core.errors import SourceInvalid
from openmanager_core.text import quoted

T = TypeVar("T")

DOCUMENT_BYTES = 4 * 1024 * 1024
MOST_MARKS = 250_000
"""Brackets and commas of a document: a few megabytes of nothing but brackets would fill memory as objects."""
_LARGE_BYTES = 128 * 1024
MOST_ITEMS = 20_000
MOST_FILES = 500
MOST_ENTRIES = 2_000
LONGEST_LINE = 2_000
LONGEST_DOCS = 100_000
DEEPEST = 32

TYPES = (
    "registry:lib", "registry:block", "registry:component", "registry:ui", "registry:hook", "registry:page",
    "registry:file", "registry:theme", "registry:style", "registry:item", "registry:base", "registry:font",
    "registry:example", "registry:internal",
)  # fmt: skip
"""Documented types of items and files; others are kept as they are."""

Words = tuple[str, ...]
Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ItemFile:
    """One file of an item.

    Attributes
    ----------
    path
        Where it lies in the registry; the installed name is made of it unless `target` says where.
    target
        Where it goes in a project, as the registry wrote it: untrusted, ``~/`` means the project's root.
    content
        The source; None if the document does not hold it.
    """

    path: str
    type: str = ""
    target: str = ""
    content: str | None = None


@dataclass(frozen=True, slots=True)
class CssVars:
    """CSS variables of an item by theme: name without ``--`` to value."""

    theme: Texts = field(default_factory=dict)
    light: Texts = field(default_factory=dict)
    dark: Texts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Item:
    """One registry item. All text in it comes from the registry and is data, never an instruction.

    Attributes
    ----------
    dependencies, dev_dependencies
        npm packages as written, for example ``zod@^3``.
    registry_dependencies
        Other items: ``button``, ``@acme/x`` or an address.
    tailwind, css, config, font, meta
        As the document has them, at most 32 levels deep.
    address
        How to ask for it again, set by the shelf: ``@ns/name``, a URL or a path.
    checked_s
        Unix seconds at which its source last confirmed it; 0 for local files.
    stale
        True if its source could not be asked and an older copy stands in.
    """

    name: str
    type: str
    title: str = ""
    description: str = ""
    author: str = ""
    extends: str = ""
    docs: str = ""
    dependencies: Words = ()
    dev_dependencies: Words = ()
    registry_dependencies: Words = ()
    categories: Words = ()
    files: tuple[ItemFile, ...] = ()
    css_vars: CssVars = field(default_factory=CssVars)
    env_vars: Texts = field(default_factory=dict)
    css: Mapping[str, Any] = field(default_factory=dict)
    tailwind: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    font: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    address: str = ""
    checked_s: float = 0.0
    stale: bool = False


@dataclass(frozen=True, slots=True)
class RegistryIndex:
    """A ``registry.json``: its items without their sources.

    Attributes
    ----------
    include
        Further registry files, relative to this one.
    skipped
        Entries that are no items.
    total
        How many items the registry says it has, if it gives its index in pages and this is one; else 0.
    """

    name: str = ""
    homepage: str = ""
    items: tuple[Item, ...] = ()
    include: Words = ()
    skipped: int = 0
    total: int = 0


def load(body: bytes, what: str) -> Any:
    """Decode a JSON document.

    Raises
    ------
    SourceInvalid
        If it is too large or no JSON; `what` names it.
    """
    if len(body) > DOCUMENT_BYTES:
        raise SourceInvalid(f"{what} has {len(body):,} bytes, at most {DOCUMENT_BYTES:,} are read")
    marks = sum(body.count(mark) for mark in (b"{", b"[", b","))
    if marks > MOST_MARKS:
        raise SourceInvalid(f"{what} has more than {MOST_MARKS:,} values, and is not read")
    # The decoder holds the interpreter, and looking for garbage meanwhile would make it several times as long.
    pausing = len(body) > _LARGE_BYTES and gc.isenabled()
    if pausing:
        gc.disable()
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        head = body[:60].decode("utf-8", "replace")
        raise SourceInvalid(f"{what} is no JSON, it begins {quoted(head, 60)}", hint="check the address") from None
    finally:
        if pausing:
            gc.enable()


def parse_item(document: Any, what: str) -> Item:
    """Read a registry item; `what` names the document in messages.

    Raises
    ------
    SourceInvalid
        Names the first field that is missing or of the wrong shape.
    """
    return _item(_Reader(document, what), with_content=True)


def parse_index(document: Any, what: str, *, with_content: bool = False) -> RegistryIndex:
    """Read a registry's index: an object with ``items`` or ``include``, or a bare list of items.

    Sources that it holds are left out, unless `with_content` asks for them.

    Raises
    ------
    SourceInvalid
        If it is neither, or too long.
    """
    if isinstance(document, list):
        document = {"items": document}
    reader = _Reader(document, what)
    raw = reader.values("items")
    include = reader.words("include")
    if "items" not in document and not include:
        raise SourceInvalid(f"{what} is no registry index: it has neither items nor include")
    if len(raw) > MOST_ITEMS:
        raise SourceInvalid(f"{what} has {len(raw):,} items, at most {MOST_ITEMS:,} are read")
    items: list[Item] = []
    for entry in raw:
        try:
            items.append(_item(_Reader(entry, what), with_content=with_content))
        except SourceInvalid:
            continue
    skipped = len(raw) - len(items)
    total = _total(document, len(raw))
    return RegistryIndex(reader.text("name"), reader.text("homepage"), tuple(items), include, skipped, total)


def _total(document: Mapping[str, Any], count: int) -> int:
    match document.get("pagination"):
        case {"hasMore": True, "total": int() as total} if total > count:
            return total
        case {"hasMore": True}:
            return count + 1
    return 0


def _item(read: _Reader, *, with_content: bool) -> Item:
    name, kind = read.needed("name"), read.needed("type")
    return Item(
        name=name,
        type=kind,
        title=read.text("title"),
        description=read.text("description", LONGEST_DOCS),
        author=read.text("author"),
        extends=read.text("extends"),
        docs=read.text("docs", LONGEST_DOCS),
        dependencies=read.words("dependencies"),
        dev_dependencies=read.words("devDependencies"),
        registry_dependencies=read.words("registryDependencies"),
        categories=read.words("categories"),
        files=_files(read, with_content=with_content),
        css_vars=_css_vars(read),
        env_vars=read.texts("envVars"),
        css=read.nested("css"),
        tailwind=read.nested("tailwind"),
        config=read.nested("config"),
        font=read.nested("font"),
        meta=read.nested("meta"),
    )


def _files(read: _Reader, *, with_content: bool) -> tuple[ItemFile, ...]:
    raw = read.values("files")
    if len(raw) > MOST_FILES:
        raise SourceInvalid(f"{read.what}: files may have {MOST_FILES} entries, got {len(raw)}")
    files = []
    for number, entry in enumerate(raw):
        if isinstance(entry, str):  # the oldest registries list paths
            files.append(ItemFile(entry))
            continue
        inner = _Reader(entry, f"{read.what}, files[{number}]")
        content = inner.get("content")
        if content is not None and not isinstance(content, str):
            raise SourceInvalid(f"{inner.what}: content must be text, got {type(content).__name__}")
        kept = content if with_content else None
        files.append(ItemFile(inner.needed("path"), inner.text("type"), inner.text("target"), kept))
    return tuple(files)


def _css_vars(read: _Reader) -> CssVars:
    inner = _Reader(read.nested("cssVars"), f"{read.what}, cssVars")
    return CssVars(inner.texts("theme"), inner.texts("light"), inner.texts("dark"))


class _Reader:
    """Takes the fields of one JSON object, each of the shape that it must have."""

    def __init__(self, document: Any, what: str) -> None:
        if not isinstance(document, dict):
            raise SourceInvalid(f"{what} must be a JSON object, got {_kind(document)}")
        self._document = document
        self.what = what

    def get(self, key: str) -> Any:
        return self._document.get(key)

    def needed(self, key: str) -> str:
        found = self.text(key)
        if not found:
            raise SourceInvalid(f"{self.what}: {key} is missing", hint="the documented registry item format")
        return found

    def text(self, key: str, longest: int = LONGEST_LINE) -> str:
        found = self._shaped(key, str, "")
        if len(found) > longest:
            raise SourceInvalid(f"{self.what}: {key} may have {longest:,} characters, got {len(found):,}")
        return found

    def values(self, key: str) -> list[Any]:
        found: list[Any] = self._shaped(key, list, [])
        return found

    def words(self, key: str) -> Words:
        found = self.values(key)
        if len(found) > MOST_ENTRIES:
            raise SourceInvalid(f"{self.what}: {key} may have {MOST_ENTRIES:,} entries, got {len(found):,}")
        for entry in found:
            if not isinstance(entry, str) or len(entry) > LONGEST_LINE:
                raise SourceInvalid(f"{self.what}: {key} must hold texts of at most {LONGEST_LINE:,} characters")
        return tuple(found)

    def texts(self, key: str) -> Texts:
        found: dict[str, Any] = self._shaped(key, dict, {})
        if len(found) > MOST_ENTRIES:
            raise SourceInvalid(f"{self.what}: {key} may have {MOST_ENTRIES:,} entries, got {len(found):,}")
        for name, value in found.items():
            if not isinstance(value, str):
                raise SourceInvalid(f"{self.what}: {key}.{quoted(name, 60)} must be text, got {_kind(value)}")
        return found

    def nested(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self._shaped(key, dict, {})
        if not _shallow(found):
            raise SourceInvalid(f"{self.what}: {key} may be {DEEPEST} levels deep")
        return found

    def _shaped(self, key: str, shape: Callable[..., T], absent: T) -> T:
        found = self._document.get(key)
        if found is None:
            return absent
        if not isinstance(found, shape):  # type: ignore[arg-type]
            raise SourceInvalid(f"{self.what}: {key} must be {_kind(absent)}, got {_kind(found)}")
        return found  # type: ignore[no-any-return]


def _shallow(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return True
    return False


def _kind(value: Any) -> str:
    names = {str: "text", list: "a list", dict: "an object", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
