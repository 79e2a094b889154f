"""Parameters that many file tools share, described once: the model pays for every word."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

MOST_LINES = 1_000_000_000_000

FilePath = Annotated[str, Field(description="File, absolute or relative to the first allowed directory")]
AnyPath = Annotated[str, Field(description="File or directory")]
Encoding = Annotated[str, Field(description="E.g. latin-1; empty: found out", max_length=40)]
MaxChars = Annotated[int, Field(ge=1000, le=20_000_000, description="Longest answer")]
Version = Annotated[str, Field(description="Version that was read; refused if the file has changed", max_length=80)]
Source = Annotated[str, Field(description="File or directory")]
Destination = Annotated[str, Field(description="New path, with the name")]
