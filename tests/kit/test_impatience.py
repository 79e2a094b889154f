"""Connections over HTTP/1.1: what is read, what is refused, what is held, and how long anything is waited for.

Real sockets, and an application that says what it was given.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.abc
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from openmanager_kit.hosting.impatience import GONE, ImpatientProtocol

pytestmark = pytest.mark.anyio
LAST = b"Connection: close\r\n"
HELLO = b"GET /hello HTTP/1.1\r\nHost: here\r\n"
POSTED = b"POST / HTTP/1.1\r\nHost: here\r\n"


async def said_back(scope: Any, receive: Any, send: Any) -> None:
    """Answer with what was asked, in JSON."""
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    asked = {
        "method": scope["method"],
        "path": scope["path"],
        "raw": scope["raw_path"].decode("latin-1"),
        "query": scope["query_string"].decode("latin-1"),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "body": body.decode("latin-1"),
    }
    await answer(send, json.dumps(asked).encode())


async def answer(send: Any, body: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def connected(app: Any = said_back, **limits: Any) -> AsyncIterator[anyio.abc.ByteStream]:
    """A connection to a server of `app` whose limits are these."""
    protocol = type("Limited", (ImpatientProtocol,), limits)
    config = uvicorn.Config(app, http=protocol, lifespan="off", log_config=None, loop="asyncio", ws="none")
    config.load()
    loop = asyncio.get_running_loop()
    made = await loop.create_server(
        lambda: protocol(config=config, server_state=ServerState(), app_state={}), "127.0.0.1", 0
    )
    async with made, await anyio.connect_tcp(*made.sockets[0].getsockname()) as stream:
        yield stream


async def rest(stream: anyio.abc.ByteStream, within_s: float = 10) -> bytes:
    """All that comes until the other side closes."""
    got = b""
    with anyio.fail_after(within_s):
        try:
            while True:
                got += await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return got


async def talk(*pieces: bytes, app: Any = said_back, **limits: Any) -> bytes:
    """Send, a piece at a time, and give all that comes until the other side closes."""
    async with connected(app, **limits) as stream:
        for piece in pieces:
            try:
                await stream.send(piece)
            except anyio.BrokenResourceError:
                break
            await asyncio.sleep(0)
        return await rest(stream)


def answers(got: bytes) -> list[tuple[int, bytes]]:
    """Status and body of each answer."""
    out = []
    while got:
        head, _, got = got.partition(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head)[1])  # type: ignore[index]
        out.append((int(head.split()[1]), got[:length]))
        got = got[length:]
    return out


async def asked(*pieces: bytes) -> dict[str, Any]:
    """What the application was given by one request."""
    [(status, body)] = answers(await talk(*pieces))
    assert status == 200, body
    out: dict[str, Any] = json.loads(body)
    return out


async def refused(*pieces: bytes, **limits: Any) -> tuple[int, str]:
    """Status and text of the only answer."""
    [(status, body)] = answers(await talk(*pieces, **limits))
    return status, body.decode()


# What is read


async def test_a_request_is_given_with_its_parts() -> None:
    got = await asked(
        b"POST /a%20b/c?q=1&r=%41 HTTP/1.1\r\nHost: here:80\r\nX-Two:  with spaces \t\r\nContent-Length: 4\r\n"
        + LAST
        + b"\r\nbody"
    )
    assert (got["method"], got["path"], got["raw"], got["query"]) == ("POST", "/a b/c", "/a%20b/c", "q=1&r=%41")
    assert got["body"] == "body"
    assert ["x-two", "with spaces"] in got["headers"]


async def test_a_body_in_chunks_is_put_together_and_its_trailers_are_nobodys() -> None:
    got = await asked(
        b"POST /c HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n"
        + LAST
        + b"\r\n3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nAuthorization: Bearer late\r\nHost: other\r\n\r\n"
    )
    assert got["body"] == "abcde"
    assert [value for name, value in got["headers"] if name in ("authorization", "host")] == ["here"]


async def test_several_requests_on_one_connection_are_answered_in_order() -> None:
    got = answers(await talk(HELLO + b"\r\n", HELLO + b"X: 2\r\n\r\n", HELLO + LAST + b"\r\n"))
    assert [status for status, _ in got] == [200, 200, 200]
    assert ["x", "2"] in json.loads(got[1][1])["headers"]


async def test_requests_sent_ahead_are_answered_in_order() -> None:
    parts = [
        b"POST /%d HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n%s\r\nb%02d" % (n, LAST if n == 9 else b"", n)
        for n in range(10)
    ]
    got = [json.loads(body) for _, body in answers(await talk(b"".join(parts)))]
    assert [row["path"] for row in got] == [f"/{n}" for n in range(10)]
    assert [row["body"] for row in got] == [f"b{n:02}" for n in range(10)]


async def test_an_old_client_of_http_1_0_needs_no_host_and_is_answered_once() -> None:
    got = await asked(b"GET /old HTTP/1.0\r\n\r\n")
    assert got["path"] == "/old"


async def test_blank_lines_before_a_request_are_passed_over() -> None:
    assert (await asked(b"\r\n\r\n" + HELLO + LAST + b"\r\n"))["path"] == "/hello"


async def test_a_client_that_wants_to_be_told_to_go_on_is_told() -> None:
    async with connected() as stream:
        await stream.send(
            b"POST /e HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 2\r\n" + LAST + b"\r\n"
        )
        with anyio.fail_after(5):
            assert await stream.receive() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await stream.send(b"ok")
        [(status, body)] = answers(await rest(stream))
    assert (status, json.loads(body)["body"]) == (200, "ok")


UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"


@pytest.mark.parametrize("cut", [None, 10, 170, 181])
async def test_an_offered_upgrade_is_passed_over_and_its_body_is_read(cut: int | None) -> None:
    """As Java's client asks."""
    whole = b"POST /up HTTP/1.1\r\nHost: here\r\nContent-Length: 12\r\n" + UPGRADE + b"\r\nhello, there"
    after = HELLO + LAST + b"\r\n"
    got = answers(await talk(*([whole + after] if cut is None else [whole[:cut], whole[cut:], after])))
    assert [status for status, _ in got] == [200, 200]
    assert json.loads(got[0][1])["body"] == "hello, there"
    assert json.loads(got[1][1])["path"] == "/hello"


