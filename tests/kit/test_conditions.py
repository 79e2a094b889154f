"""What each server says of what it stands on: roots that may go away, a file that may break."""

from __future__ import annotations

import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import thoughts

from openmanager_kit.hosting.members import Member, gathered
from openmanager_kit.hosting.readiness import condition_of
from openmanager_kit.registry import SERVERS, ServerSettings

pytestmark = pytest.mark.anyio


def member(name: str, home: Path, *roots: Path) -> Member:
    """One server of the registry, built."""
    settings = ServerSettings(name, home=home, roots=tuple(str(root) for root in roots))
    return gathered([(name, lambda: import_module(SERVERS[name]).build(settings))])[0]


async def told(one: Member) -> tuple[bool, str]:
    found: dict[str, Any] = await condition_of(one)
    assert found["tools"] > 0
    return found["ready"], found["detail"]


@pytest.mark.parametrize("name", ["filesystem", "git", "shadcn-ui"])
async def test_a_server_whose_roots_are_all_gone_is_not_ready_and_names_no_path(name: str, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    one = member(name, tmp_path / "home", first, second)
    more = "; registry ui.shadcn.com" if name == "shadcn-ui" else ""
    assert await told(one) == (True, f"2 roots{more}")
    shutil.rmtree(first)
    assert await told(one) == (True, f"2 roots, 1 of them cannot be read{more}")
    shutil.rmtree(second)
    second.write_text("now a file")
    assert await told(one) == (False, f"2 roots, 2 of them cannot be read{more}")
    second.unlink()
    second.mkdir()
    assert await told(one) == (True, f"2 roots, 1 of them cannot be read{more}")


async def test_thinking_is_ready_before_the_first_chain_and_not_over_a_damaged_file(tmp_path: Path) -> None:
    server = thoughts.server_in(tmp_path)
    one = Member("sequential-thinking", lambda: server, server=server)
    assert await told(one) == (True, "0 chains")
    assert not (tmp_path / "thinking.db").exists()
    async with thoughts.Client(server) as client:
        await thoughts.think(client, 1)
        assert await told(one) == (True, "1 chain")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "thinking.db").write_bytes(b"no database " * 1000)
    broken = thoughts.server_in(tmp_path / "broken")
    ready, detail = await told(Member("sequential-thinking", lambda: broken, server=broken))
    assert not ready and "thinking.db" in detail and str(tmp_path) not in detail
