"""Merges our entries into a document, and takes them out again; foreign entries are never touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from openmanager_core.errors import Conflict
from openmanager_kit.clients.document import INPUTS, Document
from openmanager_kit.clients.entries import GATEWAY, Entry
from openmanager_kit.clients.ours import Note, identity, starts_us
from openmanager_kit.registry import SERVERS

_STARTED = ("command", "args", "env_vars")
_REACHED = ("url", "httpUrl", "serverUrl", "headers", "bearer_token_env_var")
_ONLY_FIRST = ("startup_timeout_sec", "tool_timeout_sec")
"""Written with a new entry; afterwards they are the user's."""


@dataclass(slots=True)
class Report:
    """What became of each name.

    Attributes
    ----------
    left
        Once written by us, since then changed into something else by somebody else.
    """

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def merge(
    document: Document, entries: Sequence[Entry], note: Note, *, force: bool = False, beside: bool = False
) -> Report:
    """Make the entries stand in the document, and bring the note up to date.

    Parameters
    ----------
    force
        Also where a foreign entry has the name.
    beside
        Leave our other entries there, which otherwise go: a profile that lists fewer servers than the last one
        would keep what it dropped, and the gateway would show every tool twice.

    Raises
    ------
    Conflict
        If a foreign entry has one of the names.
    """
    wanted = {item.name: document.client.entry(item) for item in entries}
    foreign = [n for n in wanted if n in document.servers and not note.is_ours(n, document.servers[n])]
    if foreign and not force:
        raise Conflict(
            f"{document.client.root}.{', '.join(foreign)}, {document.file}: is there already and is not ours",
            hint="give --name NAME (with --gateway or --http), or --force to overwrite it",
        )
    before = document.whole  # read anew with each change, so this one stays
    report = Report()
    if not beside:
        usual = {*SERVERS, GATEWAY}
        for name in [n for n, e in document.servers.items() if n in usual - set(wanted) and starts_us(e)]:
            document.remove(name)
            note.entries.pop(name, None)
            report.removed.append(name)
    if document.client.root not in document.whole and document.client.root not in note.made:
        note.made.append(document.client.root)
    for name, entry in wanted.items():
        report_to = _set(document, name, entry, foreign=name in foreign)
        getattr(report, report_to).append(name)
        note.entries[name] = identity(entry)
    _ask(document, entries, note)
    _check(document, before, {*wanted, *report.removed})
    return report


def take_out(document: Document, note: Note) -> Report:
    """Remove every entry that is ours, the questions for secrets that only they had, and what we made for them."""
    report = Report()
    before = document.whole  # read anew with each change, so this one stays
    for name, entry in list(document.servers.items()):
        if note.is_ours(name, entry):
            document.remove(name)
            report.removed.append(name)
        elif name in note.entries:
            report.left.append(name)
    for asked in note.inputs:
        index = next((i for i, item in enumerate(document.inputs) if _id(item) == asked), -1)
        if index >= 0 and f"${{input:{asked}}}" not in document.text:
            document.remove_input(index)
    for key in note.made:
        document.drop_if_empty(key)
    _check(document, before, set(report.removed))
    note.entries, note.inputs, note.made = {}, [], []
    return report


def _set(document: Document, name: str, entry: dict[str, Any], *, foreign: bool) -> str:
    there = document.servers.get(name)
    if there is None:
        document.put(name, entry)
        return "added"
    gone = tuple(key for key in there if key not in entry) if foreign else _outdated(there, entry)
    values = {key: value for key, value in entry.items() if key not in _ONLY_FIRST or key not in there}
    if isinstance(there.get("env"), dict) and "command" in entry and not foreign:
        values["env"] = {**there["env"], **entry.get("env", {})}
    if not gone and all(there.get(key) == value for key, value in values.items()):
        return "same"
    document.put(name, {key: value for key, value in values.items() if there.get(key) != value}, gone)
    return "changed"


def _outdated(there: dict[str, Any], entry: dict[str, Any]) -> tuple[str, ...]:
    """Name the keys that contradict the new entry; what the user added beside stays."""
    remote = "command" not in entry
    keys = {*_STARTED, *_REACHED} | ({"env"} if remote else set())
    if ("command" in there) == remote:
        keys.add("type")
    return tuple(key for key in there if key in keys and key not in entry)


def _ask(document: Document, entries: Sequence[Entry], note: Note) -> None:
    there = {_id(item) for item in document.inputs}
    for asked in document.client.inputs(entries):
        if asked["id"] in there:
            continue
        if INPUTS not in document.whole and INPUTS not in note.made:
            note.made.append(INPUTS)
        document.add_input(asked)
        if asked["id"] not in note.inputs:
            note.inputs.append(asked["id"])


def _id(item: Any) -> Any:
    return item.get("id") if isinstance(item, dict) else None


def _check(document: Document, before: dict[str, Any], ours: set[str]) -> None:
    """Compare what is not ours before and after: a mistake of ours must never reach the file."""
    root = document.client.root

    def foreign(whole: dict[str, Any]) -> list[Any]:
        servers = [(name, entry) for name, entry in whole.get(root, {}).items() if name not in ours]
        changed = (root, INPUTS) if document.client.asks else (root,)
        return [servers, [(key, value) for key, value in whole.items() if key not in changed]]

    if foreign(before) != foreign(document.whole):
        raise Conflict(
            f"{document.file}: the change would have altered foreign parts, so nothing was written",
            hint="write the entry by hand (openmanager client-config prints it) and report this file's shape",
        )
