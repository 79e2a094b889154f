"""A client that knows the reference filesystem and git servers finds their tools in ours, with their arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
import reference_servers
from mcp_types import Tool

pytestmark = [pytest.mark.node, pytest.mark.timeout(900)]

NAMES = {
    "filesystem": [
        "read_file",
        "read_text_file",
        "read_media_file",
        "read_multiple_files",
        "write_file",
        "edit_file",
        "create_directory",
        "list_directory",
        "list_directory_with_sizes",
        "directory_tree",
        "move_file",
        "search_files",
        "get_file_info",
        "list_allowed_directories",
    ],
    "git": [
        "git_status",
        "git_diff_unstaged",
        "git_diff_staged",
        "git_diff",
        "git_commit",
        "git_add",
        "git_reset",
        "git_log",
        "git_create_branch",
        "git_checkout",
        "git_show",
        "git_branch",
    ],
}
EVERY_TOOL = [pytest.param(server, name, id=name) for server, names in NAMES.items() for name in names]

Listed = dict[str, tuple[dict[str, Tool], dict[str, Tool]]]


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Listed:
    """By server: the reference's tools and ours, asked for once."""
    found: Listed = {}
    for server in NAMES:
        folder: Path = tmp_path_factory.mktemp(server)
        if server == "git":
            reference_servers.git(folder, "init", "--quiet")
        theirs = anyio.run(reference_servers.tools_of, reference_servers.theirs(server, folder), "legacy")
        ours = anyio.run(reference_servers.tools_of, reference_servers.ours(server, folder, folder / "home"))
        found[server] = theirs, ours
    return found


def resolved(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference into the definitions of the schema that it stands in."""
    while "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def kinds(schema: dict[str, Any], whole: dict[str, Any]) -> set[str]:
    """Name the JSON types that a value may have; that it may be null is another way to leave it out."""
    schema = resolved(schema, whole)
    if "anyOf" in schema:
        return set[str]().union(*(kinds(one, whole) for one in schema["anyOf"])) - {"null"}
    named = schema.get("type", [])
    return {named} if isinstance(named, str) else set(named) - {"null"}


def takes(ours: dict[str, Any], theirs: dict[str, Any], our_whole: dict[str, Any], their_whole: dict[str, Any]) -> None:
    """Assert that a value that `theirs` allows has the type that `ours` allows, and so has what is inside of it."""
    ours, theirs = resolved(ours, our_whole), resolved(theirs, their_whole)
    wanted, offered = kinds(theirs, their_whole), kinds(ours, our_whole)
    assert wanted <= offered or (wanted == {"number"} and offered == {"integer"}), (wanted, offered)
    if "enum" in theirs and "enum" in ours:
        assert set(theirs["enum"]) <= set(ours["enum"])
    if "items" in theirs:
        takes(ours["items"], theirs["items"], our_whole, their_whole)
    for name, inner in theirs.get("properties", {}).items():
        takes(ours["properties"][name], inner, our_whole, their_whole)


@pytest.mark.parametrize("server", NAMES)
def test_this_file_knows_every_tool_of_the_reference(listed: Listed, server: str) -> None:
    assert sorted(listed[server][0]) == sorted(NAMES[server])


@pytest.mark.parametrize("server", NAMES)
def test_every_tool_of_the_reference_is_one_of_ours(listed: Listed, server: str) -> None:
    theirs, ours = listed[server]
    assert not set(theirs) - set(ours)


@pytest.mark.parametrize(("server", "name"), EVERY_TOOL)
def test_a_tool_takes_every_argument_of_the_reference_with_its_type(listed: Listed, server: str, name: str) -> None:
    theirs, ours = (tools[name].input_schema for tools in listed[server])
    given = ours.get("properties", {})
    for argument, schema in theirs.get("properties", {}).items():
        assert argument in given
        takes(given[argument], schema, ours, theirs)


@pytest.mark.parametrize(("server", "name"), EVERY_TOOL)
def test_a_tool_requires_nothing_that_the_reference_does_not(listed: Listed, server: str, name: str) -> None:
    theirs, ours = (tools[name].input_schema for tools in listed[server])
    assert set(ours.get("required", [])) <= set(theirs.get("required", []))


@pytest.mark.parametrize(("server", "name"), EVERY_TOOL)
def test_a_tool_says_as_the_reference_does_whether_it_changes_or_destroys(
    listed: Listed, server: str, name: str
) -> None:
    theirs, ours = (tools[name].annotations for tools in listed[server])
    assert theirs is not None
    assert ours is not None
    assert ours.read_only_hint == theirs.read_only_hint
    if theirs.destructive_hint is not None and not ours.read_only_hint:
        assert ours.destructive_hint == theirs.destructive_hint
