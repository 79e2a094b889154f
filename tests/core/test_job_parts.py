"""Steps that count their own work become parts of the whole: progress never falls back."""

from __future__ import annotations

from types import SimpleNamespace

import anyio
import pytest

from openmanager_core import job
from openmanager_core.job import Job, checkpoint, current_job, offload, part, work_for


def step() -> None:
    for done in (0.0, 0.5, 1.0):
        checkpoint(done, "step")
    checkpoint()


@pytest.mark.anyio
async def test_parts_nest_reach_threads_and_tasks_and_end_with_their_block() -> None:
    heard: list[float] = []
    token = current_job.set(Job(lambda done, note: heard.append(round(done, 6))))
    try:
        with part(0.0, 0.5):
            await offload(step)
            with part(0.5, 1.0):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(offload, step)
        checkpoint(0.6, "after")
        with pytest.raises(ValueError, match="failed"), part(0.9, 1.0):
            raise ValueError("failed")
        checkpoint(2.0, "end")
    finally:
        current_job.reset(token)
    assert heard == [0.0, 0.25, 0.5, 0.25, 0.375, 0.5, 0.6, 1.0]


@pytest.mark.anyio
async def test_a_patient_job_rests_in_its_threads_in_proportion_and_never_on_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s, rests, patience = 100.0, list[float](), 4.0

    def sleep(seconds: float) -> None:
        nonlocal now_s
        rests.append(seconds)
        now_s += seconds

    def compute() -> None:
        nonlocal now_s, patience
        checkpoint(0.1)  # how long it has been at it is not known yet
        for seconds in (0.001, 0.0005, 0.01, 5.0):
            now_s += seconds
            checkpoint(0.2)
        patience = 0.0
        now_s += 5.0
        checkpoint(0.3)

    monkeypatch.setattr(job, "time", SimpleNamespace(perf_counter=lambda: now_s, sleep=sleep))
    work_for(Job(patience=lambda: patience))
    checkpoint(0.0)
    assert rests == []
    await offload(compute)
    assert rests == [pytest.approx(0.046), 0.1]
