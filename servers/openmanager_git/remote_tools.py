"""Remotes: list, add, fetch, pull and push; never a prompt, and only over https, ssh and inside the roots."""

from __future__ import annotations

import os
from typing import Annotated, Literal

from pydantic import Field

from openmanager_core.errors import Conflict, InvalidRequest, NotFound
from openmanager_core.job import offload
from openmanager_core.text import quoted, visible
from openmanager_git.complaints import inside, masked
from openmanager_git.conflicts import need_none
from openmanager_git.join_tools import merge, rebase
from openmanager_git.places import address_of
from openmanager_git.program import plain_value
from openmanager_git.remotes import Line, names, open_line
from openmanager_git.trust import Use
from openmanager_git.work import Work, changing
from openmanager_git.write_answers import Bench, Joined, Listed, RepoPath, Row, SkipHooks, listed, printed
from openmanager_kit.confined.names import shown_path

Remote = Annotated[str, Field(description="Name of a configured remote")]


async def git_remote(
    desk: Bench,
    repo_path: RepoPath,
    action: Literal["list", "add", "remove", "set_url"] = "list",
    name: Annotated[str, Field(description="Remote, for all but list")] = "",
    url: Annotated[str, Field(description="https or ssh address, or a repository inside the allowed directories")] = "",
    skip_hooks: SkipHooks = False,
) -> Listed:
    """List, add, remove or change remotes; credentials in addresses are not shown."""
    async with changing(desk, repo_path, skip_hooks=skip_hooks, bare=True, listing=action == "list") as work:
        if action == "list":
            rows = [
                Row(name=shown_path(line.middle), about=f"{masked(visible(line.value))}{kind}")
                for wanted, kind in (("url", ""), ("pushurl", " (push)"))
                for line in work.settings.under("remote", wanted)
            ]
            return listed(f"{len(rows)} remote{'s' if len(rows) != 1 else ''}" + (":" if rows else ""), rows)
        plain_value(name, "name", 250)
        known = names(work)
        if action == "add" and name in known:
            raise Conflict(f"remote {quoted(name, 60)} exists already", hint="action set_url changes its address")
        if action != "add" and name not in known:
            raise NotFound.named("remote", name, known, hint="git_remote with action list")
        if action == "remove":
            await work.allow(Use("git_remote", hooks=("reference-transaction",)))
            await work.git("git_remote", "remote", "remove", "--", name)
            return listed(f"Removed remote '{visible(name)}'", [])
        address = await offload(address_of, desk, url, "url", base=work.top, new=True)
        await work.allow(Use("git_remote"))
        words = ["add", "--", name, url] if action == "add" else ["set-url", "--", name, url]
        await work.git("git_remote", "remote", *words)
        done = "Added" if action == "add" else "Changed"
        return listed(f"{done} remote '{visible(name)}'", [Row(name=name, about=visible(address.shown))])


async def git_fetch(
    desk: Bench,
    repo_path: RepoPath,
    remote: Remote = "origin",
    prune: Annotated[bool, Field(description="Forget remote branches that are gone there")] = False,
    skip_hooks: SkipHooks = False,
) -> Listed:
    """Fetch branches and tags from a remote; answers which references changed."""
    async with changing(desk, repo_path, skip_hooks=skip_hooks, bare=True) as work:
        return await _fetched(work, remote, prune)


async def _fetched(work: Work, remote: str, prune: bool, *refspecs: str) -> Listed:
    use = Use("git_fetch", hooks=("reference-transaction",))
    line = await open_line(work, remote, use)
    before = await _references(work)
    flags = ["--prune"] if prune else []
    words = ["--quiet", "--no-recurse-submodules", "--no-auto-maintenance", *flags, *line.flags, "--", remote]
    done = await work.run("fetch", *words, *refspecs)
    if done.code != 0:
        raise await work.complaint("git_fetch", done)
    after = await _references(work)
    rows = [
        Row(name=shown_path(name), commit=after.get(name, ""), about=_change(before.get(name), after.get(name)))
        for name in dict.fromkeys((*after, *before))
        if before.get(name) != after.get(name)
    ]
    text = f"Fetched {visible(remote)}: {len(rows)} reference{'s' if len(rows) != 1 else ''} changed"
    answer = listed(text + (":" if rows else ""), rows, head=await work.head(), branch=await work.branch())
    return answer if rows else answer.model_copy(update={"status": "unchanged"})


def _change(old: str | None, new: str | None) -> str:
    if old is None:
        return "new"
    return f"was {old[:12]}" if new is not None else f"gone, was {old[:12]}"


async def _references(work: Work) -> dict[str, str]:
    done = await work.run("for-each-ref", "--format=%(if)%(symref)%(then)%(else)%(objectname) %(refname)%(end)")
    lines = filter(None, os.fsdecode(done.out).splitlines())
    return {name: commit for commit, _, name in (line.partition(" ") for line in lines)}


