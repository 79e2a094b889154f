"""How a request can fail, in kinds that tell a model what to do next.

* FleetError
  x InvalidRequest        the address itself can not be asked for (from the core)
  x NotAllowed            the policy forbids it: a private address, a port (from the core)
  x NotFound              404, 410 (from the core)
  x Blocked               the site will not show it to us: 401, 403, 407, 451, a challenge page
  x RateLimited           429, or 503 with a time to wait; `retry_after_s` says how long, if the site did
  x Refused               any other status that is no success
  x SourceUnavailable
      - Unreachable       no connection: no such name, refused, reset, TLS that can not be verified
  x DeadlineExceeded
      - TimedOut          too slow: to connect, to the first byte, between bytes, or in all
  x TooLarge              more header, body or expanded bytes than allowed
  x Malformed             not HTTP, or not what it says it is
"""

from __future__ import annotations

from openmanager_core.errors import DeadlineExceeded, FleetError, SourceUnavailable


class Blocked(FleetError):
    """The site does not show this to us."""

    code = "blocked"


class RateLimited(FleetError):
    """Too many requests, says the site."""

    code = "rate_limited"

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class Refused(FleetError):
    """The site answered with a failure."""

    code = "refused"


class Unreachable(SourceUnavailable):
    """No connection could be made, or it broke."""

    code = "unreachable"


class TimedOut(DeadlineExceeded):
    """The site was too slow."""

    code = "timed_out"


class TooLarge(FleetError):
    """More bytes than one request may bring."""

    code = "too_large"


class Malformed(FleetError):
    """The answer is not what its protocol promises."""

    code = "malformed"
