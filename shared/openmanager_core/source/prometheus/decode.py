"""From the engine's JSON to numbers: samples of a range are parsed by numpy, the rest by orjson."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from openmanager_core.errors import SourceInvalid
from openmanager_core.job import checkpoint
from openmanager_core.wording import sentence

Float64 = npt.NDArray[np.float64]
_VALUES = b'"values":[['
_BATCH_BYTES = 1_000_000
_CUT = b'"values":true'


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Samples of one label set; an instant answer has one sample."""

    labels: dict[str, str]
    times_s: Float64
    values: Float64


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine said, and what it warned of."""

    data: Any
    warnings: tuple[str, ...]


def envelope(body: bytes, name: str) -> Answer:
    """Open ``{"status": "success", "data": ...}``.

    Raises
    ------
    SourceInvalid
        If it is not JSON, or not that.
    """
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise SourceInvalid(
            f"{name} answered with something that is not JSON", hint="check [source].url; is that a Prometheus API?"
        ) from None
    if not isinstance(answer, dict) or answer.get("status") != "success" or "data" not in answer:
        said = answer.get("error") if isinstance(answer, dict) else None
        why = f": {str(said)[:200]!r}" if said else ""
        raise SourceInvalid(f"{name} did not answer with success and data{why}", hint="is that a Prometheus API?")
    warnings = answer.get("warnings") or []
    kept = (
        tuple(sentence("problem.engine_warns", text=str(w)[:300]) for w in warnings[:20])
        if isinstance(warnings, list)
        else ()
    )
    if answer.get("isPartial") is True:
        kept = (*kept, sentence("problem.partial"))
    return Answer(answer["data"], kept)


def matrix(body: bytes, name: str) -> tuple[list[Series], tuple[str, ...]]:
    """Series of a range query (or of a range selector at an instant).

    The bytes ``"values":[[`` can not be part of a label: inside a JSON string their quotes are escaped. So
    the samples are cut out and handed to numpy, and orjson sees, and thereby checks, everything else.

    Raises
    ------
    SourceInvalid
        If it is anything else than a matrix of ascending times and numbers.
    """
    pieces = body.split(_VALUES)
    cut: list[bytes] = []
    kept = [pieces[0]]
    for piece in pieces[1:]:
        end = piece.find(b"]]")
        if end < 0:
            raise _not_a_matrix(name)
        cut.append(piece[:end])
        kept.append(piece[end + 2 :])
    answer = envelope(_CUT.join(kept), name)
    rows = _result(answer.data, "matrix", name)
    if not cut:
        return [_slowly(row, name) for row in rows if row.get("values")], answer.warnings
    # Native histograms carry no plain values, and a series without samples says nothing.
    named = [_labels(row, name) for row in rows if row.get("values") is True]
    if len(named) != len(cut):
        raise _not_a_matrix(name)
    return [Series(labels, t, v) for labels, (t, v) in zip(named, _samples(cut, name), strict=True)], answer.warnings


def vector(body: bytes, name: str) -> tuple[list[tuple[dict[str, str], float]], tuple[str, ...]]:
    """Label sets and values of an instant query; ``nan`` and infinities as they are.

    Raises
    ------
    SourceInvalid
        If it is anything else than a vector.
    """
    answer = envelope(body, name)
    found: list[tuple[dict[str, str], float]] = []
    for row in _result(answer.data, "vector", name):
        if "value" not in row:
            continue
        try:
            _, text = row["value"]
            found.append((_labels(row, name), float(text)))
        except (TypeError, ValueError):
            raise SourceInvalid(f"{name} answered with a sample that is not a number") from None
    return found, answer.warnings


def texts(body: bytes, name: str) -> tuple[list[str], tuple[str, ...]]:
    """A list of strings, as label values are."""
    answer = envelope(body, name)
    if not isinstance(answer.data, list):
        raise SourceInvalid(f"{name} did not answer with a list of names")
    return [x for x in answer.data if isinstance(x, str)], answer.warnings


def label_sets(body: bytes, name: str) -> tuple[list[dict[str, str]], tuple[str, ...]]:
    """A list of label sets, as series are."""
    answer = envelope(body, name)
    if not isinstance(answer.data, list):
        raise SourceInvalid(f"{name} did not answer with a list of series")
    return [_labels({"metric": x}, name) for x in answer.data], answer.warnings


def _result(data: Any, kind: str, name: str) -> list[dict[str, Any]]:
    if not isinstance(data, dict) or data.get("resultType") != kind or not isinstance(data.get("result"), list):
        said = data.get("resultType") if isinstance(data, dict) else type(data).__name__
        raise SourceInvalid(f"{name} answered with {str(said)[:40]!r} where a {kind} was expected")
    rows: list[dict[str, Any]] = data["result"]
    if not all(isinstance(row, dict) for row in rows):
        raise SourceInvalid(f"{name} answered with rows that are no series")
    return rows


def _labels(row: dict[str, Any], name: str) -> dict[str, str]:
    labels = row.get("metric")
    if not isinstance(labels, dict) or not all(isinstance(v, str) for v in labels.values()):
        raise SourceInvalid(f"{name} answered with labels that are no text")
    return labels


def _samples(cut: list[bytes], name: str) -> Iterator[tuple[Float64, Float64]]:
    """Each ``1.5,"2"],[3,"4"`` as times and values; numpy parses many of them in one call."""
    counts = [piece.count(b"],[") + 1 for piece in cut]
    if any(piece.count(b",") != 2 * n - 1 for piece, n in zip(cut, counts, strict=True)):
        raise _not_a_matrix(name)
    numbers = np.concatenate([_numbers(some, name) for some in _batches(cut)])
    if len(numbers) != 2 * sum(counts):
        raise _not_a_matrix(name)
    end = 0
    for n in counts:
        start, end = end, end + 2 * n
        times, values = numbers[start:end:2], numbers[start + 1 : end : 2]
        _ascending(times, name)
        yield times, values


def _batches(cut: list[bytes]) -> Iterator[list[bytes]]:
    """Runs of pieces of about a megabyte: numpy does not let other threads run while it parses."""
    some: list[bytes] = []
    size = 0
    for piece in cut:
        some.append(piece)
        size += len(piece)
        if size > _BATCH_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def _numbers(cut: list[bytes], name: str) -> Float64:
    checkpoint()
    try:
        return np.fromstring(b",".join(cut).translate(None, b'[]"'), dtype=np.float64, sep=",")
    except (ValueError, DeprecationWarning):
        raise _not_a_matrix(name) from None


def _ascending(times: Float64, name: str) -> None:
    if not np.isfinite(times).all() or (np.diff(times) < 0).any():
        raise SourceInvalid(f"{name} answered with times that run backwards")


def _slowly(row: dict[str, Any], name: str) -> Series:
    """The same for JSON that somebody laid out with spaces."""
    try:
        times = np.array([float(t) for t, _ in row["values"]])
        values = np.array([float(v) for _, v in row["values"]])
    except (TypeError, ValueError):
        raise _not_a_matrix(name) from None
    _ascending(times, name)
    return Series(_labels(row, name), times, values)


def _not_a_matrix(name: str) -> SourceInvalid:
    return SourceInvalid(f"{name} answered with samples that are no pairs of time and number")
