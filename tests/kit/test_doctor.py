"""doctor tries everything for real, says what is wrong and what to do, ends in time, and changes nothing."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import served
from client_homes import launches, machine

from openmanager_kit.cli.main import main
from openmanager_kit.clients.changing import install
from openmanager_kit.clients.places import place
from openmanager_kit.doctor.client_files import installed_clients
from openmanager_kit.doctor.findings import Finding, as_text, worst
from openmanager_kit.doctor.limits import LIMITS, REFUSED
from openmanager_kit.doctor.machine import check_state, space
from openmanager_kit.doctor.portability import Listed, check_tools, problems_of
from openmanager_kit.profile import load_profile
from openmanager_kit.registry import SERVERS, build_server
from openmanager_search.engines.reaching import reached


def diagnosed(folder: Path, *words: str, path: str = "", **variables: str) -> tuple[int, dict[str, Any], str]:
    """Run it as a user without any client; gives exit code, what it printed as JSON, and all of its output."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environ = served.environment(folder / "state") | {"HOME": str(home), **variables}
    environ["PYTHONPATH"] = os.pathsep.join(part for part in (path, environ["PYTHONPATH"]) if part)
    done = subprocess.run(
        served.command("doctor", "--json", *words), capture_output=True, text=True, env=environ, cwd=home, timeout=55
    )
    assert done.stdout.startswith("{"), done.stderr
    return done.returncode, json.loads(done.stdout), done.stdout + done.stderr


def found(report: dict[str, Any], area: str, subject: str = "") -> list[dict[str, str]]:
    return [one for one in report["findings"] if one["area"] == area and subject in one["subject"]]


def test_a_sound_installation_is_sound_and_stays_as_it_is(tmp_path: Path) -> None:
    profile = tmp_path / "own.toml"
    profile.write_text('servers = ["openmanager-local", "filesystem"]\n[tools]\ndeny = ["*.list_directory"]\n')
    code, report, _ = diagnosed(tmp_path, "--config", str(profile))
    assert (code, report["state"]) == (0, "ok"), report
    for name in ("openmanager-local", "filesystem", "openmanager"):
        [server] = [one for one in found(report, "servers") if one["subject"] == name]
        assert "2025-11-25, 2026-07-28" in server["text"]
        assert ("stdio, http" in server["text"]) == (name != "openmanager")
    assert "simulator ok" in found(report, "sources", "openmanager-local")[0]["text"]
    assert "--root" in found(report, "profile", "roots")[0]["advice"]
    assert {one["state"] for one in found(report, "tools")} == {"ok"}
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["home", "own.toml"]


def test_what_does_not_start_is_named_with_its_reason_and_the_rest_is_tried(tmp_path: Path) -> None:
    profile = tmp_path / "own.toml"
    profile.write_text('servers = ["git", "sequential-thinking"]\n[sequential-thinking]\nnonsense = 1\n')
    code, report, _ = diagnosed(tmp_path, "--config", str(profile), "--root", str(tmp_path))
    assert code == 2
    [broken] = found(report, "servers", "sequential-thinking")
    assert broken["state"] == "failure" and "nonsense" in broken["text"] and "openmanager serve" in broken["advice"]
    assert all(f"{transport}/{era}" in broken["text"] for transport in ("stdio", "http") for era in (2025, 2026))
    assert [one["state"] for one in found(report, "servers", "git")] == ["ok"]
    assert found(report, "sources", "sequential-thinking")[0]["state"] == "failure"


def test_a_server_that_hangs_is_reported_in_time(tmp_path: Path) -> None:
    stuck = tmp_path / "stuck" / "openmanager_thinking"
    stuck.mkdir(parents=True)
    (stuck / "__init__.py").write_text("import time\ntime.sleep(3600)\n")
    (stuck / "server.py").touch()
    profile = tmp_path / "own.toml"
    profile.write_text('servers = ["sequential-thinking"]\n')
    started_s = time.monotonic()
    code, report, _ = diagnosed(tmp_path, "--config", str(profile), "--timeout", "12", path=str(stuck.parent))
    assert time.monotonic() - started_s < 100
    assert code == 2
    [server] = found(report, "servers", "sequential-thinking")
    assert "did not answer within 3 s" in server["text"]
    assert _running(str(profile)) == []