async def test_an_offered_upgrade_of_a_body_in_chunks_or_without_a_body_is_passed_over() -> None:
    chunked = (
        b"POST /up HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n" + UPGRADE + b"\r\n3\r\nabc\r\n0\r\n\r\n"
    )
    plain = b"GET /up HTTP/1.1\r\nHost: here\r\n" + UPGRADE + b"\r\n"
    got = answers(await talk(plain, chunked + plain + HELLO + LAST + b"\r\n"))
    assert [json.loads(body)["body"] for _, body in got] == ["", "abc", "", ""]


async def test_a_websocket_is_not_opened() -> None:
    head = (
        b"GET /ws HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    )
    got = answers(await talk(head + b"\r\n", HELLO + LAST + b"\r\n"))
    assert [status for status, _ in got] == [200, 200]


async def test_the_address_of_the_host_itself_and_a_question_about_the_server_are_taken() -> None:
    whole = await asked(b"GET http://Here:80/x?y HTTP/1.1\r\nHost: here:80\r\n" + LAST + b"\r\n")
    assert (whole["path"], whole["query"]) == ("/x", "y")
    assert (await asked(b"OPTIONS * HTTP/1.1\r\nHost: here\r\n" + LAST + b"\r\n"))["path"] == "*"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), cuts=st.lists(st.integers(1, 400), max_size=12))
