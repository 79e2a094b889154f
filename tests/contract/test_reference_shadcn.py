"""The shadcn-ui server beside ``shadcn mcp``: the same names and arguments, the same items, and its faults left out."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
import served
from conformance import node_tools
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp_types import TextContent, Tool
from shadcn_served import item, project, registry

pytestmark = [pytest.mark.node, pytest.mark.timeout(900)]

ITEMS = [
    item("button", "Displays a button", dependencies=["radix-ui"], devDependencies=["@types/x"]),
    item("button-group", "Groups buttons"),
    item("badge", "A small sign"),
    item("breadcrumb", "Tells you where you are, under the top navigation"),
    item("carousel", "With a button for the next"),
    item("data-grid", "Builds up tables that order names"),
    item("scroll-area", "Augments native scroll functionality for custom, cross-browser styling"),
    item("button-demo", "A button in use", "registry:example", registryDependencies=["button"]),
    item("login-01", "A simple login form", "registry:block"),
]
MANAGERS = {"npm": "package-lock.json", "pnpm": "pnpm-lock.yaml", "yarn": "yarn.lock", "bun": "bun.lock"}
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "registries": ("get_project_registries", {}),
    "list": ("list_items_in_registries", {"registries": ["@shadcn"]}),
    "blocks": ("list_items_in_registries", {"registries": ["@shadcn"], "types": ["block"]}),
    "page": ("list_items_in_registries", {"registries": ["@shadcn"], "limit": 2, "offset": 3}),
    "search": ("search_items_in_registries", {"registries": ["@shadcn"], "query": "button"}),
    "view": ("view_items_in_registries", {"items": ["@shadcn/button", "@shadcn/badge"]}),
    "missing": ("view_items_in_registries", {"items": ["@shadcn/nowhere"]}),
    "examples": ("get_item_examples_from_registries", {"registries": ["@shadcn"], "query": "button-demo"}),
    "add": ("get_add_command_for_items", {"items": ["@shadcn/button", "@shadcn/card"]}),
    "shell": ("get_add_command_for_items", {"items": ["button; rm -rf ~"]}),
    "audit": ("get_audit_checklist", {}),
}


@dataclass(frozen=True)
class Said:
    """The tools that one server lists, what it answered, and how often it asked for the index."""

    tools: Mapping[str, Tool]
    texts: Mapping[str, str]
    failed: Mapping[str, bool]
    adds: Mapping[str, str]
    indexes: int


async def interview(parameters: StdioServerParameters, mode: str, folder: Path, counted: Any) -> Said:
    """Put every question to a server."""
    texts, failed, adds = {}, {}, {}
    async with Client(parameters, mode=mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        for name, (tool, arguments) in CALLS.items():
            result = await client.call_tool(tool, arguments)
            texts[name] = "\n".join(block.text for block in result.content if isinstance(block, TextContent))  # type: ignore[union-attr]
            failed[name] = bool(result.is_error)  # type: ignore[union-attr]
        for manager, lock in MANAGERS.items():
            (folder / lock).write_text("")
            result = await client.call_tool(*CALLS["add"])
            adds[manager] = result.content[0].text.splitlines()[0]  # type: ignore[union-attr]
            (folder / lock).unlink()
    return Said(tools, texts, failed, adds, counted())


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Said, Said]:
    """What the npm server and ours said, over the same project and registry."""
    top = tmp_path_factory.mktemp("shadcn")
    folder = project(top / "p", {"@acme": "https://acme.invalid/{name}.json"})
    (folder / "package.json").write_text(json.dumps({"name": "p"}))
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": {"baseUrl": ".", "paths": {"@/*": ["./*"]}}}))
    with registry(*ITEMS) as source:
        command = node_tools.command("shadcn", "dist/index.js", "mcp")
        env = {**served.environment(top / "home"), "REGISTRY_URL": source.base}
        theirs = StdioServerParameters(command=command[0], args=command[1:], env=env, cwd=folder)
        their_words = anyio.run(interview, theirs, "legacy", folder, lambda: source.index_requests())
        source.asked.clear()
        words = served.command("serve", "shadcn-ui", "--root", str(folder), "--config", str(config(top)))
        ours = StdioServerParameters(command=words[0], args=words[1:], env=env)
        our_words = anyio.run(interview, ours, "auto", folder, lambda: source.index_requests())
    return their_words, our_words


def config(top: Path) -> Path:
    """A profile with our server; its registry comes from ``REGISTRY_URL``, as the npm server's does."""
    path = top / "own.toml"
    path.write_text('servers = ["shadcn-ui"]\n[shadcn-ui]\ndirectory = false\n')
    return path


