"""What watching has learned, in one file of plain arrays: a damaged or foreign one is as good as none."""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from openmanager_core.analysis.ticking import Ticker
from openmanager_core.errors import InvalidRequest, StorageUnavailable
from openmanager_core.files import written

_log = logging.getLogger(__name__)
_MOST_BYTES = 1 << 30

Key = tuple[str, str]
"""Metric and server."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A state, the series that it is of, and until when it saw."""

    keys: tuple[Key, ...]
    state: dict[str, npt.NDArray[Any]]
    time_s: float


def file_name(fleet: str, *what: object) -> str:
    """One file for what is watched of one fleet."""
    digest = hashlib.blake2b(repr((fleet, *what)).encode(), digest_size=6).hexdigest()
    return f"watch-{digest}.npz"


def keep(path: Path, keys: Sequence[Key], state: dict[str, npt.NDArray[Any]]) -> None:
    """Write it down, whole or not at all.

    Raises
    ------
    StorageUnavailable
        If it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StorageUnavailable(f"cannot make {path.parent.name}: {exc.strerror or exc}", hint="set --home") from exc
    arrays: dict[str, Any] = {**state, "keys": np.frombuffer(json.dumps(list(keys)).encode(), np.uint8)}
    with written(path) as file:
        np.savez(file, **arrays)


def kept(path: Path) -> Kept | None:
    """Read it back; None if there is none that can be used."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return None
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            state = {name: file[name] for name in file.files}
        keys = tuple((str(name), str(host)) for name, host in json.loads(state.pop("keys").tobytes()))
        trial = Ticker(len(keys))
        trial.restore(state)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, InvalidRequest) as exc:
        _log.warning("what watching had learned cannot be read and is learned anew: %s", exc)
        return None
    return Kept(keys, state, trial.time_s) if np.isfinite(trial.time_s) else None
