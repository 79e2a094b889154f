"""Rows of the trail as links of a chain: each is sealed together with the one before, under a key.

Whoever changes, removes, inserts or reorders a row breaks the seal of the next. The end of the chain is sealed too,
so that cutting it off shows, and so is its beginning, which moves when old rows are let go. Without the key no seal
can be made. What no file can show by itself is that all of it, end included, was put back to how it once was:
for that an export has to be kept somewhere else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

KEY_BYTES = 32
START = b"\0" * 32


class Row(NamedTuple):
    """One thing that happened.

    Attributes
    ----------
    at_us
        Microseconds since 1970.
    arguments
        Keyed digest of the arguments; never the arguments.
    outcome
        ``started`` before a change; afterwards ``ok``, ``cancelled``, ``crash`` or the code of the error.
    duration_us
        Of the call, in microseconds; 0 for ``started``.
    """

    at_us: int
    principal: str
    server: str
    tool: str
    arguments: str
    outcome: str
    duration_us: int


class Link(NamedTuple):
    """A row in its place."""

    seq: int
    row: Row
    seal: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """One end of the chain: the number and the seal of a row, itself sealed."""

    seq: int
    seal: bytes
    sealed: bytes


class Sealer:
    """Makes and checks seals with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def next(self, before: bytes, seq: int, row: Row) -> bytes:
        """Seal a row behind the one whose seal is `before`."""
        text = json.dumps([seq, *row], ensure_ascii=True, separators=(",", ":")).encode()
        return self._seal(b"row", before + text)

    def mark(self, which: str, seq: int, seal: bytes) -> Mark:
        """Seal an end of the chain: ``first`` or ``last``."""
        return Mark(seq, seal, self._seal(which.encode(), f"{seq}:".encode() + seal))

    def genuine(self, which: str, mark: Mark) -> bool:
        """Tell whether an end of the chain was sealed by us."""
        return hmac.compare_digest(mark.sealed, self.mark(which, mark.seq, mark.seal).sealed)

    def arguments(self, given: Mapping[str, Any]) -> str:
        """Digest a call's arguments: the same ones give the same digest, and nobody without the key can try them."""
        text = json.dumps(given, ensure_ascii=True, sort_keys=True, separators=(",", ":"), default=repr)
        return self._seal(b"arguments", text.encode()).hex()[:32]

    def _seal(self, what: bytes, data: bytes) -> bytes:
        return hmac.new(self._key, what + b"\0" + data, hashlib.sha256).digest()


def breaks(sealer: Sealer, first: Mark | None, last: Mark | None, links: Iterable[Link]) -> list[str]:
    """Follow a chain from one end to the other and say where it is broken; the first break is enough."""
    if first is None or not sealer.genuine("first", first):
        return ["the beginning of the trail is not ours"]
    if last is None or not sealer.genuine("last", last):
        return ["the end of the trail is not ours: rows may be missing there"]
    at, seal = first.seq, first.seal
    for link in links:
        if link.seq != at + 1:
            return [f"row {at + 1} is missing" if link.seq > at + 1 else f"row {link.seq} is out of place"]
        if not hmac.compare_digest(link.seal, sealer.next(seal, link.seq, link.row)):
            return [f"row {link.seq} was changed, or the one before it was"]
        at, seal = link.seq, link.seal
    if at != last.seq:
        return [f"the trail ends with row {at}, but row {last.seq} was written"]
    return [] if hmac.compare_digest(seal, last.seal) else [f"row {at} was changed"]
