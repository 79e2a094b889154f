"""Rows of the Ledger to values and back; what is read is what was written, or `Damaged`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from openmanager_core import facts
from openmanager_core.errors import InvalidRequest
from openmanager_core.findings import Cause, Evidence, Finding
from openmanager_core.job import offload
from openmanager_core.storage.failures import Damaged
from openmanager_core.storage.incident import IncidentEvent
from openmanager_core.text import quoted

MAX_NAME = 1_000
MAX_NOTE = 4_000
MAX_SUMMARY = 2_000
_SMALL = 200

T = TypeVar("T")


async def apart(size: int, work: Callable[[], T]) -> T:
    """Do small work here and large work (more than a few hundred rows) in a thread, so that nobody waits for it."""
    return work() if size <= _SMALL else await offload(work)


def storable(text: str) -> str:
    """The text with what SQLite can not hold or compare written out: lone surrogates and NUL."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\x00", "\\x00")


def bounded(name: str, text: str, most: int = MAX_NAME) -> str:
    """The text, storable, if it is not too long.

    Raises
    ------
    InvalidRequest
        If it is longer than `most` characters.
    """
    if len(text) > most:
        raise InvalidRequest(
            f"{name} may have at most {most} characters, got {len(text)}: {quoted(text, 40)}", hint="shorten it"
        )
    return storable(text)


def finite(name: str, value: float) -> float:
    """The number, if it is one.

    Raises
    ------
    InvalidRequest
        If it is nan or infinite.
    """
    if not math.isfinite(value):
        raise InvalidRequest(f"{name} must be finite, got {value}", hint="Unix seconds")
    return float(value)


def dump(value: Any) -> str:
    """JSON in ASCII: lone surrogates and nan in what a source said survive the way there and back."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def load(doc: str) -> Any:
    """What `dump` wrote."""
    try:
        return json.loads(doc)
    except (ValueError, TypeError) as exc:
        raise Damaged("a row holds no JSON") from exc


def check_finding(finding: Finding) -> Finding:
    """The finding, with its sentences bounded, if it can be stored.

    Raises
    ------
    InvalidRequest
        If a time is not finite, it ends before it starts, or a name is too long.
    """
    finite("finding start_s", finding.start_s)
    if finding.end_s is not None and finite("finding end_s", finding.end_s) < finding.start_s:
        raise InvalidRequest(f"finding end_s must not lie before start_s {finding.start_s}, got {finding.end_s}")
    for name in ("host", "cluster", "metric"):
        bounded(f"finding {name}", getattr(finding, name))
    return finding


def finding_doc(finding: Finding) -> str:
    """A finding as text."""
    doc = asdict(finding)
    doc["summary"] = doc["summary"][:MAX_SUMMARY]
    doc["evidence"]["note"] = doc["evidence"]["note"][:MAX_SUMMARY]
    doc["evidence"]["how"] = None if finding.evidence.how is None else finding.evidence.how.as_data()
    return dump(doc)


def read_finding(doc: str) -> Finding:
    """A finding from its text."""
    raw = load(doc)
    try:
        evidence = raw.pop("evidence")
        for name in ("window_s", "baseline_window_s"):
            evidence[name] = tuple(evidence[name])
        if evidence.get("how") is not None:
            evidence["how"] = facts.read(evidence["how"])
        return Finding(**raw, evidence=Evidence(**evidence))
    except (AttributeError, KeyError, TypeError) as exc:
        raise Damaged("a row holds no finding") from exc


def event_doc(event: IncidentEvent) -> str:
    """An event as text, without its instant, which has a column."""
    doc = asdict(event)
    del doc["at_s"]
    return dump(doc)


def read_event(at_s: float, doc: str) -> IncidentEvent:
    """An event from its row."""
    raw = load(doc)
    try:
        raw["finding_ids"] = tuple(raw["finding_ids"])
        return IncidentEvent(at_s=at_s, **raw)
    except (KeyError, TypeError) as exc:
        raise Damaged("a row holds no event") from exc


def causes_doc(causes: Sequence[Cause]) -> str:
    """Causes as text."""
    return dump([_cause_data(cause) for cause in causes])


def _cause_data(cause: Cause) -> dict[str, Any]:
    change = cause.change_fact
    said = {"facts": [f.as_data() for f in cause.facts], "change_fact": None if change is None else change.as_data()}
    return {**asdict(cause), **said}


def _cause(raw: dict[str, Any]) -> Cause:
    """A cause from its data; those of older versions hold no facts."""
    change = raw.get("change_fact")
    made: dict[str, Any] = {
        "explains": tuple(raw["explains"]),
        "evidence": tuple(raw["evidence"]),
        "facts": tuple(facts.read(f) for f in raw.get("facts", ())),
        "change_fact": None if change is None else facts.read(change),
    }
    return Cause(**{**raw, **made})


def read_causes(doc: str) -> tuple[Cause, ...]:
    """Causes from their text."""
    try:
        return tuple(_cause(raw) for raw in load(doc))
    except (AttributeError, KeyError, TypeError) as exc:
        raise Damaged("a row holds no causes") from exc
