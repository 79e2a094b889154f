"""What changing a client's file promises: foreign entries, links, modes, copies, others that write meanwhile."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import served
from client_homes import PROGRAM, launches, machine

from openmanager_core.errors import Conflict, FleetError, InvalidRequest, NotFound
from openmanager_kit.clients import store
from openmanager_kit.clients.changing import install, restore, uninstall
from openmanager_kit.clients.entries import Entry, http_entry
from openmanager_kit.clients.ours import starts_us
from openmanager_kit.clients.places import Machine, place

ONE = '{\n  "mcpServers": {\n    "other": {\n      "command": "npx"\n    }\n  }\n}\n'


def cursor(computer: Machine, text: str | bytes) -> Path:
    """Write Cursor's file."""
    file = place("cursor", "user", computer)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def servers(file: Path) -> dict[str, dict[str, object]]:
    """Read the entries of Cursor's file."""
    found = json.loads(file.read_text())["mcpServers"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"mcpServers": {\n  "a": {},\n  "a": {}}}', "line 3, column 3: the key 'a' is there twice"),
        ('{"mcpServers": {}', "line 1, column 18: the text ends"),
        ("[]", "must hold one object"),
        ('{"mcpServers": []}', "mcpServers, .*mcp.json: must be an object of servers"),
        ('{"mcpServers": null}', "mcpServers, .*mcp.json: must be an object of servers"),
        ('{"mcpServers": {"x": "y"}}', "mcpServers.x, .*mcp.json: must be an object"),
        (b'{"a": "\xff"}', r"is not UTF-8 \(byte 7\)"),
        ("{}".encode("utf-16"), "is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_and_left(text: str | bytes, said: str, tmp_path: Path) -> None:
    computer = machine(tmp_path)
    file = cursor(computer, text)
    before = file.read_bytes()
    actions: list[Callable[[], object]] = [
        lambda: install("cursor", "user", computer, launches("git")),
        lambda: uninstall("cursor", "user", computer),
    ]
    for act in actions:
        with pytest.raises(InvalidRequest, match=said) as failed:
            act()
        assert str(file) in str(failed.value)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["mcp.json"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[mcp_servers.a]\nx = 1\n[mcp_servers.a]\n", r"line 3, column 15"),
        ("mcp_servers = 3\n", "mcp_servers, .*: must be an object"),
        ("a = \n", "line 1, column 5"),
        ('mcp_servers = { git = { command = "/x/openmanager", args = ["serve"] } }\n', "a table of its own"),
    ],
)
def test_toml_that_cannot_be_read_or_extended_is_refused(text: str, said: str, tmp_path: Path) -> None:
    computer = machine(tmp_path)
    file = place("codex", "user", computer)
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(InvalidRequest, match=said):
        install("codex", "user", computer, launches("git"))
    assert file.read_text() == text


def test_a_foreign_entry_of_our_name_is_overwritten_only_by_force_and_never_removed(tmp_path: Path) -> None:
    computer = machine(tmp_path)
    text = '{"mcpServers": {"git": {"command": "uvx", "args": ["mcp-server-git"], "env": {"A": "b"}}}}'
    file = cursor(computer, text)
    with pytest.raises(Conflict, match=r"mcpServers.git, .*not ours.*--force"):
        install("cursor", "user", computer, launches("git", "filesystem"))
    assert uninstall("cursor", "user", computer).report.removed == []
    assert file.read_text() == text
    assert install("cursor", "user", computer, launches("git"), force=True).report.changed == ["git"]
    assert servers(file)["git"] == {"command": PROGRAM, "args": ["serve", "git", "--config", "development"]}


def test_an_entry_of_ours_that_became_something_else_is_left(tmp_path: Path) -> None:
    computer = machine(tmp_path)
    file = cursor(computer, ONE)
    install("cursor", "user", computer, [http_entry("https://a.example/mcp", name="team")])
    file.write_text(file.read_text().replace("a.example", "b.example"))
    assert uninstall("cursor", "user", computer).report.left == ["team"]
    assert servers(file)["team"] == {"url": "https://b.example/mcp"}


def test_what_the_user_added_to_our_entry_stays(tmp_path: Path) -> None:
    computer = machine(tmp_path)
    file = cursor(computer, ONE)
    install("cursor", "user", computer, launches("git"))
    text = file.read_text().replace('"command": "/opt', '"disabled": true, // for now\n      "command": "/opt')
    file.write_text(text.replace('"development"\n      ]', '"development"\n      ],\n      "env": {"LANG": "ko"}'))
    install("cursor", "user", computer, launches("git", config="minimal", variables=["TOK"]))
    after = file.read_text()
    assert '"disabled": true, // for now\n' in after
    assert '"minimal"' in after
    assert '"env": {"LANG": "ko", "TOK": "${env:TOK}"}' in after
    install("cursor", "user", computer, [http_entry("https://a.example/mcp", name="git")])
    assert '"disabled": true, // for now\n' in file.read_text()
    assert '"command": "/opt' not in file.read_text()


