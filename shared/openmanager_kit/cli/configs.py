"""``openmanager configs``: list, show, validate, compare and weigh profiles."""

from __future__ import annotations

import argparse
import difflib
import json
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from openmanager_kit.cli import options
from openmanager_kit.settings import DEFAULT_PROFILE
from openmanager_kit.wording import said

if TYPE_CHECKING:
    from openmanager_kit.profile import Profile

_CHARS_A_TOKEN = 4
_EXAMPLE_ROOT = "."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="the shipped profiles and what they are for")
    listing.set_defaults(verb_run=_list)
    for name, text, do in (
        ("show", "every setting of a profile, and where its value comes from", _show),
        ("validate", "whether a profile can be served; 0 if it can, 2 and the reason if not", _validate),
        ("cost", "what a model pays for its list of tools: tools, bytes and tokens", _cost),
    ):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument(
            "profile", nargs="?", default="", help=said("name or path (default: {name})", name=DEFAULT_PROFILE)
        )
        options.add_settings(verb)
        verb.set_defaults(verb_run=do)
    comparing = verbs.add_parser("diff", help="what differs between two profiles")
    comparing.add_argument("first", help="name or path")
    comparing.add_argument("second", help="name or path")
    comparing.set_defaults(verb_run=_diff)
    for verb in verbs.choices.values():
        verb.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Do what the verb says."""
    do: Callable[[argparse.Namespace], int] = args.verb_run
    return do(args)


def _list(args: argparse.Namespace) -> int:
    from openmanager_kit.profile import load_profile
    from openmanager_kit.profile_files import shipped_profiles

    profiles = [load_profile(name, {}, {}) for name in shipped_profiles()]
    if args.json:
        return _say_json([{"name": p.name, "description": p.description, "servers": p.servers} for p in profiles])
    width = max(len(profile.name) for profile in profiles)
    for profile in profiles:
        _say(f"{profile.name:<{width}}  {profile.description}")
        _say(f"{'':<{width}}  {', '.join(profile.servers)}")
    return 0


def _show(args: argparse.Namespace) -> int:
    rows = _settled(args.profile, options.flags_of(args))
    if args.json:
        return _say_json({key: {"value": value, "from": origin} for key, value, origin in rows})
    width = max(len(key) for key, _, _ in rows)
    for key, value, origin in rows:
        _say(f"{key:<{width}}  {json.dumps(value, ensure_ascii=False)}" + (f"  # {origin}" if origin else ""))
    return 0


def _validate(args: argparse.Namespace) -> int:
    from openmanager_kit.hosting.members import gathered
    from openmanager_kit.profile import load_profile
    from openmanager_kit.registry import builder, rules_without_tools

    profile = load_profile(args.profile, options.flags_of(args), os.environ)
    members = gathered(((name, builder(profile, name)) for name in profile.servers), quietly=True)
    idle = rules_without_tools(profile)
    rows = [{"server": m.name, "ok": m.server is not None, "problem": m.problem} for m in members]
    ok = all(row["ok"] for row in rows) and not idle
    if args.json:
        _say_json({"profile": profile.name, "ok": ok, "servers": rows, "rules_without_tools": idle})
    else:
        for row in rows:
            _say(f"{row['server']}: {'ok' if row['ok'] else row['problem']}")
        for rule in idle:
            _say(said("tools: {rule} means no tool of this profile", rule=repr(rule)))
    return 0 if ok else 2


def _cost(args: argparse.Namespace) -> int:
    rows = [_cost_of(name, tools) for name, tools in _tool_lists(args).items()]
    total = {"server": "all", **{key: sum(row[key] for row in rows) for key in ("tools", "bytes", "tokens")}}
    if args.json:
        return _say_json({"servers": rows, "all": total})
    width = max(len(str(row["server"])) for row in [*rows, total])
    _say(f"{'server':<{width}}  tools   bytes  tokens")
    for row in [*rows, total]:
        _say(f"{row['server']:<{width}}  {row['tools']:>5}  {row['bytes']:>6}  {row['tokens']:>6}")
    _say(said("Tokens are estimated at {count} characters each.", count=_CHARS_A_TOKEN))
    return 0


def _tool_lists(args: argparse.Namespace) -> dict[str, list[Any]]:
    from openmanager_kit.profile import load_profile
    from openmanager_kit.registry import build_server

    flags = options.flags_of(args)
    profile = load_profile(args.profile, flags, os.environ)
    if not profile.roots:  # the lists are the same for any directory
        profile = load_profile(args.profile, {**flags, "roots": [_EXAMPLE_ROOT]}, os.environ)
    return {name: [bound.listed for bound in build_server(profile, name)._bound.values()] for name in profile.servers}


def _cost_of(name: str, tools: list[Any]) -> dict[str, Any]:
    size = len(json.dumps([tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools],
                          separators=(",", ":"), ensure_ascii=False).encode())  # fmt: skip
    return {"server": name, "tools": len(tools), "bytes": size, "tokens": round(size / _CHARS_A_TOKEN)}


def _diff(args: argparse.Namespace) -> int:
    first, second = (_settled(name, {}, environ={}) for name in (args.first, args.second))
    before, after = ({key: value for key, value, _ in rows} for rows in (first, second))
    changed = {
        key: [before.get(key), after.get(key)]
        for key in dict.fromkeys((*before, *after))
        if before.get(key) != after.get(key)
    }
    if args.json:
        return _say_json(changed)
    for key, (old, new) in changed.items():
        lines = [[f"{key} = {json.dumps(value, ensure_ascii=False)}"] for value in (old, new)]
        _say("\n".join(line for line in difflib.ndiff(lines[0], lines[1]) if not line.startswith("?")))
    return 0


def _settled(name: str, flags: dict[str, Any], environ: Any = os.environ) -> list[tuple[str, Any, str]]:
    """Give every setting with its value and its origin, then what the servers' own sections say."""
    from openmanager_kit.profile import load_profile, settled

    profile: Profile = load_profile(name, flags, environ)
    chosen = settled(name, flags, environ)
    rows: list[tuple[str, Any, str]] = [
        ("description", profile.description, ""),
        ("servers", list(profile.servers), ""),
    ]
    rows += [(key, list(c.value) if isinstance(c.value, tuple) else c.value, c.origin) for key, c in chosen.items()]
    for server, section in profile.sections.items():
        rows += [(f"{server}.{key}", value, "profile") for key, value in section.items()]
    return rows


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _say_json(value: Any) -> int:
    _say(json.dumps(value, ensure_ascii=False, default=list))
    return 0
