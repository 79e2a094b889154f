"""The client against servers that misbehave: every one ends in time, in bounds, and with a reason."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest
from hostile_web import Serve, Site, answer, authority, pages, redirect, site

from openmanager_core.errors import ConfigError, FleetError, NotAllowed, NotFound
from openmanager_kit.web import (
    Blocked,
    Malformed,
    RateLimited,
    Refused,
    TimedOut,
    TooLarge,
    Unreachable,
    WebClient,
    WebLimits,
    WebPolicy,
)

pytestmark = pytest.mark.anyio
SHORT = WebLimits(wire_bytes=200_000, body_bytes=400_000, ratio=50, first_byte_s=0.4, between_s=0.3, total_s=1.0)


def client_for(running: Site, **policy: object) -> WebClient:
    chosen = {"allow_private": ("127.0.0.1/32",), "ports": (running.port,), "limits": SHORT, **policy}
    return WebClient(WebPolicy(**chosen))  # type: ignore[arg-type]


async def failure(serve: Serve, path: str = "/") -> FleetError:
    """What reading a page of a misbehaving server ends in."""
    async with site(serve) as running:
        client = client_for(running)
        with anyio.fail_after(10), pytest.raises(FleetError) as caught:
            (await client.get(running.url(path))).ensure_ok()
        await client.aclose()
    text = str(caught.value)
    assert "Try:" in text
    assert "httpcore" not in text and "Traceback" not in text
    return caught.value


def raw(*parts: bytes, then: Callable[[asyncio.StreamWriter], Awaitable[None]] | None = None) -> Serve:
    async def serve(path: str, headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
        await writer.drain()
        if then is not None:
            await then(writer)
        else:
            writer.close()

    return serve


async def for_ever(writer: asyncio.StreamWriter, piece: bytes, pause_s: float) -> None:
    while True:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(pause_s)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


async def test_an_endless_body_is_cut_off_at_its_limit_in_little_memory() -> None:
    tracemalloc.start()
    try:
        error = await failure(raw(HEAD + b"\r\n", then=lambda writer: for_ever(writer, b"x" * 65536, 0)))
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()
    assert isinstance(error, TooLarge)
    assert "200,000 bytes" in str(error)


async def test_a_body_that_says_it_is_too_long_is_not_read_at_all() -> None:
    assert isinstance(await failure(raw(HEAD + b"Content-Length: 999999999\r\n\r\n")), TooLarge)


@pytest.mark.parametrize(
    "start",
    [b"", b"HTTP/1.1 200 OK\r\n", HEAD + b"\r\n", HEAD + b"Content-Length: 100000\r\n\r\n"],
    ids=["nothing", "header", "body", "counted body"],
)
async def test_what_drips_ends_when_its_time_is_over(start: bytes) -> None:
    error = await failure(raw(start, then=lambda writer: for_ever(writer, b"x", 0.05)))
    assert isinstance(error, TimedOut), error


async def test_silence_in_the_middle_ends_it() -> None:
    async def silent(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    assert isinstance(await failure(raw(HEAD + b"\r\nsome", then=silent)), TimedOut)


@pytest.mark.parametrize("layers", [1, 2])
async def test_an_archive_that_grows_without_end_is_not_expanded(layers: int) -> None:
    bomb = bytes(50_000_000)
    for _ in range(layers):
        bomb = gzip.compress(bomb)
    encoding = ", ".join(["gzip"] * layers)
    error = await failure(pages({"/": answer(bomb, headers={"content-encoding": encoding})}))
    assert isinstance(error, TooLarge)


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", lambda body: gzip.compress(body[:9], mtime=0) + gzip.compress(body[9:])),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body)[2:-4]),
        ("gzip, deflate", lambda body: zlib.compress(gzip.compress(body, mtime=0))),
        ("identity", bytes),
        ("gzip", lambda body: gzip.compress(body, mtime=0) + b"\0" * 20),
    ],
)
async def test_compressed_bodies_come_out_whole(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    body = b"".join(b"line %d of a page\n" % number for number in range(5000))
    async with site(pages({"/": answer(pack(body), headers={"content-encoding": encoding})})) as running:
        client = client_for(running)
        assert (await client.get(running.url())).body == body
        await client.aclose()


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ("Content-Encoding: gzip", b"no archive"),
        ("Content-Encoding: gzip", gzip.compress(b"cut off" * 100, mtime=0)[:-12]),
        ("Content-Encoding: br", b"??"),
        ("Content-Encoding: gzip, gzip, gzip", b"??"),
        ("Content-Length: 500", b"short"),
        ("Content-Length: ten", b"0123456789"),
        ("Transfer-Encoding: chunked", b"zz\r\nnot a chunk\r\n"),
        ("Transfer-Encoding: chunked", b"5\r\nhel"),
    ],
)
async def test_a_body_that_is_not_what_its_header_says_is_malformed(headers: str, body: bytes) -> None:
    assert isinstance(await failure(raw(HEAD + headers.encode() + b"\r\n\r\n" + body)), Malformed)


@pytest.mark.parametrize("data", [b"SSH-2.0-OpenSSH_9.9\r\n", b"", b"\x16\x03\x01\x00\x00", b"HTTP/9.9 abc\r\n\r\n"])
async def test_what_is_not_http_is_malformed(data: bytes) -> None:
    assert isinstance(await failure(raw(data)), Malformed)


async def test_a_flood_of_header_is_cut_off() -> None:
    flood = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 100) for number in range(700))
    assert isinstance(await failure(raw(HEAD + flood + b"\r\n")), TooLarge)
    endless = raw(HEAD, then=lambda writer: for_ever(writer, b"X-Y: zzzzzzzzzzzzzz\r\n" * 500, 0))
    assert isinstance(await failure(endless), TooLarge)


async def test_many_short_lines_and_interim_answers_without_end_are_cut_off() -> None:
    assert isinstance(await failure(raw(HEAD + b"a:b\r\n" * 11_000 + b"\r\n")), TooLarge)
    assert isinstance(await failure(raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 50_000)), Malformed)
    assert isinstance(await failure(raw(HEAD + b"x: " + b"y" * 70_000 + b"\r\n\r\n")), TooLarge)


async def test_a_few_interim_answers_are_passed_over() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    async with site(pages({"/": early + answer(b"whole")})) as running:
        client = client_for(running)
        for _ in range(2):
            assert (await client.get(running.url())).body == b"whole"
        await client.aclose()


async def test_a_circle_of_redirects_ends() -> None:
    assert isinstance(await failure(pages({"/": redirect("/again"), "/again": redirect("/")})), Refused)


@pytest.mark.parametrize(
    "to",
    [
        "http://169.254.169.254/latest/meta-data/", "http://[::ffff:169.254.169.254]/", "http://10.0.0.1/",
        "http://[::1]/", "http://[fd00::1]/", "http://0.0.0.0/",
    ],
)  # fmt: skip
async def test_a_redirect_to_a_private_address_is_not_followed(to: str) -> None:
    assert isinstance(await failure(pages({"/": redirect(to)})), NotAllowed)


@pytest.mark.parametrize(
    "to", ["file:///etc/passwd", "http://user:pw@example.com/", "http://2130706433/", "http://[::1", "gopher://x/"]
)
async def test_a_redirect_that_leads_nowhere_is_refused(to: str) -> None:
    assert isinstance(await failure(pages({"/": redirect(to)})), Refused)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed_and_secrets_are_left_behind(status: int) -> None:
    async with site(pages({"/end": answer(b"there")})) as second:
        async with site(pages({"/": redirect("/next", status), "/next": redirect(second.url("/end"), status)})) as one:
            client = client_for(one, ports=(one.port, second.port))
            given = {"Authorization": "Bearer secret", "X-Key": "secret", "Accept": "text/plain"}
            page = await client.get(one.url(), headers=given)
            await client.aclose()
        assert (page.url, page.body) == (second.url("/end"), b"there")
        assert one.headers[1]["authorization"] == "Bearer secret"
        assert "secret" not in str(second.headers)
        assert second.headers[0]["accept"] == "text/plain"


async def test_a_name_that_changes_its_address_is_connected_to_where_it_was_checked() -> None:
    asked = 0

    async def rebinding(host: str, port: int) -> list[str]:
        nonlocal asked
        asked += 1
        return ["93.184.216.34"] if asked == 1 else ["127.0.0.1"]

    async with site(pages({"/": answer(b"secret")})) as running:
        client = WebClient(WebPolicy(ports=(running.port,), limits=SHORT), resolver=rebinding)
        with pytest.raises((Unreachable, TimedOut)):
            await client.get(running.url(host="rebind.example"))
        assert asked == 1
        with pytest.raises(NotAllowed, match="loopback"):
            await client.get(running.url(host="rebind.example"))
        assert running.asked == []
        await client.aclose()


async def test_one_private_address_among_public_ones_refuses_the_name() -> None:
    async def mixed(host: str, port: int) -> list[str]:
        return ["8.8.8.8", "2606:4700::1111", "::ffff:192.168.0.1"]

    client = WebClient(resolver=mixed)
    with pytest.raises(NotAllowed, match="private"):
        await client.get("http://mixed.example/")


async def test_a_name_without_an_address_is_unreachable() -> None:
    async def nowhere(host: str, port: int) -> list[str]:
        raise OSError("no such host")

    with pytest.raises(Unreachable, match="no address"):
        await WebClient(resolver=nowhere).get("http://nowhere.example/")


async def test_a_slow_resolver_is_not_waited_for() -> None:
    async def slow(host: str, port: int) -> list[str]:
        await anyio.sleep(60)
        return []

    with anyio.fail_after(5), pytest.raises(TimedOut):
        await WebClient(WebPolicy(limits=WebLimits(connect_s=0.2)), resolver=slow).get("http://slow.example/")


async def test_a_server_that_the_user_named_may_be_private_and_others_may_not() -> None:
    async with site(pages({"/": answer(b"mine"), "/away": redirect("http://127.0.0.1:1/")})) as running:
        client = WebClient(WebPolicy.naming(running.url()))
        assert (await client.get(running.url())).body == b"mine"
        with pytest.raises(NotAllowed):
            await client.get(running.url("/away"))
        await client.aclose()


async def test_proxies_of_the_environment_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async with site(pages({"/": answer(b"direct")})) as running, site(pages({})) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        client, asked = client_for(running), client_for(running, proxy="env")
        assert (await client.get(running.url())).body == b"direct"
        assert proxy.asked == []
        assert (await asked.get(running.url())).status == 404
        assert proxy.asked == [running.url()]
        await client.aclose()
        await asked.aclose()


async def test_a_cancelled_request_closes_its_connection() -> None:
    async with site(raw(HEAD + b"\r\n", then=lambda writer: for_ever(writer, b"x", 0.01))) as running:
        client = client_for(running)
        with anyio.move_on_after(0.2):
            await client.get(running.url())
        with anyio.fail_after(2):
            await running.closed.wait()
        await client.aclose()


@pytest.mark.parametrize(
    ("status", "headers", "kind", "says"),
    [
        (404, {}, NotFound, "no such page"), (410, {}, NotFound, "no such page"), (403, {}, Blocked, "does not show"),
        (401, {}, Blocked, "does not show"), (451, {}, Blocked, "does not show"), (418, {}, Refused, "418"),
        (429, {}, RateLimited, "429"), (429, {"retry-after": "120"}, RateLimited, "120 s"),
        (503, {"retry-after": "Wed, 01 Jan 2020 00:00:00 GMT"}, RateLimited, "wait 0 s"),
        (429, {"retry-after": "soon"}, RateLimited, "429"), (503, {}, Unreachable, "at the moment"),
        (500, {}, Unreachable, "at the moment"), (304, {}, Refused, "304"),
    ],
)  # fmt: skip
async def test_a_status_that_is_no_success_is_an_error_of_its_kind(
    status: int, headers: dict[str, str], kind: type[FleetError], says: str
) -> None:
    error = await failure(pages({"/": answer(b"", status, headers)}))
    assert isinstance(error, kind)
    assert says in str(error)


async def test_tls_is_verified_for_the_name_although_the_address_is_pinned(tmp_path: Path) -> None:
    ca_file, context = authority(tmp_path, "good.example")
    seen: list[str | None] = []
    context.sni_callback = lambda connection, name, _: seen.append(name)

    async def here(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    moved = {"/": answer(b"private words"), "/down": redirect("http://good.example/")}
    async with site(pages(moved), tls=context) as running:
        policy = WebPolicy(allow_private=("127.0.0.1",), ports=(running.port,), ca_file=str(ca_file))
        client = WebClient(policy, resolver=here)
        page = await client.get(running.url(host="good.example", scheme="https"))
        assert page.body == b"private words"
        assert seen == ["good.example"]
        assert running.headers[0]["host"] == f"good.example:{running.port}"
        with pytest.raises(Unreachable, match="certificate"):
            await client.get(running.url(host="other.example", scheme="https"))
        with pytest.raises(NotAllowed, match="from https to http"):
            await client.get(running.url("/down", host="good.example", scheme="https"))
        stranger = WebClient(WebPolicy(allow_private=("127.0.0.1",), ports=(running.port,)), resolver=here)
        with pytest.raises(Unreachable, match="certificate"):
            await stranger.get(running.url(host="good.example", scheme="https"))
        await client.aclose()
        await stranger.aclose()


@pytest.mark.parametrize("proxy", ["socks5://a.example:1", "http://user:pw@a.example", "a.example:3128"])
def test_a_proxy_that_can_not_be_used_is_refused_at_the_start(proxy: str) -> None:
    with pytest.raises(ConfigError, match="proxy"):
        WebPolicy(proxy=proxy)


async def test_what_the_environment_names_is_refused_when_it_is_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "socks5://user:secret@a.example")
    with pytest.raises(Unreachable, match="http_proxy") as caught:
        await WebClient(WebPolicy(proxy="env")).get("http://b.example/")
    assert "secret" not in str(caught.value)


async def test_certificates_that_can_not_be_read_are_said_so(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.pem", tmp_path):
        client = WebClient(WebPolicy(ca_file=str(path)), resolver=_public)
        with pytest.raises(Unreachable, match="ca_file"):
            await client.get("https://a.example/")


async def _public(host: str, port: int) -> list[str]:
    return ["8.8.8.8"]
