"""Where the engine is and how to be let in, checked before the first request."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from openmanager_core.errors import ConfigError
from openmanager_core.source.settings import SourceSettings
from openmanager_core.wording import sentence

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Access:
    """The engine's address and what proves who we are.

    Attributes
    ----------
    base
        ``scheme://host:port/prefix`` without a trailing slash and without credentials.
    shown
        Host and port, as error texts name the engine.
    headers
        Sent with every request; holds the secrets, so it stays out of `repr`.
    loopback
        Whether the engine is on this machine: compression would only cost time.
    problems
        What is unwise about these settings.
    """

    base: str
    shown: str
    timeout_s: float
    headers: dict[str, str] = field(repr=False)
    verify: bool = True
    ca_file: str = ""
    loopback: bool = False
    problems: tuple[str, ...] = ()

    @classmethod
    def from_settings(cls, settings: SourceSettings, environ: Mapping[str, str] = os.environ) -> Access:
        """Check the ``[source]`` section.

        Raises
        ------
        ConfigError
            For an address that is no plain http(s) URL, a variable that is named but not set, or a CA file
            that is not there. The text never holds a credential.
        """
        base, shown, host = _address(settings.url)
        if settings.timeout_s <= 0:
            raise ConfigError(f"source.timeout_s must be above 0, got {settings.timeout_s:g}")
        headers = _credentials(settings, environ)
        if settings.tenant:
            headers["X-Scope-OrgID"] = _header("source.tenant", settings.tenant)
        if settings.ca_file and not Path(settings.ca_file).expanduser().is_file():
            raise ConfigError(f"source.ca_file {settings.ca_file!r} is no file")
        loopback = host in _LOOPBACK
        problems: list[str] = []
        if "Authorization" in headers and base.startswith("http:") and not loopback:
            problems.append(sentence("problem.unencrypted"))
        if base.startswith("https:") and not settings.tls_verify:
            problems.append(sentence("problem.unverified"))
        access = cls(
            base, shown, settings.timeout_s, headers, settings.tls_verify,
            settings.ca_file and str(Path(settings.ca_file).expanduser()), loopback, tuple(problems),
        )  # fmt: skip
        if settings.ca_file:
            access.tls()
        return access

    def tls(self) -> ssl.SSLContext | bool:
        """What decides which certificates to trust; made only for https, for it takes its time.

        Raises
        ------
        ConfigError
            If the CA file holds no certificate.
        """
        if not self.base.startswith("https:") or not self.verify:
            return False
        try:
            return ssl.create_default_context(cafile=self.ca_file or None)
        except (ssl.SSLError, OSError) as exc:
            raise ConfigError(f"source.ca_file {self.ca_file!r} holds no usable certificate") from exc


def _address(url: str) -> tuple[str, str, str]:
    """Base, host and port for people, and host of an address, without ever echoing credentials."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        raise ConfigError("source.url is not an address such as http://127.0.0.1:9090") from None
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise ConfigError(
            "source.url must not hold credentials: name the variables that hold them in source.username_env and "
            "source.password_env, or source.token_env"
        )
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError("source.url must start with http:// or https:// and name a host")
    if parts.query or parts.fragment:
        raise ConfigError("source.url must end with its path: no ? and no #")
    if any(c.isspace() or not c.isprintable() for c in url.strip()):
        raise ConfigError("source.url must not hold spaces or control characters")
    named = f"[{host}]" if ":" in host else host
    netloc = named if port is None else f"{named}:{port}"
    return f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}", netloc, host


def _credentials(settings: SourceSettings, environ: Mapping[str, str]) -> dict[str, str]:
    if settings.token_env and (settings.username_env or settings.password_env):
        raise ConfigError("source.token_env and source.username_env exclude each other: a request has one identity")
    if settings.token_env:
        token = _variable("source.token_env", settings.token_env, environ)
        return {"Authorization": f"Bearer {_header(f'the variable {settings.token_env}', token)}"}
    if bool(settings.username_env) != bool(settings.password_env):
        raise ConfigError("source.username_env and source.password_env belong together")
    if settings.username_env:
        from base64 import b64encode

        user = _variable("source.username_env", settings.username_env, environ)
        password = _variable("source.password_env", settings.password_env, environ)
        if ":" in user:
            raise ConfigError(f"the variable {settings.username_env} must not hold a colon")
        return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}
    return {}


def _variable(setting: str, name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise ConfigError(f"{setting} names the variable {name!r}, which is not set")
    return value


def _header(what: str, value: str) -> str:
    """A value that may stand in a header; the refusal does not show it."""
    if not value.isascii() or not value.isprintable():
        raise ConfigError(f"{what} must hold printable ASCII characters only")
    return value
