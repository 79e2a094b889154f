"""From a registry's template to the one request that asks it: placeholders filled, variables only where allowed.

A ``components.json`` is project data, and a hostile one could name any variable of this process and its own host to
send it to. So a ``${VARIABLE}`` is filled only if its name begins ``REGISTRY_`` or ``SHADCN_`` or the user listed
it (``NAME``, or ``NAME@host`` for that host alone), and never over plain http to a host that the user did not name.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode, urlsplit

from openmanager_core.errors import FleetError, InvalidRequest, NotAllowed, NotFound
from openmanager_core.text import quoted
from openmanager_shadcn.project import FILE, RegistrySource

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_FREE = ("REGISTRY_", "SHADCN_")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE = re.compile(r"[\t\x20-\x7e]{0,8000}")
_OURS = frozenset(
    (
        "host", "connection", "content-length", "transfer-encoding", "te", "upgrade", "keep-alive", "expect", "trailer",
        "accept-encoding", "range", "if-none-match", "if-modified-since", "proxy-authorization", "proxy-connection",
    )
)  # fmt: skip
_LEAST_SECRET = 4


@dataclass(frozen=True, slots=True)
class Ask:
    """One request.

    Attributes
    ----------
    shown
        The address as it may be shown: variables unfilled, parameters left out.
    secrets
        Values of variables in it, to be blanked wherever an error repeats them.
    key
        Names the request, its headers included, without telling them.
    """

    url: str
    shown: str
    headers: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        text = json.dumps([self.url, sorted(self.headers.items())], ensure_ascii=True)
        return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def blanked(self, exc: FleetError) -> FleetError:
        """Make the same failure without secrets, saying which address it was about."""
        message, hint = exc.message, exc.hint
        if self.secrets:
            message = message.replace(self.url, self.shown)
            for secret in sorted(self.secrets, key=len, reverse=True):
                for form in (secret, quote(secret, safe=""), quote(secret)):
                    message, hint = message.replace(form, "***"), hint.replace(form, "***")
        if self.shown not in message:
            message = f"{self.shown}: {message}"
        clean = type(exc).__new__(type(exc))
        clean.__dict__.update(exc.__dict__)
        FleetError.__init__(clean, message, hint=hint)
        return clean


@dataclass(frozen=True, slots=True)
class Variables:
    """Which variables of the environment a project's registries may use.

    Attributes
    ----------
    listed
        The user's: ``NAME`` or ``NAME@host``.
    trusted_origins
        ``scheme://host:port`` that the user named: there, plain http will do.
    """

    values: Mapping[str, str]
    listed: Sequence[str] = ()
    trusted_origins: frozenset[str] = frozenset()

    def fill(self, text: str) -> str:
        """Put the values in; `check` must follow with the host that they would go to."""
        return _VARIABLE.sub(lambda match: self._value(match.group(1)), text)

    def check(self, texts: Sequence[str], url: str, registry: str) -> tuple[str, ...]:
        """Give the secrets in these texts, or refuse to send them to this address.

        Raises
        ------
        NotAllowed
            Names the variable and how the user allows it.
        """
        names = {name for text in texts for name in _VARIABLE.findall(text)}
        parts = urlsplit(url)
        for name in sorted(names):
            bound = {entry.partition("@")[2].casefold() for entry in self.listed if entry.partition("@")[0] == name}
            if not bound and not name.startswith(_FREE):
                raise NotAllowed(
                    f"registry {registry} in {FILE} asks for the variable {name}, which is not allowed",
                    hint=f"the user lists it under [shadcn-ui] env, best as {name}@{parts.hostname}, "
                    "or renames it to REGISTRY_...",
                )
            if bound and "" not in bound and (parts.hostname or "").casefold() not in bound:
                host = quoted(parts.hostname or "", 80)
                raise NotAllowed(
                    f"registry {registry} in {FILE} would send the variable {name} to {host}; "
                    "the user allows it for another host only"
                )
            if parts.scheme != "https" and f"{parts.scheme}://{parts.netloc}" not in self.trusted_origins:
                raise NotAllowed(
                    f"registry {registry} in {FILE} would send the variable {name} over plain http", hint="https"
                )
        return tuple(value for name in names if len(value := self.values.get(name, "")) >= _LEAST_SECRET)

    def _value(self, name: str) -> str:
        # Names that are not allowed are refused by `check`; their values are not looked at before that.
        if not (name.startswith(_FREE) or any(entry.partition("@")[0] == name for entry in self.listed)):
            return ""
        return self.values.get(name, "")

    def need(self, texts: Sequence[str], registry: str) -> None:
        """Refuse if a variable is not set.

        Raises
        ------
        NotFound
            Names the variables.
        """
        missing = sorted({name for text in texts for name in _VARIABLE.findall(text) if not self.values.get(name)})
        if missing:
            raise NotFound(
                f"registry {registry} needs the environment variable{'s' if len(missing) > 1 else ''} "
                f"{', '.join(missing)}, not set in this server's environment",
                hint="set it where the server is started",
            )


def ask_registry(registry: RegistrySource, item: str, style: str, variables: Variables) -> Ask:
    """Make the request for one item of a registry; ``registry`` as the item gives the index.

    Raises
    ------
    NotAllowed, NotFound
        If a variable is not allowed or not set.
    InvalidRequest
        If a header cannot be sent.
    """
    shown = _placed(registry.url, item, style)
    texts = [registry.url, *registry.params.values(), *registry.headers.values()]
    url = variables.fill(shown)
    params = {key: value for key, text in registry.params.items() if (value := variables.fill(text))}
    if params:
        url += ("&" if "?" in url else "?") + urlencode(params)
    secrets = variables.check(texts, url, registry.name)
    variables.need(texts, registry.name)
    headers: dict[str, str] = {}
    for name, text in registry.headers.items():
        value = variables.fill(text).strip()
        if not _HEADER.fullmatch(name) or name.casefold() in _OURS:
            raise InvalidRequest(f"registry {registry.name} in {FILE}: header {quoted(name, 60)} cannot be set")
        if not _VALUE.fullmatch(value):
            raise InvalidRequest(f"registry {registry.name} in {FILE}: header {name} holds what no header can hold")
        if value:
            headers[name] = value
    return Ask(url, shown.partition("?")[0], headers, secrets)


def _placed(template: str, item: str, style: str) -> str:
    return template.replace("{name}", quote(item, safe="/")).replace("{style}", quote(style, safe=""))


def is_web(template: str) -> bool:
    """Tell whether a registry is on the web, not in files; what begins with a variable is an address."""
    return template.lower().startswith(("http://", "https://", "${"))


def local_path(template: str, item: str, style: str) -> str:
    """Give the path of one item of a registry in files."""
    return template.replace("{name}", item).replace("{style}", style)
