"""``openmanager client-config CLIENT``: print what to write into a client's configuration; nothing is changed."""

from __future__ import annotations

import argparse
import os
import shlex
import sys

from openmanager_kit.cli import options
from openmanager_kit.clients.entries import ANY_ROOT, PORTABLE, Entry, entries_of, gateway_entry
from openmanager_kit.clients.formats import CLIENTS
from openmanager_kit.clients.starting import this_command
from openmanager_kit.profile import load_profile
from openmanager_kit.settings import CONFIG_VARIABLE
from openmanager_kit.wording import said


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("client", choices=tuple(CLIENTS), metavar="CLIENT", help=", ".join(CLIENTS))
    options.add_config(parser)
    options.add_settings(parser, ("roots", "trust"))
    parser.add_argument("--gateway", action="store_true", help="one entry for every server of the profile")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--absolute",
        action="store_true",
        help="start this very installation, by its absolute path (a checkout needs it, and a short PATH)",
    )
    how.add_argument("--command", metavar="PATH", help="start openmanager with this program")


def run(args: argparse.Namespace) -> int:
    """Print the configuration on stdout, and where it belongs on stderr."""
    # The client starts the server without this shell's variables: only which profile is meant counts.
    config = args.config or os.environ.get(CONFIG_VARIABLE, "")
    typed = options.flags_of(args)
    profile = load_profile(config, {}, {})
    beside = load_profile(config, typed, {}) if typed else profile
    command = (args.command,) if args.command else this_command() if args.absolute else PORTABLE
    client = CLIENTS[args.client]
    roots, trust = beside.roots if args.roots else (), beside.trust if args.trust else ()
    entries: list[Entry] = (
        [gateway_entry(profile, command, roots, trust)] if args.gateway else entries_of(profile, command, roots, trust)
    )
    written = client.write(entries)
    sys.stdout.write(written)
    text = said("For {title}, this belongs into {files}.", title=client.title, files=client.files)
    sys.stderr.write(f"{text}\n")
    if ANY_ROOT in written:
        text = said("Put your own directory in the place of {root}, or give --root DIR here.", root=ANY_ROOT)
        sys.stderr.write(f"{text}\n")
    if not args.command and not args.absolute:
        words = shlex.join(PORTABLE[:3])
        text = said("It starts the published package ({words}); for this installation: --absolute.", words=words)
        sys.stderr.write(f"{text}\n")
    return 0
