"""Steps that count their own work become parts of the whole: progress never falls back."""

from __future__ import annotations

import anyio
import pytest

from openmanager_core.job import Job, checkpoint, current_job, offload, part


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
