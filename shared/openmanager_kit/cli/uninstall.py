"""``openmanager uninstall CLIENT``: take our servers out of a client's configuration, and nothing else."""

from __future__ import annotations

import argparse

from openmanager_kit.cli import client_options
from openmanager_kit.clients.changing import uninstall
from openmanager_kit.clients.places import Machine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    client_options.add_client(parser)


def run(args: argparse.Namespace) -> int:
    """Remove the entries and say which."""
    change = uninstall(args.client, args.scope, Machine.this(), dry_run=args.dry_run)
    client_options.tell(args, change, "nothing of ours is there")
    return 0
