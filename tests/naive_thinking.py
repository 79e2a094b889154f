"""The slow, obvious twin of a chain of thoughts: a list, looked through from end to end each time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


class Refused(Exception):
    """A reference to what is not there."""


@dataclass
class NaiveChain:
    """One chain; its thoughts as dicts with the line they are on ("" is the main line)."""

    thoughts: list[dict[str, Any]] = field(default_factory=list)
    open: bool = True

    def branches(self) -> list[str]:
        """Every branch, in the order in which they began."""
        return list(dict.fromkeys(one["line"] for one in self.thoughts if one["line"]))

    def meant(self, number: int, line: str) -> int:
        """Where in the list the thought is that a number means; -1 if nowhere."""
        for wanted in (line, "", None):
            for place in range(len(self.thoughts) - 1, -1, -1):
                one = self.thoughts[place]
                if one["number"] == number and (wanted is None or one["line"] == wanted):
                    return place
        return -1

    def add(self, given: dict[str, Any]) -> dict[str, Any]:
        """Take a thought as the tool takes it; gives what the answer must hold."""
        number, line = given["thoughtNumber"], given.get("branchId", "")
        start, revises = given.get("branchFromThought", 0), given.get("revisesThought", 0)
        if line == "main":
            if start:
                raise Refused
            line = ""
        if given.get("isRevision") and not revises:
            raise Refused
        if start and not line:
            raise Refused
        if not self.open and not given.get("needsMoreThoughts"):
            raise Refused
        begins = bool(line) and line not in self.branches()
        if begins and not start:
            raise Refused
        origin = self.meant(start, "" if begins else line) if start else -1
        if start and origin < 0:
            raise Refused
        revised = self.meant(revises, "" if begins else line) if revises else -1
        if revises and revised < 0:
            raise Refused
        on_line = [place for place, one in enumerate(self.thoughts) if one["line"] == line]
        self.thoughts.append(
            {
                "number": number,
                "total": max(number, given["totalThoughts"]),
                "line": line,
                "text": given["thought"],
                "more": given["nextThoughtNeeded"],
                "parent": origin if begins else on_line[-1] if on_line else -1,
                "revised": revised,
            }
        )
        self.open = True
        return {
            "thoughtNumber": number,
            "totalThoughts": max(number, given["totalThoughts"]),
            "nextThoughtNeeded": given["nextThoughtNeeded"],
            "branches": self.branches()[-20:],
            "thoughtHistoryLength": len(self.thoughts),
        }
