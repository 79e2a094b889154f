"""What the commands that change clients' files have in common: their arguments, and how they tell what they did."""

from __future__ import annotations

import argparse
import sys

from openmanager_kit.clients.changing import Change
from openmanager_kit.clients.formats import CLIENTS
from openmanager_kit.clients.places import INSTALLABLE, SCOPES
from openmanager_kit.wording import said

_FOR_PROJECT = "It names programs of this machine: for a shared repository take what openmanager client-config prints."
_APPROVAL = {
    "claude-code": "Claude Code asks at its next start whether the project's servers may run.",
    "codex": "Codex reads it in projects that it trusts.",
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
        for verb, names in (
            (said("added"), report.added),
            (said("changed"), report.changed),
            (said("removed"), report.removed),
        )
        if names
    ]
    if report.same and parts:
        parts.append(said("already so: {names}", names=", ".join(report.same)))
    if change.before == change.after:
        sys.stdout.write(f"{title}: {said(nothing)} ({change.file})\n")
    elif args.dry_run:
        sys.stdout.write(change.diff)
        text = said("{title}: nothing was written; without --dry-run: {what}.", title=title, what="; ".join(parts))
        sys.stderr.write(f"{text}\n")
    else:
        text = said("{title}: {what} in {file}", title=title, what="; ".join(parts), file=change.file)
        sys.stdout.write(f"{text}\n")
        if change.backup is not None and change.before is not None:
            undo = f"openmanager restore {args.client}" + (" --scope project" if args.scope == "project" else "")
            text = said("What it was before is in {backup}; {undo} undoes it.", backup=change.backup, undo=undo)
            sys.stdout.write(f"{text}\n")
        if change.new_folder and args.scope == "user":
            text = said("{folder} was not there: is {title} installed?", folder=change.target.parent, title=title)
            sys.stderr.write(f"{text}\n")
        text = said("Restart {title} if it is running.", title=title)
        sys.stderr.write(f"{text}\n")
        if args.scope == "project" and (report.added or report.changed):
            more = [_FOR_PROJECT, *([_APPROVAL[args.client]] if args.client in _APPROVAL else [])]
            sys.stderr.write("".join(f"{said(line)}\n" for line in more))
    for name in report.left:
        text = said("{name} was ours, but is something else now: left as it is.", name=name)
        sys.stderr.write(f"{text}\n")
