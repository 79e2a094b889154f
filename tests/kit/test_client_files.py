"""Every client's file on every platform: found, merged into, and byte for byte as it was after uninstalling."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from client_homes import PLATFORMS, PROGRAM, launches, machine
from hypothesis import given
from hypothesis import strategies as st
from jsonc_made import KEYS, OBJECTS, VALUES, written

from openmanager_core.errors import ConfigError
from openmanager_kit.clients import jsonc, toml_edit
from openmanager_kit.clients.changing import install, uninstall
from openmanager_kit.clients.document import Document
from openmanager_kit.clients.entries import http_entry
from openmanager_kit.clients.formats import CLIENTS
from openmanager_kit.clients.merging import merge, take_out
from openmanager_kit.clients.ours import Note
from openmanager_kit.clients.places import INSTALLABLE, SCOPES, Machine, place, scopes_of

WHERE = {
    ("claude-desktop", "linux"): ".config/Claude/claude_desktop_config.json",
    ("claude-desktop", "darwin"): "Library/Application Support/Claude/claude_desktop_config.json",
    ("claude-desktop", "win32"): "Roaming/Claude/claude_desktop_config.json",
    ("vscode", "linux"): ".config/Code/User/mcp.json",
    ("vscode", "darwin"): "Library/Application Support/Code/User/mcp.json",
    ("vscode", "win32"): "Roaming/Code/User/mcp.json",
    ("zed", "linux"): ".config/zed/settings.json",
    ("zed", "darwin"): ".config/zed/settings.json",
    ("zed", "win32"): "Roaming/Zed/settings.json",
    "claude-code": ".claude.json",
    "cursor": ".cursor/mcp.json",
    "windsurf": ".codeium/windsurf/mcp_config.json",
    "codex": ".codex/config.toml",
    "gemini": ".gemini/settings.json",
    "lmstudio": ".lmstudio/mcp.json",
}


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("client", INSTALLABLE)
def test_the_users_file_is_where_the_platform_has_it(client: str, platform: str, tmp_path: Path) -> None:
    computer = machine(tmp_path, platform)
    expected = WHERE.get((client, platform)) or WHERE[client]
    assert place(client, "user", computer) == computer.home / expected


def test_claude_desktop_from_the_store_keeps_its_file_in_its_package(tmp_path: Path) -> None:
    computer = machine(tmp_path, "win32")
    package = computer.home / "Local/Packages/Claude_pzs8sxrjxfjjc"
    package.mkdir(parents=True)
    expected = package / "LocalCache/Roaming/Claude/claude_desktop_config.json"
    assert place("claude-desktop", "user", computer) == expected
    install("claude-desktop", "user", computer, launches("git"))
    assert json.loads(expected.read_text())["mcpServers"]["git"]["command"] == PROGRAM
    (computer.home / "Local/Packages/Claude_aaaaaaaaaaaaa").mkdir()
    assert place("claude-desktop", "user", computer) == expected


@pytest.mark.parametrize(
    ("client", "variable", "file"),
    [
        ("codex", "CODEX_HOME", "config.toml"),
        ("claude-code", "CLAUDE_CONFIG_DIR", ".claude.json"),
        ("zed", "XDG_CONFIG_HOME", "zed/settings.json"),
    ],
)
def test_a_clients_own_variable_moves_its_file(client: str, variable: str, file: str, tmp_path: Path) -> None:
    computer = machine(tmp_path, **{variable: str(tmp_path / "elsewhere")})
    assert place(client, "user", computer) == tmp_path / "elsewhere" / file


@pytest.mark.parametrize("client", INSTALLABLE)
def test_a_project_has_its_file_or_the_refusal_names_the_scope(client: str, tmp_path: Path) -> None:
    computer = machine(tmp_path)
    if "project" in scopes_of(client):
        assert place(client, "project", computer).is_relative_to(computer.project)
    else:
        with pytest.raises(ConfigError, match=r"--scope project: .* use --scope user"):
            place(client, "project", computer)


def test_every_client_can_be_printed_and_those_with_a_known_file_installed() -> None:
    assert set(INSTALLABLE) | {"junie", "jetbrains"} == set(CLIENTS)


def parsed(file: Path) -> dict[str, Any]:
    """Read a client's file as the client would."""
    text = file.read_bytes().decode("utf-8-sig")
    value = tomllib.loads(text) if file.suffix == ".toml" else jsonc.root(text).value
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("client", INSTALLABLE)
def test_a_new_file_holds_what_client_config_prints(client: str, platform: str, tmp_path: Path) -> None:
    computer = machine(tmp_path, platform)
    for scope in SCOPES[: len(scopes_of(client))]:
        entries = launches("openmanager-local", "git", variables=["TOKEN"])
        change = install(client, scope, computer, entries)
        assert change.report.added == ["openmanager-local", "git"]
        printed = CLIENTS[client].write(entries)
        assert parsed(change.file) == (tomllib.loads(printed) if client == "codex" else json.loads(printed))
        again = install(client, scope, computer, entries)
        assert (again.before == again.after, again.report.same) == (True, ["openmanager-local", "git"])
        assert uninstall(client, scope, computer).report.removed == ["openmanager-local", "git"]
        assert parsed(change.file) == {}