async def test_how_the_bytes_are_cut_changes_nothing(seed: int, cuts: list[int]) -> None:
    rng = random.Random(seed)
    parts, wanted = [], []
    for n in range(rng.randint(1, 5)):
        body = rng.randbytes(rng.randint(0, 60))
        chunked = rng.random() < 0.5
        head = [b"POST /%d?q HTTP/1.1" % n, b"Host: here", b"X-Value: " + bytes(rng.choices(b"abc ;,=", k=9))]
        if rng.random() < 0.3:
            head += UPGRADE.split(b"\r\n")[:-1]
        if chunked:
            cut = rng.randint(0, len(body))
            pieces = [b"%x\r\n%s\r\n" % (len(p), p) for p in (body[:cut], body[cut:]) if p]
            sent = b"".join(pieces) + b"0\r\n" + (b"Late: 1\r\n" if rng.random() < 0.5 else b"") + b"\r\n"
            head.append(b"Transfer-Encoding: chunked")
        else:
            sent = body
            head.append(b"Content-Length: %d" % len(body))
        parts.append(b"\r\n".join([*head, b"", b""]) + sent)
        wanted.append((f"/{n}", body.decode("latin-1")))
    data = b"".join(parts) + HELLO + LAST + b"\r\n"
    where = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    cut_up = [data[a:b] for a, b in zip([0, *where[:-1]], where, strict=True)]
    got = [json.loads(body) for _, body in answers(await talk(*cut_up))]
    assert [(row["path"], row["body"]) for row in got] == [*wanted, ("/hello", "")]
    assert all(value == value.strip() for row in got for _, value in row["headers"])


# What is refused

UNREADABLE = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00",
    "a target that is none": b"GET hello HTTP/1.1\r\nHost: here\r\n\r\n",
    "letters outside of ASCII in the target": b"GET /\xc3\xa4 HTTP/1.1\r\nHost: here\r\n\r\n",
    "a space in the target": b"GET /a b HTTP/1.1\r\nHost: here\r\n\r\n",
    "a fragment": b"GET /a#b HTTP/1.1\r\nHost: here\r\n\r\n",
    "an address of another host": b"GET http://there/ HTTP/1.1\r\nHost: here\r\n\r\n",
    "an address with a user": b"GET http://user@here/ HTTP/1.1\r\nHost: here\r\n\r\n",
    "another scheme": b"GET ftp://here/ HTTP/1.1\r\nHost: here\r\n\r\n",
    "a tunnel": b"CONNECT here:80 HTTP/1.1\r\nHost: here:80\r\n\r\n",
    "a star for another method": b"GET * HTTP/1.1\r\nHost: here\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: here\r\nHost: there\r\n\r\n",
    "two hosts of HTTP/1.0": b"GET / HTTP/1.0\r\nHost: here\r\nHost: here\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost: here\r\nX : 1\r\n\r\n",
    "a header without a name": b"GET / HTTP/1.1\r\nHost: here\r\n: 1\r\n\r\n",
    "a header on two lines": b"GET / HTTP/1.1\r\nHost: here\r\nX: 1\r\n 2\r\n\r\n",
    "lines that end in CR alone": b"GET / HTTP/1.1\rHost: here\r\r",
    "a zero byte in a value": b"GET / HTTP/1.1\r\nHost: here\r\nX: a\x00b\r\n\r\n",
    "a name outside of ASCII": b"GET / HTTP/1.1\r\nHost: here\r\nX\xff: 1\r\n\r\n",
    "two lengths": POSTED + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "the same length twice": POSTED + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nab",
    "a length that is no number": POSTED + b"Content-Length: +1\r\n\r\na",
    "a length below nothing": POSTED + b"Content-Length: -1\r\n\r\na",
    "a length of many digits": POSTED + b"Content-Length: 99999999999999999999\r\n\r\na",
    "a list of lengths": POSTED + b"Content-Length: 1, 1\r\n\r\na",
    "length and chunks": POSTED + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": POSTED + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
    "chunks that are not last": POSTED + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}
