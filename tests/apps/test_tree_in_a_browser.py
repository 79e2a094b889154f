"""The tree of thoughts, drawn by a real browser from a real server: its shape, its life, and hostile thoughts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from app_host import AppHost, shown
from browser import chromium
from mcp.client import Client
from served import over_http
from thoughts import NAME, call, profile_in, server_in, think

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
HOSTILE = [
    "<img src=x onerror=\"parent.postMessage({jsonrpc:'2.0',method:'hacked'},'*')\">",
    "<script>document.body.dataset.hacked = 1</script>",
    "</div></script><svg onload=alert(1)><a href=javascript:alert(1)>x</a>",
    "<style>body{display:none}</style><iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "\u202eright to left\u202c and \x1b[31mred and ${alert(1)} {{7*7}}",
]
ROWS = "[...document.querySelectorAll('[role=treeitem]')]"
SHAPE = f"{ROWS}.map(r => [Number(r.dataset.seq), Number(r.ariaLevel), r.dataset.branch, Number(r.dataset.parent)])"


@asynccontextmanager
async def drawn(client: Client, folder: Path, chain: str, **context: Any) -> AsyncIterator[AppHost]:
    """The page of a chain in a browser."""
    async with chromium(folder / "browser") as browser:
        host = await shown(browser, client, "show_chain", {"chainId": chain}, context)
        yield host
        assert host.tab.complaints == []


async def branched(client: Client) -> str:
    """A chain with two branches, one inside of the other, a revision, and a thought after them."""
    await think(client, 1, "무엇을 고칠까")
    await think(client, 2, "measure first")
    await think(client, 3, "try a cache", branchFromThought=2, branchId="cache")
    await think(client, 4, "of rows", branchId="cache")
    await think(client, 4, "of pages", branchFromThought=3, branchId="pages")
    await think(client, 3, "an index instead")
    answer = await think(client, 4, "measured wrongly", isRevision=True, revisesThought=2)
    return str(answer["chainId"])


async def test_a_chain_is_drawn_as_the_tree_that_it_is(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path / "home")) as client:
        chain = await branched(client)
        async with drawn(client, tmp_path, chain) as host:
            await host.view.until(f"{ROWS}.length === 7")
            assert await host.view.run(SHAPE) == [
                [1, 1, "", 0],
                [2, 1, "", 1],
                [3, 2, "cache", 2],
                [5, 3, "pages", 3],
                [4, 2, "cache", 3],
                [6, 1, "", 2],
                [7, 1, "", 6],
            ]
            assert await host.view.run("document.querySelector('#t1 .text').textContent") == "무엇을 고칠까"
            assert await host.view.run("document.querySelector('#t7').dataset.revises") == "2"
            assert await host.view.run("document.querySelector('#t2').classList.contains('revised')")
            paths = "[...document.querySelectorAll('#edges path')]"
            await host.view.until(f"{paths}.length === 7")  # dots and edges of three lines, and what is revised
            count = "d => d.split('M').length - 1"
            drawn_dots = f"{paths}.filter(p => p.matches('.dots')).map(p => ({count})(p.getAttribute('d'))).sort()"
            assert await host.view.run(drawn_dots) == [1, 2, 4]
            sizes = [m["params"]["height"] for m in host.heard if m.get("method") == "ui/notifications/size-changed"]
            assert sizes[-1] > 200


async def test_thoughts_that_look_like_markup_stay_text(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path / "home")) as client:
        chain = ""
        for number, text in enumerate(HOSTILE, 1):
            chain = (await think(client, number, text, **({"chainId": chain} if chain else {})))["chainId"]
        branch = "<img src=x onerror=alert(1)>"
        await think(client, 6, "on a branch", chainId=chain, branchFromThought=1, branchId=branch)
        await call(client, "conclude_chain", chainId=chain, conclusion=HOSTILE[0], confidence=1, openQuestions=HOSTILE)
        async with drawn(client, tmp_path, chain) as host:
            await host.view.until(f"{ROWS}.length === 6")
            texts = await host.view.run("[...document.querySelectorAll('.text')].map(e => e.textContent)")
            assert sorted(texts) == sorted([*HOSTILE, "on a branch"])
            assert await host.view.run("document.querySelector('#conclusion-text').textContent") == HOSTILE[0]
            assert await host.view.run("document.querySelector('.branch').textContent") == f"⎇ {branch}"
            assert (
                await host.view.run("document.querySelectorAll('img, a, iframe, svg, #tree script, style').length") == 2
            )
            assert await host.view.run("document.body.dataset.hacked ?? ''") == ""
            assert "hacked" not in [message.get("method") for message in host.heard]


async def test_the_policy_of_the_page_stops_scripts_that_markup_would_have_brought_along(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path / "home")) as client, chromium(tmp_path / "browser") as browser:
        chain = await branched(client)
        host = await shown(browser, client, "show_chain", {"chainId": chain})
        await host.view.until(f"{ROWS}.length === 7")
        await host.view.run(
            "document.body.insertAdjacentHTML('beforeend', '<p onclick=\"document.body.dataset.hacked = 1\">x</p>"
            '<img src=x onerror="document.body.dataset.hacked = 1">\'),'
            "document.querySelector('p:last-of-type').click()"
        )
        sent = await host.view.run("fetch('https://example.com').then(() => 'sent', () => 'stopped')")
        assert (sent, await host.view.run("document.body.dataset.hacked ?? ''")) == ("stopped", "")
        assert any("Content Security Policy" in complaint for complaint in host.tab.complaints)


async def test_thoughts_appear_as_they_come_until_the_chain_is_concluded(tmp_path: Path) -> None:
    with over_http(tmp_path / "home", *profile_in(tmp_path), server=NAME) as url:
        async with Client(url) as client:
            chain = (await think(client, 1))["chainId"]
            async with drawn(client, tmp_path, chain) as host:
                await host.view.until(f"{ROWS}.length === 1")
                await think(client, 2, "새 생각", chainId=chain)
                await host.view.until(f"{ROWS}.length === 2")
                assert await host.view.run("document.querySelector('#t2 .text').textContent") == "새 생각"
                assert await host.view.run("document.querySelector('#t2').classList.contains('fresh')")
                await think(client, 2, "another way", chainId=chain, branchFromThought=1, branchId="other")
                await host.view.until(f"{ROWS}.map(r => r.id).join() === 't1,t3,t2'")
                assert await host.view.run("document.querySelector('#follow').ariaPressed") == "true"
                await call(client, "conclude_chain", chainId=chain, conclusion="It works.", confidence=0.8)
                await host.view.until("document.querySelector('#state').textContent === 'concluded'")
                await host.view.until("document.querySelector('#follow').ariaPressed === 'false'")
                ending = await host.view.run("document.querySelector('#conclusion').innerText")
                assert ending.split("\n\n") == ["Conclusion (80% sure)", "It works."]
                asked = len(host.calls)
                assert await host.view.run("new Promise(done => setTimeout(() => done(1), 2500))") == 1
                assert len(host.calls) == asked
                assert {name for name, _ in host.calls} == {"show_chain"}


async def test_nothing_is_asked_for_after_the_teardown_nor_while_the_page_is_paused(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path / "home")) as client:
        chain = (await think(client, 1))["chainId"]
        async with drawn(client, tmp_path, chain) as host:
            await host.until_calls(3)
            await host.tab.click(host.view, "#follow")
            await host.view.until("document.querySelector('#follow').ariaPressed === 'false'")
            await think(client, 2, chainId=chain)
            asked = len(host.calls)
            assert await host.view.run("new Promise(done => setTimeout(() => done(1), 1500))") == 1
            assert len(host.calls) == asked and await host.view.run(f"{ROWS}.length") == 1
            await host.tab.click(host.view, "#refresh")
            await host.view.until(f"{ROWS}.length === 2")
            await host.tear_down()
            asked = len(host.calls)
            await think(client, 3, chainId=chain)
            assert await host.view.run("new Promise(done => setTimeout(() => done(1), 2000))") == 1
            assert len(host.calls) == asked


async def test_the_tree_is_walked_folded_and_opened_by_the_keyboard_alone(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path / "home")) as client:
        chain = await branched(client)
        await think(client, 5, "길다 " * 5000, chainId=chain)
        async with drawn(client, tmp_path, chain, theme="dark", locale="ko-KR") as host:
            await host.view.until(f"{ROWS}.length === 8")
            assert await host.view.run("document.querySelector('#refresh').textContent") == "새로고침"
            assert await host.view.run("getComputedStyle(document.body).colorScheme") == "dark"
            await host.tab.click(host.view, "#refresh")
            await host.tab.press("Tab")
            focused = "document.activeElement.id"
            assert await host.view.until(focused) == "t1"
            await host.tab.press("ArrowDown")
            assert await host.view.run(focused) == "t2"
            await host.tab.press("ArrowLeft")
            assert await host.view.run(f"{ROWS}.filter(r => !r.hidden).map(r => r.id).join()") == "t1,t2,t6,t7,t8"
            assert await host.view.run("document.querySelector('#t2').ariaExpanded") == "false"
            await host.tab.press("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft")
            assert await host.view.run(focused) == "t3"
            await host.tab.press("End", "Enter")
            assert await host.view.run(focused) == "t8"
            await host.view.until("document.querySelector('#t8 .text').textContent.length === 15000")
            assert await host.view.run("document.querySelector('#t8').classList.contains('open')")
            await host.tab.press("Home", " ")
            assert await host.view.run("document.querySelector('#t1.open') !== null")


async def test_a_chain_of_thousands_of_thoughts_is_fetched_page_by_page_and_drawn_whole(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path / "home")) as client:
        chain = (await think(client, 1))["chainId"]
        for number in range(2, 1201):
            await think(client, number, chainId=chain)
        async with drawn(client, tmp_path, chain) as host:
            await host.view.until(f"{ROWS}.length === 1200")
            assert [arguments["after"] for _, arguments in host.calls][:3] == [0, 500, 1000]
            assert await host.view.run("document.querySelector('#t1200 .number').textContent") == "1200/1200"


async def test_a_page_calls_its_tool_by_the_name_that_the_gateway_gave_it(tmp_path: Path) -> None:
    from openmanager_kit.hosting.gateway import Gateway
    from openmanager_kit.hosting.members import gathered

    names = ("first-one", "second")
    joined = Gateway(gathered((name, lambda name=name: server_in(tmp_path / name)) for name in names))
    async with Client(joined) as client, chromium(tmp_path / "browser") as browser:
        answer: Any = await client.call_tool(
            "second_sequentialthinking",
            {"thought": "mine", "nextThoughtNeeded": True, "thoughtNumber": 1, "totalThoughts": 2},
        )
        chain = answer.structured_content["chainId"]
        host = await shown(browser, client, "second_show_chain", {"chainId": chain})
        await host.view.until(f"{ROWS}.length === 1")
        assert {name for name, _ in host.calls} == {"second_show_chain"}


async def test_a_chain_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path / "home")) as client:
        chain = (await think(client, 1))["chainId"]
        async with drawn(client, tmp_path, chain) as host:
            await host.until_calls(1)
            await call(client, "delete_chain", chainId=chain)
            await host.view.until("document.querySelector('#message').textContent.startsWith('not_found')")
            await host.view.until("document.querySelector('#follow').ariaPressed === 'false'")
