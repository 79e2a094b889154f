"""Which worker of a service a process is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Crew:
    """One of several workers.

    Attributes
    ----------
    folder
        One that all workers have; it is gone with the service.
    number, workers
        This one, from 0, and how many there are.
    """

    folder: Path
    number: int
    workers: int
