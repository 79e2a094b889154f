"""What a repository names between the look and the run: hooks and all single settings cannot run even then."""

from __future__ import annotations

import pytest
from git_made import Home

from openmanager_git.desk import Desk
from openmanager_git.trust import Use
from openmanager_git.work import changing
from openmanager_kit.confined.roots import Roots

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "key",
    [
        "core.fsmonitor",
        "core.hooksPath",
        "core.alternateRefsCommand",
        "gpg.program",
        "core.editor",
        "filter.known.clean",
    ],
)
async def test_a_program_that_appears_after_the_look_does_not_run(home: Home, key: str) -> None:
    repo = home.repo(files={".gitattributes": "*.dat filter=known\n"})
    home.git(repo, "config", "filter.known.clean", "cat")
    (repo / "a.dat").write_text("a")
    script = home.root / "evil"
    script.mkdir()
    for name in ("pre-commit", "program"):
        (script / name).write_text(f"#!/bin/sh\n{home.marker('m')}\nexit 1\n")
        (script / name).chmod(0o755)
    async with changing(Desk(Roots.parse([str(home.root)])), str(repo)) as work:
        await work.allow(Use("git_commit", hooks=("pre-commit",), signs=("commit.gpgsign",)))
        home.hook(repo, "pre-commit", home.marker("m"))
        home.hook(repo, "reference-transaction", home.marker("m"))
        (repo / ".git/config").write_text(
            (repo / ".git/config").read_text()
            + f"[{key.rpartition('.')[0].replace('.', chr(32) + chr(34), 1)}{chr(34) if key.count('.') > 1 else ''}]\n"
            f"\t{key.rpartition('.')[2]} = {script if 'hooks' in key else script / 'program'}\n"
        )
        await work.run("add", "-A")
        await work.run("commit", "-q", "--allow-empty", "-m", "x")
        await work.run("checkout", "-q", "-b", "other")
    assert not home.marked("m")
    assert home.git(repo, "-c", "core.fsmonitor=false", "log", "-1", "--format=%s") == "x"


async def test_a_trusted_repository_hears_of_everything(home: Home) -> None:
    repo = home.repo()
    home.hook(repo, "pre-commit", home.marker("m"))
    desk = Desk(Roots.parse([str(home.root)]), (tuple(str(home.root).strip("/").split("/")),))
    async with changing(desk, str(repo)) as work:
        assert not work.tame
        await work.git("x", "commit", "-q", "--allow-empty", "-m", "x")
    assert home.marked("m")
