"""The cache: one download for many calls, revalidated, and answered with its age when the network is away."""

from __future__ import annotations

import os
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import anyio
import pytest
from mcp.client import Client
from shadcn_served import BASE, failure, item, project, registry, server, text

from openmanager_shadcn.storing import Copy, Store

pytestmark = pytest.mark.anyio

SEARCH = "search_items_in_registries"
VIEW = "view_items_in_registries"


async def test_the_index_is_downloaded_once_for_many_searches(tmp_path: Path) -> None:
    with registry(item("button"), item("card")) as served:
        async with Client(server(project(tmp_path / "p"), tmp_path / "home", served.base)) as client:
            for query in ("button", "card", "button card", "zebra"):
                await client.call_tool(SEARCH, {"query": query})
            await client.call_tool("list_items_in_registries", {})
        assert served.count("registry.json") == 1


async def test_equal_calls_at_the_same_time_are_one_request(tmp_path: Path) -> None:
    with registry(item("button")) as served:
        built = server(project(tmp_path / "p"), tmp_path / "home", served.base)
        async with Client(built) as client, anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(client.call_tool, SEARCH, {"query": "button"})
        assert served.count("registry.json") == 1


async def test_an_old_copy_is_confirmed_and_not_downloaded_again(tmp_path: Path) -> None:
    with registry(item("button")) as served:
        async with Client(server(project(tmp_path / "p"), tmp_path / "home", served.base, ttl_s=0)) as client:
            for _ in range(3):
                assert "button" in text(await client.call_tool(SEARCH, {"query": "button"}))
        assert [status for _, status in served.asked] == [200, 304, 304]


async def test_a_change_is_seen_at_the_next_look(tmp_path: Path) -> None:
    with registry(item("button")) as served:
        async with Client(server(project(tmp_path / "p"), tmp_path / "home", served.base, ttl_s=0)) as client:
            await client.call_tool(SEARCH, {"query": "button"})
            served.put(item("button-new"))
            assert "button-new" in text(await client.call_tool(SEARCH, {"query": "button"}))


async def test_without_a_network_the_last_copy_answers_and_says_how_old_it_is(tmp_path: Path) -> None:
    with registry(item("button")) as served:
        folder, home = project(tmp_path / "p"), tmp_path / "home"
        async with Client(server(folder, home, served.base, ttl_s=0)) as client:
            await client.call_tool(SEARCH, {"query": "button"})
            await client.call_tool(VIEW, {"items": ["button"]})
        base = served.base
    hours_ago = time.time() - 3 * 3600 - 60
    for file in (home / "shadcn" / "cache").iterdir():
        os.utime(file, (hours_ago, hours_ago))
    async with Client(server(folder, home, base, ttl_s=0)) as client:  # a new process would see the same
        found = await client.call_tool(SEARCH, {"query": "button"})
        said = text(found)
        assert "did not answer" in said and "3 hours ago" in said and "@shadcn/button" in said
        state = (found.structured_content or {})["registries"][0]  # type: ignore[union-attr]
        assert state["stale"] and state["problem"] and 3 * 3600 <= state["age_s"] < 4 * 3600
        viewed = text(await client.call_tool(VIEW, {"items": ["button"]}))
        assert "export function Button" in viewed and "3 hours ago" in viewed


async def test_without_a_network_and_without_a_copy_it_is_a_failure_and_never_no_results(tmp_path: Path) -> None:
    with registry() as served:
        base = served.base
    async with Client(server(project(tmp_path / "p"), tmp_path / "home", base)) as client:
        for tool, arguments in ((SEARCH, {"query": "button"}), (VIEW, {"items": ["button"]})):
            assert "unreachable" in failure(await client.call_tool(tool, arguments))


