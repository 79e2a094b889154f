"""``openmanager serve [NAME]``: one server, or all of a profile as one, over standard input and output or over HTTP."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import Any

from openmanager_core.errors import ConfigError
from openmanager_kit.cli import options
from openmanager_kit.hosting import tuning
from openmanager_kit.registry import MAY_HAVE_ROOTS, WITH_ROOTS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "name", metavar="NAME", nargs="?", default="",
        help="the server, for example openmanager-local; without one, every server of the profile in one process",
    )  # fmt: skip
    parser.add_argument(
        "directories", metavar="DIR", nargs="*", help="filesystem, git, shadcn-ui: further roots, as --root takes them"
    )
    options.add_config(parser)
    transport = parser.add_mutually_exclusive_group()
    transport.add_argument("--http", metavar="HOST:PORT", help="serve over Streamable HTTP there, at /mcp")
    transport.add_argument("--stdio", action="store_true", help="serve over standard input and output")
    options.add_settings(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until the client leaves or a signal comes."""
    tuning.starting()
    from openmanager_kit import logs
    from openmanager_kit.profile import load_profile
    from openmanager_kit.registry import build_gateway, build_server

    profile = load_profile(args.config or "", _flags(args), os.environ)
    logs.configure(profile.log_level)
    server = build_server(profile, args.name) if args.name else build_gateway(profile)
    if profile.http.enabled:
        from openmanager_kit.access.assembly import access_of
        from openmanager_kit.backups.holding import hold
        from openmanager_kit.hosting.http import serve_http as http

        hold(profile.home)
        tuning.serving()
        code = http(server, profile.http, access_of(profile, os.environ))
    else:
        from openmanager_kit.hosting.stdio import serve_stdio

        tuning.serving()
        code = serve_stdio(server)
    from openmanager_kit.hosting.leaving import leave

    leave(code)
    return code


def _flags(args: argparse.Namespace) -> Mapping[str, Any]:
    flags = dict(options.flags_of(args))
    if args.directories:
        if args.name and args.name not in (*WITH_ROOTS, *MAY_HAVE_ROOTS):
            raise ConfigError(f"{args.name} takes no directories, got {args.directories[0]!r}")
        flags["roots"] = [*(flags.get("roots") or []), *args.directories]
    if args.stdio:
        flags["http.enabled"] = False
    elif args.http is not None:
        host, port = _address(args.http)
        flags |= {"http.enabled": True, "http.port": port} | ({"http.host": host} if host else {})
    return flags


def _address(text: str) -> tuple[str, str]:
    """Take ``HOST:PORT``, ``[IPv6]:PORT``, ``:PORT`` or ``PORT`` apart."""
    host, _, port = text.rpartition(":")
    if not port.isdigit() or (":" in host and not (host.startswith("[") and host.endswith("]"))):
        raise ConfigError(f"http.host and http.port, flag --http: must be HOST:PORT, got {text!r}")
    return host.strip("[]"), port
