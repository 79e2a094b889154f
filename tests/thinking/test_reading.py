"""Reading chains again: page by page in three forms, searched, listed, their branches side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from thoughts import call, refused, server_in, step, text_of, think

pytestmark = pytest.mark.anyio


async def pages(client: Client, tool: str, **arguments: Any) -> list[Any]:
    """Every page of an answer; each within its bound."""
    found, cursor = [], ""
    while True:
        result = await call(client, tool, cursor=cursor, **arguments)
        structure = json.dumps(result.structured_content, ensure_ascii=False, separators=(",", ":"))
        size = sum(len(block.text) for block in result.content)
        assert max(size, len(structure) if result.structured_content else 0) <= arguments.get("max_chars", 10_000)
        found.append(result)
        if result.structured_content is not None:
            cursor = result.structured_content["next_cursor"] or ""
        else:
            facts = result.content[-1].text
            cursor = facts.split("cursor=")[1].split()[0] if "cursor=" in facts else ""
        if not cursor:
            return found


async def long_chain(client: Client) -> str:
    chain = ""
    for number in range(1, 61):
        answer = await think(client, number, f"step {number}: " + "서버가 느리다. " * (number % 7) * 20)
        chain = answer["chainId"]
    return chain


@pytest.mark.parametrize("max_chars", [1000, 10_000])
@pytest.mark.parametrize("form", ["markdown", "json", "mermaid"])
async def test_a_long_chain_is_read_page_by_page_to_its_end(tmp_path: Path, form: str, max_chars: int) -> None:
    async with Client(server_in(tmp_path)) as client:
        await long_chain(client)
        await call(client, "conclude_chain", conclusion="Done: " + "because. " * 300, confidence=0.9)
        chain = (await call(client, "list_chains")).structured_content["chains"][0]["chainId"]
        read = await pages(client, "read_chain", chainId=chain, format=form, max_chars=max_chars)
        assert len(read) > 2 or (form == "mermaid" and max_chars == 10_000)
        if form == "json":
            rows = [row for page in read for row in page.structured_content["thoughts"]]
            said = "".join(row["thought"] for row in rows if "thoughtNumber" in row)
            assert said == "".join(f"step {n}: " + "서버가 느리다. " * (n % 7) * 20 for n in range(1, 61))
            assert "".join(row["thought"] for row in rows if "conclusion" in row) == "Done: " + "because. " * 300
        text = "\n".join(page.content[0].text for page in read)
        assert all(f"step {number}:" in text for number in range(1, 61))
        if form == "markdown":
            assert text.count("## Thought 33 of 33\n") == 1
            assert text.index("## Conclusion, confidence 0.9") > text.index("## Thought 60 of 60")
        if form == "mermaid":
            assert text.count("flowchart TD") == len(read)


async def test_a_thought_that_looks_like_our_headings_stays_quoted(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        await think(client, 1, "## Thought 2 of 9\n\n[end]\x1b[31m\r\u202e\n```\tx")
        read = text_of(await call(client, "read_chain"))
        assert "> ## Thought 2 of 9\n> \n> [end]\\x1b[31m\\r\\u202e\n> ```\tx\n" in read
        drawn = text_of(await call(client, "read_chain", format="mermaid"))
        assert drawn.count("\n") == 2
        await think(client, 2, 'x"] --> evil["`<b>#quot;')
        drawn = text_of(await call(client, "read_chain", format="mermaid"))
        assert '"2: x#34;#93; --#62; evil#91;#34;#96;#60;b#62;#35;quot#59;"]' in drawn


async def test_one_line_of_a_chain_is_read_alone(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        await think(client, 1, "trunk")
        await think(client, 2, "left", branchFromThought=1, branchId="l")
        await think(client, 2, "right")
        assert [word in text_of(await call(client, "read_chain", branchId="l")) for word in ("left", "right")] == [
            True,
            False,
        ]
        assert "left" not in text_of(await call(client, "read_chain", branchId="main", format="json"))
        assert '"x" is no branch' in await refused(client, "read_chain", branchId="x")
        cursor = "AAAA"
        assert "not one that this server gave" in await refused(client, "read_chain", cursor=cursor)


SEARCHES = [
    ("latency", ["the LATENCY of the cache"]),
    ("atenc", ["the LATENCY of the cache"]),
    ("cache latency", ["the LATENCY of the cache"]),
    ('"latency of"', ["the LATENCY of the cache"]),
    ('"of latency"', []),
    ("서버", ["서버가 느려진 원인은 디스크", "새 서버"]),
    ("느려진", ["서버가 느려진 원인은 디스크"]),
    ("서버 디스크", ["서버가 느려진 원인은 디스크"]),
    ("새", ["새 서버"]),
    ("100%", ["100% _sure_ \\o/"]),
    ("%", ["100% _sure_ \\o/"]),
    ("_", ["100% _sure_ \\o/"]),
    ('"', ['say "hi" OR NOT (x)*']),
    ("OR NOT", ['say "hi" OR NOT (x)*']),
    ("(x)*", ['say "hi" OR NOT (x)*']),
    ("NEAR(a b)", []),
    ("nothing-of-this", []),
    ("a-word-of-more-than-32-characters-in-all", ["a-word-of-more-than-32-characters-in-all"]),
    ("a-word-of-more-than-32-characters-that-goes-on", []),
    ("nul", [r"\x00nul"]),
]


@pytest.mark.parametrize(("query", "found"), SEARCHES)
async def test_words_and_parts_of_words_are_found(tmp_path: Path, query: str, found: list[str]) -> None:
    texts = [
        "the LATENCY of the cache",
        "서버가 느려진 원인은 디스크",
        "새 서버",
        "100% _sure_ \\o/",
        'say "hi" OR NOT (x)*',
    ]
    texts += ["a-word-of-more-than-32-characters-in-all", "\0nul"]
    async with Client(server_in(tmp_path)) as client:
        for number, text in enumerate(texts, 1):
            await think(client, number, text)
        hits = (await call(client, "search_thoughts", query=query)).structured_content["hits"]
        assert sorted(hit["excerpt"] for hit in hits) == sorted(found)


async def test_a_search_is_paged_newest_first_and_may_be_kept_to_one_chain(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        for number in range(1, 31):
            await think(client, number, f"needle {number} " + "x" * 500)
        other = (await think(client, 1, "needle elsewhere", chainId="new"))["chainId"]
        read = await pages(client, "search_thoughts", query="needle", limit=7, max_chars=1500)
        hits = [hit for page in read for hit in page.structured_content["hits"]]
        assert [hit["thoughtNumber"] for hit in hits] == [1, *range(30, 0, -1)]
        assert all(len(hit["excerpt"]) < 300 for hit in hits)
        only = (await call(client, "search_thoughts", query="needle", chainId=other)).structured_content["hits"]
        assert [hit["chainId"] for hit in only] == [other]
        assert "from 1 to 20 words" in await refused(client, "search_thoughts", query="  ")


async def test_what_is_thought_after_a_deletion_is_found_and_what_was_deleted_is_not(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        await think(client, 1, "the first needle")
        for turn in range(3):
            chain = (await think(client, 1, f"needle number {turn}", chainId="new"))["chainId"]
            await think(client, 2, f"needle again {turn}", chainId=chain)
            hits = (await call(client, "search_thoughts", query="needle")).structured_content["hits"]
            assert [hit["excerpt"] for hit in hits] == [
                f"needle again {turn}",
                f"needle number {turn}",
                "the first needle",
            ]
            await call(client, "delete_chain", chainId=chain)


async def test_chains_are_listed_by_state_the_last_used_first(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        made = [(await think(client, 1, f"problem {n} " + "z" * 300, chainId="new"))["chainId"] for n in range(40)]
        await call(client, "conclude_chain", conclusion="x", confidence=0.5, chainId=made[0])
        read = await pages(client, "list_chains", limit=15, max_chars=2000)
        rows = [row for page in read for row in page.structured_content["chains"]]
        assert [row["chainId"] for row in rows] == [made[0], *made[:0:-1]]
        concluded = (await call(client, "list_chains", state="concluded")).structured_content
        assert [row["chainId"] for row in concluded["chains"]] == [made[0]]
        assert (await call(client, "list_chains", state="open")).structured_content["total"] == 39


async def test_branches_are_compared_with_their_last_words(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        await think(client, 1, "start")
        await think(client, 2, "main goes on")
        for name in ("a", "b"):
            await think(client, 2, f"{name} begins", branchFromThought=1, branchId=name)
            await think(client, 3, f"{name} is wrong", branchId=name, isRevision=True, revisesThought=2)
            await think(client, 4, f"{name} ends", branchId=name, nextThoughtNeeded=False)
        result = await call(client, "compare_branches")
        rows = result.structured_content["branches"]
        assert [row["branchId"] for row in rows] == ["main", "a", "b"]
        assert rows[1] == {
            "branchId": "a",
            "branchFromThought": 1,
            "thoughts": 3,
            "revisions": 1,
            "finished": True,
            "lastNumber": 4,
            "first": "a begins",
            "last": "a ends",
        }
        assert 'last (4): "b ends"' in text_of(result)
        some = (await call(client, "compare_branches", branchIds=["b", "main", "b"])).structured_content
        assert [row["branchId"] for row in some["branches"]] == ["b", "main"]
        assert '"c" is no branch' in await refused(client, "compare_branches", branchIds=["c"])


async def test_many_branches_are_compared_page_by_page(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        await think(client, 1)
        for number in range(120):
            await think(client, 2, '"\\' * 300, branchFromThought=1, branchId=f"b{number}")
        for arguments in ({}, {"max_chars": 1500}):
            read = await pages(client, "compare_branches", **arguments)
            names = [row["branchId"] for page in read for row in page.structured_content["branches"]]
            assert names == ["main", *(f"b{number}" for number in range(120))]


async def test_the_tools_say_whose_chain_they_mean_when_there_is_none(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        for tool, more in (
            ("read_chain", {}),
            ("compare_branches", {}),
            ("conclude_chain", {"conclusion": "x", "confidence": 1}),
        ):
            assert "does not exist" in await refused(client, tool, **more)
        assert "is required" in await refused(client, "delete_chain")
        assert "thought must be text" in await refused(client, "sequentialthinking", **(step(1) | {"thought": None}))
