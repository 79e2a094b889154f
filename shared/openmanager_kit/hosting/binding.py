"""Opens the socket that a server listens on, before anything heavy is loaded."""

from __future__ import annotations

import os
import socket
import ssl
from typing import TYPE_CHECKING

from openmanager_core.errors import ConfigError

if TYPE_CHECKING:
    from openmanager_kit.profile import HttpSettings


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


def base_url(sock: socket.socket, *, tls: bool = False) -> str:
    """Give the address of a bound socket, without a path."""
    host, port = sock.getsockname()[:2]
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def check_tls(settings: HttpSettings) -> bool:
    """Tell whether to serve https.

    Raises
    ------
    ConfigError
        If the certificate and its key cannot be used.
    """
    if not settings.tls_cert and not settings.tls_key:
        return False
    if not settings.tls_cert or not settings.tls_key:
        raise ConfigError("http.tls_cert and http.tls_key belong together: set both or none")
    try:
        # Without a word for a locked key the library would ask at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key, lambda: "")
    except (OSError, ValueError) as exc:
        why = exc.reason if isinstance(exc, ssl.SSLError) else getattr(exc, "strerror", "") or exc
        files = f"{settings.tls_cert} and {settings.tls_key}"
        raise ConfigError(f"http.tls_cert and http.tls_key: {files} cannot be used: {why}") from exc
    return True