def test_another_profile_or_the_gateway_takes_the_place_of_the_last_one(tmp_path: Path) -> None:
    computer = machine(tmp_path)
    file = cursor(computer, ONE)
    install("cursor", "user", computer, launches("git", "filesystem"))
    change = install("cursor", "user", computer, launches("git", config="minimal"))
    assert (change.report.changed, change.report.removed) == (["git"], ["filesystem"])
    team = [http_entry("https://a.example/mcp", name="team")]
    install("cursor", "user", computer, team, beside=True)
    assert list(servers(file)) == ["other", "git", "team"]
    install("cursor", "user", computer, launches("openmanager"))
    assert list(servers(file)) == ["other", "team", "openmanager"]


@pytest.mark.parametrize(
    ("words", "ours"),
    [
        (["/usr/bin/openmanager", "serve", "git"], True),
        (["C:\\tools\\openmanager.exe", "serve"], True),
        (["uvx", "--from", "openmanager-mcp", "openmanager", "serve", "git"], True),
        (["/usr/bin/python3", "-m", "openmanager_kit", "serve"], True),
        (["uvx", "mcp-server-git", "--repository", "/srv/openmanager"], False),
        (["/srv/openmanager/run.sh", "serve"], False),
        (["openmanager"], False),
    ],
)
def test_an_entry_is_ours_by_the_words_that_start_it(words: list[str], ours: bool) -> None:
    assert starts_us({"command": words[0], "args": words[1:]}) is ours
    assert starts_us({"command": {"path": words[0], "args": words[1:]}}) is ours


def test_a_table_below_our_own_goes_when_it_no_longer_fits(tmp_path: Path) -> None:
    computer = machine(tmp_path)
    file = place("codex", "user", computer)
    install("codex", "user", computer, launches("git"))
    file.write_text(file.read_text() + '\n[mcp_servers.git.env]\nA = "b"\n\n[z]\n')
    assert install("codex", "user", computer, launches("git")).report.same == ["git"]
    install("codex", "user", computer, [http_entry("https://a.example/mcp", name="git")])
    assert "env" not in file.read_text()
    assert 'url = "https://a.example/mcp"' in file.read_text()
    uninstall("codex", "user", computer)
    assert file.read_text().strip() == "[z]"


def test_questions_for_secrets_come_and_go_with_the_entries(tmp_path: Path) -> None:
    computer = machine(tmp_path)
    file = place("vscode", "user", computer)
    file.parent.mkdir(parents=True)
    text = '{\n\t"inputs": [\n\t\t{"id": "theirs", "type": "promptString"}, // mine\n\t],\n\t"servers": {}\n}\n'
    file.write_text(text)
    install("vscode", "user", computer, launches("git", "filesystem", variables=["TOK"]))
    assert file.read_text().count('"id": "TOK"') == 1
    assert '{"id": "theirs", "type": "promptString"}, // mine\n' in file.read_text()
    uninstall("vscode", "user", computer)
    assert file.read_text() == text


def test_a_link_stays_a_link_and_mode_and_copy_are_the_files(tmp_path: Path) -> None:
    computer = machine(tmp_path)
    file = cursor(computer, ONE)
    kept = tmp_path / "dotfiles" / "cursor.json"
    kept.parent.mkdir()
    file.rename(kept)
    kept.chmod(0o640)
    file.symlink_to(kept)
    change = install("cursor", "user", computer, launches("git"))
    assert file.is_symlink()
    assert "git" in servers(kept)
    assert change.backup is not None
    assert change.backup.parent == kept.parent
    assert [stat.S_IMODE(path.stat().st_mode) for path in (kept, change.backup)] == [0o640, 0o640]
    assert change.backup.read_text() == ONE


def test_a_new_file_of_the_user_is_for_the_user_alone(tmp_path: Path) -> None:
    computer = machine(tmp_path)
    change = install("cursor", "user", computer, launches("git"))
    assert stat.S_IMODE(change.file.stat().st_mode) == 0o600
    change = install("cursor", "project", computer, launches("git"))
    assert stat.S_IMODE(change.file.stat().st_mode) == 0o644


def test_the_first_copy_and_the_newest_are_kept(tmp_path: Path) -> None:
    computer = machine(tmp_path)
    file = cursor(computer, ONE)
    for config in "abcdefghij":
        install("cursor", "user", computer, launches("git", config=config))
    copies = store.backups(file)
    assert len(copies) == 5
    assert copies[0].read_text() == ONE
    assert '"i"' in copies[-1].read_text()


def test_a_dry_run_shows_the_difference_and_writes_nothing(tmp_path: Path) -> None:
    computer = machine(tmp_path)
    change = install("cursor", "user", computer, launches("git"), dry_run=True)
    assert f'+      "command": "{PROGRAM}",\n' in change.diff
    assert not change.file.parent.exists()
    assert not computer.state.exists()
    file = cursor(computer, ONE)
    assert ' "other": {\n' in install("cursor", "user", computer, launches("git"), dry_run=True).diff
    assert [path.name for path in file.parent.iterdir()] == ["mcp.json"]


