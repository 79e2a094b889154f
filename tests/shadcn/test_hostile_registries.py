"""Registries that drip, never end, lie and send too much: a call ends in time and says why, and costs nobody else."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import anyio
import pytest
from mcp.client import Client
from shadcn_served import BASE, failure, item, project, registry, server, text

from openmanager_kit.hosting.members import Member
from openmanager_kit.hosting.readiness import condition_of

pytestmark = pytest.mark.anyio

VIEW = "view_items_in_registries"
SEARCH = "search_items_in_registries"
Reply = Callable[[BaseHTTPRequestHandler], None]


def dripping(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n[")
    for _ in range(600):
        handler.wfile.write(b" ")
        time.sleep(0.02)


def silent(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(8)


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n[")
    for _ in range(1000):
        handler.wfile.write(b" " * 65536)


def bomb(handler: BaseHTTPRequestHandler) -> None:
    body = gzip.compress(b" " * 100_000_000, 9)
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(body)}\r\n\r\n"
    handler.wfile.write(head.encode() + body)


def headers_without_end(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(20_000):
        handler.wfile.write(f"x-{number}: {'y' * 100}\r\n".encode())


def no_http(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"\x00\x01\x02 not http at all\r\n\r\n")


def page(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n<html>log in</html>\n")


def circle(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(f"HTTP/1.1 302 Found\r\nlocation: {handler.path}\r\ncontent-length: 0\r\n\r\n".encode())


@pytest.mark.parametrize("reply", [dripping, silent, endless, bomb, headers_without_end, no_http, page, circle])
async def test_a_hostile_registry_costs_one_call_its_time_and_nobody_else_anything(
    tmp_path: Path, reply: Reply
) -> None:
    with registry(item("button"), item("card")) as served:
        served.replies[f"{BASE}/button.json"] = reply
        folder = project(tmp_path / "p")
        async with Client(server(folder, tmp_path / "home", served.base, timeout_s=0.8)) as client:
            said: list[str] = []

            async def hostile() -> None:
                said.append(failure(await client.call_tool(VIEW, {"items": ["button"]})))

            with anyio.fail_after(20):
                async with anyio.create_task_group() as group:
                    group.start_soon(hostile)
                    assert "function Card" in text(await client.call_tool(VIEW, {"items": ["card"]}))
    assert said and "Traceback" not in said[0] and ":" in said[0]


async def test_slow_examples_are_named_and_the_quick_ones_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from openmanager_shadcn import example_tools

    monkeypatch.setattr(example_tools, "_WITHIN_S", 1.0)
    names = ["button-demo", "button-slow-demo", "button-last-demo"]
    with registry(*(item(name, kind="registry:example") for name in names)) as served:
        served.replies[f"{BASE}/button-slow-demo.json"] = silent
        folder = project(tmp_path / "p")
        async with Client(server(folder, tmp_path / "home", served.base, timeout_s=6)) as client:
            with anyio.fail_after(6):
                said = text(await client.call_tool("get_item_examples_from_registries", {"query": "button"}))
    assert "function ButtonDemo" in said and "function ButtonLastDemo" in said
    assert "button-slow-demo could not be had" in said


async def test_hundreds_of_examples_do_not_make_one_call_fetch_them_all(tmp_path: Path) -> None:
    with registry(*(item(f"button-{n}-demo", kind="registry:example") for n in range(311))) as served:
        async with Client(server(project(tmp_path / "p"), tmp_path / "home", served.base)) as client:
            said = text(await client.call_tool("get_item_examples_from_registries", {"query": "button"}))
        assert "308 more" in said and len(said) <= 10_000 and len(served.asked) <= 5


async def test_a_registry_that_failed_is_left_alone_while_there_is_a_copy(tmp_path: Path) -> None:
    with registry(item("button")) as served:
        folder = project(tmp_path / "p")
        async with Client(server(folder, tmp_path / "home", served.base, ttl_s=0, timeout_s=0.3)) as client:
            await client.call_tool(SEARCH, {"query": "button"})
            served.replies[f"{BASE}/registry.json"] = silent
            for _ in range(5):
                assert "did not answer" in text(await client.call_tool(SEARCH, {"query": "button"}))
        assert len(served.asked) == 2


async def test_whoever_runs_the_server_is_told_which_registry_is_left_alone_and_not_its_secret(tmp_path: Path) -> None:
    with registry(item("button")) as served:
        address = f"{served.url}/dead/{{name}}.json?key=geheim"
        served.replies["/dead/registry.json?key=geheim"] = silent
        made = server(project(tmp_path / "p", {"@dead": address}), tmp_path / "home", served.base, timeout_s=0.4)
        member = Member("shadcn-ui", lambda: made)
        assert member.attempt()
        async with Client(made) as client:
            assert (await condition_of(member))["detail"] == "1 root; registry 127.0.0.1"
            await client.call_tool(SEARCH, {"query": "button"})
            told = await condition_of(member)
    assert told["ready"] and told["tools"] > 0
    assert "left alone: " in told["detail"] and "/dead/registry.json" in told["detail"]
    assert "geheim" not in told["detail"]


async def test_a_dead_registry_holds_up_one_search_and_not_each(tmp_path: Path) -> None:
    with registry(item("button")) as served:
        served.replies["/dead/registry.json"] = silent
        folder = project(tmp_path / "p", {"@dead": f"{served.url}/dead/{{name}}.json"})
        async with Client(server(folder, tmp_path / "home", served.base, timeout_s=0.4)) as client:
            for _ in range(4):
                said = text(await client.call_tool(SEARCH, {"query": "button"}))
                assert "@shadcn/button" in said and "@dead did not answer" in said
        assert served.count("/dead/registry.json") == 1


async def test_a_cancelled_call_lets_go_of_the_registry(tmp_path: Path) -> None:
    with registry(item("button")) as served:
        served.replies[f"{BASE}/button.json"] = silent
        async with Client(server(project(tmp_path / "p"), tmp_path / "home", served.base, timeout_s=30)) as client:
            with anyio.move_on_after(0.3):
                await client.call_tool(VIEW, {"items": ["button"]})
            served.replies.clear()
            with anyio.fail_after(5):
                assert "function Button" in text(await client.call_tool(VIEW, {"items": ["button"]}))
