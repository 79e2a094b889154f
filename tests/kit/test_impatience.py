"""Connections over HTTP/1.1: what is held, how long anything is waited for, and who hears that a client has gone."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import anyio
import pytest
from spoken_http import HELLO, LAST, POSTED, answer, answers, asked, connected, refused, talk

from openmanager_kit.hosting.impatience import GONE

pytestmark = pytest.mark.anyio


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
