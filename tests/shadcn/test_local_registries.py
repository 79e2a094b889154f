"""Registries in files of the project: built and source ones, and nothing outside of the roots."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from shadcn_served import failure, item, project, registry, server, text

pytestmark = pytest.mark.anyio

VIEW = "view_items_in_registries"
SEARCH = "search_items_in_registries"
AWAY = "https://ui.example/r"


def write(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document))


async def test_a_built_registry_in_files_is_searched_and_viewed(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", {"@here": "./public/r/{name}.json"})
    write(folder / "public/r/registry.json", {"name": "here", "items": [item("card", "A box")]})
    write(folder / "public/r/card.json", item("card", "A box"))
    async with Client(server(folder, tmp_path / "home", AWAY)) as client:
        assert "@here/card" in text(await client.call_tool(SEARCH, {"query": "box", "registries": ["@here"]}))
        assert "export function Card" in text(await client.call_tool(VIEW, {"items": ["@here/card"]}))
        assert "export function Card" in text(await client.call_tool(VIEW, {"items": ["./public/r/card.json"]}))
        assert "card" in failure(await client.call_tool(VIEW, {"items": ["@here/cart"]}))


async def test_a_source_registry_gives_the_sources_that_it_names_also_through_includes(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", {"@src": "./registry/{name}.json"})
    named = {"name": "card", "type": "registry:ui", "files": [{"path": "ui/card.tsx", "type": "registry:ui"}]}
    inner = {"name": "hook", "type": "registry:hook", "files": [{"path": "use-it.ts", "type": "registry:hook"}]}
    write(folder / "registry/registry.json", {"name": "s", "items": [named], "include": ["hooks/registry.json"]})
    write(folder / "registry/hooks/registry.json", {"items": [inner], "include": ["../registry.json"]})
    write(folder / "registry/ui/card.tsx", "export const card = 1\n")
    write(folder / "registry/hooks/use-it.ts", "export const useIt = 2\n")
    async with Client(server(folder, tmp_path / "home", AWAY)) as client:
        assert "2 items" in text(await client.call_tool("list_items_in_registries", {"registries": ["@src"]}))
        assert "const card = 1" in text(await client.call_tool(VIEW, {"items": ["@src/card"]}))
        assert "const useIt = 2" in text(await client.call_tool("get_component_source", {"item": "@src/hook"}))


@pytest.mark.parametrize(
    "path",
    ["../outside/card.json", "/etc/hostname.json", "./link.json", "file:///etc/passwd", "~/x.json", "./pipe.json"],
)
async def test_nothing_outside_of_the_roots_is_read(tmp_path: Path, path: str) -> None:
    write(tmp_path / "outside/card.json", item("card"))
    folder = project(tmp_path / "p")
    (folder / "link.json").symlink_to(tmp_path / "outside/card.json")
    os.mkfifo(folder / "pipe.json")
    async with Client(server(folder, tmp_path / "home", AWAY)) as client:
        said = failure(await client.call_tool(VIEW, {"items": [path]}))
    assert "not_allowed" in said or "not a regular file" in said


async def test_an_item_in_files_cannot_name_sources_outside_of_the_roots(tmp_path: Path) -> None:
    write(tmp_path / "secret.txt", "secret words")
    folder = project(tmp_path / "p")
    write(folder / "x.json", {"name": "x", "type": "registry:ui", "files": [{"path": "../secret.txt"}]})
    async with Client(server(folder, tmp_path / "home", AWAY)) as client:
        assert "not_allowed" in failure(await client.call_tool(VIEW, {"items": ["./x.json"]}))


async def test_an_item_from_a_registry_cannot_ask_for_files_of_this_machine(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    write(folder / "local.json", item("local"))
    with registry(item("bad", registryDependencies=["./local.json"])) as served:
        built = server(folder, tmp_path / "home", served.base)
        async with Client(built) as client:
            said = text(await client.call_tool("get_audit_checklist", {"items": ["bad"]}))
        assert "asks for a file of this machine" in said


async def test_a_closure_has_everything_once_and_what_is_needed_first_even_in_a_circle(tmp_path: Path) -> None:
    with registry(
        item("page", registryDependencies=["dialog", "button"]),
        item("dialog", registryDependencies=["button", "utils"]),
        item("button", registryDependencies=["utils"]),
        item("utils", registryDependencies=["page"]),
    ) as served:
        built = server(project(tmp_path / "p"), tmp_path / "home", served.base)
        async with Client(built):
            shelf = built.state.shelf(await built.state.project())
            found = [entry.name for entry in await shelf.resolve(["page", "@shadcn/page"])]
    assert found == ["utils", "button", "dialog", "page"]


async def test_a_closure_that_misses_something_says_who_needs_it(tmp_path: Path) -> None:
    with registry(item("page", registryDependencies=["nowhere"])) as served:
        async with Client(server(project(tmp_path / "p"), tmp_path / "home", served.base)) as client:
            said = text(await client.call_tool("get_audit_checklist", {"items": ["page"]}))
    assert "@shadcn/page needs @shadcn/nowhere" in said


async def test_a_closure_without_end_is_stopped(tmp_path: Path) -> None:
    wide = [item(f"i{n}") for n in range(210)]
    with registry(item("all", registryDependencies=[entry["name"] for entry in wide]), *wide) as served:
        async with Client(server(project(tmp_path / "p"), tmp_path / "home", served.base)) as client:
            said = text(await client.call_tool("get_audit_checklist", {"items": ["all"]}))
    assert "more than 200" in said


async def test_a_project_in_a_monorepo_is_named_by_its_folder(tmp_path: Path) -> None:
    top = tmp_path / "repo"
    project(top / "apps/web", {"@here": "./r/{name}.json"}, style="radix-nova")
    write(top / "apps/web/r/card.json", item("card"))
    write(top / "pnpm-lock.yaml", "")
    async with Client(server(top, tmp_path / "home", AWAY)) as client:
        named = {"project": "apps/web"}
        said = text(await client.call_tool("get_project_registries", named))
        assert "radix-nova" in said and "@here" in said and "pnpm" in said
        assert "export function Card" in text(await client.call_tool(VIEW, {"items": ["@here/card"], **named}))
        assert "not_allowed" in failure(await client.call_tool("get_project_registries", {"project": "../.."}))
