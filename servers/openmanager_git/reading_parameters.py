"""Parameters that the reading tools share, described once: the model pays for every word."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

RepoPath = Annotated[str, Field(description="Repository, or a directory in it; empty: the first allowed directory")]
Revision = Annotated[str, Field(description="Branch, tag, hash, HEAD~3", max_length=1000)]
OnlyPath = Annotated[str, Field(description="Only this file or directory of the repository")]
ContextLines = Annotated[int, Field(ge=0, le=1000, description="Unchanged lines around a change")]
StatOnly = Annotated[bool, Field(description="Only names and line counts")]
Limit = Annotated[int, Field(ge=1, le=5000, description="Most rows")]
Cursor = Annotated[str, Field(description="Cursor of the last answer")]
MaxChars = Annotated[int, Field(ge=1000, le=20_000_000, description="Longest answer")]
