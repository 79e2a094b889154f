"""An unfinished merge, rebase, cherry-pick or revert: which it is, and which files are in conflict."""

from __future__ import annotations

import os
from pathlib import Path

from openmanager_core.errors import Conflict, InvalidRequest
from openmanager_core.job import offload
from openmanager_git.complaints import inside
from openmanager_git.work import Work
from openmanager_git.write_answers import MOST_ROWS, Conflicted, Joined, printed
from openmanager_kit.child import Finished
from openmanager_kit.confined.names import shown_path

_KINDS = {
    (1, 2, 3): "both modified",
    (2, 3): "both added",
    (1, 2): "deleted by them",
    (1, 3): "deleted by us",
    (2,): "added by us",
    (3,): "added by them",
    (1,): "both deleted",
}
_MARKS = (
    ("rebase-merge", "rebase"),
    ("rebase-apply", "rebase"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("MERGE_HEAD", "merge"),
)
_TOOLS = {"rebase": "git_rebase", "cherry-pick": "git_cherry_pick", "revert": "git_revert", "merge": "git_merge"}
_LONGEST = 6_000


async def unfinished(work: Work) -> str:
    """Name the operation that has stopped halfway; empty if none has."""
    return await offload(_unfinished, work.place.git_dir)


def _unfinished(git_dir: str) -> str:
    found = next((what for name, what in _MARKS if Path(git_dir, name).exists()), "")
    if found:
        return found
    try:
        todo = Path(git_dir, "sequencer", "todo").read_bytes()[:20].split()
    except OSError:
        return ""
    return "revert" if todo[:1] == [b"revert"] else "cherry-pick"


async def need_none(work: Work) -> None:
    """Refuse to begin while something else is unfinished."""
    what = await unfinished(work)
    if what:
        raise Conflict(
            f"a {what} is unfinished in this repository",
            hint=f"{_TOOLS[what]} with action continue or abort",
        )


async def need_one(work: Work, what: str) -> None:
    """Refuse to go on with what is not there."""
    there = await unfinished(work)
    if there != what:
        other = f"; there is a {there}" if there else ""
        hint = f"{_TOOLS[there]}" if there else f"{_TOOLS[what]} with action start"
        raise InvalidRequest(f"no {what} is unfinished in this repository{other}", hint=hint)


async def conflicted(work: Work) -> list[tuple[str, str]]:
    """Find the files in conflict, each with its kind."""
    done = await work.run("ls-files", "--unmerged", "-z", "--full-name", "--", ":/")
    stages: dict[str, list[int]] = {}
    for line in os.fsdecode(done.out).split("\0"):
        facts, tab, path = line.partition("\t")
        if tab:
            stages.setdefault(path, []).append(int(facts.split()[2]))
    return [(path, _KINDS.get(tuple(sorted(found)), "unmerged")) for path, found in stages.items()]


async def outcome(work: Work, what: str, done: Finished, message: str, *, before: str = "") -> Joined:
    """Tell how joining histories went: done, unchanged or stopped at conflicts.

    Raises
    ------
    FleetError
        If git failed, and not because of conflicts.
    """
    found = await conflicted(work)
    if done.code != 0 and not found:
        raise await work.complaint(what, done)
    head, branch = await work.head(), await work.branch()
    said = printed(inside((done.err or b"").decode("utf-8", "replace"), work.desk.roots)) if done.code == 0 else ""
    if not found:
        state = "unchanged" if before and before == head else "done"
        return Joined(status=state, message=message, head=head, branch=branch, said=said)
    there = await unfinished(work)
    rows: list[Conflicted] = []
    used = 0
    for path, kind in found[:MOST_ROWS]:
        row = Conflicted(path=shown_path(path), kind=kind)
        used += len(row.path) + 50
        if rows and used > _LONGEST:
            break
        rows.append(row)
    ways = f", then {_TOOLS[there]} with action continue; action abort gives up" if there else ""
    return Joined(
        status="conflicts",
        message=f"{what} stopped at {len(found)} file{'s' if len(found) > 1 else ''} in conflict. "
        f"Edit them, git_add them{ways}:",
        head=head,
        branch=branch,
        operation=there,
        conflicts=rows,
        conflicts_total=len(found),
    )
