"""Commands speak English and Korean; every text has both, and no code page or locale ends one."""

from __future__ import annotations

import ast
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import served

from openmanager_kit.cli.main import COMMANDS, main
from openmanager_kit.settings import TABLE
from openmanager_kit.wording import LANGUAGES, language_of, said, speak
from openmanager_kit.wording.ko import KOREAN

ROOT = Path(__file__).resolve().parents[2]
ARGPARSE = {"usage: ", "positional arguments", "options", "show this help message and exit"}
SOURCES = [
    path
    for path in (*(ROOT / "shared/openmanager_kit").rglob("*.py"), *(ROOT / "servers").rglob("*.py"))
    if "wording" not in path.parts
]
WITH_ARGUMENTS = {"cli", "openmanager_local"}
"""Where arguments have both. Those of `shadcn` and `search-index` and of our own tools are in English."""


def constants(tree: ast.AST) -> Iterator[str]:
    return (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))


def spoken_in(path: Path) -> Iterator[str]:
    """Texts that a command says: what `said` is given, and the help of arguments."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if called in ("said", "translated"):
            yield from (a.value for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str))
        if called == "add_argument" and WITH_ARGUMENTS & set(path.parts):
            for word in node.keywords:
                if word.arg == "help" and isinstance(word.value, ast.Constant):
                    yield str(word.value.value)


def test_every_text_is_there_in_both_languages_and_none_is_left_over() -> None:
    needed = {text for path in SOURCES for text in spoken_in(path)}
    needed |= {text for _, text in COMMANDS.values()} | {setting.help for setting in TABLE} | ARGPARSE
    assert not needed - set(KOREAN)
    written = ARGPARSE.union(*(constants(ast.parse(path.read_text("utf-8"))) for path in SOURCES))
    assert not set(KOREAN) - written


@pytest.mark.parametrize("english", sorted(KOREAN))
def test_placeholders_are_the_same_in_both(english: str) -> None:
    def fields(text: str) -> list[str]:
        return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)

    korean = KOREAN[english]
    assert korean.strip()
    assert fields(english) == fields(korean)
    assert english.startswith(" ") == korean.startswith(" ")
    assert "%" not in korean.replace("%%", "") or "%" in english


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "C"}, "en"),
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "ko"}, "ko"),
        ({"LANG": "kok_IN"}, "en"),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8", "LC_MESSAGES": "ko_KR.eucKR"}, "ko"),
        ({"LANG": "ko_KR.UTF-8", "OPENMANAGER_LANG": "en"}, "en"),
        ({"LC_ALL": "", "LANG": "ko-KR"}, "ko"),
    ],
)
def test_the_language_is_the_first_that_a_variable_says(environ: dict[str, str], language: str) -> None:
    assert language_of(environ) == language


def test_what_nobody_translated_is_said_as_it_is() -> None:
    speak("ko")
    try:
        assert said("no such text {name}", name="x") == "no such text x"
    finally:
        speak("en")


HANGUL = "프로파일"


@pytest.mark.parametrize("words", [("--lang", "ko", "configs", "--help"), ("configs", "--help", "--lang=ko")])
def test_the_language_may_be_said_anywhere(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(words)
    out = capsys.readouterr().out
    assert HANGUL in out and "사용법: " in out and "--lang {en,ko}" in out
    with pytest.raises(SystemExit):
        main(["configs", "--help"])
    assert "usage: openmanager configs" in capsys.readouterr().out
    assert LANGUAGES == ("en", "ko")


@pytest.mark.parametrize("command", list(COMMANDS))
def test_help_is_shown_in_korean(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help", "--lang", "ko"])
    assert left.value.code == 0
    assert "이 도움말을 보여 주고 끝냅니다" in capsys.readouterr().out


def test_an_unknown_language_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["configs", "list", "--lang", "xx"])
    assert left.value.code == 2
    assert "xx" in capsys.readouterr().err


@pytest.mark.parametrize(
    "environ",
    [
        {"PYTHONIOENCODING": "cp949", "LANG": "ko_KR.CP949"},
        {"PYTHONIOENCODING": "ascii", "LANG": "ko_KR.UTF-8"},
        {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "OPENMANAGER_LANG": "ko"},
    ],
)
def test_korean_comes_out_as_utf_8_whatever_the_code_page(environ: dict[str, str], tmp_path: Path) -> None:
    base = {k: v for k, v in served.environment(tmp_path).items() if not k.startswith(("LC_", "LANG", "PYTHONIO"))}
    words = [sys.executable, "-m", "openmanager_kit", "install", "cursor", "--config", "minimal", "--dry-run"]
    done = subprocess.run(words, capture_output=True, env={**base, "HOME": str(tmp_path), **environ}, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "아무것도 쓰지 않았습니다" in done.stderr.decode("utf-8")