"""What two readers could take for two things, or no server of HTTP/1.1 may take."""


@pytest.mark.parametrize("what", UNREADABLE)
@pytest.mark.parametrize("bytewise", [False, True])
async def test_what_could_be_read_in_two_ways_is_refused_with_400(what: str, bytewise: bool) -> None:
    data = UNREADABLE[what]
    status, why = await refused(*([data[n : n + 1] for n in range(len(data))] if bytewise else [data]))
    assert status == 400
    assert re.search("request|HTTP/1.0 has no", why)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/2.0\r\nHost: here\r\n\r\n", 505),
        (b"GET / HTTP/0.9\r\nHost: here\r\n\r\n", 505),
        (b"GET /\r\n\r\n", 505),
        (POSTED + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (
            POSTED + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            501,
        ),
    ],
)
async def test_a_version_or_a_coding_that_is_not_spoken_is_named(data: bytes, status: int) -> None:
    assert (await refused(data))[0] == status


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"3\r\nabcd\r\n", b"1\nx\n", b"-1\r\nx\r\n", b"0x1\r\nx\r\n"])
async def test_a_chunk_that_is_none_ends_the_connection_and_never_reaches_the_application_as_a_whole(
    chunk: bytes,
) -> None:
    head = POSTED + b"Transfer-Encoding: chunked\r\n\r\n"
    assert (await refused(head, chunk))[0] == 400


async def test_what_came_whole_before_is_answered_before_the_refusal() -> None:
    got = answers(await talk(HELLO + b"\r\n" + HELLO + b"\r\nGET / HTTP/1.1\r\n\r\n"))
    assert [status for status, _ in got] == [200, 200, 400]


async def test_a_broken_body_whose_turn_has_not_come_is_refused_in_its_turn() -> None:
    broken = POSTED + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"
    got = answers(await talk(HELLO + b"\r\n" + broken))
    assert [status for status, _ in got] == [200, 400]


