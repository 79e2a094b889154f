"""Whether an engine's machine can be connected to: for `doctor`, which must not use up anybody's quota."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import anyio

_PATIENCE_S = 5.0
_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


async def reached(addresses: Mapping[str, str]) -> dict[str, str]:
    """Connect to all of them at once; gives each one's problem, empty if there is none."""
    found: dict[str, str] = {}
    async with anyio.create_task_group() as group:
        for name, address in addresses.items():
            group.start_soon(_reach, name, address, found)
    return {name: found[name] for name in addresses}


async def _reach(name: str, address: str, found: dict[str, str]) -> None:
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 443)
    found[name] = f"{host}:{port} does not answer within {_PATIENCE_S:g} s"
    with anyio.move_on_after(_PATIENCE_S):
        try:
            stream = await anyio.connect_tcp(host, port)
            await stream.aclose()
            found[name] = ""
        except OSError as exc:
            found[name] = f"{host}:{port} cannot be reached: {exc.strerror or type(exc).__name__}"
