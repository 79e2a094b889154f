"""Requests over HTTP/1.1: what is read, and what is refused because two readers could take it for two things."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spoken_http import HELLO, LAST, POSTED, answers, asked, connected, refused, rest, talk

pytestmark = pytest.mark.anyio


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
