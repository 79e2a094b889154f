"""One thought after another: what the answer says, which references are refused, which chain a thought goes to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import Client
from thoughts import call, refused, server_in, step, text_of, think

pytestmark = pytest.mark.anyio


async def test_the_answer_has_the_fields_of_the_reference_and_the_chain(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        result = await call(client, "sequentialthinking", **step(1))
        answer = result.structured_content
        assert json.loads(text_of(result)) == answer
        assert answer.pop("chainId")
        assert answer == {
            "thoughtNumber": 1,
            "totalThoughts": 5,
            "nextThoughtNeeded": True,
            "branches": [],
            "thoughtHistoryLength": 1,
        }


async def test_the_total_is_never_less_than_the_number(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        for number in range(1, 8):
            answer = await think(client, number)
            assert answer["totalThoughts"] == max(number, 5)


async def test_branches_and_revisions_are_counted_and_named(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        await think(client, 1)
        await think(client, 2)
        await think(client, 3, isRevision=True, revisesThought=1)
        await think(client, 3, branchFromThought=2, branchId="plan-b")
        await think(client, 4, branchFromThought=2, branchId="plan-b")
        answer = await think(client, 3, branchFromThought=1, branchId="계획-다")
        assert answer["branches"] == ["plan-b", "계획-다"]
        assert answer["thoughtHistoryLength"] == 6
        assert "note" not in answer


async def test_a_branch_goes_on_by_its_name_alone(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        await think(client, 1)
        await think(client, 2, branchFromThought=1, branchId="a")
        assert (await think(client, 3, branchId="a"))["branches"] == ["a"]
        assert (await think(client, 2, branchId="main"))["branches"] == ["a"]
        assert '"a" from thought 1' in text_of(await call(client, "read_chain"))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a revision of what is not there": (
        {"isRevision": True, "revisesThought": 99},
        "revisesThought 99 does not exist in this chain; the main line has thoughts 1-3; branches: "
        '"plan" (from 2: thought 3)',
    ),
    "a revision of nothing": ({"isRevision": True}, "revisesThought is missing"),
    "a revision without the flag": ({"revisesThought": 99}, "revisesThought 99 does not exist"),
    "a branch from nowhere": (
        {"branchFromThought": 99, "branchId": "x"},
        "branchFromThought 99 does not exist in this chain; the main line has thoughts 1-3",
    ),
    "more of a branch from nowhere": ({"branchFromThought": 99, "branchId": "plan"}, "branchFromThought 99"),
    "a branch without an id": ({"branchFromThought": 2}, "branchId is missing"),
    "an id without a branch": ({"branchId": "x"}, '"x" is no branch of this chain; the main line has thoughts 1-3'),
    "a branch named for the main line": ({"branchFromThought": 2, "branchId": "main"}, "names the main line"),
    "an id of several lines": ({"branchFromThought": 2, "branchId": "a\nb"}, "plain text in one line"),
    "an id that turns the reading direction": ({"branchFromThought": 2, "branchId": "a\u202eb"}, "plain text"),
    "a chain that is not there": ({"chainId": "nowhere"}, 'chainId "nowhere" does not exist'),
    "a number below 1": ({"thoughtNumber": 0}, "thoughtNumber must be between 1 and"),
    "no number": ({"thoughtNumber": "one"}, "thoughtNumber must be a whole number"),
    "a flag that is none": ({"nextThoughtNeeded": "perhaps"}, "nextThoughtNeeded must be true or false"),
    "an argument that is not known": ({"thoughts": 1}, "unknown argument"),
}


@pytest.mark.parametrize("what", WRONG)
async def test_what_cannot_be_is_refused_with_what_there_is_and_changes_nothing(tmp_path: Path, what: str) -> None:
    more, says = WRONG[what]
    async with Client(server_in(tmp_path)) as client:
        for number in (1, 2, 3):
            await think(client, number)
        await think(client, 3, branchFromThought=2, branchId="plan")
        before = text_of(await call(client, "read_chain", format="json"))
        assert says in await refused(client, "sequentialthinking", **(step(4) | more))
        assert text_of(await call(client, "read_chain", format="json")) == before


@pytest.mark.parametrize("more", [{"revisesThought": 1}, {"branchFromThought": 1, "branchId": "a"}, {"branchId": "a"}])
async def test_the_first_thought_refers_to_nothing(tmp_path: Path, more: dict[str, Any]) -> None:
    async with Client(server_in(tmp_path)) as client:
        assert "has none yet" in await refused(client, "sequentialthinking", **step(1, **more))
        assert (await think(client, 1))["thoughtHistoryLength"] == 1


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ((4,), "begins with thought 4; chainId continues"),
        ((1, 1), "chainId new begins another"),
        ((1, 2, 3, 2), "Thought 2 after 3"),
        ((1, 5), "none is recorded between"),
    ],
)
async def test_a_number_that_repeats_or_skips_is_taken_with_a_note(
    tmp_path: Path, numbers: tuple[int, ...], says: str
) -> None:
    async with Client(server_in(tmp_path)) as client:
        for number in numbers:
            answer = await think(client, number)
        assert says in answer["note"]
        assert answer["thoughtHistoryLength"] == len(numbers)


async def test_a_number_means_the_own_line_first_then_the_main_line(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        await think(client, 1)
        await think(client, 2, "main two")
        await think(client, 2, "branch two", branchFromThought=1, branchId="a")
        await think(client, 3, isRevision=True, revisesThought=2, branchId="a")
        await think(client, 3, isRevision=True, revisesThought=2)
        drawn = text_of(await call(client, "read_chain", format="mermaid"))
        assert "t4 -. revises .-> t3" in drawn
        assert "t5 -. revises .-> t2" in drawn


@pytest.mark.parametrize("spelling", [{"thoughtNumber": "1"}, {"nextThoughtNeeded": "False"}, {"revisesThought": None}])
async def test_types_are_taken_as_models_write_them(tmp_path: Path, spelling: dict[str, Any]) -> None:
    async with Client(server_in(tmp_path)) as client:
        answer = (await call(client, "sequentialthinking", **(step(1) | spelling))).structured_content
        assert answer["thoughtNumber"] == 1
        assert answer["nextThoughtNeeded"] is ("nextThoughtNeeded" not in spelling)


async def test_an_answer_does_not_grow_with_the_history(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        chain = (await think(client, 1))["chainId"]
        for number in range(500):
            answer = await think(client, 2, branchFromThought=1, branchId=f"{number:03d}" + "x" * 97, chainId=chain)
        assert answer["branchCount"] == 500
        assert [name[:3] for name in answer["branches"]] == [f"{number:03d}" for number in range(480, 500)]
        assert len(json.dumps(answer)) < 2500
        said = await refused(client, "sequentialthinking", **step(3, revisesThought=77))
        assert "and 495 older" in said
        assert len(said) < 1000


async def test_new_begins_another_chain_and_the_first_stays_this_process_s_own(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        own = (await think(client, 1))["chainId"]
        other = (await think(client, 1, chainId="new"))["chainId"]
        assert other != own
        assert (await think(client, 2))["chainId"] == own
        assert (await think(client, 2, chainId=other))["thoughtHistoryLength"] == 2


async def test_first_thoughts_that_come_at_once_make_one_chain(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        chains = set()

        async def one() -> None:
            chains.add((await think(client, 1))["chainId"])

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(one)
        assert len(chains) == 1
        assert (await think(client, 2))["thoughtHistoryLength"] == 21


async def test_another_process_has_its_own_chain_and_goes_on_with_this_one_when_told(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        first = (await think(client, 1, "before the restart"))["chainId"]
    async with Client(server_in(tmp_path)) as client:
        assert (await think(client, 1))["chainId"] != first
        listed = (await call(client, "list_chains")).structured_content
        assert [row["chainId"] for row in listed["chains"]][-1] == first
        assert (await think(client, 2, chainId=first))["thoughtHistoryLength"] == 2


async def test_after_a_conclusion_a_thought_begins_something_new_or_says_that_more_is_needed(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        first = (await think(client, 1))["chainId"]
        said = await call(
            client, "conclude_chain", conclusion="It is the cache.", confidence="0.75", openQuestions=["Why now?"]
        )
        assert said.structured_content == {"chainId": first, "thoughts": 1, "confidence": 0.75, "openQuestions": 1}
        assert "is concluded" in await refused(client, "sequentialthinking", **step(2, chainId=first))
        assert (await think(client, 1))["chainId"] != first
        assert (await think(client, 2, needsMoreThoughts=True, chainId=first))["thoughtHistoryLength"] == 2
        read = text_of(await call(client, "read_chain", chainId=first))
        assert "Earlier conclusion, before more thoughts came, confidence 0.75" in read
        assert "> - Why now?" in read


async def test_the_same_conclusion_twice_is_one(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        chain = (await think(client, 1))["chainId"]
        for _ in range(2):
            await call(client, "conclude_chain", conclusion="Yes.", confidence=1, chainId=chain)
        await call(client, "conclude_chain", conclusion="No.", confidence=0, chainId=chain)
        read = text_of(await call(client, "read_chain", chainId=chain))
        assert "> No." in read
        assert "> Yes." not in read
        assert "between 0 and 1" in await refused(client, "conclude_chain", conclusion="x", confidence=2, chainId=chain)


async def test_a_deleted_chain_is_gone_with_all_that_was_in_it(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        chain = (await think(client, 1, "the needle"))["chainId"]
        await think(client, 2, branchFromThought=1, branchId="a")
        await call(client, "conclude_chain", conclusion="x", confidence=0.5)
        assert (await call(client, "search_thoughts", query="needle")).structured_content["hits"]
        await call(client, "delete_chain", chainId=chain)
        assert not (await call(client, "search_thoughts", query="needle")).structured_content["hits"]
        for tool in ("read_chain", "delete_chain", "compare_branches"):
            assert "does not exist" in await refused(client, tool, chainId=chain)
        assert (await call(client, "list_chains")).structured_content["total"] == 0


async def test_a_read_only_server_shows_and_keeps_nothing(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path / "none", read_only=True)) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert names == {"list_chains", "read_chain", "search_thoughts", "compare_branches", "show_chain"}
        assert "no chains" in text_of(await call(client, "list_chains"))
        assert "No thought" in text_of(await call(client, "search_thoughts", query="anything"))
    assert not (tmp_path / "none").exists()
