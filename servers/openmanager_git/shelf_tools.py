"""Stashes, tags and worktrees: what is put aside or named, each with a listing."""

from __future__ import annotations

import os
from typing import Annotated, Literal

from pydantic import Field

from openmanager_core.errors import Conflict, InvalidRequest, NotAllowed, NotFound
from openmanager_core.job import offload
from openmanager_core.text import quoted, visible
from openmanager_git.conflicts import outcome
from openmanager_git.places import place_for_new
from openmanager_git.program import plain_value
from openmanager_git.trust import Use
from openmanager_git.work import Work, changing
from openmanager_git.write_answers import SHORT, Bench, Cursor, Joined, Listed, RepoPath, Row, SkipHooks, listed
from openmanager_kit.confined.names import shown_path
from openmanager_kit.confined.roots import parts_of

_REFS = ("reference-transaction", "post-index-change")


async def git_stash(
    desk: Bench,
    repo_path: RepoPath,
    action: Annotated[
        Literal["push", "list", "show", "apply", "pop", "drop"],
        Field(description="push puts changes aside; pop brings them back; show lists the files"),
    ] = "push",
    message: Annotated[str, Field(max_length=1000, description="For push")] = "",
    index: Annotated[int, Field(ge=0, le=10_000, description="Which stash; 0 is the newest")] = 0,
    include_untracked: Annotated[bool, Field(description="For push: also new files")] = False,
    cursor: Cursor = "",
    skip_hooks: SkipHooks = False,
) -> Listed | Joined:
    """Put local changes aside, list what was put aside, bring it back or drop it."""
    listing = action in ("list", "show")
    async with changing(desk, repo_path, skip_hooks=skip_hooks, listing=listing) as work:
        if action == "list":
            return await _stashes(work, cursor)
        if action == "push":
            return await _put_aside(work, message, include_untracked)
        name = f"stash@{{{index}}}"
        found = await work.run("rev-parse", "--verify", "--quiet", name)
        if found.code != 0 or not found.out.strip():
            raise NotFound(f"index {index}: there is no such stash", hint="git_stash with action list")
        commit = found.out.decode().strip()
        if action == "show":
            text = await work.git("git_stash", "stash", "show", "--include-untracked", "--name-status", "-z", name)
            fields = text.split("\0")
            rows = [
                Row(name=shown_path(path), about=kind) for kind, path in zip(fields[::2], fields[1::2], strict=False)
            ]
            return listed(f"{name} changes {len(rows)} file{'s' if len(rows) != 1 else ''}:", rows)
        if action == "drop":
            await work.allow(Use("git_stash", hooks=("reference-transaction",)))
            await work.git("git_stash", "stash", "drop", "--quiet", name)
            text = f"Dropped {name}, which was commit {commit}"
            return Listed(status="done", message=text, head=await work.head(), branch=await work.branch())
        await work.allow(Use("git_stash", hooks=_REFS, filters=True, merges=True), trees=[commit])
        done = await work.run("stash", action, "--quiet", name)
        joined = await outcome(work, "git_stash", done, f"{'Popped' if action == 'pop' else 'Applied'} {name}")
        if joined.status == "conflicts":
            kept = joined.message.removesuffix(":") + " (the stash was kept):"
            return joined.model_copy(update={"message": kept})
        return joined


async def _stashes(work: Work, cursor: str) -> Listed:
    done = await work.run("log", "-g", "-z", "--format=%gd%x09%H%x09%gs", "refs/stash", "--")
    lines = done.out.decode("utf-8", "replace").split("\0") if done.code == 0 else []
    rows = []
    for number, line in enumerate(filter(None, lines)):
        _, commit, about = (*line.split("\t", 2), "", "")[:3]
        rows.append(Row(name=f"stash@{{{number}}}", commit=commit, about=visible(about[:SHORT])))
    text = f"{len(rows)} stash{'es' if len(rows) != 1 else ''}" + (":" if rows else "")
    key = ["stash", work.place.path]
    return listed(text, rows, cursor=cursor, key=key, head=await work.head(), branch=await work.branch())


async def _put_aside(work: Work, message: str, untracked: bool) -> Listed:
    if not await work.head():
        raise InvalidRequest("there is no commit yet, so nothing can be stashed", hint="git_commit first")
    before = await work.run("rev-parse", "--verify", "--quiet", "refs/stash")
    await work.allow(Use("git_stash", hooks=_REFS, filters=True))
    flags = ["--include-untracked"] if untracked else []
    words = [f"--message={message}"] if message and "\0" not in message else []
    await work.git("git_stash", "stash", "push", "--quiet", *flags, *words)
    after = await work.run("rev-parse", "--verify", "--quiet", "refs/stash")
    made = before.out != after.out
    text = f"Saved local changes as {after.out.decode().strip()}" if made else "No local changes to save"
    state = "done" if made else "unchanged"
    return Listed(status=state, message=text, head=await work.head(), branch=await work.branch())


