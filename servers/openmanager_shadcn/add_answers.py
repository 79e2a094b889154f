"""What add_components answers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from openmanager_kit.answers import Answer


class AddedFile(Answer):
    """One file that was written."""

    path: str = Field(description="Relative to the project's folder")
    done: Literal["created", "overwritten", "merged"]
    version: str
    bytes: int


class Added(Answer):
    """What an add did."""

    items: list[str]
    files: list[AddedFile] = Field(description="Files written; those that were as wanted already are not listed")
    unchanged: int = Field(description="Files that were as wanted already")
    not_listed: int = Field(default=0, description="Files written beyond those listed")
    commands: list[str] = Field(description="To be run in the project's folder: installs the npm packages")
    by_hand: list[str] = Field(description="What is left to do by hand, or was left out")
    notes: list[str] = Field(default=[], description="What else to know")

    def as_text(self) -> str:
        """The same in words."""
        count = len(self.files) + self.not_listed
        lines = [f"added {', '.join(self.items)}: {count} file{'s' * (count != 1)} written, {self.unchanged} unchanged"]
        lines += [f"  {one.done} {one.path} ({one.bytes:,} bytes, version {one.version})" for one in self.files]
        lines += [f"  and {self.not_listed} more"] * (self.not_listed > 0)
        lines += ["to install the npm packages, run in the project's folder:"] * bool(self.commands)
        lines += [f"  {one}" for one in self.commands]
        lines += [f"by hand: {one}" for one in self.by_hand] + [f"note: {one}" for one in self.notes]
        return "\n".join(lines)
