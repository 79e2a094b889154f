"""Tools that want the same look at the fleet at the same time share it, and nobody gets one from before a change."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import anyio
import pytest
from fleet_client import AT_S

from openmanager_core.job import Job, current_job, part
from openmanager_core.panel import Panel, Window
from openmanager_core.simulator.faults import Fault
from openmanager_core.source import SourceSettings
from openmanager_core.source.base import Source
from openmanager_core.source.simulated import SimulatedSource
from openmanager_kit.answers import Answer
from openmanager_local.analyst import Analyst
from openmanager_local.finding_tools import find_anomalies, find_root_cause
from openmanager_local.fleet_tools import fleet_overview

TOOLS: tuple[Callable[[Analyst], Awaitable[Answer]], ...] = (fleet_overview, find_anomalies, find_root_cause)


class Counting(SimulatedSource):
    """Counts what is read and can be held up."""

    gate: anyio.Event | None = None
    began: anyio.Event
    reads = 0

    async def read(self, metric: str, window: Window, hosts: Sequence[str] | None = None) -> Panel:
        self.reads += 1
        if self.gate is not None:
            self.began.set()
            await self.gate.wait()
        return await super().read(metric, window, hosts)


def analyst_over(source: Source, home: Path) -> Analyst:
    return Analyst(SourceSettings(kind="simulator", servers=12, scenario="incident"), home, lambda _: source)


def counting(at_s: float = AT_S) -> Counting:
    made = Counting.from_settings(
        SourceSettings(kind="simulator", servers=12, scenario="incident", anchor_s=AT_S), clock=lambda: at_s
    )
    assert isinstance(made, Counting)
    return made


@pytest.mark.anyio
async def test_an_overview_anomalies_and_causes_asked_for_at_once_cost_one_look(tmp_path: Path) -> None:
    source = counting()
    analyst = analyst_over(source, tmp_path)
    alone = [(await tool(analyst)).structured() for tool in TOOLS]
    each = source.reads // 3
    source.reads = 0
    together = dict[int, object]()

    async def one(number: int) -> None:
        together[number] = (await TOOLS[number % 3](analyst)).structured()

    async with anyio.create_task_group() as tasks:
        for number in range(9):
            tasks.start_soon(one, number)
    assert source.reads == each
    assert all(together[number] == alone[number % 3] for number in range(9))
    await analyst.aclose()


@pytest.mark.anyio
async def test_other_servers_sigmas_or_times_are_other_looks(tmp_path: Path) -> None:
    source = counting()
    analyst = analyst_over(source, tmp_path)
    await fleet_overview(analyst)
    each, source.reads = source.reads, 0
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fleet_overview, analyst)
        tasks.start_soon(fleet_overview, analyst, "now-2h")
        tasks.start_soon(lambda: find_anomalies(analyst, min_sigma=6.0))
    assert source.reads == 3 * each
    await analyst.aclose()


@pytest.mark.anyio
async def test_who_asks_after_a_change_gets_no_look_from_before(tmp_path: Path) -> None:
    source = counting()
    analyst = analyst_over(source, tmp_path)
    before = await fleet_overview(analyst)
    source.gate, source.began, answers = anyio.Event(), anyio.Event(), dict[str, int]()

    async def ask(when: str) -> None:
        answers[when] = (await fleet_overview(analyst)).anomalies_total

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, "before")
        await source.began.wait()
        servers = [server.id for server in (await analyst.fleet()).servers]
        source.inject(Fault("", "cpu_saturation", tuple(servers), AT_S - 900.0, math.inf, 1.0))
        analyst.forget()
        tasks.start_soon(ask, "after")
        source.gate.set()
    assert answers["after"] > before.anomalies_total
    await analyst.aclose()


@pytest.mark.anyio
async def test_who_asks_after_another_worker_injected_a_fault_gets_no_look_from_before(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    source, others = counting(), counting()
    settings = SourceSettings(kind="simulator", servers=12, scenario="incident")
    analyst, other = (
        Analyst(settings, tmp_path, lambda _, one=one: one, shared=shared)  # type: ignore[misc]
        for one in (source, others)
    )
    before = await fleet_overview(analyst)
    await other.source()
    source.gate, source.began, answers = anyio.Event(), anyio.Event(), list[int]()

    async def ask() -> None:
        answers.append((await fleet_overview(analyst)).anomalies_total)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await source.began.wait()
        reads = source.reads
        servers = [server.id for server in (await analyst.fleet()).servers]
        others.inject(Fault("", "cpu_saturation", tuple(servers), AT_S - 900.0, math.inf, 1.0))
        source.began = anyio.Event()
        tasks.start_soon(ask)
        await source.began.wait()  # a look of its own
        assert source.reads > reads
        source.gate.set()
    assert max(answers) > before.anomalies_total
    await analyst.aclose()
    await other.aclose()


@pytest.mark.anyio
async def test_everybody_who_shares_a_look_hears_its_progress_as_part_of_their_own_work(tmp_path: Path) -> None:
    analyst = analyst_over(counting(), tmp_path)
    heard: dict[str, list[float]] = {"all of it": [], "second half": []}

    async def ask(who: str, first: float) -> None:
        current_job.set(Job(lambda done, note: heard[who].append(done)))
        with part(first, 1.0):
            await fleet_overview(analyst)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, "second half", 0.5)
        tasks.start_soon(ask, "all of it", 0.0)
    assert len(heard["all of it"]) > 5
    assert [0.5 + done / 2 for done in heard["all of it"]] == pytest.approx(heard["second half"])
    await analyst.aclose()
