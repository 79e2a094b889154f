"""A server over real repositories, and one call of a tool."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from git_made import Home
from git_repos import GitRepo
from mcp.client import Client

from openmanager_git.desk import Desk
from openmanager_git.reading_tools import READING_TOOLS
from openmanager_kit.confined.roots import Roots
from openmanager_kit.server import OpenManagerServer

Call = Callable[..., Awaitable[Any]]


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepo:
    """An empty repository; its home is ours too while the test lasts."""
    made = GitRepo.make(tmp_path)
    monkeypatch.setenv("HOME", str(made.home))
    return made


@pytest.fixture
def call(repo: GitRepo) -> Call:
    """Call a reading tool on the repository (or another `repo_path` beside it)."""

    async def calling(name: str, **arguments: Any) -> Any:
        server = OpenManagerServer(
            "git",
            title="git",
            instructions="reads",
            tools=READING_TOOLS,
            state=Desk(Roots.parse([str(repo.path.parent)])),
            outlines=False,
        )
        async with Client(server) as client:
            return await client.call_tool(name, {"repo_path": "repo", **arguments})

    return calling


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A user with nothing but a name."""
    folder = tmp_path / "user"
    folder.mkdir()
    return Home(folder, monkeypatch)
