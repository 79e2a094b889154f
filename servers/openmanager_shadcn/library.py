"""The registries of all projects of this process, behind one cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from openmanager_core.errors import FleetError, InvalidRequest, NotAllowed, NotFound, SourceInvalid
from openmanager_core.job import offload
from openmanager_kit.confined.roots import Roots, Spot
from openmanager_shadcn import local
from openmanager_shadcn.addresses import Address, item_address, registry_address
from openmanager_shadcn.documents import Documents, Held
from openmanager_shadcn.items import Item, load, parse_index, parse_item
from openmanager_shadcn.packages import Manifests
from openmanager_shadcn.project import BUILT_IN, NAMESPACE, Project, Projects, RegistrySource
from openmanager_shadcn.searching import Searchable
from openmanager_shadcn.shelf import MOST_RESOLVED
from openmanager_shadcn.sources import Ask, Variables, ask_registry, is_web, local_path
from openmanager_shadcn.together import together

INDEX = "registry"
_MOST_DIRECTORY = 5_000


@dataclass(frozen=True)
class Library:
    """What outlives a call.

    Attributes
    ----------
    registry_url
        Base of the built-in registry.
    home
        The server's own folder, for what an add leaves behind if it is killed.
    directory
        Whether registries that the project does not name are looked up in shadcn's public list of them.
    """

    documents: Documents
    variables: Variables
    registry_url: str
    home: Path
    directory: bool = True
    projects: Projects = field(default_factory=Projects)
    manifests: Manifests = field(default_factory=Manifests)

    def shelf(self, project: Project, roots: Roots) -> ProjectShelf:
        """Give the registries that hold for one project."""
        return ProjectShelf(self, project, roots)

    async def aclose(self) -> None:
        """Close connections."""
        await self.documents.aclose()


@dataclass(frozen=True, slots=True)
class ProjectShelf:
    """The registries of one project; a `Shelf`."""

    library: Library
    project: Project
    roots: Roots

    async def item(self, name: str) -> Item:
        """See `Shelf.item`."""
        return await self.at(item_address(name))

    async def at(self, address: Address) -> Item:
        """Give one item with its sources; see `Shelf.item`."""
        held = await self._held(address)
        return replace(held.value, address=str(address), checked_s=held.checked_s, stale=held.stale)

    async def quietly(self, name: str) -> Item:
        """Give one item; where there is none nobody looks for near names."""
        address = item_address(name)
        held = await self._held(address, near=False)
        return replace(held.value, address=str(address), checked_s=held.checked_s, stale=held.stale)

    async def resolve(self, names: Sequence[str]) -> list[Item]:
        """See `Shelf.resolve`."""
        wanted = list(dict.fromkeys(str(item_address(name)) for name in names))
        asked_by = dict.fromkeys(wanted, "")
        known: dict[str, Item] = {}
        needs: dict[str, list[str]] = {}
        wave = wanted
        while wave:
            if len(asked_by) > MOST_RESOLVED:
                raise InvalidRequest(
                    f"items: these and all they need are more than {MOST_RESOLVED}", hint="fewer items at a time"
                )
            found = await together(wave, self.item)
            following: list[str] = []
            for name, item in zip(wave, found, strict=True):
                if isinstance(item, FleetError):
                    raise _needed_by(item, name, asked_by[name])
                known[name] = item
                needs[name] = [self._dependency(item, needed) for needed in item.registry_dependencies]
                for needed in needs[name]:
                    if needed not in asked_by:
                        asked_by[needed] = name
                        following.append(needed)
            wave = following
        return [known[name] for name in _what_is_needed_first(wanted, needs)]

    async def index(self, registry: str) -> Held[Searchable]:
        """Give the index of a registry (``@name``, or the address or path of a ``registry.json``), ready to search.

        Raises
        ------
        NotFound
            If there is no such registry, or it has no index.
        FleetError
            As `Shelf.item`.
        """
        address = registry_address(registry)
        if address.kind == "path":
            spot = local.spot_of(self.roots, self.project.folder, address.item, "registries")
            return Held(await offload(_local_index, self.roots, spot), 0.0)
        if address.kind == "url":
            return await self._remote_index(Ask(address.item, address.item))
        source = await self.source(address.registry)
        if not is_web(source.url):
            path = local_path(source.url, INDEX, self.project.style)
            spot = local.spot_of(self.roots, self.project.folder, path, "registries")
            return Held(await offload(_local_index, self.roots, spot), 0.0)
        ask = ask_registry(source, INDEX, self.project.style, self.library.variables)
        try:
            return await self._remote_index(ask)
        except NotFound as exc:
            raise NotFound(
                f"registry {registry} has no index: {exc.message}",
                hint="its items can still be viewed and added by name",
            ) from None

    async def source(self, namespace: str) -> RegistrySource:
        """Find a registry by its name: built in, of the project, or in the public directory.

        Raises
        ------
        NotFound
            If nobody names it.
        """
        if namespace == BUILT_IN:
            return RegistrySource(BUILT_IN, f"{self.library.registry_url}/styles/{{style}}/{{name}}.json")
        known = self.project.registries.get(namespace)
        if known is not None:
            return known
        listed: Mapping[str, RegistrySource] = {}
        problem = ""
        if self.library.directory:
            ask = Ask(f"{self.library.registry_url}/registries.json", f"{self.library.registry_url}/registries.json")
            try:
                held = await self.library.documents.get(ask, "directory", partial(_parse_directory, ask.shown))
                listed = held.value
            except FleetError as exc:
                problem = f"; the public directory could not be asked ({exc.message})"
        if namespace in listed:
            return listed[namespace]
        named = [BUILT_IN, *self.project.registries]
        if problem:
            raise NotFound(
                f"registry {namespace} is not in components.json{problem}",
                hint=f"one of {', '.join(named[:10])}, or add it to components.json under registries",
            )
        raise NotFound.named(
            "registry", namespace, [*named, *listed], hint="add it to components.json under registries"
        )

    async def _held(self, address: Address, *, near: bool = True) -> Held[Item]:
        if address.kind == "path":
            spot = local.spot_of(self.roots, self.project.folder, address.item, "items")
            return Held(await offload(local.read_item, self.roots, spot), 0.0)
        if address.kind == "url":
            return await self._remote_item(Ask(address.item, address.item))
        source = await self.source(address.registry)
        if not is_web(source.url):
            return Held(await offload(self._local_item, source, address.item), 0.0)
        ask = ask_registry(source, address.item, self.project.style, self.library.variables)
        try:
            return await self._remote_item(ask)
        except NotFound as exc:
            raise (await self._missing(address, exc) if near else exc) from None

    def _local_item(self, source: RegistrySource, name: str) -> Item:
        base, style = self.project.folder, self.project.style
        item = local.spot_of(self.roots, base, local_path(source.url, name, style), "items")
        index = local.spot_of(self.roots, base, local_path(source.url, INDEX, style), "registries")
        return local.otherwise(
            lambda: local.read_item(self.roots, item), lambda: local.item_of(self.roots, index, name)
        )

    async def _missing(self, address: Address, exc: NotFound) -> NotFound:
        """Say which names of the registry are near, if its index can be had."""
        try:
            names = [entry.item.name for entry in (await self.index(address.registry)).value.entries]
        except FleetError:
            return NotFound(f"item {address} was not found: {exc.message}", hint="search_items_in_registries")
        return NotFound.named(
            f"item of {address.registry}", address.item, names, hint="search_items_in_registries finds items by words"
        )

    async def _remote_item(self, ask: Ask) -> Held[Item]:
        return await self.library.documents.get(ask, "item", partial(_parse_item, ask.shown))

    async def _remote_index(self, ask: Ask) -> Held[Searchable]:
        return await self.library.documents.get(ask, "index", partial(_parse_index, ask.shown))

    def _dependency(self, item: Item, needed: str) -> str:
        address = item_address(needed, f"registryDependencies of {item.address}")
        owner = item_address(item.address)
        if address.kind == "path" and not self._is_local(owner):
            raise NotAllowed(f"{item.address} comes from a registry and asks for a file of this machine")
        return str(address)

    def _is_local(self, owner: Address) -> bool:
        if owner.kind == "namespace":
            source = self.project.registries.get(owner.registry)
            return source is not None and not is_web(source.url)
        return owner.kind == "path"


def _local_index(roots: Roots, spot: Spot) -> Searchable:
    return Searchable.of(local.read_index(roots, spot))


def _parse_item(what: str, body: bytes) -> Item:
    return parse_item(load(body, what), what)


def _parse_index(what: str, body: bytes) -> Searchable:
    return Searchable.of(parse_index(load(body, what), what))


def _parse_directory(what: str, body: bytes) -> dict[str, RegistrySource]:
    raw: Any = load(body, what)
    if isinstance(raw, dict):  # the older form: name to address
        raw = [{"name": name, "url": url} for name, url in raw.items()]
    if not isinstance(raw, list) or len(raw) > _MOST_DIRECTORY:
        raise SourceInvalid(f"{what} is no list of registries")
    found = {}
    for entry in raw:
        match entry:
            case {"name": str() as name, "url": str() as url} if (
                NAMESPACE.fullmatch(name) and url.startswith("https://") and "{name}" in url and "${" not in url
            ):
                found[name] = RegistrySource(name, url)
    return found


def _needed_by(exc: FleetError, name: str, owner: str) -> FleetError:
    if not owner:
        return exc
    wrapped = type(exc).__new__(type(exc))
    wrapped.__dict__.update(exc.__dict__)
    FleetError.__init__(wrapped, f"{owner} needs {name}: {exc.message}", hint=exc.hint)
    return wrapped


def _what_is_needed_first(wanted: Sequence[str], needs: Mapping[str, Sequence[str]]) -> list[str]:
    order: dict[str, None] = {}
    entered: set[str] = set()
    for root in wanted:
        stack = [(root, iter(needs[root]))] if root not in entered else []
        entered.add(root)
        while stack:
            name, rest = stack[-1]
            following = next((needed for needed in rest if needed not in entered), None)
            if following is None:
                order[name] = None
                stack.pop()
            else:
                entered.add(following)
                stack.append((following, iter(needs[following])))
    return list(order)
