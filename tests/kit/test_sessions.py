"""Sessions, for clients of versions that have them: they live until they are ended, not until somebody hangs up."""

from __future__ import annotations

from typing import Any

import pytest
from access_served import TOOLS, listening
from mcp import Client

from openmanager_kit.hosting.http import http_app
from openmanager_kit.hosting.impatience import GONE
from openmanager_kit.profile import HttpSettings
from openmanager_kit.server import OpenManagerServer

pytestmark = pytest.mark.anyio


class HungUp:
    """Tells the application that the client has left as soon as an answer is sent, and before it has ended."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.times = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: Any) -> None:
            await send(message)
            if b'"result"' in message.get("body", b""):
                self.times += 1
                for tell in list(scope[GONE]):
                    tell()

        await self.app(scope, receive, sending)


@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
async def test_a_client_that_hangs_up_once_it_has_its_answer_keeps_its_session(era: str) -> None:
    door = HungUp(http_app(OpenManagerServer("bench", tools=TOOLS), HttpSettings(sessions=True)))
    async with listening(door) as base, Client(f"{base}/mcp", mode=era) as client:
        for _ in range(3):
            assert (await client.call_tool("put", {"text": "four"})).content[0].text == "put 4"  # type: ignore[union-attr]
    assert door.times >= 4
