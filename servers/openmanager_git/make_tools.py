"""New repositories, inside the roots only: an empty one, or a clone."""

from __future__ import annotations

import os
import secrets
import shutil
from typing import Annotated

import anyio
from pydantic import Field

from openmanager_core.errors import Conflict, InvalidRequest
from openmanager_core.job import offload
from openmanager_core.text import quoted, visible
from openmanager_git import program
from openmanager_git.complaints import complaint
from openmanager_git.desk import Desk
from openmanager_git.places import Address, address_of, place_for_init, place_for_new, served_by
from openmanager_git.program import git, plain_value
from openmanager_git.remotes import protocols_of, serving_settings
from openmanager_git.repository import find
from openmanager_git.write_answers import Bench, Done
from openmanager_kit.confined.names import shown_path


async def git_init(
    desk: Bench,
    path: Annotated[str, Field(description="Directory inside the allowed ones; made if missing")],
    initial_branch: Annotated[str, Field(description="Its first branch")] = "main",
    bare: Annotated[bool, Field(description="Without a work tree, to push to")] = False,
) -> Done:
    """Make an empty repository."""
    plain_value(initial_branch, "initial_branch", 200)
    if (await git(None, "check-ref-format", "--branch", initial_branch, cwd="/")).code != 0:
        raise InvalidRequest(f"initial_branch {quoted(initial_branch, 100)} is no valid branch name")
    real = await offload(place_for_init, desk, path)
    flags = ["--bare"] if bare else []
    words = ("init", "--quiet", "--template=", f"--initial-branch={initial_branch}", *flags, "--", real)
    done = await git(None, *words, cwd="/")
    if done.code != 0:
        raise await offload(complaint, "git_init", done, desk.roots)
    return Done(status="done", message=f"Made an empty repository in {shown_path(real)}", branch=initial_branch)


async def git_clone(
    desk: Bench,
    url: Annotated[str, Field(description="https or ssh address, or a repository inside the allowed directories")],
    path: Annotated[str, Field(description="New directory inside the allowed ones")],
    branch: Annotated[str, Field(description="Branch or tag to check out; empty: the remote's own")] = "",
    depth: Annotated[int, Field(ge=0, le=1_000_000, description="Only so many commits; 0: all")] = 0,
) -> Done:
    """Copy a repository into a new directory; submodules are left alone, and nothing stays of a clone that fails."""
    if branch:
        plain_value(branch, "branch")
    address = await offload(address_of, desk, url, "url", new=True)
    target = await offload(place_for_new, desk, path, "path")
    above, _, name = target.rpartition("/")
    part = f"{above}/.{name[:100]}.{secrets.token_hex(4)}.part"
    try:
        await _cloned(desk, address, part, branch, depth)
        try:
            await offload(os.rename, part, target)
        except OSError as exc:
            raise Conflict(f"path {quoted(path)} was made by somebody else meanwhile", hint="another path") from exc
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lambda: shutil.rmtree(part, ignore_errors=True))
    place = await offload(find, desk, target)
    head = (await git(place, "rev-parse", "--verify", "--quiet", "HEAD")).out.decode().strip()
    current = os.fsdecode((await git(place, "symbolic-ref", "--quiet", "--short", "HEAD")).out).strip()
    text = f"Cloned {visible(address.shown)} into {shown_path(target)}"
    return Done(status="done", message=text, head=head, branch=current)


async def _cloned(desk: Desk, address: Address, part: str, branch: str, depth: int) -> None:
    flags = [*([f"--branch={branch}"] if branch else []), *([f"--depth={depth}"] if depth else [])]
    source = address.text
    if address.place is not None:
        # A copy through git's own protocol: the quick way would share files with a repository that others change.
        flags.append("--no-local")
        source = address.place.work_tree or address.place.git_dir
        serving = await serving_settings(desk, address.place, skip=False, push=False)
        if serving is not None:
            flags.append(f"--upload-pack={served_by('upload-pack', serving)}")
    more = {} if await _has_ssh_command() else {"GIT_SSH_COMMAND": "ssh -oBatchMode=yes"}
    done = await git(
        None,
        *("clone", "--quiet", "--template=", "--no-recurse-submodules", "--origin=origin", *flags, "--", source, part),
        protocols=protocols_of(address),
        more=more,
        cwd="/",  # not in the allowed directories, where a repository around it would have a say
    )
    if done.code != 0:
        raise await offload(complaint, "git_clone", done, desk.roots)


async def _has_ssh_command() -> bool:
    return (await program.git(None, "config", "--get", "core.sshCommand", cwd="/")).code == 0
