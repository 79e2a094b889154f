"""What can be read by address: the inventory, one server, one incident, the page; and completions of their names."""

from __future__ import annotations

from pathlib import Path

from mcp_types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)

from openmanager_core import catalog
from openmanager_core.errors import StorageUnavailable
from openmanager_core.job import offload
from openmanager_core.text import ident
from openmanager_core.timespan import iso
from openmanager_kit.apps.pages import Page, add_pages
from openmanager_kit.server import OpenManagerServer
from openmanager_local.analyst import Analyst
from openmanager_local.answers.common import amount
from openmanager_local.fleet_tools import describe_server
from openmanager_local.incident_tools import report_text
from openmanager_local.series_tools import query_metrics

_MOST = 100
_LISTED = 150
_DEPLOYMENTS = 6
_PERFORMANCE = ("requests_per_s", "errors_per_s", "latency_p95_s", "cpu_busy_ratio", "memory_used_ratio")

FLEET = Page(
    uri="ui://fleet/overview",
    title="Fleet overview",
    description="Health, clusters, causes and anomalies of the fleet, followed while the page is open",
    parts=Path(__file__).parent / "pages",
    name="fleet",
)


def add_resources(server: OpenManagerServer, analyst: Analyst) -> None:
    """Give the server its resources and completions."""
    add_pages(server, FLEET)

    @server.resource("fleet://servers", title="Servers", mime_type="text/plain")
    async def servers() -> str:
        """The inventory: every cluster with its servers, and who calls whom."""
        fleet = await analyst.fleet()
        lines = [f"{len(fleet.servers)} servers in {len(fleet.clusters)} clusters"]
        for c in fleet.clusters[:_LISTED]:
            members = ", ".join(map(ident, c.members[:8]))
            rest = f" and {len(c.members) - 8} more" if len(c.members) > 8 else ""
            calls = ", ".join(map(ident, fleet.callees(c.id))) or "nobody"
            lines.append(f"- {ident(c.id)} ({c.type}, {c.environment}, {c.region}): {members}{rest}; calls {calls}")
        if len(fleet.clusters) > _LISTED:
            lines.append(f"and {len(fleet.clusters) - _LISTED} more clusters; list_servers pages through all")
        return "\n".join(lines)[:10_000]

    @server.resource("fleet://applications", title="Applications", mime_type="text/plain")
    async def applications() -> str:
        """What runs where: requests, errors, latency and resources of each application, and its deployments."""
        return await applications_text(analyst)

    @server.resource("fleet://servers/{id}", title="One server", mime_type="text/plain")
    async def one_server(id: str) -> str:
        """One server: place, health with reasons, newest readings, anomalies of the last hour."""
        return (await describe_server(analyst, id)).as_text()

    @server.resource("fleet://metrics/{metric}", title="One metric", mime_type="text/plain")
    async def one_metric(metric: str) -> str:
        """One metric of every server over the last hour, as far as it fits; query_metrics pages through the rest."""
        return (await query_metrics(analyst, metric)).as_text()

    @server.resource("fleet://incidents/{id}", title="One incident", mime_type="text/markdown")
    async def one_incident(id: str) -> str:
        """The post-mortem of one incident."""
        return await report_text(analyst, id, "en")

    async def complete(
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion:
        """Names that begin with, or else contain, what was typed."""
        names = await _names(analyst, ref, argument.name)
        typed = argument.value.casefold()
        begin = [name for name in names if name.casefold().startswith(typed)]
        inside = [name for name in names if typed in name.casefold() and name not in set(begin)]
        found = begin + inside
        return Completion(values=found[:_MOST], total=len(found), has_more=len(found) > _MOST)

    server.completion()(complete)


async def applications_text(analyst: Analyst) -> str:
    """One paragraph an application, from the newest minute of readings."""
    from openmanager_core.analysis.applications import measure_applications

    source, fleet = await analyst.source(), await analyst.fleet()
    have, now_s = await source.metrics(), await source.now_s()
    latest = {name: await source.latest(name, now_s) for name in _PERFORMANCE if name in have}
    lines = []
    for app in await offload(measure_applications, latest, fleet):
        errors = "no reading" if app.error_ratio is None else f"{app.error_ratio:.2%}"
        cores = "no reading" if app.cpu_cores_used is None else f"{app.cpu_cores_used:.1f}"
        lines.append(
            f"- {ident(app.name)}: {amount(app.requests_per_s, 'requests_per_s')}, errors {errors}, "
            f"p95 {amount(app.latency_p95_s, 'latency_p95_s')}, {cores} cores busy, "
            f"{amount(app.memory_bytes_used, 'disk_io_bytes_per_s').removesuffix('/s')} of memory; "
            f"in {', '.join(map(ident, app.clusters[:8])) or 'no cluster'}"
        )
        lines += [
            f"  {d.environment}: version {ident(d.version)} since {iso(d.at_s)}" for d in app.deployments[:_DEPLOYMENTS]
        ]
    return "\n".join(lines)[:10_000] or "The source names no application."


async def _names(analyst: Analyst, ref: PromptReference | ResourceTemplateReference, argument: str) -> list[str]:
    place = ref.uri if isinstance(ref, ResourceTemplateReference) else ref.name
    if "incident" in place or argument == "incident_id":
        if argument == "language":
            return ["en", "ko"]
        try:
            ledger = await analyst.require_ledger()
            return [i.id for i in await ledger.incidents(limit=_MOST)]
        except StorageUnavailable:
            return []
    match argument:
        case "id" | "server":
            return [s.id for s in (await analyst.fleet()).servers]
        case "cluster":
            return [c.id for c in (await analyst.fleet()).clusters]
        case "metric":
            return [m.name for m in catalog.METRICS]
        case "language":
            return ["en", "ko"]
        case "horizon":
            return ["24h", "7d", "30d", "90d"]
        case "growth":
            return ["0.1", "0.2", "0.5", "1.0"]
    return []
