"""HTTP to servers that nobody here controls, for every server that speaks to the network.

::

    client = WebClient(WebPolicy(ports=(8080,)))          # one per process and policy; opens nothing yet
    page = await client.get(url, headers={"Accept": "application/json"}, limits=WebLimits(total_s=10))
    page.ensure_ok()                                       # 404, 403, 429, 5xx become errors
    page.status, page.url, page.headers, page.body         # body: bytes, decompressed, bounded
    await client.aclose()

    WebPolicy.naming("http://127.0.0.1:8888")              # a server that the user named: any address and port, for it

Only http and https; every address that a name resolves to is checked, and the one that was checked is connected to,
again after each redirect (at most 5). A header given by the caller does not follow a redirect to another origin,
unless it is ``Accept``, ``Accept-Language`` or ``User-Agent``. Failures are kinds of `FleetError`, see `failures`.
The HTTP library is imported with the first request.
"""

from openmanager_kit.web.client import Page, WebClient
from openmanager_kit.web.failures import (
    Blocked,
    Malformed,
    RateLimited,
    Refused,
    TimedOut,
    TooLarge,
    Unreachable,
)
from openmanager_kit.web.policy import WebLimits, WebPolicy

__all__ = [
    "Blocked",
    "Malformed",
    "Page",
    "RateLimited",
    "Refused",
    "TimedOut",
    "TooLarge",
    "Unreachable",
    "WebClient",
    "WebLimits",
    "WebPolicy",
]
