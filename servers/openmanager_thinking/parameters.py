"""Parameters that several tools share, described once: the model pays for every word."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from openmanager_thinking.thought import BRANCH_CHARS

MOST_CHARS = 20_000_000

ChainId = Annotated[str, Field(max_length=60, description="Empty: this session's chain (stdio)")]
GivenChainId = Annotated[str, Field(min_length=1, max_length=60, description="From an earlier answer")]
BranchId = Annotated[str, Field(max_length=BRANCH_CHARS, description="Only this branch, or main; empty: all")]
Limit = Annotated[int, Field(ge=1, le=200, description="Most rows")]
Cursor = Annotated[str, Field(description="next_cursor of the last answer")]
MaxChars = Annotated[int, Field(ge=1000, le=MOST_CHARS, description="Longest answer")]
