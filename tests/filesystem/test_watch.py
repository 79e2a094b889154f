"""Watching: whoever subscribed hears of changes, in both eras, and nobody else costs anything."""

from __future__ import annotations

import warnings
from pathlib import Path

import anyio
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import ResourceUpdated
from served import command, environment

from openmanager_filesystem.desk import Desk
from openmanager_filesystem.watching import watch
from openmanager_kit.confined.roots import Roots
from openmanager_kit.following import MOST_FOLLOWED
from openmanager_kit.server import OpenManagerServer


def over_stdio(root: Path, home: Path) -> StdioServerParameters:
    started = command("serve", "filesystem", "--root", str(root))
    return StdioServerParameters(command=started[0], args=started[1:], env=environment(home))


@pytest.mark.anyio
async def test_a_listener_hears_of_a_file_and_of_its_directory_over_stdio(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    file = root / "a b.txt"
    file.write_text("old")
    async with Client(over_stdio(root, tmp_path / "home")) as client:
        assert (await client.read_resource(file.as_uri())).contents[0].text == "old"  # type: ignore[union-attr]
        with anyio.fail_after(20):
            async with client.listen(resource_subscriptions=[file.as_uri(), root.as_uri()]) as events:
                file.write_text("newer")
                heard = {(await anext(events)).uri, (await anext(events)).uri}  # type: ignore[union-attr]
        assert heard == {file.as_uri(), root.as_uri()}
        assert (await client.read_resource(file.as_uri())).contents[0].text == "newer"  # type: ignore[union-attr]


@pytest.mark.anyio
async def test_a_legacy_subscriber_hears_of_changes_over_stdio(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    heard: list[str] = []
    told = anyio.Event()

    async def hear(message: object) -> None:
        if getattr(message, "method", "") == "notifications/resources/updated":
            heard.append(message.params.uri)  # type: ignore[attr-defined]
            told.set()

    uri = (root / "later.txt").as_uri()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the client calls its own legacy methods deprecated
        async with Client(over_stdio(root, tmp_path / "home"), mode="legacy", message_handler=hear) as client:
            await client.session.subscribe_resource(uri)
            (root / "later.txt").write_text("now it is there")
            with anyio.fail_after(20):
                await told.wait()
            await client.session.unsubscribe_resource(uri)
            with pytest.raises(MCPError, match="outside the allowed"):
                await client.session.subscribe_resource("file:///etc/passwd")
    assert heard == [uri]


def small(root: Path) -> tuple[OpenManagerServer, object]:
    desk = Desk(Roots.parse([str(root)]))
    server = OpenManagerServer("filesystem", state=desk)
    return server, watch(server, desk, every_s=0.01)


@pytest.mark.anyio
async def test_nothing_is_looked_at_while_nobody_listens(tmp_path: Path) -> None:
    server, watcher = small(tmp_path)
    assert watcher.idle  # type: ignore[attr-defined]
    async with Client(server) as client:
        with anyio.fail_after(10):
            async with client.listen(resource_subscriptions=[tmp_path.as_uri()]) as events:
                assert not watcher.idle  # type: ignore[attr-defined]
                (tmp_path / "new").mkdir()
                assert await anext(events) == ResourceUpdated(uri=tmp_path.as_uri())
            while not watcher.idle:  # type: ignore[attr-defined]  # noqa: ASYNC110 - nothing tells
                await anyio.sleep(0.01)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("uris", "says"),
    [
        (["file:///etc/passwd"], "outside the allowed"),
        (["https://example.org/x"], "must be a file address"),
        (["file://elsewhere/x"], "must be a file address"),
        ([f"file:///{i}" for i in range(MOST_FOLLOWED + 1)], "at most 200"),
    ],
)
async def test_a_place_that_may_not_be_watched_is_refused(tmp_path: Path, uris: list[str], says: str) -> None:
    server, watcher = small(tmp_path)
    async with Client(server) as client:
        with pytest.raises(MCPError, match=says):
            async with client.listen(resource_subscriptions=uris):
                pass
    assert watcher.idle  # type: ignore[attr-defined]


@pytest.mark.anyio
async def test_a_directory_reads_as_its_entries_and_other_things_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bin").write_bytes(b"\0\1")
    (tmp_path / "large").write_bytes(b"x" * 1_000_001)
    (tmp_path / "link").symlink_to("/etc/passwd")
    server, _ = small(tmp_path)
    async with Client(server) as client:
        listed = await client.read_resource(tmp_path.as_uri())
        assert listed.contents[0].text == "[FILE] bin\n[FILE] large\n[LINK] link"  # type: ignore[union-attr]
        for name, says in (("bin", "no UTF-8"), ("large", "1000001 bytes"), ("link", "out of the allowed")):
            with pytest.raises(MCPError, match=says):
                await client.read_resource((tmp_path / name).as_uri())
