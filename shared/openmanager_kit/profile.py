"""A profile says which servers run, over which source, and where their state lives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from openmanager_core.errors import ConfigError
from openmanager_core.source.settings import SourceSettings
from openmanager_kit.choosing import Chosen, choose
from openmanager_kit.limits import Limits
from openmanager_kit.profile_files import find, read
from openmanager_kit.settings import CONFIG_VARIABLE, DEFAULT_PROFILE, TABLE

_SECTIONS = sorted({setting.section for setting in TABLE if setting.section})
_TOP = ("description", "servers", *(setting.name for setting in TABLE if not setting.section))


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """The ``[http]`` section, after flags and variables; each field as in the settings table."""

    enabled: bool = False
    host: str = "127.0.0.1"
    port: int = 8765
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    token_env: str = ""
    sessions: bool = False
    body_bytes: int = 4 * 1024 * 1024
    requests: int = 2048
    tls_cert: str = ""
    tls_key: str = ""


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """The ``[access]`` section; each field as in the settings table."""

    tokens: bool = False
    issuer: str = ""
    audience: str = ""
    jwks_url: str = ""
    requests: int = 64
    calls_per_minute: int = 1200
    calls_per_tool_per_minute: int = 600
    audit: bool = True
    audit_days: int = 365


@dataclass(frozen=True, slots=True)
class ToolRules:
    """The ``[tools]`` section: which single tools are served.

    Attributes
    ----------
    allow
        Names or patterns with ``*``, as ``tool`` or ``server.tool``; none allows every tool.
    deny
        The same; what is denied is not served even if it is allowed.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()

    def permit(self, server: str, tool: str) -> bool:
        """Tell whether a tool is served."""
        allowed = not self.allow or any(matches(rule, server, tool) for rule in self.allow)
        return allowed and not any(matches(rule, server, tool) for rule in self.deny)


def matches(rule: str, server: str, tool: str) -> bool:
    """Tell whether a rule means this tool."""
    return fnmatchcase(f"{server}.{tool}" if "." in rule else tool, rule)


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile with everything settled.

    Attributes
    ----------
    name
        The name or path it was asked for by.
    sections
        Server name to its own section, not yet checked: each server brings its own model.
    """

    name: str
    description: str
    servers: tuple[str, ...]
    file: Path
    source: SourceSettings = field(default_factory=SourceSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    access: AccessSettings = field(default_factory=AccessSettings)
    limits: Limits = field(default_factory=Limits)
    home: Path = Path()
    log_level: str = "WARNING"
    read_only: bool = False
    roots: tuple[str, ...] = ()
    trust: tuple[str, ...] = ()
    tools: ToolRules = field(default_factory=ToolRules)
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def load_profile(name_or_path: str, flags: Mapping[str, Any], environ: Mapping[str, str]) -> Profile:
    """Read a profile and settle every setting.

    Parameters
    ----------
    name_or_path
        A shipped profile by name, one's own by the path of its TOML file; empty for ``OPENMANAGER_CONFIG``,
        else `development`.
    flags
        Setting key to what was typed, for the flags that were.

    Raises
    ------
    ConfigError
        Names the file and the key, what was said and what is allowed.
    """
    name = name_or_path or environ.get(CONFIG_VARIABLE, "") or DEFAULT_PROFILE
    file = find(name)
    raw = read(file)
    servers = _servers(raw, file)
    for key, value in raw.items():
        _check_key(key, value, servers, file)
    chosen = choose(raw, file, flags, environ)
    source = _part(chosen, "source")
    source["kind"] = _implied_kind(chosen)
    return Profile(
        name=name,
        description=_text(raw, "description", file),
        servers=servers,
        file=file,
        source=SourceSettings(**source),
        http=HttpSettings(**_part(chosen, "http")),
        access=AccessSettings(**_part(chosen, "access")),
        limits=Limits(**_part(chosen, "limits")),
        home=_home(chosen["state.home"].value),
        log_level=chosen["log.level"].value,
        read_only=chosen["read_only"].value,
        roots=chosen["roots"].value,
        trust=chosen["trust"].value,
        tools=ToolRules(**_part(chosen, "tools")),
        sections={server: raw.get(server, {}) for server in servers},
    )


def settled(name_or_path: str, flags: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Chosen]:
    """Settle every setting of a profile, with where each value comes from.

    Raises
    ------
    ConfigError
        As `load_profile`.
    """
    file = find(name_or_path or environ.get(CONFIG_VARIABLE, "") or DEFAULT_PROFILE)
    return choose(read(file), file, flags, environ)


def _part(chosen: Mapping[str, Chosen], section: str) -> dict[str, Any]:
    return {key.partition(".")[2]: entry.value for key, entry in chosen.items() if key.startswith(f"{section}.")}


def _implied_kind(chosen: Mapping[str, Chosen]) -> str:
    """Take the kind that was said, unless a Prometheus address or a recording was given with more weight."""
    kind = chosen["source.kind"]
    for key, implied in (("source.url", "prometheus"), ("source.path", "recorded")):
        if chosen[key].value and chosen[key].origin in ("flag", "variable") and chosen[key].outranks(kind):
            return implied
    return str(kind.value)


def _servers(raw: Mapping[str, Any], file: Path) -> tuple[str, ...]:
    from openmanager_kit.registry import SERVERS

    listed = raw.get("servers")
    known = ", ".join(SERVERS)
    if not isinstance(listed, list) or not listed or not all(isinstance(name, str) for name in listed):
        raise ConfigError(f"servers, {file}: must be a list of server names ({known}), got {listed!r}")
    for name in listed:
        if name not in SERVERS:
            raise ConfigError(f"servers, {file}: there is no server {name!r}; the servers are {known}")
    if len(set(listed)) != len(listed):
        raise ConfigError(f"servers, {file}: lists a server twice: {', '.join(listed)}")
    return tuple(listed)


def _check_key(key: str, value: Any, servers: tuple[str, ...], file: Path) -> None:
    if key in _TOP:
        return
    if key not in _SECTIONS and key not in servers:
        known = ", ".join((*_TOP, *(f"[{section}]" for section in (*_SECTIONS, *servers))))
        raise ConfigError(f"{key}, {file}: no listed server owns it, and it is no setting; known here: {known}")
    if not isinstance(value, dict):
        raise ConfigError(f"{key}, {file}: must be a section, got {value!r}")
    if key in _SECTIONS:
        names = [setting.name for setting in TABLE if setting.section == key]
        for name in value:
            if name not in names:
                near = get_close_matches(name[:100], names, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise ConfigError(f"{key}.{name}, {file}: is no setting; [{key}] has {', '.join(names)}{hint}")


def _text(raw: Mapping[str, Any], key: str, file: Path) -> str:
    value = raw.get(key, "")
    if not isinstance(value, str):
        raise ConfigError(f"{key}, {file}: must be text, got {value!r}")
    return value


def _home(said: str) -> Path:
    if said:
        return Path(said)
    import platformdirs

    return platformdirs.user_data_path("openmanager", appauthor=False)
