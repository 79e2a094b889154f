"""The install command is right for the project's package manager, quoted, and never run."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shadcn_projects import put

from openmanager_core.errors import SourceInvalid
from openmanager_kit.confined.roots import Roots
from openmanager_shadcn.adding.aliases import Disk
from openmanager_shadcn.adding.packages import manager_of, needed


def disk_of(folder: Path) -> Disk:
    return Disk(Roots.parse([str(folder)]))


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"pnpm-lock.yaml": ""}, "pnpm add -- a 'b@^1'"),
        ({"yarn.lock": ""}, "yarn add -- a 'b@^1'"),
        ({"bun.lock": ""}, "bun add -- a 'b@^1'"),
        ({"deno.lock": ""}, "deno add npm:a 'npm:b@^1'"),
        ({"package-lock.json": ""}, "npm install -- a 'b@^1'"),
        ({}, "npm install -- a 'b@^1'"),
        ({"package.json": {"packageManager": "yarn@4.1.0"}, "package-lock.json": ""}, "yarn add -- a 'b@^1'"),
        ({"package.json": {"packageManager": "rm -rf@1"}}, "npm install -- a 'b@^1'"),
    ],
)
def test_the_lock_file_or_package_json_decide(tmp_path: Path, files: dict[str, object], wanted: str) -> None:
    put(tmp_path, files)
    assert needed(disk_of(tmp_path), str(tmp_path), ["a", "b@^1"], []).commands == (wanted,)


def test_what_is_there_already_is_left_out(tmp_path: Path) -> None:
    put(tmp_path, {"package.json": {"dependencies": {"a": "1", "b": "^2"}, "devDependencies": {"c": "1"}}})
    found = needed(disk_of(tmp_path), str(tmp_path), ["a", "b@^2", "b@^3", "d", "d@1", "@x/y"], ["c", "d", "e"])
    assert found.packages == ("b@^3", "d@1", "@x/y")
    assert found.dev_packages == ("d", "e") or found.dev_packages == ("e",)


def test_a_lock_file_above_counts_in_a_workspace(tmp_path: Path) -> None:
    put(tmp_path, {"pnpm-lock.yaml": "", "apps/web/package.json": {}, "packages/ui/package.json": {}})
    disk = disk_of(tmp_path)
    assert manager_of(disk, f"{tmp_path}/apps/web") == "pnpm"
    found = needed(disk, f"{tmp_path}/packages/ui", ["a"], [], start=f"{tmp_path}/apps/web")
    assert found.commands == ("cd -- ../../packages/ui", "pnpm add -- a")


@pytest.mark.parametrize(
    "name", ["button; rm -rf ~", "-g", "--registry=x", "a b", "$(x)", "a@", "", "@x", "a@1;b", "../x", "a\nb", "`x`"]
)
def test_what_is_no_package_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceInvalid, match="no package's name"):
        needed(disk_of(tmp_path), str(tmp_path), [name], [])


def test_packages_from_elsewhere_are_pointed_out(tmp_path: Path) -> None:
    names = ["git+https://example.org/a.git", "a@npm:b@1", "c@github:d/e", "f@1"]
    assert needed(disk_of(tmp_path), str(tmp_path), names, []).elsewhere == tuple(names[:3])


@given(st.text(max_size=30))
def test_any_name_is_refused_or_comes_out_of_the_shell_as_it_went_in(name: str) -> None:
    disk = Disk(Roots.parse(["/"]))
    try:
        found = needed(disk, "/nowhere", [name], [])
    except SourceInvalid:
        return
    assert [shlex.split(command)[-1] for command in found.commands] == [name.strip()]
    assert not name.strip().startswith("-")
