"""Whatever an address, a path or a name looks like, it is taken literally, refused in words, and leads nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from git_made import Home, calling
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openmanager_core.errors import FleetError
from openmanager_git.commit_tools import pathspecs
from openmanager_git.complaints import complaint, inside, masked
from openmanager_git.configured import Settings
from openmanager_git.desk import Desk
from openmanager_git.places import address_of, served_by
from openmanager_git.repository import find
from openmanager_git.work import Work
from openmanager_kit.child import Finished
from openmanager_kit.confined.roots import Roots

HEADS = ["ext::", "fd::", "file://", "https://", "ssh://", "http://", "git@", "-oProxyCommand=x", "localhost", "[::1]"]
PARTS = [
    "host",
    ":",
    "/",
    "..",
    "a",
    "@",
    "sh -c x",
    "::",
    "~",
    "\\n",
    "\n",
    "\0",
    " ",
    "%2e%2e",
    "?",
    "#",
    "e\u0301",
    "*",
]
PIECES = st.lists(st.sampled_from(HEADS + PARTS), max_size=8).map("".join)
ONCE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)


@pytest.fixture
def desk(home: Home) -> Desk:
    home.repo()
    return Desk(Roots.parse([str(home.root)]))


@given(text=PIECES | st.text(max_size=30))
@ONCE
def test_an_address_is_https_ssh_or_inside_the_roots_or_refused(desk: Desk, text: str) -> None:
    try:
        found = address_of(desk, text, "url", new=True)
    except FleetError:
        return
    begin = text.partition("/")[0]
    assert "::" not in begin or "[" in begin
    assert found.transport in ("https", "ssh", "file") and not text.startswith("-")
    if found.transport == "file":
        assert found.place is not None and found.place.git_dir.startswith(desk.roots.roots[0].real)


@given(text=PIECES | st.text(max_size=30))
@ONCE
def test_a_path_to_stage_stays_in_the_work_tree(desk: Desk, text: str) -> None:
    place = find(desk, "repo")
    work = Work(desk, place, Settings(()), tame=True, skip=False)
    try:
        (spec,) = pathspecs(work, [text])
    except FleetError:
        return
    relative = spec.removeprefix(":(top,literal)").removeprefix(":/")
    assert not relative.startswith("/") and ".." not in relative.split("/")
    assert ".git" not in (part.lower() for part in relative.split("/"))


@given(said=PIECES | st.text(max_size=200))
def test_what_git_says_comes_out_as_one_line_without_secrets(said: str) -> None:
    roots = Roots.parse(["/"])
    text = str(complaint("x", Finished(1, b"", f"https://user:hunter2@host/{said}".encode("utf-8", "replace")), roots))
    assert "hunter2" not in text and "\n" not in text


def test_paths_outside_of_the_roots_are_not_told(tmp_path: Path) -> None:
    roots = Roots.parse([str(tmp_path)])
    said = (
        f"gpg: keyblock resource '/home/me/.gnupg/pubring.kbx': no; {tmp_path}/a/b stays; https://h.example/x/y stays"
    )
    text = inside(said, roots)
    assert "/home/me" not in text and ".../pubring.kbx" in text
    assert f"{tmp_path}/a/b stays" in text and "https://h.example/x/y stays" in text


def test_an_address_shows_who_but_not_the_secret() -> None:
    assert masked("ssh://git@h.example/x") == "ssh://git@h.example/x"
    assert masked("ssh://git:pw@h.example/x") == "ssh://git:***@h.example/x"
    assert masked("https://token@h.example/x") == "https://***@h.example/x"


@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=40))
@settings(max_examples=20)
def test_settings_for_the_other_side_survive_its_shell(value: str) -> None:
    import subprocess

    line = served_by("config --get a.b", [("a.b", value)])
    done = subprocess.run(["sh", "-c", line], capture_output=True, cwd="/", env={"PATH": os.environ["PATH"]})
    assert done.stdout == value.encode() + b"\n"


@pytest.mark.anyio
async def test_a_message_may_hold_anything_but_nul(home: Home) -> None:
    repo = home.repo()
    async with calling(home.root) as call:
        message = "한글 \u202e \x1b[31m\n\n-----\n# not a comment\n" + "x" * 50_000
        await call.ok("git_commit", repo_path=str(repo), message=message, allow_empty=True)
        assert "NUL" in await call.no("git_commit", repo_path=str(repo), message="a\0b", allow_empty=True)
        assert "invalid_request" in await call.no("git_commit", repo_path=str(repo), message=" \n", allow_empty=True)
    assert home.git(repo, "log", "-1", "--format=%B") == message.strip()
