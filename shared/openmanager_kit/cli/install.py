"""``openmanager install CLIENT``: write the servers of a profile into a client's configuration."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from openmanager_core.errors import ConfigError
from openmanager_kit.cli import client_options, options
from openmanager_kit.clients.changing import install
from openmanager_kit.clients.entries import (
    ANY_ROOT,
    GATEWAY,
    Entry,
    Launch,
    checked_name,
    entries_of,
    gateway_entry,
    http_entry,
)
from openmanager_kit.clients.places import Machine
from openmanager_kit.clients.starting import Start, lasting_command, this_command
from openmanager_kit.profile import load_profile
from openmanager_kit.settings import CONFIG_VARIABLE
from openmanager_kit.wording import said


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    client_options.add_client(parser)
    options.add_config(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--gateway", action="store_true", help="one entry for every server of the profile")
    what.add_argument("--http", metavar="URL", help="one entry for a server that runs already, at this address")
    parser.add_argument("--token-env", metavar="VARIABLE", help="with --http: the variable that holds the token")
    parser.add_argument(
        "--name",
        help=said("with --gateway or --http: the entry's name (default {name}); it stands beside others", name=GATEWAY),
    )
    parser.add_argument("--command", metavar="PATH", help="start openmanager with this program")
    parser.add_argument("--force", action="store_true", help="overwrite foreign entries of the same name")
    options.add_settings(parser, ("roots", "trust"))


def run(args: argparse.Namespace) -> int:
    """Write the entries and say what changed."""
    start = _start(args)
    entries = _entries(args, start)
    change = install(
        args.client,
        args.scope,
        Machine.this(),
        entries,
        force=args.force,
        beside=bool(args.name),
        dry_run=args.dry_run,
    )
    client_options.tell(args, change, "already so, nothing was written")
    if any(isinstance(entry, Launch) for entry in entries) and start.remark:
        sys.stderr.write(f"{start.remark}\n")
    if any(isinstance(entry, Launch) and ANY_ROOT in entry.words for entry in entries):
        text = said("{root} stands where your directory belongs: run it again with --root DIR.", root=ANY_ROOT)
        sys.stderr.write(f"{text}\n")
    return 0


def _start(args: argparse.Namespace) -> Start:
    if args.command is None:
        return lasting_command(this_command(), os.environ)
    if not Path(args.command).is_absolute():
        raise ConfigError(f"--command: must be an absolute path (clients have a short PATH), got {args.command!r}")
    if not os.access(args.command, os.X_OK):
        raise ConfigError(f"--command: must be a program that is there, got {args.command!r}")
    return Start((args.command,))


def _entries(args: argparse.Namespace, start: Start) -> list[Entry]:
    if args.name is not None and not (args.gateway or args.http):
        raise ConfigError("--name: goes with --gateway or --http; the servers of a profile have their own names")
    if args.token_env is not None and not args.http:
        raise ConfigError("--token-env: goes with --http URL")
    name = checked_name(args.name or GATEWAY)
    if args.http is not None:
        given = [flag for flag, said in (("--config", args.config), ("--command", args.command)) if said is not None]
        if given or options.flags_of(args):
            said = (given or ["--root and --trust"])[0]
            raise ConfigError(f"{said}: says how to start a server, but the one at {args.http} runs already")
        return [http_entry(args.http, args.token_env or "", name)]
    config = args.config or os.environ.get(CONFIG_VARIABLE, "")
    profile = load_profile(config, {}, {})
    beside = load_profile(config, options.flags_of(args), {})
    roots, trust = beside.roots if args.roots else (), beside.trust if args.trust else ()
    if args.gateway:
        return [gateway_entry(profile, start.words, roots, trust, name)]
    return entries_of(profile, start.words, roots, trust)
