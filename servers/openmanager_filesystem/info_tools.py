"""The tools that say what a file is and which directories are allowed."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime

from pydantic import Field

from openmanager_core.job import offload
from openmanager_filesystem import versions
from openmanager_filesystem.desk import Desk, TheDesk
from openmanager_filesystem.parameters import AnyPath
from openmanager_filesystem.system import born_s
from openmanager_kit.answers import Answer
from openmanager_kit.confined import walk
from openmanager_kit.confined.names import shown_path
from openmanager_kit.confined.refusals import failures, kind

_VERSION_BYTES = 1024 * 1024


class FileInfo(Answer):
    """What the file system knows of a path."""

    path: str
    type: str = Field(description="In words")
    size: int = Field(description="Bytes")
    created: str | None = Field(description="Null where the system does not know")
    modified: str
    accessed: str
    is_directory: bool
    is_file: bool
    permissions: str = Field(description="Octal")
    owner: str = Field(description="user:group")
    names: int = Field(description="Hard links")
    link_target: str | None = Field(default=None, description="Where a symbolic link points; null for anything else")
    version: str | None = Field(default=None, description="Of a file of up to 1 MiB; null otherwise")

    def as_text(self) -> str:
        """The peer's lines, then ours."""
        lines = [
            f"size: {self.size}",
            f"created: {self.created or 'unknown'}",
            f"modified: {self.modified}",
            f"accessed: {self.accessed}",
            f"isDirectory: {str(self.is_directory).lower()}",
            f"isFile: {str(self.is_file).lower()}",
            f"permissions: {self.permissions}",
            f"type: {self.type}",
            f"owner: {self.owner}",
        ]
        lines += [f"links: {self.names}"] if self.names > 1 and not self.is_directory else []
        lines += [f"linkTarget: {self.link_target}"] if self.link_target is not None else []
        lines += [f"version: {self.version}"] if self.version else []
        return "\n".join(lines)


class AllowedDirectories(Answer):
    """Where this server may work."""

    directories: list[str]
    read_only: list[str] = Field(description="Those of them that may only be read")
    narrowed: bool = Field(description="Whether the client's own roots left some of them out")

    def as_text(self) -> str:
        """The peer's lines, with a mark where only reading is allowed."""
        marked = [f"{path} [read-only]" if path in self.read_only else path for path in self.directories]
        note = ["(narrowed to the roots that the client offers)"] if self.narrowed else []
        return "\n".join(["Allowed directories:", *marked, *note])


async def get_file_info(desk: TheDesk, path: AnyPath) -> FileInfo:
    """Size, times, type, owner and permissions of a file or directory; of a link itself, with its target."""
    return await offload(_info, desk, path)


async def list_allowed_directories(desk: TheDesk) -> AllowedDirectories:
    """The directories that this server may use, and which of them may only be read."""
    roots = desk.roots
    return AllowedDirectories(
        directories=[shown_path(root.given) for root in roots.roots],
        read_only=[shown_path(root.given) for root in roots.roots if not root.writable],
        narrowed=roots.narrowed_from is not None,
    )


def _info(desk: Desk, path: str) -> FileInfo:
    spot = desk.spot(path)
    with walk.entry(spot, follow=False) as found, failures(spot):
        status = found.need()
        target = version = None
        if stat.S_ISLNK(status.st_mode):
            target = shown_path(os.readlink(found.name, dir_fd=found.dir_fd))
        if stat.S_ISREG(status.st_mode) and status.st_size <= _VERSION_BYTES and _readable(found):
            fd = walk.open_regular(found)
            try:
                version = versions.measured(fd, os.fstat(fd)).version
            finally:
                os.close(fd)
        born = born_s(found.name, found.dir_fd)
    return FileInfo(
        path=spot.shown,
        type=kind(status).removeprefix("a ").removeprefix("an "),
        size=status.st_size,
        created=None if born is None else _moment(born),
        modified=_moment(status.st_mtime),
        accessed=_moment(status.st_atime),
        is_directory=stat.S_ISDIR(status.st_mode),
        is_file=stat.S_ISREG(status.st_mode),
        permissions=f"{status.st_mode & 0o777:o}",
        owner=_owner(status),
        names=status.st_nlink,
        link_target=target,
        version=version,
    )


def _readable(found: walk.Entry) -> bool:
    return os.access(found.name, os.R_OK, dir_fd=found.dir_fd)


def _moment(time_s: float) -> str:
    """Write a time as the reference server does, always in UTC."""
    try:
        return f"{datetime.fromtimestamp(time_s, UTC):%a %b %d %Y %H:%M:%S} GMT+0000 (Coordinated Universal Time)"
    except (ValueError, OverflowError, OSError):
        return f"{time_s:.0f} s since 1970"


def _owner(status: os.stat_result) -> str:
    import grp
    import pwd

    try:
        user = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        user = str(status.st_uid)
    try:
        group = grp.getgrgid(status.st_gid).gr_name
    except KeyError:
        group = str(status.st_gid)
    return f"{user}:{group}"
