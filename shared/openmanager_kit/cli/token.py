"""``openmanager token create|list|revoke``: the bearer tokens of those who may use a service of ours over HTTP."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from pathlib import Path

from openmanager_core.errors import ConfigError
from openmanager_kit.cli import options

_UNITS_S = {"h": 3600.0, "d": 86_400.0, "w": 604_800.0, "y": 365 * 86_400.0}
_LASTS = re.compile(r"(\d{1,6})([hdwy])")
_ROLES = ("viewer", "operator", "admin")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a token and print it, this once")
    create.add_argument(
        "--role",
        choices=_ROLES,
        required=True,
        help="a viewer reads, an operator also writes, an admin also configures",
    )
    create.add_argument("--name", required=True, help="whose it is, as it stands in the list")
    create.add_argument("--expires", default="90d", metavar="TIME", help="as 12h, 90d, 8w or 1y (default: 90d)")
    show = actions.add_parser("list", help="list the tokens, without their secrets")
    show.add_argument("--json", action="store_true", help="print JSON")
    revoke = actions.add_parser("revoke", help="take a token back; running services refuse it within two seconds")
    revoke.add_argument("id", metavar="ID", help="as in the list")
    for action in (create, show, revoke):
        options.add_config(action)
        options.add_settings(action, ("state.home",))


def run(args: argparse.Namespace) -> int:
    """Do it."""
    from openmanager_kit.access.tokens import TokenStore

    store = TokenStore(home_of(args))
    if args.action == "create":
        row, text = store.mint(args.name, args.role, _seconds(args.expires))
        sys.stdout.write(f"{text}\n")
        sys.stderr.write(
            f"Token {row.id} of {row.name}, {row.role}, until {_day(row.expires_s)}. It is shown this once.\n"
            "A service takes it with access.tokens = true (--access-tokens).\n"
        )
    elif args.action == "revoke":
        row = store.revoke(args.id)
        sys.stderr.write(f"Token {row.id} of {row.name} is no longer valid.\n")
    else:
        now = time.time()
        rows = [
            {"id": row.id, "name": row.name, "role": row.role, "state": row.state(now), "created": _day(row.created_s),
             "expires": _day(row.expires_s)}
            for row in store.list()
        ]  # fmt: skip
        if args.json:
            sys.stdout.write(json.dumps(rows, ensure_ascii=False) + "\n")
        for one in () if args.json else rows:
            sys.stdout.write(
                "  ".join((one["id"], f"{one['role']:<8}", f"{one['state']:<7}", one["expires"], one["name"]))
            )
            sys.stdout.write("\n")
    return 0


def home_of(args: argparse.Namespace) -> Path:
    """Find the state folder as the other commands do."""
    from openmanager_kit.profile import load_profile

    return load_profile(args.config or "", options.flags_of(args), os.environ).home


def _seconds(text: str) -> float:
    taken = _LASTS.fullmatch(text)
    if taken is None:
        raise ConfigError(f"--expires: must be a number with h, d, w or y, as 90d, got {text!r}")
    return int(taken[1]) * _UNITS_S[taken[2]]


def _day(at_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(at_s))
