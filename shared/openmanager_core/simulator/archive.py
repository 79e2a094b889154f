"""A window of the simulated fleet as one NumPy archive: the same arguments give the same bytes."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from openmanager_core import catalog
from openmanager_core.errors import InvalidRequest
from openmanager_core.files import written
from openmanager_core.panel import Window
from openmanager_core.simulator.engine import Simulator
from openmanager_core.simulator.faults import ground_truth

MAX_VALUES = 400_000_000
"""Most values of one metric an archive may hold: 1.6 GB."""
_TOGETHER = 25_000_000


def write_archive(path: Path, simulator: Simulator, window: Window) -> None:
    """Write the screened metrics of every server over a window, with the ground truth.

    Arrays: ``cpu`` (per cent, 0 to 100) and the other metrics of `catalog.SCREENED` under their own names and units,
    each float32 of shape ``(n_servers, n_times)``, ``nan`` where a server was down; ``times_s``; ``servers``,
    ``clusters`` (names); ``cluster`` (a row of ``clusters`` per server); ``incidents`` (JSON: the list that
    `faults.ground_truth` makes).

    Raises
    ------
    InvalidRequest
        If there would be more than `MAX_VALUES` values per metric.
    StorageUnavailable
        If the file cannot be written.
    """
    fleet = simulator.fleet()
    values = len(fleet.servers) * window.n_times
    if values > MAX_VALUES:
        raise InvalidRequest(
            f"{len(fleet.servers)} servers x {window.n_times} instants are {values} values a metric, "
            f"the most is {MAX_VALUES}",
            hint="write fewer hours, a larger step or fewer servers",
        )
    of = {c.id: i for i, c in enumerate(fleet.clusters)}
    groups = [catalog.SCREENED] if values <= _TOGETHER else [(m,) for m in catalog.SCREENED]
    with written(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:

        def add(name: str, array: npt.NDArray[Any]) -> None:
            # no clock, no host: the entry's header is the same everywhere
            entry = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            with archive.open(entry, "w", force_zip64=True) as out:
                np.lib.format.write_array(out, np.asarray(array, order="C"), version=(1, 0), allow_pickle=False)

        for group in groups:
            panels = simulator.read_many(group, window)
            for name in group:
                found = panels.pop(name).values
                if name == "cpu_busy_ratio":
                    name, found = "cpu", found * np.float32(100)
                add(name, found)
        add("cluster", np.array([of[s.cluster] for s in fleet.servers], np.int32))
        add("clusters", np.array([c.id for c in fleet.clusters]))
        add("servers", np.array([s.id for s in fleet.servers]))
        add("times_s", window.times_s())
        add("incidents", np.array(json.dumps(ground_truth(simulator.faults, fleet), sort_keys=True, allow_nan=False)))
