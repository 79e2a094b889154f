"""The reference server of sequential thinking, live beside ours: the same arguments, the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import served
from anyio.from_thread import BlockingPortal, start_blocking_portal
from conformance import node_tools
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp_types import CallToolResult, Tool
from thoughts import NAME, profile_in, step, text_of

pytestmark = [pytest.mark.node, pytest.mark.timeout(600)]

SHARED = ("thoughtNumber", "totalThoughts", "nextThoughtNeeded", "branches", "thoughtHistoryLength")


@dataclass
class Pair:
    """Both servers, and one conversation with each."""

    portal: BlockingPortal
    theirs: Client
    ours: Client

    def ask(self, arguments: dict[str, Any]) -> tuple[CallToolResult, CallToolResult]:
        """The same thought to both."""
        answers = [
            self.portal.call(client.call_tool, "sequentialthinking", arguments) for client in (self.theirs, self.ours)
        ]
        assert all(isinstance(one, CallToolResult) for one in answers)
        return answers[0], answers[1]  # type: ignore[return-value]

    def tools(self) -> tuple[Tool, Tool]:
        """How each lists the tool."""
        listed = [self.portal.call(client.list_tools).tools for client in (self.theirs, self.ours)]
        found = [next(tool for tool in tools if tool.name == "sequentialthinking") for tools in listed]
        return found[0], found[1]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    command = node_tools.command("@modelcontextprotocol/server-sequential-thinking", "dist/index.js")
    theirs = StdioServerParameters(command=command[0], args=command[1:], env={"DISABLE_THOUGHT_LOGGING": "true"})
    ours = served.over_stdio(tmp_path / "home", *profile_in(tmp_path), server=NAME)
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        clients = [Client(theirs, mode="legacy"), Client(ours)]
        opened = [stack.enter_context(portal.wrap_async_context_manager(client)) for client in clients]
        yield Pair(portal, opened[0], opened[1])


def alike(theirs: CallToolResult, ours: CallToolResult) -> None:
    """The shared fields are equal, in text and structure."""
    assert not theirs.is_error, text_of(theirs)
    assert not ours.is_error, text_of(ours)
    assert theirs.structured_content is not None
    assert ours.structured_content is not None
    assert {name: ours.structured_content[name] for name in SHARED} == theirs.structured_content


def test_the_arguments_have_the_same_names_and_the_same_ones_are_required(pair: Pair) -> None:
    theirs, ours = pair.tools()
    names = set(theirs.input_schema["properties"])
    assert set(ours.input_schema["properties"]) == names | {"chainId"}
    assert set(ours.input_schema["required"]) == set(theirs.input_schema["required"])
    for name in names:
        wanted, given = theirs.input_schema["properties"][name]["type"], ours.input_schema["properties"][name]["type"]
        assert given == ("boolean" if wanted == ["boolean", "string"] else wanted)  # a flag, or the word for it
    assert len(ours.description or "") < len(theirs.description or "") / 4


def test_ours_says_that_it_keeps_what_it_is_told_where_the_reference_says_that_it_only_reads(pair: Pair) -> None:
    theirs, ours = (tool.annotations for tool in pair.tools())
    assert theirs is not None
    assert ours is not None
    assert (theirs.read_only_hint, theirs.idempotent_hint) == (True, True)
    assert (ours.read_only_hint, ours.idempotent_hint) == (False, False)
    for hint in ("destructive_hint", "open_world_hint"):
        assert getattr(ours, hint) is getattr(theirs, hint) is False


def test_a_conversation_gets_the_same_answers(pair: Pair) -> None:
    thoughts: list[dict[str, Any]] = [
        step(1),
        step(2, totalThoughts=1),
        step(3, isRevision=True, revisesThought=1),
        step(3, branchFromThought=2, branchId="a"),
        step(4, branchFromThought=2, branchId="a", isRevision=False),
        step(3, branchFromThought=1, branchId="나"),
        step(4, needsMoreThoughts=True, totalThoughts=9),
        step(4),
        step(9),
        step(1),
        step(5, isRevision=True, revisesThought=5, branchFromThought=4, branchId="a") | {"revisesThought": 4},
        step(10, "", nextThoughtNeeded=False),
    ]
    for thought in thoughts:
        alike(*pair.ask(thought))


def test_the_same_spellings_are_taken(pair: Pair) -> None:
    spellings: list[dict[str, Any]] = [
        {"thoughtNumber": "1"},
        {"totalThoughts": "7"},
        {"thoughtNumber": 1.0},
        {"nextThoughtNeeded": "false"},
        {"nextThoughtNeeded": "TRUE"},
        {"isRevision": "False"},
        {"thought": ""},
        {"branchId": "main"},
    ]
    for spelling in spellings:
        alike(*pair.ask(step(1) | spelling))


def test_the_same_spellings_are_refused(pair: Pair) -> None:
    wrongs: list[dict[str, Any]] = [
        {"thoughtNumber": 0},
        {"thoughtNumber": 1.5},
        {"totalThoughts": "many"},
        {"nextThoughtNeeded": "perhaps"},
        {"thought": 5},
        {"revisesThought": -1},
    ]
    for wrong in wrongs:
        theirs, ours = pair.ask(step(1) | wrong)
        assert theirs.is_error, wrong
        assert ours.is_error, wrong
        alike(*pair.ask(step(1)))


def test_wrong_references_that_the_reference_takes_are_refused(pair: Pair) -> None:
    alike(*pair.ask(step(1)))
    wrongs: list[dict[str, Any]] = [
        {"isRevision": True, "revisesThought": 99},
        {"isRevision": True},
        {"branchFromThought": 99, "branchId": "x"},
        {"branchFromThought": 1},
        {"branchId": "y"},
    ]
    for wrong in wrongs:
        theirs, ours = pair.ask(step(2) | wrong)
        assert not theirs.is_error, wrong
        assert ours.is_error, wrong
        assert "invalid_request" in text_of(ours)


def test_after_many_branches_only_the_reference_s_answer_has_grown(pair: Pair) -> None:
    alike(*pair.ask(step(1)))
    for number in range(100):
        theirs, ours = pair.ask(step(2, branchFromThought=1, branchId=f"an-alternative-{number:03d}"))
    assert ours.structured_content is not None
    assert theirs.structured_content is not None
    assert ours.structured_content["branches"] == theirs.structured_content["branches"][-20:]
    assert ours.structured_content["branchCount"] == len(theirs.structured_content["branches"]) == 100
    assert ours.structured_content["thoughtHistoryLength"] == theirs.structured_content["thoughtHistoryLength"] == 101
    assert len(text_of(ours)) < len(text_of(theirs)) / 3
