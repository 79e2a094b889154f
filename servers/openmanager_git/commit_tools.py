"""Staging, committing, branches: the reference server's changing tools, and stashes."""

from __future__ import annotations

import os
from typing import Annotated, Literal

from pydantic import Field

from openmanager_core.errors import Conflict, InvalidRequest, NotAllowed, NotFound
from openmanager_core.job import offload
from openmanager_core.text import quoted, visible
from openmanager_git.complaints import inside
from openmanager_git.program import plain_value
from openmanager_git.trust import Use
from openmanager_git.work import Work, changing
from openmanager_git.write_answers import Bench, Done, RepoPath, SkipHooks, printed
from openmanager_kit.confined.names import meant_names, shown_path

_COMMIT = (
    "pre-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
    "reference-transaction",
    "post-index-change",
)
_CHECKOUT = ("post-checkout", "reference-transaction", "post-index-change")


async def git_add(
    desk: Bench,
    repo_path: RepoPath,
    files: Annotated[list[str], Field(min_length=1, max_length=1000, description="Paths; . for everything")],
    skip_hooks: SkipHooks = False,
) -> Done:
    """Stage the contents of files, new, changed or deleted, for the next commit."""
    async with changing(desk, repo_path, skip_hooks=skip_hooks) as work:
        specs = await offload(pathspecs, work, files)
        await work.allow(Use("git_add", hooks=("post-index-change",), filters=True), paths=specs)
        before = await _staged(work)
        inner = _inner_repositories(before, specs) if work.tame else []
        specs = [spec for spec in specs if spec not in {f":(top,literal){path}" for path in inner}]
        if specs:
            await work.git("git_add", "add", "--", *specs, *(f":(top,exclude,literal){path}" for path in inner))
        if inner:
            await work.git("git_add", "update-index", "--", *inner)
        head, branch = await work.head(), await work.branch()
        if await _staged(work) == before:
            message = (
                "No changes were staged: the given paths had nothing new to stage. "
                "git_status shows what is modified or untracked."
            )
            return Done(status="unchanged", message=message, head=head, branch=branch)
        return Done(status="done", message="Files staged successfully", head=head, branch=branch)


async def git_commit(
    desk: Bench,
    repo_path: RepoPath,
    message: Annotated[str, Field(min_length=1, max_length=60_000, description="Commit message")],
    amend: Annotated[bool, Field(description="Replace the last commit")] = False,
    allow_empty: Annotated[bool, Field(description="Also without changes")] = False,
    skip_hooks: SkipHooks = False,
) -> Done:
    """Record the staged changes as a commit; signed if the user's configuration asks for it."""
    if not message.strip():
        raise InvalidRequest("message must hold more than white space")
    if "\0" in message:
        raise InvalidRequest("message must not hold a NUL character")
    async with changing(desk, repo_path, skip_hooks=skip_hooks) as work:
        hooks = (*_COMMIT, *(("post-rewrite",) if amend else ()))
        await work.allow(Use("git_commit", hooks=hooks, signs=("commit.gpgsign",)))
        flags = [*(["--amend"] if amend else []), *(["--allow-empty"] if allow_empty else [])]
        done = await work.run("commit", "--quiet", *flags, "--file=-", given=message.encode())
        if done.code != 0:
            raise await work.complaint("git_commit", done)
        head = await work.head()
        said = printed(inside((done.out + done.err).decode("utf-8", "replace"), desk.roots))
        text = f"Changes committed successfully with hash {head}"
        return Done(status="done", message=text, head=head, branch=await work.branch(), said=said)


async def git_reset(
    desk: Bench,
    repo_path: RepoPath,
    mode: Annotated[
        Literal["mixed", "soft", "hard"],
        Field(description="mixed: unstage; soft: move the branch only; hard: also discard changes in files"),
    ] = "mixed",
    target: Annotated[str, Field(description="Commit to move the branch to; empty: stay")] = "",
    files: Annotated[list[str], Field(max_length=1000, description="Only unstage these; empty: all")] = [],  # noqa: B006
    skip_hooks: SkipHooks = False,
) -> Done:
    """Unstage all staged changes; with mode and target also move the branch."""
    async with changing(desk, repo_path, skip_hooks=skip_hooks, bare=False) as work:
        if files and (mode != "mixed" or target):
            raise InvalidRequest("files can only be unstaged: they go with mode mixed and without target")
        before = await work.head()
        commit = await work.commit_of(target, "target") if target else ""
        hooks = ("reference-transaction", "post-index-change")
        await work.allow(Use("git_reset", hooks=hooks, filters=mode == "hard"), trees=[commit] if commit else ())
        if files:
            await work.git("git_reset", "reset", "--quiet", "--", *await offload(pathspecs, work, files))
            text = "Staged changes of the files reset"
        else:
            await work.git("git_reset", "reset", "--quiet", f"--{mode}", *([commit] if commit else []), "--")
            text = "All staged changes reset" if mode == "mixed" and not commit else f"Reset ({mode}) to "
        head = await work.head()
        if text.endswith(" "):
            text += f"{head[:12]}; the branch was at {before} before"
        return Done(status="done", message=text, head=head, branch=await work.branch())


