"""A disk that began to fill half an hour ago is told in time, however long the past that it is looked at in."""

from __future__ import annotations

import pytest

from openmanager_core.analysis.forecast import forecast_series
from openmanager_core.catalog import metric
from openmanager_core.panel import Window
from openmanager_core.simulator import Simulator
from openmanager_core.simulator.scenarios import scenario


@pytest.mark.parametrize(("past_s", "step_s"), [(7_200, 5), (10_800, 10), (21_600, 15), (86_400, 60)])
@pytest.mark.parametrize("moment", range(6))
def test_a_young_steady_drift_is_continued(past_s: float, step_s: float, moment: int) -> None:
    now_s = 1_795_431_000.0 + 2_220 * moment
    quiet = Simulator(30, 7)
    faults = scenario("incident", quiet.fleet(), now_s)
    host = next(fault for fault in faults if fault.kind == "disk_filling").targets[0]
    panel = quiet.with_faults(faults).read("disk_used_ratio", Window(now_s - past_s, now_s, step_s), [host])
    told = forecast_series(panel.times_s, panel.values[0], metric("disk_used_ratio"), host, 12 * 3600, 0.9)
    # It grows by 0.072 an hour from 0.474.
    assert told.crosses_at_s is not None
    assert 5.5 < (told.crosses_at_s - now_s) / 3600 < 6.4
