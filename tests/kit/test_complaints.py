"""What is wrong with the words of a command is said in the command's language, whatever it is."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_kit.cli.complaints import complaint
from openmanager_kit.cli.help import Parser
from openmanager_kit.cli.main import main
from openmanager_kit.wording import speak


@pytest.fixture
def korean() -> Iterator[None]:
    speak("ko")
    yield
    speak("en")


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2
    said = capsys.readouterr()
    assert not said.out
    return said.err


@pytest.mark.parametrize(
    ("words", "korean", "english"),
    [
        ((), "다음 인자가 필요합니다: COMMAND", "the following arguments are required: COMMAND"),
        (
            ("nothing",),
            "COMMAND 인자: 고를 수 없는 값입니다: 'nothing' (가능한 값: ",
            "argument COMMAND: invalid choice",
        ),
        (("up", "--nothing", "-x"), "알 수 없는 인자입니다: --nothing -x", "unrecognized arguments: --nothing -x"),
        (("up", "--workers", "two"), "--workers 인자: 정수가 아닙니다: 'two'", "invalid int value: 'two'"),
        (("up", "--patience", "long"), "--patience 인자: 숫자가 아닙니다: 'long'", "invalid float value: 'long'"),
        (("up", "--workers"), "--workers 인자: 값 하나가 필요합니다", "argument --workers: expected one argument"),
        (("forecast", "--horizon=1", "--lang=xx"), "--lang 인자: 고를 수 없는 값입니다: 'xx'", "invalid choice: 'xx'"),
        (("forecast",), "다음 인자가 필요합니다: --horizon", "the following arguments are required: --horizon"),
        (("token",), "다음 인자가 필요합니다: ACTION", "the following arguments are required: ACTION"),
        (
            ("token", "create", "--role", "king", "--name", "x"),
            "--role 인자: 고를 수 없는 값입니다: 'king' (가능한 값: ",
            "argument --role: invalid choice: 'king' (choose from ",
        ),
        (
            ("status", "--json=1"),
            "--json 인자: 값을 받지 않는 인자입니다. 주어진 값: '1'",
            "ignored explicit argument '1'",
        ),
        (("simulate", "--o", "x"), "분명하지 않습니다: --o (가능한 옵션: --out, --openmetrics)", "could match --out"),
        (
            ("simulate", "--out", "a", "--openmetrics", "b"),
            "--openmetrics 인자: 다음 인자와 함께 쓸 수 없습니다: --out",
            "argument --openmetrics: not allowed with argument --out",
        ),
        (("ask",), "다음 인자가 필요합니다: ", "the following arguments are required: "),
        (("serve", "git", "--root"), "--root/--repository/-r 인자: 값 하나가 필요합니다", "expected one argument"),
    ],
)
def test_a_complaint_is_said_in_the_language_of_the_command(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], korean: str, english: str
) -> None:
    said = refused(capsys, *words, "--lang", "ko") if words else refused(capsys, "--lang", "ko")
    assert said.startswith("사용법: openmanager") and ": 오류: " in said and korean in said
    assert not re.search(r"error|argument|required|invalid|expected", said.partition("오류: ")[2])
    said = refused(capsys, *words)
    assert said.startswith("usage: openmanager") and ": error: " in said and english in said


@pytest.mark.parametrize(
    ("count", "given", "said"),
    [
        ("?", "--x=1 --x=2 3", "알 수 없는 인자입니다: 3"),
        ("+", "--x", "값이 하나 이상 필요합니다"),
        (2, "--x 1", "값이 2개 필요합니다"),
    ],
)
def test_the_number_of_values_is_told(
    capsys: pytest.CaptureFixture[str], korean: None, count: str | int, given: str, said: str
) -> None:
    parser = Parser(prog="x")
    parser.add_argument("--x", nargs=count)
    with pytest.raises(SystemExit):
        parser.parse_args(given.split())
    assert f"x: 오류: {'--x 인자: ' if '3' not in given else ''}{said}\n" in capsys.readouterr().err


def test_one_of_several_that_is_needed_is_told(capsys: pytest.CaptureFixture[str], korean: None) -> None:
    parser = Parser(prog="x")
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--a")
    group.add_argument("--b", type=complex)
    with pytest.raises(SystemExit):
        parser.parse_args([])
    assert "다음 인자 가운데 하나가 필요합니다: --a --b" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parser.parse_args(["--b", "x"])
    assert "--b 인자: 올바른 값(complex)이 아닙니다: 'x'" in capsys.readouterr().err


def test_what_is_not_known_is_said_as_it_is(korean: None) -> None:
    assert complaint("a sentence of a later version") == "a sentence of a later version"
    assert complaint("argument --x: a sentence of a later version") == "--x 인자: a sentence of a later version"


@given(st.text(min_size=1))
def test_what_was_typed_comes_back_as_it_was(typed: str) -> None:
    speak("ko")
    try:
        assert complaint(f"unrecognized arguments: {typed}") == f"알 수 없는 인자입니다: {typed}"
        assert complaint(f"argument -n: invalid int value: {typed!r}") == f"-n 인자: 정수가 아닙니다: {typed!r}"
        complaint(typed)
    finally:
        speak("en")
    assert complaint(typed) == typed
