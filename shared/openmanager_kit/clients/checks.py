"""Looks at every client's file, for `doctor`: found, readable, ours in it, and would it start. Changes nothing."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from openmanager_core.errors import FleetError
from openmanager_kit.clients import store
from openmanager_kit.clients.document import Document
from openmanager_kit.clients.entries import ANY_ROOT
from openmanager_kit.clients.formats import CLIENTS
from openmanager_kit.clients.ours import address_of, recall, words_of
from openmanager_kit.clients.places import INSTALLABLE, Machine, Scope, place, scopes_of
from openmanager_kit.clients.starting import is_ephemeral
from openmanager_kit.wording import said

State = Literal["absent", "readable", "unreadable"]


@dataclass(frozen=True, slots=True)
class EntryFinding:
    """One of our entries.

    Attributes
    ----------
    starts
        The program, or the address.
    problems
        What is wrong with it, in sentences; empty if nothing is.
    """

    name: str
    starts: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClientFinding:
    """One file of one client.

    Attributes
    ----------
    present
        Whether the client's folder is there, so that it is probably installed.
    problem
        Why it is unreadable.
    servers
        How many entries the file has in all, foreign ones too.
    """

    client: str
    title: str
    scope: Scope
    file: Path
    state: State
    present: bool
    problem: str = ""
    servers: int = 0
    entries: tuple[EntryFinding, ...] = ()


def check_clients(machine: Machine | None = None) -> list[ClientFinding]:
    """Look at the file of every client and scope."""
    machine = machine or Machine.this()
    return [_finding(client, scope, machine) for client in INSTALLABLE for scope in scopes_of(client)]


def _finding(client: str, scope: Scope, machine: Machine) -> ClientFinding:
    file = place(client, scope, machine)
    title = CLIENTS[client].title
    present = store.is_folder(file.parent) and file.parent not in (machine.home, machine.project)
    try:
        real = store.target(file)
        content = store.read(real)
        if content is None:
            return ClientFinding(client, title, scope, file, "absent", present)
        present = True
        document = Document(file, CLIENTS[client], content)
    except FleetError as exc:
        return ClientFinding(client, title, scope, file, "unreadable", True, exc.message)
    note = recall(machine.state, real)
    ours = {name: entry for name, entry in document.servers.items() if note.is_ours(name, entry)}
    entries = tuple(_entry(name, entry, machine.environ) for name, entry in ours.items())
    return ClientFinding(
        client, title, scope, file, "readable", present, servers=len(document.servers), entries=entries
    )


def _entry(name: str, entry: Mapping[str, Any], environ: Mapping[str, str]) -> EntryFinding:
    address = address_of(entry)
    if address:
        return EntryFinding(name, address)
    program, *args = words_of(entry)
    problems = []
    if not re.match(r"[/\\]|[A-Za-z]:[\\/]", program):
        problems.append(
            said("{program} is no absolute path: a client with a short PATH may not find it", program=program)
        )
        if not shutil.which(program, path=environ.get("PATH")):
            problems.append(said("{program} is not on the PATH", program=program))
    elif not Path(program).exists():
        problems.append(said("{program} does not exist", program=program))
    elif not (Path(program).is_file() and os.access(program, os.X_OK)):
        problems.append(said("{program} cannot be executed", program=program))
    if is_ephemeral(program, environ):
        problems.append(said("{program} lies in a cache that may be emptied", program=program))
    if ANY_ROOT in args:
        text = "{root} stands where a directory of yours belongs; install again with --root DIR"
        problems.append(said(text, root=ANY_ROOT))
    problems += [
        said("the profile {profile} does not exist", profile=name)
        for name in _profiles(args)
        if not Path(name).exists()
    ]
    roots = [args[i + 1] for i, word in enumerate(args[:-1]) if word == "--root" and args[i + 1] != ANY_ROOT]
    bare = [re.sub(r":r[ow]$", "", root) for root in roots]
    problems += [said("the root {root} is no directory", root=root) for root in bare if not Path(root).is_dir()]
    return EntryFinding(name, program, tuple(problems))


def _profiles(args: list[str]) -> list[str]:
    """Give the profiles that are files; a shipped one is a plain name."""
    named = [args[i + 1] for i, word in enumerate(args[:-1]) if word == "--config"]
    return [name for name in named if name.endswith(".toml")]
