"""What the argument parser complains of, in the language of the command.

The parser gives whole English sentences, and its versions differ in what stands between them; so a sentence is taken
apart by its own text, and one that is not known is said as it is.
"""

from __future__ import annotations

import re

from openmanager_kit.wording import said, spoken

_SENTENCES = (
    "the following arguments are required: {names}",
    "one of the arguments {names} is required",
    "unrecognized arguments: {words}",
    "ambiguous option: {option} could match {matches}",
    "invalid choice: {value} (choose from {choices})",
    "invalid int value: {value}",
    "invalid float value: {value}",
    "invalid {kind} value: {value}",
    "not allowed with argument {name}",
    "ignored explicit argument {value}",
    "expected one argument",
    "expected at most one argument",
    "expected at least one argument",
    "expected {count} arguments",
)
_OF_ARGUMENT = "argument {name}: {complaint}"


def complaint(message: str) -> str:
    """Give a complaint of the parser in the language of the command."""
    if spoken() == "en":
        return message
    found = _pattern(_OF_ARGUMENT).fullmatch(message)
    if found is not None:
        return said(_OF_ARGUMENT, name=found["name"], complaint=complaint(found["complaint"]))
    for sentence in _SENTENCES:
        found = _pattern(sentence).fullmatch(message)
        if found is not None:
            return said(sentence, **found.groupdict())
    return message


def _pattern(sentence: str) -> re.Pattern[str]:
    """Match a sentence, and what stands in each of its places."""
    parts = re.split(r"\{(\w+)\}", sentence)
    return re.compile(
        "".join(f"(?P<{part}>.+?)" if at % 2 else re.escape(part) for at, part in enumerate(parts)), re.DOTALL
    )
