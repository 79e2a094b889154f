"""The simulated fleet as a source."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import numpy as np
import pytest

from openmanager_core import analysis, catalog
from openmanager_core.errors import ConfigError, InvalidRequest, NotFound
from openmanager_core.job import Job, current_job
from openmanager_core.panel import Window
from openmanager_core.screening import screen
from openmanager_core.simulator import Fault, Simulator
from openmanager_core.source import Source, SourceSettings, open_source
from openmanager_core.source.simulated import SimulatedSource

NOW_S = 1_793_620_000.0


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = NOW_S

    def __call__(self) -> float:
        return self.now_s


def _source(servers: int = 30, scenario: str = "", **settings: object) -> tuple[SimulatedSource, Clock]:
    clock = Clock()
    made = SourceSettings(servers=servers, scenario=scenario, **settings)  # type: ignore[arg-type]
    return SimulatedSource.from_settings(made, clock=clock), clock


@pytest.mark.anyio
async def test_it_is_a_source_and_opens_by_name() -> None:
    source = open_source(SourceSettings(servers=12, seed=3))
    assert isinstance(source, Source)
    assert len((await source.inventory()).servers) == 12
    assert (await source.status()).state == "ok"
    await source.aclose()
    await source.aclose()


@pytest.mark.anyio
async def test_reading_is_what_the_simulator_says_and_the_future_is_nan() -> None:
    source, _ = _source()
    window = Window(NOW_S - 300, NOW_S + 300, 15)
    panel = await source.read("cpu_busy_ratio", window)
    truth = Simulator(30).read("cpu_busy_ratio", window)
    past = panel.times_s <= NOW_S
    np.testing.assert_array_equal(panel.values[:, past], truth.values[:, past])
    assert np.isnan(panel.values[:, ~past]).all()
    assert past.sum() == 21
    assert (await source.status()).newest_s == pytest.approx(NOW_S, abs=3)


@pytest.mark.anyio
async def test_the_metrics_are_those_that_some_server_has() -> None:
    assert await _source()[0].metrics() == tuple(m.name for m in catalog.METRICS)
    assert "cache_hit_ratio" not in await _source(1)[0].metrics()


@pytest.mark.anyio
async def test_the_latest_value_is_the_mean_of_the_readings_of_the_last_minute() -> None:
    source, _ = _source()
    at_s = NOW_S - 100
    panel = await source.latest("requests_per_s", at_s, 60)
    ticks = np.arange(np.floor((at_s - 60) / 3) + 1, np.floor(at_s / 3) + 1) * 3
    every = await source.read("requests_per_s", Window(float(ticks[0]), float(ticks[-1]) + 1, 3))
    assert every.values.shape[1] == len(ticks) == 20
    np.testing.assert_allclose(panel.values[:, 0], every.values.mean(axis=1), rtol=1e-5)
    assert panel.times_s.tolist() == [at_s]
    assert panel.hosts == every.hosts


@pytest.mark.anyio
async def test_the_latest_value_of_the_future_is_nan_and_of_a_short_span_is_the_last_reading() -> None:
    source, _ = _source()
    assert np.isnan((await source.latest("cpu_busy_ratio", NOW_S + 1000, 60)).values).all()
    short = await source.latest("cpu_busy_ratio", NOW_S, 0.5)
    last = await source.read("cpu_busy_ratio", Window(NOW_S, NOW_S + 1, 1))
    np.testing.assert_array_equal(short.values, last.values)
    with pytest.raises(InvalidRequest, match="over_s"):
        await source.latest("cpu_busy_ratio", NOW_S, 0)


@pytest.mark.anyio
async def test_the_incident_leads_the_ranking() -> None:
    source, _ = _source(scenario="incident")
    ranking = await source.rank(catalog.SCREENED, Window(NOW_S - 3600, NOW_S, 15), 20)
    assert ranking.screened_series == 30 * 8
    assert len(ranking.suspects) == 20
    scores = [s.score for s in ranking.suspects]
    assert scores == sorted(scores, reverse=True)
    slow = [s.host for s in ranking.suspects if s.metric == "latency_p95_s"]
    assert set(slow[:2]) <= {f"database-us-east-1-00{i}" for i in (1, 2, 3)}
    assert any(s.metric == "disk_used_ratio" for s in ranking.suspects)


@pytest.mark.anyio
async def test_ranking_in_blocks_gives_what_one_screening_gives_and_tells_how_far_it_is() -> None:
    source, _ = _source(300, "incident")
    notes: list[str] = []
    token = current_job.set(Job(lambda _, note: notes.append(note)))
    window = Window(NOW_S - 7200, NOW_S, 1)
    names = ("cpu_busy_ratio", "queue_depth_messages")
    ranking = await source.rank(names, window, 15)
    current_job.reset(token)
    best = []
    for name in names:
        metric, panel = catalog.metric(name), await source.read(name, window)
        scores = screen(panel.values, recent=1200, floor=metric.floor, relative=metric.relative)
        best += [(float(x), h, name) for x, h in zip(scores, panel.hosts, strict=True)]
    best.sort(key=lambda b: (-b[0], b[1], b[2]))
    found = [(s.host, s.metric) for s in ranking.suspects]
    assert found == [(h, m) for _, h, m in best[:15]]
    assert ranking.screened_series == len(best)
    order = [s.id for s in (await source.inventory()).servers]
    told = [re.fullmatch(r"screening: (\d+) of 300 servers, (\d+) unusual so far", note) for note in notes if note]
    assert len(told) == 3
    for match in told:
        assert match is not None
        assert int(match[2]) == len({h for score, h, _ in best if score >= 4 and h in order[: int(match[1])]})
    assert told[-1] is not None and int(told[-1][2]) > 0


@pytest.mark.anyio
async def test_ranking_some_hosts_only_looks_at_them() -> None:
    source, _ = _source(scenario="incident")
    hosts = ["web-us-east-1-001", "cache-us-east-1-001"]
    ranking = await source.rank(["latency_p95_s", "cache_hit_ratio"], Window(NOW_S - 3600, NOW_S, 15), 50, hosts)
    assert {s.host for s in ranking.suspects} <= set(hosts)
    assert ranking.screened_series == 3
    with pytest.raises(NotFound):
        await source.rank(["latency_p95_s"], Window(NOW_S - 60, NOW_S, 15), 5, ["nobody"])
    with pytest.raises(InvalidRequest, match="k must be"):
        await source.rank(["latency_p95_s"], Window(NOW_S - 60, NOW_S, 15), 0)
    with pytest.raises(InvalidRequest, match="at least 2 instants"):
        await source.rank(["latency_p95_s"], Window(NOW_S - 60, NOW_S, 60), 5)


@pytest.mark.anyio
async def test_injecting_shows_at_once_and_clearing_ends_it_now_but_keeps_the_past() -> None:
    source, clock = _source()
    target = "api-us-east-1-001"
    given = source.inject(Fault("", "cpu_saturation", (target,), NOW_S - 600, None, 0.9))
    assert given.id == "fault-1"
    assert source.active() == (given,)
    before = await source.read("cpu_busy_ratio", Window(NOW_S - 900, NOW_S, 15), [target])
    assert np.nanmean(before.values[0, -10:]) > 0.9
    clock.now_s += 300
    assert source.clear() == 1
    assert source.clear() == 0
    assert source.active() == ()
    clock.now_s += 600
    after = await source.read("cpu_busy_ratio", Window(NOW_S - 900, clock.now_s, 15), [target])
    np.testing.assert_array_equal(after.values[:, :60], before.values)
    well = Simulator(30).read("cpu_busy_ratio", Window(clock.now_s - 150, clock.now_s, 15), [target])
    np.testing.assert_array_equal(after.values[0, -10:], well.values[0])
    assert [t["end"] for t in source.truth()] == [NOW_S + 300]


def test_a_fault_that_has_not_begun_vanishes_when_cleared() -> None:
    source, _ = _source()
    kept = source.inject(Fault("", "clock_skew", ("web-us-east-1-001",), NOW_S - 60))
    source.inject(Fault("later", "clock_skew", ("web-us-east-1-002",), NOW_S + 60))
    assert source.clear(["later"]) == 1
    assert [t["id"] for t in source.truth()] == [kept.id]
    assert source.active() == (kept,)


def test_bad_faults_and_ids_are_refused_and_change_nothing() -> None:
    source, _ = _source(scenario="incident")
    before = source.truth()
    with pytest.raises(NotFound, match="memory_leak"):
        source.inject(Fault("", "memory_leek", ("web-us-east-1-001",), NOW_S))  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="there already"):
        source.inject(Fault("slow-database", "memory_leak", ("web-us-east-1-001",), NOW_S))
    with pytest.raises(NotFound, match="slow-database"):
        source.clear(["filling-disk", "slow-databases"])
    assert source.truth() == before


@pytest.mark.anyio
async def test_changes_are_told_when_they_have_happened() -> None:
    source, clock = _source()
    source.inject(Fault("", "bad_deployment", ("api-production-us-east-1",), NOW_S + 60))
    window = Window(NOW_S - 3600, NOW_S + 3600, 60)
    assert await source.changes(window) == ()
    clock.now_s += 120
    (change,) = await source.changes(window)
    assert (change.kind, change.target) == ("deployment", "api-production-us-east-1")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"servers": 0}, "servers"),
        ({"servers": 100_001}, "100000"),
        ({"tick_s": 0.0}, "tick_s"),
        ({"seed": -1}, "seed"),
        ({"scenario": "incidents"}, "incident"),
    ],
)
def test_settings_that_cannot_be_used_are_a_configuration_error(settings: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        open_source(SourceSettings(**settings))  # type: ignore[arg-type]


def test_the_scenario_counts_from_the_anchor_if_one_is_set() -> None:
    source, _ = _source(scenario="incident", anchor_s=NOW_S - 7200)
    assert source.truth()[0]["start"] == NOW_S - 7200 - 1200


def test_no_analysis_reads_the_truth() -> None:
    for file in Path(inspect.getfile(analysis)).parent.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        for forbidden in ("openmanager_core.simulator", "ground_truth", ".truth("):
            assert forbidden not in text, file
