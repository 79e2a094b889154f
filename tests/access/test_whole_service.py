"""A whole profile as a service: each server behind the same door, and one that comes later too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from access_served import TOOLS, caller, listening, minted, profile, text_of

from openmanager_core.errors import ConfigError
from openmanager_kit.access.assembly import Access, access_of
from openmanager_kit.hosting.gateway import Gateway
from openmanager_kit.hosting.http import http_app
from openmanager_kit.hosting.members import Member, gathered
from openmanager_kit.hosting.metrics import Metrics
from openmanager_kit.hosting.service import service_app
from openmanager_kit.profile import HttpSettings
from openmanager_kit.server import OpenManagerServer

pytestmark = pytest.mark.anyio


def built() -> OpenManagerServer:
    return OpenManagerServer("bench", tools=TOOLS)


def twice_failing() -> Any:
    left = [1]

    def build() -> OpenManagerServer:
        if left:
            raise ConfigError(f"not yet {left.pop()}")
        return OpenManagerServer("late", tools=TOOLS)

    return build


async def test_metrics_and_readiness_need_a_token_and_count_every_tool_whoever_asks(tmp_path: Path) -> None:
    token = minted(tmp_path, "viewer")[1]
    gateway = Gateway(gathered([("bench", built)]))
    app = service_app(gateway, HttpSettings(), access_of(profile(tmp_path), {}), Metrics())
    async with listening(app) as base, httpx2.AsyncClient() as http:
        for path in ("/metrics", "/readyz", "/anything", "/bench/mcp"):
            assert (await http.get(base + path)).status_code == 401
        assert (await http.get(base + "/healthz")).status_code == 200
        head = {"authorization": f"Bearer {token}"}
        ready = await http.get(base + "/readyz", headers=head)
        assert ready.status_code == 200
        assert ready.json()["servers"]["bench"]["tools"] == len(TOOLS)
        for path in ("/mcp", "/bench/mcp"):
            async with caller(base + path, token) as client:
                names = {tool.name for tool in (await client.list_tools()).tools}
                assert names - {"openmanager-status"} == {"who", "wait"}
                assert "needs the role operator" in text_of(await client.call_tool("put", {"text": "x"}))
        counted = await http.get(base + "/metrics", headers=head)
        assert 'outcome="not_allowed",server="bench",tool="put"' in counted.text


@pytest.mark.parametrize("whole", [True, False])
async def test_a_server_that_comes_later_is_behind_the_door_from_its_first_moment(tmp_path: Path, whole: bool) -> None:
    token = minted(tmp_path, "viewer")[1]
    members = gathered([("late", twice_failing())], quietly=True)
    access = access_of(profile(tmp_path), {})
    gateway = Gateway(members)
    if whole:
        app = service_app(gateway, HttpSettings(), access, Metrics())
    else:
        app = http_app(gateway, HttpSettings(), access)
    async with listening(app) as base, caller(f"{base}/mcp", token) as client:
        with anyio.fail_after(20):
            while "who" not in {tool.name for tool in (await client.list_tools(cache_mode="bypass")).tools}:  # noqa: ASYNC110
                await anyio.sleep(0.05)
        assert "put" not in {tool.name for tool in (await client.list_tools(cache_mode="bypass")).tools}
        assert "needs the role operator" in text_of(await client.call_tool("put", {"text": "x"}))


async def test_names_that_collide_are_hidden_by_what_is_behind_them(tmp_path: Path) -> None:
    token = minted(tmp_path, "viewer")[1]
    members = [Member("one", built), Member("two", built)]
    assert all(member.attempt() for member in members)
    app = http_app(Gateway(members), HttpSettings(), access_of(profile(tmp_path), {}))
    async with listening(app) as base, caller(f"{base}/mcp", token) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
    assert len(names) == 5 and not [name for name in names if "put" in name or "tune" in name]


async def test_without_access_nothing_is_put_between(tmp_path: Path) -> None:
    server = built()
    Access().protect(server)
    assert server.watchers == [] and server.may_see is None


def test_beyond_this_machine_own_tokens_or_an_issuer_count_and_hosts_are_still_wanted(tmp_path: Path) -> None:
    there = HttpSettings(host="0.0.0.0")
    oauth = {"issuer": "https://i.example", "audience": "https://a.example", "jwks_url": "https://i.example/keys"}
    for said in ({}, {"tokens": False, **oauth}):
        access = access_of(profile(tmp_path, **said), {})
        with pytest.raises(ConfigError, match=r"set http\.allowed_hosts"):
            http_app(built(), there, access)
        assert http_app(built(), HttpSettings(host="0.0.0.0", allowed_hosts=("ops",)), access)
    with pytest.raises(ConfigError, match=r"set http\.token_env, access\.tokens or access\.issuer"):
        http_app(built(), there, access_of(profile(tmp_path, tokens=False), {}))
