"""Every failure this project anticipates.

* FleetError
  x InvalidRequest      the caller asked for something that cannot be
  x NotFound            a name that exists nowhere
  x NotAllowed          it may exist, but this caller may not: outside the roots, read-only, not trusted
  x Conflict            it would undo or overwrite what somebody else did
  x InsufficientData    right question, too few samples
  x Unsupported         right question, wrong source (a fault cannot be injected into real servers)
  x SourceUnavailable   the source did not answer, or its breaker is open
  x SourceInvalid       the source answered, but not with what its protocol promises
  x StorageUnavailable  the Ledger could not be read or written (full disk, damaged file)
  x DeadlineExceeded    the work was stopped because its time was over
* JobCancelled          the caller went away; nobody reads this one
* ConfigError           raised at start-up only, never by a tool
"""

from __future__ import annotations

from collections.abc import Iterable

from openmanager_core.near import nearest


class FleetError(Exception):
    """A failure the caller can read and act upon.

    Parameters
    ----------
    message
        What is wrong: names the parameter, the bound and the value given.
    hint
        What to try next; shown after "Try:".
    """

    code = "fleet_error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """``code: message. Try: hint.`` in one line, as a model reads it."""
        text = f"{self.code}: {self.message.rstrip('.')}."
        return f"{text} Try: {self.hint.rstrip('.')}." if self.hint else text


class InvalidRequest(FleetError):
    """The caller asked for something that cannot be."""

    code = "invalid_request"


class NotFound(FleetError):
    """A name that exists nowhere."""

    code = "not_found"

    @classmethod
    def named(cls, what: str, given: str, known: Iterable[str], *, hint: str = "") -> NotFound:
        """Say which `what` is missing and the nearest names there are."""
        names, wanted = list(known), given[:200].casefold()
        inside = [name for name in names if wanted and wanted in name.casefold()]
        near = inside[:3] or nearest(given, names)
        tip = f"one of the nearest names: {', '.join(near)}" if near else hint
        return cls(f"{what} {given[:80]!r} does not exist", hint=tip or hint)


class NotAllowed(FleetError):
    """Outside of what the user allowed."""

    code = "not_allowed"


class Conflict(FleetError):
    """What is there now is not what the caller thinks."""

    code = "conflict"


class InsufficientData(FleetError):
    """Too few samples for the method."""

    code = "insufficient_data"


class Unsupported(FleetError):
    """This source cannot do what was asked."""

    code = "unsupported"


class SourceUnavailable(FleetError):
    """The source did not answer in time, refused, or is being left alone by its breaker."""

    code = "source_unavailable"


class SourceInvalid(FleetError):
    """The source answered with something its protocol does not allow."""

    code = "source_invalid"


class StorageUnavailable(FleetError):
    """The Ledger could not be read or written."""

    code = "storage_unavailable"


class DeadlineExceeded(FleetError):
    """The work took longer than it may."""

    code = "deadline_exceeded"


class JobCancelled(Exception):
    """The caller no longer waits; raised at the next checkpoint of the work."""


class ConfigError(Exception):
    """A profile, flag or variable that cannot be used; raised at start-up only."""