async def git_create_branch(
    desk: Bench,
    repo_path: RepoPath,
    branch_name: Annotated[str, Field(description="New branch")],
    base_branch: Annotated[str, Field(description="Where it starts; empty: the current branch")] = "",
    skip_hooks: SkipHooks = False,
) -> Done:
    """Create a branch; it is not checked out."""
    plain_value(branch_name, "branch_name")
    async with changing(desk, repo_path, skip_hooks=skip_hooks, bare=True) as work:
        await need_branch_name(work, branch_name, "branch_name")
        base = base_branch or await work.branch()
        if not base:
            raise InvalidRequest(
                "HEAD is detached, so there is no current branch to branch from", hint="pass base_branch"
            )
        commit = await work.commit_of(base, "base_branch")
        if await work.has_ref(f"refs/heads/{branch_name}"):
            raise Conflict(f"branch_name {quoted(branch_name, 100)} exists already", hint="another name")
        await work.allow(Use("git_create_branch", hooks=("reference-transaction",)))
        await work.git("git_create_branch", "branch", "--no-track", "--", branch_name, commit)
        text = f"Created branch '{visible(branch_name)}' from '{visible(base)}'"
        return Done(status="done", message=text, head=commit, branch=await work.branch())


async def git_checkout(
    desk: Bench,
    repo_path: RepoPath,
    branch_name: Annotated[str, Field(description="Branch, or a tag or commit to look at")],
    skip_hooks: SkipHooks = False,
) -> Done:
    """Switch to another branch; refused if local changes would be lost."""
    plain_value(branch_name, "branch_name")
    async with changing(desk, repo_path, skip_hooks=skip_hooks) as work:
        local = await work.has_ref(f"refs/heads/{branch_name}")
        remote = "" if local else await _on_a_remote(work, branch_name)
        commit = await work.commit_of(remote or branch_name, "branch_name")
        await work.allow(Use("git_checkout", hooks=_CHECKOUT, filters=True), trees=[commit])
        if local:
            words = ["--no-guess", branch_name]
        elif remote:
            words = ["-b", branch_name, "--track", remote]
        else:
            words = ["--detach", branch_name]
        done = await work.run("checkout", "--quiet", *words, "--")
        # A post-checkout hook's exit code becomes git's, though the switch was made.
        head, branch = await work.head(), await work.branch()
        arrived = head == commit and (branch == branch_name if local or remote else not branch)
        if done.code != 0 and not arrived:
            raise await work.complaint("git_checkout", done)
        text = f"Switched to branch '{visible(branch)}'" if branch else f"HEAD is now detached at {head[:7]}"
        said = printed(inside(done.err.decode("utf-8", "replace"), desk.roots))
        return Done(status="done", message=text, head=head, branch=branch, said=said)


def pathspecs(work: Work, files: list[str]) -> list[str]:
    """Turn paths from outside into words that git takes literally, relative to the top of the work tree.

    Raises
    ------
    NotAllowed
        If one leads out of the repository.
    """
    top = work.place.work_tree or ""
    tops = {top, os.path.realpath(top)}
    found = []
    for given in files:
        if not given or "\0" in given:
            raise InvalidRequest(f"files: a path must not be empty or hold a NUL, got {quoted(given, 60)}")
        path = "/".join(_meant(top, work.place.prefix, given))
        absolute = os.path.normpath(path if path.startswith("/") else os.path.join(top, work.place.prefix, path))  # noqa: PTH118
        inside_of = next((one for one in tops if absolute == one or absolute.startswith(one.rstrip("/") + "/")), None)
        if inside_of is None:
            raise NotAllowed(
                f"files: {quoted(given, 200)} is outside the repository", hint="a path relative to repo_path"
            )
        relative = absolute[len(inside_of) :].strip("/")
        if ".git" in (part.lower() for part in relative.split("/")):
            raise NotAllowed(f"files: {quoted(given, 200)} lies in .git, which is never staged")
        found.append(f":(top,literal){relative}" if relative else ":/")
    return found


def _meant(top: str, prefix: str, given: str) -> list[str]:
    """Take shown names back to the names on disk."""
    parts: list[str] = []
    for part in given.split("/"):
        names = meant_names(part)
        there = (name for name in names if os.path.lexists(os.path.join(top, prefix, *parts, name)))  # noqa: PTH118
        parts.append(next(there, names[0]))
    return parts


async def need_branch_name(work: Work, name: str, parameter: str) -> None:
    """Refuse a name that no branch can have."""
    if (await work.run("check-ref-format", "--branch", name)).code != 0:
        raise InvalidRequest(f"{parameter} {quoted(shown_path(name), 100)} is no valid branch name")


async def _staged(work: Work) -> bytes:
    """Give the whole index, to see whether it changed."""
    done = await work.run("ls-files", "--stage", "-z", "--full-name", "--", ":/")
    return done.out


def _inner_repositories(staged: bytes, specs: list[str]) -> list[str]:
    """Find the submodules among the paths: git add would start a git in each, under that one's own settings."""
    lines = (line.partition("\t") for line in os.fsdecode(staged).split("\0") if line.startswith("160000"))
    wanted = tuple(spec.removeprefix(":(top,literal)") for spec in specs)
    return [path for _, _, path in lines if any(one in (":/", path) or path.startswith(f"{one}/") for one in wanted)]


async def _on_a_remote(work: Work, branch: str) -> str:
    """Find the one remote branch of this name, if nothing else is called so."""
    if (await work.run("rev-parse", "--verify", "--quiet", "--end-of-options", branch)).code == 0:
        return ""
    done = await work.run("for-each-ref", "--format=%(refname)", f"refs/remotes/*/{branch}")
    names = [name for name in os.fsdecode(done.out).splitlines() if name.split("/", 3)[3:] == [branch]]
    if len(names) > 1:
        raise NotFound(f"branch_name {quoted(branch, 100)} is on several remotes", hint="git_create_branch from one")
    return names[0] if names else ""
