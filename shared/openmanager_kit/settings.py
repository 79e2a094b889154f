"""Every setting, in one table: its key in a profile, its flag, its variable, its default and what it is for.

What a flag says goes before a variable, a variable before the profile, the profile before the default.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from openmanager_core.source.settings import SOURCE_KINDS, SourceSettings
from openmanager_kit.limits import Limits
from openmanager_kit.logs import LEVELS


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table.

    Attributes
    ----------
    key
        Section and name in a profile.
    flag
        As typed; rows that share a flag of the command itself have `shared_flag` set.
    low, high
        Bounds of a number, inclusive; for text the number of characters.
    """

    key: str
    kind: Literal["text", "path", "paths", "int", "number", "bool", "list", "map"]
    default: Any
    help: str
    flag: str
    variable: str
    choices: tuple[str, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    shared_flag: bool = False

    @property
    def section(self) -> str:
        """The profile's table that it stands in; empty for the top."""
        return self.key.rpartition(".")[0]

    @property
    def name(self) -> str:
        """Its name within the section."""
        return self.key.rpartition(".")[2]

    @property
    def allowed(self) -> str:
        """What a value has to be, in words."""
        bounds = f" from {_shown(self.low)} to {_shown(self.high)}" if math.isfinite(self.high) else ""
        return {
            "text": f"one of {', '.join(self.choices)}" if self.choices else "text",
            "path": "a path",
            "paths": "a list of paths",
            "int": f"a whole number{bounds}",
            "number": f"a number{bounds}",
            "bool": "true or false",
            "list": "a list of texts",
            "map": "a table of texts",
        }[self.kind]


_S, _L = SourceSettings(), Limits()

TABLE: tuple[Setting, ...] = (
    Setting(
        "source.kind", "text", _S.kind, "Where the numbers come from", "--source", "OPENMANAGER_SOURCE", SOURCE_KINDS
    ),
    Setting(
        "source.servers", "int", _S.servers, "Simulator: how many servers", "--servers", "OPENMANAGER_SERVERS",
        low=1, high=100_000,
    ),
    Setting(
        "source.seed", "int", _S.seed, "Simulator: which fleet", "--seed", "OPENMANAGER_SEED", low=0, high=2**53
    ),
    Setting(
        "source.tick_s", "number", _S.tick_s, "Simulator: seconds between values", "--tick-s", "OPENMANAGER_TICK_S",
        low=0.1, high=3600,
    ),
    Setting(
        "source.scenario", "text", _S.scenario, "Simulator: a named set of faults", "--scenario",
        "OPENMANAGER_SCENARIO",
    ),
    Setting(
        "source.anchor_s", "number", _S.anchor_s,
        "Simulator: the instant its scenario counts from, Unix seconds (0: the start)", "--anchor-s",
        "OPENMANAGER_ANCHOR_S", low=0, high=1e11,
    ),
    Setting(
        "source.path", "path", _S.path, "Recorded: a CSV or Parquet file, or a folder of them", "--recording",
        "OPENMANAGER_RECORDING",
    ),
    Setting(
        "source.url", "text", _S.url, "Prometheus: its address", "--prometheus-url", "OPENMANAGER_PROMETHEUS_URL"
    ),
    Setting(
        "source.timeout_s", "number", _S.timeout_s, "Prometheus: seconds per request", "--prometheus-timeout-s",
        "OPENMANAGER_PROMETHEUS_TIMEOUT_S", low=0.1, high=600,
    ),
    Setting(
        "source.token_env", "text", _S.token_env, "Prometheus: name of the variable that holds the bearer token",
        "--prometheus-token-env", "OPENMANAGER_PROMETHEUS_TOKEN_ENV",
    ),
    Setting(
        "source.username_env", "text", _S.username_env, "Prometheus: name of the variable that holds the user",
        "--prometheus-username-env", "OPENMANAGER_PROMETHEUS_USERNAME_ENV",
    ),
    Setting(
        "source.password_env", "text", _S.password_env, "Prometheus: name of the variable that holds the password",
        "--prometheus-password-env", "OPENMANAGER_PROMETHEUS_PASSWORD_ENV",
    ),
    Setting(
        "source.tenant", "text", _S.tenant, "Prometheus: tenant, sent as X-Scope-OrgID", "--prometheus-tenant",
        "OPENMANAGER_PROMETHEUS_TENANT",
    ),
    Setting(
        "source.ca_file", "path", _S.ca_file, "Prometheus: certificates to trust", "--prometheus-ca-file",
        "OPENMANAGER_PROMETHEUS_CA_FILE",
    ),
    Setting(
        "source.tls_verify", "bool", _S.tls_verify, "Prometheus: verify its certificate", "--prometheus-tls-verify",
        "OPENMANAGER_PROMETHEUS_TLS_VERIFY",
    ),
    Setting(
        "source.mapping", "map", {}, "Prometheus: further metrics, catalogue name to PromQL", "--prometheus-mapping",
        "OPENMANAGER_PROMETHEUS_MAPPING",
    ),
    Setting(
        "http.enabled", "bool", False, "Serve over HTTP instead of standard input and output", "--http, --stdio",
        "OPENMANAGER_HTTP", shared_flag=True,
    ),
    Setting(
        "http.host", "text", "127.0.0.1", "Address to listen on", "--http HOST:PORT", "OPENMANAGER_HTTP_HOST",
        low=1, shared_flag=True,
    ),
    Setting(
        "http.port", "int", 8765, "Port to listen on (0: any free one)", "--http HOST:PORT", "OPENMANAGER_HTTP_PORT",
        low=0, high=65_535, shared_flag=True,
    ),
    Setting(
        "http.allowed_hosts", "list", (), "Host names that clients may use, beside this machine's own",
        "--allowed-hosts", "OPENMANAGER_ALLOWED_HOSTS",
    ),
    Setting(
        "http.allowed_origins", "list", (), "Web origins that may call, beside this machine's own",
        "--allowed-origins", "OPENMANAGER_ALLOWED_ORIGINS",
    ),
    Setting(
        "http.token_env", "text", "", "Name of the variable that holds the bearer token clients must send",
        "--http-token-env", "OPENMANAGER_HTTP_TOKEN_ENV",
    ),
    Setting(
        "http.sessions", "bool", False,
        "Keep sessions for clients of protocol versions before 2026-07-28, which need one to cancel by a message",
        "--http-sessions", "OPENMANAGER_HTTP_SESSIONS",
    ),
    Setting(
        "http.body_bytes", "int", 4 * 1024 * 1024, "Largest request body", "--http-body-bytes",
        "OPENMANAGER_HTTP_BODY_BYTES", low=1024, high=2**30,
    ),
    Setting(
        "http.requests", "int", 2048, "Requests in progress at a time", "--http-requests", "OPENMANAGER_HTTP_REQUESTS",
        low=1, high=100_000,
    ),
    Setting(
        "http.tls_cert", "path", "", "Certificate chain (PEM), to serve https; goes with http.tls_key", "--tls-cert",
        "OPENMANAGER_TLS_CERT",
    ),
    Setting("http.tls_key", "path", "", "Private key of that certificate (PEM)", "--tls-key", "OPENMANAGER_TLS_KEY"),
    Setting(
        "access.tokens", "bool", False, "HTTP: take the tokens that openmanager token create makes", "--access-tokens",
        "OPENMANAGER_ACCESS_TOKENS",
    ),
    Setting(
        "access.issuer", "text", "", "HTTP: take the access tokens of this OAuth issuer", "--issuer",
        "OPENMANAGER_ISSUER",
    ),
    Setting(
        "access.audience", "text", "",
        "OAuth: what the tokens must be meant for, best the public address, as https://ops.example.com", "--audience",
        "OPENMANAGER_AUDIENCE",
    ),
    Setting(
        "access.jwks_url", "text", "", "OAuth: where the issuer's public keys are", "--jwks-url", "OPENMANAGER_JWKS_URL"
    ),
    Setting(
        "access.requests", "int", 64, "Requests in progress at a time for each token's holder", "--requests-each",
        "OPENMANAGER_REQUESTS_EACH", low=1, high=100_000,
    ),
    Setting(
        "access.calls_per_minute", "int", 1200, "Tool calls a minute for each token's holder (0: any number)",
        "--calls-per-minute", "OPENMANAGER_CALLS_PER_MINUTE", low=0, high=10_000_000,
    ),
    Setting(
        "access.calls_per_tool_per_minute", "int", 600, "The same for each tool (0: any number)",
        "--calls-per-tool-per-minute", "OPENMANAGER_CALLS_PER_TOOL_PER_MINUTE", low=0, high=10_000_000,
    ),
    Setting(
        "access.audit", "bool", True, "Keep a trail of the tool calls of everybody who shows a token", "--audit",
        "OPENMANAGER_AUDIT",
    ),
    Setting(
        "access.audit_days", "int", 365, "Days that the trail keeps", "--audit-days", "OPENMANAGER_AUDIT_DAYS",
        low=1, high=36_500,
    ),
    Setting(
        "state.home", "path", "", "Folder of what is kept (default: the platform's data folder)", "--home",
        "OPENMANAGER_HOME",
    ),
    Setting(
        "log.level", "text", "WARNING", "Least level that is logged", "--log-level", "OPENMANAGER_LOG_LEVEL", LEVELS
    ),
    Setting(
        "read_only", "bool", False, "Leave out every tool that changes something", "--read-only",
        "OPENMANAGER_READ_ONLY",
    ),
    Setting(
        "roots", "paths", (), "Files, Git, shadcn: a directory that may be used, DIR:ro for reading only; repeatable",
        "--root", "OPENMANAGER_ROOTS",
    ),
    Setting(
        "trust", "paths", (), "Git: a directory whose repositories may run their own hooks and filters; repeatable",
        "--trust", "OPENMANAGER_TRUST",
    ),
    Setting(
        "tools.allow", "list", (), "Serve only these tools: tool or server.tool, * stands for anything", "--tools",
        "OPENMANAGER_TOOLS",
    ),
    Setting(
        "tools.deny", "list", (), "Leave these tools out, even if they are allowed", "--exclude-tools",
        "OPENMANAGER_EXCLUDE_TOOLS",
    ),
    Setting(
        "limits.calls_per_tool", "int", _L.calls_per_tool, "Calls of one tool that run at the same time",
        "--calls-per-tool", "OPENMANAGER_CALLS_PER_TOOL", low=1, high=10_000,
    ),
    Setting(
        "limits.waiting", "int", _L.waiting, "Calls that may wait for their turn", "--waiting", "OPENMANAGER_WAITING",
        low=0, high=100_000,
    ),
    Setting(
        "limits.threads", "int", _L.threads, "Threads for computing", "--threads", "OPENMANAGER_THREADS",
        low=1, high=1000,
    ),
    Setting(
        "limits.answer_chars", "int", _L.answer_chars, "Longest text of one answer, in characters", "--answer-chars",
        "OPENMANAGER_ANSWER_CHARS", low=1000, high=10**8,
    ),
)  # fmt: skip

CONFIG_VARIABLE = "OPENMANAGER_CONFIG"
DEFAULT_PROFILE = "development"


def settings_table() -> str:
    """Write the table in Markdown."""
    rows = ["| Profile key | Flag | Variable | Default | Meaning |", "|---|---|---|---|---|"]
    rows.append(
        f"| – | `--config NAME_OR_PATH` | `{CONFIG_VARIABLE}` | `{DEFAULT_PROFILE}` | The profile: a shipped one by "
        "name, your own by path |"
    )
    for setting in TABLE:
        default = f"`{_shown(setting.default)}`" if setting.default not in ("", (), {}) else "–"
        meaning = setting.help + (f": {', '.join(setting.choices)}" if setting.choices else "")
        flags = ", ".join(f"`{flag}`" for flag in setting.flag.split(", "))
        rows.append(f"| `{setting.key}` | {flags} | `{setting.variable}` | {default} | {meaning} |")
    return "\n".join(rows)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)
