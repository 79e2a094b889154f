"""Reads public labelled data sets from the folders that their authors publish, wherever below one folder they lie.

Known layouts: the Numenta Anomaly Benchmark (``labels/combined_windows.json`` beside ``data/``), Microsoft's
cloud-monitoring-dataset (CSV files with TimeStamp, Value and Label), the machines of InterFusion
(``processed/*_train.pkl``) and OmniAnomaly (``ServerMachineDataset``), the services of JumpStarter (``Dataset2``,
``Dataset3``), PetShop (``low_traffic``). Also `.npz` files with ``name|t``, ``name|v``, ``name|y``, or with ``train``,
``test``, ``label`` and ``why``. Nothing is downloaded, and pickles are read as arrays or not at all.
"""

from __future__ import annotations

import csv
import json
import math
import pickle
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_PROBATION = 0.15
_PROBATION_ROWS = 5000
_NUMPY_PARTS = {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}
_REBUILD = ("_reconstruct", "scalar")


@dataclass(frozen=True, slots=True)
class Labelled:
    """One series with its anomaly windows as (first row, last row), both inside."""

    name: str
    times_s: Float
    values: Float
    windows: tuple[tuple[int, int], ...]

    @property
    def probation(self) -> int:
        """Rows at the start that are not scored: 15 % of the file, of its first 5,000 rows at most."""
        return math.ceil(min(math.floor(_PROBATION * len(self.values)), _PROBATION * _PROBATION_ROWS))


@dataclass(frozen=True, slots=True)
class Machine:
    """One server or service: ordinary rows, rows to judge, which of these are anomalous, and whom experts blame."""

    group: str
    name: str
    train: Float
    test: Float
    label: Flags
    blamed: tuple[tuple[int, int, frozenset[int]], ...]


def runs(mask: Flags) -> list[tuple[int, int]]:
    """(first, last) of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    return [(int(a), int(b) - 1) for a, b in edges.reshape(-1, 2)]


def seconds(text: str) -> float:
    """Unix seconds of an ISO 8601 time; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def below(root: Path, pattern: str) -> list[Path]:
    """What matches at `root` or below it, sorted."""
    return sorted(set(root.glob(pattern)) | set(root.rglob(pattern)))


def read_nab(folder: Path, names: Iterable[str] | None = None) -> list[Labelled]:
    """Every labelled file of the corpus that is there, or those named."""
    windows = json.loads((folder / "labels" / "combined_windows.json").read_text(encoding="utf-8"))
    wanted = sorted(windows) if names is None else sorted(set(names))
    return [_nab(folder, name, windows[name]) for name in wanted if (folder / "data" / name).exists()]


def _nab(folder: Path, name: str, windows: Sequence[Sequence[str]]) -> Labelled:
    times, values = [], []
    with (folder / "data" / name).open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            times.append(seconds(row["timestamp"]))
            values.append(float(row["value"]))
    first: dict[float, int] = {}
    for i, at in enumerate(times):
        first.setdefault(at, i)
    rows = tuple(sorted((first[seconds(a)], first[seconds(b)]) for a, b in windows))
    return Labelled(name, np.array(times), np.array(values), rows)


def all_nab(root: Path) -> list[Labelled]:
    """The benchmark's series, from the first folder that holds it."""
    for labels in below(root, "labels/combined_windows.json"):
        if found := read_nab(labels.parent.parent):
            return found
    return []


def all_microsoft(root: Path) -> list[Labelled]:
    """Series of the cloud-monitoring-dataset: from its repository, else from an `.npz` of them."""
    found = []
    for about in below(root, "*.csv-metadata.json"):
        path = about.with_name(about.name.removesuffix("-metadata.json"))
        if path.exists():
            found.append(_microsoft(path))
    if found:
        return found
    for path in below(root, "*.npz"):
        with np.load(path) as arrays:
            for name in sorted({key.split("|")[0] for key in arrays.files if "|" in key}):
                flagged = arrays[f"{name}|y"] > 0
                times, values = (np.asarray(arrays[f"{name}|{part}"], float) for part in "tv")
                found.append(Labelled(name, times, values, tuple(runs(flagged))))
    return found


