"""A real process on a real socket: it serves whom it should, and tells the others why not."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx2
import kit_served
import pytest
from kit_wire import ENVELOPE, wait_for
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from openmanager_core.errors import ConfigError
from openmanager_kit.access.assembly import Access, shared_token
from openmanager_kit.access.verifying import SharedToken
from openmanager_kit.hosting.binding import bound
from openmanager_kit.hosting.guard import Guard
from openmanager_kit.hosting.http import http_app
from openmanager_kit.profile import HttpSettings
from openmanager_kit.server import OpenManagerServer

ERAS = ("legacy", "2026-07-28")
TOKEN = "a-token-of-some-length"
HEADERS = {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
    "mcp-protocol-version": "2026-07-28",
}


@dataclass
class Site:
    """A server that listens."""

    url: str
    process: subprocess.Popen[bytes]
    home: Path

    @property
    def base(self) -> str:
        return self.url.removesuffix("/mcp")

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.base.removeprefix("http://").rpartition(":")
        return host, int(port)


@contextlib.contextmanager
def site(home: Path, config: str = "", token: str = "", *words: str) -> Iterator[Site]:
    """Serve the bench over HTTP on any free port."""
    home.mkdir(parents=True, exist_ok=True)
    path = kit_served.profile(home, config)
    process = subprocess.Popen(
        kit_served.command("serve", "bench", "--config", str(path), "--http", "127.0.0.1:0", *words),
        stderr=subprocess.PIPE,
        env=kit_served.environment(home) | ({"BENCH_TOKEN": token} if token else {}),
    )
    assert process.stderr is not None
    try:
        line = process.stderr.readline().decode()
        assert line.startswith("bench listens on http://127.0.0.1:"), line + process.stderr.read().decode()
        yield Site(line.split()[-1], process, home)
    finally:
        process.kill()
        process.wait(10)
        process.stderr.close()


@pytest.fixture(scope="module")
def open_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("open")) as it:
        yield it


@pytest.fixture(scope="module")
def closed_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("closed"), '[http]\ntoken_env = "BENCH_TOKEN"\n', TOKEN) as it:
        yield it


def request(tool: str, /, **arguments: Any) -> dict[str, Any]:
    params = {"name": tool, "arguments": arguments, "_meta": ENVELOPE}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}


def headers(tool: str, **more: str) -> dict[str, str]:
    return {**HEADERS, "mcp-method": "tools/call", "mcp-name": tool, **more}


def post(url: str, tool: str = "echo", **more: Any) -> httpx2.Response:
    extra = more.pop("headers", {})
    body = more or {"json": request(tool, text="hi")}
    return httpx2.post(url, headers=headers(tool) | extra, timeout=20, **body)


@pytest.mark.anyio
@pytest.mark.parametrize("era", ERAS)
async def test_the_sdk_client_talks_to_it_with_progress(tmp_path: Path, era: str) -> None:
    seen: list[float] = []

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)
        if len(seen) == 2:
            (tmp_path / "release").write_text("")

    with site(tmp_path) as there:
        async with Client(there.url, mode=era) as client:
            assert [tool.name for tool in (await client.list_tools()).tools][:2] == ["echo", "greet"]
            result = await client.call_tool("echo", {"text": "가나다 \u2028"})
            assert result.content[0].text == "가나다 \u2028"  # type: ignore[union-attr]
            result = await client.call_tool("work", {}, progress_callback=heard)
            assert result.content[0].text == "done"  # type: ignore[union-attr]
    assert seen == sorted(set(seen))


@pytest.mark.anyio
@pytest.mark.parametrize("era", ERAS)
async def test_cancelling_stops_the_work(tmp_path: Path, era: str) -> None:
    with site(tmp_path, "[http]\nsessions = true\n" if era == "legacy" else "") as there:
        async with Client(there.url, mode=era) as client:
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(client.call_tool, "work", {})
                    await anyio.to_thread.run_sync(wait_for, tmp_path / "started")
                    scope.cancel()
            await anyio.to_thread.run_sync(wait_for, tmp_path / "stopped")


@pytest.mark.parametrize("version", ["2025-06-18", "2026-07-28"])
def test_a_client_that_goes_away_stops_its_work(tmp_path: Path, version: str) -> None:
    with site(tmp_path) as there:
        sent = headers("work", **{"mcp-protocol-version": version})
        with contextlib.suppress(httpx2.ReadTimeout):
            httpx2.post(there.url, headers=sent, json=request("work"), timeout=2)
        wait_for(tmp_path / "started")
        wait_for(tmp_path / "stopped")


@pytest.mark.anyio
@pytest.mark.parametrize("era", ERAS)
async def test_the_right_token_opens_both_eras(closed_site: Site, era: str) -> None:
    async with (
        httpx2.AsyncClient(headers={"authorization": f"Bearer {TOKEN}"}) as http,
        Client(streamable_http_client(closed_site.url, http_client=http), mode=era) as client,
    ):
        result = await client.call_tool("echo", {"text": "in"})
    assert result.content[0].text == "in"  # type: ignore[union-attr]


def test_replies_are_not_held_back_by_the_network_stack() -> None:
    sock = bound("127.0.0.1", 0)
    try:
        assert sock.proto == socket.IPPROTO_TCP  # what asyncio looks at before it sets TCP_NODELAY
    finally:
        sock.close()


def test_a_cheap_call_is_answered_as_plain_json(open_site: Site) -> None:
    reply = post(open_site.url)
    assert reply.headers["content-type"] == "application/json"
    assert reply.json()["result"]["content"][0]["text"] == "hi"


@pytest.mark.parametrize("path", ["/mcp", "/healthz", "/elsewhere"])
@pytest.mark.parametrize(
    ("evil", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1.evil.example:80"}, 421),
        ({"host": "localhost@evil.example"}, 421),
        ({"host": ""}, 421),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost.evil.example"}, 403),
        ({"origin": "http://127.0.0.1:80@evil.example"}, 403),
    ],
)
def test_a_foreign_host_or_origin_is_refused_everywhere(
    open_site: Site, path: str, evil: dict[str, str], status: int
) -> None:
    assert post(open_site.base + path, headers=evil).status_code == status
    assert httpx2.get(open_site.base + path, headers=evil).status_code == status


@pytest.mark.parametrize("origin", ["http://localhost:6274", "http://127.0.0.1", "http://[::1]:80"])
def test_a_page_of_this_machine_may_call(open_site: Site, origin: str) -> None:
    assert post(open_site.url, headers={"origin": origin}).status_code == 200


@pytest.mark.parametrize("given", ["", "Bearer", "Basic YWI6YWI=", f"Token {TOKEN}"])
def test_without_a_token_the_answer_is_401_and_says_how(closed_site: Site, given: str) -> None:
    reply = post(closed_site.url, headers={"authorization": given} if given else {})
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"] == 'Bearer realm="openmanager"'


@pytest.mark.parametrize("given", ["wrong", TOKEN + "x", TOKEN[:-1], TOKEN.upper(), "ÿ" * 30])
def test_a_wrong_token_is_401_with_the_reason(closed_site: Site, given: str) -> None:
    reply = post(closed_site.url, headers={"authorization": f"Bearer {given}".encode("latin-1")})  # type: ignore[dict-item]
    assert reply.status_code == 401
    assert 'error="invalid_token"' in reply.headers["www-authenticate"]
    assert given not in reply.text


def test_health_needs_no_token_and_tells_nothing(closed_site: Site) -> None:
    reply = httpx2.get(closed_site.base + "/healthz")
    assert (reply.status_code, reply.json()["status"]) == (200, "ok")
    assert httpx2.post(closed_site.base + "/healthz").status_code == 405


def test_a_body_that_is_too_long_is_413_told_or_untold(open_site: Site) -> None:
    assert post(open_site.url, content=b"x" * (4 * 1024 * 1024 + 1)).status_code == 413

    def pieces() -> Iterator[bytes]:
        for _ in range(70):
            yield b"x" * 65536

    assert post(open_site.url, content=pieces()).status_code == 413


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"garbage", 400, -32700),
        (b"[]", 400, -32600),
        (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', 400, -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}', 400, -32700),
        (b"[" * 100_000, 400, -32700),
        (json.dumps(request("echo") | {"method": "nothing/here"}).encode(), 400, -32020),
    ],
)
def test_a_malformed_body_is_refused_with_its_code(open_site: Site, body: bytes, status: int, code: int) -> None:
    reply = post(open_site.url, content=body)
    assert reply.status_code == status
    assert reply.json()["error"]["code"] == code


def test_a_wrong_content_type_and_method_are_refused(open_site: Site) -> None:
    assert post(open_site.url, headers={"content-type": "text/plain"}).status_code == 400
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        reply = httpx2.request(method, open_site.url)
        assert reply.status_code == 405
        assert reply.headers["allow"] == "POST"


def test_header_and_body_that_disagree_are_refused(open_site: Site) -> None:
    reply = post(open_site.url, headers={"mcp-name": "big"})
    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == -32020


def raw(there: Site, data: bytes) -> bytes:
    with socket.create_connection(there.address, timeout=20) as sock:
        sock.sendall(data)
        received = b""
        while piece := sock.recv(65536):
            received += piece
            if b"\r\n\r\n" in received:
                break
    return received


def test_two_hosts_or_a_huge_head_are_refused(open_site: Site) -> None:
    assert b" 400 " in raw(open_site, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n")
    assert b" 431 " in raw(open_site, b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n")


def test_slow_and_silent_connections_do_not_keep_others_waiting(open_site: Site) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(50):
            sock = stack.enter_context(socket.create_connection(open_site.address, timeout=5))
            if number % 2:
                sock.sendall(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        assert post(open_site.url).status_code == 200


def test_many_clients_at_once_are_served_or_told_to_come_back(tmp_path: Path) -> None:
    statuses: list[int] = []
    with site(tmp_path, "[http]\nrequests = 4\n") as there:

        def call() -> None:
            statuses.append(post(there.url, "slow", json=request("slow", seconds=0.5)).status_code)

        threads = [threading.Thread(target=call) for _ in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert post(there.url).status_code == 200
    assert set(statuses) == {200, 503}
    assert len(statuses) == 24


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("tool", ["work", "stubborn"])
def test_it_leaves_soon_and_closes_its_state_whatever_still_runs(
    tmp_path: Path, number: signal.Signals, code: int, tool: str
) -> None:
    with site(tmp_path) as there:

        def call() -> None:
            with contextlib.suppress(httpx2.HTTPError):
                httpx2.post(there.url, headers=headers(tool), json=request(tool), timeout=30)

        thread = threading.Thread(target=call)
        thread.start()
        wait_for(tmp_path / "started")
        there.process.send_signal(number)
        assert there.process.wait(15) == code
        thread.join()
    assert (tmp_path / "closed").exists()


def test_beyond_this_machine_it_wants_a_token_and_hosts() -> None:
    with pytest.raises(ConfigError, match=r"http\.host 0\.0\.0\.0 is reachable from outside: set http\.token_env"):
        http_app(OpenManagerServer("beyond"), HttpSettings(host="0.0.0.0"))
    with pytest.raises(ConfigError, match=r"set http\.allowed_hosts"):
        http_app(OpenManagerServer("beyond"), HttpSettings(host="0.0.0.0"), Access(SharedToken(TOKEN)))
    settings = HttpSettings(host="0.0.0.0", allowed_hosts=("ops",))
    assert http_app(OpenManagerServer("beyond"), settings, Access(SharedToken(TOKEN)))


@pytest.mark.parametrize(("value", "said"), [("", "is not set"), ("short", "holds fewer than 16 characters")])
def test_a_token_variable_that_holds_none_is_refused(value: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"http.token_env names T, which {said}"):
        shared_token(HttpSettings(token_env="T"), {"T": value})


def test_a_port_that_is_taken_is_a_configuration_error(tmp_path: Path, open_site: Site) -> None:
    path = kit_served.profile(tmp_path)
    address = open_site.base.removeprefix("http://")
    done = subprocess.run(
        kit_served.command("serve", "bench", "--config", str(path), "--http", address),
        capture_output=True,
        text=True,
        env=kit_served.environment(tmp_path),
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert f"cannot listen on {address}" in done.stderr


@pytest.mark.anyio
async def test_a_body_that_comes_too_slowly_is_408() -> None:
    sent: list[Any] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("the body is not there yet")

    async def never() -> Any:
        await anyio.sleep_forever()

    async def send(message: Any) -> None:
        sent.append(message)

    guard = Guard(inner, hosts=["localhost"], origins=[], body_s=0.05)
    scope = {"type": "http", "path": "/mcp", "method": "POST", "headers": [(b"host", b"localhost:1")]}
    await guard(scope, never, send)
    assert sent[0]["status"] == 408
