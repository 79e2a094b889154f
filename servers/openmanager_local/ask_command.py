"""`openmanager ask`: a question in words, answered in the terminal; the same as the tool ask_fleet."""

from __future__ import annotations

import argparse
import json
import os
import sys

import anyio

from openmanager_kit.cli import options
from openmanager_kit.profile import load_profile
from openmanager_kit.registry import ServerSettings, settings_for
from openmanager_local.analyst import Analyst
from openmanager_local.answers.asking import AskAnswer
from openmanager_local.ask_tools import ask_fleet
from openmanager_local.runbook_tools import Spoken
from openmanager_local.server import Section


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The question, and how it is answered."""
    parser.add_argument("question", nargs="+", help='in English or Korean, e.g. "which servers are in danger?"')
    parser.add_argument(
        "--language", choices=("auto", "en", "ko"), default="auto", help="of the answer (default: the question's)"
    )
    parser.add_argument("--format", choices=("terminal", "json"), default="terminal")
    parser.add_argument("--explain", action="store_true", help="show how the answer was found")
    options.add_config(parser)
    options.add_settings(parser)


def run(args: argparse.Namespace) -> int:
    """Answer the question; 0 if it was understood, 1 if only near runbooks could be shown."""
    profile = load_profile(args.config or "", options.flags_of(args), os.environ)
    settings = settings_for(profile, "openmanager-local")
    made = anyio.run(_answer, settings, " ".join(args.question), args.language, args.explain)
    if args.format == "json":
        sys.stdout.write(json.dumps(made.model_dump(mode="json"), ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(made.as_text() + "\n")
    return 0 if made.stage < 3 else 1


async def _answer(settings: ServerSettings, question: str, language: Spoken, explain: bool) -> AskAnswer:
    section = settings.section or Section()
    analyst = Analyst(settings.source, settings.home, runbooks=section.runbooks)
    try:
        return await ask_fleet(analyst, question, language, explain)
    finally:
        await analyst.aclose()