def _microsoft(path: Path) -> Labelled:
    times, values, flagged = [], [], []
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            times.append(seconds(row["TimeStamp"]))
            values.append(float(row["Value"] or "nan"))
            flagged.append(float(row["Label"] or 0) > 0)
    return Labelled(
        f"{path.parent.name}/{path.name}", np.array(times), np.array(values), tuple(runs(np.array(flagged)))
    )


def all_machines(root: Path) -> Iterator[Machine]:
    """Every machine and service below `root`, one at a time."""
    for path in below(root, "*.npz"):
        with np.load(path) as arrays:
            if {"train", "test", "label"} <= set(arrays.files):
                why = str(arrays["why"]) if "why" in arrays.files else ""
                tables = (np.asarray(arrays[part], float) for part in ("train", "test"))
                yield Machine(path.stem.split("_")[0], path.stem, *tables, arrays["label"] > 0, blamed_in(why))
    for path in below(root, "processed/*_train.pkl"):
        name = path.name.removesuffix("_train.pkl")
        others = [path.with_name(f"{name}_{part}.pkl") for part in ("test", "test_label")]
        if all(p.exists() for p in others):
            group = "smd" if name.startswith("machine") else "asd" if name.startswith("omi") else name.split("-")[0]
            why = path.parent.parent / "interpretation_label" / f"{name}.txt"
            train, test, label = (read_pickled_array(p) for p in (path, *others))
            yield Machine(group, name, train, test, label.ravel() > 0, _blamed(why))
    for path in below(root, "ServerMachineDataset/train/*.txt"):
        base = path.parent.parent
        test, label = (base / part / path.name for part in ("test", "test_label"))
        if test.exists() and label.exists():
            tables = (np.loadtxt(p, delimiter=",", ndmin=2) for p in (path, test))
            flagged = np.loadtxt(label, ndmin=1) > 0
            yield Machine("smd", path.stem, *tables, flagged, _blamed(base / "interpretation_label" / path.name))
    for path in below(root, "Dataset[0-9]/train/service*.csv"):
        base = path.parent.parent
        test, label = (base / part / path.name for part in ("test", "test_label"))
        if test.exists() and label.exists():
            tables = (np.loadtxt(p, delimiter=",", ndmin=2) for p in (path, test))
            group = f"js{base.name[-1]}"
            yield Machine(group, f"{group}_{path.stem}", *tables, np.loadtxt(label, ndmin=1) > 0, ())


def petshop_folder(root: Path) -> Path | None:
    """The folder that holds PetShop's scenarios."""
    found = below(root, "low_traffic/noissue/metrics.csv")
    return found[0].parents[2] if found else None


def blamed_in(text: str) -> tuple[tuple[int, int, frozenset[int]], ...]:
    """Lines ``first-last:metric,metric`` (metrics count from 1) as rows and metrics that count from 0."""
    found = re.findall(r"^(\d+)-(\d+):([\d, ]+)$", text, re.MULTILINE)
    return tuple((int(a), int(b), frozenset(int(m) - 1 for m in who.split(",") if m.strip())) for a, b, who in found)


def _blamed(path: Path) -> tuple[tuple[int, int, frozenset[int]], ...]:
    return blamed_in(path.read_text(encoding="utf-8")) if path.exists() else ()


class _ArraysOnly(pickle.Unpickler):
    """Rebuilds arrays and refuses everything else: a pickle may name any function."""

    def find_class(self, module: str, name: str) -> object:
        ours = module in ("numpy.core.multiarray", "numpy._core.multiarray") and name in _REBUILD
        if not ours and (module, name) not in _NUMPY_PARTS:
            raise pickle.UnpicklingError(f"the file names {module}.{name}: it holds more than an array")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def read_pickled_array(path: Path) -> Float:
    """The array in a pickle that holds nothing else."""
    with path.open("rb") as stream:
        loaded = _ArraysOnly(stream).load()
    if not isinstance(loaded, np.ndarray):
        raise pickle.UnpicklingError(f"{path.name} holds a {type(loaded).__name__}, not an array")
    return np.asarray(loaded, dtype=np.float64)
