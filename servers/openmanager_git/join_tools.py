"""Joining histories: merge, rebase, cherry-pick and revert; conflicts are an outcome, and told as data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from openmanager_core.errors import InvalidRequest, NotAllowed
from openmanager_core.job import offload
from openmanager_core.text import quoted, visible
from openmanager_git.conflicts import conflicted, need_none, need_one, outcome, unfinished
from openmanager_git.trust import Use, planned_commands
from openmanager_git.work import Work, changing
from openmanager_git.write_answers import Bench, Joined, RepoPath, SkipHooks
from openmanager_kit.confined.names import shown_path

_REFS = ("reference-transaction", "post-index-change")
_COMMIT = ("prepare-commit-msg", "commit-msg", "post-commit", *_REFS)
MERGE = ("pre-merge-commit", "post-merge", *_COMMIT)
REBASE = ("pre-rebase", "post-checkout", "post-rewrite", "pre-commit", *_COMMIT)
_PICK = ("pre-commit", *_COMMIT)
SIGNS = ("commit.gpgsign",)

Step = Annotated[
    Literal["start", "continue", "skip", "abort"],
    Field(description="start; after conflicts: continue, skip this commit, or abort"),
]
Revisions = Annotated[list[str], Field(max_length=100, description="Commits, in the order to apply them")]


async def git_merge(
    desk: Bench,
    repo_path: RepoPath,
    branch: Annotated[str, Field(description="What to merge into the current branch")] = "",
    action: Annotated[
        Literal["start", "continue", "abort"], Field(description="start; after conflicts: continue or abort")
    ] = "start",
    message: Annotated[str, Field(max_length=60_000, description="Of the merge commit; empty: git's own")] = "",
    no_ff: Annotated[bool, Field(description="Make a merge commit even where a fast-forward is possible")] = False,
    skip_hooks: SkipHooks = False,
) -> Joined:
    """Merge a branch into the current one. Conflicts come back as a list of files, not as an error."""
    async with changing(desk, repo_path, skip_hooks=skip_hooks) as work:
        if action == "abort":
            return await _aborted(work, "merge", "git_merge")
        if action == "continue":
            await need_one(work, "merge")
            await work.allow(Use("git_merge", hooks=("pre-merge-commit", *_COMMIT), signs=SIGNS))
            return await _gone_on(work, "merge", "git_merge", ["commit", "--quiet", "--no-edit"])
        await need_none(work)
        commit = await work.commit_of(branch, "branch")
        return await merge(work, branch, commit, message=message, flags=["--no-ff"] if no_ff else [], what="git_merge")


async def merge(work: Work, name: str, commit: str, *, message: str, flags: list[str], what: str) -> Joined:
    """Merge a commit that has been resolved; `name` is what the message calls it."""
    _need_text(message)
    before = await work.head()
    use = Use(what, hooks=MERGE, filters=True, merges=True, signs=SIGNS)
    await work.allow(use, trees=[commit])
    words = ["-m", message] if message else ["--no-edit"]
    done = await work.run("merge", "--quiet", "--no-stat", *flags, *words, name)
    head = await work.head()
    if head == before:
        text = "Already up to date"
    elif head == commit:
        text = f"Fast-forwarded to {head[:12]}"
    else:
        text = f"Merged {visible(name)} with hash {head}"
    return await outcome(work, what, done, text, before=before)


async def git_rebase(
    desk: Bench,
    repo_path: RepoPath,
    upstream: Annotated[str, Field(description="Branch or commit whose history the current branch is moved onto")] = "",
    onto: Annotated[str, Field(description="New base, if it is not upstream itself")] = "",
    action: Step = "start",
    skip_hooks: SkipHooks = False,
) -> Joined:
    """Move the commits of the current branch onto another base. Conflicts come back as a list of files."""
    async with changing(desk, repo_path, skip_hooks=skip_hooks) as work:
        if action == "abort":
            return await _aborted(work, "rebase", "git_rebase")
        if action != "start":
            await need_one(work, "rebase")
            if work.tame and await offload(planned_commands, work.place.git_dir):
                raise NotAllowed(
                    "the unfinished rebase holds commands to execute, and the repository is not trusted",
                    hint=f"action abort; or the user trusts it, by --trust {shown_path(work.place.path)} at the start",
                )
            await work.allow(Use("git_rebase", hooks=REBASE, filters=True, merges=True, signs=SIGNS))
            return await _gone_on(work, "rebase", "git_rebase", ["rebase", f"--{action}"])
        await need_none(work)
        commit = await work.commit_of(upstream, "upstream")
        base = await work.commit_of(onto, "onto") if onto else ""
        return await rebase(work, commit, base, what="git_rebase")


async def rebase(work: Work, upstream: str, onto: str, *, what: str) -> Joined:
    """Rebase the current branch onto resolved commits."""
    before = await work.head()
    if not before:
        raise InvalidRequest("there is no commit yet that could be rebased")
    use = Use(what, hooks=REBASE, filters=True, merges=True, signs=SIGNS)
    await work.allow(use, trees=[onto or upstream, before])
    words = ["--onto", onto] if onto else []
    done = await work.run("rebase", "--quiet", "--no-stat", "--no-autosquash", *words, upstream)
    head = await work.head()
    text = "Current branch is up to date" if head == before else f"Rebased; the branch was at {before} before"
    return await outcome(work, what, done, text, before=before)


async def git_cherry_pick(
    desk: Bench,
    repo_path: RepoPath,
    revisions: Revisions = [],  # noqa: B006
    action: Step = "start",
    mainline: Annotated[int, Field(ge=0, le=20, description="For a merge commit: which parent is the main line")] = 0,
    skip_hooks: SkipHooks = False,
) -> Joined:
    """Apply the changes of commits to the current branch. Conflicts come back as a list of files."""
    return await _picked(desk, repo_path, "cherry-pick", revisions, action, mainline, skip_hooks)


async def git_revert(
    desk: Bench,
    repo_path: RepoPath,
    revisions: Revisions = [],  # noqa: B006
    action: Step = "start",
    mainline: Annotated[int, Field(ge=0, le=20, description="For a merge commit: which parent is the main line")] = 0,
    skip_hooks: SkipHooks = False,
) -> Joined:
    """Undo commits by new commits. Conflicts come back as a list of files."""
    return await _picked(desk, repo_path, "revert", revisions, action, mainline, skip_hooks)


async def _picked(
    desk: Bench, repo_path: str, verb: str, revisions: list[str], action: str, mainline: int, skip: bool
) -> Joined:
    tool = f"git_{verb.replace('-', '_')}"
    use = Use(tool, hooks=_PICK, filters=True, merges=True, signs=SIGNS)
    async with changing(desk, repo_path, skip_hooks=skip) as work:
        if action == "abort":
            return await _aborted(work, verb, tool)
        if action != "start":
            await need_one(work, verb)
            await work.allow(use)
            words = [verb, "--skip"] if action == "skip" else [verb, "--continue"]
            return await _gone_on(work, verb, tool, words)
        await need_none(work)
        if not revisions:
            raise InvalidRequest("revisions must hold at least one commit", hint="git_log shows them")
        commits = [await work.commit_of(one, "revisions") for one in revisions]
        await work.allow(use, trees=[tree for one in commits for tree in await _sides(work, one)])
        flags = [f"--mainline={mainline}"] if mainline else []
        done = await work.run(verb, *([] if verb == "cherry-pick" else ["--no-edit"]), *flags, *commits)
        if done.code != 0 and not await conflicted(work) and not await work.head():
            raise await work.complaint(tool, done)
        head = await work.head()
        which = f"{len(commits)} commits" if len(commits) > 1 else commits[0][:12]
        past = "Cherry-picked" if verb == "cherry-pick" else "Reverted"
        return await outcome(work, tool, done, f"{past} {which}; the branch is at {head}")


async def _sides(work: Work, commit: str) -> list[str]:
    """Give a commit and its first parent: either may be what is written."""
    done = await work.run("rev-parse", "--verify", "--quiet", f"{commit}^1")
    return [commit, *([done.out.decode().strip()] if done.code == 0 else [])]


async def _gone_on(work: Work, what: str, tool: str, words: list[str]) -> Joined:
    """Go on after conflicts; files that still are in conflict come back as they are."""
    if words[-1] != "--skip" and await conflicted(work):
        done = await work.run("ls-files")
        return await outcome(work, tool, done, "")
    done = await work.run(*words)
    if done.code != 0 and not await conflicted(work):
        raise await work.complaint(tool, done)
    if await unfinished(work) and done.code == 0:
        text = f"The {what} went on and is not finished"
    else:
        text = f"The {what} is finished; the branch is at {await work.head()}"
    return await outcome(work, tool, done, text)


async def _aborted(work: Work, what: str, tool: str) -> Joined:
    await need_one(work, what)
    await work.allow(Use(tool, hooks=_REFS, filters=True))
    done = await work.run(what, "--abort")
    if done.code != 0:
        raise await work.complaint(tool, done)
    head = await work.head()
    return await outcome(work, tool, done, f"The {what} was given up; the branch is at {head}")


def _need_text(message: str) -> None:
    if "\0" in message:
        raise InvalidRequest(f"message must not hold a NUL character, got {quoted(message, 40)}")
