"""This machine as a source: real readings, bounded memory, and a thread that ends."""

from __future__ import annotations

import math
import threading
import time

import anyio
import numpy as np
import psutil
import pytest

from openmanager_core import catalog
from openmanager_core.errors import NotFound
from openmanager_core.panel import Window
from openmanager_core.source.host import HostSource
from openmanager_core.source.settings import SourceSettings

pytestmark = pytest.mark.anyio


def samplers() -> int:
    return sum(t.name == "openmanager-host" for t in threading.enumerate())


async def test_the_first_question_has_an_answer_for_every_metric_here() -> None:
    source = HostSource(interval_s=0.2)
    try:
        now = await source.now_s()
        for name in await source.metrics():
            value = (await source.latest(name, now)).values[0, 0]
            row = catalog.metric(name)
            assert math.isfinite(value), name
            assert row.low <= value <= row.high, name
    finally:
        await source.aclose()


async def test_memory_and_disk_agree_with_what_the_system_says() -> None:
    source = HostSource(interval_s=0.2)
    try:
        now = await source.now_s()
        memory = psutil.virtual_memory()
        seen = (await source.latest("memory_used_ratio", now)).values[0, 0]
        assert seen == pytest.approx(1 - memory.available / memory.total, abs=0.05)
        root = psutil.disk_usage("/")
        fullest = (await source.latest("disk_used_ratio", now)).values[0, 0]
        assert fullest >= 1 - root.free / root.total - 0.01
    finally:
        await source.aclose()


async def test_the_inventory_is_this_machine_with_its_real_size() -> None:
    source = HostSource()
    (machine,) = (await source.inventory()).servers
    assert machine.spec.cpu_cores == psutil.cpu_count()
    assert machine.spec.memory_bytes == psutil.virtual_memory().total
    assert machine.spec.disk_bytes > 0
    await source.aclose()


async def test_what_was_before_the_first_question_is_nan() -> None:
    source = HostSource(interval_s=0.2)
    try:
        now = await source.now_s()
        old = await source.read("cpu_busy_ratio", Window(now - 7200, now - 3600, 60))
        assert np.isnan(old.values).all()
        assert np.isnan((await source.read("cpu_busy_ratio", Window(now + 60, now + 120, 1))).values).all()
    finally:
        await source.aclose()


async def test_history_grows_while_it_runs_and_forgets_what_does_not_fit() -> None:
    source = HostSource(interval_s=0.02, history_s=0.1)
    try:
        await source.now_s()
        with anyio.fail_after(20):
            while source._taken < 12:  # noqa: ASYNC110 - the sampler is a thread that knows no events of ours
                await anyio.sleep(0.02)
        assert source._times.shape == (5,)
        now = await source.now_s()
        assert np.isfinite((await source.read("memory_used_ratio", Window(now - 0.02, now, 0.02))).values).any()
    finally:
        await source.aclose()


async def test_nothing_samples_before_the_first_question_nor_after_closing() -> None:
    before = samplers()
    source = HostSource(interval_s=0.2)
    await source.metrics()
    assert samplers() == before
    await source.now_s()
    assert samplers() == before + 1
    await source.aclose()
    await source.aclose()
    assert samplers() == before


async def test_another_server_or_a_metric_it_does_not_have_is_not_found() -> None:
    source = HostSource(interval_s=0.2)
    window = Window(time.time() - 60, time.time(), 1)
    with pytest.raises(NotFound, match="elsewhere"):
        await source.read("cpu_busy_ratio", window, ["elsewhere"])
    with pytest.raises(NotFound, match="no server here has queue_depth_messages"):
        await source.read("queue_depth_messages", window)
    await source.aclose()


async def test_the_start_of_the_machine_is_a_change() -> None:
    source = HostSource()
    booted = psutil.boot_time()
    (change,) = await source.changes(Window(booted - 10, booted + 10, 1))
    assert change.kind == "restart"
    assert await source.changes(Window(booted - 20, booted - 10, 1)) == ()


def test_the_interval_stays_between_one_and_two_seconds() -> None:
    assert HostSource.from_settings(SourceSettings(kind="host", tick_s=0.01))._interval_s == 1.0
    assert HostSource.from_settings(SourceSettings(kind="host", tick_s=30.0))._interval_s == 2.0
