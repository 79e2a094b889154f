"""An add leaves the same project as ``shadcn add`` does: the same files, the same source, the same rules in the CSS."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import anyio
import pytest
from conformance import node_tools
from mcp.client import Client
from shadcn_projects import next_app, server, snapshot, vite, with_items, workspace

from openmanager_shadcn.adding.css_tree import Node, parse

pytestmark = [pytest.mark.node, pytest.mark.timeout(900)]


def theirs(folder: Path, names: Iterable[str], tools: Path) -> list[str]:
    """Run ``shadcn add``; gives the commands by which it would have installed packages."""
    tools.mkdir(exist_ok=True)
    log = tools / "log"
    for manager in ("npm", "pnpm"):
        script = tools / manager
        script.write_text(f'#!/bin/sh\nprintf "%s\\n" "{manager} $*" >> {shlex.quote(str(log))}\n')
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    for name in names:
        done = subprocess.run(
            [*node_tools.command("shadcn", "dist/index.js"), "add", name, "--yes", "--overwrite"],
            cwd=folder,
            env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return log.read_text().splitlines() if log.exists() else []


def ours(folder: Path, home: Path, names: Iterable[str], project: str, overwrite: Iterable[str]) -> list[str]:
    """Add with our tool; gives the commands that it names."""
    commands: list[str] = []

    async def run() -> None:
        async with Client(server(folder, home)) as client:
            for name in names:
                arguments = {
                    "items": [name],
                    "allow": ["env"],
                    "project": project,
                    "overwrite": list(overwrite),
                }
                result = await client.call_tool("add_components", arguments)
                assert not result.is_error, result.content
                assert result.structured_content is not None
                commands.extend(result.structured_content["commands"])

    anyio.run(run)
    return commands


def rules(css: str) -> list[tuple[str, ...]]:
    """What a stylesheet says, without its layout and the order of declarations in one block."""
    found: list[tuple[str, ...]] = []

    def walk(node: Node, way: tuple[str, ...]) -> None:
        here: list[tuple[str, ...]] = []
        for child in node.children:
            if child.kind == "comment":
                continue
            if child.closed:
                walk(child, (*way, " ".join(child.text.split())))
            else:
                here.append((*way, child.name, child.value))
        found.extend(sorted(here))

    walk(parse(css), ())
    return sorted(found)


def compared(
    tmp_path: Path,
    make: Callable[[Path], Path],
    names: tuple[str, ...],
    app: str = ".",
    overwrite: tuple[str, ...] = (),
) -> tuple[dict[str, bytes], dict[str, bytes], list[str], list[str]]:
    one = make(tmp_path / "theirs")
    with_items(one / app)
    shutil.copytree(one, tmp_path / "ours")
    their_commands = theirs(one / app, names, tmp_path / "tools")
    our_commands = ours(tmp_path / "ours", tmp_path / "home", names, app, overwrite)
    return snapshot(one), snapshot(tmp_path / "ours"), their_commands, our_commands


def same(left: dict[str, bytes], right: dict[str, bytes]) -> None:
    """Compare two projects: sources byte for byte, stylesheets by what they say."""
    assert sorted(left) == sorted(right)
    for name, data in left.items():
        if name.endswith(".css"):
            assert rules(data.decode()) == rules(right[name].decode()), name
        else:
            assert data.decode() == right[name].decode(), name


@pytest.mark.parametrize("make", [next_app, vite])
def test_a_block_with_what_it_needs_lands_in_the_same_files_with_the_same_source(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    left, right, their_commands, our_commands = compared(tmp_path, make, ("./reg/login.json", "./reg/icon.json"))
    same(left, right)
    plain = [command.replace(" --no-audit --no-fund", "") for command in their_commands]
    assert [" ".join(shlex.split(command)) for command in our_commands] == plain


def test_a_theme_says_the_same_in_a_tailwind_4_stylesheet(tmp_path: Path) -> None:
    same(*compared(tmp_path, next_app, ("./reg/theme.json", "./reg/vars.json"))[:2])


def test_variables_say_the_same_in_a_tailwind_3_stylesheet_once_overwriting_is_allowed(tmp_path: Path) -> None:
    """Theirs also changes tailwind.config.js, which is a program: ours says what is to be merged there."""
    left, right, _, _ = compared(tmp_path, vite, ("./reg/vars.json",), overwrite=("*",))
    assert left.pop("tailwind.config.js") != right.pop("tailwind.config.js")
    same(left, right)


def test_a_component_in_a_workspace_goes_into_the_same_packages(tmp_path: Path) -> None:
    left, right, their_commands, our_commands = compared(
        tmp_path, workspace, ("./reg/login.json", "./reg/theme.json"), "apps/web"
    )
    same(left, right)
    assert our_commands[0] == "cd -- ../../packages/ui"
    assert [" ".join(shlex.split(command)) for command in our_commands[1:]] == their_commands
