"""Who may do what over a real socket, in both eras, with sessions and without."""

from __future__ import annotations

from pathlib import Path

import anyio
import httpx2
import pytest
from access_served import caller, everything_in, minted, profile, site, text_of

from openmanager_kit.access.assembly import Access, access_of
from openmanager_kit.access.tokens import TokenStore
from openmanager_kit.access.verifying import SharedToken
from openmanager_kit.profile import HttpSettings

pytestmark = pytest.mark.anyio
WAYS = (("2026-07-28", False), ("legacy", False), ("legacy", True))
SEEN = {"viewer": {"who", "wait"}, "operator": {"who", "wait", "put", "fail"}}
SEEN["admin"] = SEEN["operator"] | {"tune"}


@pytest.mark.parametrize(("era", "sessions"), WAYS)
@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
async def test_a_role_sees_and_calls_what_it_may_and_is_told_what_it_lacks(
    tmp_path: Path, era: str, sessions: bool, role: str
) -> None:
    ident, token = minted(tmp_path, role)
    async with site(tmp_path, http=HttpSettings(sessions=sessions)) as url, caller(url, token, era) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == SEEN[role]
        heard: list[float] = []

        async def progress(value: float, total: float | None, message: str | None) -> None:
            heard.append(value)

        # With progress the answer is a stream; who asks is known there too.
        assert text_of(await client.call_tool("who", {}, progress_callback=progress)) == f"{ident} {role}"
        assert text_of(await client.call_tool("who", {})) == f"{ident} {role}"
        for tool, arguments, needed in (("put", {"text": "x"}, "operator"), ("tune", {}, "admin")):
            result = await client.call_tool(tool, arguments)
            if tool in SEEN[role]:
                assert not result.is_error
            else:
                said = text_of(result)
                assert result.is_error
                assert said.startswith(f"not_allowed: {tool} needs the role {needed}, this token has {role}")
                assert f"openmanager:{needed}" in said


async def test_two_callers_at_once_are_never_taken_for_each_other(tmp_path: Path) -> None:
    tokens = dict(minted(tmp_path, "viewer") for _ in range(4))
    async with site(tmp_path) as url:

        async def ask(ident: str, token: str) -> None:
            async with caller(url, token) as client:
                for _ in range(20):
                    assert text_of(await client.call_tool("who", {})) == f"{ident} viewer"

        async with anyio.create_task_group() as group:
            for ident, token in tokens.items():
                group.start_soon(ask, ident, token)


async def test_a_session_belongs_to_the_token_that_began_it(tmp_path: Path) -> None:
    alice, bob = minted(tmp_path, "admin")[1], minted(tmp_path, "admin")[1]
    headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}
    begin = {
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }  # fmt: skip
    listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    async with site(tmp_path, http=HttpSettings(sessions=True)) as url, httpx2.AsyncClient(headers=headers) as http:
        begun = await http.post(url, json=begin, headers={"authorization": f"Bearer {alice}"})
        session = {"mcp-session-id": begun.headers["mcp-session-id"]}
        hers = await http.post(url, json=listing, headers={"authorization": f"Bearer {alice}", **session})
        his = await http.post(url, json=listing, headers={"authorization": f"Bearer {bob}", **session})
        nobody_s = await http.post(url, json=listing, headers=session)
    assert (hers.status_code, his.status_code, nobody_s.status_code) == (200, 404, 401)


async def test_a_revoked_token_is_refused_within_two_seconds_and_its_open_calls_end(tmp_path: Path) -> None:
    ident, token = minted(tmp_path, "viewer")
    async with site(tmp_path) as url, httpx2.AsyncClient() as http:
        head = {
            "authorization": f"Bearer {token}", "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2025-06-18",
        }  # fmt: skip
        call = {
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "wait", "arguments": {}, "_meta": {"progressToken": 1}},
        }  # fmt: skip
        with anyio.fail_after(10), pytest.raises(httpx2.RemoteProtocolError):
            async with http.stream("POST", url, json=call, headers=head, timeout=20) as reply:
                assert reply.status_code == 200
                async for _ in reply.aiter_raw():
                    if ident:
                        TokenStore(tmp_path).revoke(ident)
                        ident = ""
        after = await http.post(url, json={}, headers=head)
        assert after.status_code == 401 and 'error="invalid_token"' in after.headers["www-authenticate"]


async def test_each_token_has_its_own_share_of_the_requests(tmp_path: Path) -> None:
    greedy, modest = minted(tmp_path, "viewer")[1], minted(tmp_path, "viewer")[1]
    async with site(tmp_path, requests=2) as url, anyio.create_task_group() as group:
        statuses: list[int] = []

        async def ask(token: str, tool: str) -> None:
            call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {}}}
            head = {
                "authorization": f"Bearer {token}", "accept": "application/json, text/event-stream",
                "mcp-protocol-version": "2025-06-18",
            }  # fmt: skip
            async with httpx2.AsyncClient() as http:
                statuses.append((await http.post(url, json=call, headers=head, timeout=60)).status_code)

        for _ in range(3):
            group.start_soon(ask, greedy, "wait")
        with anyio.fail_after(10):
            while not statuses:  # noqa: ASYNC110 - the first to be refused
                await anyio.sleep(0.02)
        assert statuses == [429]
        await ask(modest, "who")
        assert statuses == [429, 200]
        group.cancel_scope.cancel()


async def test_too_many_calls_are_told_when_to_come_back_and_others_are_not_slowed(tmp_path: Path) -> None:
    eager, calm = minted(tmp_path, "viewer")[1], minted(tmp_path, "viewer")[1]
    async with site(tmp_path, calls_per_minute=60) as url:
        async with caller(url, eager) as client:
            answers = [await client.call_tool("who", {}) for _ in range(14)]
        refused = [text_of(answer) for answer in answers if answer.is_error]
        assert refused and "rate_limited: your calls: more than 60 calls a minute. Try: again in" in refused[0]
        async with caller(url, calm) as client:
            assert not (await client.call_tool("who", {})).is_error


async def test_without_tokens_everybody_on_this_machine_is_admin_and_no_trail_is_kept(tmp_path: Path) -> None:
    async with site(tmp_path, Access()) as url, caller(url, "anything at all") as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == SEEN["admin"]
        assert text_of(await client.call_tool("who", {})) == "local admin"
    assert not any(everything_in(tmp_path))


async def test_who_has_the_shared_token_is_admin(tmp_path: Path) -> None:
    shared = "a-shared-token-of-some-length"
    async with site(tmp_path, Access(SharedToken(shared))) as url, caller(url, shared) as client:
        assert text_of(await client.call_tool("who", {})) == "shared admin"


async def test_tokens_that_cannot_be_looked_up_let_nobody_in(tmp_path: Path) -> None:
    token = minted(tmp_path, "admin")[1]
    access = access_of(profile(tmp_path, audit=False), {})
    (tmp_path / "access.sqlite3").write_bytes(b"not a database at all" * 100)
    async with site(tmp_path, access) as url, httpx2.AsyncClient() as http:
        reply = await http.post(url, json={}, headers={"authorization": f"Bearer {token}"})
    assert reply.status_code == 503 and reply.headers["retry-after"]
