"""Bad weather: calls that are slow, endless or given up, and what they do to the others; and what the list promises."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from files_served import call, client, refusal, texts
from mcp.client import Client
from served import environment

from openmanager_filesystem.file_tools import FILE_TOOLS

pytestmark = pytest.mark.anyio

_PEER_HINTS = {
    "read_text_file": (True, None, None),
    "read_media_file": (True, None, None),
    "read_multiple_files": (True, None, None),
    "write_file": (False, True, True),
    "edit_file": (False, True, False),
    "create_directory": (False, False, True),
    "move_file": (False, True, False),
    "get_file_info": (True, None, None),
    "list_allowed_directories": (True, None, None),
}


async def test_the_tools_are_listed_flat_with_the_peers_hints(tmp_path: Path) -> None:
    async with client(tmp_path) as connected:
        listed = {tool.name: tool for tool in (await connected.list_tools()).tools}
    assert {tool.name for tool in FILE_TOOLS} <= set(listed)
    for name, hints in _PEER_HINTS.items():
        said = listed[name].annotations
        assert said is not None
        assert (said.read_only_hint, said.destructive_hint, said.idempotent_hint) == hints, name
        assert said.open_world_hint is False
    edits = listed["edit_file"].input_schema["properties"]["edits"]
    assert edits["items"]["properties"].keys() == {"oldText", "newText", "occurrence", "replaceAll"}
    for word in ("$ref", "$defs", "anyOf", "additionalProperties"):
        assert word not in str([listed[tool.name].input_schema for tool in FILE_TOOLS])


async def test_a_read_only_server_lists_no_writer(tmp_path: Path) -> None:
    from openmanager_filesystem.server import build
    from openmanager_kit.registry import ServerSettings

    server = build(ServerSettings(name="filesystem", roots=(str(tmp_path),), read_only=True))
    async with Client(server) as connected:
        names = {tool.name for tool in (await connected.list_tools()).tools}
    assert "read_text_file" in names
    assert not names & {tool.name for tool in FILE_TOOLS if not tool.read_only}


async def test_many_fifos_do_not_hold_up_a_read(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("here")
    for number in range(40):
        os.mkfifo(tmp_path / f"p{number}")
    async with client(tmp_path) as connected, anyio.create_task_group() as group:

        async def poke(number: int) -> None:
            refusal(await connected.call_tool("read_text_file", {"path": f"p{number}"}))  # type: ignore[arg-type]

        for number in range(40):
            group.start_soon(poke, number)
        with anyio.fail_after(20):
            assert texts(await connected.call_tool("read_text_file", {"path": "f"}))[0] == "here"  # type: ignore[arg-type]


async def test_a_cancelled_read_of_a_huge_file_stops_and_leaves_no_descriptor(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.write(b"text\n" * 20_000)
        file.truncate(200 * 1024**3)
    async with client(tmp_path) as connected:
        await connected.call_tool("get_file_info", {"path": "huge"})
        with anyio.move_on_after(0.2) as scope:
            await connected.call_tool("read_text_file", {"path": "huge", "offset": 50_000})
        assert scope.cancelled_caught
        with anyio.fail_after(5):
            while any("huge" in target for target in _opened()):  # noqa: ASYNC110 - another thread closes it
                await anyio.sleep(0.01)


def _opened() -> list[str]:
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(entry.readlink()))
        except OSError:
            continue
    return found


async def test_a_regular_expression_or_markup_in_a_file_is_only_text(tmp_path: Path) -> None:
    content = "```\n</file>\x1b[31m\u202e[version 0]\n"
    (tmp_path / "f").write_text(content)
    got = texts(await call(tmp_path, "read_text_file", path="f"))
    assert got[0] == content and len(got) == 2


async def test_an_edit_that_finds_nothing_in_a_large_file_answers_soon(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("".join(f"return value_{number} + return value\n" for number in range(30_000)))
    edits = [{"oldText": "return valeu_7" * 30, "newText": "x"}]
    with anyio.fail_after(10):
        assert refusal(await call(tmp_path, "edit_file", path="f", edits=edits)).startswith("not_found")


_AS_NOBODY = """
import os, sys
import anyio
from files_served import call
async def calls(root):
    for tool, arguments in (
        ("read_text_file", {"path": "secret"}),
        ("write_file", {"path": "protected", "content": "x"}),
        ("write_file", {"path": "closed/f", "content": "x"}),
        ("create_directory", {"path": "closed/d"}),
        ("delete_path", {"path": "closed/f"}),
        ("write_file", {"path": "theirs", "content": "x"}),
    ):
        result = await call(root, tool, **arguments)
        yield result.content[0].text.splitlines()
async def main():
    async for _ in calls(sys.argv[2]):  # whatever is still to be imported may lie where nobody may look
        pass
    os.setgroups([]); os.setgid(int(sys.argv[4])); os.setuid(int(sys.argv[3]))
    async for said in calls(sys.argv[1]):
        print(said)
anyio.run(main)
"""


def test_the_permissions_of_the_file_system_hold(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    nobody = pwd.getpwnam("nobody")
    root = Path("/tmp") / f"openmanager-test-{os.getpid()}"
    root.mkdir(mode=0o755)
    try:
        os.chown(root, nobody.pw_uid, nobody.pw_gid)
        for name, mode in (("secret", 0o600), ("protected", 0o444), ("theirs", 0o666)):
            (root / name).write_text("old")
            (root / name).chmod(mode)
        (root / "closed").mkdir(mode=0o755)
        (root / "closed" / "f").write_text("old")
        (tmp_path / "warm" / "closed").mkdir(parents=True)
        words = [sys.executable, "-c", _AS_NOBODY, str(root), str(tmp_path / "warm")]
        words += [str(nobody.pw_uid), str(nobody.pw_gid)]
        done = subprocess.run(words, capture_output=True, text=True, env=environment(tmp_path), cwd="/", timeout=40)
        lines = done.stdout.splitlines()
        assert len(lines) == 6, done.stderr[-2000:]
        assert "permission denied" in lines[0] and "write-protected" in lines[1]
        for line in lines[2:5]:
            assert "not_allowed" in line
        assert "its owner could not be kept" in lines[5]
        assert [(root / name).read_text() for name in ("secret", "protected", "theirs")] == ["old", "old", "x"]
    finally:
        subprocess.run(["rm", "-rf", str(root)], check=True)