def _running(words: str) -> list[str]:
    """Processes that have these words among theirs."""
    lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if words in line and "openmanager_kit" in line]


def test_no_secret_is_shown_and_a_source_that_is_away_is_a_failure(tmp_path: Path) -> None:
    profile = tmp_path / "own.toml"
    profile.write_text(
        'extends = "ai-production"\n[source]\nurl = "http://127.0.0.1:9"\ntoken_env = "PROM_TOKEN"\n'
        '[http]\ntoken_env = "SERVICE_TOKEN"\n'
    )
    secrets = {"PROM_TOKEN": "prom-5ecret-0123456789", "SERVICE_TOKEN": "service-5ecret-0123456789"}
    code, report, text = diagnosed(tmp_path, "--config", str(profile), **secrets)
    assert code == 2
    assert "5ecret" not in text
    assert [one["state"] for one in found(report, "sources")] == ["failure"]
    assert [one["state"] for one in found(report, "servers", "openmanager-local")] == ["ok"]


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without clients, in an empty folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OPENMANAGER_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_profile_that_cannot_be_read_is_a_finding(nobody: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (nobody / "own.toml").write_text("servers = [")
    assert main(["doctor", "--config", "own.toml", "--lang", "ko"]) == 2
    out = capsys.readouterr().out
    assert "FAIL  own.toml: own.toml: is not valid TOML" in out
    assert "이 컴퓨터\n" in out and "여기에 없음: Claude Desktop" in out
    assert main(["doctor", "--timeout", "0"]) == 2
    assert "--timeout must be from 5" in capsys.readouterr().err


def test_engines_are_connected_to_and_rules_without_tools_are_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        profile = tmp_path / "own.toml"
        text = 'servers = ["search"]\n[tools]\ndeny = ["no_such_tool"]\n[search]\nengines = ["searxng", "local"]\n'
        profile.write_text(text + f'searxng_url = "http://127.0.0.1:{listening.getsockname()[1]}"\n')
        code, report, _ = diagnosed(tmp_path, "--config", str(profile))
    assert code == 1, report
    assert [one["text"] for one in found(report, "sources", "search, searxng")] == ["can be reached"]
    assert "no_such_tool" in found(report, "profile", "tools")[0]["text"]
    assert "engines searxng, local" in [one["text"] for one in found(report, "sources") if one["subject"] == "search"]


@pytest.mark.anyio
async def test_an_engine_that_is_away_is_told_from_one_that_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ports = {"there": listening.getsockname()[1], "away": closed.getsockname()[1]}
        told = await reached({name: f"http://127.0.0.1:{port}" for name, port in ports.items()})
    assert told["there"] == ""
    assert told["away"].startswith(f"127.0.0.1:{ports['away']} cannot be reached")


def test_limits_that_matter_here_are_warnings() -> None:
    many = {f"server-{i}": [Listed(f"tool_{i}_{j}") for j in range(25)] for i in range(4)}
    by_title = {finding.subject: finding for finding in check_tools(many, {"cursor"})}
    assert (by_title["Cursor"].state, by_title["Cursor"].text) == ("warning", "100 tools, it takes 80")
    assert by_title["Cursor"].advice
    assert by_title["Windsurf"] == Finding("tools", "Windsurf", "ok", "takes all 100 tools")
    away = {finding.subject: finding for finding in check_tools(many, set())}
    assert away["Cursor"].state == "ok" and "not found here" in away["Cursor"].text


def test_names_descriptions_and_answers_are_measured_as_each_client_does() -> None:
    long = Listed("t" * 41, "d" * 4097, {"type": "object", "properties": {"max_chars": {"default": 12_001}}})
    texts = {f.subject: f.text for f in check_tools({"server_of_twenty_xxx": [long]}, set(LIMITS))}
    assert texts["Cursor"].startswith("names longer than 60: ")
    assert "descriptions longer than 4096" in texts["Claude Code"]
    assert "answers longer than 12000" in texts["Codex"]
    assert "server names with an underscore: server_of_twenty_xxx" in texts["Gemini CLI"]
    fits = Listed("t" * 40, "d" * 4096, {"type": "object", "properties": {"max_chars": {"default": 12_000}}})
    assert {f.text for f in check_tools({"server-of-twenty-xxx": [fits]}, set(LIMITS)) if f.subject == "Cursor"} == {
        "takes all 1 tools"
    }


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        *(({"type": "object", "properties": {"a": {"type": "string", word: 1}}}, word) for word in REFUSED),
        ({"type": "object", "properties": {"a": True}}, "bare boolean"),
        ({"type": "object", "properties": {"a": {"type": ["string", "null"]}}}, "list of types"),
        ({"type": "object", "properties": {"a": {}}}, "no type"),
        ({"type": "object", "properties": {"a": {"type": "array"}}}, "array without items"),
        ({"type": "object", "properties": {"a": {"type": "array", "items": {"anyOf": []}}}}, "anyOf"),
        ({"type": "array", "items": {"type": "string"}}, "no object"),
    ],
)
def test_a_schema_that_somebody_refuses_is_told(schema: dict[str, Any], problem: str) -> None:
    assert problem in set(problems_of(schema))
    [finding] = [f for f in check_tools({"s": [Listed("t", "", schema)]}, set()) if f.subject == "s"]
    assert finding.state == "warning" and f"t ({problem}" in finding.text.replace("anyOf, no type", "anyOf")


