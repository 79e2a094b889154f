"""Speaking to a remote: which one, over which transport, and under which settings on both sides."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from openmanager_core.errors import Conflict, NotAllowed, NotFound
from openmanager_core.job import offload
from openmanager_core.text import quoted
from openmanager_git import trust
from openmanager_git.configured import settings_of
from openmanager_git.desk import Desk
from openmanager_git.places import Address, address_of, served_by
from openmanager_git.program import ALWAYS, plain_value
from openmanager_git.repository import Place
from openmanager_git.trust import Use
from openmanager_git.work import Work
from openmanager_kit.confined.names import shown_path

_RECEIVING = (
    "pre-receive",
    "update",
    "post-receive",
    "post-update",
    "proc-receive",
    "push-to-checkout",
    "reference-transaction",
)


@dataclass(frozen=True, slots=True)
class Line:
    """A remote that may be spoken to.

    Attributes
    ----------
    flags
        Words for git that say how the other side is served, if it is on this machine.
    """

    name: str
    address: Address
    flags: tuple[str, ...]


def names(work: Work) -> list[str]:
    """Name the configured remotes."""
    return list(dict.fromkeys(line.middle for line in work.settings.under("remote", "url")))


async def open_line(work: Work, name: str, use: Use, *, push: bool = False) -> Line:
    """Check a remote and let `work` speak to it: from here on its transport is allowed.

    Raises
    ------
    NotFound
        If there is no such remote.
    NotAllowed
        If its address is refused, or programs of an untrusted repository would run, here or on the other side.
    """
    plain_value(name, "remote", 250)
    if name not in names(work):
        raise NotFound.named("remote", name, names(work), hint="git_remote with action add")
    text = await work.git(use.what, "remote", "get-url", "--all", *(["--push"] if push else []), "--", name)
    urls = os.fsdecode(text.encode()).splitlines()
    if len(urls) != 1:
        raise Conflict(f"remote {quoted(name, 60)} has {len(urls)} addresses, and only one is used at a time")
    address = await offload(address_of, work.desk, urls[0], "remote", base=work.top)
    await work.allow(replace(use, remote=name, transport=address.transport))
    return Line(name, address, await connect(work, address, skip=work.skip, push=push, tame=work.tame))


async def connect(work: Work, address: Address, *, skip: bool, push: bool, tame: bool) -> tuple[str, ...]:
    """Allow the transport of an address; gives the words that say how the other side is served."""
    work.protocols = protocols_of(address)
    ssh = trust.ssh_command(work.settings, tame=tame)
    if ssh is not None:
        work.more["GIT_SSH_COMMAND"] = ssh
    flag, program = ("--receive-pack", "git-receive-pack") if push else ("--upload-pack", "git-upload-pack")
    if address.place is None:
        return ()
    serving = await serving_settings(work.desk, address.place, skip=skip, push=push)
    return (f"{flag}={served_by(program.removeprefix('git-'), serving)}",) if serving is not None else ()


def protocols_of(address: Address) -> tuple[str, ...]:
    """Give the one transport that may be used."""
    return (address.transport,)


async def serving_settings(desk: Desk, place: Place, *, skip: bool, push: bool) -> list[tuple[str, str]] | None:
    """Give the settings under which a local repository serves; None if it is trusted and serves as it likes.

    Raises
    ------
    NotAllowed
        If something is pushed to where one may only read, or programs of an untrusted one would run.
    """
    shown = shown_path(place.path)
    if push and not place.writable:
        raise NotAllowed(f"the remote {quoted(shown)} lies where one may only read")
    if place.trusted and not skip:
        return None
    top = place.work_tree or place.git_dir
    settings = await settings_of(place, top)
    if push and not skip:
        use = Use("pushing to it", hooks=_RECEIVING)
        await trust.refuse_programs(use, settings, "", common_dir=place.common_dir, top=top, shown=shown)
    inert = [("receive.denyCurrentBranch", "refuse"), ("receive.autogc", "false")]
    return [*ALWAYS, *trust.overrides(settings, top), *inert]
