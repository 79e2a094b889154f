"""The command as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import kit_served
import pytest

from openmanager_kit import docs, version
from openmanager_kit.cli.main import COMMANDS, main
from openmanager_kit.cli.serve import _address
from openmanager_kit.clients.entries import Launch, Remote, entries_of
from openmanager_kit.clients.formats import CLIENTS
from openmanager_kit.profile import load_profile

ROOT = Path(__file__).parents[2]


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 0
    return capsys.readouterr().out


def test_the_version_is_the_distributions(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "--version") == f"openmanager {version()}\n"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert version() == project["version"]


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    assert all(name in text for name in COMMANDS)


def test_a_server_that_the_profile_does_not_list_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "git", "--config", "minimal"]) == 2
    assert capsys.readouterr().err == "openmanager: profile minimal does not list git; it lists openmanager-local\n"


@pytest.mark.parametrize("address", ["nowhere", "host:", "::1:80", "host:port", ""])
def test_an_address_that_is_none_is_a_usage_error(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "openmanager-local", "--http", address]) == 2
    assert "must be HOST:PORT" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("127.0.0.1:80", ("127.0.0.1", "80")),
        ("[::1]:80", ("::1", "80")),
        (":80", ("", "80")),
        ("80", ("", "80")),
    ],
)
def test_an_address_may_be_written_in_four_ways(said: str, meant: tuple[str, str]) -> None:
    assert _address(said) == meant


def test_every_flag_reaches_the_server(tmp_path: Path) -> None:
    path = kit_served.profile(tmp_path)
    done = subprocess.run(
        kit_served.command(
            "serve", "bench", "--config", str(path), "--read-only", "--allowed-hosts", "a,b", "--prometheus-mapping",
            "cpu_busy_ratio=up{x='1'}", "--tick-s", "fast",
        ),
        capture_output=True, text=True, env=kit_served.environment(tmp_path), timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "openmanager: source.tick_s, flag --tick-s: must be a number from 0.1 to 3600, got 'fast'\n"


def test_the_committed_example_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    example = (ROOT / "claude_desktop_config.example.json").read_text(encoding="utf-8")
    assert printed(capsys, "client-config", "claude-desktop", "--config", "development") == example


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("profile", ["development", "minimal", "ai-production"])
def test_what_is_printed_for_a_client_parses_and_starts_or_reaches_every_server(
    client: str, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, "client-config", client, "--config", profile)
    parsed = tomllib.loads(text) if client == "codex" else json.loads(text)
    root = {"vscode": "servers", "zed": "context_servers", "codex": "mcp_servers"}.get(client, "mcpServers")
    for name in load_profile(profile, {}, {}).servers:
        entry = parsed[root][name]
        reached = entry.get("url") or entry.get("httpUrl") or entry.get("serverUrl")
        if profile == "ai-production" and client in ("claude-code", "cursor", "vscode", "windsurf", "codex"):
            assert reached == "http://127.0.0.1:8765/mcp"
        else:
            assert entry["command"] == "uvx"
            assert entry["args"][:5] == ["--from", "openmanager-mcp", "openmanager", "serve", name]
            assert ("--stdio" in entry["args"]) == (profile == "ai-production")


def test_no_secret_is_ever_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "hunter2hunter2hunter2")
    path = tmp_path / "own.toml"
    path.write_text(
        'servers = ["openmanager-local"]\n[source]\nkind = "prometheus"\ntoken_env = "MY_TOKEN"\n'
        '[http]\nenabled = true\ntoken_env = "MY_TOKEN"\n'
    )
    for client in CLIENTS:
        text = printed(capsys, "client-config", client, "--config", str(path))
        assert "hunter2" not in text


def test_variables_are_named_where_a_client_expands_them(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('servers = ["openmanager-local"]\n[source]\nkind = "prometheus"\ntoken_env = "MY_TOKEN"\n')
    expected = {
        "claude-code": "${MY_TOKEN}",
        "cursor": "${env:MY_TOKEN}",
        "windsurf": "${env:MY_TOKEN}",
        "gemini": "${MY_TOKEN}",
    }
    for client, reference in expected.items():
        parsed = json.loads(printed(capsys, "client-config", client, "--config", str(path)))
        assert parsed["mcpServers"]["openmanager-local"]["env"] == {"MY_TOKEN": reference}
    parsed = json.loads(printed(capsys, "client-config", "vscode", "--config", str(path)))
    assert parsed["inputs"][0] == {
        "type": "promptString",
        "id": "MY_TOKEN",
        "description": "MY_TOKEN",
        "password": True,
    }
    codex = tomllib.loads(printed(capsys, "client-config", "codex", "--config", str(path)))
    assert codex["mcp_servers"]["openmanager-local"]["env_vars"] == ["MY_TOKEN"]


def test_the_absolute_form_starts_this_installation(capsys: pytest.CaptureFixture[str]) -> None:
    parsed = json.loads(printed(capsys, "client-config", "lmstudio", "--absolute"))
    assert Path(parsed["mcpServers"]["openmanager-local"]["command"]).is_absolute()
    parsed = json.loads(printed(capsys, "client-config", "lmstudio", "--command", "/usr/local/bin/openmanager"))
    assert parsed["mcpServers"]["openmanager-local"]["command"] == "/usr/local/bin/openmanager"


def test_a_server_over_http_keeps_its_way_over_stdio() -> None:
    [entry] = entries_of(load_profile("ai-production", {}, {}), ("openmanager",))
    assert isinstance(entry, Remote)
    assert entry.launch == Launch(
        "openmanager-local", ("openmanager", "serve", "openmanager-local", "--config", "ai-production", "--stdio")
    )


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(docs.SERVERS, "bench", "kit_served")


@pytest.mark.usefixtures("bench")
def test_generated_tables_are_written_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "README.md"
    file.write_text(
        "# Title\n<!-- settings:start -->\n<!-- settings:end -->\ntext\n"
        "<!-- tools:bench:start -->\noutdated row\n<!-- tools:bench:end -->\nend\n"
    )
    assert docs.main([str(file), "--check"]) == 1
    assert "is out of date" in capsys.readouterr().err
    assert docs.main([str(file)]) == 0
    assert docs.main([str(file), "--check"]) == 0
    text = file.read_text()
    assert text.startswith("# Title\n<!-- settings:start -->\n| Profile key |")
    assert "| `echo` | Say it again. | – |" in text
    assert text.endswith("<!-- tools:bench:end -->\nend\n")
    assert "outdated row" not in text


def test_an_unknown_table_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "x.md"
    file.write_text("<!-- tools:nobody:start -->\n<!-- tools:nobody:end -->\n")
    assert docs.main([str(file)]) == 2
    file.write_text("<!-- what:start -->\n<!-- what:end -->\n")
    assert docs.main([str(file)]) == 2


def test_starting_to_serve_imports_nothing_heavy(tmp_path: Path) -> None:
    path = kit_served.profile(tmp_path)
    code = (
        "import sys, kit_served\n"
        "from openmanager_kit.registry import SERVERS, build_server\n"
        "from openmanager_kit.profile import load_profile\n"
        "SERVERS['bench'] = 'kit_served'\n"
        f"server = build_server(load_profile({str(path)!r}, {{}}, {{}}), 'bench')\n"
        "import openmanager_kit.hosting.stdio, anyio\n"
        "anyio.run(server.list_tools)\n"
        "heavy = {'numpy', 'pyarrow', 'orjson', 'aiosqlite', 'psutil', 'stamina', 'tomlkit', 'scipy'}\n"
        "sys.stdout.write(' '.join(sorted(heavy & set(sys.modules))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=kit_served.environment(tmp_path), check=False
    )
    assert (done.stdout, done.returncode) == ("", 0), done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("filesystem", "A", "B", "C:ro"),
        ("filesystem", "--root", "A", "B", "C:ro"),
        ("filesystem", "A", "--stdio", "B", "--root", "C:ro"),
        ("--root", "A", "filesystem", "B", "--log-level", "debug", "C:ro"),
    ],
)
def test_directories_may_stand_before_and_behind_options(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from openmanager_kit.cli import serve

    seen: list[object] = []
    monkeypatch.setattr(serve, "run", lambda args: seen.append(serve._flags(args)) or 0)
    assert main(["serve", *words]) == 0
    (flags,) = seen
    assert isinstance(flags, dict)
    assert sorted(flags["roots"]) == ["A", "B", "C:ro"]


def test_an_unknown_option_is_still_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["serve", "filesystem", "A", "--no-such-option", "B"])
    assert left.value.code == 2
    assert "unrecognized arguments: --no-such-option" in capsys.readouterr().err
