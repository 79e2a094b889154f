"""The `openmanager` command: finds the sub-command's module and imports only that one."""

from __future__ import annotations

import argparse
import importlib
import io
import sys
from collections.abc import Callable, Sequence

from openmanager_core.errors import ConfigError, FleetError

COMMANDS: dict[str, tuple[str, str]] = {
    "serve": ("openmanager_kit.cli.serve", "Serve one MCP server, or a profile's as one, over stdio or HTTP"),
    "up": ("openmanager_kit.cli.up", "Serve a whole profile over HTTP, and keep it running"),
    "status": ("openmanager_kit.cli.status", "Ask a running service whether its servers are ready"),
    "configs": ("openmanager_kit.cli.configs", "List, show, validate, compare and weigh profiles"),
    "client-config": ("openmanager_kit.cli.client_config", "Print what an MCP client needs to know"),
    "install": ("openmanager_kit.cli.install", "Write the servers of a profile into an MCP client's configuration"),
    "uninstall": ("openmanager_kit.cli.uninstall", "Take our servers out of an MCP client's configuration"),
    "restore": ("openmanager_kit.cli.restore", "Undo the last change of an MCP client's configuration"),
    "demo": ("openmanager_local.demo", "Break a simulated fleet and analyse it through MCP, as make run does"),
    "ask": ("openmanager_local.ask_command", "Ask about the fleet in words, English or Korean"),
    "report": ("openmanager_local.report_command", "Report on the fleet: terminal, Markdown or JSON"),
    "detect": ("openmanager_kit.cli.detect", "Score one series for anomalies, causally (CSV in, JSON out)"),
    "detect-multi": (
        "openmanager_kit.cli.detect_multi",
        "Score one server's many metrics (CSV in, JSON out)",
    ),
    "forecast": (
        "openmanager_kit.cli.forecast",
        "Forecast one series with its interval (CSV in, JSON out)",
    ),
    "rca": ("openmanager_kit.cli.rca", "Rank root causes over a call graph (CSV and JSON in, JSON out)"),
    "simulate": ("openmanager_kit.cli.simulate", "Serve or write a simulated fleet with known faults"),
}
"""Sub-command: (module with ``add_arguments(parser)`` and ``run(args) -> int``, one line of help)."""

_EXIT_USAGE = 2
_WITH_DIRECTORIES = "serve"
"""Its directories may stand behind options too: ``serve filesystem --root A B``."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; 0 is success, 1 a failure that was explained, 2 a usage or configuration error."""
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # the console's own code page may lack what we print
            stream.reconfigure(encoding="utf-8", errors="replace")
    parser = argparse.ArgumentParser(
        prog="openmanager", description="MCP servers for operations, led by a fleet analyst."
    )
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    if words[:1] == ["--version"]:
        from openmanager_kit import version

        sys.stdout.write(f"openmanager {version()}\n")
        return 0
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    parse: Callable[[Sequence[str]], argparse.Namespace] | None = None
    wanted = words[0] if words and words[0] in COMMANDS else None
    for name, (module, text) in COMMANDS.items():
        sub = commands.add_parser(name, help=text.replace("%", "%%"), description=text)
        if name == wanted:
            found = importlib.import_module(module)
            found.add_arguments(sub)
            sub.set_defaults(run=found.run)
            if name == _WITH_DIRECTORIES:
                parse = sub.parse_intermixed_args
    args = parse(words[1:]) if parse is not None else parser.parse_args(words)
    try:
        return int(args.run(args))
    except ConfigError as exc:
        sys.stderr.write(f"openmanager: {exc}\n")
        return _EXIT_USAGE
    except FleetError as exc:
        sys.stderr.write(f"openmanager: {exc}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 1


if __name__ == "__main__":
    sys.exit(main())
