"""``openmanager shadcn mirror``: fill the cache ahead, so that the server answers without a network."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import anyio

from openmanager_core.errors import FleetError
from openmanager_core.text import visible
from openmanager_kit.cli import options
from openmanager_kit.confined.roots import Roots
from openmanager_kit.profile import load_profile
from openmanager_kit.registry import settings_for
from openmanager_shadcn.desk import Desk
from openmanager_shadcn.item_lists import address_in, can_be_named
from openmanager_shadcn.library import ProjectShelf
from openmanager_shadcn.project import BUILT_IN
from openmanager_shadcn.searching import everything
from openmanager_shadcn.settings import library_of
from openmanager_shadcn.together import together

_SHOWN_FAILURES = 10


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What was brought: items that are in the cache now, and failures by item or registry."""

    kept: int
    left_out: int
    failures: dict[str, FleetError]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    below = parser.add_subparsers(dest="work", required=True, metavar="COMMAND")
    mirror = below.add_parser("mirror", help="bring registries and their items into the cache", description=__doc__)
    mirror.add_argument(
        "--registry",
        action="append",
        default=[],
        metavar="@NAME",
        help="repeatable; default: @shadcn and the project's",
    )
    mirror.add_argument("--item", action="append", default=[], metavar="ITEM", help="only these, and what they need")
    mirror.add_argument("--most", type=int, default=2000, metavar="N", help="most items of a registry (default 2000)")
    options.add_config(mirror)
    options.add_settings(mirror, ("roots", "state.home"))


def run(args: argparse.Namespace) -> int:
    """Fill the cache; 1 if something could not be brought."""
    profile = load_profile(args.config or "", {**options.flags_of(args), "http.enabled": False}, os.environ)
    settings = settings_for(profile, "shadcn-ui")
    desk = Desk(Roots.parse(settings.roots or (".",), read_only=True), library_of(settings))
    done = anyio.run(_run, desk, tuple(args.registry), tuple(args.item), max(1, args.most))
    sys.stdout.write(f"{done.kept} items are in the cache\n")
    if done.left_out:
        sys.stdout.write(f"{done.left_out} more were left out: --most says how many\n")
    for name, failure in list(done.failures.items())[:_SHOWN_FAILURES]:
        sys.stderr.write(f"{visible(name)}: {failure}\n")
    if len(done.failures) > _SHOWN_FAILURES:
        sys.stderr.write(f"and {len(done.failures) - _SHOWN_FAILURES} more failures\n")
    return 1 if done.failures else 0


async def _run(desk: Desk, registries: Sequence[str], items: Sequence[str], most: int) -> Mirrored:
    try:
        shelf = desk.shelf(await desk.project())
        return await mirror_items(shelf, items) if items else await mirror_registries(shelf, registries, most)
    finally:
        await desk.aclose()


async def mirror_items(shelf: ProjectShelf, items: Sequence[str]) -> Mirrored:
    """Bring these items and all they need."""
    try:
        return Mirrored(len(await shelf.resolve(items)), 0, {})
    except FleetError as exc:
        return Mirrored(0, 0, {", ".join(items): exc})


async def mirror_registries(shelf: ProjectShelf, registries: Sequence[str], most: int) -> Mirrored:
    """Bring the index and the items of these registries, or of all that the project knows."""
    failures: dict[str, FleetError] = {}
    kept = left_out = 0
    for registry in list(dict.fromkeys(registries)) or [BUILT_IN, *shelf.project.registries]:
        try:
            index = await shelf.index(registry)
        except FleetError as exc:
            failures[registry] = exc
            continue
        hits = [hit for hit in everything([(registry, index.value)]) if can_be_named(hit)]
        left_out += max(0, len(hits) - most)
        wanted = [address_in(registry, hit.item.name) for hit in hits[:most]]
        for name, item in zip(wanted, await together(wanted, shelf.quietly), strict=True):
            if isinstance(item, FleetError):
                failures[name] = item
            elif item.stale:
                failures[name] = FleetError("its registry could not be asked; the copy is an older one")
            else:
                kept += 1
    return Mirrored(kept, left_out, failures)
