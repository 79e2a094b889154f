"""``openmanager doctor``: whether everything would work, tried for real; nothing is changed."""

from __future__ import annotations

import argparse
import json
import os
import sys

from openmanager_core.errors import ConfigError
from openmanager_kit.cli import options
from openmanager_kit.wording import said

_MOST_S = 90.0
_LEAST_S, _LONGEST_S = 5.0, 3600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    options.add_config(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--timeout", type=float, default=_MOST_S, metavar="SECONDS",
        help=said("longest time for all of it (default: {seconds})", seconds=f"{_MOST_S:g}"),
    )  # fmt: skip
    options.add_settings(parser, ("roots", "trust", "state.home"))


def run(args: argparse.Namespace) -> int:
    """Print what was found; 0 if all is well, 1 for warnings, 2 for failures."""
    if not _LEAST_S <= args.timeout <= _LONGEST_S:
        raise ConfigError(f"--timeout must be from {_LEAST_S:g} to {_LONGEST_S:g} seconds, got {args.timeout:g}")
    from openmanager_kit import version
    from openmanager_kit.doctor.examining import examined, wanted_from
    from openmanager_kit.doctor.findings import EXIT_CODES, as_json, as_text, worst
    from openmanager_kit.profile import load_profile
    from openmanager_kit.settings import CONFIG_VARIABLE

    config = args.config or os.environ.get(CONFIG_VARIABLE, "")
    typed = options.flags_of(args)
    wanted = wanted_from(
        lambda: load_profile(config, typed, os.environ),
        config,
        typed.get("roots") or (),
        typed.get("trust") or (),
        args.timeout,
    )
    findings, seconds = examined(wanted)
    if args.json:
        sys.stdout.write(json.dumps(as_json(findings, version(), seconds), ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(as_text(findings, seconds))
    return EXIT_CODES[worst(findings)]