def names(text: str) -> list[str]:
    """The items that an answer lists, in its order, without their registry."""
    found = [line[2:].split()[0] for line in text.splitlines() if line.startswith("- ")]
    return [name.rpartition("/")[2] for name in found]


def test_every_tool_is_there_with_every_argument_and_no_new_one_is_required(both: tuple[Said, Said]) -> None:
    theirs, ours = both
    assert len(theirs.tools) == 7 and set(theirs.tools) <= set(ours.tools)
    for name, tool in theirs.tools.items():
        their_schema, our_schema = tool.input_schema, ours.tools[name].input_schema
        for argument, schema in their_schema.get("properties", {}).items():
            pair = schema["type"], our_schema["properties"][argument]["type"]
            assert pair[0] == pair[1] or pair == ("number", "integer"), (name, argument)
        assert set(our_schema.get("required", ())) <= set(their_schema.get("required", ())), name


def test_lists_hold_the_same_items_in_the_same_order(both: tuple[Said, Said]) -> None:
    theirs, ours = both
    for question in ("list", "blocks", "page"):
        assert names(ours.texts[question]) == names(theirs.texts[question]) != [], question


def test_a_search_finds_what_the_npm_server_finds_with_the_word_and_nothing_without_it(both: tuple[Said, Said]) -> None:
    theirs, ours = (said.texts["search"] for said in both)
    described = {entry["name"]: f"{entry['name']} {entry.get('description', '')}" for entry in ITEMS}
    holding = [name for name in names(theirs) if "button" in described[name]]
    assert len(holding) < len(names(theirs)), "the npm server lists items that do not hold the word"
    assert set(names(ours)) == set(holding) and names(ours)[0] == "button"


def test_a_view_tells_what_the_npm_server_tells_and_the_source_too(both: tuple[Said, Said]) -> None:
    theirs, ours = (said.texts["view"] for said in both)
    for part in ("Displays a button", "registry:ui", "radix-ui", "@types/x", "A small sign"):
        assert part in theirs and part in ours
    assert "export function Button" in ours and "export function Button" not in theirs


def test_examples_have_the_same_code(both: tuple[Said, Said]) -> None:
    theirs, ours = (said.texts["examples"] for said in both)
    code = next(entry["files"][0]["content"] for entry in ITEMS if entry["name"] == "button-demo")
    assert code in theirs and code in ours


@pytest.mark.parametrize("manager", MANAGERS)
def test_the_add_command_is_the_same_for_each_package_manager(both: tuple[Said, Said], manager: str) -> None:
    theirs, ours = both
    assert shlex.split(ours.adds[manager]) == shlex.split(theirs.adds[manager])


def test_a_shell_command_in_a_name_is_passed_on_by_the_npm_server_and_refused_by_ours(both: tuple[Said, Said]) -> None:
    theirs, ours = both
    assert "rm -rf" in theirs.texts["shell"] and not theirs.failed["shell"]
    assert ours.failed["shell"]


def test_what_is_missing_is_a_failure_in_both(both: tuple[Said, Said]) -> None:
    assert all(said.failed["missing"] for said in both)


def test_the_projects_registries_are_named_by_both(both: tuple[Said, Said]) -> None:
    for said in both:
        assert {"@shadcn", "@acme"} <= {word.strip("`") for word in said.texts["registries"].split()}


def test_the_index_is_asked_for_once_and_not_for_every_call(both: tuple[Said, Said]) -> None:
    theirs, ours = both
    assert theirs.indexes > 2 and ours.indexes == 1


def test_every_tool_is_annotated(both: tuple[Said, Said]) -> None:
    for tool in both[1].tools.values():
        assert tool.annotations is not None and tool.title
