"""Environment files: which one a project uses, the names in it, and new names behind the old. No value is shown."""

from __future__ import annotations

import re
from collections.abc import Mapping

from openmanager_shadcn.adding.aliases import Disk

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
_FILES = (".env.local", ".env", ".env.development.local", ".env.development")
_PLAIN = re.compile(r"[^\s\"'`#$\\]*")


def file_of(disk: Disk, folder: str) -> tuple[str, bytes | None]:
    """Give the file that new variables go into, and its content; ``.env.local`` if there is none."""
    for name in _FILES:
        path = f"{folder}/{name}"
        if disk.exists(path):
            return path, disk.bytes_of(path)
    return f"{folder}/{_FILES[0]}", None


def parse(text: str) -> dict[str, str]:
    """Read the names and values of an environment file."""
    found = {}
    for line in text.splitlines():
        name, sign, value = line.strip().removeprefix("export ").partition("=")
        if sign and NAME.fullmatch(name.strip()):
            found[name.strip()] = value.strip().strip("\"'")
    return found


def with_more(old: bytes, more: Mapping[str, str]) -> bytes:
    """Put variables behind what is there, which stays byte for byte."""
    end = b"\r\n" if 2 * old.count(b"\r\n") > old.count(b"\n") > 0 else b"\n"
    lines = b"".join(f"{name}={_value(value)}".encode() + end for name, value in more.items())
    if not old:
        return lines
    gap = b"" if old.endswith((b"\n\n", b"\r\n\r\n")) else end if old.endswith(b"\n") else end + end
    return old + gap + lines


def _value(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    # Single quotes take everything but themselves and line breaks literally, in every reader of such files.
    plain = value.replace("\r", " ").replace("\n", " ")
    return (
        f"'{plain}'"
        if "'" not in plain
        else '"' + plain.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'
    )
