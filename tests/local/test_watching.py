"""A fleet watched as its readings come in: seen no later than by looking at everything again, and nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fleet_client import AT_S

from openmanager_core.errors import SourceUnavailable
from openmanager_core.fleet import Fleet
from openmanager_core.panel import Panel
from openmanager_core.simulator.faults import Fault
from openmanager_core.source.settings import SourceSettings
from openmanager_core.source.simulated import SimulatedSource
from openmanager_local.analyst import Analyst
from openmanager_local.survey import survey
from openmanager_local.watching import Event, Watching

TOLERANCE_S = 60.0
"""A look at the whole hour may see an event so much earlier: a tick waits for three readings in a row."""


class WatchedSource(SimulatedSource):
    """Counts the readings it gives, may be away, and may lose servers."""

    values = 0
    away = False
    lost: tuple[str, ...] = ()

    async def inventory(self) -> Fleet:
        fleet = await super().inventory()
        return Fleet(tuple(s for s in fleet.servers if s.id not in self.lost), fleet.clusters, fleet.calls)

    async def read(self, metric: str, window: Any, hosts: Any = None) -> Panel:
        if self.away:
            raise SourceUnavailable("the engine is away")
        panel = await super().read(metric, window, hosts)
        self.values += panel.values.size
        return panel.take([host for host in panel.hosts if host not in self.lost]) if self.lost else panel


class Scene:
    """A simulated fleet whose time is ours."""

    def __init__(self, servers: int = 12, at_s: float = AT_S, seed: int = 21) -> None:
        self.now_s = at_s
        self.sources: list[WatchedSource] = []
        self.analyst = Analyst(SourceSettings(servers=servers, seed=seed), None, self._open)

    def _open(self, wanted: SourceSettings) -> WatchedSource:
        made = WatchedSource.from_settings(wanted, clock=lambda: self.now_s)
        assert isinstance(made, WatchedSource)
        self.sources.append(made)
        return made

    @property
    def source(self) -> WatchedSource:
        return self.sources[0]

    async def fault(self, kind: str, target: str, severity: float = 0.9, length_s: float = 1200.0) -> None:
        simulator = await self.analyst.simulator()
        simulator.inject(Fault("", kind, (target,), self.now_s, self.now_s + length_s, severity))  # type: ignore[arg-type]

    async def looks(self, watching: Watching, count: int, step_s: float = 15.0) -> list[Event]:
        events = []
        for _ in range(count):
            self.now_s += step_s
            events += await watching.look()
        return events


def of(events: list[Event], kind: str) -> list[Event]:
    return [event for event in events if event.kind == kind]


async def first_of(scene: Scene, kind: str) -> str:
    return next(s.id for s in (await scene.analyst.fleet()).servers if s.type == kind)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("kind", "on"),
    [("cpu_saturation", "web"), ("noisy_neighbour", "api"), ("network_loss", "api"), ("slow_dependency", "database")],
)
async def test_a_fault_is_seen_no_later_than_by_looking_at_the_whole_hour_again(kind: str, on: str) -> None:
    scene = Scene()
    watching = Watching(scene.analyst)
    await watching.begin()
    target = await first_of(scene, on)
    fleet = await scene.analyst.fleet()
    place = fleet.by_id[target].cluster if kind == "slow_dependency" else target
    hurt = set(fleet.cluster_by_id[place].members) if place in fleet.cluster_by_id else {target}
    before = {
        (f.host, f.metric) for f in (await survey(scene.analyst, await scene.analyst.window("now-1h", "now"))).findings
    }
    begun_s = scene.now_s
    await scene.fault(kind, place)
    seen_s = rescan_s = None
    for minute in range(8):
        events = await scene.looks(watching, 4)
        new = [e.at_s for e in of(events, "new") if e.server in hurt]
        seen_s = min(new, default=None) if seen_s is None else seen_s
        found = await survey(scene.analyst, await scene.analyst.window("now-1h", "now"))
        fresh = [
            f for f in found.findings if f.host in hurt and (f.host, f.metric) not in before and f.score_sigma >= 4
        ]
        if fresh and rescan_s is None:
            rescan_s = begun_s + 60.0 * (minute + 1)
        if seen_s is not None and rescan_s is not None:
            break
    assert rescan_s is not None, "the fault was to be found at all"
    assert seen_s is not None
    assert begun_s < seen_s <= rescan_s + TOLERANCE_S


@pytest.mark.anyio
async def test_a_look_reads_what_is_new_and_not_the_past_again() -> None:
    scene = Scene()
    watching = Watching(scene.analyst)
    await watching.begin()
    learned = scene.source.values
    await scene.looks(watching, 4)
    assert scene.source.values - learned == 4 * watching.series
    assert learned > 500 * watching.series
    assert await watching.look() == []  # no new instant yet


@pytest.mark.anyio
async def test_an_event_is_told_once_when_it_begins_and_once_when_it_is_over() -> None:
    scene = Scene()
    watching = Watching(scene.analyst)
    await watching.begin()
    target = await first_of(scene, "web")
    await scene.fault("cpu_saturation", target, length_s=600.0)
    events = [e for e in await scene.looks(watching, 110) if (e.server, e.metric) == (target, "latency_p95_s")]
    assert [e.kind for e in events] == ["new", "over"]
    new, over = events
    assert new.value is not None and new.usual is not None
    assert new.value > 1.5 * new.usual
    assert new.score >= 7
    assert over.usual == new.usual
    assert abs(over.lasted_s - 600.0) <= 120.0
    assert not [e for e in watching.unusual() if (e.server, e.metric) == (target, "latency_p95_s")]


@pytest.mark.anyio
async def test_one_large_step_of_time_tells_the_same_as_many_small_ones() -> None:
    told: list[list[Event]] = []
    for steps in (1, 40):
        scene = Scene()
        watching = Watching(scene.analyst)
        await watching.begin()
        await scene.fault("cpu_saturation", await first_of(scene, "web"))
        told.append(await scene.looks(watching, steps, step_s=600.0 / steps))
    assert told[0] == told[1]
    assert of(told[0], "new")


@pytest.mark.anyio
async def test_what_happened_since_an_instant_is_told_as_it_would_have_been_then() -> None:
    scene = Scene()
    watching = Watching(scene.analyst)
    await watching.begin()
    await scene.fault("cpu_saturation", await first_of(scene, "web"))
    live = await scene.looks(watching, 60)
    later = Watching(scene.analyst)
    told = await later.begin(since_s=AT_S)
    assert [e for e in told if e.kind != "ongoing"] == live
    assert later.unusual() == watching.unusual()


@pytest.mark.anyio
async def test_what_is_unusual_when_somebody_begins_to_watch_is_told_as_ongoing() -> None:
    scene = Scene()
    target = await first_of(scene, "web")
    await scene.fault("cpu_saturation", target)
    scene.now_s += 600.0
    (event,) = [e for e in await Watching(scene.analyst).begin() if (e.server, e.metric) == (target, "latency_p95_s")]
    assert event.kind == "ongoing"
    assert AT_S < event.at_s <= AT_S + 120.0
    assert event.lasted_s == pytest.approx(scene.now_s // 15 * 15 - event.at_s, abs=1.0)


@pytest.mark.anyio
async def test_a_server_that_stops_reporting_is_silent_as_a_whole_and_back_when_it_reports() -> None:
    scene = Scene()
    watching = Watching(scene.analyst)
    await watching.begin()
    target = await first_of(scene, "api")
    await scene.fault("crash_restart", target, severity=1.0, length_s=300.0)
    events = [e for e in await scene.looks(watching, 60) if e.server == target]
    (silent,), (back,) = of(events, "silent"), of(events, "back")
    assert silent.metric == ""
    assert silent.at_s < back.at_s
    assert not watching.unusual() or all(e.kind != "silent" for e in watching.unusual())


@pytest.mark.anyio
async def test_while_the_source_is_away_nobody_is_silent_and_afterwards_nothing_is_missing() -> None:
    scene = Scene()
    watching, steady = Watching(scene.analyst), Watching(scene.analyst)
    await watching.begin()
    await steady.begin()
    await scene.fault("cpu_saturation", await first_of(scene, "web"))
    expected = await scene.looks(steady, 40)
    scene.now_s -= 600.0
    scene.source.away = True
    for _ in range(20):
        scene.now_s += 15.0
        with pytest.raises(SourceUnavailable):
            await watching.look()
    scene.source.away = False
    assert await scene.looks(watching, 20) == expected


@pytest.mark.anyio
async def test_servers_that_come_and_go_change_nothing_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openmanager_local.analyst._INVENTORY_TTL_S", -1.0)
    scene = Scene()
    watching = Watching(scene.analyst)
    await watching.begin()
    series = watching.series
    gone = await first_of(scene, "queue")
    target = await first_of(scene, "web")
    await scene.fault("cpu_saturation", target)
    began = of(await scene.looks(watching, 6), "new")
    scene.source.lost = (gone,)
    without = await scene.looks(watching, 10)
    assert watching.series < series
    assert not [e for e in without if e.server == gone]
    scene.source.lost = ()
    events = await scene.looks(watching, 10)
    assert watching.series == series
    assert not [e for e in events if e.server == gone]  # it has to be learned first
    assert [e.metric for e in began if e.server == target]
    assert {(e.server, e.metric) for e in began} <= {(e.server, e.metric) for e in watching.unusual()}


@pytest.mark.anyio
async def test_what_was_learned_is_kept_and_goes_on_in_the_next_run(tmp_path: Path) -> None:
    scene = Scene()
    file = tmp_path / "state" / "watch.npz"
    first, whole = Watching(scene.analyst, file=file), Watching(scene.analyst)
    await first.begin()
    await whole.begin()
    target = await first_of(scene, "web")
    await scene.fault("cpu_saturation", target)
    await scene.looks(whole, 20)
    scene.now_s -= 300.0
    told = await scene.looks(first, 20)
    assert of(told, "new")
    await first.keep()
    scene.now_s += 150.0
    expected = await whole.look()
    before = scene.source.values
    second = Watching(scene.analyst, file=file)
    again = await second.begin()
    assert [e for e in again if e.kind != "ongoing"] == expected
    assert {(e.server, e.metric) for e in of(told, "new")} <= {(e.server, e.metric) for e in of(again, "ongoing")}
    assert scene.source.values - before == 10 * second.series  # only what came in between was read


@pytest.mark.anyio
@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"no archive"),
        lambda path: path.write_bytes(path.read_bytes()[:4000]),
        lambda path: np.savez(path, keys=np.zeros(3, np.uint8), version=np.array(1)),
        lambda path: path.write_bytes(b""),
    ],
)
async def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    scene = Scene()
    file = tmp_path / "watch.npz"
    first = Watching(scene.analyst, file=file)
    await first.begin()
    await first.keep()
    spoil(file)
    second = Watching(scene.analyst, file=file)
    await second.begin()
    assert second.series == first.series
    await second.keep()


@pytest.mark.anyio
async def test_a_state_from_long_ago_is_learned_anew(tmp_path: Path) -> None:
    scene = Scene()
    file = tmp_path / "watch.npz"
    first = Watching(scene.analyst, file=file)
    await first.begin()
    await first.keep()
    scene.now_s += 86_400.0
    scene.source.values = 0
    await Watching(scene.analyst, file=file).begin()
    assert scene.source.values > 500 * first.series


@pytest.mark.anyio
async def test_a_quiet_fleet_has_few_events() -> None:
    scene = Scene(servers=30)
    watching = Watching(scene.analyst)
    events = await watching.begin(since_s=AT_S - 6 * 3600)
    days = 0.25 * watching.series
    assert len(of(events, "new")) / days < 0.6
