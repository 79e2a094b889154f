"""``openmanager status``: asks a running service whether each of its servers can be used."""

from __future__ import annotations

import argparse
import json
import os
import ssl
import sys
from typing import TYPE_CHECKING, Any

from openmanager_core.errors import ConfigError, FleetError
from openmanager_kit.wording import said

if TYPE_CHECKING:
    import httpx2

URL = "http://127.0.0.1:8765"
_PATIENCE_S = 10.0
_OTHER_NAME, _OTHER_TIME = (62, 64), (9, 10)
"""What OpenSSL calls a certificate for another host or address, and one that is not valid yet or no longer."""


class Unreachable(FleetError):
    """No service answers there."""

    code = "unreachable"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--url", default=URL, help=said("where the service listens (default: {url})", url=URL))
    parser.add_argument("--token-env", metavar="NAME", help="variable that holds the bearer token")
    parser.add_argument(
        "--ca-file", metavar="PATH",
        help="certificates (PEM) to trust beside the system's; SSL_CERT_FILE names a file to trust in their place",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print what the service said")


def run(args: argparse.Namespace) -> int:
    """Print a line a server; 0 if all of them are ready, 1 if not."""
    headers = {}
    if args.token_env:
        token = os.environ.get(args.token_env, "")
        if not token:
            raise ConfigError(f"--token-env names {args.token_env}, which is not set")
        headers["authorization"] = f"Bearer {token}"
    base = args.url.rstrip("/").removesuffix("/mcp")
    report = _report(base, headers, _trusted(base, args.ca_file))
    servers = report["servers"]
    if args.json:
        sys.stdout.write(json.dumps(report, ensure_ascii=False) + "\n")
    else:
        width = max(map(len, servers))
        for name, one in servers.items():
            age = one.get("data_age_s")
            age_text = said("data {age} s old", age=f"{age:.0f}") if age is not None else ""
            told = [said("{count} tools", count=one.get("tools", 0)), age_text, one["detail"]]
            state = said("ready    ") if one["ready"] else said("NOT READY")
            sys.stdout.write(f"{name:<{width}}  {state}  {', '.join(part for part in told if part)}\n")
    return 0 if report["ready"] else 1


def _trusted(base: str, ca_file: str | None) -> ssl.SSLContext | None:
    """Make what certificates are checked against; None for an address without any.

    Raises
    ------
    ConfigError
        If the certificates cannot be read, or there is nothing to check with them.
    """
    if not base.lower().startswith("https://"):
        if ca_file:
            raise ConfigError(f"--ca-file needs an https address, --url is {base}")
        return None
    import httpcore2

    try:
        context = httpcore2.default_ssl_context()  # looks at SSL_CERT_FILE and SSL_CERT_DIR
    except OSError as exc:
        named = os.environ.get("SSL_CERT_FILE", "")
        raise ConfigError(f"SSL_CERT_FILE names {named}, which holds no certificates (PEM): {_why(exc)}") from exc
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except OSError as exc:
            raise ConfigError(f"--ca-file names {ca_file}, which holds no certificates (PEM): {_why(exc)}") from exc
    return context


def _why(exc: OSError) -> str:
    return "it is no such file" if isinstance(exc, ssl.SSLError) else exc.strerror or type(exc).__name__


def _report(base: str, headers: dict[str, str], trusted: ssl.SSLContext | None) -> dict[str, Any]:
    """Ask a service how its servers are.

    Raises
    ------
    Unreachable
        If none answers there, or not one that can be believed.
    """
    import httpx2

    try:
        # No proxy of the environment: who asks means this very address.
        reply = httpx2.get(
            f"{base}/readyz", headers=headers, timeout=_PATIENCE_S, trust_env=False,
            verify=True if trusted is None else trusted,
        )  # fmt: skip
        if reply.status_code not in (200, 503):
            hint = "name the variable with the token: --token-env NAME" if reply.status_code == 401 else "check --url"
            raise Unreachable(f"{base} answered with status {reply.status_code}", hint=hint)
        report: dict[str, Any] = reply.json()
        return {**report, "servers": dict(report["servers"])}
    except (httpx2.HTTPError, httpx2.InvalidURL) as exc:
        raise _unreachable(base, exc) from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise Unreachable(f"{base} is no openmanager service", hint="check --url") from exc


def _unreachable(base: str, exc: httpx2.HTTPError | httpx2.InvalidURL) -> Unreachable:
    """Say why there was no answer; what is wrong with a certificate stands deep below."""
    below: BaseException | None = exc
    while below is not None and not isinstance(below, ssl.SSLError):
        below = below.__cause__ or below.__context__
    if isinstance(below, ssl.SSLCertVerificationError):
        hint = "name a file with the authority that signed it: --ca-file PATH"
        if below.verify_code in _OTHER_NAME:
            hint = "ask by a name that the certificate is for: --url"
        elif below.verify_code in _OTHER_TIME:
            hint = "renew it (setting http.tls_cert), or look at this machine's clock"
        return Unreachable(f"{base} shows a certificate that is not trusted: {below.verify_message}", hint=hint)
    if below is not None:
        return Unreachable(f"{base} does not speak TLS as we do: {below.reason}", hint="check --url: http or https")
    return Unreachable(f"{base} does not answer: {type(exc).__name__}", hint="start it: openmanager up")