async def git_tag(
    desk: Bench,
    repo_path: RepoPath,
    action: Literal["list", "create", "delete"] = "list",
    name: Annotated[str, Field(description="Tag; for list a pattern such as v1.*")] = "",
    revision: Annotated[str, Field(description="What to tag")] = "HEAD",
    message: Annotated[str, Field(max_length=60_000, description="Makes an annotated tag")] = "",
    cursor: Cursor = "",
    skip_hooks: SkipHooks = False,
) -> Listed:
    """List, create or delete tags."""
    if name or action != "list":
        plain_value(name, "name", 250)
    async with changing(desk, repo_path, skip_hooks=skip_hooks, bare=True, listing=action == "list") as work:
        if action == "list":
            return await _tags(work, name, cursor)
        if (await work.run("check-ref-format", f"refs/tags/{name}")).code != 0:
            raise InvalidRequest(f"name {quoted(name, 100)} is no valid tag name")
        there = await work.run("rev-parse", "--verify", "--quiet", f"refs/tags/{name}")
        if action == "delete":
            if there.code != 0:
                raise NotFound(f"tag {quoted(name, 100)} does not exist", hint="git_tag with action list")
            await work.allow(Use("git_tag", hooks=("reference-transaction",)))
            await work.git("git_tag", "tag", "--delete", "--", name)
            return listed(f"Deleted tag '{visible(name)}', which was {there.out.decode().strip()}", [])
        if there.code == 0:
            raise Conflict(f"tag {quoted(name, 100)} exists already", hint="another name")
        commit = await work.commit_of(revision, "revision")
        signs = ("tag.gpgsign", *(("tag.forcesignannotated",) if message else ()))
        await work.allow(Use("git_tag", hooks=("reference-transaction",), signs=signs))
        if message:
            await work.git("git_tag", "tag", "--annotate", "--file=-", "--", name, commit, given=message.encode())
        else:
            await work.git("git_tag", "tag", "--", name, commit)
        return listed(f"Created tag '{visible(name)}' at {commit[:12]}", [], head=commit)


async def _tags(work: Work, pattern: str, cursor: str) -> Listed:
    words = [f"refs/tags/{pattern}"] if pattern else ["refs/tags"]
    shape = "%(refname:lstrip=2)%09%(objectname)%09%(contents:subject)"
    found = await work.git("git_tag", "for-each-ref", "--sort=-creatordate", f"--format={shape}", *words)
    rows = []
    for line in found.encode("utf-8", "surrogateescape").decode("utf-8", "replace").splitlines():
        tag, commit, about = (*line.split("\t", 2), "", "")[:3]
        rows.append(Row(name=shown_path(tag), commit=commit, about=visible(about[:SHORT])))
    text = f"{len(rows)} tag{'s' if len(rows) != 1 else ''}, the newest first" + (":" if rows else "")
    return listed(text, rows, cursor=cursor, key=["tag", work.place.path, pattern])


async def git_worktree(
    desk: Bench,
    repo_path: RepoPath,
    action: Literal["list", "add", "remove", "prune"] = "list",
    path: Annotated[str, Field(description="Directory of the worktree, inside the allowed ones")] = "",
    branch: Annotated[str, Field(description="For add: a branch, made if it does not exist")] = "",
    skip_hooks: SkipHooks = False,
) -> Listed:
    """List, add or remove further work trees of a repository; one with changes is not removed."""
    async with changing(desk, repo_path, skip_hooks=skip_hooks, bare=True, listing=action == "list") as work:
        if action == "list":
            return await _worktrees(work)
        if action == "prune":
            await work.allow(Use("git_worktree"))
            await work.git("git_worktree", "worktree", "prune")
            return listed("Records of worktrees that are gone were removed", [])
        if action == "remove":
            return await _removed(work, path)
        new = await offload(place_for_new, desk, path, "path")
        plain_value(branch, "branch")
        exists = await work.has_ref(f"refs/heads/{branch}")
        commit = await work.commit_of(f"refs/heads/{branch}" if exists else "HEAD", "branch")
        use = Use("git_worktree", hooks=("post-checkout", "reference-transaction", "post-index-change"), filters=True)
        await work.allow(use, trees=[commit])
        words = [new, branch] if exists else ["-b", branch, new, commit]
        await work.git("git_worktree", "worktree", "add", "--quiet", *words)
        text = f"Added a worktree of branch '{visible(branch)}'"
        return listed(text, [Row(name=shown_path(new), commit=commit, about=visible(branch))])


async def _known(work: Work) -> list[dict[str, str]]:
    text = await work.git("git_worktree", "worktree", "list", "--porcelain", "-z")
    return [
        dict(_pair(line) for line in block.split("\0") if line) for block in text.split("\0\0") if block.strip("\0")
    ]


def _pair(line: str) -> tuple[str, str]:
    key, _, value = line.partition(" ")
    return key, value


async def _worktrees(work: Work) -> Listed:
    rows = []
    for facts in await _known(work):
        path = facts.get("worktree", "")
        allowed = work.desk.roots.holding(parts_of(await offload(os.path.realpath, path))) is not None
        about = facts.get("branch", "").removeprefix("refs/heads/") or ("bare" if "bare" in facts else "detached")
        marks = [word for word in ("locked", "prunable") if word in facts]
        rows.append(
            Row(
                name=shown_path(path) if allowed else "(outside the allowed directories)",
                commit=facts.get("HEAD", ""),
                about=visible(", ".join([about[:SHORT], *marks])),
            )
        )
    return listed(f"{len(rows)} worktree{'s' if len(rows) != 1 else ''}:", rows)


async def _removed(work: Work, path: str) -> Listed:
    spot = work.desk.roots.locate(path, "path")
    real = await offload(os.path.realpath, spot.path)
    held = work.desk.roots.holding(parts_of(real))
    if held is None:
        raise work.desk.roots.outside(path, "path")
    if not held[0].writable:
        raise NotAllowed(f"path {quoted(spot.shown)} may only be read")
    known = [await offload(os.path.realpath, facts.get("worktree", "")) for facts in await _known(work)]
    if real not in known[1:]:
        raise NotFound(f"path {quoted(spot.shown)} is no further worktree", hint="git_worktree with action list")
    await work.allow(Use("git_worktree"))
    await work.git("git_worktree", "worktree", "remove", real)
    return listed(f"Removed the worktree {spot.shown}", [])
