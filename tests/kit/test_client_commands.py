"""install, uninstall and restore as a user types them, and what `doctor` is told of clients' files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import served
from client_homes import launches, machine

from openmanager_kit.cli.main import main
from openmanager_kit.clients import starting
from openmanager_kit.clients.changing import install
from openmanager_kit.clients.checks import ClientFinding, check_clients
from openmanager_kit.clients.entries import ANY_ROOT, LONGEST_NAME, entries_of, http_entry
from openmanager_kit.clients.formats import CLIENTS
from openmanager_kit.clients.places import INSTALLABLE, Machine, place
from openmanager_kit.profile import load_profile
from openmanager_kit.registry import MAY_HAVE_ROOTS, SERVERS, WITH_ROOTS, tools_of


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with nothing, in a project with nothing."""
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_CONFIG_HOME", "UV", "UV_CACHE_DIR", "OPENMANAGER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OPENMANAGER_HOME", str(tmp_path / "state"))
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "platform", "linux")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(words)
    return (code, *capsys.readouterr())


DEVELOPMENT = load_profile("development", {}, {}).servers


def entries(file: Path) -> dict[str, dict[str, Any]]:
    found = json.loads(file.read_text())["mcpServers"]
    assert isinstance(found, dict)
    return found


def test_a_profile_is_installed_shown_again_and_uninstalled(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = home / ".cursor/mcp.json"
    file.parent.mkdir()
    file.write_text("{}\n")
    words = ("install", "cursor", "--config", "development", "--root", "..")
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "Restart Cursor if it is running.\n")
    assert out.startswith(f"Cursor: added {', '.join(DEVELOPMENT)} in {file}\nWhat it was before is in {file}.")
    found = entries(file)
    assert tuple(found) == DEVELOPMENT
    for name, entry in found.items():
        assert Path(str(entry["command"])).is_absolute()
        started = entry["args"]
        assert started[started.index("serve") + 1 :][:3] == [name, "--config", "development"]
        assert ("--root" in started) == (name in (*WITH_ROOTS, *MAY_HAVE_ROOTS))
    assert all(Path(str(word)).is_absolute() for e in found.values() for word in e["args"] if "project" in str(word))
    assert run(capsys, *words) == (0, f"Cursor: already so, nothing was written ({file})\n", "")
    assert run(capsys, "uninstall", "cursor")[:2] == (0, CHANGED.format("removed", file, *_copy(file)))
    assert file.read_text() == "{}\n"
    assert run(capsys, "uninstall", "cursor") == (0, f"Cursor: nothing of ours is there ({file})\n", "")
    code, out, err = run(capsys, "restore", "cursor")
    assert (code, list(entries(file))) == (0, list(found))
    assert '+    "git": {\n' in out
    assert "is again as in" in err


CHANGED = (
    f"Cursor: {{}} {', '.join(DEVELOPMENT)} in {{}}\nWhat it was before is in {{}}; "
    "openmanager restore cursor undoes it.\n"
)


def _copy(file: Path) -> list[str]:
    return [str(max(file.parent.glob("*.bak")))]


