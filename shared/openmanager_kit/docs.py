"""Write the generated tables into a Markdown file: ``python -m openmanager_kit.docs README.md [--check]``.

A table stands between ``<!-- settings:start -->`` and ``<!-- settings:end -->``, or ``<!-- tools:NAME:start -->``
and ``<!-- tools:NAME:end -->``, where NAME is a server. With ``--check`` nothing is written and a difference is
a failure.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from openmanager_core.errors import ConfigError
from openmanager_kit.registry import SERVERS, tools_of
from openmanager_kit.settings import settings_table

_BLOCK = re.compile(r"(<!-- (?P<what>[a-z:-]+):start -->)\n.*?(<!-- (?P=what):end -->)", re.DOTALL)


def tools_table(server: str) -> str:
    """Write the tools of a server in Markdown.

    Raises
    ------
    ConfigError
        If there is no such server.
    """
    if server not in SERVERS:
        raise ConfigError(f"tools:{server}: there is no such server; the servers are {', '.join(SERVERS)}")
    rows = ["| Tool | What it does | Changes |", "|---|---|---|"]
    for tool in tools_of(server):
        first = " ".join(tool.description.split("\n\n", maxsplit=1)[0].split()).replace("|", "\\|")
        changes = "–" if tool.read_only else ("removes" if tool.destructive else "adds")
        rows.append(f"| `{tool.name}` | {first} | {changes} |")
    return "\n".join(rows)


def render(text: str) -> str:
    """Fill every marked block of `text` with its table."""

    def fill(match: re.Match[str]) -> str:
        what = match["what"]
        if what == "buttons":  # tools/package.py fills that one
            return match[0]
        if what == "settings":
            table = settings_table()
        elif what.startswith("tools:"):
            table = tools_table(what.partition(":")[2])
        else:
            raise ConfigError(f"{what}: there is no such table; there are settings and tools:SERVER")
        return f"{match[1]}\n{table}\n{match[3]}"

    return _BLOCK.sub(fill, text)


def main(argv: Sequence[str] | None = None) -> int:
    """Bring a file up to date, or check that it is; 1 if it is not, 2 if it cannot be."""
    parser = argparse.ArgumentParser(prog="python -m openmanager_kit.docs", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file would change")
    args = parser.parse_args(argv)
    try:
        before = args.file.read_text(encoding="utf-8")
        after = render(before)
    except (ConfigError, OSError) as exc:
        sys.stderr.write(f"docs: {exc}\n")
        return 2
    if before == after:
        return 0
    if args.check:
        sys.stderr.write(f"docs: {args.file} is out of date; run python -m openmanager_kit.docs {args.file}\n")
        return 1
    args.file.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
