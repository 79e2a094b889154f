"""Claude Code, Codex and Gemini CLI from npm read the files that we write, and start what stands in them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import served
from conformance import node_tools

pytestmark = [pytest.mark.node, pytest.mark.timeout(700)]

MANIFEST = Path(__file__).parent / "clients" / "package.json"
SERVERS = ("openmanager-local", "filesystem", "git")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A user who never started a client, and a project that is trusted."""
    project = tmp_path / "project"
    project.mkdir()
    trusted = tmp_path / ".gemini" / "trustedFolders.json"
    trusted.parent.mkdir()
    trusted.write_text(json.dumps({str(project): "TRUST_FOLDER"}))
    (tmp_path / ".codex").mkdir()
    return tmp_path


def environment(home: Path) -> dict[str, str]:
    bin_folder = node_tools.folder(MANIFEST) / "node_modules" / ".bin"
    kept = {
        k: v for k, v in served.environment(home / "state").items() if not k.startswith(("CLAUDE", "CODEX", "GEMINI"))
    }
    return {**kept, "HOME": str(home), "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}", "FLEET_TOKEN": "t" * 32}


def ours(home: Path, *words: str) -> str:
    """Run our command in the project."""
    return said(home, *served.command(*words))


def said(home: Path, *words: str) -> str:
    done = subprocess.run(
        words, cwd=home / "project", capture_output=True, text=True, timeout=120, env=environment(home)
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout + done.stderr


CLIENTS = (("claude-code", "claude"), ("codex", "codex"), ("gemini", "gemini"))


@pytest.mark.parametrize(("client", "program"), CLIENTS)
def test_a_client_lists_what_was_installed_and_no_more_after_uninstalling(
    client: str, program: str, home: Path
) -> None:
    foreign = '[mcp_servers.other]\ncommand = "/bin/true"\n' if client == "codex" else None
    if foreign:
        (home / ".codex/config.toml").write_text(foreign)
    ours(home, "install", client, "--config", "development", "--root", str(home / "project"))
    listed = said(home, program, "mcp", "list")
    for name in SERVERS:
        [line] = [line for line in listed.splitlines() if f"serve {name} " in line]
        assert ("enabled" if client == "codex" else "Connected") in line
    ours(home, "uninstall", client)
    assert "openmanager" not in said(home, program, "mcp", "list")
    if foreign:
        assert (home / ".codex/config.toml").read_text() == foreign


@pytest.mark.parametrize(("client", "program"), CLIENTS)
def test_a_project_has_servers_of_its_own(client: str, program: str, home: Path) -> None:
    if client == "codex":
        project = json.dumps(str(home / "project"))
        (home / ".codex/config.toml").write_text(f'[projects.{project}]\ntrust_level = "trusted"\n')
    ours(home, "install", client, "--config", "minimal", "--scope", "project")
    [line] = [line for line in said(home, program, "mcp", "list").splitlines() if "serve openmanager-local" in line]
    assert {"claude-code": "Pending approval", "codex": "enabled", "gemini": "Connected"}[client] in line


@pytest.mark.parametrize(("client", "program"), CLIENTS)
def test_an_address_is_reached_with_the_token_of_a_variable(
    client: str, program: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_TOKEN", "t" * 32)
    with served.over_http(home / "server", "--config", "minimal", "--http-token-env", "FLEET_TOKEN") as url:
        ours(home, "install", client, "--http", url, "--token-env", "FLEET_TOKEN")
        [line] = [line for line in said(home, program, "mcp", "list").splitlines() if url in line]
    assert ("Bearer token" if client == "codex" else "Connected") in line
    assert not any(
        "t" * 32 in path.read_text()
        for path in home.rglob("*")
        if path.name in ("config.toml", "settings.json", ".claude.json")
    )
