"""``openmanager configs`` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openmanager_kit.cli.main import main
from openmanager_kit.profile_files import shipped_profiles
from openmanager_kit.registry import SERVERS


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(["configs", *words]) == code
    return capsys.readouterr().out


def test_every_shipped_profile_is_listed_with_its_servers(capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(said(capsys, "list", "--json"))
    assert [one["name"] for one in listed] == shipped_profiles()
    assert all(name in said(capsys, "list") for one in listed for name in one["servers"])


def test_a_setting_is_shown_with_its_value_and_where_it_comes_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENMANAGER_LOG_LEVEL", "ERROR")
    shown = json.loads(said(capsys, "show", "development", "--seed", "9", "--json"))
    assert shown["source.seed"] == {"value": 9, "from": "flag"}
    assert shown["log.level"] == {"value": "ERROR", "from": "variable"}
    assert shown["source.servers"]["from"] == "profile" and shown["http.port"] == {"value": 8765, "from": "default"}


def test_what_two_profiles_do_not_share_is_told_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    changed = json.loads(said(capsys, "diff", "minimal", "ai-production", "--json"))
    assert changed["source.kind"] == ["simulator", "prometheus"] and "log.level" not in changed
    assert said(capsys, "diff", "minimal", "minimal") == ""


def test_a_profile_is_valid_if_each_server_can_be_built_and_each_rule_means_a_tool(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert "ok" in said(capsys, "validate", "development", "--root", str(tmp_path))
    assert "no root" in said(capsys, "validate", "development", code=2)
    assert "'list_severs'" in said(capsys, "validate", "minimal", "--tools", "list_severs", code=2)
    mine = tmp_path / "mine.toml"
    mine.write_text('servers = ["nothing"]\n')
    assert main(["configs", "validate", str(mine)]) == 2
    assert "there is no server 'nothing'" in capsys.readouterr().err


def test_the_cost_adds_up_and_stays_in_its_budget(capsys: pytest.CaptureFixture[str]) -> None:
    cost = json.loads(said(capsys, "cost", "development", "--json"))
    rows = cost["servers"]
    assert {row["server"] for row in rows} <= set(SERVERS) and all(row["tools"] for row in rows)
    for key in ("tools", "bytes", "tokens"):
        assert cost["all"][key] == sum(row[key] for row in rows)
    fewer = json.loads(said(capsys, "cost", "development", "--tools", "git.git_status", "--json"))
    assert fewer["all"]["tools"] == 1
