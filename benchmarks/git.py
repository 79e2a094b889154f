"""The git server beside PyPI's `mcp-server-git` and beside git itself, the same calls in turn.

Run: ``python benchmarks/git.py [--data FOLDER] [--rounds 5] [--only NAME] [--peer COMMAND]``. A repository of 5,000
commits is made, once where a folder is given; the peer is installed into the user's cache unless its command is given.
Prints milliseconds and the ratio of ours to the peer's; asserts only that the answers are right. Targets for the p50:
half of the peer's, a tenth of it for an old commit; no cheap call waits more than 20 ms for a slow one.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import peer_servers
import side_by_side
from side_by_side import Behind, Case

PACKAGE, VERSION = "mcp-server-git", "2026.10.19"
LAYOUT = "1"
"""Raised when the data change, so that a kept folder is made anew."""

COMMITS, FILES, BRANCHES, DIRTY, UNTRACKED = 5_000, 400, 260, 20, 10
FIRST_S = 1_700_000_000
ISOLATED = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def history(chance: random.Random, files: dict[str, list[str]]) -> Iterator[bytes]:
    """Write the commits for ``git fast-import``; `files` is left as the last of them has it."""
    names = [f"src/area_{number % 20:02d}/part_{number:03d}.py" for number in range(FILES)]
    for number in range(COMMITS):
        changed = names if number == 0 else chance.sample(names, chance.randint(1, 3))
        message = f"Change {number}\n\nTouches {len(changed)} of the files.\n"
        who = f"Ann Other <ann@example.org> {FIRST_S + number * 3600} +0000"
        yield f"commit refs/heads/main\ncommitter {who}\ndata {len(message)}\n{message}".encode()
        for name in changed:
            lines = files.setdefault(name, [f"line_{line:03d} = {chance.randrange(10**9)}\n" for line in range(120)])
            lines[chance.randrange(120)] = f"changed_in_{number} = {chance.randrange(10**9)}\n"
            content = "".join(lines)
            yield f"M 100644 inline {name}\ndata {len(content)}\n{content}".encode()
        if number % (COMMITS // BRANCHES) == 0:
            yield f"reset refs/heads/topic/{number:04d}\nfrom refs/heads/main\n\n".encode()


def make_data(root: Path) -> None:
    """Make the repository, the same one each time, unless it is there already."""
    done = root / ".git" / "layout"
    if done.exists() and done.read_text("utf-8") == LAYOUT:
        return
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    chance, files = random.Random(1), dict[str, list[str]]()
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "fast-import", "--quiet", given=b"".join(history(chance, files)))
    git(root, "gc", "--quiet")
    git(root, "checkout", "--quiet", "--force", "main")
    for name in sorted(files)[:: FILES // DIRTY]:
        lines = files[name]
        lines[chance.randrange(120)] = "work = 'in progress'\n"
        (root / name).write_text("".join(lines), encoding="utf-8")
    for number in range(UNTRACKED):
        (root / f"untracked_{number}.txt").write_text("new\n", encoding="utf-8")
    done.write_text(LAYOUT, encoding="utf-8")


def git(root: Path, *words: str, given: bytes | None = None) -> str:
    """Run git in the repository and return what it says."""
    command = ["git", "-C", str(root), *words]
    return subprocess.run(
        command, input=given, check=True, stdout=subprocess.PIPE, env=os.environ | ISOLATED
    ).stdout.decode()


def make_cases(root: Path) -> list[Case]:
    """List the calls of the comparison."""
    head, old, *_ = git(root, "rev-parse", "HEAD", "HEAD~4000").split()
    half = 1 / 2

    def case(
        name: str,
        tool: str,
        at_most: float,
        holds: Callable[[str], bool],
        raw: str,
        /,
        calls: int = 10,
        **given: object,
    ) -> Case:
        arguments = {"repo_path": str(root), **given}
        command = ["git", "-C", str(root), *raw.split()]
        return Case(name, tool, lambda contestant, number: arguments, calls, at_most, holds, whole=True, raw=command)

    def changes(text: str) -> bool:
        return text.count("\n+work = 'in progress'") == DIRTY

    return [
        case("status", "git_status", half, lambda text: text.count("untracked_") == UNTRACKED, "status"),
        case("log of 100", "git_log", half, lambda text: "Change 4900" in text, "log -n 100", max_count=100),
        case("diff of the work tree", "git_diff_unstaged", half, changes, "diff"),
        case("diff with HEAD~50", "git_diff", half, changes, "diff HEAD~50", target="HEAD~50"),
        case("show HEAD", "git_show", half, lambda text: head in text, "show HEAD", revision="HEAD"),
        case(
            "show HEAD~4000",
            "git_show",
            1 / 10,
            lambda text: old in text,
            "show HEAD~4000",
            calls=3,
            revision="HEAD~4000",
        ),
        case("local branches", "git_branch", half, lambda text: "topic/4978" in text, "branch", branch_type="local"),
    ]


def make_rows(root: Path) -> list[Behind]:
    """List the waits of the comparison."""
    where = {"repo_path": str(root)}
    branches = ("git_branch", {**where, "branch_type": "local"})
    status = ("git_status", where)
    log = ("git_log", {**where, "max_count": COMMITS})
    diff = ("git_diff", {**where, "target": "HEAD~4000"})
    return [
        Behind("branches during a log of 5,000", *log, *branches),
        Behind("status during a log of 5,000", *log, *status),
        Behind("branches during a diff with HEAD~4000", *diff, *branches),
        Behind("status during a diff with HEAD~4000", *diff, *status),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    side_by_side.add_arguments(parser)
    args = parser.parse_args(argv)
    peer = shlex.split(args.peer) if args.peer else peer_servers.from_pypi(PACKAGE, VERSION)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(os.path.realpath(args.data or scratch)) / "git"
        make_data(root)
        contest = side_by_side.contest(args, "git", root, peer, "--repository")
        cases, rows = ([one for one in found if args.only in one.name] for found in (make_cases(root), make_rows(root)))
        if cases:
            side_by_side.compare(contest, cases)
        if rows:
            side_by_side.compare_waits(contest, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