FOREIGN = {
    "two spaces": '{\n  "theme": "dark",\n  "ROOT": {\n    "other": {"command": "npx", "args": ["-y", "x"]}\n  }\n}\n',
    "tabs": '{\n\t"ROOT": {\n\t\t"other": {\n\t\t\t"command": "x"\n\t\t}\n\t}\n}',
    "comments": '// mine\n{\n  "ROOT": { // servers\n    "other": {"command": "x"}, // other\n    /* end */\n  },\n}\n',
    "crlf": '{\r\n    "ROOT": {\r\n        "other": {"command": "x"}\r\n    },\r\n    "z": 1\r\n}\r\n',
    "bom": '\ufeff{\n  "ROOT": {}\n}\n',
    "one line": '{"z":1,"ROOT":{"other":{"command":"x","env":{"KEY":"secret \\u00e9"}}}}',
    "no root": '{\n  "z": [1,2 , 3],\n  "a": 1.50\n}\n',
    "empty": "{}\n",
    "order": '{\n   "b": 1,\n   "ROOT": {\n      "z": {"command": "z"},\n      "a": {}\n   },\n   "a": 2\n}\n',
}


@pytest.mark.parametrize("style", FOREIGN)
@pytest.mark.parametrize("client", [name for name in INSTALLABLE if not CLIENTS[name].toml])
def test_what_is_foreign_keeps_its_bytes_in_json(client: str, style: str, tmp_path: Path) -> None:
    root = CLIENTS[client].root
    computer = machine(tmp_path)
    before = FOREIGN[style].replace("ROOT", root).encode()
    file = place(client, "user", computer)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(before)
    install(client, "user", computer, launches("git", "filesystem", variables=["TOKEN"]))
    after = file.read_bytes()
    assert _in_order(before.split(), after.split())
    assert (b"\r\n" in before) == (b"\r\n" in after)
    assert before.count(b"\r\n") == 0 or after.count(b"\n") == after.count(b"\r\n")
    assert after.startswith(b"\xef\xbb\xbf") == before.startswith(b"\xef\xbb\xbf")
    assert after.endswith(b"\n") == before.endswith(b"\n")
    assert set(parsed(file)[root]) >= {"git", "filesystem"}
    uninstall(client, "user", computer)
    assert file.read_bytes() == before


def _in_order(words: list[bytes], within: list[bytes]) -> bool:
    """Whether each word is found again, in the same order; a comma may have come to the end of one."""
    rest = iter(b"".join(within).replace(b",", b""))
    return all(char in rest for char in b"".join(words).replace(b",", b""))


SERVERS = st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=2), min_size=1, max_size=3)


@given(written(st.tuples(OBJECTS, SERVERS).map(lambda pair: {**pair[0], "mcpServers": pair[1]})))
def test_whatever_the_file_merging_keeps_what_is_foreign_and_taking_out_every_byte(texts: tuple[str, str]) -> None:
    rich, plain = texts
    expected = json.loads(plain)
    document, note = Document(Path("mcp.json"), CLIENTS["cursor"], rich.encode()), Note()
    merge(document, launches("git", "filesystem"), note)
    merged = jsonc.root(document.text).value
    assert {key: value for key, value in merged.items() if key != "mcpServers"} == {
        key: value for key, value in expected.items() if key != "mcpServers"
    }
    assert list(merged["mcpServers"]) == [*expected["mcpServers"], "git", "filesystem"]
    assert jsonc.comments(document.text) == jsonc.comments(rich)
    take_out(document, note)
    assert document.content == rich.encode()


TOML = {
    "plain": '# mine\nmodel = "x"  # note\n\n[mcp_servers.other]\ncommand = "y"\n\n# profiles\n[profiles.a]\nb = 1\n',
    "no final newline": '[mcp_servers.other]\ncommand = "y"',
    "crlf": 'model = "x"\r\n\r\n[mcp_servers.other]\r\ncommand = "y"\r\n',
    "bom": '\ufeffmodel = "x"\n',
    "empty": "",
    "looks like a header": 'notes = """\n[mcp_servers.git]\ncommand = "no"\n"""\nlist = [\n  [1],\n]\n',
    "dotted": 'mcp_servers.other.command = "y"\n[projects."/home/me"]\ntrust_level = "trusted"\n',
    "comment at the end": "[a]\nb = 1\n\n# the end\n",
}


