"""Profiles built on profiles, in folders, with tools let in and kept out."""

from __future__ import annotations

from pathlib import Path

import pytest

from openmanager_core.errors import ConfigError
from openmanager_kit.profile import ToolRules, load_profile
from openmanager_kit.profile_files import read
from openmanager_kit.registry import build_server, rules_without_tools


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_profile_that_extends_another_says_only_what_differs(tmp_path: Path) -> None:
    mine = put(tmp_path / "mine.toml", 'extends = "development"\nread_only = true\n[source]\nseed = 8\n')
    profile, base = load_profile(str(mine), {}, {}), load_profile("development", {}, {})
    assert profile.servers == base.servers and profile.description == base.description
    assert profile.read_only and profile.source.seed == 8 and profile.source.servers == base.source.servers


def test_a_path_counts_from_the_file_that_says_it(tmp_path: Path) -> None:
    put(tmp_path / "base" / "base.toml", 'servers = ["filesystem"]\nroots = ["here:ro"]\n[state]\nhome = "kept"\n')
    mine = put(tmp_path / "mine.toml", 'extends = "base/base.toml"\n')
    profile = load_profile(str(mine), {}, {})
    assert profile.roots == (f"{tmp_path}/base/here:ro",) and profile.home == tmp_path / "base" / "kept"


def test_a_folder_is_all_of_its_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    put(tmp_path / "10-base.toml", 'extends = "minimal"\n[source]\nseed = 1\nservers = 9\n')
    put(tmp_path / "20-more.toml", "[source]\nseed = 2\n")
    put(tmp_path / "notes.txt", "no profile")
    profile = load_profile(str(tmp_path), {}, {})
    assert (profile.source.seed, profile.source.servers) == (2, 9) and profile.servers == ("openmanager-local",)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"a.toml": 'extends = "a.toml"'}, "in a circle"),
        ({"a.toml": 'extends = "b.toml"', "b.toml": 'extends = "./a.toml"'}, "in a circle"),
        ({"a.toml": 'extends = "developement"'}, "did you mean development"),
        ({"a.toml": "extends = 7"}, "must be the name or path of a profile, got 7"),
        ({"a.toml": 'extends = "gone.toml"'}, "cannot be read"),
        ({f"{c}.toml": f'extends = "{chr(ord(c) + 1)}.toml"' for c in "abcdefg"}, "more than 5 deep"),
    ],
)
def test_what_cannot_be_extended_is_refused_with_the_reason(tmp_path: Path, files: dict[str, str], why: str) -> None:
    for name, text in files.items():
        put(tmp_path / name, text)
    with pytest.raises(ConfigError, match=why):
        read(tmp_path / "a.toml")


def test_an_empty_folder_is_no_profile(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no"):
        load_profile(str(tmp_path), {}, {})


@pytest.mark.parametrize(
    ("allow", "deny", "served"),
    [
        ((), (), {"fleet_overview", "inject_fault"}),
        (("fleet_*",), (), {"fleet_overview"}),
        ((), ("inject_*",), {"fleet_overview"}),
        (("*",), ("openmanager-local.*",), set()),
        (("git.*",), (), set()),
        (("openmanager-local.inject_fault", "fleet_overview"), ("inject_fault",), {"fleet_overview"}),
    ],
)
def test_a_tool_is_served_if_it_is_allowed_and_not_denied(
    allow: tuple[str, ...], deny: tuple[str, ...], served: set[str]
) -> None:
    rules = ToolRules(allow, deny)
    tools = ("fleet_overview", "inject_fault")
    assert {tool for tool in tools if rules.permit("openmanager-local", tool)} == served
    profile = load_profile("minimal", {"tools.allow": list(allow), "tools.deny": list(deny)}, {})
    listed = {tool.name for tool in build_server(profile, "openmanager-local").tools}
    assert listed & set(tools) == served


def test_a_rule_that_means_no_tool_is_named() -> None:
    profile = load_profile("minimal", {"tools.deny": ["fleet_overveiw", "git.*", "list_*"]}, {})
    assert rules_without_tools(profile) == ["fleet_overveiw", "git.*"]
