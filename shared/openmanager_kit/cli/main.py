"""The `openmanager` command: finds the sub-command's module and imports only that one."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Callable, Sequence

from openmanager_core.errors import ConfigError, FleetError
from openmanager_kit.cli.help import Parser
from openmanager_kit.wording import LANGUAGES, Language, language_of, speak

COMMANDS: dict[str, tuple[str, str]] = {
    "serve": ("openmanager_kit.cli.serve", "Serve one MCP server, or a profile's as one, over stdio or HTTP"),
    "up": ("openmanager_kit.cli.up", "Serve a whole profile over HTTP, and keep it running"),
    "status": ("openmanager_kit.cli.status", "Ask a running service whether its servers are ready"),
    "doctor": ("openmanager_kit.cli.doctor", "Try everything for real and say what is wrong and what to do"),
    "configs": ("openmanager_kit.cli.configs", "List, show, validate, compare and weigh profiles"),
    "client-config": ("openmanager_kit.cli.client_config", "Print what an MCP client needs to know"),
    "install": ("openmanager_kit.cli.install", "Write the servers of a profile into an MCP client's configuration"),
    "uninstall": ("openmanager_kit.cli.uninstall", "Take our servers out of an MCP client's configuration"),
    "token": ("openmanager_kit.cli.token", "Make, list and take back the tokens of a service over HTTP"),
    "audit": ("openmanager_kit.cli.audit", "Show who called what over HTTP, and verify that nothing is missing"),
    "backup": ("openmanager_kit.cli.backup", "Copy all state into one checked file, also while it is in use"),
    "restore": ("openmanager_kit.cli.restore", "Put back a backup, or an MCP client's configuration as it was"),
    "demo": (
        "openmanager_kit.cli.demo",
        "Ask every server of the development profile something, then analyse a broken fleet (make run)",
    ),
    "ask": ("openmanager_local.ask_command", "Ask about the fleet in words, English or Korean"),
    "report": ("openmanager_local.report_command", "Report on the fleet: terminal, Markdown or JSON"),
    "watch": ("openmanager_local.watch_command", "Tell what becomes unusual in the fleet, as it happens"),
    "shadcn": ("openmanager_shadcn.mirror", "Fill the cache of the shadcn-ui server ahead: shadcn mirror"),
    "index": ("openmanager_search.index_command", "Make a folder findable for search, without a network"),
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
_LANG_HELP = "language of what is said to you (default: OPENMANAGER_LANG, LC_ALL, LC_MESSAGES or LANG)"
_WITH_DIRECTORIES = "serve"
"""Its directories may stand behind options too: ``serve filesystem --root A B``."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; 0 is success, 1 a failure that was explained, 2 a usage or configuration error."""
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # the console's own code page may lack what we print
            stream.reconfigure(encoding="utf-8", errors="replace")
    words, language = _language(words)
    speak(language)
    parser = Parser(prog="openmanager", description="MCP servers for operations, led by a fleet analyst.")
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    parser.add_argument("--lang", choices=LANGUAGES, help=_LANG_HELP)
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
            sub.add_argument("--lang", choices=LANGUAGES, help=_LANG_HELP)
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


def _language(words: list[str]) -> tuple[list[str], Language]:
    """Take ``--lang`` out of the words, wherever it stands: the help of every argument depends on it."""
    chosen = language_of(os.environ)
    end = words.index("--") if "--" in words else len(words)
    rest: list[str] = []
    said = iter(words[:end])
    for word in said:
        value = next(said, "") if word == "--lang" else word.removeprefix("--lang=") if "--lang=" in word[:7] else None
        if value in LANGUAGES:
            chosen = value
        else:
            rest += [word] if value is None or word != "--lang" else [word, value]
    return rest + words[end:], chosen


if __name__ == "__main__":
    sys.exit(main())
