"""All files of an add, or none: staged beside their places, put in place by renaming, finished or undone after a crash.

1. The journal says what will be touched. 2. New contents are written beside their places and brought to disk; what
will be replaced gets a second name. 3. The journal turns to ``committing``. 4. Each file takes its name; a file that is
no longer what the plan was made of stops this, and everything is put back. 5. Second names and journal go away.

A process that is killed before 3 leaves the old state, one that is killed later the new one, as soon as the next add
in this project has looked at the journal. Adds in one workspace exclude each other by a lock on its folder.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import posixpath
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from openmanager_core.errors import Conflict, FleetError, NotAllowed, NotFound, StorageUnavailable
from openmanager_core.job import checkpoint
from openmanager_core.text import quoted
from openmanager_kit.confined import walk
from openmanager_kit.confined.refusals import LISTED, failures, kind
from openmanager_kit.confined.roots import Roots
from openmanager_kit.confined.walk import Entry
from openmanager_shadcn.adding.journal import Journal, Step
from openmanager_shadcn.adding.places import CLOSED
from openmanager_shadcn.adding.plan import Change
from openmanager_shadcn.adding.system import System

_PATIENCE_S = 10.0
_STEP_S = 0.02
_LARGEST = 64 * 1024 * 1024
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def alone(roots: Roots, folder: str) -> Iterator[None]:
    """Let nobody else add in this folder while the block runs.

    Raises
    ------
    Conflict
        If somebody else does for ten seconds.
    """
    with walk.directory(roots.locate(folder, "project")) as fd:
        until = monotonic() + _PATIENCE_S
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                checkpoint()
                if monotonic() > until:
                    raise Conflict("another add in this project is under way", hint="again in a moment") from None
                sleep(_STEP_S)
            except OSError:  # a file system without locks
                break
        yield


@dataclass
class Writer:
    """Writes the files of one add; used inside of `alone`.

    Attributes
    ----------
    home
        The server's own folder, for the journal.
    folder
        The workspace's folder.
    """

    roots: Roots
    folder: str
    home: Path
    system: System

    def write(self, changes: Sequence[Change]) -> None:
        """Put all contents in place.

        Raises
        ------
        Conflict
            If a file has changed since the plan was made.
        NotAllowed
            If a place may not be written.
        StorageUnavailable
            If something could not be written; nothing has changed then.
        """
        if not changes:
            return
        folders = [self._real(folder) for folder in self._missing_folders(changes)]
        steps = [self._step(change) for change in changes]
        journal = Journal(self.home, self._real(self.folder), self.system)
        journal.begin(folders, steps)
        try:
            for folder in folders:
                self._make_folder(folder)
            for step, change in zip(steps, changes, strict=True):
                checkpoint()
                self._stage(step, change)
            self._sync(steps)
            journal.turn("committing")
        except BaseException as exc:
            with suppress(OSError, FleetError):  # what cannot be cleared away now is when the next add begins
                self._clear(folders, steps)
                journal.end()
            raise self._said(exc) from exc
        try:
            for step, change in zip(steps, changes, strict=True):
                self._place(step, change)
            self._sync(steps)
        except BaseException as exc:
            self._back(journal, folders, steps)
            raise self._said(exc) from exc
        # Everything is in place: what is left over now is only untidy, and the next add looks after it.
        with suppress(OSError, FleetError):
            self._clear([], steps)
            journal.end()

    def pending(self) -> bool:
        """Tell whether an earlier add was interrupted; changes nothing in the project."""
        return Journal(self.home, self._real(self.folder), self.system).pending() is not None

    def recover(self) -> str:
        """Finish or undo what an add that was killed left behind; says what was done, empty if there was nothing.

        Raises
        ------
        StorageUnavailable
            If that is not possible now.
        """
        journal = Journal(self.home, self._real(self.folder), self.system)
        found = journal.pending()
        if found is None:
            return ""
        state, folders, steps = found
        try:
            if state == "committing":
                for step in steps:
                    self._go_on(step)
                self._clear([], steps)
            else:
                if state == "undoing":
                    for step in reversed(steps):
                        self._put_back(step)
                self._clear(folders, steps)
        except (OSError, FleetError) as exc:
            raise StorageUnavailable(
                "an earlier add was interrupted and cannot be brought to an end: "
                f"{exc.message if isinstance(exc, FleetError) else exc.strerror}",
                hint="make the project's folder writable, free some space, or serve the whole project, then again",
            ) from exc
        journal.end()
        done = "finished" if state == "committing" else "undone"
        return f"an earlier add, which was interrupted, was {done} first"

    # -- before -------------------------------------------------------------------------------------------------

    def _missing_folders(self, changes: Sequence[Change]) -> list[str]:
        missing: dict[str, None] = {}
        for change in changes:
            at, way = posixpath.dirname(change.path), []
            while at not in missing and not self._there(at):
                way.append(at)
                at = posixpath.dirname(at)
            missing.update(dict.fromkeys(reversed(way)))
        return list(missing)

    def _there(self, path: str) -> bool:
        spot = self.roots.locate(path)
        try:
            with walk.entry(spot) as found:
                if found.stat is not None and not stat.S_ISDIR(found.stat.st_mode):
                    raise Conflict(f"{quoted(spot.shown)} is {kind(found.stat)}, and a file is to go below it")
                return found.stat is not None
        except NotFound:
            return False

    def _step(self, change: Change) -> Step:
        path = self._real(change.path)
        if change.old is not None:
            with walk.entry(self.roots.locate(path)) as found:
                found.need_writable()
                # A link that stays inside is written through: from here on only its target is spoken of.
                path = "/".join((found.root.real.rstrip("/"), *found.parts))
        mark = secrets.token_hex(8)
        kept = f".openmanager-{mark}.old" if change.old is not None else ""
        return Step(path, f".openmanager-{mark}.tmp", kept, _digest(change.old), _digest(change.new))

    # -- staging ------------------------------------------------------------------------------------------------

    def _make_folder(self, path: str) -> None:
        spot = self.roots.locate(path)
        with walk.entry(spot, follow=False) as found:
            found.need_writable()
            with failures(spot), suppress(FileExistsError):
                self.system.mkdir(found.name, dir_fd=found.dir_fd)

    def _stage(self, step: Step, change: Change) -> None:
        with self._entry(step) as found:
            found.need_writable()
            if any(part.casefold() in CLOSED for part in found.parts):
                raise NotAllowed(f"{quoted(found.spot.shown)} leads through a symbolic link into a closed folder")
            with failures(found.spot):
                self._check(step, found)
                old = found.stat
                fd = self.system.open(step.part, _NEW, 0o666 if old is None else 0o600, dir_fd=found.dir_fd)
                try:
                    self.system.write(fd, change.new)
                    if old is not None:
                        with suppress(PermissionError):
                            os.fchown(fd, old.st_uid, old.st_gid)
                        os.fchmod(fd, stat.S_IMODE(old.st_mode))
                    self.system.fsync(fd)
                finally:
                    os.close(fd)
                if old is not None:
                    self._keep(step, found, change.old or b"")

    def _keep(self, step: Step, found: Entry, data: bytes) -> None:
        try:
            self.system.link(found.name, step.kept, dir_fd=found.dir_fd)
        except OSError as exc:
            if exc.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
                raise
            fd = self.system.open(step.kept, _NEW, 0o600, dir_fd=found.dir_fd)
            try:
                self.system.write(fd, data)
                os.fchmod(fd, stat.S_IMODE(found.need().st_mode))
                self.system.fsync(fd)
            finally:
                os.close(fd)

    # -- committing ---------------------------------------------------------------------------------------------

    def _place(self, step: Step, change: Change) -> None:
        with self._entry(step) as found, failures(found.spot):
            self._check(step, found)
            self._take_name(step, found)

    def _take_name(self, step: Step, found: Entry) -> None:
        if step.old:
            self.system.rename(step.part, found.name, dir_fd=found.dir_fd)
            return
        try:
            self.system.link(step.part, found.name, dir_fd=found.dir_fd)
        except FileExistsError:
            raise self._changed(found) from None
        except OSError as exc:
            if exc.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
            self.system.rename(step.part, found.name, dir_fd=found.dir_fd)

    def _check(self, step: Step, found: Entry) -> None:
        """Refuse to go on if a file is not what the plan was made of."""
        if self._now(found) != step.old:
            raise self._changed(found)

    def _changed(self, found: Entry) -> Conflict:
        return Conflict(
            f"{quoted(found.spot.shown)} was changed by somebody else meanwhile; nothing was written",
            hint="plan_add again",
        )

    # -- backwards, and after a crash ----------------------------------------------------------------------------

    def _back(self, journal: Journal, folders: Sequence[str], steps: Sequence[Step]) -> None:
        try:
            journal.turn("undoing")
            for step in reversed(steps):
                self._put_back(step)
            self._clear(folders, steps)
            journal.end()
        except (OSError, FleetError) as exc:
            raise StorageUnavailable(
                f"the add failed half-way and could not be undone yet: {getattr(exc, 'strerror', exc)}",
                hint="add_components again brings it to an end first",
            ) from exc

    def _put_back(self, step: Step) -> None:
        with suppress(NotFound), self._entry(step) as found:
            if self._now(found) != step.new:
                return
            if step.old and _status(step.kept, found.dir_fd) is not None:
                self.system.rename(step.kept, found.name, dir_fd=found.dir_fd)
            elif not step.old:
                self.system.unlink(found.name, dir_fd=found.dir_fd)

    def _go_on(self, step: Step) -> None:
        with suppress(NotFound, Conflict), self._entry(step) as found:
            # What somebody has changed since then is theirs.
            if self._now(found) == step.old and _status(step.part, found.dir_fd) is not None:
                self._take_name(step, found)

    def _clear(self, folders: Sequence[str], steps: Sequence[Step]) -> None:
        """Take away what lies beside the files, and folders that were made for nothing."""
        for step in steps:
            with suppress(NotFound), self._entry(step) as found:
                for name in filter(None, (step.part, step.kept)):
                    with suppress(FileNotFoundError):
                        self.system.unlink(name, dir_fd=found.dir_fd)
        for folder in reversed(folders):
            with suppress(NotFound), walk.entry(self.roots.locate(folder), follow=False) as found:
                try:
                    self.system.rmdir(found.name, dir_fd=found.dir_fd)
                except OSError as exc:
                    if exc.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR):
                        raise

    # -- small things -------------------------------------------------------------------------------------------

    def _real(self, path: str) -> str:
        """Name a place by its root's real path, which is the same for whoever looks at the journal."""
        spot = self.roots.locate(path)
        return "/".join((spot.root.real.rstrip("/"), *spot.parts))

    @contextmanager
    def _entry(self, step: Step) -> Iterator[Entry]:
        with walk.entry(self.roots.locate(step.path), follow=False) as found:
            yield found

    def _now(self, found: Entry) -> str:
        """Give the digest of what is there now; empty if nothing is, and no digest if it is no plain file."""
        status = _status(found.name, found.dir_fd)
        if status is None:
            return ""
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            return "another"
        fd = walk.open_regular(found)
        digest = hashlib.sha256(usedforsecurity=False)
        try:
            while block := os.read(fd, 1 << 20):
                digest.update(block)
        finally:
            os.close(fd)
        return digest.hexdigest()

    def _sync(self, steps: Sequence[Step]) -> None:
        for folder in {posixpath.dirname(step.path) for step in steps}:
            with walk.entry(self.roots.locate(folder)) as found, suppress(PermissionError):
                fd = os.open(found.name, LISTED, dir_fd=found.dir_fd)
                try:
                    self.system.fsync(fd)
                finally:
                    os.close(fd)

    def _said(self, exc: BaseException) -> BaseException:
        """Say in our words what went wrong."""
        if isinstance(exc, OSError):
            full = exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            return StorageUnavailable(
                f"the add could not be written: {'the disk is full' if full else exc.strerror}; nothing was changed",
                hint="free some space" if full else "look at the permissions of the project's folders",
            )
        return exc


def _status(name: str, dir_fd: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _digest(data: bytes | None) -> str:
    return "" if data is None else hashlib.sha256(data, usedforsecurity=False).hexdigest()
