"""A child of `doctor`: loads the servers' own code to ask what only that knows, and may hang or break in their place.

Prints one JSON object: ``rules``, those of ``[tools]`` that mean no tool, and ``reach``, of each server whose state has
``reach()``: what it needs from the network, name to why it cannot be reached (empty if it can).
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import anyio

from openmanager_core.errors import ConfigError, FleetError
from openmanager_kit.profile import load_profile
from openmanager_kit.registry import build_server, rules_without_tools


async def _reach(names: tuple[str, ...], profile: Any) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}

    async def one(name: str) -> None:
        try:
            state = build_server(profile, name).state
        except (FleetError, ConfigError):
            return  # whoever started it for real has said why
        reach = getattr(state, "reach", None)
        if reach is not None:
            found[name] = await reach()

    async with anyio.create_task_group() as group:
        for name in names:
            group.start_soon(one, name)
    return found


def main() -> int:
    """Read the profile's name and the flags from the command line, and tell."""
    config, flags = json.loads(sys.argv[1])
    profile = load_profile(config, flags, os.environ)
    told = {"rules": rules_without_tools(profile), "reach": anyio.run(_reach, profile.servers, profile)}
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
