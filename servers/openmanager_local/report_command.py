"""`openmanager report`: the state of the fleet in one page, for a terminal, a wiki or a program."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import anyio

from openmanager_core.files import written
from openmanager_kit.cli import options
from openmanager_kit.profile import load_profile
from openmanager_kit.registry import settings_for
from openmanager_kit.wording import spoken
from openmanager_local.analyst import Analyst
from openmanager_local.fleet_tools import fleet_overview
from openmanager_local.incident_tools import recommend_actions
from openmanager_local.series_tools import capacity_outlook

_SECTIONS = (("Fleet", "overview"), ("Actions", "actions"), ("Capacity", "capacity"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Format, output, window, and the settings every command shares."""
    parser.add_argument("--format", choices=("terminal", "markdown", "json"), default="terminal")
    parser.add_argument("--output", default="", help="write to this file instead of standard output")
    parser.add_argument("--start", default="now-1h", help="begin of the window (default now-1h)")
    parser.add_argument("--end", default="now", help="end of the window (default now)")
    options.add_config(parser)
    options.add_settings(parser)


def run(args: argparse.Namespace) -> int:
    """Write the report."""
    profile = load_profile(args.config or "", options.flags_of(args), os.environ)
    settings = settings_for(profile, "openmanager-local")
    analyst = Analyst(settings.source, settings.home)
    parts = anyio.run(_parts, analyst, args.start, args.end)
    text = render(parts, args.format)
    if not args.output:
        sys.stdout.write(text)
        return 0
    with written(Path(args.output), named="--output") as out:
        out.write(text.encode("utf-8"))
    return 0


async def _parts(analyst: Analyst, start: str, end: str) -> dict[str, Any]:
    try:
        return {
            "overview": await fleet_overview(analyst, start, end, top=10),
            "actions": await recommend_actions(analyst, start=start, end=end),
            "capacity": await capacity_outlook(analyst, history="1d", limit=10),
        }
    finally:
        await analyst.aclose()


def render(parts: dict[str, Any], form: str) -> str:
    """The three answers as text, Markdown, or one JSON object; text in the language of the command."""
    if form == "json":
        return (
            json.dumps({name: part.model_dump(mode="json") for name, part in parts.items()}, ensure_ascii=False) + "\n"
        )
    if spoken() == "ko":
        from openmanager_local import report_korean as korean

        title = korean.REPORT
        texts = {
            korean.TITLES["overview"]: korean.overview(parts["overview"]),
            korean.TITLES["actions"]: korean.actions(parts["actions"]),
            korean.TITLES["capacity"]: korean.capacity(parts["capacity"]),
        }
    else:
        title, texts = "Fleet report", {head: parts[name].as_text() for head, name in _SECTIONS}
    if form == "markdown":
        return f"# {title}\n" + "".join(f"\n## {head}\n\n{text}\n" for head, text in texts.items())
    return "".join(f"{head.upper()}\n{'=' * len(head)}\n{text}\n\n" for head, text in texts.items())
