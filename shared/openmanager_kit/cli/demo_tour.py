"""What the demo asks each server: small calls that work in an empty folder, and mostly without a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE_S = 8.0
"""The demo waits no longer for an answer from outside of this machine."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One call on the tour.

    Attributes
    ----------
    arguments
        Makes the arguments, given the demo's own folder.
    outside
        Whether it needs the network, so that an error is an answer too.
    """

    tool: str
    arguments: Callable[[Path], dict[str, Any]] = field(default=lambda folder: {})
    outside: bool = False


_NOTE = "# On call\n\nThe checkout is slow since noon. Look at the database first.\n"

TOUR: dict[str, tuple[Stop, ...]] = {
    "openmanager-local": (Stop("list_servers", lambda folder: {"limit": 3}),),
    "filesystem": (
        Stop("write_file", lambda folder: {"path": str(folder / "notes" / "on-call.md"), "content": _NOTE}),
        Stop("read_text_file", lambda folder: {"path": str(folder / "notes" / "on-call.md")}),
    ),
    "git": (
        Stop("git_init", lambda folder: {"path": str(folder / "notes")}),
        Stop("git_status", lambda folder: {"repo_path": str(folder / "notes")}),
    ),
    "search": (Stop("search", lambda folder: {"query": "Prometheus alerting on latency"}, outside=True),),
    "sequential-thinking": (
        Stop(
            "sequentialthinking",
            lambda folder: {
                "thought": "The checkout is slow, and every slow server waits for the same database.",
                "thoughtNumber": 1,
                "totalThoughts": 3,
                "nextThoughtNeeded": True,
            },
        ),
    ),
    "shadcn-ui": (Stop("get_add_command_for_items", lambda folder: {"items": ["@shadcn/button", "@shadcn/card"]}),),
}
"""Server to its calls; a server that is not here is asked by whichever of its tools wants nothing."""
