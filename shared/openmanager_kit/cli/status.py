"""``openmanager status``: asks a running service whether each of its servers can be used."""

from __future__ import annotations

import argparse
import json
import os
import sys

from openmanager_core.errors import ConfigError, FleetError
from openmanager_kit.wording import said

URL = "http://127.0.0.1:8765"
_PATIENCE_S = 10.0


class Unreachable(FleetError):
    """No service answers there."""

    code = "unreachable"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--url", default=URL, help=said("where the service listens (default: {url})", url=URL))
    parser.add_argument("--token-env", metavar="NAME", help="variable that holds the bearer token")
    parser.add_argument("--json", action="store_true", help="print what the service said")


def run(args: argparse.Namespace) -> int:
    """Print a line a server; 0 if all of them are ready, 1 if not."""
    import httpx2

    headers = {}
    if args.token_env:
        token = os.environ.get(args.token_env, "")
        if not token:
            raise ConfigError(f"--token-env names {args.token_env}, which is not set")
        headers["authorization"] = f"Bearer {token}"
    base = args.url.rstrip("/").removesuffix("/mcp")
    try:
        reply = httpx2.get(f"{base}/readyz", headers=headers, timeout=_PATIENCE_S, trust_env=False)
        if reply.status_code not in (200, 503):
            hint = "name the variable with the token: --token-env NAME" if reply.status_code == 401 else "check --url"
            raise Unreachable(f"{base} answered with status {reply.status_code}", hint=hint)
        report = reply.json()
        servers = report["servers"]
    except (httpx2.HTTPError, httpx2.InvalidURL) as exc:
        raise Unreachable(f"{base} does not answer: {type(exc).__name__}", hint="start it: openmanager up") from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise Unreachable(f"{base} is no openmanager service", hint="check --url") from exc
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
