"""What names an item or a registry: judged by its spelling before anything is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from openmanager_core.errors import InvalidRequest
from openmanager_core.text import quoted
from openmanager_shadcn.project import BUILT_IN, NAMESPACE

_LONGEST = 2000
_LONGEST_ITEM = 200
_ITEM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*(?:/[A-Za-z0-9_][A-Za-z0-9._+-]*){0,8}")
_URL = re.compile(r"https?://[^\s\"'`<>\\^{}|$;()\x00-\x1f\x7f]+", re.IGNORECASE)
_PATH = re.compile(r"[^\x00-\x1f\x7f\u0080-\u009f\u2028\u2029\ud800-\udfff]+")
_PATH_STARTS = ("./", "../", "/", "~/", "file:")
_FORMS = "@registry/name, an https:// address, or a path like ./item.json"

Kind = Literal["namespace", "url", "path"]


@dataclass(frozen=True, slots=True)
class Address:
    """Where an item is to be found.

    Attributes
    ----------
    registry
        With its ``@``; empty for a URL or a path.
    item
        The item's name in the registry, the URL, or the path.
    """

    kind: Kind
    registry: str
    item: str

    def __str__(self) -> str:
        return f"{self.registry}/{self.item}" if self.registry else self.item


def item_address(given: str, parameter: str = "items") -> Address:
    """Read the address of an item; a bare name is one of ``@shadcn``.

    Raises
    ------
    InvalidRequest
        If it is none: what a shell would read as more than one word never passes.
    """
    _check_length(given, parameter)
    if given.lower().startswith(("http://", "https://")):
        return Address("url", "", _url(given, parameter))
    if given.startswith(_PATH_STARTS) or (given.endswith(".json") and not given.startswith("@")):
        return Address("path", "", _path(given, parameter))
    if not given.startswith("@") and given.count("/") > 1:
        raise InvalidRequest(
            f"{parameter}: {quoted(given, 80)} looks like an item of a GitHub repository, which is not looked up",
            hint="the https:// address of the item's JSON file",
        )
    registry, item = BUILT_IN, given
    if given.startswith("@"):
        registry, _, item = given.partition("/")
        if not NAMESPACE.fullmatch(registry):
            raise InvalidRequest(f"{parameter}: {quoted(registry, 60)} is no registry name", hint=_FORMS)
        if not item:
            raise InvalidRequest(
                f"{parameter}: {quoted(given, 60)} names a registry and no item",
                hint="@registry/name; list_items_in_registries lists the items",
            )
    if len(item) > _LONGEST_ITEM or not _ITEM.fullmatch(item):
        raise InvalidRequest(
            f"{parameter}: an item's name has letters, digits, '.', '_', '+', '-' and '/', at most {_LONGEST_ITEM}, "
            f"got {quoted(given, 80)}",
            hint=_FORMS,
        )
    return Address("namespace", registry, item)


def registry_address(given: str, parameter: str = "registries") -> Address:
    """Read what names a registry: ``@name``, or the address or path of its ``registry.json``.

    Raises
    ------
    InvalidRequest
        If it is neither.
    """
    _check_length(given, parameter)
    if NAMESPACE.fullmatch(given):
        return Address("namespace", given, "registry")
    if given.lower().startswith(("http://", "https://")):
        return Address("url", "", _url(given, parameter))
    if given.startswith(_PATH_STARTS) or given.endswith(".json"):
        return Address("path", "", _path(given, parameter))
    raise InvalidRequest(
        f"{parameter}: {quoted(given, 80)} is no registry",
        hint=f"@{given}"
        if NAMESPACE.fullmatch(f"@{given}")
        else "a name like @shadcn, or the address of a registry.json",
    )


def _check_length(given: str, parameter: str) -> None:
    if not given.strip() or len(given) > _LONGEST:
        raise InvalidRequest(f"{parameter}: a name has 1 to {_LONGEST} characters, got {len(given)}", hint=_FORMS)


def _url(given: str, parameter: str) -> str:
    if not _URL.fullmatch(given):
        raise InvalidRequest(
            f"{parameter}: {quoted(given, 80)} is no address: it holds a space, a quote, a brace or the like",
            hint="percent-encode them",
        )
    return given


def _path(given: str, parameter: str) -> str:
    if not _PATH.fullmatch(given):
        raise InvalidRequest(f"{parameter}: {quoted(given, 80)} is no path: it holds a control character")
    return given
