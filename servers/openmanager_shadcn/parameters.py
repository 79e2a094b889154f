"""Parameters that the tools share, described once: the model pays for every word."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Registries = Annotated[
    list[str], Field(description="Registries, e.g. ['@shadcn']; empty: @shadcn and the project's own", max_length=50)
]
Types = Annotated[
    list[str], Field(description="Only these types: ui, block, hook, lib, theme, example, ...", max_length=20)
]
Limit = Annotated[int, Field(ge=0, le=20_000, description="Most items; 0: no limit")]
Offset = Annotated[int, Field(ge=0, le=1_000_000, description="Items to skip")]
Cursor = Annotated[str, Field(description="Cursor of the last answer")]
MaxChars = Annotated[int, Field(ge=1000, le=20_000_000, description="Longest answer")]
Items = Annotated[
    list[str],
    Field(
        description="Items, e.g. ['@shadcn/button', '@acme/card']; a bare name is @shadcn's",
        min_length=1,
        max_length=50,
    ),
]
