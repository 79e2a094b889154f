"""What ripgrep says about a text search, read as it comes: a page of matches, and not a byte more than that needs."""

from __future__ import annotations

import base64
import json
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from openmanager_core.text import visible

_LONGEST_LINE = 512 * 1024
_NUMBER = re.compile(rb'"\},"line_number":(\d+),"absolute_offset":(\d+)[,}]')
_PATH = re.compile(rb'\{"type":"(match|context)","data":\{"path":(\{"(?:text|bytes)":"(?:[^"\\]|\\.)*"\})')
_OVERLAP = 64


@dataclass(frozen=True, slots=True)
class Proof:
    """Bytes that are to be shown, and where in the file they are said to be."""

    at: int
    data: bytes


@dataclass(slots=True)
class Match:
    """One line that matches, with the lines around it that no other match shows."""

    path: str
    line: int
    text: str
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    proofs: list[Proof] = field(default_factory=list)


@dataclass(slots=True)
class Page:
    """Some of the matches, after the first `skip` of them."""

    matches: list[Match] = field(default_factory=list)
    more: bool = False
    searched: int = 0
    binary: int = 0
    late: bool = False


class Reader:
    """Takes ripgrep's messages one by one and keeps one page.

    Parameters
    ----------
    fits
        Called with each match that the page would grow by; false when it no longer fits.
    widest
        Characters of a line that are kept.
    """

    def __init__(
        self, skip: int, limit: int, before: int, after: int, widest: int, fits: Callable[[Match], bool]
    ) -> None:
        self.page = Page()
        self._skip, self._limit = skip, limit
        self._after, self._widest, self._fits = after, widest, fits
        self._pending: deque[tuple[int, str, Proof]] = deque(maxlen=max(before, 1))
        self._before = before
        self._passed = 0  # matches of files before this one
        self._here = 0  # matches of this file
        self._kept_before = 0
        self._last: Match | None = None

    def take(self, raw: bytes) -> bool:
        """Read one message; true when the page is complete."""
        if raw.startswith(b'{"type":"match"'):
            return self._match(raw)
        if raw.startswith(b'{"type":"context"'):
            if self._passed + self._here >= self._skip:
                self._context(json.loads(raw)["data"])
        elif raw.startswith(b'{"type":"begin"'):
            self._here, self._last = 0, None
            self._pending.clear()
            self._kept_before = len(self.page.matches)
        elif raw.startswith(b'{"type":"end"'):
            if json.loads(raw)["data"]["binary_offset"] is not None:
                self.page.binary += 1
                del self.page.matches[self._kept_before :]
                self._here = 0
            self._passed += self._here
            self._here = 0
        elif raw.startswith((b'{"type":"summary"', b'{"data"')):
            self.page.searched = int(json.loads(raw)["data"]["stats"]["searches"])
        return False

    def _match(self, raw: bytes) -> bool:
        self._here += 1
        if self._passed + self._here <= self._skip:
            return False
        if len(self.page.matches) >= self._limit:
            self.page.more = True
            return True
        data = json.loads(raw)["data"]
        line = int(data["line_number"])
        match = Match(path_of(data["path"]), line, self._text(data))
        above = [(text, proof) for number, text, proof in self._pending if number >= line - self._before]
        match.before = [text for text, _ in above]
        match.proofs = [*(proof for _, proof in above), _proof(data)]
        self._pending.clear()
        if self.page.matches and not self._fits(match):
            self.page.more = True
            return True
        self.page.matches.append(match)
        self._last = match
        return False

    def _context(self, data: dict[str, Any]) -> None:
        number, text = int(data["line_number"]), self._text(data)
        if self._last is not None and number <= self._last.line + self._after:
            self._last.after.append(text)
            self._last.proofs.append(_proof(data))
        else:
            self._pending.append((number, text, _proof(data)))

    def _text(self, data: dict[str, Any]) -> str:
        """The line, shown; of a long one the part around the first match."""
        lines, raw = data["lines"], _raw(data)
        cut = bool(data.get("cut"))
        raw = raw.rstrip(b"\r\n")
        start, found = 0, data.get("submatches") or []
        if len(raw) > self._widest and found and found[0]["end"] > self._widest:
            start = max(0, found[0]["start"] - self._widest // 3)
        piece = raw[start : start + self._widest]
        if start or len(raw) > start + self._widest:  # a cut must not leave half a character behind
            piece = piece.decode("utf-8", "ignore").encode() if "text" in lines else piece
        body = "\t".join(visible(part) for part in piece.decode("utf-8", "backslashreplace").split("\t"))
        return ("…" if start else "") + body + ("…" if cut or len(raw) > start + self._widest else "")


def _raw(data: dict[str, Any]) -> bytes:
    lines = data["lines"]
    return lines["text"].encode() if "text" in lines else base64.b64decode(lines["bytes"])


def _proof(data: dict[str, Any]) -> Proof:
    return Proof(int(data["absolute_offset"]), _raw(data).rstrip(b"\r\n"))


def path_of(data: dict[str, str]) -> str:
    """Give a path of ripgrep's as `os.fsdecode` would, relative to where the search began."""
    raw = data["text"].encode() if "text" in data else base64.b64decode(data["bytes"])
    return raw.decode("utf-8", "surrogateescape").removeprefix("./")


async def messages(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Cut the stream into messages; of one that is longer than `_LONGEST_LINE` only the beginning is kept."""
    left = bytearray()
    head, tail = b"", b""
    number = at = 0
    async for data in chunks:
        pieces = data.split(b"\n")
        for i, piece in enumerate(pieces):
            left += piece
            whole = i < len(pieces) - 1
            if head or len(left) > _LONGEST_LINE:
                if not head:
                    head = bytes(left[:_LONGEST_LINE])
                seen = _NUMBER.search(tail + left)
                if seen and not number:
                    number, at = int(seen.group(1)), int(seen.group(2))
                tail = bytes((tail + left)[-_OVERLAP:])
                left.clear()
                if whole:
                    shortened = _shortened(head, number, at)
                    head, tail = b"", b""
                    number = at = 0
                    if shortened:
                        yield shortened
            elif whole:
                yield bytes(left)
                left.clear()


def _shortened(head: bytes, number: int, at: int) -> bytes:
    """Write the message of an over-long line anew, with the beginning of the line."""
    opened = _PATH.match(head)
    if opened is None or not number:
        return b""
    kind, path = opened.groups()
    rest = head[opened.end() :]
    as_bytes = rest.startswith(b',"lines":{"bytes":"')
    body = rest.partition(b'":"')[2][: 16 * 1024]
    if as_bytes:
        text: dict[str, str] = {"bytes": body[: len(body) // 4 * 4].decode("ascii", "ignore")}
    else:
        kept = re.match(rb'(?:[^"\\]|\\u[0-9a-fA-F]{4}|\\[^u])*', body)
        whole = (kept.group() if kept else b"").decode("utf-8", "ignore")
        text = {"text": json.loads(f'"{whole}"', strict=False)}
    data = {"path": json.loads(path), "lines": text, "line_number": number, "submatches": [], "cut": True}
    data["absolute_offset"] = at
    return json.dumps({"type": kind.decode(), "data": data}, separators=(",", ":")).encode()
