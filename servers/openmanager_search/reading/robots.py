"""What a site asks of robots, as RFC 9309 writes it down, kept for an hour.

A missing file (a 4xx status but the next ones) allows everything. 401 and 403 forbid everything, as the reference
fetch server has it. A file that can not be had now (5xx, 429, no connection) forbids everything for a minute: there
may be rules, and we do not know them.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from dataclasses import dataclass
from urllib.parse import quote

import anyio

from openmanager_core.errors import FleetError, NotAllowed
from openmanager_kit.web import TimedOut, Unreachable, WebClient, WebLimits
from openmanager_kit.web.policy import Target

_LIMITS = WebLimits(wire_bytes=512 * 1024, body_bytes=1024 * 1024, first_byte_s=6, between_s=4, total_s=10)
_KEEP_S, _KEEP_FAILURE_S, _MOST_SITES = 3600.0, 60.0, 500
_MOST_LINES, _MOST_PATTERN = 20_000, 2_000
_SAFE = "/%:@!$&'()*+,;=~-._?|[]{}^`*$"


@dataclass(frozen=True, slots=True)
class Rules:
    """What one file says to one robot: patterns with whether they allow, or one answer for everything."""

    patterns: tuple[tuple[str, bool], ...] = ()
    everything: bool | None = None

    def allow(self, path: str) -> bool:
        """Judge a path with its query: the longest pattern that matches wins, allowing ones before forbidding ones."""
        if self.everything is not None:
            return self.everything
        if path == "/robots.txt":
            return True
        path = _normal(path)
        best, allowed = -1, True
        for pattern, allows in self.patterns:
            size = len(pattern)
            if (size > best or (size == best and allows)) and matches(pattern, path):
                best, allowed = size, allows
        return allowed


def matches(pattern: str, path: str) -> bool:
    """Tell whether a pattern with ``*`` and a final ``$`` matches the beginning of a path; linear in practice."""
    anchored = pattern.endswith("$")
    parts = (pattern[:-1] if anchored else pattern).split("*")
    if not path.startswith(parts[0]):
        return False
    if len(parts) == 1:
        return not anchored or path == parts[0]
    at = len(parts[0])
    for part in parts[1:-1]:
        found = path.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    last = parts[-1]
    return path.endswith(last) and len(path) - len(last) >= at if anchored else path.find(last, at) >= 0


def parsed(text: str, product: str) -> Rules:
    """Take the rules for a robot out of a file: the groups that name it, else those for every robot."""
    mine: list[tuple[str, bool]] = []
    anyones: list[tuple[str, bool]] = []
    named, groups, in_rules = False, [False, False], True
    for line in text.lstrip("\ufeff").splitlines()[:_MOST_LINES]:
        key, colon, value = line.partition("#")[0].partition(":")
        key, value = key.strip().lower(), value.strip()
        if not colon:
            continue
        if key in ("user-agent", "useragent"):
            if in_rules:
                groups, in_rules = [False, False], False
            token = re.match(r"[a-zA-Z_-]*", value)
            groups[0] |= bool(token and token[0].lower() == product.lower())
            groups[1] |= value.startswith("*")
            named |= groups[0]
        elif key in ("allow", "disallow"):
            in_rules = True
            if value and len(value) <= _MOST_PATTERN:
                rule = (_normal(value if value[0] in "/*" else f"/{value}"), key == "allow")
                if groups[0]:
                    mine.append(rule)
                if groups[1]:
                    anyones.append(rule)
    return Rules(tuple(mine if named else anyones))


def _normal(path: str) -> str:
    quoted = quote(path, safe=_SAFE, errors="replace")
    return re.sub("%[0-9a-fA-F]{2}", lambda octet: _octet(octet[0]), quoted)


def _octet(text: str) -> str:
    char = chr(int(text[1:], 16))
    return char if char.isascii() and (char.isalnum() or char in "-._~") else text.upper()


class Robots:
    """The rules of the sites that were read lately."""

    def __init__(self, client: WebClient, user_agent: str) -> None:
        self._client = client
        self.product = (re.match(r"[a-zA-Z_-]+", user_agent) or ["OpenManager-MCP"])[0]
        self._known: OrderedDict[str, tuple[float, Rules, str]] = OrderedDict()
        self._asking: dict[str, anyio.Lock] = {}

    async def check(self, target: Target) -> None:
        """Refuse a page that its site does not want robots to read.

        Raises
        ------
        NotAllowed
            If robots.txt forbids it.
        Unreachable
            If robots.txt can not be had, so nobody knows.
        """
        rules, why = await self._rules(target)
        if rules.allow(target.path):
            return
        if why:
            raise Unreachable(f"robots.txt of {target.host} {why}, so its rules are not known", hint="again later")
        raise NotAllowed(
            f"robots.txt of {target.host} asks robots not to read this page",
            hint="tell the user, who can read it with the prompt fetch, or allow it in the profile (ignore_robots_txt)",
        )

    async def _rules(self, target: Target) -> tuple[Rules, str]:
        known = self._fresh(target.origin)
        if known is not None:
            return known
        lock = self._asking.setdefault(target.origin, anyio.Lock())
        try:
            async with lock:
                known = self._fresh(target.origin)
                if known is not None:
                    return known
                rules, why = await self._ask(target)
                until_s = time.monotonic() + (_KEEP_FAILURE_S if why else _KEEP_S)
                self._known[target.origin] = (until_s, rules, why)
                while len(self._known) > _MOST_SITES:
                    self._known.popitem(last=False)
                return rules, why
        finally:
            if not lock.statistics().tasks_waiting:
                self._asking.pop(target.origin, None)

    def _fresh(self, origin: str) -> tuple[Rules, str] | None:
        found = self._known.get(origin)
        return (found[1], found[2]) if found is not None and found[0] > time.monotonic() else None

    async def _ask(self, target: Target) -> tuple[Rules, str]:
        try:
            page = await self._client.get(f"{target.origin}/robots.txt", limits=_LIMITS)
        except NotAllowed:
            raise
        except (TimedOut, Unreachable) as exc:
            if isinstance(exc, Unreachable):
                raise  # the page can not be reached either, and that is the clearer error
            return Rules(everything=False), "does not come in time"
        except FleetError:
            return Rules(everything=False), "can not be read"
        if page.status in (401, 403):
            return Rules(everything=False), ""
        if page.status == 429 or page.status >= 500:
            return Rules(everything=False), f"is answered with status {page.status}"
        if page.status >= 300:
            return Rules(everything=True), ""
        return parsed(page.body[: _LIMITS.wire_bytes].decode("utf-8", "replace"), self.product), ""