async def test_a_broken_body_after_its_answer_began_closes_without_a_second_answer() -> None:
    async def early(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"ab", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass

    async with connected(early) as stream:
        await stream.send(POSTED + b"Transfer-Encoding: chunked\r\n\r\n")
        got = b""
        with anyio.fail_after(5):
            while not got.endswith(b"ab"):
                got += await stream.receive()
        await stream.send(b"zz\r\n")
        assert await rest(stream) == b""
    assert got.startswith(b"HTTP/1.1 200 OK")


# What is held


@pytest.mark.parametrize("piece", [b"X: " + b"x" * 4000 + b"\r\n", b"x" * 4000])
async def test_a_head_of_any_length_is_refused_once_it_is_too_long(piece: bytes) -> None:
    start = b"GET / HTTP/1.1\r\nHost: here\r\n" + (b"" if piece.startswith(b"X") else b"X: ")
    status, why = await refused(start, *[piece] * 20)
    assert (status, why) == (431, "The head of the request is too long.")


async def test_a_long_head_in_one_piece_and_a_long_target_are_refused_too() -> None:
    assert (await refused(b"GET / HTTP/1.1\r\nHost: here\r\nX: " + b"x" * 40_000 + b"\r\n\r\n"))[0] == 431
    assert (await refused(b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: here\r\n\r\n"))[0] == 431
    assert (await asked(HELLO + b"X: " + b"x" * 30_000 + b"\r\n" + LAST + b"\r\n"))["path"] == "/hello"


@pytest.mark.parametrize("piece", [b"T: " + b"x" * 4000 + b"\r\n", b"x" * 4000])
async def test_trailers_and_chunk_extensions_without_end_are_refused(piece: bytes) -> None:
    head = POSTED + b"Transfer-Encoding: chunked\r\n\r\n"
    start = head + (b"0\r\n" if piece.startswith(b"T") else b"1;ext=")
    assert (await refused(start, *[piece] * 40))[0] == 400


async def test_blank_lines_without_end_are_refused() -> None:
    assert (await refused(*[b"\r\n" * 2000] * 20))[0] == 400


async def busy(scope: Any, receive: Any, send: Any) -> None:
    """Answer only when the client has gone, reading on meanwhile as an event stream does."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def test_only_so_many_requests_may_be_sent_ahead() -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.05)
        await answer(send, b"done")

    got = answers(await talk((HELLO + b"\r\n") * 20, app=slow, most_ahead=4))
    assert [status for status, _ in got] == [200] * 5 + [400]


async def test_little_is_held_of_a_body_whose_turn_has_not_come() -> None:
    ahead = POSTED + b"Content-Length: 1000000\r\n\r\n"
    got = answers(await talk(HELLO + b"\r\n" + ahead + b"x" * 60_000))
    assert [status for status, _ in got] == [200, 400]
    small = POSTED + b"Content-Length: 30000\r\n" + LAST + b"\r\n"
    got = answers(await talk(HELLO + b"\r\n" + small + b"x" * 30_000))
    assert [status for status, _ in got] == [200, 200]
    assert json.loads(got[1][1])["body"] == "x" * 30_000


# How long is waited


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"GET / HT",
        b"POST /mcp HTTP/1.1\r\nHost:",
        HELLO[:-1],
    ],
)
async def test_a_connection_that_never_finishes_asking_is_closed(data: bytes) -> None:
    assert await talk(*([data] if data else []), head_s=0.1) == b""


async def test_a_head_that_comes_in_drips_is_waited_for_no_longer() -> None:
    async with connected(head_s=0.3) as stream:
        sent = 0
        with anyio.fail_after(5), pytest.raises((anyio.BrokenResourceError, anyio.EndOfStream)):
            while True:
                await stream.send(b"X" if sent else b"GET / HTTP/1.1\r\nX")
                sent += 1
                await asyncio.sleep(0.02)
    assert sent < 100


async def test_a_body_that_drips_on_after_its_answer_is_waited_for_no_longer() -> None:
    async def hasty(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, b"no")

    async with connected(hasty, head_s=0.3) as stream:
        await stream.send(POSTED + b"Content-Length: 100000\r\n\r\n")
        with anyio.fail_after(5), pytest.raises((anyio.BrokenResourceError, anyio.EndOfStream)):
            while True:
                await stream.send(b"x")
                await asyncio.sleep(0.02)


async def test_an_answer_may_take_longer_than_a_head() -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.3)
        await answer(send, b"done")

    got = answers(await talk(HELLO + b"\r\n", HELLO + LAST + b"\r\n", app=slow, head_s=0.1))
    assert [body for _, body in got] == [b"done", b"done"]


async def test_a_second_head_that_stops_half_way_is_closed_after_the_first_answer() -> None:
    got = answers(await talk(HELLO + b"\r\nGET / HT", head_s=0.2))
    assert [status for status, _ in got] == [200]


# Who has gone


async def test_a_request_without_an_answer_is_told_at_once_that_its_client_has_gone() -> None:
    begun, gone = asyncio.Event(), asyncio.Event()

    async def waiting(scope: Any, receive: Any, send: Any) -> None:
        scope[GONE].append(gone.set)
        begun.set()
        await gone.wait()

    async with connected(waiting) as stream:
        await stream.send(HELLO + b"\r\n")
        with anyio.fail_after(5):
            await begun.wait()
            await stream.aclose()
            await gone.wait()


async def test_who_waits_for_the_next_message_hears_that_the_client_has_gone() -> None:
    heard = asyncio.Event()

    async def reading(scope: Any, receive: Any, send: Any) -> None:
        await busy(scope, receive, send)
        heard.set()

    async with connected(reading) as stream:
        await stream.send(HELLO + b"\r\n" + HELLO + b"\r\n")
        await asyncio.sleep(0.05)
        await stream.aclose()
        with anyio.fail_after(5):
            await heard.wait()
