"""Opaque cursors: where a list goes on, and for which request it does."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any

from openmanager_core.errors import InvalidRequest

_LONGEST = 200
_START_OVER = "leave cursor empty to start from the beginning, with the same other arguments as before"


def fingerprint(key: Any) -> str:
    """Name the request that `key` describes in a few characters, alike in every process."""
    text = json.dumps(key, sort_keys=True, default=str, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def encode(offset: int, key: Any) -> str:
    """Write a cursor that goes on at item `offset` of the request `key`."""
    raw = json.dumps([offset, fingerprint(key)], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode(cursor: str | None, key: Any) -> int:
    """Read where the cursor of the request `key` goes on; no cursor means the beginning.

    Raises
    ------
    InvalidRequest
        If the cursor is malformed or belongs to another request.
    """
    if not cursor:
        return 0
    try:
        padded = cursor[:_LONGEST] + "=" * (-len(cursor[:_LONGEST]) % 4)
        raw = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raw = None
    if len(cursor) > _LONGEST or not _is_cursor(raw):
        raise InvalidRequest("cursor is not one that this server gave out", hint=_START_OVER)
    offset, owner = raw
    if owner != fingerprint(key):
        raise InvalidRequest("cursor belongs to a request with other arguments", hint=_START_OVER)
    return int(offset)


def _is_cursor(raw: object) -> bool:
    match raw:
        case [int() as offset, str()] if not isinstance(offset, bool) and offset >= 0:
            return True
        case _:
            return False
