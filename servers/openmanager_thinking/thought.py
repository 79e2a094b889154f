"""What a thought says of itself, what is kept of it, and which of its references cannot be."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from openmanager_core.errors import InvalidRequest
from openmanager_core.text import quoted, visible

MAIN = "main"
"""How the line that is no branch is called where a name is needed."""

HANDLE_CHARS = 24
BRANCH_CHARS = 100
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def new_handle() -> str:
    """Mint the handle of a chain: 118 bits of chance, for whoever has it may write to the chain."""
    return "".join(secrets.choice(_LETTERS) for _ in range(HANDLE_CHARS))


@dataclass(frozen=True, slots=True)
class Thought:
    """One call of the tool, with its references in order; 0 and "" stand for none."""

    text: str
    number: int
    total: int
    more: bool
    needs_more: bool = False
    revises: int = 0
    branch_from: int = 0
    branch: str = ""


def checked(
    text: str,
    *,
    number: int,
    total: int,
    more: bool,
    revision: bool,
    revises: int,
    branch_from: int,
    branch: str,
    needs_more: bool,
) -> Thought:
    """Make a thought of the arguments of a call.

    Raises
    ------
    InvalidRequest
        If they contradict each other, whatever the chain holds.
    """
    if revision and not revises:
        raise InvalidRequest(
            "isRevision is true, but revisesThought is missing", hint="the number of the thought that is revised"
        )
    if branch == MAIN:
        if branch_from:
            raise InvalidRequest(
                f"branchId {MAIN} names the main line, which branches from nowhere",
                hint="another branchId, or no branchFromThought",
            )
        branch = ""
    if branch_from and not branch:
        raise InvalidRequest(
            f"branchFromThought is {branch_from}, but branchId is missing", hint="a short name for the branch"
        )
    if visible(branch) != branch or branch != branch.strip():
        raise InvalidRequest(
            f"branchId must be plain text in one line, got {quoted(branch, 80)}", hint="a short name such as plan-b"
        )
    text = text.replace("\0", r"\x00")  # as it is shown; SQLite takes the character for the end of a text
    return Thought(text, number, max(number, total), more, needs_more, revises, branch_from, branch)