def test_every_client_takes_every_schema_and_name_of_ours() -> None:
    profile = load_profile("development", {"roots": ["."]}, {})
    tools = {
        name: [
            Listed(b.listed.name, b.listed.description or "", b.listed.input_schema)
            for b in build_server(profile, name)._bound.values()
        ]
        for name in profile.servers
    }
    assert set(tools) <= set(SERVERS)
    told = [finding for finding in check_tools(tools, set(LIMITS)) if finding.state != "ok"]
    assert [(f.subject, f.text.split(", ")[1]) for f in told] in ([], [("Cursor", "it takes 80")])


def test_the_state_folder_is_judged_without_touching_it(tmp_path: Path) -> None:
    home = tmp_path / "state"
    assert [f.state for f in check_state(home)] == ["ok", "ok"]
    assert not home.exists()
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    [rights, _] = check_state(home)
    assert (rights.state, rights.advice) == ("warning", f"chmod 700 {home}")
    home.chmod(0o700)
    assert check_state(home)[0].state == "ok"
    (tmp_path / "file").touch()
    assert [f.state for f in check_state(tmp_path / "file")] == ["failure"]
    assert [space(size * 1024**2).state for size in (10, 100, 1000)] == ["failure", "warning", "ok"]


def test_clients_files_are_judged(tmp_path: Path) -> None:
    computer = machine(tmp_path, PATH="")
    findings, present = installed_clients(computer)
    assert ([f.subject for f in findings], present) == (["not found here"], set())
    file = place("cursor", "user", computer)
    file.parent.mkdir()
    file.write_text("{ broken")
    install("codex", "user", computer, launches("git"))
    findings, present = installed_clients(computer)
    assert present == {"cursor", "codex"}
    by_subject = {f.subject: f for f in findings}
    assert by_subject["Cursor"].state == "failure" and "line 1" in by_subject["Cursor"].text
    assert by_subject["Codex, git"].state == "warning"
    assert by_subject["Codex, git"].advice == "write it anew: openmanager install codex"
    assert worst(findings) == "failure"
    text = as_text(findings, 1.0)
    assert "  FAIL  Cursor: " in text and "        -> repair the file" in text
    assert text.endswith("1 warnings, 1 failures, in 1.0 s\n")
