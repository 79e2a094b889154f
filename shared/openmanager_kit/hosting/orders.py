"""What the supervisor tells a worker: one line of JSON on its standard input, which then stays open as a life line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Orders:
    """What one worker needs to know.

    Attributes
    ----------
    config, flags
        The profile's name or path, and what was typed for single settings.
    socket, beat
        Descriptors: of the listening socket, and of the pipe that the worker writes a sign of life to.
    number, workers
        Of this worker, from 0, and how many there are.
    starts
        How often this worker has been started.
    state_key
        Hexadecimal; seals what one worker hands to a client and another may get back.
    shared
        Folder that all workers have; it is gone with the service. Empty: none.
    """

    config: str
    flags: Mapping[str, Any] = field(default_factory=dict)
    socket: int = -1
    beat: int = -1
    number: int = 0
    workers: int = 1
    starts: int = 1
    state_key: str = ""
    shared: str = ""

    def line(self) -> bytes:
        """Write them down."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> Orders:
        """Read what `line` wrote."""
        return cls(**json.loads(line))
