"""Tells our entries from foreign ones: by the words that start them, or by what we remember to have written.

An address says nothing about who wrote it, so entries over HTTP are remembered, in a small file of our own state.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from openmanager_core.files import written

_PROGRAMS = ("openmanager", "openmanager-mcp", "openmanager_kit")
_ADDRESSES = ("url", "httpUrl", "serverUrl")
_MEMORY = "clients.json"


def words_of(entry: Any) -> tuple[str, ...]:
    """Give program and arguments of an entry; empty if it starts nothing."""
    if not isinstance(entry, Mapping):
        return ()
    held: Any = entry.get("command")
    if isinstance(held, Mapping):  # Zed's older notation
        command, args = held.get("path"), held.get("args", [])
    else:
        command, args = held, entry.get("args", [])
    if not isinstance(command, str) or not isinstance(args, list):
        return ()
    return (command, *(str(word) for word in args))


def address_of(entry: Any) -> str:
    """Give the address of an entry; empty if it has none."""
    found = [entry.get(key) for key in _ADDRESSES] if isinstance(entry, Mapping) else []
    return next((address for address in found if isinstance(address, str)), "")


def starts_us(entry: Any) -> bool:
    """Say whether these words start `openmanager serve`, however the program is reached."""
    words = words_of(entry)
    for before, word in pairwise(words):
        stem = re.split(r"[\\/]", before)[-1].lower().removesuffix(".exe")
        if word == "serve" and stem in _PROGRAMS:
            return True
    return False


def identity(entry: Any) -> str:
    """Say what an entry reaches, in one text: two entries with the same one are the same server."""
    return address_of(entry) or json.dumps(words_of(entry), ensure_ascii=True)


@dataclass(slots=True)
class Note:
    """What we remember of one file.

    Attributes
    ----------
    entries
        Name to identity of what we wrote.
    inputs
        Inputs (VS Code's questions for secrets) that we added.
    made
        Keys of the whole that came with us: the object of the servers, the list of inputs.
    """

    entries: dict[str, str] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)

    def is_ours(self, name: str, entry: Any) -> bool:
        """Say whether we wrote this entry, as far as anybody can tell."""
        return starts_us(entry) or (name in self.entries and self.entries[name] == identity(entry))


def recall(state: Path, file: Path) -> Note:
    """Give what is remembered of a file; nothing is a note too."""
    said = _read(state).get(str(file))
    if not isinstance(said, dict):
        return Note()
    entries = said.get("entries")
    return Note(
        {str(k): str(v) for k, v in entries.items()} if isinstance(entries, dict) else {},
        _texts(said.get("inputs")),
        _texts(said.get("made")),
    )


def remember(state: Path, file: Path, note: Note) -> None:
    """Write a note down; an empty one is forgotten. The caller holds the lock of the state."""
    kept = _read(state)
    if note == Note():
        if kept.pop(str(file), None) is None:
            return
    else:
        said = {"entries": note.entries, "inputs": note.inputs, "made": note.made}
        if kept.get(str(file)) == said:
            return
        kept[str(file)] = said
    with written(state / _MEMORY, named="the record of client entries") as out:
        if hasattr(os, "fchmod"):
            os.fchmod(out.fileno(), 0o600)
        out.write(json.dumps(kept, indent=2).encode() + b"\n")


def _read(state: Path) -> dict[str, Any]:
    try:
        kept = json.loads((state / _MEMORY).read_bytes())
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _texts(said: Any) -> list[str]:
    return [str(name) for name in said] if isinstance(said, list) else []
