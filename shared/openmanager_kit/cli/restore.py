"""``openmanager restore FILE | CLIENT``: put back a backup of the state, or a client's configuration as it was."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from openmanager_core.errors import ConfigError, Conflict
from openmanager_kit.cli import client_options, options
from openmanager_kit.clients.changing import restore
from openmanager_kit.clients.formats import CLIENTS
from openmanager_kit.clients.places import INSTALLABLE, Machine
from openmanager_kit.wording import said


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "what", metavar="FILE|CLIENT", help=f"a file of openmanager backup, or one of {', '.join(INSTALLABLE)}"
    )
    client_options.add_scope(parser)
    parser.add_argument("--dry-run", action="store_true", help="show the change, or check the backup; write nothing")
    parser.add_argument(
        "--force", action="store_true", help="also undo what others changed since; also while servers use the state"
    )
    options.add_config(parser)
    options.add_settings(parser, ("state.home",))


def run(args: argparse.Namespace) -> int:
    """Put back what is meant: the name of a client is never a file, ``./NAME`` is."""
    if args.what in INSTALLABLE:
        return _client(args)
    if os.sep in args.what or "." in args.what or Path(args.what).exists():
        return _backup(args)
    raise ConfigError(f"{args.what}: is neither a file nor a client; the clients are {', '.join(INSTALLABLE)}")


def _client(args: argparse.Namespace) -> int:
    """Show the difference and put the last dated copy back."""
    change = restore(args.what, args.scope, Machine.this(), force=args.force, dry_run=args.dry_run)
    sys.stdout.write(change.diff)
    if change.foreign and not args.force:
        raise Conflict(
            f"{change.file}: more than our entries changed since {change.backup}, nothing was written",
            hint=f"openmanager uninstall {args.what}, or --force to undo all of the difference above",
        )
    title = CLIENTS[args.what].title
    if args.dry_run:
        text = said("{title}: nothing was written.", title=title)
    elif change.after is None:
        text = said("{title}: there was no {file} before, so it was removed.", title=title, file=change.file)
    else:
        text = said(
            "{title}: {file} is again as in {backup}, which is used up.",
            title=title, file=change.file, backup=change.backup,
        )  # fmt: skip
    sys.stderr.write(f"{text}\n")
    return 0


def _backup(args: argparse.Namespace) -> int:
    from openmanager_kit.backups.restoring import check, put_back
    from openmanager_kit.cli.token import home_of

    file, home = Path(args.what), home_of(args)
    if args.dry_run:
        manifest = check(file)
        sys.stdout.write(f"{file}: whole, {len(manifest.files)} files, made {manifest.made}; nothing was written\n")
        return 0
    manifest, kept = put_back(file, home, force=args.force)
    sys.stdout.write(f"{home}: {len(manifest.files)} files as of {manifest.made}\n")
    if kept is not None:
        sys.stderr.write(f"What was there before is in {kept}.\n")
    return 0
