"""The command line as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import served


def test_the_demo_answers_every_question(tmp_path: Path) -> None:
    done = served.run(tmp_path, ["demo"])
    assert done.returncode == 0, done.stderr
    for words in (
        "Connected over stdio, ",
        "6 of 6: shadcn-ui",
        "Look at the database first.",
        "Made an empty repository",
        "thoughtHistoryLength",
        "npx shadcn@latest add @shadcn/button",
        "slow_dependency on cluster database-production",
        "It crosses 90 %",
        "1. ",
    ):
        assert words in done.stdout
    assert "internal error" not in done.stdout
    assert not list(tmp_path.iterdir()), "the demo keeps its state to itself"


@pytest.mark.parametrize("form", ["terminal", "markdown", "json"])
def test_the_report_is_whole_in_every_form(form: str, tmp_path: Path) -> None:
    done = served.run(tmp_path, ["report", "--format", form, "--scenario", "incident"])
    assert done.returncode == 0, done.stderr
    assert "slow_dependency" in done.stdout
    if form == "json":
        assert set(json.loads(done.stdout)) == {"overview", "actions", "capacity"}
    if form == "markdown":
        assert done.stdout.startswith("# Fleet report\n")


@pytest.mark.parametrize("form", ["terminal", "markdown"])
def test_the_report_is_in_korean_too(form: str, tmp_path: Path) -> None:
    done = served.run(tmp_path, ["report", "--format", form, "--scenario", "incident", "--lang", "ko"])
    assert done.returncode == 0, done.stderr
    for words in (
        "플릿 상태",
        "이상 징후",
        "유력한 원인",
        "의존 서비스 지연",
        "확인 방법: ",
        "필요한 서버",
        "수준 변화",
    ):
        assert words in done.stdout
    assert "Likely causes" not in done.stdout
    assert done.stdout.startswith("# 플릿 보고서\n" if form == "markdown" else "플릿\n")


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "report.md"
    done = served.run(tmp_path, ["report", "--format", "markdown", "--output", str(target)])
    assert done.returncode == 0 and target.read_text("utf-8").startswith("# Fleet report")
    missing = served.run(tmp_path, ["report", "--output", str(tmp_path / "no" / "where.md")])
    assert missing.returncode == 1 and "--output" in missing.stderr and "Traceback" not in missing.stderr
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".report-")] == []


def test_a_server_that_the_profile_does_not_list_is_refused(tmp_path: Path) -> None:
    done = served.run(tmp_path, ["serve", "git", "--config", "minimal"])
    assert done.returncode == 2
    assert "minimal" in done.stderr and "git" in done.stderr


def test_the_example_configuration_is_what_the_command_prints(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    printed = served.run(tmp_path, ["client-config", "claude-desktop", "--config", "development"])
    assert printed.stdout == (root / "claude_desktop_config.example.json").read_text("utf-8")


def test_the_tables_of_the_readme_are_what_the_code_says() -> None:
    from openmanager_kit import docs

    assert docs.main([str(Path(__file__).resolve().parents[2] / "README.md"), "--check"]) == 0
