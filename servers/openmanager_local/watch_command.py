"""`openmanager watch`: one line for whatever becomes unusual, is over, or falls silent, as it happens."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import anyio

from openmanager_core.errors import FleetError
from openmanager_core.text import ident
from openmanager_core.timespan import iso, parse_duration, parse_instant, spoken_s
from openmanager_kit.cli import options
from openmanager_kit.profile import load_profile
from openmanager_kit.registry import ServerSettings, settings_for
from openmanager_kit.wording import said, spoken
from openmanager_local.analyst import Analyst, ledger_name
from openmanager_local.answers.common import amount

if TYPE_CHECKING:
    from openmanager_local.watching import Event, Watching

_MOST_LINES = 200
"""Of one look: when half of a large fleet falls, the rest is counted."""
_AFTER_S = 0.2
"""A reading needs a moment to get from its server to the source."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is watched, from when, for how long, and the settings every command shares."""
    parser.add_argument("--every", default="15s", help="seconds between two looks (default 15s)")
    parser.add_argument("--since", default="", help="tell what happened since then too, e.g. now-2h (default: now)")
    parser.add_argument("--for", dest="lasting", default="", help="end after so long, e.g. 10m (default: never)")
    parser.add_argument("--metric", action="append", default=[], help="watch only this metric; repeatable")
    parser.add_argument("--cluster", default="", help="watch only this cluster")
    parser.add_argument("--format", choices=("terminal", "json"), default="terminal", help="json: one object a line")
    options.add_config(parser)
    options.add_settings(parser)


def run(args: argparse.Namespace) -> int:
    """Watch until the time is over or somebody stops it; 0 at the end of `--for`."""
    profile = load_profile(args.config or "", options.flags_of(args), os.environ)
    settings = settings_for(profile, "openmanager-local")
    every_s = max(1.0, parse_duration(args.every, name="--every"))
    lasting_s = parse_duration(args.lasting, name="--for") if args.lasting else math.inf
    anyio.run(_watch, settings, args, every_s, lasting_s)
    return 0


async def _watch(settings: ServerSettings, args: argparse.Namespace, every_s: float, lasting_s: float) -> None:
    from openmanager_local.watch_state import file_name
    from openmanager_local.watching import Watching

    analyst = Analyst(settings.source, settings.home)
    name = file_name(ledger_name(settings.source), sorted(args.metric), args.cluster, every_s)
    watching = Watching(
        analyst,
        metrics=args.metric,
        cluster=args.cluster,
        every_s=every_s,
        file=None if settings.home is None else settings.home / name,
    )
    try:
        begun_s = time.monotonic()
        since_s = parse_instant(args.since, await analyst.now_s(), name="--since") if args.since else None
        _write(await watching.begin(since_s), args.format)
        series, servers, every = f"{watching.series:,}", f"{watching.servers:,}", _length(every_s)
        _note(
            said(
                "watching {series} series of {servers} servers every {every}",
                series=series,
                servers=servers,
                every=every,
            )
        )
        if settings.source.kind == "recorded":
            _note(said("a recording does not go on: this was all of it"))
            return
        problem = watching.problem
        while time.monotonic() - begun_s < lasting_s:
            wait_s = every_s - time.time() % every_s + min(_AFTER_S, every_s / 4)
            await anyio.sleep(min(wait_s, max(0.0, lasting_s - (time.monotonic() - begun_s))))
            before, problem = problem, await _look(watching, args.format)
            if problem != before:
                _note(problem or said("the source can be read again"))
    finally:
        with anyio.CancelScope(shield=True):
            try:
                await watching.keep()
            finally:
                await analyst.aclose()


async def _look(watching: Watching, form: str) -> str:
    """Look once; gives what could not be read."""
    try:
        _write(await watching.look(), form)
    except FleetError as exc:
        return str(exc)
    return watching.problem


def _note(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _write(events: list[Event], form: str) -> None:
    for event in events[:_MOST_LINES]:
        sys.stdout.write((as_json(event) if form == "json" else told(event)) + "\n")
    sys.stdout.flush()
    if len(events) > _MOST_LINES:
        _note(said("and {count} more", count=len(events) - _MOST_LINES))


def as_json(event: Event) -> str:
    """One event as one JSON object in one line."""
    return json.dumps({"at": iso(event.at_s), **asdict(event)}, ensure_ascii=False)


def _length(seconds: float) -> str:
    if spoken() == "ko":
        from openmanager_core.wording.ko import length

        return length(seconds)
    return spoken_s(seconds)


def told(event: Event) -> str:
    """One event in one line, in the language of the command."""
    language = spoken()
    words = {
        "at": iso(event.at_s),
        "server": ident(event.server),
        "metric": event.metric,
        "value": amount(event.value, event.metric, language),
        "usual": amount(event.usual, event.metric, language),
        "score": f"{event.score:.1f}",
        "lasted": _length(event.lasted_s),
    }
    match event.kind:
        case "new":
            return said("{at} NEW {server} {metric}: {value}, usually {usual}; score {score}", **words)
        case "ongoing":
            return said("{at} ONGOING {server} {metric}: {value}, usually {usual}; for {lasted} already", **words)
        case "over":
            return said("{at} OVER {server} {metric}: {value} again, after {lasted}", **words)
        case "accepted":
            return said("{at} ACCEPTED {server} {metric}: {value} for {lasted}, usual from now on", **words)
        case "silent":
            return said("{at} SILENT {server}: no reading for {lasted}", **words)
    return said("{at} BACK {server}: there are readings again", **words)
