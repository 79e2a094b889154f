"""What is kept at most, how long, and what is said when a bound is reached."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from pydantic import ValidationError
from thoughts import call, refused, server_in, step, think

from openmanager_kit.profile import load_profile
from openmanager_kit.registry import settings_for
from openmanager_thinking.limits import Section
from openmanager_thinking.store import Store

pytestmark = pytest.mark.anyio

REACHED: dict[str, tuple[dict[str, Any], int, dict[str, Any], str]] = {
    "a long thought": ({"thought_chars": 10}, 1, {"thought": "12345678901"}, "at most 10 characters long, got 11"),
    "many thoughts": ({"chain_thoughts": 3}, 3, {}, "the chain has 3 thoughts, the most is 3"),
    "a heavy chain": ({"chain_bytes": 30}, 3, {"thought": "한글한글"}, "more than 30 bytes"),
    "many chains": ({"chains": 1}, 1, {"chainId": "new"}, "there is 1 chain, the most is 1"),
    "much in all": ({"total_bytes": 20}, 2, {"chainId": "new"}, "together would have more than 20 bytes"),
}


@pytest.mark.parametrize("what", REACHED)
async def test_a_limit_is_said_and_nothing_is_half_written(tmp_path: Path, what: str) -> None:
    limits, before, more, says = REACHED[what]
    async with Client(server_in(tmp_path, **limits)) as client:
        for number in range(before):
            chain = (await think(client, number + 1))["chainId"]
        said = await refused(client, "sequentialthinking", **(step(before + 1) | more))
        assert says in said
        assert "Try: " in said
        listed = (await call(client, "list_chains")).structured_content["chains"]
        assert [(row["chainId"], row["thoughts"]) for row in listed] == [(chain, before)]
        await call(client, "delete_chain", chainId=chain)
        await think(client, 1)


async def test_a_chain_that_rests_too_long_is_removed_at_the_next_start(tmp_path: Path) -> None:
    async with Client(server_in(tmp_path)) as client:
        old = (await think(client, 1, "old needle"))["chainId"]
        await think(client, 2, "a branch", branchFromThought=1, branchId="a")
    store = Store(tmp_path, Section())
    await store.write(lambda db: db.execute("UPDATE chains SET updated_s = ?", (time.time() - 91 * 86400,)).rowcount)
    await store.aclose()
    async with Client(server_in(tmp_path, expire_days=0)) as client:  # 0: nothing expires
        await think(client, 1)
        assert (await call(client, "list_chains")).structured_content["total"] == 2
    async with Client(server_in(tmp_path)) as client:
        await think(client, 1)
        await think(client, 2)
        chains = (await call(client, "list_chains")).structured_content["chains"]
        assert old not in {row["chainId"] for row in chains}
        assert len(chains) == 2
        assert not (await call(client, "search_thoughts", query="needle")).structured_content["hits"]


async def test_the_bounds_are_set_in_the_profile(tmp_path: Path) -> None:
    profile = tmp_path / "p.toml"
    profile.write_text('servers = ["sequential-thinking"]\n[sequential-thinking]\nchains = 7\n')
    section = settings_for(load_profile(str(profile), {}, {}), "sequential-thinking").section
    assert isinstance(section, Section)
    assert (section.chains, section.thought_chars) == (7, 100_000)
    with pytest.raises(ValidationError):
        Section(thought_chars=2_000_000)
