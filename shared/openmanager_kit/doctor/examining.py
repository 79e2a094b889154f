"""Does everything that `doctor` does, side by side and within a bound on time."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from openmanager_core.errors import ConfigError, FleetError
from openmanager_core.text import visible
from openmanager_kit import child
from openmanager_kit.clients.entries import GATEWAY
from openmanager_kit.doctor.client_files import installed_clients
from openmanager_kit.doctor.findings import Finding
from openmanager_kit.doctor.machine import check_machine, check_state
from openmanager_kit.doctor.portability import Listed, check_tools
from openmanager_kit.doctor.serving import (
    Launching,
    NotServed,
    Probe,
    ask_over_http,
    ask_over_stdio,
    last_line,
    probes_of,
    readiness,
    service,
)
from openmanager_kit.profile import Profile
from openmanager_kit.registry import WITH_ROOTS
from openmanager_kit.wording import said

_OLD_S = 900.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to examine.

    Attributes
    ----------
    profile
        None if it cannot be read; `problem` says why.
    config, roots, trust
        As typed.
    patience_s, most_s
        Longest wait for one server, and for all of it.
    """

    profile: Profile | None
    problem: str = ""
    config: str = ""
    roots: tuple[str, ...] = ()
    trust: tuple[str, ...] = ()
    patience_s: float = 20.0
    most_s: float = 90.0


async def examine(wanted: Wanted) -> list[Finding]:
    """Look at everything; what does not answer in time is a failure, never a wait."""
    profile = wanted.profile
    clients, installed = installed_clients()
    findings = await check_machine(profile.servers if profile else ())
    if profile is None:
        hint = said("openmanager configs validate says more")
        return [*findings, Finding("profile", wanted.config or "-", "failure", wanted.problem, hint), *clients]
    findings += check_state(profile.home)
    findings += _profile(wanted, profile)
    served, tools = await _serve(wanted, profile)
    return [*findings, *served, *(check_tools(tools, installed) if any(tools.values()) else []), *clients]


def _profile(wanted: Wanted, profile: Profile) -> list[Finding]:
    found = [Finding("profile", profile.name, "ok", ", ".join(profile.servers))]
    if any(name in WITH_ROOTS for name in profile.servers) and not profile.roots:
        text = said("no root is set: files and Git are tried over an empty folder")
        found.append(Finding("profile", "roots", "ok", text, said("they do not start without one: give --root DIR")))
    for root in profile.roots:
        folder = root.removesuffix(":ro").removesuffix(":rw")
        if not Path(folder).is_dir():
            text = said("is no folder")
            found.append(Finding("profile", folder, "failure", text, said("make it, or change roots")))
    token = profile.http.token_env
    if token and not os.environ.get(token, ""):
        text = said("names {variable}, which is not set here; a token was made up to try it", variable=token)
        advice = said("set {variable} where the service is started", variable=token)
        found.append(Finding("profile", "http.token_env", "warning", text, advice))
    return found


@asynccontextmanager
async def _launching(wanted: Wanted, profile: Profile) -> AsyncIterator[Launching]:
    """Give the words that start the servers; over an empty folder if there is no other."""
    words = ["--config", wanted.config] if wanted.config else []
    words += [word for root in wanted.roots for word in ("--root", root)]
    words += [word for folder in wanted.trust for word in ("--trust", folder)]
    if profile.roots or not any(name in WITH_ROOTS for name in profile.servers):
        yield Launching(tuple(words), profile.http.token_env)
        return
    with tempfile.TemporaryDirectory(prefix="openmanager-doctor-") as folder:
        yield Launching((*words, "--root", folder), profile.http.token_env, (folder,))


async def _serve(wanted: Wanted, profile: Profile) -> tuple[list[Finding], dict[str, list[Listed]]]:
    stdio = probes_of(profile.servers, "stdio")
    http = probes_of((*profile.servers, GATEWAY), "http")
    for probe in (*stdio, *http):
        probe.problem = said("was not tried: no time was left")
    sources: list[Finding] = []
    inside: list[Finding] = []
    limiter = anyio.CapacityLimiter(max(2, os.cpu_count() or 2))

    async def alone(probe: Probe, launching: Launching) -> None:
        async with limiter:
            probe.problem = ""
            await ask_over_stdio(probe, launching, wanted.patience_s)

    async def all_over_http(launching: Launching) -> None:
        async with limiter:
            sources.extend(await _over_http(http, launching, wanted))

    async def from_inside(launching: Launching) -> None:
        async with limiter:
            inside.extend(await _from_inside(wanted, launching))

    with anyio.move_on_after(wanted.most_s) as scope:
        async with _launching(wanted, profile) as launching, anyio.create_task_group() as group:
            group.start_soon(all_over_http, launching)
            group.start_soon(from_inside, launching)
            for probe in stdio:
                group.start_soon(alone, probe, launching)
    if scope.cancelled_caught:
        for probe in (*stdio, *http):
            if not probe.problem and not probe.tools:
                probe.problem = said("did not answer before the time was over")
    tools = {server: next((p.tools for p in (*stdio, *http) if p.server == server and p.tools), [])
             for server in profile.servers}  # fmt: skip
    findings = [_told(server, [p for p in (*stdio, *http) if p.server == server])
                for server in (*profile.servers, GATEWAY)]  # fmt: skip
    return [*findings, *sources, *inside], tools


