"""One call over a whole fleet: bounded, complete, explained, and calm when the fleet is."""

from __future__ import annotations

import re

import numpy as np
import pytest
from fleet_analysis import fleets

from openmanager_core.analysis.overview import MOST_SUSPECTS, overview
from openmanager_core.catalog import SCREENED
from openmanager_core.errors import InsufficientData, InvalidRequest, JobCancelled
from openmanager_core.fleet import Fleet
from openmanager_core.job import Job, current_job
from openmanager_core.panel import Panel, Window
from openmanager_core.simulator import Simulator
from openmanager_core.simulator.scenarios import scenario


def test_a_calm_fleet_is_healthy_without_findings_or_causes() -> None:
    fleet, panels, window = fleets.make(200)
    seen = overview(panels, fleet, window)
    assert seen.fleet.status == "healthy"
    assert seen.findings == ()
    assert seen.causes == ()
    assert seen.problems == ()
    assert seen.screened_series == 200 * len(SCREENED)
    assert set(seen.servers) == set(fleet.by_id)
    assert set(seen.clusters) == set(fleet.cluster_by_id)


def test_planted_trouble_is_found_blamed_and_seen_in_health() -> None:
    fleet, panels, window = fleets.make(400)
    leak, dead = fleets.rows_of(panels["memory_used_ratio"], fleet, "web-010-3")[0], 77
    panels["memory_used_ratio"].values[leak] = np.linspace(0.5, 0.985, 240)
    for panel in panels.values():
        panel.values[dead, -40:] = np.nan
    seen = overview(panels, fleet, window)
    gone = panels["cpu_busy_ratio"].hosts[dead]
    assert {f.host for f in seen.findings} >= {"web-010-3", gone}
    assert {(c.node, c.kind) for c in seen.causes} == {("web-010-3", "memory_leak"), (gone, "crash")}
    assert seen.servers[gone].status == "critical"
    assert "stopped reporting" in seen.servers[gone].reasons[0]
    assert seen.servers["web-010-3"].status == "degraded"
    assert seen.clusters["web-010"].reasons


def test_a_move_of_a_whole_large_fleet_stays_bounded() -> None:
    fleet, panels, window = fleets.make(400)
    panels["latency_p95_s"].values[:, -40:] *= 6
    seen = overview(panels, fleet, window, top=1000)
    assert 1 <= len(seen.findings) <= 2 * MOST_SUSPECTS
    assert len({f.cluster for f in seen.findings}) >= 10, "no cluster crowds out the others"
    assert len(seen.causes) <= 5


def test_top_limits_the_findings_worst_first_and_says_how_many_are_left_out() -> None:
    fleet, panels, window = fleets.make(80)
    for row in range(0, 80, 10):
        panels["cpu_busy_ratio"].values[row, -40:] += 0.05 * (1 + row / 10)
    few, all_of_them = (overview(panels, fleet, window, top=t) for t in (3, 100))
    assert few.findings == all_of_them.findings[:3]
    assert f"{len(all_of_them.findings) - 3} weaker findings are left out" in few.problems
    assert all_of_them.problems == ()


def test_gaps_unknown_servers_and_empty_metrics_are_said_and_do_no_harm() -> None:
    fleet, panels, window = fleets.make(40)
    panels["errors_per_s"] = Panel(
        "errors_per_s", panels["errors_per_s"].hosts, window.times_s(), np.full((40, 240), np.nan, np.float32)
    )
    panels["disk_used_ratio"].values[3] = np.nan
    small = Fleet(fleet.servers[:-1], fleet.clusters, fleet.calls)
    seen = overview(panels, small, window)
    assert "errors_per_s has no reading in the window" in seen.problems
    assert "disk_used_ratio has no reading of 1 of 40 servers" in seen.problems
    assert any("not in the inventory" in p for p in seen.problems)


def test_what_cannot_be_overviewed_says_why() -> None:
    fleet, panels, window = fleets.make(10)
    with pytest.raises(InvalidRequest, match="top must be at least 1, got 0"):
        overview(panels, fleet, window, top=0)
    with pytest.raises(InsufficientData, match="no panel"):
        overview({}, fleet, window)
    short = {n: Panel(n, p.hosts, p.times_s[:4], p.values[:, :4]) for n, p in panels.items()}
    with pytest.raises(InsufficientData, match="4 instants, at least 8"):
        overview(short, fleet, Window(window.start_s, window.start_s + 60, 15))
    nothing = {n: Panel(n, p.hosts, p.times_s, np.full_like(p.values, np.nan)) for n, p in panels.items()}
    with pytest.raises(InsufficientData, match="no series has a reading"):
        overview(nothing, fleet, window)


def test_it_reports_progress_and_stops_when_cancelled() -> None:
    fleet, panels, window = fleets.make(10)
    heard: list[tuple[float, str]] = []
    for job, stops in ((Job(lambda r, n: heard.append((r, n))), False), (Job(), True)):
        token = current_job.set(job)
        try:
            if stops:
                job.cancel()
                with pytest.raises(JobCancelled):
                    overview(panels, fleet, window)
            else:
                overview(panels, fleet, window)
        finally:
            current_job.reset(token)
    assert [r for r, _ in heard] == sorted(r for r, _ in heard)
    notes = [n for _, n in heard if n]
    assert notes[0] == f"screening: 0 of {len(panels)} metrics, 0 unusual series so far"
    series = sum(len(p.hosts) for p in panels.values())
    assert any(re.fullmatch(rf"scoring health: \d+ of {series} series are unusual", n) for n in notes)
    assert any(n.startswith("health: ") and f"{len(fleet.servers)} " in n for n in notes)
    assert any(re.fullmatch(r"examining \w+ of \d+ servers, group 1 of \d+, 0 findings so far", n) for n in notes)
    assert any(re.fullmatch(r"ranking causes of \d+ findings", n) for n in notes)


def test_the_simulated_incident_is_named_and_explained() -> None:
    calm = Simulator(30, seed=7)
    end_s = 1_795_000_000.0
    sim = calm.with_faults(scenario("incident", calm.fleet(), end_s))
    window = Window(end_s - 3600, end_s, 15.0)
    before, seen = (
        overview({n: s.read(n, window) for n in SCREENED}, s.fleet(), window, changes=s.changes(window))
        for s in (calm, sim)
    )
    natural = {c.node for c in before.causes}
    first = next(c for c in seen.causes if c.node not in natural)
    assert first.node == "database-production-us-east-1"
    assert first.kind == "slow_dependency"
    assert "api-production-us-east-1" in first.explains
    assert "disk_filling" in {c.kind for c in seen.causes}
    assert seen.clusters["database-production-us-east-1"].status != "healthy"
