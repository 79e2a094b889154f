"""``openmanager audit verify|tail|export``: who called what over HTTP, and whether the trail of it is unbroken."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from openmanager_core.text import visible
from openmanager_kit.cli import options
from openmanager_kit.cli.token import home_of

_MOST = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = actions.add_parser("verify", help="follow the trail from end to end; 1 if it is broken")
    tail = actions.add_parser("tail", help="print the last rows")
    tail.add_argument("-n", type=int, default=20, metavar="ROWS", help="how many (default: 20)")
    export = actions.add_parser("export", help="print every row, as CSV or with --json as lines of JSON")
    for action in (verify, tail, export):
        action.add_argument("--json", action="store_true", help="print JSON")
        options.add_config(action)
        options.add_settings(action, ("state.home",))


def run(args: argparse.Namespace) -> int:
    """Do it; 1 if the trail is broken."""
    from openmanager_kit.access.trail_file import reading, rows, verified

    home = home_of(args)
    if args.action == "verify":
        found, first, last = verified(home)
        if args.json:
            sys.stdout.write(json.dumps({"unbroken": not found, "first": first, "last": last, "breaks": found}) + "\n")
        else:
            said = found or [f"unbroken: rows {first} to {last}" if last else "unbroken, and nothing in it yet"]
            sys.stdout.write("".join(f"{one}\n" for one in said))
        return 1 if found else 0
    with reading(home) as (db, _):
        links = rows(db, min(max(args.n, 1), _MOST) if args.action == "tail" else 0)
        entries = (_entry(link) for link in links)
        if args.json:
            for entry in entries:
                sys.stdout.write(json.dumps(entry, ensure_ascii=False) + "\n")
        elif args.action == "export":
            _as_csv(entries)
        else:
            for entry in entries:
                sys.stdout.write(visible("  ".join(str(value) for value in entry.values())) + "\n")
    return 0


def _entry(link: Any) -> dict[str, Any]:
    row = link.row
    return {
        "seq": link.seq,
        "at": datetime.fromtimestamp(row.at_us / 1e6, UTC).isoformat(timespec="milliseconds"),
        "principal": row.principal,
        "server": row.server,
        "tool": row.tool,
        "arguments": row.arguments,
        "outcome": row.outcome,
        "duration_s": row.duration_us / 1e6,
        "seal": link.seal.hex(),
    }


def _as_csv(entries: Iterator[dict[str, Any]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    for number, entry in enumerate(entries):
        if not number:
            writer.writerow(entry)
        # A spreadsheet would take some names for formulas.
        writer.writerow([f"'{v}" if isinstance(v, str) and v[:1] in "=+-@" and v else v for v in entry.values()])
