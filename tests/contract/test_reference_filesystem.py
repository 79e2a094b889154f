"""The filesystem server says of the same files what the reference says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from reference_servers import Both, both_over, changed_lines

pytestmark = [pytest.mark.node, pytest.mark.timeout(900)]


def make(root: Path) -> Path:
    """Write the same few files into a folder."""
    files = {
        "lines.txt": "one\ntwo\nthree\n",
        "open_end.txt": "one\ntwo\nthree",
        "empty.txt": "",
        ".hidden": "not seen by some\n",
        "größe 1.txt": "dreißig\n",
        "edited.txt": "alpha\nbeta\ngamma\n    indented line\ndelta\nbeta again\n",
        "src/main.py": "import deep\n",
        "src/deep/er/module.py": "value = 1\n",
        "src/deep/notes.md": "notes\n",
    }
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode())
    (root / "nothing_in_it").mkdir()
    return root


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Both servers, for tests that change nothing."""
    with both_over("filesystem", make(tmp_path_factory.mktemp("read") / "files")) as running:
        yield running


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Both]:
    """Both servers over files that a test may change."""
    with both_over("filesystem", make(tmp_path / "files")) as running:
        yield running


@pytest.mark.parametrize("tool", ["read_text_file", "read_file"])
@pytest.mark.parametrize("name", ["lines.txt", "open_end.txt", "empty.txt", "größe 1.txt"])
def test_a_file_is_read_as_it_is(both: Both, tool: str, name: str) -> None:
    theirs, ours = both.ask((tool, {"path": f"ROOT/{name}"}))
    assert ours.first == theirs.text == (both.theirs.root / name).read_text("utf-8")


@pytest.mark.parametrize("name", ["lines.txt", "open_end.txt"])
@pytest.mark.parametrize("head", [1, 2, 3, 99])
def test_the_first_lines_are_the_same(both: Both, name: str, head: int) -> None:
    theirs, ours = both.ask(("read_text_file", {"path": f"ROOT/{name}", "head": head}))
    assert ours.first.splitlines() == theirs.text.splitlines()


@pytest.mark.parametrize("tail", [1, 2, 3, 99])
def test_the_last_lines_of_a_file_without_a_last_newline_are_the_same(both: Both, tail: int) -> None:
    theirs, ours = both.ask(("read_text_file", {"path": "ROOT/open_end.txt", "tail": tail}))
    assert ours.first.splitlines() == theirs.text.splitlines()


@pytest.mark.parametrize("tail", [1, 2, 3])
def test_the_last_lines_are_as_many_as_were_asked_for_where_the_reference_gives_one_less(both: Both, tail: int) -> None:
    theirs, ours = both.ask(("read_text_file", {"path": "ROOT/lines.txt", "tail": tail}))
    assert len(ours.first.splitlines()) == tail
    assert ours.first.splitlines()[1:] == theirs.text.splitlines()


def test_several_files_come_each_under_its_path(both: Both) -> None:
    paths = ["ROOT/lines.txt", "ROOT/src/main.py", "ROOT/missing.txt"]
    theirs, ours = both.ask(("read_multiple_files", {"paths": paths}))
    assert not ours.failed
    assert not theirs.failed
    for text in (ours.text, theirs.text):
        assert [text.index(one) for one in paths] == sorted(text.index(one) for one in paths)
        assert "one\ntwo\nthree\n" in text
        assert "import deep\n" in text


@pytest.mark.parametrize("path", ["ROOT", "ROOT/src", "ROOT/nothing_in_it"])
def test_a_directory_is_listed_with_the_same_entries(both: Both, path: str) -> None:
    theirs, ours = both.ask(("list_directory", {"path": path}))
    assert {line for line in ours.lines("[") if not line.startswith("[the ")} == theirs.lines("[")


@pytest.mark.parametrize("order", ["name", "size"])
def test_a_listing_with_sizes_has_the_same_entries_and_sum(both: Both, order: str) -> None:
    arguments = {"path": "ROOT/src/deep", "sortBy": order}
    theirs, ours = both.ask(("list_directory_with_sizes", arguments))
    for start in ("[", "Total:", "Combined size:"):
        spaced = [{" ".join(line.split()) for line in answer.lines(start)} for answer in (ours, theirs)]
        assert spaced[0] == spaced[1]


@pytest.mark.parametrize("excluded", [[], ["*.txt"], ["src"], ["**/deep"]], ids=str)
def test_a_tree_is_the_same_json(both: Both, excluded: list[str]) -> None:
    arguments = {"path": "ROOT", "excludePatterns": excluded}
    theirs, ours = both.ask(("directory_tree", arguments))
    assert in_order(json.loads(ours.text)) == in_order(json.loads(theirs.text))


