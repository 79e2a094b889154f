"""What a source needs to know before it starts. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

SourceKind = Literal["simulator", "host", "recorded", "prometheus"]
SOURCE_KINDS: tuple[str, ...] = get_args(SourceKind)


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """The ``[source]`` section of a profile, after flags and variables.

    Attributes
    ----------
    servers, seed, tick_s, scenario, anchor_s
        Simulator: how many servers, which fleet, seconds between values, a named set of faults ("" = none),
        and the instant its scenario counts from (0: the start of the process).
    path
        Recorded: a CSV or Parquet file, or a folder of them.
    url, timeout_s, token_env, username_env, password_env, tenant, ca_file, tls_verify, mapping
        Prometheus: its address, seconds per request, names of the variables that hold credentials, the
        ``X-Scope-OrgID`` tenant, a CA bundle, whether to verify certificates, and rows added to the
        table from catalogue names to PromQL.
    """

    kind: SourceKind = "simulator"
    servers: int = 30
    seed: int = 7
    tick_s: float = 3.0
    scenario: str = ""
    anchor_s: float = 0.0
    path: str = ""
    url: str = "http://127.0.0.1:9090"
    timeout_s: float = 10.0
    token_env: str = ""
    username_env: str = ""
    password_env: str = ""
    tenant: str = ""
    ca_file: str = ""
    tls_verify: bool = True
    mapping: dict[str, str] = field(default_factory=dict)