def test_restoring_goes_back_one_change_at_a_time(tmp_path: Path) -> None:
    computer = machine(tmp_path)
    file = cursor(computer, ONE)
    install("cursor", "user", computer, launches("git"))
    one = file.read_text()
    install("cursor", "user", computer, launches("git", "filesystem"))
    for expected in (one, ONE):
        assert not restore("cursor", "user", computer).foreign
        assert file.read_text() == expected
    with pytest.raises(NotFound, match="no dated copy"):
        restore("cursor", "user", computer)
    change = install("zed", "user", computer, launches("git"))
    restore("zed", "user", computer)
    assert not change.file.exists()


def test_restoring_over_somebody_elses_change_needs_force_and_keeps_a_copy(tmp_path: Path) -> None:
    computer = machine(tmp_path)
    file = cursor(computer, ONE)
    install("cursor", "user", computer, launches("git"))
    for foreign in (file.read_text().replace("npx", "bunx"), "// a comment\n" + file.read_text(), "{ broken"):
        file.write_text(foreign)
        assert restore("cursor", "user", computer).foreign
        assert file.read_text() == foreign
    assert restore("cursor", "user", computer, force=True).foreign
    assert file.read_text() == ONE
    assert [copy.read_text() for copy in store.backups(file)] == ["{ broken"]


def test_a_change_of_our_own_entry_alone_does_not_stop_a_restoration(tmp_path: Path) -> None:
    computer = machine(tmp_path)
    file = cursor(computer, ONE)
    install("cursor", "user", computer, launches("git"))
    file.write_text(file.read_text().replace('"development"', '"minimal" /* ours */'))
    assert not restore("cursor", "user", computer).foreign
    assert file.read_text() == ONE


INSTALL_ONE = """
import sys
from pathlib import Path
import client_homes
from openmanager_kit.clients.changing import install
from openmanager_kit.clients.entries import Entry, http_entry
computer = client_homes.machine(Path(sys.argv[1]))
for number in range(5):
    name = f"{sys.argv[2]}-{number}"
    install("cursor", "user", computer, [http_entry(f"https://{name}.example/mcp", name=name)], beside=True)
"""


def test_installs_at_the_same_time_do_not_lose_one_another(tmp_path: Path) -> None:
    computer = machine(tmp_path)
    file = cursor(computer, ONE)
    names = ["a", "b", "c", "d"]
    started = [
        subprocess.Popen([sys.executable, "-c", INSTALL_ONE, str(tmp_path), name], env=served.environment(tmp_path))
        for name in names
    ]
    assert [process.wait(50) for process in started] == [0] * len(names)
    assert set(servers(file)) == {"other"} | {f"{name}-{number}" for name in names for number in range(5)}
    assert len(uninstall("cursor", "user", computer).report.removed) == 20
    assert file.read_text() == ONE


def test_what_the_client_writes_meanwhile_is_not_lost(tmp_path: Path) -> None:
    computer = machine(tmp_path)
    file = cursor(computer, ONE)
    with pytest.raises(store.ChangedMeanwhile):
        store.replace(file, b"{}", b'{"ours": 1}')
    assert file.read_text() == ONE
    assert [path.name for path in file.parent.iterdir()] == ["mcp.json"]
    assert computer.state.exists() is False


def test_a_change_is_made_anew_from_what_the_client_wrote_meanwhile(tmp_path: Path) -> None:
    computer = machine(tmp_path)
    file = cursor(computer, ONE)

    class Meanwhile(list[Entry]):
        def __iter__(self) -> Iterator[Entry]:
            if "bunx" not in file.read_text():
                file.write_text(ONE.replace("npx", "bunx"))
            return super().__iter__()

    change = install("cursor", "user", computer, Meanwhile(launches("git")))
    assert servers(file)["other"] == {"command": "bunx"}
    assert "git" in servers(file)
    assert change.backup is not None
    assert [copy.read_text() for copy in store.backups(file)] == [ONE.replace("npx", "bunx")]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    computer = machine(tmp_path)
    (computer.home / ".cursor").write_text("a file")
    with pytest.raises(FleetError, match=r"\.cursor"):
        install("cursor", "user", computer, launches("git"))


def test_a_lost_memory_costs_only_addresses(tmp_path: Path) -> None:
    computer = machine(tmp_path)
    file = cursor(computer, ONE)
    install("cursor", "user", computer, launches("git"))
    install("cursor", "user", computer, [http_entry("https://a.example/mcp", name="team")], beside=True)
    (computer.state / "clients.json").write_text("{ broken")
    assert uninstall("cursor", "user", computer).report.removed == ["git"]
    assert list(servers(file)) == ["other", "team"]