def in_order(tree: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort a tree by name, for the order on disk is no promise."""
    inner = [node | ({"children": in_order(node["children"])} if "children" in node else {}) for node in tree]
    return sorted(inner, key=lambda node: node["name"])


@pytest.mark.parametrize(
    ("pattern", "excluded"),
    [("**/*.py", []), ("*.txt", []), ("**/*.txt", ["e*"]), ("**/deep", []), ("src/*", []), ("**/.hid*", [])],
    ids=str,
)
def test_a_search_finds_the_same_paths(both: Both, pattern: str, excluded: list[str]) -> None:
    arguments = {"path": "ROOT", "pattern": pattern, "excludePatterns": excluded}
    theirs, ours = both.ask(("search_files", arguments))
    assert theirs.lines("ROOT/")
    assert ours.lines("ROOT/") == theirs.lines("ROOT/")


def test_a_search_without_a_hit_says_so_and_is_no_failure(both: Both) -> None:
    theirs, ours = both.ask(("search_files", {"path": "ROOT", "pattern": "**/*.rs"}))
    assert theirs.text == "No matches found"
    assert ours.text.startswith(theirs.text)
    assert not ours.failed


@pytest.mark.parametrize("path", ["ROOT/lines.txt", "ROOT/src"])
def test_what_is_known_of_a_path_begins_with_the_same_keys(both: Both, path: str) -> None:
    theirs, ours = both.ask(("get_file_info", {"path": path}))
    pairs = [[line.partition(": ")[::2] for line in answer.text.splitlines()[:7]] for answer in (theirs, ours)]
    assert [key for key, _ in pairs[0]] == [key for key, _ in pairs[1]]
    facts = [{key: value for key, value in found if key not in ("created", "accessed", "modified")} for found in pairs]
    assert facts[0] == facts[1]


def test_the_allowed_directories_are_named(both: Both) -> None:
    theirs, ours = both.ask(("list_allowed_directories", {}))
    assert "ROOT" in theirs.lines()
    assert any(line.startswith("ROOT") for line in ours.text.splitlines())


WRITES: dict[str, tuple[str, dict[str, Any]]] = {
    "a new directory": ("create_directory", {"path": "ROOT/new/and/deeper"}),
    "a directory that is there": ("create_directory", {"path": "ROOT/src"}),
    "a new file": ("write_file", {"path": "ROOT/new.txt", "content": "größe\n"}),
    "a file over another": ("write_file", {"path": "ROOT/lines.txt", "content": "other\n"}),
    "a file renamed": ("move_file", {"source": "ROOT/lines.txt", "destination": "ROOT/src/lines.txt"}),
    "a directory moved": ("move_file", {"source": "ROOT/src/deep", "destination": "ROOT/deep"}),
    "a line": ("edit_file", {"path": "ROOT/edited.txt", "edits": [{"oldText": "gamma", "newText": "GAMMA"}]}),
    "two places": (
        "edit_file",
        {
            "path": "ROOT/edited.txt",
            "edits": [{"oldText": "alpha\nbeta\n", "newText": "beta\n"}, {"oldText": "delta\n", "newText": "d\ne\n"}],
        },
    ),
    "an indented line": (
        "edit_file",
        {"path": "ROOT/edited.txt", "edits": [{"oldText": "indented line\ndelta", "newText": "moved\ndelta"}]},
    ),
    "nothing, only asked": (
        "edit_file",
        {"path": "ROOT/edited.txt", "edits": [{"oldText": "gamma", "newText": "GAMMA"}], "dryRun": True},
    ),
}


@pytest.mark.parametrize("what", WRITES)
def test_a_change_leaves_the_same_files_and_shows_the_same_lines(fresh: Both, what: str) -> None:
    theirs, ours = fresh.ask(WRITES[what])
    assert not theirs.failed
    assert not ours.failed, ours.text
    assert contents(fresh.ours.root) == contents(fresh.theirs.root)
    if WRITES[what][0] == "edit_file":
        assert changed_lines(ours.text) == changed_lines(theirs.text)
        assert changed_lines(theirs.text)
    else:
        assert ours.text.split("\n")[0] == theirs.text


def contents(root: Path) -> dict[str, bytes | None]:
    """Every path below a folder and what is in it; None for a directory."""
    return {str(path.relative_to(root)): path.read_bytes() if path.is_file() else None for path in root.rglob("*")}


FAILURES: dict[str, tuple[str, dict[str, Any]]] = {
    "a file that is not there": ("read_text_file", {"path": "ROOT/missing.txt"}),
    "a directory read as a file": ("read_text_file", {"path": "ROOT/src"}),
    "a file outside": ("read_text_file", {"path": "/etc/passwd"}),
    "a way out": ("read_text_file", {"path": "ROOT/../home"}),
    "first and last lines at once": ("read_text_file", {"path": "ROOT/lines.txt", "head": 1, "tail": 1}),
    "no files": ("read_multiple_files", {"paths": []}),
    "a list of a file": ("list_directory", {"path": "ROOT/lines.txt"}),
    "a list of nothing": ("list_directory", {"path": "ROOT/missing"}),
    "a directory over a file": ("create_directory", {"path": "ROOT/lines.txt"}),
    "a file over a directory": ("write_file", {"path": "ROOT/src", "content": ""}),
    "a file written outside": ("write_file", {"path": "ROOT/../written.txt", "content": ""}),
    "an edit of what is not there": (
        "edit_file",
        {"path": "ROOT/edited.txt", "edits": [{"oldText": "omega", "newText": "OMEGA"}]},
    ),
    "a move onto something": ("move_file", {"source": "ROOT/lines.txt", "destination": "ROOT/empty.txt"}),
    "a move of nothing": ("move_file", {"source": "ROOT/missing.txt", "destination": "ROOT/new.txt"}),
}


@pytest.mark.parametrize("what", FAILURES)
def test_what_fails_there_fails_here_and_changes_nothing(both: Both, what: str) -> None:
    before = contents(both.ours.root)
    theirs, ours = both.ask(FAILURES[what])
    assert theirs.failed
    assert ours.failed, ours.text
    assert contents(both.ours.root) == before
