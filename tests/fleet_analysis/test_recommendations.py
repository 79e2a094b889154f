"""Every kind of fault that can be simulated ends in actions with evidence, effect, risk, and a query that verifies."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.parse
import urllib.request
from functools import cache
from pathlib import Path
from string import Template

import pytest
from real_prometheus import binary, running

from openmanager_core.analysis.overview import overview
from openmanager_core.analysis.recommend import as_data, recommend, selector
from openmanager_core.catalog import BY_NAME, METRICS
from openmanager_core.findings import Recommendation
from openmanager_core.knowledge import runbooks
from openmanager_core.panel import Window
from openmanager_core.simulator import Fault, Simulator
from openmanager_core.simulator.exposition import Exposition
from openmanager_core.simulator.faults import FAULT_KINDS

END_S = 1_790_000_000.0
CALM = Simulator(30, seed=7)
FLEET = CALM.fleet()
DATABASE = "database-us-east-1-001"
TARGETS = {"server": DATABASE, "cluster": FLEET.by_id[DATABASE].cluster}
LONGER_S = {"memory_leak": 3000.0, "disk_filling": 3000.0}
"""Faults that creep began so long ago; the others 25 minutes."""
RUNBOOK = {"crash_restart": "crash"}
METRIC = re.compile(r"openmanager_\w+")
NAMES = {m.prometheus: m.name for m in METRICS}


def faulty(kind: str, target: str) -> Simulator:
    start_s = END_S - LONGER_S.get(kind, 1500.0)
    end_s = END_S - 600.0 if kind == "crash_restart" else None
    return CALM.with_faults([Fault("f", kind, (target,), start_s, end_s, 0.9)])


@cache
def recommended(kind: str, level: str) -> tuple[Recommendation, ...]:
    """What is told to do about one fault, as `recommend_actions` tells it."""
    sim = faulty(kind, TARGETS[level])
    window = Window(END_S - 3600, END_S, 15.0)
    panels = {m.name: sim.read(m.name, window) for m in METRICS if sim.has(m.name)}
    seen = overview(panels, FLEET, window, changes=sim.changes(window), top=500)
    told = recommend(seen.findings, seen.causes, seen.servers, FLEET)
    ids = {f.id for f in seen.findings}
    assert all(set(action.finding_ids) <= ids for action in told)
    return tuple(told)


def about(kind: str, level: str) -> list[Recommendation]:
    """The actions at the place of the fault."""
    target = TARGETS[level]
    places = {target, *(FLEET.cluster_by_id[target].members if level == "cluster" else ())}
    return [action for action in recommended(kind, level) if action.target in places]


CASES = [(kind, level) for kind in FAULT_KINDS for level in TARGETS if (kind, level) != ("traffic_surge", "server")]
"""More requests for one server of several are the load balancer's doing: not a fault of the fleet."""


@pytest.mark.parametrize(("kind", "level"), CASES)
def test_the_first_action_is_about_the_fault_and_says_why_what_it_brings_and_risks_and_how_to_check(
    kind: str, level: str
) -> None:
    mine = about(kind, level)
    assert mine and mine[0].priority == 1
    for action in recommended(kind, level):
        assert re.search(r"\d", action.reason), "evidence has values"
        assert action.reason.split(": ", 1)[0] and len(action.reason) <= 600
        assert len(action.expected_effect.split()) >= 3
        assert action.risk in ("low", "medium", "high")
        assert as_data(action.target) in action.action
        place = "cluster" if action.target in FLEET.cluster_by_id else "server"
        assert selector(action.target, place) in action.verify or "by (cluster)" in action.verify  # type: ignore[arg-type]
        assert set(METRIC.findall(action.verify)) <= set(NAMES)
    assert mine[0].finding_ids, "the finding that tells it is named"


def test_every_query_is_promql(tmp_path: Path) -> None:
    queries = sorted({a.verify for kind, level in CASES for a in recommended(kind, level)})
    rules = [{"record": f"q:{k}", "expr": text} for k, text in enumerate(queries)]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "verify", "rules": rules}]}))
    done = subprocess.run([binary("promtool"), "check", "rules", str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_healthy_fleet_passes_every_check_and_a_sick_one_fails_those_with_a_bound(tmp_path: Path) -> None:
    """In a real engine: the same queries over the fleet without the faults, and over each fault at work."""
    checks = {(kind, level): [a.verify for a in about(kind, level)] for kind, level in CASES}
    checks["every", "runbook"] = shipped()
    with running(tmp_path / "calm") as engine:
        history(engine.folder / "calm.txt", CALM)
        engine.backfill(engine.folder / "calm.txt")
        url = engine.start()
        silent = sorted({text for texts in checks.values() for text in texts if not answer(url, text)})
        assert not silent, "a check that a healthy fleet does not pass verifies nothing"
    sick = [
        Fault(kind, kind, (DATABASE,), END_S - LONGER_S.get(kind, 1500.0), None, 0.9)
        for kind in ("cpu_saturation", "network_loss", "noisy_neighbour", "clock_skew", "bad_deployment")
    ]
    with running(tmp_path / "sick") as engine:
        history(engine.folder / "sick.txt", CALM.with_faults(sick))
        engine.backfill(engine.folder / "sick.txt")
        url = engine.start()
        for fault in sick:
            bounded = [text for text in checks[fault.kind, "server"] if re.search(r"[<>] [\d.]+", text)]
            assert bounded and not any(answer(url, text) for text in bounded), (fault.kind, bounded)


def shipped() -> list[str]:
    """The query of every step that recommendations are made of, for a server that has the metric."""
    out = []
    for book in runbooks():
        if not (book.causes or book.findings or book.id == "capacity"):
            continue
        for step in book.steps:
            named = METRIC.search(step.verify)
            metric = NAMES[named[0]] if named else next(iter(book.metrics), "cpu_busy_ratio")
            words = {"selector": selector(CALM.has(metric)[0], "server"), "prometheus": BY_NAME[metric].prometheus}
            out.append(Template(step.verify).substitute(words))
    assert len(out) > 20
    return out


def history(path: Path, sim: Simulator) -> None:
    with path.open("wb") as file:
        Exposition(sim).write_history(file, Window(END_S - 7500, END_S, 15.0))


def answer(url: str, query: str) -> list[object]:
    """The series that a query gives at the end of the window."""
    asked = urllib.parse.urlencode({"query": query, "time": f"{END_S - 20:.0f}"})
    with urllib.request.urlopen(f"{url}/api/v1/query?{asked}", timeout=10) as reply:
        told = json.load(reply)
    assert told["status"] == "success", (query, told)
    result: list[object] = told["data"]["result"]
    return result