@pytest.mark.parametrize("body", [b"<html>sorry</html>", b"", b'{"items": 5}', b'{"name"'])
async def test_garbage_never_takes_the_place_of_the_last_good_copy(tmp_path: Path, body: bytes) -> None:
    def garbage(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    with registry(item("button")) as served:
        folder, home = project(tmp_path / "p"), tmp_path / "home"
        async with Client(server(folder, home, served.base, ttl_s=0)) as client:
            await client.call_tool(SEARCH, {"query": "button"})
            served.replies[f"{BASE}/registry.json"] = garbage
            said = text(await client.call_tool(SEARCH, {"query": "button"}))
            assert "@shadcn/button" in said and "did not answer" in said
        async with Client(server(folder, home, served.base, ttl_s=0)) as client:
            assert "@shadcn/button" in text(await client.call_tool(SEARCH, {"query": "button"}))


async def test_what_is_gone_is_gone_from_the_cache_too(tmp_path: Path) -> None:
    with registry(item("button"), item("card")) as served:
        async with Client(server(project(tmp_path / "p"), tmp_path / "home", served.base, ttl_s=0)) as client:
            await client.call_tool(VIEW, {"items": ["button"]})
            del served.documents[f"{BASE}/button.json"]
            said = failure(await client.call_tool(VIEW, {"items": ["button"]}))
            assert "not_found" in said


async def test_what_does_not_exist_is_not_asked_for_again_at_once(tmp_path: Path) -> None:
    with registry(item("card")) as served:
        async with Client(server(project(tmp_path / "p"), tmp_path / "home", served.base)) as client:
            for _ in range(3):
                said = failure(await client.call_tool(VIEW, {"items": ["carb"]}))
                assert "card" in said, "the nearest name is told"
        assert served.count("carb.json") == 1


async def test_a_damaged_copy_is_downloaded_again(tmp_path: Path) -> None:
    with registry(item("button")) as served:
        folder, home = project(tmp_path / "p"), tmp_path / "home"
        async with Client(server(folder, home, served.base)) as client:
            await client.call_tool(VIEW, {"items": ["button"]})
        (file,) = (home / "shadcn" / "cache").iterdir()
        file.write_bytes(file.read_bytes()[:-5])
        async with Client(server(folder, home, served.base)) as client:
            assert "export function Button" in text(await client.call_tool(VIEW, {"items": ["button"]}))
        assert served.count("button.json", 200) == 2


async def test_a_cache_that_cannot_be_written_takes_nothing_from_the_answer(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    with registry(item("button")) as served:
        async with Client(server(project(tmp_path / "p"), tmp_path / "home", served.base)) as client:
            assert "export function Button" in text(await client.call_tool(VIEW, {"items": ["button"]}))


def test_the_disk_is_bounded_and_keeps_what_was_confirmed_last(tmp_path: Path) -> None:
    store = Store(tmp_path / "cache", most_bytes=100_000, most_files=1000)
    for number in range(30):
        store.put(f"k{number}", Copy(b"x" * 10_000, "", "", 1_000_000.0 + number))
    assert sum(file.stat().st_size for file in (tmp_path / "cache").iterdir()) <= 100_000
    assert store.get("k29") is not None and store.get("k0") is None
    store.put("huge", Copy(b"x" * 90_000, "", "", 2_000_000.0))
    assert store.get("huge") is None and store.get("k29") is not None
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


async def test_memory_does_not_grow_with_what_was_seen(tmp_path: Path) -> None:
    big = "x" * 300_000
    files = [{"path": "a.tsx", "type": "registry:ui", "content": big}]
    with registry(*(item(f"c{n}", files=files) for n in range(40))) as served:
        built = server(project(tmp_path / "p"), tmp_path / "home", served.base)
        documents = built.state.library.documents
        documents._memory_bytes = 2_000_000
        async with Client(built) as client:
            for n in range(40):
                assert "c" in text(await client.call_tool(VIEW, {"items": [f"c{n}"]}))
                assert documents._used <= 2_000_000 and len(documents._memory) <= 7
            assert documents._used == sum(kept.size for kept in documents._memory.values())
