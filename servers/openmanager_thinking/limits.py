"""What the thinking server keeps at most: the server's own section of a profile."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

LONGEST_THOUGHT = 1_000_000


class Section(BaseModel):
    """Bounds of one thought, of one chain and of everything together.

    Bytes are those of the texts in UTF-8; the file with its search index takes about five times as much.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    thought_chars: int = Field(default=100_000, ge=1, le=LONGEST_THOUGHT)
    chain_thoughts: int = Field(default=5_000, ge=1, le=1_000_000)
    chain_bytes: int = Field(default=20_000_000, ge=1)
    chains: int = Field(default=10_000, ge=1, le=10_000_000)
    total_bytes: int = Field(default=500_000_000, ge=1)
    expire_days: float = Field(default=90, ge=0)
    """A chain goes so long after its last thought; 0 keeps it for ever."""

    flush_each: bool = False
    """Whether a thought is answered only when the disk has it, and not even a power cut loses it. Otherwise it is
    answered when no kill -9 loses it, and the disk has it a tenth of a second later."""
