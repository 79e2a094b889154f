"""Opens the socket that a server listens on, before anything heavy is loaded."""

from __future__ import annotations

import os
import socket

from openmanager_core.errors import ConfigError


def bound(host: str, port: int) -> socket.socket:
    """Bind a socket; port 0 takes any free one.

    Raises
    ------
    ConfigError
        If the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's delay off only where the protocol is named: without it each reply takes 40 ms.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere it would let two processes share a port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except OSError as exc:
        sock.close()
        raise ConfigError(f"http.host and http.port: cannot listen on {host}:{port}: {exc}") from exc
    return sock


def base_url(sock: socket.socket) -> str:
    """Give the address of a bound socket, without a path."""
    host, port = sock.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
