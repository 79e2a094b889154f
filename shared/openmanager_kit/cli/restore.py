"""``openmanager restore CLIENT``: put back what a client's configuration was before the last change of ours."""

from __future__ import annotations

import argparse
import sys

from openmanager_core.errors import Conflict
from openmanager_kit.cli import client_options
from openmanager_kit.clients.changing import restore
from openmanager_kit.clients.formats import CLIENTS
from openmanager_kit.clients.places import Machine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    client_options.add_client(parser)
    parser.add_argument("--force", action="store_true", help="also undo what others changed since")


def run(args: argparse.Namespace) -> int:
    """Show the difference and put the last dated copy back."""
    change = restore(args.client, args.scope, Machine.this(), force=args.force, dry_run=args.dry_run)
    sys.stdout.write(change.diff)
    if change.foreign and not args.force:
        raise Conflict(
            f"{change.file}: more than our entries changed since {change.backup}, nothing was written",
            hint=f"openmanager uninstall {args.client}, or --force to undo all of the difference above",
        )
    title = CLIENTS[args.client].title
    if args.dry_run:
        sys.stderr.write(f"{title}: nothing was written.\n")
    elif change.after is None:
        sys.stderr.write(f"{title}: there was no {change.file} before, so it was removed.\n")
    else:
        sys.stderr.write(f"{title}: {change.file} is again as in {change.backup}, which is used up.\n")
    return 0
