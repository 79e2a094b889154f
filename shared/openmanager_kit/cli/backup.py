"""``openmanager backup FILE``: all state in one checked file, also while servers use it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from openmanager_kit.cli import options
from openmanager_kit.cli.token import home_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", metavar="FILE", type=Path, help="the new file, as openmanager.tar; keep it as a secret")
    options.add_config(parser)
    options.add_settings(parser, ("state.home",))


def run(args: argparse.Namespace) -> int:
    """Write the file."""
    from openmanager_kit.backups.making import back_up

    manifest = back_up(home_of(args), args.file)
    size = sum(entry.bytes for entry in manifest.files)
    sys.stdout.write(f"{args.file}: {len(manifest.files)} files, {size} bytes\n")
    return 0
