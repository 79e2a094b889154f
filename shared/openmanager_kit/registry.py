"""Which servers there are. A new one is a folder and one line here; nothing is imported before it is needed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openmanager_core.errors import ConfigError
from openmanager_core.source.settings import SourceSettings
from openmanager_kit.limits import Limits

if TYPE_CHECKING:
    from openmanager_kit.hosting.gateway import Gateway
    from openmanager_kit.profile import Profile
    from openmanager_kit.server import OpenManagerServer
    from openmanager_kit.tools import Tool

SERVERS: dict[str, str] = {
    "openmanager-local": "openmanager_local.server",
    "filesystem": "openmanager_filesystem.server",
    "git": "openmanager_git.server",
    "search": "openmanager_search.server",
    "sequential-thinking": "openmanager_thinking.server",
    "shadcn-ui": "openmanager_shadcn.server",
}
"""Server name: module with ``build(settings: ServerSettings) -> OpenManagerServer``, ``TOOLS`` and, for a
section of its own in a profile, ``Section`` (a frozen pydantic model that forbids extra keys)."""


WITH_ROOTS = ("filesystem", "git")
"""Servers that only work inside of directories which the user names."""

MAY_HAVE_ROOTS = ("shadcn-ui",)
"""Servers that work in the working directory unless the user names roots; over HTTP they need one."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Everything that one server is built from.

    Attributes
    ----------
    name, profile
        The server's and the profile's.
    home
        The folder of all state; it may not exist yet.
    roots, trust
        Directories that may be used, as written (``DIR`` or ``DIR:ro``), and those whose repositories are trusted.
    section
        The server's own section, as its ``Section`` model; None if it has none.
    shared
        Folder that all workers of one service have while it runs; None if there is one process only.
    """

    name: str
    profile: str = ""
    source: SourceSettings = field(default_factory=SourceSettings)
    home: Path = Path()
    read_only: bool = False
    roots: tuple[str, ...] = ()
    trust: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    section: Any = None
    shared: Path | None = None


def settings_for(profile: Profile, name: str, shared: Path | None = None) -> ServerSettings:
    """Take from a profile what one server needs.

    Raises
    ------
    ConfigError
        If the profile does not list the server, or its own section is not what its model wants.
    """
    if name not in profile.servers:
        raise ConfigError(f"profile {profile.name} does not list {name}; it lists {', '.join(profile.servers)}")
    if name in MAY_HAVE_ROOTS and profile.http.enabled and not profile.roots:
        raise ConfigError(f"{name} over HTTP has no working directory of its own: name the project, --root DIR")
    return ServerSettings(
        name=name,
        profile=profile.name,
        source=profile.source,
        home=profile.home,
        read_only=profile.read_only,
        roots=profile.roots,
        trust=profile.trust,
        limits=profile.limits,
        section=_section(profile, name),
        shared=shared,
    )


def build_server(profile: Profile, name: str, shared: Path | None = None) -> OpenManagerServer:
    """Build one server of a profile; it opens nothing before its first call.

    Raises
    ------
    ConfigError
        If the profile does not list the server, or it cannot be built from these settings.
    """
    settings = settings_for(profile, name, shared)
    server: OpenManagerServer = _module(name).build(settings)
    for tool in server.tools:
        if not profile.tools.permit(name, tool.name):
            server.remove_tool(tool.name)
    return server


def builder(
    profile: Profile, name: str, state_key: bytes = b"", shared: Path | None = None
) -> Callable[[], OpenManagerServer]:
    """Give what builds one server of a profile, with the key and the folder that other workers have too."""

    def build() -> OpenManagerServer:
        server = build_server(profile, name, shared)
        if state_key:
            server.seal_with(state_key)
        return server

    return build


def build_gateway(profile: Profile, state_key: bytes = b"", shared: Path | None = None) -> Gateway:
    """Join every server of a profile; one that cannot be built is missing there, and the gateway says why.

    `state_key`, of 32 bytes, lets several processes continue each other's calls; without one each has its own.
    `shared` is a folder that all of them have, for as long as the service runs.
    """
    from openmanager_kit.hosting.gateway import Gateway
    from openmanager_kit.hosting.members import gathered

    members = gathered((name, builder(profile, name, state_key, shared)) for name in profile.servers)
    gateway = Gateway(members, limits=profile.limits)
    if state_key:
        gateway.seal_with(state_key)
    return gateway


def rules_without_tools(profile: Profile) -> list[str]:
    """Name the rules of ``[tools]`` that mean no tool of the profile: most likely they are misspelt."""
    from openmanager_kit.profile import matches

    known = [(server, tool.name) for server in profile.servers for tool in tools_of(server)]
    rules = (*profile.tools.allow, *profile.tools.deny)
    return [rule for rule in rules if not any(matches(rule, server, tool) for server, tool in known)]


def tools_of(name: str) -> tuple[Tool, ...]:
    """Name the tools of a server without building it."""
    return tuple(_module(name).TOOLS)


def _module(name: str) -> Any:
    return importlib.import_module(SERVERS[name])


def _section(profile: Profile, name: str) -> Any:
    raw = profile.sections.get(name, {})
    model = getattr(_module(name), "Section", None)
    if model is None:
        if raw:
            raise ConfigError(f"{name}, {profile.file}: the server has no settings of its own, got {', '.join(raw)}")
        return None
    from pydantic import ValidationError

    try:
        return model.model_validate(dict(raw))
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        key = ".".join(str(part) for part in (name, *first["loc"]))
        known = ", ".join(model.model_fields)
        raise ConfigError(
            f"{key}, {profile.file}: {first['msg']}, got {first['input']!r}; [{name}] has {known}"
        ) from exc