async def git_pull(
    desk: Bench,
    repo_path: RepoPath,
    remote: Remote = "origin",
    branch: Annotated[str, Field(description="Branch of the remote; empty: what the current branch follows")] = "",
    rebase_local: Annotated[bool, Field(description="Rebase local commits instead of merging")] = False,
    ff_only: Annotated[bool, Field(description="Refuse anything but a fast-forward")] = False,
    skip_hooks: SkipHooks = False,
) -> Joined:
    """Fetch a branch of a remote and bring it into the current one. Conflicts come back as a list of files."""
    if rebase_local and ff_only:
        raise InvalidRequest("rebase_local and ff_only exclude each other")
    async with changing(desk, repo_path, skip_hooks=skip_hooks) as work:
        await need_none(work)
        current = await work.branch()
        wanted = branch or _followed(work, current, remote) or current
        if not wanted:
            raise InvalidRequest("HEAD is detached, so no branch follows a remote one", hint="name the branch")
        plain_value(wanted, "branch")
        await _fetched(work, remote, False, f"refs/heads/{wanted}")
        work.protocols = ()
        commit = await work.commit_of("FETCH_HEAD", "branch")
        if rebase_local and await work.head():
            return await rebase(work, commit, "", what="git_pull")
        # The message names the branch, as git's own pull would.
        message = f"Merge branch '{wanted}' of {visible(remote)}"
        flags = ["--ff-only"] if ff_only else []
        return await merge(work, commit, commit, message="" if ff_only else message, flags=flags, what="git_pull")


def _followed(work: Work, current: str, remote: str) -> str:
    if not current or work.settings.value(f"branch.{current}.remote") != remote:
        return ""
    return work.settings.value(f"branch.{current}.merge").removeprefix("refs/heads/")


async def git_push(
    desk: Bench,
    repo_path: RepoPath,
    remote: Remote = "origin",
    branch: Annotated[str, Field(description="Local branch; empty: the current one")] = "",
    set_upstream: Annotated[bool, Field(description="Let the branch follow the remote one")] = False,
    tags: Annotated[bool, Field(description="Also push all tags")] = False,
    force_with_lease: Annotated[
        bool, Field(description="Replace the remote branch if it still is what was last fetched")
    ] = False,
    skip_hooks: SkipHooks = False,
) -> Listed:
    """Push a branch to the branch of the same name on a remote; never forced blindly."""
    async with changing(desk, repo_path, skip_hooks=skip_hooks, bare=True) as work:
        name = branch or await work.branch()
        if not name:
            raise InvalidRequest("HEAD is detached, so there is no current branch", hint="name the branch")
        plain_value(name, "branch")
        full = f"refs/heads/{name}"
        if not await work.has_ref(full):
            raise NotFound(f"branch {quoted(name, 100)} is no local branch with a commit", hint="git_branch")
        use = Use("git_push", hooks=("pre-push", "reference-transaction"), signs=("push.gpgsign",))
        line = await open_line(work, remote, use, push=True)
        flags = [
            *(["--set-upstream"] if set_upstream else []),
            *(["--tags"] if tags else []),
            *(await _lease(work, line, name) if force_with_lease else []),
        ]
        done = await work.run(
            "push", "--porcelain", "--no-recurse-submodules", *flags, *line.flags, "--", remote, f"{full}:{full}"
        )
        out = done.out.decode("utf-8", "replace")
        if done.code != 0:
            raise await work.complaint("git_push", done)
        rows = _pushed(out)
        said = printed(inside(done.err.decode("utf-8", "replace"), desk.roots))
        fresh = any(row.about != "up to date" for row in rows)
        text = f"Pushed to {visible(remote)}:" if fresh else "Everything up to date:"
        answer = listed(text, rows, head=await work.head(), branch=await work.branch(), said=said)
        return answer if fresh else answer.model_copy(update={"status": "unchanged"})


async def _lease(work: Work, line: Line, name: str) -> list[str]:
    """Name what the remote branch must still be: what was fetched last."""
    done = await work.run("rev-parse", "--verify", "--quiet", f"refs/remotes/{line.name}/{name}")
    if done.code != 0:
        raise NotFound(
            f"force_with_lease: branch {quoted(name, 100)} of the remote was never fetched", hint="git_fetch first"
        )
    return [f"--force-with-lease=refs/heads/{name}:{done.out.decode().strip()}"]


def _pushed(out: str) -> list[Row]:
    kinds = {"=": "up to date", "*": "new", "+": "forced", " ": "updated", "-": "deleted"}
    rows = []
    for line in out.splitlines():
        flag, tab, rest = line.partition("\t")
        if tab and flag in kinds:
            names_, _, about = rest.partition("\t")
            target = names_.rpartition(":")[2]
            rows.append(Row(name=visible(target), about=kinds[flag] + (f" {about}" if flag in " +" else "")))
    return rows
