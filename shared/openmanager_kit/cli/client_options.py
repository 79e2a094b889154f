"""What the commands that change clients' files have in common: their arguments, and how they tell what they did."""

from __future__ import annotations

import argparse
import sys

from openmanager_kit.clients.changing import Change
from openmanager_kit.clients.formats import CLIENTS
from openmanager_kit.clients.places import INSTALLABLE, SCOPES

_FOR_PROJECT = (
    "It names programs of this machine: for a shared repository take what openmanager client-config prints.\n"
)
_APPROVAL = {
    "claude-code": "Claude Code asks at its next start whether the project's servers may run.\n",
    "codex": "Codex reads it in projects that it trusts.\n",
}


def add_client(parser: argparse.ArgumentParser) -> None:
    """Let the command take a client, the scope of its file, and ``--dry-run``."""
    parser.add_argument("client", choices=INSTALLABLE, metavar="CLIENT", help=", ".join(INSTALLABLE))
    add_scope(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the change as a diff and write nothing")


def add_scope(parser: argparse.ArgumentParser) -> None:
    """Let the command take the scope of a client's file."""
    parser.add_argument(
        "--scope", choices=SCOPES, default="user", help="your own file (default), or the project's in this folder"
    )


def tell(args: argparse.Namespace, change: Change, nothing: str) -> None:
    """Say on stdout what was done, or what would be."""
    report = change.report
    title = CLIENTS[args.client].title
    parts = [
        f"{verb} {', '.join(names)}"
        for verb, names in (("added", report.added), ("changed", report.changed), ("removed", report.removed))
        if names
    ]
    if report.same and parts:
        parts.append(f"already so: {', '.join(report.same)}")
    if change.before == change.after:
        sys.stdout.write(f"{title}: {nothing} ({change.file})\n")
    elif args.dry_run:
        sys.stdout.write(change.diff)
        sys.stderr.write(f"{title}: nothing was written; without --dry-run: {'; '.join(parts)}.\n")
    else:
        sys.stdout.write(f"{title}: {'; '.join(parts)} in {change.file}\n")
        if change.backup is not None and change.before is not None:
            undo = f"openmanager restore {args.client}" + (" --scope project" if args.scope == "project" else "")
            sys.stdout.write(f"What it was before is in {change.backup}; {undo} undoes it.\n")
        if change.new_folder and args.scope == "user":
            sys.stderr.write(f"{change.target.parent} was not there: is {title} installed?\n")
        sys.stderr.write(f"Restart {title} if it is running.\n")
        if args.scope == "project" and (report.added or report.changed):
            sys.stderr.write(_FOR_PROJECT + _APPROVAL.get(args.client, ""))
    for name in report.left:
        sys.stderr.write(f"{name} was ours, but is something else now: left as it is.\n")
