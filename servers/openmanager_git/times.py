"""Times as callers of Git write them: what the whole project reads, and Git's own ``Jan 15 2024``, ``3 months ago``."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from openmanager_core.errors import InvalidRequest
from openmanager_core.timespan import parse_instant

_FORMS = ("%b %d %Y", "%d %b %Y", "%B %d %Y", "%d %B %Y", "%Y/%m/%d", "%b %d %Y %H:%M:%S", "%b %d %Y %H:%M")
_LONG_AGO = re.compile(r"(an?|\d{1,4})[ .](month|year)s?[ .]ago", re.IGNORECASE)
_DAY_ALONE = re.compile(
    r"\d{4}[-/]\d{2}[-/]\d{2}|[A-Za-z]+ \d{1,2},? \d{4}|\d{1,2} [A-Za-z]+ \d{4}|yesterday|today|어제|오늘"
)
_DAYS = {"month": 30.44, "year": 365.25}
_DAY_S = 86_400


def instant(text: str, name: str, *, end: bool = False) -> float:
    """Read an instant as Unix seconds; with `end` a day alone means its last second.

    Raises
    ------
    InvalidRequest
        If it cannot be read.
    """
    now_s = time.time()
    plain = text.strip()
    later = _DAY_S - 1 if end and _DAY_ALONE.fullmatch(plain) else 0
    long_ago = _LONG_AGO.fullmatch(plain)
    if long_ago is not None:
        amount = 1 if long_ago[1].lower().startswith("a") else int(long_ago[1])
        return max(0.0, now_s - amount * _DAYS[long_ago[2].lower()] * _DAY_S)
    try:
        return parse_instant(plain, now_s, name=name) + later
    except InvalidRequest:
        for form in _FORMS:
            try:
                return datetime.strptime(plain.replace(",", ""), form).replace(tzinfo=UTC).timestamp() + later
            except ValueError:
                continue
        raise
