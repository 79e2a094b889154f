"""Installs into a client's file, uninstalls from it and puts the last copy back; each says what it did or would do."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from openmanager_core.errors import Conflict, InvalidRequest, NotFound, StorageUnavailable
from openmanager_kit.clients import store
from openmanager_kit.clients.document import Document
from openmanager_kit.clients.entries import Entry
from openmanager_kit.clients.formats import CLIENTS
from openmanager_kit.clients.merging import Report, merge, take_out
from openmanager_kit.clients.ours import Note, recall, remember
from openmanager_kit.clients.places import Machine, Scope, place

_TRIES = 20


@dataclass(frozen=True, slots=True)
class Change:
    """What was done, or with ``--dry-run`` would be.

    Attributes
    ----------
    file
        The client's file, and behind its symlinks `target`.
    before, after
        Its bytes; None where there is no file.
    backup
        The dated copy that was made or, for a restoration, used.
    new_folder
        Whether the client's folder was not there: it may not be installed.
    foreign
        For a restoration: whether foreign parts differ too.
    """

    file: Path
    target: Path
    before: bytes | None
    after: bytes | None
    report: Report
    backup: Path | None = None
    new_folder: bool = False
    foreign: bool = False

    @property
    def diff(self) -> str:
        """The change as a unified diff; empty for none."""
        old, new = (part.decode("utf-8", "replace").splitlines() for part in (self.before or b"", self.after or b""))
        lines = list(difflib.unified_diff(old, new, str(self.file), str(self.file), lineterm=""))
        return "".join(f"{line}\n" for line in lines)


def install(
    client: str,
    scope: Scope,
    machine: Machine,
    entries: Sequence[Entry],
    *,
    force: bool = False,
    beside: bool = False,
    dry_run: bool = False,
) -> Change:
    """Make the entries stand in the client's file.

    Raises
    ------
    FleetError
        If the file cannot be read, changed or written; names it.
    """

    def edit(document: Document, note: Note) -> Report:
        return merge(document, entries, note, force=force, beside=beside)

    return _changed(client, scope, machine, edit, dry_run=dry_run, make=True)


def uninstall(client: str, scope: Scope, machine: Machine, *, dry_run: bool = False) -> Change:
    """Take out exactly what is ours; failures as `install`."""
    return _changed(client, scope, machine, take_out, dry_run=dry_run, make=False)


def restore(client: str, scope: Scope, machine: Machine, *, force: bool = False, dry_run: bool = False) -> Change:
    """Put the last dated copy back, which is used up by that; `force` even if foreign parts changed since.

    Raises
    ------
    NotFound
        If there is no copy.
    """
    file = place(client, scope, machine)
    real = store.target(file)
    copies = store.backups(real)
    if not copies:
        raise NotFound(f"{file}: there is no dated copy beside it", hint=f"openmanager uninstall {client}")
    last = copies[-1]
    current = store.read(real)
    old = None if store.was_absent(last) else store.read(last)
    note = recall(machine.state, real)
    same = _foreign(client, real, current, note) == _foreign(client, real, old, note)
    change = Change(file, real, current, old, Report(), last, foreign=not same)
    if dry_run or (change.foreign and not force):
        return change
    with _alone(real, machine):
        if change.foreign:
            store.back_up(real, current)
        if old is None:
            if store.read(real) != current:
                raise Conflict(f"{file}: was changed meanwhile", hint="run it again")
            real.unlink(missing_ok=True)
        else:
            try:
                store.replace(real, current, old)
            except store.ChangedMeanwhile:
                raise Conflict(f"{file}: was changed meanwhile", hint="run it again") from None
        last.unlink(missing_ok=True)
        servers = Document(real, CLIENTS[client], old).servers
        note.entries = {name: said for name, said in note.entries.items() if name in servers}
        remember(machine.state, real, note if note.entries else Note())
    return change


def _changed(
    client: str, scope: Scope, machine: Machine, edit: Callable[[Document, Note], Report], *, dry_run: bool, make: bool
) -> Change:
    file = place(client, scope, machine)
    real = store.target(file)
    new_folder = not store.is_folder(real.parent)
    if not make and store.read(real) is None:
        return Change(file, real, None, None, Report())
    if dry_run:
        return _tried(client, file, real, machine, edit, new_folder)[0]
    if new_folder:
        # A conflict or an entry that cannot be written must not leave an empty folder behind.
        _tried(client, file, real, machine, edit, new_folder)
        store.make_folder(real.parent)
    with _alone(real, machine):
        for _ in range(_TRIES):
            change, note = _tried(client, file, real, machine, edit, new_folder)
            if change.after == change.before or change.after is None:
                remember(machine.state, real, note)
                return change
            backup = store.back_up(real, change.before)
            try:
                store.replace(real, change.before, change.after, fresh=0o644 if scope == "project" else 0o600)
            except store.ChangedMeanwhile:  # the client wrote: begin again with what it wrote
                backup.unlink(missing_ok=True)
                continue
            remember(machine.state, real, note)
            return Change(file, real, change.before, change.after, change.report, backup, new_folder)
    raise Conflict(f"{file}: something else keeps writing it", hint="close the client and run it again")


def _tried(
    client: str,
    file: Path,
    real: Path,
    machine: Machine,
    edit: Callable[[Document, Note], Report],
    new_folder: bool,
) -> tuple[Change, Note]:
    before = store.read(real)
    note = recall(machine.state, real)
    document = Document(file, CLIENTS[client], before)
    untouched = document.text
    report = edit(document, note)
    after = document.content if document.text != untouched else before
    return Change(file, real, before, after, report, new_folder=new_folder), note


@contextlib.contextmanager
def _alone(real: Path, machine: Machine) -> Iterator[None]:
    try:
        machine.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise StorageUnavailable(
            f"{machine.state}: cannot be made: {exc.strerror or exc}", hint="name another folder in OPENMANAGER_HOME"
        ) from exc
    with store.locked(real.parent, machine.state):
        yield


def _foreign(client: str, file: Path, content: bytes | None, note: Note) -> str:
    """Give what is not ours; two texts with the same are alike for everybody else."""
    try:
        document = Document(file, CLIENTS[client], content)
    except InvalidRequest:
        return f"unreadable {content!r}"
    # Keys that are empty without us count as absent: we may have made them, or not.
    take_out(document, Note(dict(note.entries), list(note.inputs), [CLIENTS[client].root, "inputs"]))
    return document.essence()
