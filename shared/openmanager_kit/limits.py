"""What one server may use at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

_LONG_ANSWER_CHARS = 20_100_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds that keep one flood or one slow tool away from everything else.

    Attributes
    ----------
    calls_per_tool
        Calls of one tool that run at the same time; more wait, so a flood of one tool leaves room for the others.
    waiting
        Calls that may wait for their turn, over all tools; more are told to come back.
    threads
        Threads for computing, apart from those the SDK needs to read and write.
    answer_chars
        Longest text of one answer, in characters.
    """

    calls_per_tool: int = 8
    waiting: int = 1000
    threads: int = 32
    answer_chars: int = 400_000

    def with_long_answers(self) -> Limits:
        """Make room for tools whose callers may ask for answers of up to 20,000,000 characters, with facts on top."""
        return replace(self, answer_chars=max(self.answer_chars, _LONG_ANSWER_CHARS))
