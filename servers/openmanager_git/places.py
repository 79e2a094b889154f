"""Where something new may be made, and which addresses may be spoken to: https, ssh, and what lies in the roots."""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from openmanager_core.errors import Conflict, InvalidRequest, NotAllowed, NotFound
from openmanager_core.text import quoted
from openmanager_git.complaints import masked
from openmanager_git.desk import Desk
from openmanager_git.program import plain_value
from openmanager_git.repository import Place, find
from openmanager_kit.confined.refusals import failures
from openmanager_kit.confined.walk import Entry, entry

_HELPER = re.compile(r"^[A-Za-z0-9][A-Za-z0-9+.-]*::")
_SCHEME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9+.-]*)://")
_SCP = re.compile(r"^(?:[^/@:\s]+@)?(?P<host>\[[^\]]+\]|[^/:\s]+):")
_SSH = ("ssh", "git+ssh", "ssh+git")
_ALLOWED = "https://..., ssh://..., user@host:path, or a repository inside the allowed directories"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a remote is.

    Attributes
    ----------
    transport
        ``https``, ``ssh`` or ``file``.
    place
        The repository, for ``file``.
    """

    text: str
    transport: str
    place: Place | None = None

    @property
    def shown(self) -> str:
        """The address without credentials."""
        return masked(self.text)


def address_of(desk: Desk, text: str, parameter: str, *, base: str = "", new: bool = False) -> Address:
    """Judge an address; one on this machine is looked up. Blocks.

    Parameters
    ----------
    base
        Directory that relative paths start at.
    new
        Whether the caller gave it: then it may not hold a password.

    Raises
    ------
    NotAllowed
        If its transport is none of the allowed, or it leads out of the roots.
    NotFound
        If it is a path, and there is no repository.
    """
    plain_value(text, parameter, 4000)
    refused = f"{parameter} {quoted(masked(text), 200)}"
    begin = text.partition("/")[0]
    if _HELPER.match(text) or ("::" in begin and "[" not in begin):
        raise NotAllowed(f"{refused}: addresses that run a helper program are refused", hint=_ALLOWED)
    scheme = _SCHEME.match(text)
    if scheme is not None:
        name = scheme.group(1).lower()
        if name in ("https", *_SSH):
            _check_host(text[scheme.end() :], refused, password=new)
            return Address(text, "https" if name == "https" else "ssh")
        if name != "file":
            raise NotAllowed(f"{refused}: transport {name} is refused", hint=_ALLOWED)
        rest = text[scheme.end() :]
        host, slash, path = rest.partition("/")
        if host not in ("", "localhost"):
            raise NotAllowed(f"{refused}: a file address with a host is refused", hint=_ALLOWED)
        return _local(desk, unquote(slash + path), text, parameter)
    scp = _SCP.match(text)
    if scp is not None:
        if scp.group("host").startswith("-"):
            raise NotAllowed(f"{refused}: a host must not begin with '-'", hint=_ALLOWED)
        return Address(text, "ssh")
    return _local(desk, text if text.startswith(("/", "~")) or not base else f"{base}/{text}", text, parameter)


def _check_host(rest: str, refused: str, *, password: bool) -> None:
    authority = rest.partition("/")[0]
    user, at, host = authority.rpartition("@")
    if host.startswith("-") or user.startswith("-") or not host:
        raise InvalidRequest(f"{refused} has no valid host", hint=_ALLOWED)
    if password and at and ":" in user:
        raise InvalidRequest(f"{refused} holds a password", hint="a credential helper or an SSH key of the user's")


def _local(desk: Desk, path: str, text: str, parameter: str) -> Address:
    place = find(desk, path)
    top = os.path.realpath(desk.roots.locate(path, parameter).path)
    if top not in {os.path.realpath(one) for one in (place.work_tree, place.git_dir) if one}:
        raise NotFound(f"{parameter} {quoted(text, 200)} is no repository, only a directory in one")
    return Address(text, "file", place)


def served_by(program: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Write the command that serves a local repository under settings of ours; git hands it to its shell.

    Git takes all settings of the caller away from it, so they are given again.
    """
    words = []
    for number, (key, value) in enumerate(found := list(pairs)):
        words.append(f"GIT_CONFIG_KEY_{number}={shlex.quote(key)} GIT_CONFIG_VALUE_{number}={shlex.quote(value)}")
    return " ".join([f"GIT_CONFIG_COUNT={len(found)}", *words, "git", program])


def place_for_new(desk: Desk, path: str, parameter: str) -> str:
    """Give the real path for a directory that is about to be made. Blocks.

    Raises
    ------
    Conflict
        If there is something already, other than an empty directory.
    NotAllowed
        If it lies outside of the roots, or where one may only read.
    """
    with entry(desk.roots.locate(path, parameter)) as found:
        found.need_writable()
        where = f"{parameter} {quoted(found.spot.shown)}"
        if found.is_root and not _empty(found):
            raise Conflict(f"{where} is an allowed directory itself, and not empty", hint="a directory in it")
        if found.stat is not None and not (stat.S_ISDIR(found.stat.st_mode) and _empty(found)):
            raise Conflict(f"{where} exists already and is not an empty directory", hint="another path")
        if ".git" in (part.lower() for part in found.parts):
            raise NotAllowed(f"{where} lies in a .git directory")
        return real_path(found)


def place_for_init(desk: Desk, path: str) -> str:
    """Give the real path of the directory that becomes a repository; it is made if it is missing. Blocks."""
    with entry(desk.roots.locate(path, "path")) as found:
        found.need_writable()
        where = f"path {quoted(found.spot.shown)}"
        if ".git" in (part.lower() for part in found.parts):
            raise NotAllowed(f"{where} lies in a .git directory")
        if found.stat is None:
            with failures(found.spot):
                os.mkdir(found.name, dir_fd=found.dir_fd)
        elif not stat.S_ISDIR(found.stat.st_mode):
            raise InvalidRequest(f"{where} is not a directory")
        real = real_path(found)
    if os.path.lexists(f"{real}/.git") or os.path.lexists(f"{real}/HEAD"):
        raise Conflict(f"{where} is a repository already", hint="git_status")
    return real


def real_path(found: Entry) -> str:
    """Give the absolute path of a held place, without links."""
    return "/".join((found.root.real.rstrip("/"), *found.parts))


def _empty(found: Entry) -> bool:
    fd = os.open(found.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=found.dir_fd)
    try:
        with os.scandir(fd) as entries:
            return next(entries, None) is None
    finally:
        os.close(fd)
