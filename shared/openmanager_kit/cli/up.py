"""``openmanager up``: the whole profile over HTTP, for a team, kept running."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from openmanager_core.errors import ConfigError
from openmanager_kit.cli import options

_MOST_WORKERS = 64
_LEAST_PATIENCE_S, _MOST_PATIENCE_S = 2.0, 3600.0
"""Workers give a sign of life each second."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    options.add_config(parser)
    parser.add_argument("--host", help="address to listen on (default: the profile's, else 127.0.0.1)")
    parser.add_argument("--port", help="port to listen on; 0 takes any free one (default: the profile's, else 8765)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that serve (default: 1)")
    parser.add_argument(
        "--patience", type=float, default=30.0, metavar="SECONDS",
        help="a process that stands still for so long is ended and started again (default: 30)",
    )  # fmt: skip
    options.add_settings(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    from openmanager_kit.hosting.binding import base_url, bound, check_tls
    from openmanager_kit.hosting.orders import Orders
    from openmanager_kit.hosting.supervisor import Supervisor
    from openmanager_kit.profile import load_profile

    flags: dict[str, Any] = {"http.enabled": True, **options.flags_of(args)}
    flags |= {f"http.{name}": getattr(args, name) for name in ("host", "port") if getattr(args, name) is not None}
    profile = load_profile(args.config or "", flags, os.environ)
    if not 1 <= args.workers <= _MOST_WORKERS:
        raise ConfigError(f"--workers must be from 1 to {_MOST_WORKERS}, got {args.workers}")
    if not _LEAST_PATIENCE_S <= args.patience <= _MOST_PATIENCE_S:
        raise ConfigError(
            f"--patience must be from {_LEAST_PATIENCE_S:g} to {_MOST_PATIENCE_S:g} seconds, got {args.patience:g}"
        )
    if args.workers > 1 and profile.http.sessions:
        raise ConfigError("http.sessions needs --workers 1: a session lives in one process")
    tls = check_tls(profile.http)
    sock = bound(profile.http.host, profile.http.port)
    sock.listen(2048)
    supervisor = Supervisor(
        sock=sock,
        orders=Orders(config=args.config or "", flags=flags),
        workers=args.workers,
        url=f"{base_url(sock, tls=tls)}/mcp",
        tell=_tell,
        environ=os.environ,
        still_s=args.patience,
    )
    try:
        return supervisor.run()
    finally:
        sock.close()


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
