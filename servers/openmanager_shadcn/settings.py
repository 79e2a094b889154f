"""The server's own section of a profile, and the library that is made of it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from openmanager_core.errors import ConfigError
from openmanager_kit.registry import ServerSettings
from openmanager_kit.web import WebClient, WebPolicy
from openmanager_shadcn.documents import Documents, web_limits
from openmanager_shadcn.library import Library
from openmanager_shadcn.sources import Variables
from openmanager_shadcn.storing import Store

PUBLIC_URL = "https://ui.shadcn.com/r"
URL_VARIABLE = "REGISTRY_URL"
_NAME = r"^[A-Za-z_][A-Za-z0-9_]*(@[A-Za-z0-9.:-]+)?$"


class Section(BaseModel):
    """``[shadcn-ui]`` of a profile."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    registry_url: str = Field(default="", description="Base of @shadcn; empty: REGISTRY_URL, else shadcn's own")
    allow_private: tuple[str, ...] = Field(
        default=(), description="Addresses (scheme://host:port) of registries in private networks or on other ports"
    )
    env: tuple[str, ...] = Field(
        default=(),
        description="Variables that components.json may use beside REGISTRY_* and SHADCN_*: NAME or NAME@host",
    )
    directory: bool = Field(default=True, description="Look up unknown registries in shadcn's public list")
    ttl_s: float = Field(default=300.0, ge=0, le=30 * 86_400, description="So long a cached document counts as fresh")
    timeout_s: float = Field(default=10.0, ge=0.1, le=60, description="Seconds for one request to a registry")
    ca_file: str = Field(default="", description="Certificates to trust beside the system's")


def library_of(settings: ServerSettings, environment: Mapping[str, str] | None = None) -> Library:
    """Make the library of one server; nothing is opened.

    Raises
    ------
    ConfigError
        If an address of the section is none.
    """
    section = settings.section if isinstance(settings.section, Section) else Section()
    values = os.environ if environment is None else environment
    base = (section.registry_url or values.get(URL_VARIABLE, "") or PUBLIC_URL).rstrip("/")
    named = [*section.allow_private, *([base] if base != PUBLIC_URL else [])]
    for entry in section.env:
        if not re.fullmatch(_NAME, entry):
            raise ConfigError(f"shadcn-ui.env: must be NAME or NAME@host, got {entry!r}")
    policy = WebPolicy.naming(*named, ca_file=section.ca_file)
    client = WebClient(policy)
    store = Store(settings.home / "shadcn" / "cache")
    documents = Documents(client, store, limits=web_limits(section.timeout_s), ttl_s=section.ttl_s)
    origins = frozenset(f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, named))
    variables = Variables(values, section.env, origins)
    return Library(documents, variables, base, settings.home / "shadcn", section.directory)