def test_the_gateway_is_one_entry(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = home / "own.toml"
    profile.write_text('servers = ["git"]\nroots = ["."]\n[http]\nenabled = true\n')
    words = ("install", "claude-code", "--config", "../own.toml", "--gateway", "--name", "bench", "--scope", "project")
    code, _, err = run(capsys, *words)
    assert code == 0
    assert "client-config prints" in err
    assert "asks at its next start" in err
    entry = entries(home / "project/.mcp.json")["bench"]
    assert entry["args"][-4:] == ["serve", "--config", str(home / "project/../own.toml"), "--stdio"]
    code, _, err = run(capsys, "install", "claude-desktop", "--config", "development", "--gateway")
    assert f"{ANY_ROOT} stands where your directory belongs: run it again with --root DIR." in err
    entry = entries(home / ".config/Claude/claude_desktop_config.json")["openmanager"]
    assert entry["args"][-5:] == ["serve", "--config", "development", "--root", ANY_ROOT]


def test_no_secret_reaches_a_file(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "hunter2hunter2hunter2")
    monkeypatch.setenv("OPENMANAGER_TOKEN", "hunter2hunter2hunter2")
    profile = home / "own.toml"
    profile.write_text('servers = ["openmanager-local"]\n[source]\nkind = "prometheus"\ntoken_env = "MY_TOKEN"\n')
    for client in INSTALLABLE:
        for words in (
            ("--config", str(profile)),
            ("--config", str(profile), "--gateway"),
            ("--config", "ai-production"),
        ):
            assert run(capsys, "install", client, *words)[0] == 0
        run(capsys, "install", client, "--http", "https://x.example/mcp", "--token-env", "MY_TOKEN")
    texts = [path.read_text() for path in home.rglob("*") if path.is_file()]
    assert len(texts) > 9
    assert not any("hunter2" in text for text in texts)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("codex", "--name", "x"), "--name: goes with --gateway or --http"),
        (("codex", "--gateway", "--name", "with_underscore"), "--name: must be 1 to 20 lower-case letters"),
        (("codex", "--gateway", "--name", "x" * 21), "--name: must be 1 to 20"),
        (("codex", "--token-env", "T"), "--token-env: goes with --http URL"),
        (("codex", "--http", "https://x/mcp", "--token-env", "sk-abc.def"), "never the token itself"),
        (("codex", "--http", "ftp://x"), "--http: must be an address like"),
        (("codex", "--http", "https://me:pw@x/mcp"), "--http: the address holds a user or password"),
        (("codex", "--http", "https://x/mcp", "--config", "minimal"), "--config: says how to start a server"),
        (("codex", "--http", "https://x/mcp", "--root", "/x"), "--root and --trust: says how"),
        (("codex", "--command", "openmanager"), "--command: must be an absolute path"),
        (("codex", "--command", "/no/such/program"), "--command: must be a program that is there"),
        (("windsurf", "--scope", "project"), "--scope project: windsurf has no file per project"),
        (("claude-desktop", "--http", "https://x/mcp"), "Settings > Connectors"),
        (("lmstudio", "--http", "https://x/mcp", "--token-env", "T"), "a token must not stand in it"),
        (("codex", "--config", "nowhere"), "there is no profile 'nowhere'"),
    ],
)
@pytest.mark.usefixtures("home")
def test_what_cannot_be_is_a_usage_error(
    words: tuple[str, ...], said: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "install", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert "sk-abc" not in err
    assert "pw" not in err
    assert sorted(path.name for path in home.iterdir()) == ["project"]


def test_a_dry_run_is_a_diff(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "install", "codex", "--config", "minimal", "--dry-run")
    assert (code, out.splitlines()[2]) == (0, "@@ -0,0 +1,5 @@")
    assert "+[mcp_servers.openmanager-local]\n" in out
    assert "nothing was written; without --dry-run: added openmanager-local" in err
    assert not (home / ".codex").exists()


def test_a_changed_file_is_restored_by_force_only(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "install", "codex", "--config", "minimal")
    run(capsys, "install", "codex", "--config", "development")
    file = home / ".codex/config.toml"
    file.write_text('model = "x"\n' + file.read_text())
    code, out, err = run(capsys, "restore", "codex")
    assert (code, '-model = "x"\n' in out) == (1, True)
    assert "more than our entries changed since" in err
    assert run(capsys, "restore", "codex", "--force")[0] == 0
    assert set(tomllib.loads(file.read_text())) == {"mcp_servers"}


def test_what_runs_from_a_cache_is_started_by_uvx(tmp_path: Path) -> None:
    program = str(tmp_path / "uv/archive-v0/x1/bin/openmanager")
    uvx = tmp_path / "bin" / "uvx"
    uvx.parent.mkdir()
    uvx.touch(0o755)
    for environ in ({"PATH": str(uvx.parent)}, {"UV": str(uvx.with_name("uv")), "PATH": ""}):
        found = starting.lasting_command((program,), environ)
        assert found.words == (str(uvx), "--from", "openmanager-mcp", "openmanager")
        assert "a cache that may be emptied" in found.remark
    without = starting.lasting_command((program,), {"PATH": ""})
    assert (without.words, "uv tool install" in without.remark) == ((program,), True)
    assert starting.is_ephemeral("/c/x/bin/openmanager", {"UV_CACHE_DIR": "/c"})
    assert starting.lasting_command(("/home/me/.local/bin/openmanager",), {}).remark == ""


def test_names_leave_room_for_every_tool() -> None:
    """Cursor leaves tools out whose name, with the server's, has more than 60 characters."""
    for name in SERVERS:
        assert len(name) <= LONGEST_NAME
        assert "_" not in name
        assert max(len(tool.name) for tool in tools_of(name)) + LONGEST_NAME <= 60


def find(computer: Machine, client: str, scope: str = "user") -> ClientFinding:
    return next(f for f in check_clients(computer) if (f.client, f.scope) == (client, scope))


def test_doctor_is_told_of_every_client_without_side_effects(tmp_path: Path) -> None:
    computer = machine(tmp_path)
    findings = check_clients(computer)
    assert {f.client for f in findings} == set(INSTALLABLE)
    assert {(f.state, f.present, f.servers) for f in findings} == {("absent", False, 0)}
    (computer.home / ".cursor").mkdir()
    (computer.home / ".cursor/mcp.json").write_text("{ broken")
    found = find(computer, "cursor")
    assert (found.state, found.present) == ("unreadable", True)
    assert "line 1, column 3" in found.problem
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["mcp.json"]


def test_doctor_is_told_what_would_not_start(tmp_path: Path) -> None:
    computer = machine(tmp_path, PATH="")
    file = place("cursor", "user", computer)
    file.parent.mkdir()
    file.write_text('{"mcpServers": {"other": {"command": "npx"}}}')
    profile = load_profile("development", {}, {})
    install("cursor", "user", computer, entries_of(profile, ("/no/such/openmanager",)))
    install("cursor", "user", computer, [http_entry("https://a.example/mcp", name="team")], beside=True)
    found = find(computer, "cursor")
    assert (found.state, found.servers) == ("readable", len(DEVELOPMENT) + 2)
    by_name = {entry.name: entry for entry in found.entries}
    assert set(by_name) == {*DEVELOPMENT, "team"}
    assert by_name["openmanager-local"].problems == ("/no/such/openmanager does not exist",)
    assert any(ANY_ROOT in problem for problem in by_name["git"].problems)
    assert by_name["team"].problems == ()
    install("cursor", "user", computer, launches("git"), force=True)
    plain = tmp_path / "openmanager"
    plain.touch(0o644)
    text = json.loads(file.read_text())
    text["mcpServers"]["git"] = {
        "command": str(plain),
        "args": ["serve", "git", "--config", "/gone.toml", "--root", "/gone:ro"],
    }
    text["mcpServers"]["filesystem"] = {"command": "openmanager", "args": ["serve", "filesystem"]}
    file.write_text(json.dumps(text))
    by_name = {entry.name: entry for entry in find(computer, "cursor").entries}
    assert by_name["git"].problems == (
        f"{plain} cannot be executed",
        "the profile /gone.toml does not exist",
        "the root /gone is no directory",
    )
    assert by_name["filesystem"].problems[0].startswith("openmanager is no absolute path")


def test_clients_that_are_only_printed_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    for client in ("junie", "jetbrains"):
        code, out, err = run(capsys, "client-config", client, "--config", "minimal")
        assert code == 0
        assert "openmanager-local" in json.loads(out)["mcpServers"]
        assert CLIENTS[client].files in err
        with pytest.raises(SystemExit):
            main(["install", client])
        capsys.readouterr()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(("client", "shut"), [("codex", ".codex"), ("cursor", ".cursor/mcp.json"), ("gemini", "")])
def test_what_may_not_be_read_or_written_is_said(client: str, shut: str) -> None:
    code = (
        "import os, sys\nfrom openmanager_kit.cli.main import main\n"
        "words = ['install', sys.argv[1], '--config', 'minimal']\n"
        "main(words)\n"  # imports everything, while it may
        "os.setgid(65534)\nos.setuid(65534)\nos.environ['HOME'] = sys.argv[2]\n"
        "sys.stderr.write('@@')\nsys.exit(main(words))\n"
    )
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are for root alone
        home = Path(name)
        home.chmod(0o755)
        (home / ".cursor").mkdir()
        (home / ".cursor/mcp.json").write_text("{}")
        (home / ".codex").mkdir()
        (home / shut).chmod(0o700 if shut else 0o555)
        (home / "state").mkdir()
        (home / "state").chmod(0o777)
        environ = served.environment(home / "state") | {"HOME": str(home / "first")}
        words = [sys.executable, "-c", code, client, name]
        done = subprocess.run(words, capture_output=True, text=True, env=environ, cwd="/")
        said = done.stderr.rpartition("@@")[2]
        assert (done.returncode, "Permission denied" in said, "Traceback" in said) == (1, True, False), done.stderr
        assert str(home / shut) in said


def test_the_gateway_is_printed_too(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "client-config", "cursor", "--config", "minimal", "--gateway")
    entry = json.loads(out)["mcpServers"]["openmanager"]
    assert (code, entry["args"]) == (0, ["--from", "openmanager-mcp", "openmanager", "serve", "--config", "minimal"])


def test_other_commands_import_nothing_of_this(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom openmanager_kit.cli.main import main\n"
        "main(['install', 'cursor', '--config', 'minimal', '--dry-run'])\n"
        "sys.stderr.write(' '.join(sorted({'mcp', 'numpy', 'pydantic', 'tomlkit'} & set(sys.modules))))\n"
    )
    environ = served.environment(tmp_path) | {"HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1].startswith("Cursor: nothing was written"), done.stderr
    assert list(tmp_path.iterdir()) == []
