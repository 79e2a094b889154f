"""What is unusual now, by address: nothing is read before somebody asks, and followers hear of changes in both eras."""

from __future__ import annotations

import warnings
from typing import Any

import anyio
import pytest
from fleet_client import AT_S, settings
from mcp.client import Client
from mcp.shared.exceptions import MCPError

from openmanager_core.simulator.faults import Fault
from openmanager_core.source.settings import SourceSettings
from openmanager_core.source.simulated import SimulatedSource
from openmanager_kit.server import OpenManagerServer
from openmanager_local.analyst import Analyst
from openmanager_local.server import build
from openmanager_local.unusual import URI, add_unusual

pytestmark = pytest.mark.anyio


class Scene:
    """A server over twelve simulated servers, whose time is ours, and which looks often."""

    def __init__(self) -> None:
        self.now_s = AT_S
        self.opened = 0
        self.analyst = Analyst(SourceSettings(servers=12, seed=21), None, self._open)
        self.server = OpenManagerServer("openmanager-local", state=self.analyst)
        self.unusual = add_unusual(self.server, self.analyst, every_s=0.02)

    def _open(self, wanted: SourceSettings) -> SimulatedSource:
        self.opened += 1
        return SimulatedSource.from_settings(wanted, clock=lambda: self.now_s)

    async def break_one(self) -> str:
        target = next(s.id for s in (await self.analyst.fleet()).servers if s.type == "web")
        fault = Fault("", "cpu_saturation", (target,), self.now_s, self.now_s + 3600.0, 0.9)
        (await self.analyst.simulator()).inject(fault)
        return target


async def text_of(client: Client) -> str:
    return (await client.read_resource(URI)).contents[0].text  # type: ignore[union-attr]


async def test_what_is_unusual_is_read_and_kept_up_with() -> None:
    scene = Scene()
    async with Client(scene.server) as client:
        assert scene.opened == 0
        before = await text_of(client)
        assert "series of 12 servers at 2026-09-21T14:13:" in before
        target = await scene.break_one()
        scene.now_s += 120.0
        after = await text_of(client)
    assert f"- {target} latency_p95_s since 2026-09-21T14:14:" in after
    assert f"- {target} latency_p95_s" not in before
    assert ", usually " in after
    assert scene.unusual.idle


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_followers_hear_when_something_becomes_unusual(mode: Any) -> None:
    scene = Scene()
    heard = anyio.Event()

    async def hear(message: Any) -> None:
        if getattr(message, "method", "") == "notifications/resources/updated":
            assert message.params.uri == URI
            heard.set()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the client calls its own legacy methods deprecated
        async with Client(scene.server, mode=mode, message_handler=hear) as client:
            with anyio.fail_after(30):
                if mode == "legacy":
                    await client.session.subscribe_resource(URI)
                    assert not scene.unusual.idle
                    target = await scene.break_one()
                    scene.now_s += 120.0
                    await heard.wait()
                    await client.session.unsubscribe_resource(URI)
                else:
                    async with client.listen(resource_subscriptions=[URI]) as changes:
                        target = await scene.break_one()
                        scene.now_s += 120.0
                        assert (await anext(changes)).uri == URI  # type: ignore[union-attr]
                assert f"- {target} " in await text_of(client)
    assert scene.unusual.idle


@pytest.mark.filterwarnings("ignore:resources/subscribe is removed")
async def test_other_addresses_cannot_be_followed() -> None:
    async with Client(Scene().server) as client:
        with pytest.raises(MCPError, match=r"tells of changes of .*fleet://servers.*follow fleet://unusual"):
            async with client.listen(resource_subscriptions=["fleet://servers"]):
                pass


async def test_the_server_of_every_profile_has_it() -> None:
    server = build(settings())
    assert URI in {str(resource.uri) for resource in await server.list_resources()}
    assert server.followable is not None
