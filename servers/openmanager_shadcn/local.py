"""Registries in files of the project: built ones, and source registries whose items only name their files."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from openmanager_core.errors import InvalidRequest, NotFound, SourceInvalid
from openmanager_core.job import checkpoint
from openmanager_core.text import quoted
from openmanager_kit.confined import walk
from openmanager_kit.confined.roots import Roots, Spot
from openmanager_shadcn.items import DOCUMENT_BYTES, Item, ItemFile, RegistryIndex, load, parse_index, parse_item

T = TypeVar("T")

_DEEPEST_INCLUDE = 8
_MOST_INCLUDED = 64
_MOST_KNOWN = 64
_MOST_KNOWN_BYTES = 2 * 1024 * 1024

_known: dict[tuple[str, tuple[int, ...]], RegistryIndex] = {}


def spot_of(roots: Roots, base: Spot, path: str, parameter: str) -> Spot:
    """Find the file that a path or a ``file:`` address names, relative to the folder `base`.

    Raises
    ------
    NotAllowed
        If it lies outside of the roots.
    """
    if path.startswith("file:"):
        taken = urlsplit(path)
        if taken.netloc not in ("", "localhost"):
            raise InvalidRequest(f"{parameter}: {quoted(path, 80)} names another machine")
        path = unquote(taken.path)
    absolute = path if path.startswith(("/", "~")) else f"{base.path}/{path}"
    return roots.locate(absolute, parameter)


def read_item(roots: Roots, spot: Spot) -> Item:
    """Read one item's file; sources that it only names are read beside it. Blocking."""
    item = parse_item(load(contents(spot), spot.shown), spot.shown)
    return with_sources(roots, item, posixpath.dirname(spot.path))


def read_index(roots: Roots, spot: Spot) -> RegistryIndex:
    """Read a registry's file, and what it includes, without sources. Blocking."""
    found = [item for item, _ in _walked(roots, spot, with_content=False)]
    first = _index(spot, with_content=False)
    return RegistryIndex(first.name, first.homepage, tuple(found), skipped=first.skipped)


def item_of(roots: Roots, spot: Spot, name: str) -> Item:
    """Give the item of a source registry, with its sources. Blocking.

    Raises
    ------
    NotFound
        If it has no such item.
    """
    names = []
    for item, folder in _walked(roots, spot, with_content=True):
        if item.name == name:
            return with_sources(roots, item, folder)
        names.append(item.name)
    raise NotFound.named(f"item of {spot.shown}", name, names)


def with_sources(roots: Roots, item: Item, folder: str) -> Item:
    """Read the files of an item that its document only names."""
    if all(file.content is not None for file in item.files):
        return item
    files = []
    left = DOCUMENT_BYTES
    for file in item.files:
        checkpoint()
        filled = file if file.content is not None else _filled(roots, file, folder)
        left -= len(filled.content or "")
        if left < 0:
            raise SourceInvalid(f"{item.name}: its files have more than {DOCUMENT_BYTES:,} bytes together")
        files.append(filled)
    return replace(item, files=tuple(files))


def contents(spot: Spot, most: int = DOCUMENT_BYTES) -> bytes:
    """Read a regular file of at most `most` bytes. Blocking."""
    with walk.regular_file(spot) as (fd, status):
        return _read(fd, spot, status.st_size, most)


def _read(fd: int, spot: Spot, size: int, most: int) -> bytes:
    parts: list[bytes] = []
    left = most + 1
    while size <= most and left > 0 and (part := os.read(fd, min(left, 1024 * 1024))):
        parts.append(part)
        left -= len(part)
    if size > most or left <= 0:
        raise SourceInvalid(f"{spot.parameter} {quoted(spot.shown)} has more than {most:,} bytes")
    return b"".join(parts)


def _filled(roots: Roots, file: ItemFile, folder: str) -> ItemFile:
    try:
        spot = roots.locate(f"{folder}/{file.path}", "files")
        body = contents(spot)
    except NotFound:
        return file  # a built item that is read from files may leave sources out
    try:
        return replace(file, content=body.decode("utf-8"))
    except UnicodeDecodeError:
        raise SourceInvalid(f"{quoted(spot.shown)} is no UTF-8 text") from None


def _walked(roots: Roots, spot: Spot, *, with_content: bool) -> list[tuple[Item, str]]:
    """Every item of a registry file and of those that it includes, each with the folder that its paths start at."""
    found: list[tuple[Item, str]] = []
    seen: set[str] = set()

    def visit(at: Spot, depth: int) -> None:
        if at.path in seen:
            return
        seen.add(at.path)
        if depth > _DEEPEST_INCLUDE or len(seen) > _MOST_INCLUDED:
            raise SourceInvalid(
                f"{spot.shown}: includes may be {_DEEPEST_INCLUDE} levels deep and {_MOST_INCLUDED} files"
            )
        index = _index(at, with_content=with_content)
        folder = posixpath.dirname(at.path)
        for inner in index.include:
            visit(roots.locate(f"{folder}/{inner}", "include"), depth + 1)
        found.extend((item, folder) for item in index.items)

    visit(spot, 0)
    return found


def _index(spot: Spot, *, with_content: bool) -> RegistryIndex:
    with walk.regular_file(spot) as (fd, status):
        mark = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        known = None if with_content else _known.get((spot.path, mark))
        if known is not None:
            return known
        body = _read(fd, spot, status.st_size, DOCUMENT_BYTES)
    index = parse_index(load(body, spot.shown), spot.shown, with_content=with_content)
    if not with_content and len(body) <= _MOST_KNOWN_BYTES:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[(spot.path, mark)] = index
    return index


def otherwise(first: Callable[[], T], second: Callable[[], T]) -> T:
    """Give what the first finds, else what the second does; blocking.

    Raises
    ------
    NotFound
        The second's.
    """
    try:
        return first()
    except NotFound:
        return second()
