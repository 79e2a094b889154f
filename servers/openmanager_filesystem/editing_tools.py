"""The tool that edits a text file: everything outside of its edits stays byte for byte."""

from __future__ import annotations

from typing import Annotated, NotRequired

from mcp_types import CallToolResult
from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from openmanager_core.errors import InvalidRequest
from openmanager_core.job import offload
from openmanager_core.text import quoted
from openmanager_filesystem import versions
from openmanager_filesystem.decoding import SAMPLE_BYTES, Coding, coding_of, line_end, plain, shown, written
from openmanager_filesystem.desk import Desk, TheDesk
from openmanager_filesystem.diffs import fenced, unified
from openmanager_filesystem.editing import Change, Edit, apply
from openmanager_filesystem.parameters import Encoding, FilePath, MaxChars, Version
from openmanager_filesystem.reading_tools import binary, blocks
from openmanager_filesystem.storing import Held, held
from openmanager_kit.answers import MAX_CHARS

_FACTS_CHARS = 600


class EditWanted(TypedDict):
    """One replacement, as it is sent."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]

    oldText: Annotated[str, Field(description="Text to replace")]
    newText: Annotated[str, Field(description="Text to put in its place")]
    occurrence: NotRequired[Annotated[int, Field(ge=0, description="Which one, from 1, if it is there more than once")]]
    replaceAll: NotRequired[Annotated[bool, Field(description="Replace every one")]]


async def edit_file(
    desk: TheDesk,
    path: FilePath,
    edits: Annotated[list[EditWanted], Field(description="Made in this order, all or none", max_length=1000)],
    dryRun: Annotated[bool, Field(description="Only show the diff")] = False,  # noqa: N803
    replaceAll: Annotated[bool, Field(description="Every edit replaces all occurrences")] = False,  # noqa: N803
    version: Version = "",
    encoding: Encoding = "",
    max_chars: MaxChars = MAX_CHARS,
) -> CallToolResult:
    """Replace text in a file and show the diff. Encoding and line ends are kept; text that is not unique is refused."""
    wanted = [
        Edit(
            one["oldText"],
            one["newText"],
            one.get("occurrence", 0),
            one.get("replaceAll", False) or (replaceAll and not one.get("occurrence", 0)),
        )
        for one in edits
    ]
    return await offload(_edit, desk, path, wanted, dryRun, version, encoding, max_chars)


def _edit(
    desk: Desk, path: str, edits: list[Edit], dry_run: bool, version: str, encoding: str, max_chars: int
) -> CallToolResult:
    with held(desk.spot(path)) as file:
        file.found.need()
        file.need_version(version)
        raw = file.content()
        coding = coding_of(raw, encoding)
        if coding is None:
            raise binary(file.found.spot, raw[:SAMPLE_BYTES], len(raw))
        old = _decoded(file, raw, coding)
        new, changes = apply(old, edits)
        if old == new:
            changes = []
        data = _encoded(raw, old, new, changes, coding)
        diff, cut = unified(old, new, changes, file.found.spot.shown, max_chars - _FACTS_CHARS)
        now = versions.of_bytes(data) if dry_run or data == raw else file.replace(data)
    facts = [f"version {now}" if not dry_run else "nothing was written (dryRun)", f"{len(data):,} bytes", str(coding)]
    facts += [ends] if (ends := line_end(new)) else []
    facts += ["the diff is cut: a larger max_chars shows all of it"] if cut else []
    return blocks(fenced(shown(diff)[0]), f"[{'; '.join([*facts, *file.notes])}]")


def _decoded(file: Held, raw: bytes, coding: Coding) -> str:
    """Read the text so that every byte of it can be written back."""
    try:
        if coding.name == "utf-8":  # comes back exactly, and most files are; the second try is for broken ones
            return str(memoryview(raw)[len(coding.bom) :], "utf-8")
    except UnicodeDecodeError:
        pass
    try:
        text = coding.decode(raw[len(coding.bom) :])
        exact = coding.bom + coding.encode(text) == raw
    except UnicodeError:
        exact = False
    if not exact:
        raise InvalidRequest(
            f"path {quoted(file.found.spot.shown)}: {coding.name} does not give back every byte of it",
            hint="encoding latin-1 edits it byte by byte",
        )
    return text


def _encoded(raw: bytes, old: str, new: str, changes: list[Change], coding: Coding) -> bytes:
    """Take the bytes outside of the changes as they were, and encode what was put in."""
    pieces, before, at = [coding.bom], 0, len(coding.bom)
    if old.isascii() and len(old) + at == len(raw):  # one byte for each character: nothing to measure

        def size(start: int, end: int) -> int:
            return end - start
    else:

        def size(start: int, end: int) -> int:
            return len(coding.encode(old[start:end]))

    for change in changes:
        kept = size(before, change.start)
        put = new[change.new_start : change.new_end]
        # What a later edit left of strange bytes inside of an earlier change is theirs, not the caller's.
        pieces += [raw[at : at + kept], written(put, coding, "newText") if plain(put) else coding.encode(put)]
        at += kept + size(change.start, change.end)
        before = change.end
    return b"".join([*pieces, raw[at:]])
