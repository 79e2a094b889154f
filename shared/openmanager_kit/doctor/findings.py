"""What was found, how bad it is, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from openmanager_kit.wording import said

State = Literal["ok", "warning", "failure"]
Area = Literal["machine", "state", "profile", "servers", "tools", "sources", "clients"]
EXIT_CODES: dict[State, int] = {"ok": 0, "warning": 1, "failure": 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    subject
        What it is about: a program, a server, a client.
    text
        What was found, in a sentence.
    advice
        What to do about it; empty where nothing is to be done.
    """

    area: Area
    subject: str
    state: State
    text: str
    advice: str = ""


def worst(findings: Iterable[Finding]) -> State:
    """Give the worst state among them."""
    return max((finding.state for finding in findings), key=lambda state: EXIT_CODES[state], default="ok")


def as_json(findings: list[Finding], version: str, seconds: float) -> dict[str, Any]:
    """Give all of it for a program."""
    counts = {state: sum(finding.state == state for finding in findings) for state in EXIT_CODES}
    rows = [asdict(finding) for finding in findings]
    return {
        "version": version,
        "state": worst(findings),
        "seconds": round(seconds, 1),
        "counts": counts,
        "findings": rows,
    }


def as_text(findings: list[Finding], seconds: float) -> str:
    """Give all of it for a person: an area a paragraph, advice below what it is about."""
    titles: dict[Area, str] = {
        "machine": said("This machine"),
        "state": said("State folder"),
        "profile": said("Profile"),
        "servers": said("Servers"),
        "tools": said("Tools and clients' limits"),
        "sources": said("Sources and engines"),
        "clients": said("Clients"),
    }
    marks: dict[State, str] = {"ok": "ok  ", "warning": "WARN", "failure": "FAIL"}
    lines: list[str] = []
    for area, title in titles.items():
        rows = [finding for finding in findings if finding.area == area]
        if not rows:
            continue
        lines += [*([""] if lines else []), title]
        for row in rows:
            lines.append(f"  {marks[row.state]}  {row.subject}: {row.text}")
            if row.advice:
                lines.append(f"        -> {row.advice}")
    counts = {state: sum(finding.state == state for finding in findings) for state in EXIT_CODES}
    lines += [
        "",
        said("{ok} ok, {warning} warnings, {failure} failures, in {seconds} s", **counts, seconds=f"{seconds:.1f}"),
    ]
    return "\n".join(lines) + "\n"