@pytest.mark.parametrize("style", TOML)
def test_what_is_foreign_keeps_its_bytes_in_toml(style: str, tmp_path: Path) -> None:
    computer = machine(tmp_path)
    file = place("codex", "user", computer)
    file.parent.mkdir()
    before = TOML[style].encode()
    file.write_bytes(before)
    install("codex", "user", computer, launches("git", "filesystem", variables=["TOKEN"]))
    after = file.read_bytes()
    assert after.startswith(before)
    assert before.count(b"\r\n") == 0 or after.count(b"\n") == after.count(b"\r\n")
    assert parsed(file)["mcp_servers"]["git"]["env_vars"] == ["TOKEN"]
    install("codex", "user", computer, launches("git", "filesystem", config="minimal"))
    assert file.read_bytes().startswith(before)
    assert parsed(file)["mcp_servers"]["git"]["args"] == ["serve", "git", "--config", "minimal"]
    assert "env_vars" not in parsed(file)["mcp_servers"]["git"]
    uninstall("codex", "user", computer)
    assert file.read_bytes() == before


def test_comments_and_keys_that_the_user_added_to_our_table_stay(tmp_path: Path) -> None:
    computer = machine(tmp_path)
    file = place("codex", "user", computer)
    install("codex", "user", computer, launches("git", "filesystem"))
    text = file.read_text().replace(
        "tool_timeout_sec = 90\n", "tool_timeout_sec = 600 # slow disk\nenabled = false\n", 1
    )
    file.write_text(text + "\n# the user's last word\n")
    install("codex", "user", computer, launches("git", "filesystem", config="minimal"))
    after = file.read_text()
    assert after == text.replace("development", "minimal") + "\n# the user's last word\n"


@given(
    st.lists(
        st.sampled_from(
            [
                "# c",
                "",
                "a.b = 1",
                "[x]",
                "[[y]]",
                '[mcp_servers."o t"]',
                "k = [\n[1],\n]",
                's = """\n[mcp_servers.git]\n"""',
            ]
        ),
        max_size=7,
    ).map("\n".join)
)
def test_a_table_put_into_any_toml_and_taken_out_leaves_every_byte(text: str) -> None:
    try:
        expected = toml_edit.parse(text)
    except jsonc.Unreadable:
        return
    after = toml_edit.put(text, "mcp_servers", "git", {"command": "x", "args": ["[a]", '"']})
    assert toml_edit.parse(after)["mcp_servers"]["git"] == {"command": "x", "args": ["[a]", '"']}
    assert after.startswith(text)
    back = toml_edit.remove(after, "mcp_servers", "git")
    assert toml_edit.parse(back) == expected
    assert back == text


@pytest.mark.parametrize(
    ("client", "without", "with_token"),
    [
        ("claude-code", {"type": "http", "url": "U"}, {"headers": {"Authorization": "Bearer ${TOK}"}}),
        ("cursor", {"url": "U"}, {"headers": {"Authorization": "Bearer ${env:TOK}"}}),
        ("vscode", {"type": "http", "url": "U"}, {"headers": {"Authorization": "Bearer ${input:TOK}"}}),
        ("windsurf", {"serverUrl": "U"}, {"headers": {"Authorization": "Bearer ${env:TOK}"}}),
        ("zed", {"url": "U"}, None),
        ("codex", {"url": "U"}, {"bearer_token_env_var": "TOK"}),
        ("gemini", {"httpUrl": "U"}, {"headers": {"Authorization": "Bearer ${TOK}"}}),
        ("lmstudio", {"url": "U"}, None),
        ("claude-desktop", None, None),
    ],
)
def test_an_address_is_written_as_the_client_writes_it(
    client: str, without: dict[str, Any] | None, with_token: dict[str, Any] | None, tmp_path: Path
) -> None:
    computer, url = machine(tmp_path), "https://fleet.example/mcp"
    for token, expected in (("", without), ("TOK", with_token)):
        entries = [http_entry(url, token)]
        if expected is None:
            with pytest.raises(ConfigError, match=r"--http: .*--gateway"):
                install(client, "user", computer, entries)
            continue
        change = install(client, "user", computer, entries)
        written = parsed(change.file)[CLIENTS[client].root]["openmanager"]
        wanted = {**(without or {}), **expected} if token else expected
        assert {k: v for k, v in written.items() if "timeout" not in k} == {
            k: url if v == "U" else v for k, v in wanted.items()
        }
    if without is not None:
        assert uninstall(client, "user", computer).report.removed == ["openmanager"]
    else:
        assert not place(client, "user", computer).parent.exists()


def test_this_computer_is_described_from_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENMANAGER_HOME", str(tmp_path))
    this = Machine.this()
    assert (this.state, this.project) == (tmp_path, Path.cwd())