async def _over_http(probes: Sequence[Probe], launching: Launching, wanted: Wanted) -> list[Finding]:
    try:
        async with service(launching, wanted.patience_s * 2) as url:
            async with anyio.create_task_group() as group:
                for probe in probes:
                    probe.problem = ""
                    path = "/mcp" if probe.server == GATEWAY else f"/{probe.server}/mcp"
                    group.start_soon(ask_over_http, probe, f"{url}{path}", launching, wanted.patience_s)
            return _sources(await readiness(url, launching, wanted.patience_s))
    except Exception as exc:
        inner = _innermost(exc)
        if isinstance(inner, (NotServed, FleetError)):
            for probe in probes:
                probe.problem = said("the service does not start: {reason}", reason=visible(str(inner)))
            return []
        text = said("readiness could not be asked: {reason}", reason=type(inner).__name__)
        return [Finding("sources", "/readyz", "failure", text, said("openmanager up says more"))]


async def _from_inside(wanted: Wanted, launching: Launching) -> list[Finding]:
    """Ask in a child what only the servers' own code knows: rules without a tool, engines that cannot be reached."""
    roots = [*(wanted.profile.roots if wanted.profile else ()), *launching.roots]
    orders = json.dumps([wanted.config, {"roots": roots} if roots else {}])
    words = [sys.executable, "-m", "openmanager_kit.doctor.reaching", orders]
    subject = said("engines")
    try:
        done = await child.run(words, env=launching.environ, deadline_s=wanted.patience_s)
        told = json.loads(done.out)
    except FleetError as exc:
        return [Finding("sources", subject, "failure", exc.message, said("start the servers by hand"))]
    except ValueError:
        text = said("could not be asked: {reason}", reason=last_line(done.err.decode("utf-8", "replace")))
        return [Finding("sources", subject, "failure", text, said("start the servers by hand"))]
    found = []
    for rule in told["rules"]:
        text = said("{rule} means no tool of this profile", rule=visible(repr(rule)))
        found.append(Finding("profile", "tools", "warning", text, said("correct or remove it")))
    for server, reached in told["reach"].items():
        for name, problem in reached.items():
            about = f"{server}, {name}"
            if problem:
                advice = said("check the network, or [search] proxy; other engines answer meanwhile")
                found.append(Finding("sources", about, "warning", visible(problem)[:300], advice))
            else:
                found.append(Finding("sources", about, "ok", said("can be reached")))
    return found


def _innermost(exc: BaseException) -> BaseException:
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return exc


def _sources(servers: object) -> list[Finding]:
    assert isinstance(servers, dict)
    findings = []
    for name, one in servers.items():
        detail = visible(str(one.get("detail", "")))[:300]
        age_s = one.get("data_age_s")
        if not one.get("ready"):
            advice = said("look at its settings: openmanager configs show")
            findings.append(Finding("sources", name, "failure", detail or said("is not ready"), advice))
        elif age_s is not None and age_s > _OLD_S:
            text = said("{detail}; the newest data is {age} s old", detail=detail, age=f"{age_s:.0f}")
            findings.append(Finding("sources", name, "warning", text, said("see why nothing newer arrives")))
        else:
            findings.append(Finding("sources", name, "ok", detail or said("needs nothing from outside")))
    return findings


def _told(server: str, probes: Sequence[Probe]) -> Finding:
    """Say in one finding how a server did in every conversation."""
    bad = [probe for probe in probes if probe.problem]
    if bad:
        reasons: dict[str, list[str]] = {}
        for probe in bad:
            reasons.setdefault(probe.problem, []).append(f"{probe.transport}/{probe.era}")
        text = "; ".join(f"{', '.join(where)}: {reason}" for reason, where in reasons.items())
        command = "openmanager up" if server == GATEWAY else f"openmanager serve {server}"
        return Finding("servers", server, "failure", text, said("start it by hand: {command}", command=command))
    counts = {len(probe.tools) for probe in probes}
    if len(counts) > 1:
        text = said("lists different tools over stdio and HTTP: {counts}", counts=", ".join(map(str, sorted(counts))))
        return Finding("servers", server, "failure", text, said("report this as a bug"))
    versions = ", ".join(dict.fromkeys(sorted(probe.version for probe in probes)))
    over = ", ".join(dict.fromkeys(probe.transport for probe in probes))
    first = [probe.seconds for probe in probes if probe.transport == "stdio"]
    text = said(
        "{count} tools over {transports}, protocol {versions}", count=counts.pop(), transports=over, versions=versions
    )
    if first:
        text += said(", started in {seconds} s", seconds=f"{min(first):.1f}")
    return Finding("servers", server, "ok", text)


def wanted_from(load: object, config: str, roots: Sequence[str], trust: Sequence[str], most_s: float) -> Wanted:
    """Read the profile with `load`; one that cannot be read is a finding, not an end."""
    assert callable(load)
    try:
        profile, problem = load(), ""
    except ConfigError as exc:
        profile, problem = None, str(exc)
    return Wanted(profile, problem, config, tuple(roots), tuple(trust), min(20.0, most_s / 4), most_s)


def examined(wanted: Wanted) -> tuple[list[Finding], float]:
    """Run it; gives the findings and the seconds that it took."""
    started_s = time.monotonic()
    return anyio.run(examine, wanted), time.monotonic() - started_s
