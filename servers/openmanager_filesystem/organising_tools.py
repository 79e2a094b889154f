"""The tools that make directories, and copy, move and delete files and trees."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from typing import Annotated

from pydantic import Field

from openmanager_core.errors import Conflict, InvalidRequest, NotAllowed, NotFound
from openmanager_core.job import offload
from openmanager_core.text import quoted
from openmanager_filesystem import trees
from openmanager_filesystem.desk import Desk, TheDesk
from openmanager_filesystem.parameters import AnyPath, Destination, Source
from openmanager_filesystem.storing import sync_directory
from openmanager_filesystem.system import rename_new
from openmanager_filesystem.trash import into_trash
from openmanager_kit.answers import Answer
from openmanager_kit.confined import walk
from openmanager_kit.confined.refusals import LISTED, failures
from openmanager_kit.confined.roots import Parts, Roots
from openmanager_kit.confined.walk import Entry


class Done(Answer):
    """What was done, in words."""

    done: str
    path: str = Field(description="Where it is now")
    entries: int = Field(default=1, description="Files and directories")

    def as_text(self) -> str:
        """The sentence alone says everything."""
        return self.done


async def create_directory(desk: TheDesk, path: AnyPath) -> Done:
    """Create a directory, and those above it; fine if it is there already."""
    return await offload(_create, desk, path)


async def move_file(desk: TheDesk, source: Source, destination: Destination) -> Done:
    """Move or rename a file or directory. Fails if the destination exists."""
    return await offload(_move, desk, source, destination)


async def copy_path(
    desk: TheDesk,
    source: Source,
    destination: Destination,
    overwrite: Annotated[bool, Field(description="Replace an existing file")] = False,
) -> Done:
    """Copy a file, or a directory with everything in it."""
    return await offload(_copy, desk, source, destination, overwrite)


async def delete_path(
    desk: TheDesk,
    path: AnyPath,
    permanent: Annotated[bool, Field(description="Delete for good instead of into the trash")] = False,
    recursive: Annotated[bool, Field(description="Also a directory that is not empty")] = False,
) -> Done:
    """Delete a file or directory: into .openmanager-trash of its allowed directory unless permanent."""
    return await offload(_delete, desk, path, permanent, recursive)


def _create(desk: Desk, path: str) -> Done:
    spot = desk.spot(path)
    # Up to the first directory that exists, then down again; each step is looked at by itself.
    ways = [
        type(spot)(spot.roots, spot.root, spot.parts[:count], spot.parameter) for count in range(len(spot.parts) + 1)
    ]
    missing = 0
    for missing, way in enumerate(reversed(ways)):  # noqa: B007 - the count is what is wanted
        try:
            with walk.entry(way) as found:
                if found.stat is not None:
                    if not stat.S_ISDIR(found.stat.st_mode):
                        raise InvalidRequest(f"path {quoted(way.shown)} exists already and is no directory")
                    break
        except NotFound:
            continue
    for way in ways[len(ways) - missing :]:
        with walk.entry(way) as found:
            found.need_writable()
            with failures(spot):
                try:
                    os.mkdir(found.name, dir_fd=found.dir_fd)
                except FileExistsError:
                    with walk.directory(way):  # somebody else was quicker; a file is refused
                        pass
                sync_directory(found.dir_fd)
    return Done(done=f"Successfully created directory {spot.shown}", path=spot.shown)


def _move(desk: Desk, source: str, destination: str) -> Done:
    origin, target = desk.spot(source, "source"), desk.spot(destination, "destination")
    with walk.entry(origin, follow=False) as old, walk.entry(target, follow=False) as new:
        status = old.need()
        _movable(old, desk.roots)
        old.need_writable()
        _free(new)
        _apart(old, new)
        directory = stat.S_ISDIR(status.st_mode)
        try:
            rename_new(old.name, old.dir_fd, new.name, new.dir_fd, directory=directory)
        except FileExistsError:
            raise _exists(new) from None
        except OSError as exc:
            if exc.errno != errno.EXDEV:
                with failures(target):
                    raise
            with failures(target):
                _copied(old, new)
            with failures(origin):
                trees.remove(old.name, old.dir_fd)
        sync_directory(new.dir_fd)
        sync_directory(old.dir_fd)
    return Done(done=f"Successfully moved {origin.shown} to {target.shown}", path=target.shown)


def _copy(desk: Desk, source: str, destination: str, overwrite: bool) -> Done:
    origin, target = desk.spot(source, "source"), desk.spot(destination, "destination")
    with walk.entry(origin) as old, walk.entry(target, follow=False) as new:
        status = old.need()
        if not (stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)):
            walk.need_regular(old)
        over = overwrite and new.stat is not None
        if over:
            new.need_writable()
            if not stat.S_ISREG(walk.need_regular(new).st_mode) or not stat.S_ISREG(status.st_mode):
                raise InvalidRequest(
                    "overwrite replaces a file by a file only", hint="delete_path the destination first"
                )
            if os.path.samestat(status, walk.need_regular(new)):
                raise InvalidRequest("source and destination are the same file")
        else:
            _free(new)
        _apart(old, new)
        with failures(target):
            copying = _copied(old, new, over=over)
        sync_directory(new.dir_fd)
    return Done(
        done=f"Successfully copied {origin.shown} to {target.shown} "
        f"({copying.entries:,} entries, {copying.bytes:,} bytes)",
        path=target.shown,
        entries=copying.entries,
    )


def _copied(old: Entry, new: Entry, *, over: bool = False) -> trees.Copying:
    """Copy under a temporary name first: nobody sees half a tree."""
    part, copying = f".openmanager-{secrets.token_hex(8)}.tmp", trees.Copying()
    directory = old.stat is not None and stat.S_ISDIR(old.stat.st_mode)
    try:
        copying.copy(old.name, old.dir_fd, part, new.dir_fd)
        if over:
            os.rename(part, new.name, src_dir_fd=new.dir_fd, dst_dir_fd=new.dir_fd)
        else:
            rename_new(part, new.dir_fd, new.name, new.dir_fd, directory=directory)
    except FileExistsError:
        trees.remove_quietly(part, new.dir_fd)
        raise _exists(new) from None
    except BaseException:
        trees.remove_quietly(part, new.dir_fd)
        raise
    return copying


def _delete(desk: Desk, path: str, permanent: bool, recursive: bool) -> Done:
    spot = desk.spot(path)
    with walk.entry(spot, follow=False) as found:
        status = found.need()
        _movable(found, desk.roots)
        found.need_writable()
        with failures(spot):
            if stat.S_ISDIR(status.st_mode) and not recursive and _filled(found):
                raise InvalidRequest(
                    f"path {quoted(spot.shown)} is a directory that is not empty", hint="recursive=true"
                )
            if permanent:
                count = trees.remove(found.name, found.dir_fd)
                sync_directory(found.dir_fd)
                return Done(done=f"Deleted {spot.shown} for good", path="", entries=count)
            where = into_trash(found)
    return Done(done=f"Moved {spot.shown} to the trash: {where}; move_file brings it back", path=where)


def _filled(found: Entry) -> bool:
    fd = os.open(found.name, LISTED, dir_fd=found.dir_fd)
    try:
        with os.scandir(fd) as entries:
            return next(entries, None) is not None
    finally:
        os.close(fd)


def _movable(found: Entry, roots: Roots) -> None:
    """Refuse to take away a root, or a directory that holds one."""
    where = f"{found.spot.parameter} {quoted(found.spot.shown)}"
    here = _real(found)
    for one in (*roots.roots, *(roots.narrowed_from.roots if roots.narrowed_from else ())):
        if one.parts == here:
            raise NotAllowed(f"{where} is an allowed directory itself")
        if one.parts[: len(here)] == here:
            raise NotAllowed(f"{where} holds an allowed directory", hint="a directory or file beside it")
    if found.is_root:
        raise NotAllowed(f"{where} is an allowed directory itself")


def _free(new: Entry) -> None:
    new.need_writable()
    if new.stat is not None:
        raise _exists(new)


def _exists(new: Entry) -> Conflict:
    return Conflict(f"Destination already exists: {quoted(new.spot.shown)}", hint="another destination")


def _apart(old: Entry, new: Entry) -> None:
    here, there = _real(old), _real(new)
    if there[: len(here)] == here and old.stat is not None and stat.S_ISDIR(old.stat.st_mode):
        raise InvalidRequest(
            f"destination {quoted(new.spot.shown)} lies inside of source", hint="a place outside of it"
        )


def _real(found: Entry) -> Parts:
    return (*found.root.parts, *found.parts)
