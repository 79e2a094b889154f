"""What `check_clients` saw of every client's file, as findings."""

from __future__ import annotations

from collections.abc import Iterator

from openmanager_kit.clients.checks import ClientFinding, check_clients
from openmanager_kit.clients.places import Machine
from openmanager_kit.doctor.findings import Finding
from openmanager_kit.wording import said


def installed_clients(machine: Machine | None = None) -> tuple[list[Finding], set[str]]:
    """Look at every client's file; gives what was found, and which clients are on this machine."""
    seen = check_clients(machine)
    present = {one.client for one in seen if one.present}
    findings = [finding for one in seen for finding in _findings(one)]
    missing = dict.fromkeys(one.title for one in seen if one.client not in present)
    if missing:
        findings.append(Finding("clients", said("not found here"), "ok", ", ".join(missing)))
    return findings, present


def _findings(one: ClientFinding) -> Iterator[Finding]:
    scope = "" if one.scope == "user" else said(" (this project)")
    subject = f"{one.title}{scope}"
    command = f"openmanager install {one.client}" + ("" if one.scope == "user" else " --scope project")
    if one.state == "unreadable":
        text = said("{file} cannot be read: {problem}", file=one.file, problem=one.problem)
        yield Finding("clients", subject, "failure", text, said("repair the file; we change none that we cannot read"))
    elif one.state == "absent":
        if one.present and one.scope == "user":
            yield Finding("clients", subject, "ok", said("has no servers yet; to add ours: {command}", command=command))
    elif not one.entries:
        text = said("{count} servers in {file}, none of them ours", count=one.servers, file=one.file)
        yield Finding("clients", subject, "ok", text)
    else:
        for entry in one.entries:
            about = f"{subject}, {entry.name}"
            if entry.problems:
                advice = said("write it anew: {command}", command=command)
                yield Finding("clients", about, "warning", "; ".join(entry.problems), advice)
            else:
                yield Finding("clients", about, "ok", said("starts {program}", program=entry.starts))
